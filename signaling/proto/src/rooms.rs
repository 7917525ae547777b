//! Who is in which room, and what the companion sends to whom.
//!
//! Pure: the caller owns the sockets and the clock. One call of a `handle_*` function, then [`Rooms::poll_output`]
//! until it returns `None`.
//!
//! A message for many connections is one [`Outgoing`] that they share; its JSON text is made once.

mod frames;
mod limits;
mod outgoing;
mod room;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

pub use frames::{Refused, read_hello};
pub use limits::{Limits, MAX_NAME_CHARS, MAX_RESUME_BYTES, MAX_STATION_BYTES, Rate};
pub use outgoing::{Content, Outgoing};

use crate::SIGNALING_VERSION;
use crate::ids::{EndpointId, RoomId};
use crate::signaling::{
    Client, ClientMessage, ClientSignal, Hello, MAX_FRAME_BYTES, Role, StationMessage, StationSignal, ToClient,
    ToStation,
};
use crate::state::Station;
use limits::Bucket;
use room::{Occupant, Room, Seat};

/// A status goes to every client of the room, so it costs a token more for each so many of them.
const LISTENERS_PER_TOKEN: usize = 8;

/// The shell's number for a connection; it never uses one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the shell does with a connection.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send this message.
    Send(Outgoing),
    /// Tell the endpoint why and close. The connection is forgotten already: nothing further is sent to it.
    Close(Refused),
    /// Somebody wants this endpoint's id: find out at once whether the endpoint is still there, so that a station
    /// that lost its power is not kept out by its own ghost.
    Check,
}

/// How many are connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rooms with somebody in them.
    pub rooms: usize,
    /// Clients that were welcomed.
    pub clients: usize,
    /// Stations that were welcomed.
    pub stations: usize,
}

/// All rooms of a companion.
#[derive(Debug)]
pub struct Rooms {
    limits: Limits,
    connections: HashMap<ConnectionId, Connection>,
    rooms: HashMap<RoomId, Room>,
    clients: usize,
    stations: usize,
    output: VecDeque<(ConnectionId, Output)>,
}

#[derive(Debug)]
struct Connection {
    bucket: Bucket,
    place: Option<Place>,
}

/// Where a welcomed endpoint sits.
#[derive(Debug, Clone)]
struct Place {
    room: RoomId,
    id: EndpointId,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Client,
    Station,
}

/// What a hello asks for, once it was checked.
struct Entry {
    room: RoomId,
    id: EndpointId,
    /// `None` for the station in the companion's own process, which owns its id.
    resume: Option<String>,
    occupant: Occupant,
}

impl Rooms {
    /// No rooms; they come with their first endpoint and go with their last.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: HashMap::new(),
            rooms: HashMap::new(),
            clients: 0,
            stations: 0,
            output: VecDeque::new(),
        }
    }

    /// A connection was opened; it has said nothing yet.
    pub fn handle_connected(&mut self, connection: ConnectionId, now: Instant) {
        self.connections.insert(connection, Connection { bucket: Bucket::full(now), place: None });
    }

    /// The first message of a connection. Whether its secret is right is for the shell to check before.
    pub fn handle_hello(&mut self, connection: ConnectionId, hello: Hello, now: Instant) {
        let Hello::Hello { version, room, id, resume, secret: _, role } = hello;
        if version != SIGNALING_VERSION {
            return self.refuse(connection, Refused::version(version));
        }
        if resume.is_empty() || resume.len() > MAX_RESUME_BYTES {
            let why = format!("`resume` has {} bytes, but must have 1 to {MAX_RESUME_BYTES}", resume.len());
            return self.refuse(connection, Refused::malformed(why));
        }
        let occupant = match role {
            Role::Client { name } => Occupant::client(Client { id: id.clone(), name }),
            Role::Station { name, buttons, doors, activity, media } => {
                Occupant::station(Station { id: id.clone(), name, buttons, doors, activity, media })
            }
        };
        match occupant {
            Ok(occupant) => self.enter(connection, Entry { room, id, resume: Some(resume), occupant }, now),
            Err(refused) => self.refuse(connection, refused),
        }
    }

    /// The station of the companion's own process comes in. It owns its id: whoever holds it is replaced, and nobody
    /// replaces it but itself.
    pub fn handle_own_station(&mut self, connection: ConnectionId, room: RoomId, station: Station, now: Instant) {
        let id = station.id.clone();
        match Occupant::station(station) {
            Ok(occupant) => self.enter(connection, Entry { room, id, resume: None, occupant }, now),
            Err(refused) => self.refuse(connection, refused),
        }
    }

    /// A text frame of a connection whose hello was handled.
    pub fn handle_frame(&mut self, connection: ConnectionId, text: &str, now: Instant) {
        if !self.charge(connection, 1, now) {
            return;
        }
        if text.len() > MAX_FRAME_BYTES {
            return self.refuse(connection, Refused::too_large(text.len()));
        }
        let Some(place) = self.place_of(connection) else {
            return self.refuse(connection, Refused::malformed("the first frame must be a `hello`"));
        };
        let handled = match place.kind {
            Kind::Client => serde_json::from_str(text).map(|message| self.client_says(connection, place, message)),
            Kind::Station => {
                serde_json::from_str(text).map(|message| self.station_says(connection, place, message, now))
            }
        };
        if let Err(error) = handled {
            self.refuse(connection, Refused::unreadable(&error));
        }
    }

    /// The same as [`handle_frame`](Self::handle_frame) for a station whose messages need no parsing.
    pub fn handle_station_message(&mut self, connection: ConnectionId, message: StationMessage, now: Instant) {
        if !self.charge(connection, 1, now) {
            return;
        }
        match self.place_of(connection) {
            Some(place) if place.kind == Kind::Station => self.station_says(connection, place, message, now),
            Some(_) | None => self.refuse(connection, Refused::malformed("this connection is no station's")),
        }
    }

    /// A frame without content, such as a WebSocket ping: it counts towards the rate and that is all.
    pub fn handle_empty_frame(&mut self, connection: ConnectionId, now: Instant) {
        self.charge(connection, 1, now);
    }

    /// The shell refuses a connection: a wrong secret, a frame that is no text, an endpoint that reads too slowly.
    pub fn handle_refused(&mut self, connection: ConnectionId, refused: Refused) {
        self.refuse(connection, refused);
    }

    /// A connection is gone, whoever closed it.
    pub fn handle_gone(&mut self, connection: ConnectionId) {
        self.forget(connection);
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<(ConnectionId, Output)> {
        let next = self.output.pop_front();
        if next.is_none() && self.output.capacity() > 64 {
            self.output = VecDeque::new();
        }
        next
    }

    /// How many are connected now.
    pub fn counts(&self) -> Counts {
        Counts { rooms: self.rooms.len(), clients: self.clients, stations: self.stations }
    }

    fn enter(&mut self, connection: ConnectionId, entry: Entry, now: Instant) {
        match self.connections.get(&connection) {
            None => return,
            Some(Connection { place: Some(_), .. }) => {
                return self.refuse(connection, Refused::malformed("the hello was said already"));
            }
            Some(Connection { place: None, .. }) => {}
        }
        let kind = entry.occupant.kind();
        let ghost = self.rooms.get(&entry.room).and_then(|room| room.seat(&entry.id));
        let ghost = match ghost {
            Some(seat) if !seat.yields_to(entry.resume.as_deref()) => {
                self.output.push_back((seat.connection, Output::Check));
                return self.refuse(connection, Refused::id_taken(&entry.id));
            }
            Some(seat) => Some((seat.connection, seat.occupant.kind())),
            None => None,
        };
        // A ghost of the same kind gives its place to the newcomer, so a full room does not keep anybody from coming
        // back.
        if ghost.is_none_or(|(_, ghosts)| ghosts != kind)
            && let Some(refused) = self.full(&entry.room, kind)
        {
            return self.refuse(connection, refused);
        }
        match ghost {
            // The others learn of the newcomer by a second `client_here` or `station`: there is no moment in which
            // the endpoint is away, so a call that it is in goes on.
            Some((ghost, ghosts)) if ghosts == kind => {
                self.unseat(ghost);
                self.output.push_back((ghost, Output::Close(Refused::replaced())));
            }
            Some((ghost, _)) => self.refuse(ghost, Refused::replaced()),
            None => {}
        }
        self.seat(connection, entry, kind, now);
    }

    fn seat(&mut self, connection: ConnectionId, entry: Entry, kind: Kind, now: Instant) {
        let Entry { room: room_id, id, resume, occupant } = entry;
        let bucket = Bucket::full(now);
        let place = Place { room: room_id.clone(), id: id.clone(), kind };
        self.connections.insert(connection, Connection { bucket, place: Some(place) });
        let room = self.rooms.entry(room_id).or_default();
        match &occupant {
            Occupant::Client(client) => {
                self.clients += 1;
                for message in room.welcome_client() {
                    self.output.push_back((connection, Output::Send(message)));
                }
                let here = Outgoing::to_station(ToStation::ClientHere { client: client.clone() });
                broadcast(&mut self.output, room.stations(), &here);
            }
            Occupant::Station(_, announcement) => {
                self.stations += 1;
                for message in room.welcome_station() {
                    self.output.push_back((connection, Output::Send(message)));
                }
                broadcast(&mut self.output, room.clients(), announcement);
            }
        }
        room.insert(id, Seat { connection, resume, occupant });
    }

    fn full(&self, room_id: &RoomId, kind: Kind) -> Option<Refused> {
        let limits = &self.limits;
        if self.clients + self.stations >= limits.endpoints {
            return Some(Refused::full(format!("the companion has {} endpoints, its limit", limits.endpoints)));
        }
        let Some(room) = self.rooms.get(room_id) else {
            return (self.rooms.len() >= limits.rooms)
                .then(|| Refused::full(format!("the companion has {} rooms, its limit", limits.rooms)));
        };
        match kind {
            Kind::Client => (room.clients().len() >= limits.clients_per_room)
                .then(|| Refused::full(format!("the room has {} clients, its limit", limits.clients_per_room))),
            Kind::Station => (room.stations().len() >= limits.stations_per_room)
                .then(|| Refused::full(format!("the room has {} stations, its limit", limits.stations_per_room))),
        }
    }

    fn client_says(&mut self, connection: ConnectionId, place: Place, message: ClientMessage) {
        match message {
            ClientMessage::Ping {} => self.send(connection, Outgoing::to_client(ToClient::Pong {})),
            ClientMessage::Signal { to, signal } => self.pass_to_station(connection, place, to, signal),
        }
    }

    fn station_says(&mut self, connection: ConnectionId, place: Place, message: StationMessage, now: Instant) {
        match message {
            StationMessage::Ping {} => self.send(connection, Outgoing::to_station(ToStation::Pong {})),
            StationMessage::Signal { to, signal } => self.pass_to_client(connection, place, to, signal),
            StationMessage::Status { activity, media } => {
                let listeners = self.rooms.get(&place.room).map_or(0, |room| room.clients().len());
                if !self.charge(connection, listeners / LISTENERS_PER_TOKEN, now) {
                    return;
                }
                let Some(room) = self.rooms.get_mut(&place.room) else {
                    return;
                };
                match room.set_status(&place.id, activity, media) {
                    Ok(Some(announcement)) => broadcast(&mut self.output, room.clients(), &announcement),
                    Ok(None) => {}
                    Err(refused) => self.refuse(connection, refused),
                }
            }
        }
    }

    fn pass_to_station(&mut self, connection: ConnectionId, place: Place, to: EndpointId, signal: ClientSignal) {
        let addressed = self.rooms.get(&place.room).and_then(|room| room.stations().get(&to));
        match addressed.map(|seat| seat.connection) {
            Some(station) => {
                let message = Outgoing::to_station(ToStation::Signal { from: place.id, signal });
                self.forward(connection, station, message);
            }
            None => self.send(connection, Outgoing::to_client(ToClient::Undeliverable { to })),
        }
    }

    fn pass_to_client(&mut self, connection: ConnectionId, place: Place, to: EndpointId, signal: StationSignal) {
        let addressed = self.rooms.get(&place.room).and_then(|room| room.clients().get(&to));
        match addressed.map(|seat| seat.connection) {
            Some(client) => {
                let message = Outgoing::to_client(ToClient::Signal { from: place.id, signal });
                self.forward(connection, client, message);
            }
            None => self.send(connection, Outgoing::to_station(ToStation::Undeliverable { to })),
        }
    }

    /// The sender answers for the length: its id may be longer than the address that it replaces, and a frame that
    /// is too large would cost the receiver its connection.
    fn forward(&mut self, from: ConnectionId, to: ConnectionId, message: Outgoing) {
        let length = message.text().len();
        if length > MAX_FRAME_BYTES {
            return self.refuse(from, Refused::too_large(length));
        }
        self.send(to, message);
    }

    fn send(&mut self, connection: ConnectionId, message: Outgoing) {
        self.output.push_back((connection, Output::Send(message)));
    }

    /// Whether the connection may say something now; refuses it when not.
    fn charge(&mut self, connection: ConnectionId, tokens: usize, now: Instant) -> bool {
        let Some(known) = self.connections.get_mut(&connection) else {
            return false;
        };
        let rate = match &known.place {
            Some(Place { kind: Kind::Station, .. }) => self.limits.station_rate,
            Some(Place { kind: Kind::Client, .. }) | None => self.limits.client_rate,
        };
        if known.bucket.take(tokens, rate, now) {
            return true;
        }
        self.refuse(connection, Refused::too_fast(rate));
        false
    }

    fn place_of(&self, connection: ConnectionId) -> Option<Place> {
        self.connections.get(&connection)?.place.clone()
    }

    fn refuse(&mut self, connection: ConnectionId, refused: Refused) {
        if self.forget(connection) {
            self.output.push_back((connection, Output::Close(refused)));
        }
    }

    /// Takes a connection out and tells the others; whether it was there.
    fn forget(&mut self, connection: ConnectionId) -> bool {
        if !self.connections.contains_key(&connection) {
            return false;
        }
        let Some(Place { room: room_id, id, kind }) = self.unseat(connection) else {
            return true;
        };
        let Some(room) = self.rooms.get(&room_id) else {
            return true;
        };
        match kind {
            Kind::Client => {
                let gone = Outgoing::to_station(ToStation::ClientGone { id });
                broadcast(&mut self.output, room.stations(), &gone);
            }
            Kind::Station => {
                let gone = Outgoing::to_client(ToClient::StationGone { id });
                broadcast(&mut self.output, room.clients(), &gone);
            }
        }
        if room.is_empty() {
            self.rooms.remove(&room_id);
        }
        true
    }

    /// Takes a connection out without a word; leaves its room behind, maybe empty.
    fn unseat(&mut self, connection: ConnectionId) -> Option<Place> {
        let place = self.connections.remove(&connection)?.place?;
        if let Some(room) = self.rooms.get_mut(&place.room) {
            room.remove(&place.id);
        }
        match place.kind {
            Kind::Client => self.clients -= 1,
            Kind::Station => self.stations -= 1,
        }
        Some(place)
    }
}

fn broadcast(output: &mut VecDeque<(ConnectionId, Output)>, seats: &room::Seats, message: &Outgoing) {
    output.extend(seats.values().map(|seat| (seat.connection, Output::Send(message.clone()))));
}
