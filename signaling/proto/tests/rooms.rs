//! What the companion does, one behaviour a test.

mod support;

use std::time::Duration;

use doorway_proto::ids::{ButtonId, RoomId};
use doorway_proto::rooms::{Content, Counts, Limits, Output, Rate};
use doorway_proto::signaling::{
    Client, ClientSignal, Hello, MAX_FRAME_BYTES, Refusal, StationMessage, StationSignal, ToClient, ToStation,
};
use doorway_proto::state::{Activity, StationFault};
use serde_json::json;
use support::{House, client, hello, id, station, station_hello, with_resume};

fn house() -> House {
    House::new(Limits::default())
}

fn here(client: &str) -> ToStation {
    ToStation::ClientHere { client: Client { id: id(client), name: client.to_owned() } }
}

const WATCH: &str = r#"{"type":"signal","to":"door","signal":{"type":"watch"}}"#;

fn ring(to: &str, offer: &str) -> String {
    json!({"type": "signal", "to": to, "signal": {
        "type": "ring", "call": "c1", "button": {"id": "call", "label": "Front door"}, "offer": offer,
        "timeout_ms": 45_000, "pressed_at_ms": 1,
    }})
    .to_string()
}

#[test]
fn clients_see_stations_and_stations_see_clients_as_they_come_and_go() {
    let mut house = house();
    let kitchen = house.client("kitchen");
    assert_eq!(house.client_heard(kitchen), [ToClient::Welcome { version: 1, stations: vec![] }]);

    let door = house.station("door");
    let kitchen_seen = Client { id: id("kitchen"), name: "kitchen".to_owned() };
    assert_eq!(house.station_heard(door), [ToStation::Welcome { version: 1, clients: vec![kitchen_seen] }]);
    assert_eq!(house.client_heard(kitchen), [ToClient::Station { station: station("door", "door") }]);

    let hall = house.client("hall");
    assert_eq!(house.client_heard(hall), [ToClient::Welcome { version: 1, stations: vec![station("door", "door")] }]);
    assert_eq!(house.station_heard(door), [here("hall")]);
    assert_eq!(house.client_heard(kitchen), [], "clients do not see each other");
    assert_eq!(house.rooms.counts(), Counts { rooms: 1, clients: 2, stations: 1 });

    house.leaves(hall);
    assert_eq!(house.station_heard(door), [ToStation::ClientGone { id: id("hall") }]);
    house.leaves(door);
    assert_eq!(house.client_heard(kitchen), [ToClient::StationGone { id: id("door") }]);
    house.leaves(kitchen);
    assert_eq!(house.rooms.counts(), Counts::default());
}

#[test]
fn signals_reach_their_addressee_in_the_same_room_and_nobody_else() {
    let mut house = house();
    let door = house.station("door");
    let (kitchen, hall) = (house.client("kitchen"), house.client("hall"));
    let stranger = house.enter(client("elsewhere", "kitchen", ""));
    for client in [kitchen, hall, stranger] {
        house.client_heard(client);
    }
    house.station_heard(door);

    house.says(door, &ring("kitchen", "v=0"));
    let received = house.client_heard(kitchen);
    assert!(
        matches!(&received[..], [ToClient::Signal { from, signal: StationSignal::Ring { offer: Some(offer), .. } }]
        if from.as_str() == "door" && offer == "v=0")
    );
    assert_eq!(house.client_heard(hall), []);
    assert_eq!(house.client_heard(stranger), []);

    house.says(hall, WATCH);
    assert_eq!(house.station_heard(door), [ToStation::Signal { from: id("hall"), signal: ClientSignal::Watch {} }]);
}

#[test]
fn a_signal_to_nobody_comes_back_as_undeliverable() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    let other_door = house.station("other");
    for (connection, to) in [(kitchen, "nobody"), (kitchen, "kitchen")] {
        house.client_heard(connection);
        house.says(connection, &WATCH.replace("door", to));
        assert_eq!(house.client_heard(connection), [ToClient::Undeliverable { to: id(to) }]);
    }
    house.station_heard(door);
    house.says(door, &ring("other", ""));
    assert_eq!(house.station_heard(door), [ToStation::Undeliverable { to: id("other") }]);
    assert!(!house.station_heard(other_door).iter().any(|m| matches!(m, ToStation::Signal { .. })));
}

#[test]
fn a_status_reaches_every_client_once_and_newcomers_see_it() {
    let mut house = house();
    let (door, kitchen, hall) = (house.station("door"), house.client("kitchen"), house.client("hall"));
    house.client_heard(kitchen);
    house.client_heard(hall);
    let status = json!({"type": "status", "activity": "ringing", "media": {
        "camera": {"state": "missing", "reason": "no /dev/video0: plug the camera in"},
        "microphone": {"state": "working"}, "speaker": {"state": "absent"},
    }});
    house.says(door, &status.to_string());
    house.says(door, &status.to_string());
    let told = house.client_heard(kitchen);
    assert!(matches!(&told[..], [ToClient::Station { station }] if station.activity == Activity::Ringing), "{told:?}");
    assert_eq!(house.client_heard(hall), told);
    let late = house.client("late");
    assert!(matches!(&house.client_heard(late)[..], [ToClient::Welcome { stations, .. }]
        if stations[0].activity == Activity::Ringing));
}

#[test]
fn more_faults_than_fit_cost_the_station_nothing() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    house.client_heard(kitchen);
    let stuck = |n| StationFault::ButtonStuck { button: ButtonId::new(format!("flat-{n}")).unwrap() };
    let faults: Vec<StationFault> = (0..1000).map(stuck).collect();
    let activity = Activity::Idle;
    let message = StationMessage::Status { activity, media: support::media(), faults: faults.clone() };
    house.rooms.handle_station_message(door, message, house.now);
    house.drain();
    let told = house.client_heard(kitchen);
    let [ToClient::Station { station }] = &told[..] else { panic!("{told:?}") };
    assert!(station.faults.len() > 100 && faults.starts_with(&station.faults), "{}", station.faults.len());
    assert_eq!(house.refusal(door), None);
}

#[test]
fn the_companions_own_station_says_as_much_as_its_clients_make_it_say() {
    let rate = Rate { burst: 2, per_second: 1 };
    let mut house = House::new(Limits { station_rate: rate, station_bytes: rate, ..Limits::default() });
    let own = house.connect();
    let home = RoomId::new("home").unwrap();
    house.rooms.handle_own_station(own, home, station("door", "Front door"), house.now);
    for n in 0..100 {
        let activity = if n % 2 == 0 { Activity::Watched } else { Activity::Idle };
        let message = StationMessage::Status { activity, media: support::media(), faults: Vec::new() };
        house.rooms.handle_station_message(own, message, house.now);
    }
    house.drain();
    assert_eq!(house.refusal(own), None, "its household could not be rung meanwhile");
}

#[test]
fn a_broadcast_is_one_message_that_all_share() {
    let mut house = house();
    let door = house.station("door");
    for n in 0..10 {
        house.client(&format!("c{n}"));
    }
    let message = StationMessage::Status { activity: Activity::InCall, media: support::media(), faults: Vec::new() };
    house.rooms.handle_station_message(door, message, house.now);
    let mut texts = Vec::new();
    while let Some((_, Output::Send { message, .. })) = house.rooms.poll_output() {
        texts.push(message);
    }
    assert_eq!(texts.len(), 10);
    assert!(texts.iter().all(|message| std::ptr::eq(message.text(), texts[0].text())));
}

#[test]
fn a_ping_is_answered() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    house.says(door, r#"{"type":"ping"}"#);
    house.says(kitchen, r#"{"type":"ping"}"#);
    assert_eq!(house.station_heard(door).last(), Some(&ToStation::Pong {}));
    assert_eq!(house.client_heard(kitchen).last(), Some(&ToClient::Pong {}));
}

#[test]
fn who_comes_back_replaces_its_ghost_and_nobody_sees_it_leave() {
    let mut house = house();
    let door = house.station("door");
    let ghost = house.client("kitchen");
    house.station_heard(door);
    let kitchen = house.client("kitchen");
    assert_eq!(house.refusal(ghost), Some(Refusal::Replaced));
    assert_eq!(house.station_heard(door), [here("kitchen")]);
    house.leaves(ghost);
    assert_eq!(house.station_heard(door), [], "the ghost's socket closes later than its place was taken");
    house.says(door, &ring("kitchen", ""));
    assert!(matches!(house.client_heard(kitchen).last(), Some(ToClient::Signal { .. })));

    let new_door = house.station("door");
    assert_eq!(house.refusal(door), Some(Refusal::Replaced));
    assert!(matches!(&house.client_heard(kitchen)[..], [ToClient::Station { .. }]));
    assert!(matches!(&house.station_heard(new_door)[..], [ToStation::Welcome { clients, .. }] if clients.len() == 1));
    assert_eq!(house.rooms.counts(), Counts { rooms: 1, clients: 1, stations: 1 });
}

#[test]
fn a_ghost_that_comes_back_as_something_else_leaves_first() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    house.client_heard(kitchen);
    let changed = house.client("door");
    assert_eq!(house.refusal(door), Some(Refusal::Replaced));
    assert_eq!(house.client_heard(kitchen), [ToClient::StationGone { id: id("door") }]);
    assert_eq!(house.client_heard(changed), [ToClient::Welcome { version: 1, stations: vec![] }]);
}

#[test]
fn an_id_with_another_resume_is_taken_and_its_holder_is_checked() {
    let mut house = house();
    let door = house.station("door");
    house.station_heard(door);
    let thief = house.enter(with_resume(station_hello("home", "door", "Thief"), "another"));
    assert_eq!(house.refusal(thief), Some(Refusal::IdTaken));
    assert_eq!(house.checked, [door]);
    assert_eq!(house.station_heard(door), []);
    let prefix = house.enter(with_resume(station_hello("home", "door", "Thief"), "rr"));
    assert_eq!(house.refusal(prefix), Some(Refusal::IdTaken));
    let elsewhere = house.enter(with_resume(station_hello("other", "door", "Door"), "another"));
    assert_eq!(house.refusal(elsewhere), None);
}

#[test]
fn the_station_of_the_own_process_owns_its_id() {
    let mut house = house();
    let squatter = house.station("door");
    let own = house.connect();
    let home = RoomId::new("home").expect("a good id");
    house.rooms.handle_own_station(own, home, station("door", "Door"), house.now);
    house.drain();
    assert_eq!(house.refusal(squatter), Some(Refusal::Replaced));
    let again = house.station("door");
    assert_eq!(house.refusal(again), Some(Refusal::IdTaken));
    assert_eq!(house.station_heard(own), [ToStation::Welcome { version: 1, clients: vec![] }]);
}

#[test]
fn a_hello_is_refused_for_its_version_its_resume_and_its_length() {
    let mut house = house();
    let Hello::Hello { room, id, resume, secret, role, .. } = client("home", "kitchen", "");
    let old = house.enter(Hello::Hello { version: 0, room, id, resume, secret, role });
    assert_eq!(house.refusal(old), Some(Refusal::Version));
    for resume in ["", &"r".repeat(129)] {
        let refused = house.enter(with_resume(client("home", "kitchen", ""), resume));
        assert_eq!(house.refusal(refused), Some(Refusal::Malformed));
    }
    let long_name = house.enter(client("home", "kitchen", &"ü".repeat(65)));
    assert_eq!(house.refusal(long_name), Some(Refusal::Malformed));
    let name_that_fits = house.enter(client("home", "kitchen", &"ü".repeat(64)));
    assert_eq!(house.refusal(name_that_fits), None);
    let buttons: Vec<_> = (0..400).map(|n| json!({"id": format!("b{n}"), "label": "x".repeat(40)})).collect();
    let role = json!({"kind": "station", "name": "Tower", "buttons": buttons, "doors": [], "activity": "idle",
        "media": support::media()});
    let tower = house.enter(hello("home", "tower", "r", &role));
    assert_eq!(house.refusal(tower), Some(Refusal::Malformed));
    assert_eq!(house.rooms.counts(), Counts { rooms: 1, clients: 1, stations: 0 });
}

#[test]
fn who_says_nonsense_is_closed_and_the_others_are_told() {
    let long = format!(r#"{{"type":"ping"}}{}"#, " ".repeat(MAX_FRAME_BYTES));
    let deep = "[".repeat(10_000);
    for nonsense in ["", "null", "{", &deep, &long, r#"{"type":"ping","x":1}"#, r#"{"type":"status"}"#] {
        let mut house = house();
        let (door, kitchen) = (house.station("door"), house.client("kitchen"));
        house.station_heard(door);
        house.says(kitchen, nonsense);
        assert_eq!(house.refusal(kitchen), Some(Refusal::Malformed), "{nonsense:.40}");
        assert_eq!(house.station_heard(door), [ToStation::ClientGone { id: id("kitchen") }]);
        house.says(kitchen, WATCH);
        assert_eq!(house.station_heard(door), [], "who was refused is not heard again");
    }
}

#[test]
fn a_frame_before_the_hello_and_a_second_hello_are_refused() {
    let mut house = house();
    let early = house.connect();
    house.says(early, WATCH);
    assert_eq!(house.refusal(early), Some(Refusal::Malformed));
    let kitchen = house.client("kitchen");
    house.rooms.handle_hello(kitchen, client("home", "hall", ""), house.now);
    house.drain();
    assert_eq!(house.refusal(kitchen), Some(Refusal::Malformed));
    assert_eq!(house.rooms.counts(), Counts::default());
}

#[test]
fn a_signal_that_grows_too_large_costs_its_sender_the_connection_and_not_its_receiver() {
    let mut house = house();
    let door = house.enter(station_hello("home", &"d".repeat(64), "Door"));
    let kitchen = house.enter(client("home", "k", ""));
    let frame = ring("k", &"x".repeat(MAX_FRAME_BYTES - ring("k", "").len()));
    assert_eq!(frame.len(), MAX_FRAME_BYTES);
    house.says(door, &frame);
    assert_eq!(house.refusal(door), Some(Refusal::Malformed));
    assert_eq!(house.refusal(kitchen), None);
}

#[test]
fn who_is_too_fast_is_closed_but_a_ring_of_the_whole_room_is_not() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    for _ in 0..Limits::default().clients_per_room {
        house.says(door, &ring("kitchen", ""));
    }
    assert_eq!(house.refusal(door), None);
    let Rate { burst, .. } = Limits::default().client_rate;
    for _ in 0..burst {
        house.says(kitchen, WATCH);
    }
    assert_eq!(house.refusal(kitchen), None);
    house.after(Duration::from_secs(1));
    house.says(kitchen, WATCH);
    assert_eq!(house.refusal(kitchen), None);
    for _ in 0..burst {
        house.rooms.handle_empty_frame(kitchen, house.now);
    }
    house.drain();
    assert_eq!(house.refusal(kitchen), Some(Refusal::TooFast));
}

#[test]
fn a_status_costs_more_the_more_clients_hear_it() {
    let mut house = House::new(Limits { station_rate: Rate { burst: 20, per_second: 1 }, ..Limits::default() });
    let door = house.station("door");
    for n in 0..80 {
        house.client(&format!("c{n}"));
    }
    let mut said = 0;
    for activity in [Activity::Ringing, Activity::InCall, Activity::Idle] {
        let message = StationMessage::Status { activity, media: support::media(), faults: Vec::new() };
        house.rooms.handle_station_message(door, message, house.now);
        house.drain();
        said += usize::from(house.refusal(door).is_none());
    }
    assert_eq!((said, house.refusal(door)), (1, Some(Refusal::TooFast)));
}

#[test]
fn a_full_house_refuses_newcomers_and_lets_ghosts_come_back() {
    let limits = Limits { rooms: 2, endpoints: 5, clients_per_room: 2, stations_per_room: 1, ..Limits::default() };
    let mut house = House::new(limits);
    let full = Some(Refusal::Full);
    let (_door, a, b) = (house.station("door"), house.client("a"), house.client("b"));
    let third_client = house.client("c");
    assert_eq!(house.refusal(third_client), full);
    let second_station = house.station("other");
    assert_eq!(house.refusal(second_station), full);
    let back = house.client("b");
    assert_eq!((house.refusal(b), house.refusal(back)), (Some(Refusal::Replaced), None));
    let changed = house.station("a");
    assert_eq!((house.refusal(a), house.refusal(changed)), (None, full), "a client's place is none for a station");
    let elsewhere = house.enter(client("two", "a", ""));
    let third_room = house.enter(client("three", "a", ""));
    assert_eq!((house.refusal(elsewhere), house.refusal(third_room)), (None, full));
    house.enter(station_hello("two", "door", ""));
    let sixth = house.enter(client("two", "b", ""));
    assert_eq!(house.refusal(sixth), full);
    house.leaves(back);
    let sixth = house.enter(client("two", "b", ""));
    assert_eq!(house.refusal(sixth), None);
}

#[test]
fn a_welcome_to_a_crowded_room_fits_into_frames_and_misses_nobody() {
    let mut house = House::new(Limits { clients_per_room: 3000, ..Limits::default() });
    for n in 0..2000 {
        let name = "\u{1}\"\\".repeat(21);
        house.enter(client("home", &format!("client-{n:057}"), &name));
    }
    let door = house.station("door");
    let mut seen = 0;
    for message in house.station_heard(door) {
        seen += match message {
            ToStation::Welcome { clients, .. } => clients.len(),
            ToStation::ClientHere { .. } => 1,
            ToStation::Refused { .. }
            | ToStation::ClientGone { .. }
            | ToStation::Signal { .. }
            | ToStation::Undeliverable { .. }
            | ToStation::Pong {} => panic!("nothing else was said"),
        };
    }
    assert_eq!(seen, 2000);

    let mut house = self::house();
    for n in 0..60 {
        let mut tower = station(&format!("tower-{n}"), "Tower");
        tower.buttons = vec![tower.buttons[0].clone(); 300];
        let connection = house.connect();
        let home = RoomId::new("home").expect("a good id");
        house.rooms.handle_own_station(connection, home, tower, house.now);
        house.drain();
    }
    let late = house.client("late");
    let inbox: Vec<Content> = house.inboxes[&late].clone();
    let seen: usize = inbox
        .into_iter()
        .map(|content| match support::as_client(content) {
            ToClient::Welcome { stations, .. } => stations.len(),
            ToClient::Station { .. } => 1,
            ToClient::Refused { .. }
            | ToClient::StationGone { .. }
            | ToClient::Signal { .. }
            | ToClient::Undeliverable { .. }
            | ToClient::Pong {} => panic!("nothing else was said"),
        })
        .sum();
    assert_eq!(seen, 60);
}

#[test]
fn one_host_with_many_clients_keeps_no_other_hosts_out_of_a_full_room() {
    let mut house = House::new(Limits { clients_per_room: 4, ..Limits::default() });
    let full = Some(Refusal::Full);
    let door = house.station("door");
    let hostile: Vec<_> = (0..4).map(|n| house.client_of(1, &format!("hostile-{n}"))).collect();
    house.station_heard(door);
    let kitchen = house.client_of(2, "kitchen");
    assert_eq!((house.refusal(kitchen), house.refusal(hostile[3])), (None, full));
    assert_eq!(house.station_heard(door), [ToStation::ClientGone { id: id("hostile-3") }, here("kitchen")]);
    let again = house.client_of(1, "hostile-4");
    assert_eq!(house.refusal(again), full, "it does not take the place back");
    let hall = house.client_of(3, "hall");
    assert_eq!((house.refusal(hall), house.refusal(hostile[2])), (None, full));
    let office = house.client_of(4, "office");
    assert_eq!(house.refusal(office), None);
    assert_eq!((house.refusal(hostile[1]), house.refusal(hostile[0])), (full, None));
    let fifth = house.client_of(5, "fifth");
    assert_eq!(house.refusal(fifth), full, "all have one");
    house.leaves(hall);
    let fifth = house.client_of(5, "fifth");
    assert_eq!(house.refusal(fifth), None, "a place is free again");
}

#[test]
fn a_companion_inside_a_station_takes_no_other_station() {
    let mut house = House::new(Limits { foreign_stations: false, ..Limits::default() });
    let own = house.connect();
    let home = RoomId::new("home").expect("a good id");
    house.rooms.handle_own_station(own, home, station("door", "Door"), house.now);
    let kitchen = house.client("kitchen");
    house.client_heard(kitchen);
    let intruder = house.station("other");
    assert_eq!(house.refusal(intruder), Some(Refusal::ForeignStation));
    assert_eq!(house.client_heard(kitchen), [], "no client learns of it");
}

#[test]
fn who_says_more_than_its_bytes_is_closed_though_its_frames_are_few() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    let large = json!({"type": "signal", "to": "door", "signal":
        {"type": "answer", "call": "c1", "answer": "x".repeat(60_000)}});
    let mut said = 0;
    while house.refusal(kitchen).is_none() {
        house.says(kitchen, &large.to_string());
        said += 1;
    }
    assert_eq!((said, house.refusal(kitchen)), (5, Some(Refusal::TooFast)));
    assert_eq!(house.refusal(door), None);
}

#[test]
fn a_flood_costs_who_sends_it_and_not_who_is_to_read_it() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    let moment = Duration::from_millis(100);
    house.rooms.handle_backlog(kitchen, Some(door), moment);
    house.drain();
    assert_eq!((house.refusal(door), house.refusal(kitchen)), (Some(Refusal::TooFast), None));

    let mut house = self::house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    house.rooms.handle_backlog(kitchen, Some(door), Duration::from_secs(10));
    house.drain();
    assert_eq!((house.refusal(door), house.refusal(kitchen)), (None, Some(Refusal::TooSlow)), "it reads nothing");

    let mut house = self::house();
    let (own, kitchen) = (house.connect(), house.client("kitchen"));
    let home = RoomId::new("home").expect("a good id");
    house.rooms.handle_own_station(own, home, station("door", "Door"), house.now);
    house.rooms.handle_backlog(kitchen, Some(own), moment);
    house.drain();
    assert_eq!((house.refusal(own), house.refusal(kitchen)), (None, Some(Refusal::TooSlow)));
}

#[test]
fn a_ring_that_would_not_end_is_refused() {
    let mut house = house();
    let (door, kitchen) = (house.station("door"), house.client("kitchen"));
    house.client_heard(kitchen);
    house.says(door, &ring("kitchen", "").replace("45000", "600000"));
    assert_eq!(house.client_heard(kitchen).len(), 1);
    house.says(door, &ring("kitchen", "").replace("45000", "9007199254740992"));
    assert_eq!(house.refusal(door), Some(Refusal::Malformed));
    assert!(house.client_heard(kitchen).iter().all(|heard| !matches!(heard, ToClient::Signal { .. })));
}
