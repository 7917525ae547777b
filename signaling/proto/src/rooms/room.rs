//! One room: who sits in it and what a newcomer is told.

use std::collections::{BTreeMap, HashMap};

use super::frames::Refused;
use super::limits::{MAX_NAME_CHARS, MAX_STATION_BYTES};
use super::outgoing::Outgoing;
use super::{ConnectionId, Kind, Source};
use crate::SIGNALING_VERSION;
use crate::ids::EndpointId;
use crate::signaling::{Client, MAX_FRAME_BYTES, ToClient, ToStation};
use crate::state::{Activity, MediaHealth, Station, StationFault};

/// Who sits in a room, by id. An id is used once per room, whatever its holder is.
#[derive(Debug, Default)]
pub(super) struct Room {
    clients: Seats,
    stations: Seats,
}

pub(super) type Seats = BTreeMap<EndpointId, Seat>;

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) connection: ConnectionId,
    pub(super) source: Source,
    pub(super) resume: Option<String>,
    pub(super) occupant: Occupant,
}

/// Who sits somewhere, with a name and size that were checked.
#[derive(Debug)]
pub(super) enum Occupant {
    Client(Client),
    /// With the message that tells clients about it, kept because every client that comes in needs it.
    Station(Box<Station>, Outgoing),
}

impl Occupant {
    pub(super) fn client(client: Client) -> Result<Self, Refused> {
        check_name("the client's name", &client.name)?;
        Ok(Self::Client(client))
    }

    pub(super) fn station(mut station: Station) -> Result<Self, Refused> {
        check_name("the station's name", &station.name)?;
        let announcement = announce(&mut station)?;
        Ok(Self::Station(Box::new(station), announcement))
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Client(_) => Kind::Client,
            Self::Station(..) => Kind::Station,
        }
    }
}

impl Seat {
    /// Whether a newcomer with this `resume` takes the seat over.
    pub(super) fn yields_to(&self, newcomer: Option<&str>) -> bool {
        match (&self.resume, newcomer) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ours), Some(theirs)) => same(ours, theirs),
        }
    }
}

impl Room {
    pub(super) fn clients(&self) -> &Seats {
        &self.clients
    }

    pub(super) fn stations(&self) -> &Seats {
        &self.stations
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.stations.is_empty()
    }

    pub(super) fn seat(&self, id: &EndpointId) -> Option<&Seat> {
        self.clients.get(id).or_else(|| self.stations.get(id))
    }

    pub(super) fn insert(&mut self, id: EndpointId, seat: Seat) {
        match seat.occupant.kind() {
            Kind::Client => self.clients.insert(id, seat),
            Kind::Station => self.stations.insert(id, seat),
        };
    }

    pub(super) fn remove(&mut self, id: &EndpointId) {
        self.clients.remove(id);
        self.stations.remove(id);
    }

    /// Who makes room in a room that is full: the latest client of the source that has the most, if a newcomer's has at
    /// least two fewer. With one fewer the two would take each other's place for ever.
    pub(super) fn client_to_displace(&self, newcomer: Source) -> Option<ConnectionId> {
        let mut of_source: HashMap<Source, (usize, ConnectionId)> = HashMap::new();
        for seat in self.clients.values() {
            let (count, latest) = of_source.entry(seat.source).or_insert((0, seat.connection));
            *count += 1;
            *latest = (*latest).max(seat.connection);
        }
        let ours = of_source.get(&newcomer).map_or(0, |(count, _)| *count);
        let (most, latest) = of_source.into_values().max()?;
        (most >= ours + 2).then_some(latest)
    }

    /// The new announcement of a station, or `None` when nothing changed.
    pub(super) fn set_status(
        &mut self,
        id: &EndpointId,
        activity: Activity,
        media: MediaHealth,
        faults: Vec<StationFault>,
    ) -> Result<Option<Outgoing>, Refused> {
        let Some(Occupant::Station(station, announcement)) = self.stations.get_mut(id).map(|seat| &mut seat.occupant)
        else {
            return Ok(None);
        };
        if station.activity == activity && station.media == media && station.faults == faults {
            return Ok(None);
        }
        (station.activity, station.media, station.faults) = (activity, media, faults);
        *announcement = announce(station)?;
        Ok(Some(announcement.clone()))
    }

    /// The welcome, with the stations that fit into one frame, and the others one by one.
    pub(super) fn welcome_client(&self) -> Vec<Outgoing> {
        let mut space = WELCOME_BYTES;
        let mut stations = Vec::new();
        let mut later = Vec::new();
        for seat in self.stations.values() {
            let Occupant::Station(station, announcement) = &seat.occupant else {
                continue;
            };
            match space.checked_sub(announcement.text().len()) {
                Some(left) => {
                    space = left;
                    stations.push(Station::clone(station));
                }
                None => later.push(announcement.clone()),
            }
        }
        let welcome = Outgoing::to_client(ToClient::Welcome { version: SIGNALING_VERSION, stations });
        std::iter::once(welcome).chain(later).collect()
    }

    /// The welcome, with the clients that fit into one frame, and the others one by one.
    pub(super) fn welcome_station(&self) -> Vec<Outgoing> {
        let mut space = WELCOME_BYTES;
        let mut clients = Vec::new();
        let mut later = Vec::new();
        for seat in self.clients.values() {
            let Occupant::Client(client) = &seat.occupant else {
                continue;
            };
            match space.checked_sub(longest_text(client)) {
                Some(left) => {
                    space = left;
                    clients.push(client.clone());
                }
                None => later.push(Outgoing::to_station(ToStation::ClientHere { client: client.clone() })),
            }
        }
        let welcome = Outgoing::to_station(ToStation::Welcome { version: SIGNALING_VERSION, clients });
        std::iter::once(welcome).chain(later).collect()
    }
}

/// What a welcome has for its list, beside its own few words.
const WELCOME_BYTES: usize = MAX_FRAME_BYTES - 1024;

/// A client's JSON text has at most this many bytes: six for each byte that must be escaped, and the field names.
fn longest_text(client: &Client) -> usize {
    let name = client.name.bytes().map(|byte| if byte < 0x20 { 6 } else { 1 + usize::from(b"\"\\".contains(&byte)) });
    client.id.as_str().len() + name.sum::<usize>() + 24
}

/// Of more faults than fit, the first ones are told: a large panel with many buttons stuck still rings with the others.
fn announce(station: &mut Station) -> Result<Outgoing, Refused> {
    loop {
        let announcement = Outgoing::to_client(ToClient::Station { station: station.clone() });
        let length = announcement.text().len();
        if length <= MAX_STATION_BYTES {
            return Ok(announcement);
        }
        if station.faults.is_empty() {
            return Err(Refused::malformed(format!(
                "what the station tells about itself has {length} bytes, but at most {MAX_STATION_BYTES} are taken: \
                 shorten its labels and reasons"
            )));
        }
        station.faults.truncate(station.faults.len() / 2);
    }
}

fn check_name(what: &str, name: &str) -> Result<(), Refused> {
    let length = name.chars().count();
    if length > MAX_NAME_CHARS {
        return Err(Refused::malformed(format!(
            "{what} has {length} characters, but at most {MAX_NAME_CHARS} are taken"
        )));
    }
    Ok(())
}

/// Compares without telling by its duration how much was right.
fn same(ours: &str, theirs: &str) -> bool {
    let differences = ours.bytes().zip(theirs.bytes()).fold(0, |seen, (one, other)| seen | (one ^ other));
    ours.len() == theirs.len() && differences == 0
}
