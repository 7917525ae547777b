//! The station's loop: feeds the core with what happened, and carries out what it decides.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use doorway_board::{Board, Pattern, RelayId};
use doorway_core::congestion::{KeyframeGate, Steering, SteeringSettings};
use doorway_core::indicator::Indicator;
use doorway_core::{Action, ClientId, DoorId, Fault, Input, Leg, Requester, Ring, UnlockOutcome};
use doorway_proto::control::{Event as ControlEvent, Request};

use doorway_proto::signaling::{ClientSignal, StationMessage, StationSignal, ToStation};
use doorway_proto::state::{Health, Station as StationState, StationFault};
use tokio::sync::{mpsc, watch};

use crate::config::Config;
use crate::link::{Link, LinkEvent, endpoint};
use crate::local::{Panel, Question};
use crate::metrics;
use crate::peer::{PeerError, PeerEvent};
use crate::sound::{DeviceHealth, ReceivedPacket, SoundEvent};
use crate::status::{Marks, Opening, epoch_ms};
use crate::update::Updates;
use crate::video::{CameraHealth, VideoEvent};

mod media;
mod peers;
mod record;
mod report;
mod self_test;
mod wire;

pub use peers::Peers;

use media::{Media, MediaEvent, User};

use wire::{call_id, door_id, end_reason, millis};

/// How often a simulated board's panel and its levels are refreshed while somebody looks.
const PANEL_REFRESH: Duration = Duration::from_millis(200);

/// What works, as far as can be told before anything was tried.
pub fn media_at_rest(config: &Config) -> doorway_proto::state::MediaHealth {
    let now = Instant::now();
    let mut media = Media::new(config.video.clone(), config.sound.clone(), now);
    media.look_around(now);
    media.health().clone()
}

/// What the loop owns.
pub struct Station {
    core: doorway_core::Station,
    peers: Peers,
    media: Media,
    board: Board,
    buttons: Vec<doorway_board::ButtonId>,
    link: Link,
    steering: Steering,
    keyframes: KeyframeGate,
    max_bitrate_bps: u32,
    /// What clients see of this station; each hello to a companion elsewhere tells it.
    state: watch::Sender<StationState>,
    panel: watch::Sender<Panel>,
    panel_due: Instant,
    /// Something that the panel shows has changed.
    panel_stale: bool,
    indicator: Indicator,
    chime: &'static str,
    talker: Option<ClientId>,
    companion_up: bool,
    clients: HashSet<ClientId>,
    marks: Marks,
    media_trouble: bool,
    buttons_lost: Option<String>,
    /// Each door's latest opening.
    opened: HashMap<DoorId, Opening>,
    press_at: Instant,
    /// A press whose first picture has not left yet.
    picture_due: bool,
    /// When somebody answered, until the first sound of it came.
    answered_at: Option<Instant>,
    started: Instant,
    self_test: Option<self_test::SelfTest>,
    updates: Updates,
}

/// What the loop is made from.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The pure core, at rest.
    pub core: doorway_core::Station,
    /// The connections.
    pub peers: Peers,
    /// Buttons, relays and light.
    pub board: Board,
    /// The buttons of the board.
    pub buttons: Vec<doorway_board::ButtonId>,
    /// The way to the companion.
    pub link: Link,
    /// What clients see of this station.
    pub state: watch::Sender<StationState>,
    /// What the panel of a simulated board shows.
    pub panel: watch::Sender<Panel>,
    /// Which image runs, and what becomes of its update.
    pub updates: Updates,
}

/// What comes from outside the loop.
pub struct Inbox {
    /// From the board's threads.
    pub board: mpsc::Receiver<doorway_board::Event>,
    /// Set by the board's threads when that queue was full: the levels have to be read anew.
    pub board_overrun: Arc<AtomicBool>,
    /// From the local endpoint.
    pub questions: mpsc::Receiver<Question>,
}

impl Station {
    /// A station at rest.
    pub fn new(parts: Parts, now: Instant) -> Self {
        let Parts { config, core, peers, board, buttons, link, state, panel, updates } = parts;
        let max_bitrate_bps = config.video.max_bitrate_bps;
        let steering = SteeringSettings {
            start_bps: u64::from(max_bitrate_bps),
            most_bps: u64::from(max_bitrate_bps),
            ..SteeringSettings::default()
        };
        Self {
            core,
            peers,
            media: Media::new(config.video, config.sound, now),
            board,
            buttons,
            link,
            steering: Steering::new(steering),
            keyframes: KeyframeGate::new(),
            max_bitrate_bps,
            state,
            panel,
            panel_due: now,
            panel_stale: true,
            indicator: Indicator::Off,
            chime: "silent",
            talker: None,
            companion_up: false,
            clients: HashSet::new(),
            marks: Marks::default(),
            media_trouble: false,
            buttons_lost: None,
            opened: HashMap::new(),
            press_at: now,
            picture_due: false,
            answered_at: None,
            started: now,
            self_test: None,
            updates,
        }
    }

    /// Runs until `stop` resolves and the call, the door and the devices are closed. `alive` is called on every turn,
    /// and at least as often as `awake_every` says.
    pub async fn run(
        mut self,
        mut inbox: Inbox,
        stop: impl Future<Output = ()>,
        awake_every: Option<Duration>,
        mut alive: impl FnMut(Instant),
    ) {
        tokio::pin!(stop);
        let mut stopping = false;
        self.read_levels(Instant::now());
        self.settle(Instant::now());
        while !(stopping && self.core.is_finished()) {
            let due = self.poll_timeout();
            let awake = awake_every.map(|every| Instant::now() + every);
            let due = due.into_iter().chain(awake).min();
            tokio::select! {
                biased;
                Some(event) = inbox.board.recv() => {
                    let now = Instant::now();
                    self.handle_board(event, now);
                    // Edges that wait come before a deadline that is due: only then a short pulse is known to be short.
                    while let Ok(event) = inbox.board.try_recv() {
                        self.handle_board(event, now);
                    }
                    if inbox.board_overrun.swap(false, Ordering::Relaxed) {
                        tracing::warn!("edges of the buttons were lost; their levels are read anew");
                        self.read_levels(now);
                    }
                }
                event = self.link.event() => self.handle_link(event, Instant::now()),
                event = self.media.event() => {
                    let now = Instant::now();
                    self.handle_media(event, now);
                    while let Some(event) = self.media.waiting() {
                        self.handle_media(event, now);
                    }
                }
                Some(question) = inbox.questions.recv() => self.answer(question, Instant::now()),
                () = &mut stop, if !stopping => {
                    stopping = true;
                    tracing::info!("closing down");
                    self.core.handle_input(Input::Shutdown, Instant::now());
                }
                // Last, so that no flood of datagrams keeps the loop from anything else.
                () = self.peers.readable() => self.peers.handle_readable(Instant::now()),
                () = sleep_until(due) => {}
            }
            if self.core.poll_timeout().is_some_and(|(due, _)| due <= Instant::now()) {
                // Whoever delivers the edges may have stalled together with this loop: it goes first, else the release
                // that it is about to tell comes after the deadline of the press.
                tokio::task::yield_now().await;
                let now = Instant::now();
                while let Ok(event) = inbox.board.try_recv() {
                    self.handle_board(event, now);
                }
            }
            let now = Instant::now();
            self.handle_timeout(now);
            self.settle(now);
            alive(now);
        }
        self.media.stop_video();
        self.media.stop_sound();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let core = self.core.poll_timeout().map(|(due, _)| due);
        let keyframe = self.keyframes.poll_timeout().map(|(due, _)| due);
        let panel = (self.board.simulated().is_some() && self.media.sound().is_some()).then_some(self.panel_due);
        let test = self.self_test.as_ref().map(self_test::SelfTest::poll_timeout);
        [core, keyframe, panel, test, self.peers.poll_timeout(), self.media.poll_timeout()].into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.core.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.core.handle_timeout(now);
        }
        if self.keyframes.handle_timeout(now) {
            self.media.request_keyframe();
        }
        self.media.handle_timeout(now);
        self.tend_self_test(now);
        if self.media.look_around(now) {
            self.media_changed(now);
        }
    }

    /// Carries out what the core decided and lets the peers send, until both are at rest.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(action) = self.core.poll_action() {
                self.carry_out(action, now);
            }
            self.peers.handle_timeout(now);
            let Some((leg, event)) = self.peers.poll_event() else { break };
            self.handle_peer(leg, event, now);
        }
        for (leg, candidate) in self.peers.new_candidates(now) {
            self.signal(&leg.client, StationSignal::Candidate { call: call_id(leg.call), candidate });
        }
        if let Some(bps) = self.steering.poll_bitrate() {
            self.media.set_bitrate(u32::try_from(bps).unwrap_or(self.max_bitrate_bps));
        }
        let levels_move = self.media.sound().is_some() && now >= self.panel_due;
        if self.panel_stale || levels_move {
            self.panel_stale = false;
            self.panel_due = now + PANEL_REFRESH;
            self.refresh_panel();
        }
    }

    /// The buttons' levels at start, so that one that is held since before does not count as a press.
    fn read_levels(&mut self, now: Instant) {
        for button in self.buttons.clone() {
            self.resync(&button, now);
        }
    }

    fn resync(&mut self, button: &doorway_board::ButtonId, now: Instant) {
        match self.board.is_pressed(button) {
            Ok(Some(pressed)) => {
                let button = doorway_core::ButtonId::new(button.as_str());
                self.core.handle_input(Input::ButtonLevel { button, pressed }, now);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%button, %error, "a button's level could not be read"),
        }
    }

    fn handle_board(&mut self, event: doorway_board::Event, now: Instant) {
        self.panel_stale = true;
        match event {
            doorway_board::Event::Edge(edge) => {
                if edge.missed {
                    self.resync(&edge.button, now);
                    return;
                }
                let button = doorway_core::ButtonId::new(edge.button.as_str());
                self.core.handle_input(Input::ButtonEdge { button, pressed: edge.pressed, at: edge.at }, now);
            }
            doorway_board::Event::ButtonsLost { buttons, reason } => {
                tracing::error!(?buttons, %reason, "buttons are no longer reported; check the wiring, then restart");
                self.buttons_lost = Some(reason);
                self.tell_trouble(now);
                self.tell_faults();
            }
            doorway_board::Event::RelayCutOff { relay } => {
                tracing::error!(%relay, "the board released a relay that was energised for too long");
                let door = DoorId::new(relay.as_str());
                self.core.handle_input(Input::RelayActed { door, energised: false }, now);
            }
        }
    }

    fn handle_link(&mut self, event: LinkEvent, now: Instant) {
        let message = match event {
            LinkEvent::Message(message) => message,
            LinkEvent::Down => {
                self.companion_up = false;
                self.tell_trouble(now);
                self.clients.clear();
                self.core.handle_input(Input::CompanionLost, now);
                return;
            }
        };
        match message {
            ToStation::Welcome { clients, .. } => {
                self.companion_up = true;
                self.tell_trouble(now);
                self.clients.clear();
                self.tell_state();
                for client in clients {
                    self.client_here(&client, now);
                }
            }
            ToStation::ClientHere { client } => self.client_here(&client, now),
            ToStation::ClientGone { id } => {
                let client = client_id(&id);
                self.clients.remove(&client);
                self.core.handle_input(Input::ClientGone { client }, now);
            }
            ToStation::Signal { from, signal } => self.handle_signal(client_id(&from), signal, now),
            ToStation::Refused { message, .. } => tracing::warn!(%message, "the companion refuses this station"),
            ToStation::Undeliverable { .. } | ToStation::Pong {} => {}
        }
    }

    fn client_here(&mut self, client: &doorway_proto::signaling::Client, now: Instant) {
        let id = client_id(&client.id);
        self.clients.insert(id.clone());
        let input = Input::ClientHere { client: id, name: client.name.as_str().into() };
        self.core.handle_input(input, now);
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

    fn handle_peer(&mut self, leg: Leg, event: PeerEvent, now: Instant) {
        let client = &leg.client;
        match event {
            PeerEvent::Connected => {
                if self.core.activity() == doorway_core::Activity::Ringing {
                    metrics::peer_connected(now.saturating_duration_since(self.press_at));
                }
                self.want_first_keyframe(now);
                self.core.handle_input(Input::PeerConnected(leg), now);
            }
            PeerEvent::KeyframeWanted => self.want_keyframe(now),
            PeerEvent::Sound(packet) => {
                if self.talker.as_ref() == Some(client)
                    && let Some(sound) = self.media.sound()
                {
                    if let Some(answered_at) = self.answered_at.take() {
                        metrics::first_sound(now.saturating_duration_since(answered_at));
                    }
                    sound.receiver().push(&ReceivedPacket {
                        sequence: packet.sequence,
                        timestamp: packet.timestamp,
                        data: Bytes::from_owner(packet.data),
                        arrived: packet.arrived,
                    });
                }
            }
            PeerEvent::Estimate(bps) => self.steering.handle_estimate(client, bps),
            PeerEvent::HandshakeFailed => {
                tracing::info!(%client, "a client's encryption could not be agreed on; its browser may be too old");
                self.core.handle_input(Input::HandshakeFailed(leg), now);
            }
            PeerEvent::ChannelMissing => {
                tracing::info!(%client, "a client's data channel did not open; it can talk, but open no door");
                self.signal(client, StationSignal::ChannelMissing { call: call_id(leg.call) });
            }
            PeerEvent::Lost => self.core.handle_input(Input::PeerLost(leg), now),
            PeerEvent::Malformed(message) => {
                tracing::info!(%client, "a client sent what is no request");
                self.peers.send_control(client, &ControlEvent::Malformed { message }, now);
                self.core.handle_input(Input::Malformed(leg), now);
            }
            PeerEvent::Request(request) => self.handle_request(leg, request, now),
        }
    }

    fn handle_request(&mut self, leg: Leg, request: Request, now: Instant) {
        let input = match request {
            Request::Accept {} => Input::Accept(leg),
            Request::Decline {} => Input::Decline(leg),
            Request::HangUp {} => Input::HangUp(leg),
            Request::Unlock { request, door } => {
                let requester = Requester::Participant { leg, request };
                Input::Unlock { requester, door: DoorId::new(door.as_str()) }
            }
            Request::Ping { token } => {
                self.peers.send_control(&leg.client, &ControlEvent::Pong { token }, now);
                return;
            }
        };
        self.core.handle_input(input, now);
    }

    fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        let changed = match event {
            MediaEvent::Video(VideoEvent::AccessUnit(unit)) => {
                self.test_picture(&unit);
                let data: Arc<[u8]> = Arc::from(&unit.data[..]);
                self.peers.send_picture(&data, unit.keyframe, unit.captured_at, now);
                if self.picture_due && unit.keyframe && self.peers.iter().any(|(_, connected)| connected) {
                    self.picture_due = false;
                    metrics::first_picture(now.saturating_duration_since(self.press_at));
                }
                if unit.keyframe && self.peers.awaits_keyframe() {
                    self.want_first_keyframe(now);
                }
                false
            }
            MediaEvent::Video(VideoEvent::Encoder { name, hardware }) => {
                tracing::info!(encoder = %name, hardware, "the picture is encoded");
                false
            }
            MediaEvent::Video(VideoEvent::Health(health)) => self.media.handle_health(|media| {
                media.camera = match health {
                    CameraHealth::Working => Health::Working {},
                    CameraHealth::Absent => Health::Absent {},
                    CameraHealth::Missing { reason } => Health::Missing { reason },
                }
            }),
            MediaEvent::Sound(SoundEvent::Packet(packet)) => {
                if let Some(talker) = &self.talker {
                    self.peers.send_sound(
                        talker,
                        &Arc::from(&packet.data[..]),
                        packet.timestamp,
                        packet.captured_at,
                        now,
                    );
                }
                false
            }
            MediaEvent::Sound(SoundEvent::Health { microphone, speaker }) => self.media.handle_health(|media| {
                media.microphone = device_health(microphone);
                media.speaker = device_health(speaker);
            }),
        };
        if changed {
            self.media_changed(now);
        }
    }

    fn media_changed(&mut self, now: Instant) {
        let media = self.media.health().clone();
        self.media_trouble = [&media.camera, &media.microphone, &media.speaker]
            .into_iter()
            .any(|health| matches!(health, Health::Missing { .. }));
        self.tell_trouble(now);
        let clients: Vec<ClientId> = self.peers.iter().map(|(client, _)| client.clone()).collect();
        for client in clients {
            self.peers.send_control(&client, &ControlEvent::Media { media: media.clone() }, now);
        }
        self.state.send_modify(|state| state.media = media);
        self.tell_state();
    }

    /// A press would not do what it should while one of these is missing.
    fn tell_trouble(&mut self, now: Instant) {
        let present = self.media_trouble || self.buttons_lost.is_some() || !self.companion_up;
        self.core.handle_input(Input::Trouble { present }, now);
    }

    fn want_first_keyframe(&mut self, now: Instant) {
        if self.keyframes.handle_join(now) {
            self.media.request_keyframe();
        }
    }

    fn want_keyframe(&mut self, now: Instant) {
        if self.keyframes.handle_request(now) {
            self.media.request_keyframe();
        }
    }

    fn carry_out(&mut self, action: Action, now: Instant) {
        match action {
            Action::PressAccepted { button, at, rings } => {
                self.panel_stale = true;
                metrics::press();
                tracing::info!(%button, "a button was pressed");
                if !rings {
                    return;
                }
                self.press_at = at;
                self.picture_due = true;
                let wall = SystemTime::now() - now.saturating_duration_since(at);
                self.marks = Marks {
                    pressed_ms: Some(epoch_ms(wall)),
                    press_accepted_ms: Some(epoch_ms(SystemTime::now())),
                    ..Marks::default()
                };
            }
            Action::Invite { leg, ring } => self.invite(leg, ring, now),
            Action::Ring { leg, ring } => self.ring(&leg, ring, None),
            Action::Accepted(Leg { client, call }) => {
                if !self.peers.send_control(&client, &ControlEvent::Accepted {}, now) {
                    self.signal(&client, StationSignal::Accepted { call: call_id(call) });
                }
            }
            Action::Ended { leg: Leg { client, call }, reason } => {
                let reason = end_reason(reason);
                // Both ways: the data channel is about to close, the companion may be away.
                self.peers.send_control(&client, &ControlEvent::Ended { reason }, now);
                self.signal(&client, StationSignal::Ended { call: Some(call_id(call)), reason });
            }
            Action::Refuse { client, reason } => {
                self.signal(&client, StationSignal::Ended { call: None, reason: end_reason(reason) });
            }
            Action::PressedAgain(leg) => {
                self.peers.send_control(&leg.client, &ControlEvent::PressedAgain {}, now);
            }
            Action::ClosePeer(leg) => {
                self.peers.close(&leg.client, now);
                self.steering.handle_closed(&leg.client);
                metrics::peers(self.peers.len());
            }
            Action::AudioOn(leg) => self.talk(Some(leg.client)),
            Action::AudioOff(_) => self.talk(None),
            Action::Video { on } => self.media.use_video(User::Call, on, now),
            Action::Sound { on } => self.media.use_sound(User::Call, on, now),
            Action::Chime(chime) => {
                self.panel_stale = true;
                self.chime = report::chime_name(chime);
                self.media.play_chime(chime);
            }
            Action::Indicator(indicator) => self.show(indicator),
            Action::Activity(activity) => {
                self.panel_stale = true;
                self.state.send_modify(|state| state.activity = wire::activity(activity));
                self.tell_state();
                if activity == doorway_core::Activity::Idle {
                    (self.picture_due, self.answered_at) = (false, None);
                }
            }
            Action::MoveRelay { door, energise } => self.move_relay(door, energise, now),
            Action::UnlockResult { requester, door, outcome } => self.tell_unlocked(requester, &door, outcome, now),
            Action::DoorMoved { door, open } => {
                let event = ControlEvent::DoorState { door: door_id(&door), open };
                let clients: Vec<ClientId> = self.peers.iter().map(|(client, _)| client.clone()).collect();
                for client in clients {
                    self.peers.send_control(&client, &event, now);
                }
            }
            Action::Fault { fault, present } => {
                match (fault, present) {
                    (Fault::ButtonStuck(button), true) => {
                        tracing::warn!(%button, "a button is stuck; check it for dirt and its wires for a short")
                    }
                    (Fault::ButtonStuck(button), false) => tracing::info!(%button, "a button is free again"),
                    (Fault::RelayStuck(door), true) => tracing::error!(%door, "a relay does not release; trying on"),
                    (Fault::RelayStuck(door), false) => tracing::info!(%door, "a relay released"),
                    (Fault::TooManyClients, true) => tracing::warn!("there are more clients than are rung"),
                    (Fault::TooManyClients, false) => tracing::info!("every client is rung again"),
                }
                self.tell_faults();
            }
            Action::Record(record) => self.keep(&record, now),
        }
    }

    fn tell_unlocked(&mut self, requester: Requester, door: &DoorId, outcome: UnlockOutcome, now: Instant) {
        metrics::unlock(&outcome);
        if let UnlockOutcome::Failed { message } = &outcome {
            tracing::error!(%door, %message, "a door did not open");
        }
        match requester {
            Requester::Participant { leg, request } => {
                let outcome = wire::unlock_outcome(outcome);
                let event = ControlEvent::UnlockResult { request, door: door_id(door), outcome };
                self.peers.send_control(&leg.client, &event, now);
            }
            // Whoever stands there sees and hears the door.
            Requester::ExitButton(_) | Requester::Keypad { .. } | Requester::Automation { .. } => {}
        }
    }

    fn invite(&mut self, leg: Leg, ring: Option<Ring>, now: Instant) {
        let offer = match self.peers.invite(&leg, now) {
            Ok(offer) => offer,
            Err(error) => {
                tracing::error!(%error, "a client is rung without a picture");
                if let Some(ring) = ring {
                    self.ring(&leg, ring, None);
                }
                self.core.handle_input(Input::PeerLost(leg), now);
                return;
            }
        };
        match ring {
            Some(ring) => self.ring(&leg, ring, Some(offer)),
            None => self.signal(&leg.client, StationSignal::Offer { call: call_id(leg.call), offer }),
        }
        metrics::peers(self.peers.len());
    }

    fn ring(&mut self, leg: &Leg, ring: Ring, offer: Option<String>) {
        let state = self.state.borrow();
        let Some(button) = state.buttons.iter().find(|button| button.id.as_str() == ring.button.as_str()).cloned()
        else {
            return;
        };
        drop(state);
        let pressed_at = self.marks.pressed_ms.unwrap_or_else(|| epoch_ms(SystemTime::now()));
        self.signal(
            &leg.client,
            StationSignal::Ring {
                call: call_id(leg.call),
                button,
                offer,
                timeout_ms: millis(ring.timeout),
                pressed_at_ms: pressed_at as u64,
            },
        );
        self.marks.ring_sent_ms = Some(epoch_ms(SystemTime::now()));
        metrics::ring(self.press_at.elapsed());
    }

    fn talk(&mut self, talker: Option<ClientId>) {
        self.media.set_talking(talker.is_some());
        self.steering.handle_talker(talker.clone());
        self.talker = talker;
    }

    fn show(&mut self, indicator: Indicator) {
        self.panel_stale = true;
        self.indicator = indicator;
        let Some(lamp) = self.board.indicator() else { return };
        lamp.show(match indicator {
            Indicator::Off => Pattern::Off,
            Indicator::Ready => Pattern::READY,
            Indicator::Watched => Pattern::WATCHED,
            Indicator::Ringing => Pattern::RINGING,
            Indicator::Connecting => Pattern::CONNECTING,
            Indicator::Talking => Pattern::TALKING,
            Indicator::Fault => Pattern::FAULT,
        });
    }

    fn move_relay(&mut self, door: DoorId, energise: bool, now: Instant) {
        self.panel_stale = true;
        let input = match self.try_move(&door, energise) {
            Ok(()) => Input::RelayActed { door, energised: energise },
            Err(message) => {
                tracing::error!(%door, energise, %message, "a relay did not follow");
                Input::RelayFailed { door, energised: energise, message }
            }
        };
        self.core.handle_input(input, now);
    }

    fn try_move(&self, door: &DoorId, energise: bool) -> Result<(), String> {
        let relay = RelayId::new(door.as_str())
            .ok()
            .and_then(|id| self.board.relay(&id))
            .ok_or_else(|| "the board description has no such relay".to_owned())?;
        if energise {
            // The core ends the pulse; the board's own cap is for the case that it can't.
            relay.energise(relay.max_pulse()).map(|_| ()).map_err(|error| error.to_string())
        } else {
            relay.release().map_err(|error| error.to_string())
        }
    }

    fn signal(&self, client: &ClientId, signal: StationSignal) {
        self.link.send(StationMessage::Signal { to: endpoint(client), signal });
    }

    fn tell_state(&self) {
        let state = self.state.borrow();
        self.link.send(StationMessage::Status {
            activity: state.activity,
            media: state.media.clone(),
            faults: state.faults.clone(),
        });
    }

    /// Who looks at a page is told what keeps the station from ringing; the local status is seen by nobody.
    fn tell_faults(&self) {
        let lost = self.buttons_lost.iter().map(|reason| StationFault::ButtonsLost { reason: reason.clone() });
        let faults = self.core.faults().map(wire::fault).chain(lost).collect();
        self.state.send_modify(|state| state.faults = faults);
        self.tell_state();
    }

    fn label(&self, id: &str) -> String {
        let state = self.state.borrow();
        let button = state.buttons.iter().find(|button| button.id.as_str() == id).map(|button| &button.label);
        let door = state.doors.iter().find(|door| door.id.as_str() == id).map(|door| &door.label);
        button.or(door).cloned().unwrap_or_else(|| id.to_owned())
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn client_id(id: &doorway_proto::ids::EndpointId) -> ClientId {
    ClientId::new(id.as_str())
}

fn device_health(health: DeviceHealth) -> Health {
    match health {
        DeviceHealth::Working => Health::Working {},
        DeviceHealth::Absent => Health::Absent {},
        DeviceHealth::Missing { reason } => Health::Missing { reason },
    }
}
