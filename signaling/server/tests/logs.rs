//! What the log says about people: nothing.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use doorway_proto::signaling::ToStation;
use doorway_signaling::Secret;
use serde_json::json;
use support::{House, client_hello, ring, station_message};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Log {
    type Writer = Self;

    fn make_writer(&'l self) -> Self {
        self.clone()
    }
}

/// Endpoints come, are refused, ring, and leave; the ports that they used.
async fn day() -> Vec<u16> {
    let house = House::with(|settings| settings.secret = Some(Secret::new("correct horse").unwrap()));
    let mut door = house.local_station("door").await;
    let mut kitchen = house.connect().await;
    let mut hello = client_hello("kitchen");
    hello["secret"] = json!("correct horse");
    kitchen.say(hello.clone()).await;
    kitchen.hears().await;
    assert!(matches!(door.receive().await, Some(ToStation::ClientHere { .. })));
    door.send(station_message(ring("kitchen", "v=0 fingerprint candidate 192.0.2.7")));
    kitchen.hears().await;
    let mut ports = vec![kitchen.port()];

    for wrong in [json!("battery staple"), json!(["battery staple"]), json!(null)] {
        hello["secret"] = wrong;
        let mut refused = house.connect().await;
        refused.say(hello.clone()).await;
        ports.push(refused.port());
        refused.expect_refusal().await;
    }
    kitchen.say(json!({"type": "signal", "to": "door", "signal": {"type": "answer", "sdp": "v=0 fingerprint"}})).await;
    kitchen.expect_refusal().await;
    drop(door);
    house.end().await;
    ports
}

#[tokio::test]
async fn the_log_names_no_secret_no_session_no_person_and_no_address() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_writer(log.clone()).with_max_level(Level::INFO).with_ansi(false).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let ports = day().await;
    drop(guard);
    let text = log.text();
    assert!(text.contains("the companion listens") && text.contains("a station came or left"), "{text}");
    for private in
        ["correct horse", "battery staple", "v=0", "fingerprint", "192.0.2.7", "kitchen", "tablet", "resume-"]
    {
        assert!(!text.contains(private), "{private} is in the log: {text}");
    }
    for port in ports {
        assert!(!text.contains(&format!(":{port}")), "an address is in the log: {text}");
    }
}

#[tokio::test]
async fn not_even_the_debug_log_names_a_secret_or_a_session() {
    let log = Log::default();
    let ours = tracing_subscriber::filter::EnvFilter::new("doorway_signaling=trace,doorway_proto=trace");
    let subscriber = tracing_subscriber::fmt().with_env_filter(ours).with_writer(log.clone()).with_ansi(false).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    day().await;
    drop(guard);
    let text = log.text();
    assert!(text.contains("an endpoint is refused"), "{text}");
    for private in ["correct horse", "battery staple", "v=0", "fingerprint", "tablet", "resume-"] {
        assert!(!text.contains(private), "{private} is in the log: {text}");
    }
}
