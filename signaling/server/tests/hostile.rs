//! What endpoints that misbehave experience, and that nobody else does.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;

use doorway_proto::signaling::{MAX_FRAME_BYTES, Refusal, ToStation};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use support::{House, StoppedClock, client_hello, id, ring, station_message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

#[tokio::test]
async fn what_is_no_message_closes_its_sender_and_nobody_else() {
    let house = House::new();
    let mut door = house.local_station("door").await;
    let mut hall = house.client("hall").await;
    let deep = format!("{{\"type\":\"signal\",\"to\":{}", "[".repeat(60_000));
    let just_too_large = format!("{{\"type\":\"ping\"}}{}", " ".repeat(MAX_FRAME_BYTES));
    let far_too_large = "x".repeat(20 * MAX_FRAME_BYTES);
    let bad_utf8 = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    let reserved = Frame::message(vec![1], OpCode::Data(Data::Reserved(3)), true);
    for (what, nonsense) in [
        ("garbage", Message::text("<xml/>")),
        ("an unknown type", Message::text(r#"{"type":"open_sesame"}"#)),
        ("an unknown field", Message::text(r#"{"type":"ping","twice":true}"#)),
        ("deep nesting", Message::text(deep)),
        ("a second hello", Message::text(client_hello("kitchen").to_string())),
        ("a frame that is a little too large", Message::text(just_too_large)),
        ("a frame that is far too large", Message::text(far_too_large)),
        ("a binary frame", Message::binary(br#"{"type":"ping"}"#.to_vec())),
        ("no UTF-8", Message::Frame(bad_utf8)),
        ("a reserved frame", Message::Frame(reserved)),
    ] {
        let mut kitchen = house.client("kitchen").await;
        // Most of a frame that is far too large is never read: the connection may break while it is written.
        let _sent_or_cut_off = kitchen.socket.send(nonsense).await;
        assert_eq!(kitchen.expect_refusal().await, Refusal::Malformed, "{what}");
    }
    hall.say(json!({"type": "ping"})).await;
    assert_eq!(hall.hears().await, json!({"type": "pong"}));
    let mut seen = Vec::new();
    while seen.len() < 21 {
        seen.push(door.receive().await.unwrap());
    }
    assert!(!seen.iter().any(|message| matches!(message, ToStation::Refused { .. })));
    drop((door, hall));
    house.end().await;
}

#[tokio::test]
async fn a_first_frame_that_is_no_hello_expect_refusal() {
    let house = House::new();
    for first in [r#"{"type":"ping"}"#, "", r#"{"type":"hello"}"#] {
        let mut endpoint = house.connect().await;
        endpoint.send(Message::text(first)).await;
        assert_eq!(endpoint.expect_refusal().await, Refusal::Malformed);
    }
    let mut binary = house.connect().await;
    binary.send(Message::binary(client_hello("kitchen").to_string().into_bytes())).await;
    assert_eq!(binary.expect_refusal().await, Refusal::Malformed);
    house.end().await;
}

#[tokio::test]
async fn who_sends_too_fast_is_closed_pings_of_the_protocol_included() {
    let house = House::new();
    for flood in [Message::text(r#"{"type":"ping"}"#), Message::Ping(b"x".as_slice().into())] {
        let mut kitchen = house.client("kitchen").await;
        for _ in 0..200 {
            kitchen.send(flood.clone()).await;
        }
        assert_eq!(kitchen.expect_refusal().await, Refusal::TooFast);
    }
    house.end().await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_while_others_receive() {
    let house = House::with(|settings| settings.queue_bytes = 300_000);
    let mut door = house.local_station("door").await;
    let mut hall = house.client("hall").await;
    let stuck = house.client("stuck").await;
    for _ in 0..2 {
        assert!(matches!(door.receive().await, Some(ToStation::ClientHere { .. })));
    }
    let mut rounds = 0;
    let gone = loop {
        rounds += 1;
        assert!(rounds < 1000, "60 MB wait for a client that reads nothing");
        door.send(station_message(ring("stuck", &"x".repeat(60_000))));
        door.send(station_message(ring("hall", "v=0")));
        assert_eq!(hall.hears().await["signal"]["offer"], "v=0");
        tokio::select! {
            biased;
            message = door.receive() => break message.unwrap(),
            () = tokio::task::yield_now() => {}
        }
    };
    assert_eq!(gone, ToStation::ClientGone { id: id("stuck") });
    door.send(station_message(ring("stuck", "v=0")));
    assert_eq!(door.receive().await, Some(ToStation::Undeliverable { to: id("stuck") }));
    drop((door, hall, stuck));
    house.end().await;
}

#[tokio::test]
async fn who_says_no_hello_in_time_is_closed() {
    let house = House::new();
    let silent = house.connect().await;
    tokio::time::pause();
    let before = Instant::now();
    assert_eq!(silent.expect_refusal().await, Refusal::TooSlow);
    assert!(before.elapsed() > Duration::from_secs(4) && before.elapsed() < Duration::from_secs(7));
    house.end().await;
}

#[tokio::test]
async fn who_gives_no_sign_of_life_is_gone_after_two_pings_missed() {
    let house = House::new();
    let mut door = house.local_station("door").await;
    let mut dead = house.client("dead").await;
    let mut alive = house.client("alive").await;
    for _ in 0..2 {
        assert!(matches!(door.receive().await, Some(ToStation::ClientHere { .. })));
    }
    let clock = StoppedClock::new();
    for _ in 0..3 {
        clock.advance(15).await;
        match alive.socket.next().await {
            Some(Ok(Message::Ping(_))) => {}
            other => panic!("no ping but {other:?}"),
        }
        // The answer is written when the socket is next used.
        alive.say(json!({"type": "ping"})).await;
        assert_eq!(alive.hears().await, json!({"type": "pong"}));
    }
    assert_eq!(door.receive().await, Some(ToStation::ClientGone { id: id("dead") }));
    let mut pings = 0;
    while let Some(Ok(Message::Ping(_))) = dead.socket.next().await {
        pings += 1;
    }
    assert_eq!(pings, 2);
    drop((clock, door, alive));
    house.end().await;
}

#[tokio::test]
async fn a_ghost_of_a_crash_is_found_out_in_seconds() {
    let house = House::new();
    let ghost = house.station("door").await;
    let mut alive = house.station("side-door").await;
    let takes = async |name: &str| {
        let mut hello = support::station_hello(name);
        hello["resume"] = json!("after a restart");
        let mut endpoint = house.connect().await;
        endpoint.say(hello).await;
        endpoint
    };
    assert_eq!(takes("door").await.expect_refusal().await, Refusal::IdTaken);
    assert_eq!(takes("side-door").await.expect_refusal().await, Refusal::IdTaken);
    assert!(matches!(alive.socket.next().await, Some(Ok(Message::Ping(_)))));
    alive.say(json!({"type": "ping"})).await;
    assert_eq!(alive.hears().await, json!({"type": "pong"}));
    let clock = StoppedClock::new();
    clock.advance(3).await;
    let mut sees = house.client("sees").await;
    while house.handle.status().counts.stations == 2 {
        sees.say(json!({"type": "ping"})).await;
        sees.hears().await;
    }
    drop(clock);
    assert_eq!(takes("door").await.hears().await["type"], "welcome");
    assert_eq!(takes("side-door").await.expect_refusal().await, Refusal::IdTaken);
    drop((ghost, alive, sees));
    house.end().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let house = House::new();
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await.unwrap();
    while house.handle.status().sockets == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    tokio::time::resume();
    let mut endless = TcpStream::connect(house.address).await.unwrap();
    let _sent_or_cut_off = endless.write_all(&b"x".repeat(1024 * 1024)).await;
    let _answered_or_reset = endless.read_to_end(&mut answer).await;
    house.end().await;
}

#[tokio::test]
async fn a_port_that_is_taken_and_an_open_address_without_secret_are_refused_with_a_remedy() {
    use doorway_signaling::{BindError, Companion, Settings};
    let house = House::new();
    let with = |listen: SocketAddr| Companion::new(Settings { listen, ..Settings::default() });
    let mut second = with(house.address).unwrap();
    let taken = second.listen().unwrap_err();
    assert!(matches!(taken, BindError::PortTaken { .. }));
    assert!(taken.to_string().contains(&house.address.to_string()) && taken.to_string().contains("another port"));
    assert_eq!(second.handle().trouble(), Some(taken.to_string()));
    let open = with("0.0.0.0:0".parse().unwrap()).err().unwrap().to_string();
    assert!(open.contains("set a secret"), "{open}");
    house.end().await;
}
