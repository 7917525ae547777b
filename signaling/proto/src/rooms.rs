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
use std::time::{Duration, Instant};

pub use frames::{Refused, read_hello};
pub use limits::{Limits, MAX_NAME_CHARS, MAX_RESUME_BYTES, MAX_STATION_BYTES, Rate};
pub use outgoing::{Content, Outgoing};

use crate::SIGNALING_VERSION;
use crate::ids::{EndpointId, RoomId};
use crate::signaling::{
    Client, ClientMessage, ClientSignal, Hello, MAX_FRAME_BYTES, MAX_RING_MS, Role, StationMessage, StationSignal,
    ToClient, ToStation,
};
use crate::state::Station;
use limits::{Bucket, SLOW_AFTER};
use room::{Occupant, Room, Seat};

/// A status goes to every client of the room, so it costs a token more for each so many of them.
const LISTENERS_PER_TOKEN: usize = 8;

/// The shell's number for a connection; it never uses one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The shell's number for where a connection comes from: one for each host as far as it can tell them apart. Places in
/// a room that is full are shared among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub u64);

/// What the shell does with a connection.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send this message.
    Send {
        /// The message.
        message: Outgoing,
        /// Whose doing it is; `None` when it follows from somebody's coming or going.
        from: Option<ConnectionId>,
    },
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
    source: Source,
    frames: Bucket,
    bytes: Bucket,
    place: Option<Place>,
}

/// Where a welcomed endpoint sits.
#[derive(Debug, Clone)]
struct Place {
    room: RoomId,
    id: EndpointId,
    kind: Kind,
    /// The station of the companion's own process.
    is_own: bool,
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
    pub fn handle_connected(&mut self, connection: ConnectionId, source: Source, now: Instant) {
        let (frames, bytes) = (Bucket::full(now), Bucket::full(now));
        self.connections.insert(connection, Connection { source, frames, bytes, place: None });
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
            Role::Station { .. } if !self.limits.foreign_stations => Err(Refused::foreign_station()),
            Role::Station { name, buttons, doors, activity, media, faults } => {
                Occupant::station(Station { id: id.clone(), name, buttons, doors, activity, media, faults })
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
        if !self.charge_bytes(connection, text.len(), now) {
            return;
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

    /// There is no room for a message to `to`, whose oldest one has waited for so long: who reads nothing is closed, and
    /// before that who sends more than anybody can read. The companion's own station is never the one.
    pub fn handle_backlog(&mut self, to: ConnectionId, from: Option<ConnectionId>, waited: Duration) {
        let is_own = |from: &ConnectionId| self.place_of(*from).is_some_and(|place| place.is_own);
        match from.filter(|from| waited < SLOW_AFTER && !is_own(from)) {
            Some(sender) => self.refuse(sender, Refused::flood()),
            None => self.refuse(to, Refused::too_slow()),
        }
    }

    /// The shell refuses a connection: a wrong secret, a frame that is no text, too many guesses.
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
        let source = match self.connections.get(&connection) {
            None => return,
            Some(Connection { place: Some(_), .. }) => {
                return self.refuse(connection, Refused::malformed("the hello was said already"));
            }
            Some(Connection { place: None, source, .. }) => *source,
        };
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
            match self.displaced(&entry.room, kind, source) {
                Some(displaced) => self.refuse(displaced, refused),
                None => return self.refuse(connection, refused),
            }
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
        self.seat(connection, source, entry, kind, now);
    }

    fn seat(&mut self, connection: ConnectionId, source: Source, entry: Entry, kind: Kind, now: Instant) {
        let Entry { room: room_id, id, resume, occupant } = entry;
        let (frames, bytes) = (Bucket::full(now), Bucket::full(now));
        let place = Place { room: room_id.clone(), id: id.clone(), kind, is_own: resume.is_none() };
        self.connections.insert(connection, Connection { source, frames, bytes, place: Some(place) });
        let room = self.rooms.entry(room_id).or_default();
        match &occupant {
            Occupant::Client(client) => {
                self.clients += 1;
                for message in room.welcome_client() {
                    self.output.push_back((connection, Output::Send { message, from: None }));
                }
                let here = Outgoing::to_station(ToStation::ClientHere { client: client.clone() });
                broadcast(&mut self.output, room.stations(), &here, None);
            }
            Occupant::Station(_, announcement) => {
                self.stations += 1;
                for message in room.welcome_station() {
                    self.output.push_back((connection, Output::Send { message, from: None }));
                }
                broadcast(&mut self.output, room.clients(), announcement, None);
            }
        }
        room.insert(id, Seat { connection, source, resume, occupant });
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

    /// Who makes room for a newcomer from `source`, so that one host with many clients keeps no other host's out.
    fn displaced(&self, room: &RoomId, kind: Kind, source: Source) -> Option<ConnectionId> {
        match kind {
            Kind::Client => self.rooms.get(room)?.client_to_displace(source),
            Kind::Station => None,
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
            StationMessage::Status { activity, media, faults } => {
                let listeners = self.rooms.get(&place.room).map_or(0, |room| room.clients().len());
                if !self.charge(connection, listeners / LISTENERS_PER_TOKEN, now) {
                    return;
                }
                let Some(room) = self.rooms.get_mut(&place.room) else {
                    return;
                };
                match room.set_status(&place.id, activity, media, faults) {
                    Ok(Some(announcement)) => {
                        broadcast(&mut self.output, room.clients(), &announcement, Some(connection))
                    }
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
        if let StationSignal::Ring { timeout_ms, .. } = &signal
            && *timeout_ms > MAX_RING_MS
        {
            return self.refuse(connection, Refused::ring_too_long(*timeout_ms));
        }
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
        self.output.push_back((to, Output::Send { message, from: Some(from) }));
    }

    /// An answer to what the connection itself said.
    fn send(&mut self, connection: ConnectionId, message: Outgoing) {
        self.output.push_back((connection, Output::Send { message, from: None }));
    }

    /// Whether the connection may say something now; refuses it when not.
    fn charge(&mut self, connection: ConnectionId, tokens: usize, now: Instant) -> bool {
        let Some(known) = self.connections.get_mut(&connection) else {
            return false;
        };
        let rate = match &known.place {
            // What the companion's own station says follows from what clients say, and those pay for it.
            Some(Place { is_own: true, .. }) => return true,
            Some(Place { kind: Kind::Station, .. }) => self.limits.station_rate,
            Some(Place { kind: Kind::Client, .. }) | None => self.limits.client_rate,
        };
        if known.frames.take(tokens, rate, now) {
            return true;
        }
        self.refuse(connection, Refused::too_fast("frames", rate));
        false
    }

    /// As [`charge`](Self::charge), for the length of what it says.
    fn charge_bytes(&mut self, connection: ConnectionId, bytes: usize, now: Instant) -> bool {
        let Some(known) = self.connections.get_mut(&connection) else {
            return false;
        };
        let rate = match &known.place {
            Some(Place { is_own: true, .. }) => return true,
            Some(Place { kind: Kind::Station, .. }) => self.limits.station_bytes,
            Some(Place { kind: Kind::Client, .. }) | None => self.limits.client_bytes,
        };
        if known.bytes.take(bytes, rate, now) {
            return true;
        }
        self.refuse(connection, Refused::too_fast("bytes", rate));
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
        let Some(Place { room: room_id, id, kind, .. }) = self.unseat(connection) else {
            return true;
        };
        let Some(room) = self.rooms.get(&room_id) else {
            return true;
        };
        match kind {
            Kind::Client => {
                let gone = Outgoing::to_station(ToStation::ClientGone { id });
                broadcast(&mut self.output, room.stations(), &gone, None);
            }
            Kind::Station => {
                let gone = Outgoing::to_client(ToClient::StationGone { id });
                broadcast(&mut self.output, room.clients(), &gone, None);
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

fn broadcast(
    output: &mut VecDeque<(ConnectionId, Output)>,
    seats: &room::Seats,
    message: &Outgoing,
    from: Option<ConnectionId>,
) {
    output.extend(seats.values().map(|seat| (seat.connection, Output::Send { message: message.clone(), from })));
}
