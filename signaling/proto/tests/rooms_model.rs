//! Random endpoints do random things: everybody's view of a room stays true, whatever happens.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorway_proto::ids::{ButtonId, EndpointId, RoomId};
use doorway_proto::rooms::{ConnectionId, Content, Counts, Limits, Rate};
use doorway_proto::signaling::{Client, ClientSignal, Hello, StationMessage, ToClient, ToStation};
use doorway_proto::state::{Activity, Station, StationFault};
use proptest::prelude::*;
use support::{House, client, id, station, station_hello, with_resume};

const LIMITS: Limits = Limits {
    rooms: 2,
    endpoints: 6,
    clients_per_room: 3,
    stations_per_room: 2,
    client_rate: Rate { burst: 8, per_second: 4 },
    station_rate: Rate { burst: 16, per_second: 8 },
    client_bytes: Rate { burst: 1 << 20, per_second: 1 << 20 },
    station_bytes: Rate { burst: 1 << 20, per_second: 1 << 20 },
    foreign_stations: true,
};

#[derive(Debug, Clone)]
enum Step {
    Connect,
    Join { hello: Box<Hello> },
    Hello { who: usize, hello: Box<Hello> },
    OwnStation { who: usize, id: u8 },
    Frame { who: usize, text: String },
    Watch { who: usize, to: u8 },
    Status { who: usize, activity: Activity },
    EmptyFrame { who: usize },
    Gone { who: usize },
    Pause { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..30usize;
    let activity = prop_oneof![Just(Activity::Idle), Just(Activity::Ringing), Just(Activity::InCall)];
    let hello =
        (0..3u8, 0..6u8, 0..2u8, any::<bool>(), "[a-c]{0,2}").prop_map(|(room, id, resume, is_client, name)| {
            let (room, id) = (format!("room-{room}"), format!("e{id}"));
            let hello = if is_client { client(&room, &id, &name) } else { station_hello(&room, &id, &name) };
            with_resume(hello, &format!("resume-{resume}"))
        });
    let frame = prop_oneof![
        Just(r#"{"type":"ping"}"#.to_owned()),
        Just(r#"{"type":"signal","to":"e1","signal":{"type":"ended","call":null,"reason":"busy"}}"#.to_owned()),
        "[\\[\\]{}\":,a-z0-9 ]{0,40}",
        ".{0,40}",
    ];
    let step = prop_oneof![
        1 => Just(Step::Connect),
        6 => hello.clone().prop_map(|hello| Step::Join { hello: Box::new(hello) }),
        2 => (who.clone(), hello).prop_map(|(who, hello)| Step::Hello { who, hello: Box::new(hello) }),
        1 => (who.clone(), 0..4u8).prop_map(|(who, id)| Step::OwnStation { who, id }),
        2 => (who.clone(), frame).prop_map(|(who, text)| Step::Frame { who, text }),
        3 => (who.clone(), 0..5u8).prop_map(|(who, to)| Step::Watch { who, to }),
        3 => (who.clone(), activity).prop_map(|(who, activity)| Step::Status { who, activity }),
        1 => who.clone().prop_map(|who| Step::EmptyFrame { who }),
        2 => who.prop_map(|who| Step::Gone { who }),
        1 => (0..2000u64).prop_map(|ms| Step::Pause { ms }),
    ];
    proptest::collection::vec(step, 1..120)
}

/// Who sits where according to what was said to them, and nothing else.
#[derive(Debug, Clone)]
enum Seated {
    Client { room: RoomId, me: Client, sees: BTreeMap<EndpointId, Station> },
    Station { room: RoomId, me: Station, sees: BTreeMap<EndpointId, Client> },
}

#[derive(Default)]
struct World {
    asked: BTreeMap<ConnectionId, (RoomId, Seated)>,
    seated: BTreeMap<ConnectionId, Seated>,
    /// Signals that were sent and must arrive: the receiver's connection and the sender's id.
    due: Vec<(ConnectionId, EndpointId)>,
}

impl World {
    /// Reads every inbox into the views.
    fn listen(&mut self, house: &mut House) {
        self.seated.retain(|connection, _| house.inboxes.contains_key(connection));
        let connections: Vec<_> = house.inboxes.keys().copied().collect();
        for connection in connections {
            for content in std::mem::take(house.inboxes.get_mut(&connection).expect("it is there")) {
                self.hear(connection, content);
            }
        }
        assert_eq!(self.due, [], "a signal did not arrive");
    }

    fn hear(&mut self, connection: ConnectionId, content: Content) {
        if let Content::Client(ToClient::Welcome { .. }) | Content::Station(ToStation::Welcome { .. }) = content {
            let (_, seated) = self.asked.get(&connection).expect("only who said hello is welcomed").clone();
            assert!(self.seated.insert(connection, seated).is_none(), "one welcome each");
        }
        match (self.seated.get_mut(&connection).expect("the first message is the welcome"), content) {
            (Seated::Client { sees, .. }, Content::Client(message)) => match message {
                ToClient::Welcome { stations, .. } => sees.extend(stations.into_iter().map(|s| (s.id.clone(), s))),
                ToClient::Station { station } => drop(sees.insert(station.id.clone(), station)),
                ToClient::StationGone { id } => {
                    assert!(sees.remove(&id).is_some(), "who left was seen")
                }
                ToClient::Signal { from, .. } => assert!(sees.contains_key(&from)),
                ToClient::Undeliverable { .. } | ToClient::Pong {} => {}
                ToClient::Refused { .. } => panic!("a refusal is a close"),
            },
            (Seated::Station { sees, .. }, Content::Station(message)) => match message {
                ToStation::Welcome { clients, .. } => sees.extend(clients.into_iter().map(|c| (c.id.clone(), c))),
                ToStation::ClientHere { client } => drop(sees.insert(client.id.clone(), client)),
                ToStation::ClientGone { id } => {
                    assert!(sees.remove(&id).is_some(), "who left was seen")
                }
                ToStation::Signal { from, .. } => {
                    let due = self.due.iter().position(|one| *one == (connection, from.clone()));
                    self.due.remove(due.expect("only what was sent arrives"));
                }
                ToStation::Undeliverable { .. } | ToStation::Pong {} => {}
                ToStation::Refused { .. } => panic!("a refusal is a close"),
            },
            (seated, content) => panic!("{seated:?} received {content:?}"),
        }
    }

    fn check(&self, counts: Counts) {
        type Seats = (BTreeMap<EndpointId, Client>, BTreeMap<EndpointId, Station>);
        let mut rooms: BTreeMap<&RoomId, Seats> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for seated in self.seated.values() {
            let fresh = match seated {
                Seated::Client { room, me, .. } => {
                    rooms.entry(room).or_default().0.insert(me.id.clone(), me.clone());
                    ids.insert((room, &me.id))
                }
                Seated::Station { room, me, .. } => {
                    rooms.entry(room).or_default().1.insert(me.id.clone(), me.clone());
                    ids.insert((room, &me.id))
                }
            };
            assert!(fresh, "two hold one id");
        }
        for seated in self.seated.values() {
            match seated {
                Seated::Client { room, sees, .. } => assert_eq!(sees, &rooms[room].1),
                Seated::Station { room, sees, .. } => assert_eq!(sees, &rooms[room].0),
            }
        }
        let clients = rooms.values().map(|(clients, _)| clients.len()).sum();
        let stations = rooms.values().map(|(_, stations)| stations.len()).sum();
        assert_eq!(counts, Counts { rooms: rooms.len(), clients, stations });
        assert!(rooms.len() <= LIMITS.rooms && clients + stations <= LIMITS.endpoints);
        for (clients, stations) in rooms.values() {
            assert!(clients.len() <= LIMITS.clients_per_room && stations.len() <= LIMITS.stations_per_room);
        }
    }

    /// The station that a client's signal to `to` must reach.
    fn addressee(&self, from: ConnectionId, to: &EndpointId) -> Option<(ConnectionId, EndpointId)> {
        let Seated::Client { room: home, me, .. } = self.seated.get(&from)? else {
            return None;
        };
        self.seated.iter().find_map(|(connection, seated)| match seated {
            Seated::Station { room, me: station, .. } if room == home && station.id == *to => {
                Some((*connection, me.id.clone()))
            }
            Seated::Station { .. } | Seated::Client { .. } => None,
        })
    }
}

fn asks(hello: &Hello) -> (RoomId, Seated) {
    use doorway_proto::signaling::Role;
    let Hello::Hello { room, id, role, .. } = hello.clone();
    let seated = match role {
        Role::Client { name } => Seated::Client { room: room.clone(), me: Client { id, name }, sees: BTreeMap::new() },
        Role::Station { name, buttons, doors, activity, media, faults } => Seated::Station {
            room: room.clone(),
            me: Station { id, name, buttons, doors, activity, media, faults },
            sees: BTreeMap::new(),
        },
    };
    (room, seated)
}

/// Some that come and go with what a station is doing.
fn faults(activity: Activity) -> Vec<StationFault> {
    match activity {
        Activity::Idle | Activity::InCall => Vec::new(),
        Activity::Watched => vec![StationFault::TooManyClients {}],
        Activity::Ringing => vec![StationFault::ButtonStuck { button: ButtonId::new("call").expect("a good id") }],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn views_converge_limits_hold_and_who_left_hears_nothing(steps in steps()) {
        let mut house = House::new(LIMITS);
        let mut world = World::default();
        let mut connections = vec![house.connect()];
        for step in steps {
            // The newest connections are the likeliest to be open.
            let at = |who: usize| connections.len() - 1 - who % connections.len();
            match step {
                Step::Connect => connections.push(house.connect()),
                Step::Join { hello } => {
                    let who = house.connect();
                    connections.push(who);
                    world.asked.insert(who, asks(&hello));
                    house.rooms.handle_hello(who, *hello, house.now);
                }
                Step::Hello { who, hello } => {
                    let who = connections[at(who)];
                    if !world.seated.contains_key(&who) {
                        world.asked.insert(who, asks(&hello));
                    }
                    house.rooms.handle_hello(who, *hello, house.now);
                }
                Step::OwnStation { who, id } => {
                    let who = connections[at(who)];
                    let room = RoomId::new("room-0").expect("a good id");
                    let me = station(&format!("e{id}"), "Own");
                    if !world.seated.contains_key(&who) {
                        let seated = Seated::Station { room: room.clone(), me: me.clone(), sees: BTreeMap::new() };
                        world.asked.insert(who, (room.clone(), seated));
                    }
                    house.rooms.handle_own_station(who, room, me, house.now);
                }
                Step::Frame { who, text } => house.rooms.handle_frame(connections[at(who)], &text, house.now),
                Step::Watch { who, to } => {
                    let (who, to) = (connections[at(who)], id(&format!("e{to}")));
                    let due = world.addressee(who, &to);
                    let message = serde_json::json!({"type": "signal", "to": to, "signal": ClientSignal::Watch {}});
                    house.rooms.handle_frame(who, &message.to_string(), house.now);
                    house.drain();
                    world.due.extend(due.filter(|_| house.inboxes.contains_key(&who)));
                }
                Step::Status { who, activity } => {
                    let who = connections[at(who)];
                    let media = support::media();
                    let faults = faults(activity);
                    let message = StationMessage::Status { activity, media, faults: faults.clone() };
                    house.rooms.handle_station_message(who, message, house.now);
                    if let Some(Seated::Station { me, .. }) = world.seated.get_mut(&who) {
                        (me.activity, me.faults) = (activity, faults);
                    }
                }
                Step::EmptyFrame { who } => house.rooms.handle_empty_frame(connections[at(who)], house.now),
                Step::Gone { who } => {
                    let gone = connections[at(who)];
                    house.leaves(gone);
                }
                Step::Pause { ms } => house.after(Duration::from_millis(ms)),
            }
            house.drain();
            world.listen(&mut house);
            world.check(house.rooms.counts());
        }
        for connection in connections {
            house.leaves(connection);
        }
        prop_assert_eq!(house.rooms.counts(), Counts::default());
    }
}
