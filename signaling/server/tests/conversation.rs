//! What well-behaved endpoints experience over real sockets.

#![allow(clippy::unwrap_used)]

mod support;

use doorway_proto::rooms::{Counts, Limits};
use doorway_proto::signaling::{ClientSignal, Refusal, ToStation};
use doorway_signaling::{Secret, Status};
use futures_util::StreamExt;
use serde_json::json;
use support::{House, client_hello, home, id, ring, station, station_message};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_ring_goes_from_station_to_client_and_its_answer_back() {
    let house = House::new();
    let mut door = house.station("door").await;
    let mut kitchen = house.connect().await;
    kitchen.say(client_hello("kitchen")).await;
    let welcome = kitchen.hears().await;
    assert_eq!((&welcome["version"], &welcome["stations"][0]["id"]), (&json!(1), &json!("door")));
    assert_eq!(
        door.hears().await,
        json!({"type": "client_here", "client": {"id": "kitchen", "name": "kitchen's tablet"}})
    );

    door.say(ring("kitchen", "v=0")).await;
    let heard = kitchen.hears().await;
    assert_eq!(heard["from"], "door");
    assert_eq!(heard["signal"], ring("kitchen", "v=0")["signal"]);
    let answer = json!({"type": "answer", "call": "c1", "answer": "v=1"});
    kitchen.say(json!({"type": "signal", "to": "door", "signal": answer})).await;
    assert_eq!(door.hears().await, json!({"type": "signal", "from": "kitchen", "signal": answer}));

    kitchen.say(json!({"type": "signal", "to": "nobody", "signal": answer})).await;
    assert_eq!(kitchen.hears().await, json!({"type": "undeliverable", "to": "nobody"}));
    kitchen.say(json!({"type": "ping"})).await;
    assert_eq!(kitchen.hears().await, json!({"type": "pong"}));

    kitchen.socket.close(None).await.unwrap();
    assert_eq!(door.hears().await, json!({"type": "client_gone", "id": "kitchen"}));
    house.end().await;
}

#[tokio::test]
async fn a_client_that_vanishes_without_a_goodbye_is_gone_for_the_station() {
    let house = House::new();
    let mut door = house.station("door").await;
    let kitchen = house.client("kitchen").await;
    assert_eq!(door.hears().await["type"], "client_here");
    drop(kitchen);
    assert_eq!(door.hears().await, json!({"type": "client_gone", "id": "kitchen"}));
    house.end().await;
}

#[tokio::test]
async fn a_status_reaches_every_client() {
    let house = House::new();
    let mut door = house.station("door").await;
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(house.client(&format!("c{n}")).await);
    }
    door.say(json!({"type": "status", "activity": "ringing", "media": support::media()})).await;
    for client in &mut clients {
        assert_eq!(client.hears().await["station"]["activity"], "ringing");
    }
    assert_eq!(house.handle.status(), Status { sockets: 21, counts: Counts { rooms: 1, clients: 20, stations: 1 } });
    house.end().await;
}

#[tokio::test]
async fn another_version_expect_refusal() {
    let house = House::new();
    let mut old = house.connect().await;
    old.say(json!({"type": "hello", "version": 0, "name": "of an older release"})).await;
    assert_eq!(old.expect_refusal().await, Refusal::Version);
    house.end().await;
}

#[tokio::test]
async fn a_secret_is_asked_for() {
    let house = House::with(|settings| settings.secret = Some(Secret::new("correct horse").unwrap()));
    let mut without = house.connect().await;
    without.say(client_hello("kitchen")).await;
    assert_eq!(without.expect_refusal().await, Refusal::Secret);

    let mut wrong = house.connect().await;
    let mut hello = client_hello("kitchen");
    hello["secret"] = json!("battery staple");
    wrong.say(hello.clone()).await;
    assert_eq!(wrong.expect_refusal().await, Refusal::Secret);

    let mut right = house.connect().await;
    hello["secret"] = json!("correct horse");
    right.say(hello).await;
    assert_eq!(right.hears().await["type"], "welcome");
    house.end().await;
}

#[tokio::test]
async fn an_id_in_use_is_refused_and_a_ghost_is_replaced() {
    let house = House::new();
    let mut door = house.local_station("door").await;
    let kitchen = house.client("kitchen").await;
    assert!(matches!(door.receive().await, Some(ToStation::ClientHere { .. })));

    let mut other = house.connect().await;
    let mut hello = client_hello("kitchen");
    hello["resume"] = json!("something else");
    other.say(hello).await;
    assert_eq!(other.expect_refusal().await, Refusal::IdTaken);

    let mut again = house.client("kitchen").await;
    assert_eq!(kitchen.expect_refusal().await, Refusal::Replaced);
    assert!(matches!(door.receive().await, Some(ToStation::ClientHere { client }) if client.id == id("kitchen")));
    door.send(station_message(ring("kitchen", "v=0")));
    assert_eq!(again.hears().await["signal"]["offer"], "v=0");
    drop(door);
    house.end().await;
}

#[tokio::test]
async fn a_station_of_this_process_needs_no_socket_and_obeys_the_same_rules() {
    let house = House::new();
    let squatter = house.station("door").await;
    let mut door = house.local_station("door").await;
    assert_eq!(squatter.expect_refusal().await, Refusal::Replaced);
    let mut kitchen = house.client("kitchen").await;
    let mut hall = house.client("hall").await;
    for expected in ["kitchen", "hall"] {
        assert!(matches!(door.receive().await, Some(ToStation::ClientHere { client }) if client.id == id(expected)));
    }
    door.send(station_message(ring("kitchen", "v=0")));
    assert_eq!(kitchen.hears().await["signal"]["offer"], "v=0");
    kitchen.say(json!({"type": "signal", "to": "door", "signal": {"type": "rang", "call": "c1"}})).await;
    assert!(matches!(
        door.receive().await,
        Some(ToStation::Signal { from, signal: ClientSignal::Rang { .. } }) if from == id("kitchen")
    ));
    door.send(station_message(ring("nobody", "v=0")));
    assert_eq!(door.receive().await, Some(ToStation::Undeliverable { to: id("nobody") }));

    door.send(station_message(ring("kitchen", &"x".repeat(65_536))));
    assert!(matches!(door.receive().await, Some(ToStation::Refused { code: Refusal::Malformed, .. })));
    assert_eq!(door.receive().await, None);
    assert_eq!(hall.hears().await, json!({"type": "station_gone", "id": "door"}));

    let again = house.local_station("door").await;
    assert_eq!(hall.hears().await["station"]["id"], "door");
    drop(again);
    assert_eq!(hall.hears().await, json!({"type": "station_gone", "id": "door"}));
    house.end().await;
}

#[tokio::test]
async fn a_full_room_refuses_newcomers() {
    let house = House::with(|settings| settings.limits = Limits { clients_per_room: 1, ..Limits::default() });
    let _kitchen = house.client("kitchen").await;
    let mut hall = house.connect().await;
    hall.say(client_hello("hall")).await;
    assert_eq!(hall.expect_refusal().await, Refusal::Full);
    house.end().await;
}

#[tokio::test]
async fn when_the_companion_closes_everybody_is_told() {
    let house = House::new();
    let mut door = house.local_station("door").await;
    let mut kitchen = house.client("kitchen").await;
    let silent = house.connect().await;
    let address = house.address;
    let handle = house.handle.clone();
    let goodbye = tokio::spawn(async move {
        let last = kitchen.socket.next().await;
        assert!(matches!(last, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1001));
    });
    assert!(matches!(door.receive().await, Some(ToStation::ClientHere { .. })));
    let before = Instant::now();
    let ((), last) = tokio::join!(house.stop(), door.receive());
    assert_eq!(last, None);
    assert!(before.elapsed().as_secs_f32() < 1.9, "one that does not answer the goodbye is cut off after a second");
    goodbye.await.unwrap();
    drop(silent);

    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(handle.attach_station(home(), station("door")).receive().await, None);
}
