//! A household: its stations and pages, the companion between them, and the network that carries their media.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Once;
use std::time::{Duration, Instant};

use doorway_proto::SIGNALING_VERSION;
use doorway_proto::ids::{EndpointId, RoomId};
use doorway_proto::rooms::{ConnectionId, Content, Limits, Output, Rooms, Source};
use doorway_proto::signaling::{ClientMessage, Hello, Role, StationMessage};

use crate::net::{Net, Weather};
use crate::page::Page;
use crate::station::Shell;

/// What a message takes to the companion, or from it.
const POST: Duration = Duration::from_millis(1);
/// How long an endpoint waits before it comes to a companion that is back.
const COMES_BACK: Duration = Duration::from_millis(500);

enum Mail {
    FromStation(usize, StationMessage),
    FromPage(usize, ClientMessage),
    ToConnection(ConnectionId, Content),
    Closed(ConnectionId),
}

#[derive(Default)]
struct Link {
    connection: Option<ConnectionId>,
    /// When it comes to the companion again.
    comes_at: Option<Instant>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) stations: Vec<Shell>,
    pub(crate) pages: Vec<Page>,
    pub(crate) net: Net,
    rooms: Option<Rooms>,
    station_links: Vec<Link>,
    page_links: Vec<Link>,
    post: VecDeque<(Instant, Mail)>,
    next_connection: u64,
    next_address: u8,
    /// Steps in a row that were due already.
    overdue: usize,
    /// Virtual time that has passed.
    pub(crate) lived: Duration,
}

impl World {
    /// One station and these pages, all of them in the room.
    pub(crate) fn with(pages: &[&str]) -> Self {
        Self::in_weather(Weather::FINE, 1, pages)
    }

    pub(crate) fn in_weather(weather: Weather, seed: u64, pages: &[&str]) -> Self {
        Self::made_of(weather, seed, &["front-door"], pages, 1)
    }

    pub(crate) fn made_of(weather: Weather, seed: u64, stations: &[&str], pages: &[&str], max_talkers: usize) -> Self {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| str0m::crypto::from_feature_flags().install_process_default());
        let now = Instant::now();
        let mut world = Self {
            now,
            stations: Vec::new(),
            pages: Vec::new(),
            net: Net::new(weather, seed),
            rooms: Some(Rooms::new(Limits::default())),
            station_links: Vec::new(),
            page_links: Vec::new(),
            post: VecDeque::new(),
            next_connection: 0,
            next_address: 0,
            overdue: 0,
            lived: Duration::ZERO,
        };
        for name in stations {
            let address = world.address();
            world.stations.push(Shell::new(name, address, max_talkers, now));
            world.station_links.push(Link { connection: None, comes_at: Some(now) });
        }
        for name in pages {
            let address = world.address();
            world.pages.push(Page::new(name, address));
            world.page_links.push(Link { connection: None, comes_at: Some(now + POST) });
        }
        world.pass(Duration::from_millis(50));
        world
    }

    pub(crate) fn address(&mut self) -> SocketAddr {
        self.next_address = self.next_address.wrapping_add(1);
        SocketAddr::from(([10, 0, 0, self.next_address], 4000))
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.lived += duration;
    }

    /// Lets time pass until this is true.
    pub(crate) fn until(&mut self, what: &str, limit: Duration, mut reached: impl FnMut(&Self) -> bool) {
        let (begin, end) = (self.now, self.now + limit);
        while !reached(self) {
            assert!(self.step(end), "{what}: not within {limit:?}");
        }
        self.lived += self.now - begin;
    }

    /// A press of 100 ms.
    pub(crate) fn press(&mut self, station: usize, button: &str) {
        for pressed in [true, false] {
            let now = self.now;
            self.stations[station].engine.handle_button_edge(button.into(), pressed, now, now);
            self.pass(Duration::from_millis(100));
        }
        self.pass(Duration::from_millis(300));
    }

    /// The companion ends or is there again.
    pub(crate) fn companion(&mut self, up: bool) {
        if up == self.rooms.is_some() {
            return;
        }
        if up {
            self.rooms = Some(Rooms::new(Limits::default()));
            for link in self.station_links.iter_mut().chain(&mut self.page_links) {
                link.comes_at = Some(self.now + COMES_BACK);
            }
            return;
        }
        self.rooms = None;
        self.post.clear();
        for index in 0..self.stations.len() {
            self.station_links[index] = Link::default();
            self.stations[index].engine.handle_companion_lost(self.now);
        }
        for index in 0..self.pages.len() {
            self.page_links[index] = Link::default();
            self.pages[index].online = false;
        }
    }

    /// A page goes, without a word to anybody.
    pub(crate) fn close_page(&mut self, page: usize) {
        self.pages[page].reload();
        self.pages[page].online = false;
        self.leave_room(page);
    }

    /// A page is opened, or loaded anew.
    pub(crate) fn open_page(&mut self, page: usize) {
        self.close_page(page);
        self.page_links[page].comes_at = self.rooms.is_some().then_some(self.now + POST);
    }

    /// Its WebSocket breaks, and it comes again.
    pub(crate) fn break_socket(&mut self, page: usize) {
        self.pages[page].online = false;
        self.leave_room(page);
        self.page_links[page].comes_at = self.rooms.is_some().then_some(self.now + COMES_BACK);
    }

    fn leave_room(&mut self, page: usize) {
        self.page_links[page].comes_at = None;
        if let (Some(connection), Some(rooms)) = (self.page_links[page].connection.take(), &mut self.rooms) {
            rooms.handle_gone(connection);
        }
    }

    /// A station gets another address, and notices within two seconds, as its shell looks.
    pub(crate) fn move_station(&mut self, station: usize) {
        let address = self.address();
        self.stations[station].address = address;
        self.pass(Duration::from_secs(2));
        let now = self.now;
        self.stations[station].engine.handle_addresses(vec![address], now);
    }

    pub(crate) fn move_page(&mut self, page: usize) {
        let address = self.address();
        self.pages[page].moves_to(address);
        self.break_socket(page);
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.stations.iter().all(Shell::is_at_rest) && self.pages.iter().all(|page| page.call.is_none())
    }

    /// Does what is due and goes on to the next thing that is, at most to `end`; false once that is reached.
    fn step(&mut self, end: Instant) -> bool {
        self.settle();
        let post = self.post.front().map(|(due, _)| *due);
        let links = self.station_links.iter().chain(&self.page_links).filter_map(|link| link.comes_at);
        let stations = self.stations.iter().filter_map(Shell::poll_timeout);
        let pages = self.pages.iter().filter_map(Page::poll_timeout);
        let due = links.chain(stations).chain(pages).chain(post).chain(self.net.poll_timeout()).min().unwrap_or(end);
        if due >= end {
            self.now = end;
            return false;
        }
        self.overdue = if due <= self.now { self.overdue + 1 } else { 0 };
        assert!(self.overdue < 10_000, "a busy loop: {}", self.who_is_overdue());
        // Who asks for a time that has passed has its turn; a step forward keeps the clock moving.
        self.now = due.max(self.now + Duration::from_micros(50));
        self.deliver();
        true
    }

    fn who_is_overdue(&self) -> String {
        let stations = self.stations.iter().filter_map(|station| station.engine.poll_timeout());
        let stations = stations.filter(|(due, _)| *due <= self.now).map(|(_, reason)| reason.to_owned());
        let pages = self.pages.iter().filter(|page| page.poll_timeout().is_some_and(|due| due <= self.now));
        let pages = pages.map(|page| format!("{} in {:?}", page.id, page.phase()));
        stations.chain(pages).collect::<Vec<_>>().join(", ")
    }

    /// Lets everybody go on until nobody has anything more to say at this instant.
    fn settle(&mut self) {
        let now = self.now;
        for index in 0..self.stations.len() {
            self.stations[index].tick(now);
            let (transmits, messages) = self.stations[index].settle(now);
            // Nothing gets out from an address that the endpoint has no longer.
            for transmit in transmits.into_iter().filter(|transmit| transmit.source == self.stations[index].address) {
                self.net.send(transmit, now);
            }
            for message in messages {
                self.post.push_back((now + POST, Mail::FromStation(index, message)));
            }
        }
        for index in 0..self.pages.len() {
            let (transmits, messages) = self.pages[index].settle(now);
            for transmit in transmits.into_iter().filter(|transmit| transmit.source == self.pages[index].address) {
                self.net.send(transmit, now);
            }
            for message in messages {
                self.post.push_back((now + POST, Mail::FromPage(index, message)));
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        while let Some(datagram) = self.net.poll(now) {
            let to = datagram.destination;
            if let Some(station) = self.stations.iter_mut().find(|station| station.address == to) {
                station.engine.handle_datagram(datagram.source, Some(to.ip()), &datagram.data, now);
            } else if let Some(page) = self.pages.iter_mut().find(|page| page.address == to) {
                page.handle_datagram(datagram.source, to, &datagram.data, now);
            }
        }
        self.come_to_the_companion();
        while self.post.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, mail)) = self.post.pop_front() else { return };
            self.hand_over(mail);
        }
    }

    fn come_to_the_companion(&mut self) {
        let now = self.now;
        let Some(rooms) = &mut self.rooms else { return };
        let room = RoomId::new("home").unwrap();
        for (index, link) in self.station_links.iter_mut().enumerate() {
            if link.comes_at.is_some_and(|at| at <= now) {
                link.comes_at = None;
                self.next_connection += 1;
                let connection = ConnectionId(self.next_connection);
                link.connection = Some(connection);
                rooms.handle_connected(connection, Source(index as u64), now);
                rooms.handle_own_station(connection, room.clone(), self.stations[index].info.clone(), now);
            }
        }
        for (index, link) in self.page_links.iter_mut().enumerate() {
            if link.comes_at.is_some_and(|at| at <= now) {
                link.comes_at = None;
                self.next_connection += 1;
                let connection = ConnectionId(self.next_connection);
                link.connection = Some(connection);
                let id: EndpointId = self.pages[index].id.clone();
                let hello = Hello::Hello {
                    version: SIGNALING_VERSION,
                    room: room.clone(),
                    resume: format!("{id} again"),
                    secret: None,
                    role: Role::Client { name: id.to_string() },
                    id,
                };
                rooms.handle_connected(connection, Source(100 + index as u64), now);
                rooms.handle_hello(connection, hello, now);
                self.pages[index].online = true;
            }
        }
        self.sort();
    }

    /// Puts what the rooms have to say on its way.
    fn sort(&mut self) {
        let Some(rooms) = &mut self.rooms else { return };
        while let Some((connection, output)) = rooms.poll_output() {
            let mail = match output {
                Output::Send { message, .. } => Mail::ToConnection(connection, message.content().clone()),
                Output::Close(_) => Mail::Closed(connection),
                Output::Check => continue,
            };
            self.post.push_back((self.now + POST, mail));
        }
    }

    fn hand_over(&mut self, mail: Mail) {
        let now = self.now;
        match mail {
            Mail::FromStation(index, message) => {
                if let (Some(rooms), Some(connection)) = (&mut self.rooms, self.station_links[index].connection) {
                    rooms.handle_station_message(connection, message, now);
                }
            }
            Mail::FromPage(index, message) => {
                if let (Some(rooms), Some(connection)) = (&mut self.rooms, self.page_links[index].connection) {
                    rooms.handle_frame(connection, &serde_json::to_string(&message).unwrap(), now);
                }
            }
            Mail::ToConnection(connection, content) => match content {
                Content::Station(message) => {
                    let to = self.station_links.iter().position(|link| link.connection == Some(connection));
                    if let Some(index) = to {
                        self.stations[index].engine.handle_companion(message, now);
                    }
                }
                Content::Client(message) => {
                    let to = self.page_links.iter().position(|link| link.connection == Some(connection));
                    if let Some(index) = to {
                        self.pages[index].handle_message(message, now);
                    }
                }
            },
            Mail::Closed(connection) => {
                for (index, link) in self.page_links.iter_mut().enumerate() {
                    if link.connection == Some(connection) {
                        *link = Link { connection: None, comes_at: Some(now + COMES_BACK) };
                        self.pages[index].online = false;
                    }
                }
            }
        }
        self.sort();
    }
}
