//! Rooms with every connection's view of them, as told by the messages that it received.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use doorway_proto::ids::{ButtonId, DoorId, EndpointId, RoomId};
use doorway_proto::rooms::{ConnectionId, Content, Limits, Output, Refused, Rooms, Source, read_hello};
use doorway_proto::signaling::{Hello, MAX_FRAME_BYTES, Refusal, Role, ToClient, ToStation};
use doorway_proto::state::{Activity, Button, Door, Health, MediaHealth, Station};

pub(crate) struct House {
    pub(crate) rooms: Rooms,
    pub(crate) now: Instant,
    pub(crate) inboxes: BTreeMap<ConnectionId, Vec<Content>>,
    pub(crate) closed: BTreeMap<ConnectionId, Refused>,
    pub(crate) checked: Vec<ConnectionId>,
    next: u64,
}

impl House {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            rooms: Rooms::new(limits),
            now: Instant::now(),
            inboxes: BTreeMap::new(),
            closed: BTreeMap::new(),
            checked: Vec::new(),
            next: 0,
        }
    }

    pub(crate) fn connect(&mut self) -> ConnectionId {
        self.connect_from(0)
    }

    /// A connection of the host with this number.
    pub(crate) fn connect_from(&mut self, host: u64) -> ConnectionId {
        self.next += 1;
        let connection = ConnectionId(self.next);
        self.rooms.handle_connected(connection, Source(host), self.now);
        self.inboxes.insert(connection, Vec::new());
        self.drain();
        connection
    }

    pub(crate) fn enter(&mut self, hello: Hello) -> ConnectionId {
        let connection = self.connect();
        self.rooms.handle_hello(connection, hello, self.now);
        self.drain();
        connection
    }

    /// A client of the host with this number.
    pub(crate) fn client_of(&mut self, host: u64, name: &str) -> ConnectionId {
        let connection = self.connect_from(host);
        self.rooms.handle_hello(connection, client("home", name, name), self.now);
        self.drain();
        connection
    }

    pub(crate) fn client(&mut self, name: &str) -> ConnectionId {
        self.enter(client("home", name, name))
    }

    pub(crate) fn station(&mut self, name: &str) -> ConnectionId {
        self.enter(station_hello("home", name, name))
    }

    pub(crate) fn says(&mut self, connection: ConnectionId, text: &str) {
        self.rooms.handle_frame(connection, text, self.now);
        self.drain();
    }

    pub(crate) fn leaves(&mut self, connection: ConnectionId) {
        self.rooms.handle_gone(connection);
        self.inboxes.remove(&connection);
        self.drain();
    }

    pub(crate) fn after(&mut self, pause: Duration) {
        self.now += pause;
    }

    pub(crate) fn drain(&mut self) {
        while let Some((connection, output)) = self.rooms.poll_output() {
            match output {
                Output::Send { message, .. } => {
                    assert!(message.text().len() <= MAX_FRAME_BYTES, "a frame that nobody takes");
                    let inbox = self.inboxes.get_mut(&connection).expect("nothing is sent to who is gone");
                    inbox.push(message.content().clone());
                }
                Output::Close(refused) => {
                    assert!(self.inboxes.remove(&connection).is_some(), "only who is there is closed");
                    self.closed.insert(connection, refused);
                }
                Output::Check => self.checked.push(connection),
            }
        }
    }

    /// What a client received since it was last asked.
    pub(crate) fn client_heard(&mut self, connection: ConnectionId) -> Vec<ToClient> {
        let inbox = std::mem::take(self.inboxes.get_mut(&connection).expect("the client is there"));
        inbox.into_iter().map(as_client).collect()
    }

    /// What a station received since it was last asked.
    pub(crate) fn station_heard(&mut self, connection: ConnectionId) -> Vec<ToStation> {
        let inbox = std::mem::take(self.inboxes.get_mut(&connection).expect("the station is there"));
        inbox.into_iter().map(as_station).collect()
    }

    pub(crate) fn refusal(&self, connection: ConnectionId) -> Option<Refusal> {
        self.closed.get(&connection).map(|refused| refused.code)
    }
}

pub(crate) fn as_client(content: Content) -> ToClient {
    match content {
        Content::Client(message) => message,
        Content::Station(message) => panic!("a client received {message:?}"),
    }
}

pub(crate) fn as_station(content: Content) -> ToStation {
    match content {
        Content::Station(message) => message,
        Content::Client(message) => panic!("a station received {message:?}"),
    }
}

pub(crate) fn id(text: &str) -> EndpointId {
    EndpointId::new(text).expect("a good id")
}

pub(crate) fn client(room: &str, id: &str, name: &str) -> Hello {
    let role = serde_json::json!({"kind": "client", "name": name});
    hello(room, id, "r", &role)
}

pub(crate) fn hello(room: &str, id: &str, resume: &str, role: &serde_json::Value) -> Hello {
    let frame = serde_json::json!({
        "type": "hello", "version": 1, "room": room, "id": id, "resume": resume, "role": role,
    });
    read_hello(&frame.to_string()).expect("a good hello")
}

pub(crate) fn station_hello(room: &str, id: &str, name: &str) -> Hello {
    let Station { name, buttons, doors, activity, media, faults, .. } = station(id, name);
    Hello::Hello {
        version: 1,
        room: RoomId::new(room).expect("a good id"),
        id: self::id(id),
        resume: "r".to_owned(),
        secret: None,
        role: Role::Station { name, buttons, doors, activity, media, faults },
    }
}

pub(crate) fn with_resume(hello: Hello, resume: &str) -> Hello {
    let Hello::Hello { version, room, id, resume: _, secret, role } = hello;
    Hello::Hello { version, room, id, resume: resume.to_owned(), secret, role }
}

pub(crate) fn station(id: &str, name: &str) -> Station {
    Station {
        id: self::id(id),
        name: name.to_owned(),
        buttons: vec![Button { id: ButtonId::new("call").expect("a good id"), label: "Front door".to_owned() }],
        doors: vec![Door {
            id: DoorId::new("door").expect("a good id"),
            label: "Front door".to_owned(),
            open_without_ring: false,
        }],
        activity: Activity::Idle,
        media: media(),
        faults: Vec::new(),
    }
}

pub(crate) fn media() -> MediaHealth {
    MediaHealth { camera: Health::Working {}, microphone: Health::Working {}, speaker: Health::Absent {} }
}
