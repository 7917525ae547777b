//! A door station's calls: the core's decisions carried out as far as that takes no hardware.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_core::congestion::estimate_for;
use doorway_core::indicator::{Chime, Indicator};
use doorway_core::{
    Action, Activity, ButtonId, CallView, ClientId, DoorId, Fault, Input, Leg, Record, Requester, Ring, UnlockOutcome,
};
use doorway_proto::control::{Event as ControlEvent, Request};
use doorway_proto::signaling::{Client, ClientSignal, StationMessage, StationSignal, ToStation};
use doorway_proto::state::{Button, Health, MediaHealth, StationFault};
use str0m::net::Transmit;

use crate::forward::Forward;
use crate::impairment::ImpairmentSettings;
use crate::peer::{PeerError, PeerEvent, PeerFactory};
use crate::peers::{Peers, PeersOutput};
use crate::timeline::{Marks, Timeline, WallClock};
use crate::wire;

/// How often connections get another turn in one go because of what they brought about.
const MAX_TURNS: usize = 8;

/// What a station is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the core goes by.
    pub core: doorway_core::Settings,
    /// The call buttons as clients see them.
    pub buttons: Vec<Button>,
    /// What works of camera and sound, as far as it is known.
    pub media: MediaHealth,
    /// What the picture may take for each client.
    pub max_bitrate_bps: u32,
    /// The UDP port at which clients reach the station.
    pub port: u16,
    /// A bad network to try things with.
    pub impairment: ImpairmentSettings,
}

/// Why no station can be made.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The core's settings contradict themselves.
    #[error(transparent)]
    Core(#[from] doorway_core::SettingsError),
    /// There is no certificate for the connections.
    #[error(transparent)]
    Peers(#[from] PeerError),
}

/// An encoded picture.
#[derive(Debug, Clone)]
pub struct Picture {
    /// An access unit in Annex B; keyframes begin with their parameter sets.
    pub data: Arc<[u8]>,
    /// Whether a decoder can begin here.
    pub keyframe: bool,
    /// When it was taken.
    pub captured_at: Instant,
}

/// A packet of the visitor's voice.
#[derive(Debug, Clone)]
pub struct Sound {
    /// The Opus packet.
    pub data: Arc<[u8]>,
    /// When it begins, in samples at 48 kHz since sound started.
    pub timestamp: u64,
    /// When its first sample was captured.
    pub captured_at: Instant,
}

/// What the shell has to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram.
    Transmit(Transmit),
    /// Tell the companion. A status goes to whoever else shows the station, too; a ring is reported by
    /// [`Station::handle_ring_sent`].
    Signal(StationMessage),
    /// Move a relay, then report it by [`Station::handle_relay`].
    MoveRelay {
        /// The door.
        door: DoorId,
        /// Whether to energise it.
        energise: bool,
    },
    /// Show this to the visitor.
    Light(Indicator),
    /// Something for camera, microphone or speaker.
    Media(MediaCommand),
    /// Something happened that others may want to know.
    Event(Event),
}

/// What camera, microphone and speaker have to do.
#[derive(Debug)]
pub enum MediaCommand {
    /// Turn the camera on, or off soon.
    Video {
        /// Whether somebody is to see the visitor.
        on: bool,
    },
    /// Turn microphone and speaker on, or off once the last chime is over.
    Sound {
        /// Whether the visitor is to hear something, or to be heard.
        on: bool,
    },
    /// Open or shut the way between the visitor and whoever talks.
    Talk {
        /// Whether somebody talks.
        on: bool,
    },
    /// Play this to the visitor.
    Chime(Chime),
    /// Play a packet of the household's voice.
    Play(crate::peer::SoundPacket),
    /// Make the next picture a keyframe.
    Keyframe,
    /// Take so many bits per second from now on.
    Bitrate(u32),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A press passed the filter.
    PressAccepted(ButtonId),
    /// For whoever keeps a history.
    Record(Record),
    /// What became of a request for a door.
    Unlock {
        /// The door.
        door: DoorId,
        /// What became of it.
        outcome: UnlockOutcome,
    },
    /// Something is wrong that an installer should know, or is right again.
    Fault {
        /// What.
        fault: Fault,
        /// Whether it is wrong now.
        present: bool,
    },
    /// Something took so long.
    Took(Timing, Duration),
    /// There are so many connections now.
    Peers(usize),
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timing {
    /// From the contact to each ring message.
    PressToRing,
    /// From the contact to the first client's receipt.
    PressToReceipt,
    /// From the contact to a client's media connection.
    PressToConnected,
    /// From the contact to the first picture that is sent.
    PressToPicture,
    /// From the answer to the first sound of the one who answered.
    AnswerToSound,
}

/// What keeps a press from doing what it should.
#[derive(Debug, Default)]
struct Trouble {
    media: bool,
    companion: bool,
    buttons_lost: Option<String>,
}

/// A door station's calls. See the [crate] for its run loop.
pub struct Station {
    core: doorway_core::Station,
    peers: Peers,
    forward: Forward,
    timeline: Timeline,
    clock: WallClock,
    buttons: Vec<Button>,
    media: MediaHealth,
    activity: Activity,
    clients: BTreeSet<ClientId>,
    trouble: Trouble,
    now: Instant,
    turns_left: usize,
    /// What is to be handed out first. Bounded by what one input brings about.
    outputs: VecDeque<Output>,
}

impl Station {
    /// A station at rest. Its first outputs tell its light and status.
    ///
    /// # Errors
    /// When the settings contradict themselves, or the crypto library makes no certificate.
    pub fn new(settings: Settings, clock: WallClock) -> Result<Self, SettingsError> {
        let Settings { core, buttons, media, max_bitrate_bps, port, impairment } = settings;
        let factory = PeerFactory::new(estimate_for(max_bitrate_bps.into()))?;
        Ok(Self {
            core: doorway_core::Station::new(core)?,
            peers: Peers::new(factory, port, impairment),
            forward: Forward::new(max_bitrate_bps),
            timeline: Timeline::default(),
            clock,
            buttons,
            media,
            activity: Activity::Idle,
            clients: BTreeSet::new(),
            trouble: Trouble { companion: true, ..Trouble::default() },
            now: clock.at,
            turns_left: 0,
            outputs: VecDeque::new(),
        })
    }

    /// Takes the time of day.
    pub fn handle_wall_clock(&mut self, clock: WallClock) {
        self.clock = clock;
    }

    /// A button's line changed. Feed all edges that wait before a timeout that is due.
    pub fn handle_button_edge(&mut self, button: ButtonId, pressed: bool, at: Instant, now: Instant) {
        self.decide(Input::ButtonEdge { button, pressed, at }, now);
    }

    /// A button's level was read, at start or after edges were lost.
    pub fn handle_button_level(&mut self, button: ButtonId, pressed: bool, now: Instant) {
        self.decide(Input::ButtonLevel { button, pressed }, now);
    }

    /// Buttons are no longer reported, for a reason that an installer can read.
    pub fn handle_buttons_lost(&mut self, reason: String, now: Instant) {
        self.trouble.buttons_lost = Some(reason);
        self.tell_trouble(now);
        self.tell_status();
    }

    /// A relay moved as told, or by itself, or could not be moved.
    pub fn handle_relay(&mut self, door: DoorId, energised: bool, failure: Option<String>, now: Instant) {
        let input = match failure {
            None => Input::RelayActed { door, energised },
            Some(message) => Input::RelayFailed { door, energised, message },
        };
        self.decide(input, now);
    }

    /// The companion said something; the first thing is always its welcome.
    pub fn handle_companion(&mut self, message: ToStation, now: Instant) {
        match message {
            ToStation::Welcome { clients, .. } => {
                self.trouble.companion = false;
                self.tell_trouble(now);
                self.clients.clear();
                self.tell_status();
                for client in clients {
                    self.client_here(&client, now);
                }
            }
            ToStation::ClientHere { client } => self.client_here(&client, now),
            ToStation::ClientGone { id } => {
                let client = wire::client_id(&id);
                self.clients.remove(&client);
                self.decide(Input::ClientGone { client }, now);
            }
            ToStation::Signal { from, signal } => self.handle_signal(wire::client_id(&from), signal, now),
            ToStation::Refused { message, .. } => tracing::warn!(%message, "the companion refuses this station"),
            ToStation::Undeliverable { .. } | ToStation::Pong {} => {}
        }
    }

    /// The companion is out of reach.
    pub fn handle_companion_lost(&mut self, now: Instant) {
        self.trouble.companion = true;
        self.tell_trouble(now);
        self.clients.clear();
        self.decide(Input::CompanionLost, now);
    }

    /// A datagram came, to the local address that the kernel says.
    pub fn handle_datagram(&mut self, source: SocketAddr, local: Option<IpAddr>, data: &[u8], now: Instant) {
        self.begin(now);
        self.peers.handle_datagram(source, local, data, now);
    }

    /// The addresses that the station has now. Tell them before a call begins, and while one is on.
    pub fn handle_addresses(&mut self, addresses: Vec<SocketAddr>, now: Instant) {
        self.begin(now);
        for (leg, candidate) in self.peers.handle_addresses(addresses, now) {
            tracing::debug!("a new address is offered to a client of the call");
            self.signal(&leg.client, StationSignal::Candidate { call: wire::call_id(leg.call), candidate });
        }
    }

    /// The encoder made a picture.
    pub fn handle_picture(&mut self, picture: &Picture, now: Instant) {
        self.begin(now);
        let Picture { data, keyframe, captured_at } = picture;
        self.peers.send_picture(data, *keyframe, *captured_at, now);
        if *keyframe && self.peers.is_anybody_connected() {
            self.took(Timing::PressToPicture, |timeline| timeline.handle_picture_sent(now));
        }
        if *keyframe && self.peers.awaits_keyframe() {
            self.forward.handle_join(now);
        }
    }

    /// The microphone made a packet.
    pub fn handle_sound(&mut self, sound: &Sound, now: Instant) {
        self.begin(now);
        let Sound { data, timestamp, captured_at } = sound;
        for client in self.forward.listeners() {
            self.peers.send_sound(client, data, *timestamp, *captured_at, now);
        }
    }

    /// A ring message was handed to the companion, at this instant: what was made before it took time.
    pub fn handle_ring_sent(&mut self, now: Instant) {
        self.begin(now);
        self.took(Timing::PressToRing, |timeline| timeline.handle_ring_sent(now));
    }

    /// A keyframe is wanted by something else than a client.
    pub fn handle_keyframe_request(&mut self, now: Instant) {
        self.begin(now);
        self.forward.handle_keyframe_request(now);
    }

    /// What works of camera and sound has changed.
    pub fn handle_media_health(&mut self, media: MediaHealth, now: Instant) {
        self.begin(now);
        let devices = [&media.camera, &media.microphone, &media.speaker];
        self.trouble.media = devices.into_iter().any(|health| matches!(health, Health::Missing { .. }));
        self.media = media;
        self.tell_trouble(now);
        self.peers.send_control_to_all(&ControlEvent::Media { media: self.media.clone() }, now);
        self.tell_status();
    }

    /// The station closes down. Go on driving it until [`Self::is_finished`].
    pub fn handle_shutdown(&mut self, now: Instant) {
        self.decide(Input::Shutdown, now);
    }

    /// Lets time pass. Feed the button edges that wait first.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin(now);
        if self.core.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.core.handle_timeout(now);
        }
        self.forward.handle_timeout(now);
        self.turns_left = MAX_TURNS;
    }

    /// The next thing to do. Drain it after each input and timeout.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if let Some(action) = self.core.poll_action() {
                self.act(action);
                continue;
            }
            match self.peers.poll_output(self.now) {
                Some(PeersOutput::Transmit(transmit)) => return Some(Output::Transmit(transmit)),
                Some(PeersOutput::Event(leg, event)) => {
                    self.handle_peer(leg, event);
                    continue;
                }
                None => {}
            }
            if self.forward.poll_keyframe() {
                return Some(Output::Media(MediaCommand::Keyframe));
            }
            if let Some(bps) = self.forward.poll_bitrate() {
                return Some(Output::Media(MediaCommand::Bitrate(bps)));
            }
            // What was told to a connection meanwhile goes out now.
            let due = self.peers.poll_timeout().is_some_and(|(due, _)| due <= self.now);
            if !due || self.turns_left == 0 {
                return None;
            }
            self.turns_left -= 1;
            self.peers.handle_timeout(self.now);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let all = [self.core.poll_timeout(), self.forward.poll_timeout(), self.peers.poll_timeout()];
        all.into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// Whether a decision is due that button edges which wait have to come before.
    pub fn is_decision_due(&self, now: Instant) -> bool {
        self.core.poll_timeout().is_some_and(|(due, _)| due <= now)
    }

    /// Whether the station has closed down and every relay was reported released: the process may end.
    pub fn is_finished(&self) -> bool {
        self.core.is_finished()
    }

    /// What the station does.
    pub fn activity(&self) -> Activity {
        self.core.activity()
    }

    /// The call as it is now.
    pub fn call(&self) -> Option<CallView> {
        self.core.call()
    }

    /// Each door, and whether its relay was reported energised.
    pub fn doors(&self) -> impl Iterator<Item = (&DoorId, bool)> {
        self.core.doors()
    }

    /// What is wrong with buttons and relays, and why buttons are not reported.
    pub fn faults(&self) -> (impl Iterator<Item = Fault>, Option<&str>) {
        (self.core.faults(), self.trouble.buttons_lost.as_deref())
    }

    /// Moments of the last call that was rung.
    pub fn marks(&self) -> &Marks {
        &self.timeline.marks
    }

    /// How many connections there are.
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// How many clients are in the room, and whether the companion is within reach.
    pub fn room(&self) -> (usize, bool) {
        (self.clients.len(), !self.trouble.companion)
    }

    fn begin(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn decide(&mut self, input: Input, now: Instant) {
        self.begin(now);
        self.core.handle_input(input, now);
    }

    fn client_here(&mut self, client: &Client, now: Instant) {
        let id = wire::client_id(&client.id);
        self.clients.insert(id.clone());
        self.decide(Input::ClientHere { client: id, name: client.name.as_str().into() }, now);
    }

    fn handle_signal(&mut self, client: ClientId, signal: ClientSignal, now: Instant) {
        let leg = |call| wire::leg(&client, &call);
        let input = match signal {
            ClientSignal::Watch {} => Some(Input::Watch { client }),
            ClientSignal::Rang { call } => leg(call).map(Input::Rang),
            ClientSignal::Accept { call } => leg(call).map(Input::Accept),
            ClientSignal::Decline { call } => leg(call).map(Input::Decline),
            ClientSignal::Reconnect { call } => leg(call).map(Input::Reconnect),
            ClientSignal::HangUp { call } => leg(call).map(Input::HangUp),
            ClientSignal::Candidate { call, candidate } => {
                if let Some(leg) = leg(call) {
                    self.peers.handle_candidate(&leg, &candidate, now);
                }
                None
            }
            ClientSignal::Answer { call, answer } => leg(call).and_then(|leg| self.handle_answer(leg, &answer, now)),
        };
        self.begin(now);
        if let Some(input) = input {
            self.core.handle_input(input, now);
        }
    }

    fn handle_answer(&mut self, leg: Leg, answer: &str, now: Instant) -> Option<Input> {
        match self.peers.handle_answer(&leg, answer, now) {
            Ok(()) | Err(PeerError::AlreadyAnswered | PeerError::OtherOffer) => None,
            Err(error) => {
                // The parser's words may quote the SDP.
                tracing::info!(client = %leg.client, "a client's answer was not taken");
                tracing::debug!(client = %leg.client, %error, "why the answer was not taken");
                Some(Input::Malformed(leg))
            }
        }
    }

    fn handle_peer(&mut self, leg: Leg, event: PeerEvent) {
        let now = self.now;
        let client = &leg.client;
        let input = match event {
            PeerEvent::Connected => {
                if self.core.activity() == Activity::Ringing {
                    self.took(Timing::PressToConnected, |timeline| timeline.since_press(now));
                }
                self.forward.handle_join(now);
                Input::PeerConnected(leg)
            }
            PeerEvent::KeyframeWanted => return self.forward.handle_keyframe_request(now),
            PeerEvent::Sound(packet) => {
                if self.forward.is_heard(client) {
                    self.took(Timing::AnswerToSound, |timeline| timeline.handle_sound(now));
                    self.outputs.push_back(Output::Media(MediaCommand::Play(packet)));
                }
                return;
            }
            PeerEvent::Estimate(bps) => return self.forward.handle_estimate(client, bps),
            PeerEvent::HandshakeFailed => {
                tracing::info!(%client, "a client's encryption could not be agreed on; its browser may be too old");
                Input::HandshakeFailed(leg)
            }
            PeerEvent::ChannelMissing => {
                tracing::info!(%client, "a client's data channel did not open; it can talk, but open no door");
                return self.signal(client, StationSignal::ChannelMissing { call: wire::call_id(leg.call) });
            }
            PeerEvent::Lost => Input::PeerLost(leg),
            PeerEvent::Malformed(message) => {
                tracing::info!(%client, "a client sent what is no request");
                self.peers.send_control(client, &ControlEvent::Malformed { message }, now);
                Input::Malformed(leg)
            }
            PeerEvent::Request(Request::Accept {}) => Input::Accept(leg),
            PeerEvent::Request(Request::Decline {}) => Input::Decline(leg),
            PeerEvent::Request(Request::HangUp {}) => Input::HangUp(leg),
            PeerEvent::Request(Request::Unlock { request, door }) => {
                let requester = Requester::Participant { leg, request };
                Input::Unlock { requester, door: DoorId::new(door.as_str()) }
            }
            PeerEvent::Request(Request::Ping { token }) => {
                self.peers.send_control(client, &ControlEvent::Pong { token }, now);
                return;
            }
        };
        self.core.handle_input(input, now);
    }

    /// Does what the core decided, as far as it takes no hardware.
    fn act(&mut self, action: Action) {
        let now = self.now;
        match action {
            Action::PressAccepted { button, at, rings } => {
                if rings {
                    self.timeline.handle_press(at, now);
                }
                self.tell(Event::PressAccepted(button));
            }
            Action::Invite { leg, ring } => self.invite(leg, ring),
            Action::Ring { leg, ring } => self.ring(&leg, ring, None),
            Action::Accepted(Leg { client, call }) => {
                if !self.peers.send_control(&client, &ControlEvent::Accepted {}, now) {
                    self.signal(&client, StationSignal::Accepted { call: wire::call_id(call) });
                }
            }
            Action::Ended { leg: Leg { client, call }, reason } => {
                let reason = wire::end_reason(reason);
                // Both ways: the data channel is about to close, the companion may be away.
                self.peers.send_control(&client, &ControlEvent::Ended { reason }, now);
                self.signal(&client, StationSignal::Ended { call: Some(wire::call_id(call)), reason });
            }
            Action::Refuse { client, reason } => {
                self.signal(&client, StationSignal::Ended { call: None, reason: wire::end_reason(reason) });
            }
            Action::PressedAgain(leg) => {
                self.peers.send_control(&leg.client, &ControlEvent::PressedAgain {}, now);
            }
            Action::ClosePeer(leg) => {
                self.peers.close(&leg.client, now);
                self.forward.handle_closed(&leg.client);
                self.tell(Event::Peers(self.peers.len()));
            }
            Action::AudioOn(leg) => {
                self.forward.handle_talk(leg.client);
                self.command(MediaCommand::Talk { on: true });
            }
            Action::AudioOff(leg) => {
                self.forward.handle_silence(&leg.client);
                self.command(MediaCommand::Talk { on: self.forward.is_open() });
            }
            Action::Video { on } => self.command(MediaCommand::Video { on }),
            Action::Sound { on } => self.command(MediaCommand::Sound { on }),
            Action::Chime(chime) => self.command(MediaCommand::Chime(chime)),
            Action::Indicator(indicator) => self.outputs.push_back(Output::Light(indicator)),
            Action::Activity(activity) => {
                self.activity = activity;
                if activity == Activity::Idle {
                    self.timeline.handle_idle();
                }
                self.tell_status();
            }
            Action::MoveRelay { door, energise } => self.outputs.push_back(Output::MoveRelay { door, energise }),
            Action::UnlockResult { requester, door, outcome } => self.tell_unlocked(requester, door, outcome),
            Action::DoorMoved { door, open } => {
                self.peers.send_control_to_all(&ControlEvent::DoorState { door: wire::door_id(&door), open }, now);
            }
            Action::Fault { fault, present } => {
                self.tell(Event::Fault { fault, present });
                self.tell_status();
            }
            Action::Record(record) => self.keep(record),
        }
    }

    fn invite(&mut self, leg: Leg, ring: Option<Ring>) {
        let offer = match self.peers.invite(&leg, self.now) {
            Ok(offer) => offer,
            Err(error) => {
                tracing::error!(%error, "a client is rung without a picture");
                if let Some(ring) = ring {
                    self.ring(&leg, ring, None);
                }
                return self.core.handle_input(Input::PeerLost(leg), self.now);
            }
        };
        match ring {
            Some(ring) => self.ring(&leg, ring, Some(offer)),
            None => self.signal(&leg.client, StationSignal::Offer { call: wire::call_id(leg.call), offer }),
        }
        self.tell(Event::Peers(self.peers.len()));
    }

    fn ring(&mut self, leg: &Leg, ring: Ring, offer: Option<String>) {
        let now = self.now;
        let button = self.buttons.iter().find(|button| button.id.as_str() == ring.button.as_str());
        let Some(button) = button.cloned() else { return };
        let pressed_at = self.clock.unix_at(self.timeline.marks.pressed.unwrap_or(now));
        let signal = StationSignal::Ring {
            call: wire::call_id(leg.call),
            button,
            offer,
            timeout_ms: wire::millis(ring.timeout),
            pressed_at_ms: wire::millis(pressed_at),
        };
        self.signal(&leg.client, signal);
    }

    fn tell_unlocked(&mut self, requester: Requester, door: DoorId, outcome: UnlockOutcome) {
        match requester {
            Requester::Participant { leg, request } => {
                let told = wire::unlock_outcome(outcome.clone());
                let event = ControlEvent::UnlockResult { request, door: wire::door_id(&door), outcome: told };
                self.peers.send_control(&leg.client, &event, self.now);
            }
            // Whoever stands there sees and hears the door.
            Requester::ExitButton(_) | Requester::Keypad { .. } | Requester::Automation { .. } => {}
        }
        self.tell(Event::Unlock { door, outcome });
    }

    fn keep(&mut self, record: Record) {
        let now = self.now;
        match &record {
            Record::Answered { .. } => self.timeline.handle_answered(now),
            Record::Rang { receipts, .. } => {
                self.took(Timing::PressToReceipt, |timeline| timeline.handle_receipt(*receipts, now));
            }
            Record::Started { .. }
            | Record::Pressed { .. }
            | Record::Joined { .. }
            | Record::DoorOpened { .. }
            | Record::DoorRefused { .. }
            | Record::Ended { .. }
            | Record::Missed { .. } => {}
        }
        self.tell(Event::Record(record));
    }

    /// A press would not do what it should while something is missing.
    fn tell_trouble(&mut self, now: Instant) {
        let Trouble { media, companion, buttons_lost } = &self.trouble;
        self.decide(Input::Trouble { present: *media || *companion || buttons_lost.is_some() }, now);
    }

    /// Who looks at a page is told what the station does, and what keeps it from ringing.
    fn tell_status(&mut self) {
        let lost = self.trouble.buttons_lost.iter().map(|reason| StationFault::ButtonsLost { reason: reason.clone() });
        let status = StationMessage::Status {
            activity: wire::activity(self.activity),
            media: self.media.clone(),
            faults: self.core.faults().map(wire::fault).chain(lost).collect(),
        };
        self.outputs.push_back(Output::Signal(status));
    }

    fn signal(&mut self, client: &ClientId, signal: StationSignal) {
        self.outputs.push_back(Output::Signal(StationMessage::Signal { to: wire::endpoint(client), signal }));
    }

    fn command(&mut self, command: MediaCommand) {
        self.outputs.push_back(Output::Media(command));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn took(&mut self, timing: Timing, measure: impl FnOnce(&mut Timeline) -> Option<Duration>) {
        if let Some(took) = measure(&mut self.timeline) {
            self.tell(Event::Took(timing, took));
        }
    }
}
