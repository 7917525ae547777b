//! What a hostile host on the network can't take from the household, over real sockets. Each address of loopback stands
//! for a host; the first is this machine.

#![allow(clippy::unwrap_used)]

mod support;

use doorway_proto::rooms::Limits;
use doorway_proto::signaling::{Refusal, ToStation};
use doorway_signaling::{Claim, Secret};
use futures_util::SinkExt;
use serde_json::{Value, json};
use support::{Endpoint, House, client_hello, https, id, ring, station_hello};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

const SECRET: &str = "correct horse battery";
const HOSTILE: u8 = 66;
const PHONE: u8 = 7;

fn with_secret(client: &str, secret: &str) -> Value {
    let mut hello = client_hello(client);
    hello["secret"] = json!(secret);
    hello
}

async fn enters(mut endpoint: Endpoint, hello: Value) -> Endpoint {
    endpoint.say(hello).await;
    assert_eq!(endpoint.hears().await["type"], "welcome");
    endpoint
}

/// What comes until the connection ends.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _closed_or_reset = stream.read_to_end(&mut rest).await;
    rest
}

fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn who_holds_all_places_of_strangers_keeps_nobody_out() {
    // 16 places for strangers, 16 for those of this machine, 32 for members.
    let house = House::with(|settings| {
        settings.connections = 64;
        settings.secret = Some(Secret::new(SECRET).unwrap());
    });
    let tablet = enters(house.connect_from(PHONE).await, with_secret("tablet", SECRET)).await;
    let mut hostile = Vec::new();
    for _ in 0..50 {
        let mut stream = house.stream_from(HOSTILE).await;
        // One that never reads its answer, as far as it gets.
        let _cut_off = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        hostile.push(stream);
    }
    house.until_sockets(17).await;
    let phone = enters(house.connect_from(PHONE + 1).await, with_secret("phone", SECRET)).await;
    let probe = https::exchange(TcpStream::connect(house.address).await.unwrap(), PROBE, "").await;
    assert_eq!((probe.status, probe.body.as_str()), (200, "ok\n"));
    assert_eq!(house.handle.status().counts.clients, 2);
    drop((tablet, phone, hostile));
    house.end().await;
}

const PROBE: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";

#[tokio::test]
async fn handshakes_that_hang_keep_nobody_out() {
    let (house, client) = https::house(|settings| settings.connections = 512);
    let mut hanging = Vec::new();
    for n in 0..200 {
        hanging.push(house.stream_from(HOSTILE + n % 4).await);
    }
    house.until_sockets(128).await;
    let page = https::exchange(client.secure(house.stream_from(PHONE).await).await, PROBE, "").await;
    assert_eq!(page.body, "ok\n");
    assert_eq!(client.get(&house, "/healthz").await.body, "ok\n", "this machine's own programs");
    assert!(hanging.iter().filter(|stream| is_open(stream)).count() >= 120, "it waited for them to be cut off");
    drop(hanging);
    house.end().await;
}

#[tokio::test]
async fn a_host_that_does_nothing_but_handshakes_waits_for_its_turn() {
    let (house, client) = https::house(|_| {});
    let handshake = async |host: u8| drop(client.secure(house.stream_from(host).await).await);
    let clock = support::StoppedClock::new();
    for _ in 0..32 {
        handshake(HOSTILE).await;
    }
    // The clock stands still: one that waits would wait for ever.
    let mut next = Box::pin(handshake(HOSTILE));
    tokio::select! {
        biased;
        () = &mut next => panic!("33 handshakes at once"),
        () = async {
            for _ in 0..32 {
                handshake(PHONE).await;
            }
        } => {}
    }
    clock.advance(1).await;
    (&mut next).await;
    drop(next);
    drop(clock);
    house.end().await;
}

#[tokio::test]
async fn a_body_that_never_ends_and_an_answer_that_nobody_reads_are_cut_off() {
    let (house, client) = https::house(|settings| settings.claim = Some(Claim::new(|_| Ok(()))));
    let mut unfinished = client.secure(house.stream_from(HOSTILE).await).await;
    let head =
        "POST /claim HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    unfinished.write_all(head.as_bytes()).await.unwrap();
    unfinished.flush().await.unwrap();
    let mut unread = client.secure(house.stream_from(HOSTILE).await).await;
    tokio::time::pause();
    let before = Instant::now();
    // As much as the system takes of requests whose answers wait.
    let request = b"GET /js/app.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let asks = async { while unread.write_all(&request).await.is_ok() {} };
    let mut rest = Vec::new();
    let ((), _closed_or_reset) = tokio::join!(asks, unfinished.read_to_end(&mut rest));
    house.until_sockets(0).await;
    assert!(before.elapsed() < Duration::from_secs(30), "{:?}", before.elapsed());
    tokio::time::resume();
    house.end().await;
}

#[tokio::test]
async fn guesses_are_counted_over_connections_and_keep_nobody_else_out() {
    let house = House::with(|settings| settings.secret = Some(Secret::new(SECRET).unwrap()));
    let mut codes = Vec::new();
    for n in 0..40 {
        let mut endpoint = house.connect_from(HOSTILE).await;
        endpoint.say(with_secret("kitchen", &format!("guess number {n}"))).await;
        if n % 2 == 0 {
            codes.push(endpoint.expect_refusal().await);
        } else {
            // Gone before the answer.
            drop(endpoint);
            house.until_sockets(0).await;
        }
    }
    // Six are answered, and half of them were not waited for.
    assert_eq!(codes[..3], [Refusal::Secret; 3]);
    assert!(codes[3..].iter().all(|code| *code == Refusal::TooFast), "{codes:?}");
    let mut right = house.connect_from(HOSTILE).await;
    right.say(with_secret("kitchen", SECRET)).await;
    assert_eq!(right.expect_refusal().await, Refusal::TooFast, "a right one is not looked at either");
    let phone = enters(house.connect_from(PHONE).await, with_secret("phone", SECRET)).await;
    drop(phone);
    house.end().await;
}

#[tokio::test]
async fn guesses_over_http_and_behind_a_proxy_are_counted_too() {
    let private = axum::Router::new().route("/private", axum::routing::get(async || "for the household"));
    let house = House::private(|settings| settings.secret = Some(Secret::new(SECRET).unwrap()), private);
    let ask = async |stream: TcpStream, secret: &str, more: &str| {
        let head = format!("GET /private HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n{more}");
        https::exchange(stream, &head, "").await
    };
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(ask(house.stream_from(HOSTILE).await, "a wrong one", "").await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429]);
    let waits = ask(house.stream_from(HOSTILE).await, SECRET, "").await;
    assert!(waits.head.contains("retry-after: "), "{}", waits.head);
    assert_eq!(ask(house.stream_from(PHONE).await, SECRET, "").await.body, "for the household");

    let proxied = async |from: &str, secret: &str| {
        let stream = TcpStream::connect(house.address).await.unwrap();
        ask(stream, secret, &format!("X-Forwarded-For: 203.0.113.1, {from}\r\n")).await.status
    };
    for _ in 0..6 {
        assert_eq!(proxied("198.51.100.66", "a wrong one").await, 401);
    }
    assert_eq!(proxied("198.51.100.66", "a wrong one").await, 429);
    assert_eq!(proxied("198.51.100.7", SECRET).await, 200);
    house.end().await;
}

#[tokio::test]
async fn one_host_with_all_places_of_a_room_gives_way_and_others_come_in() {
    let house = House::with(|settings| settings.limits = Limits { clients_per_room: 4, ..Limits::default() });
    let mut hostile = Vec::new();
    for n in 0..4 {
        hostile.push(enters(house.connect_from(HOSTILE).await, client_hello(&format!("hostile-{n}"))).await);
    }
    let phone = enters(house.connect_from(PHONE).await, client_hello("phone")).await;
    assert_eq!(hostile.pop().unwrap().expect_refusal().await, Refusal::Full);
    let mut again = house.connect_from(HOSTILE).await;
    again.say(client_hello("hostile-5")).await;
    assert_eq!(again.expect_refusal().await, Refusal::Full);
    hostile.pop();
    while house.handle.status().counts.clients == 4 {
        tokio::task::yield_now().await;
    }
    drop(enters(house.connect_from(HOSTILE).await, client_hello("hostile-6")).await);
    drop((phone, hostile));
    house.end().await;
}

#[tokio::test]
async fn a_station_that_floods_a_client_is_closed_and_the_client_stays() {
    let house = House::with(|settings| settings.queue_bytes = 300_000);
    let mut kitchen = enters(house.connect_from(PHONE).await, client_hello("kitchen")).await;
    let mut flood = enters(house.connect_from(HOSTILE).await, station_hello("flood")).await;
    let large = Message::text(ring("kitchen", &"x".repeat(60_000)).to_string());
    while flood.socket.send(large.clone()).await.is_ok() {}
    let refused = loop {
        match kitchen.hears().await {
            message if message["type"] == "station_gone" => break message,
            _ => {}
        }
    };
    assert_eq!(refused["id"], "flood");
    kitchen.say(json!({"type": "ping"})).await;
    assert_eq!(kitchen.hears().await, json!({"type": "pong"}));
    house.end().await;
}

#[tokio::test]
async fn who_knows_a_clients_secret_is_no_station_inside_a_station() {
    let house = House::with(|settings| {
        settings.limits = Limits { foreign_stations: false, ..Limits::default() };
        settings.secret = Some(Secret::new(SECRET).unwrap());
    });
    let mut door = house.local_station("door").await;
    let phone = enters(house.connect_from(PHONE).await, with_secret("phone", SECRET)).await;
    assert!(matches!(door.receive().await, Some(ToStation::ClientHere { client }) if client.id == id("phone")));
    let mut intruder = house.connect_from(HOSTILE).await;
    let mut hello = station_hello("another");
    hello["secret"] = json!(SECRET);
    intruder.say(hello).await;
    assert_eq!(intruder.expect_refusal().await, Refusal::ForeignStation);
    assert_eq!(house.handle.status().counts.stations, 1);
    drop((door, phone));
    house.end().await;
}

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused_before_anything_is_done() {
    let house = House::new();
    let twice = "Host: localhost\r\nHost: localhost\r\n";
    for (what, request) in [
        ("two hosts", format!("GET / HTTP/1.1\r\n{twice}\r\n")),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned()),
        ("another target", "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned()),
        ("two secrets", "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n".to_owned()),
    ] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = String::from_utf8(rest(&mut stream).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{what}: {answer}");
    }
    house.end().await;
}
