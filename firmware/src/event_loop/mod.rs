//! The station's loop: waits for what happens, tells the engine, and does what the engine says with the hardware.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorway_board::Board;
use doorway_core::DoorId;
use doorway_core::indicator::Indicator;
use doorway_engine::{MediaCommand, Output, Picture, Sound, Station, WallClock};
use doorway_proto::signaling::{StationMessage, StationSignal};
use doorway_proto::state::{Health, Station as StationState};
use tokio::sync::{mpsc, watch};

use crate::config::Config;
use crate::link::{Link, LinkEvent};
use crate::local::{Panel, Question};
use crate::net::{Datagrams, PeerSocket, local_addresses};
use crate::sound::{DeviceHealth, ReceivedPacket, SoundEvent};
use crate::status::Opening;
use crate::update::Updates;
use crate::video::{CameraHealth, VideoEvent};

mod board_io;
mod history;
mod media;
mod report;
mod self_test;

use board_io::BoardIo;
use media::{Media, MediaEvent, User};
use self_test::SelfTest;

/// How often a simulated board's panel and its levels are refreshed while somebody looks.
const PANEL_REFRESH: Duration = Duration::from_millis(200);

/// How often new addresses are looked for while somebody is connected.
const ADDRESS_CHECK: Duration = Duration::from_secs(2);

/// How old the addresses may be that an offer names.
const ADDRESS_AGE: Duration = Duration::from_millis(500);

/// How many reads of the socket one turn takes, so that a flood of datagrams does not keep the loop from a press.
const READS_PER_TURN: usize = 16;

/// What works, as far as can be told before anything was tried.
pub fn media_at_rest(config: &Config) -> doorway_proto::state::MediaHealth {
    let now = Instant::now();
    let mut media = Media::new(config.video.clone(), config.sound.clone(), now);
    media.look_around(now);
    media.health().clone()
}

/// What the loop owns.
pub struct EventLoop {
    engine: Station,
    socket: PeerSocket,
    datagrams: Datagrams,
    interfaces: Vec<String>,
    addresses_at: Option<Instant>,
    board: BoardIo,
    media: Media,
    link: Link,
    /// What clients see of this station; each hello to a companion elsewhere tells it.
    state: watch::Sender<StationState>,
    panel: watch::Sender<Panel>,
    panel_due: Instant,
    /// Something that the panel shows has changed.
    panel_stale: bool,
    indicator: Indicator,
    chime: &'static str,
    /// Each door's latest opening.
    opened: HashMap<DoorId, Opening>,
    started: Instant,
    self_test: Option<SelfTest>,
    updates: Updates,
}

/// What the loop is made from.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The station's calls, at rest.
    pub engine: Station,
    /// The socket of all connections.
    pub socket: PeerSocket,
    /// Buttons, relays and light.
    pub board: Board,
    /// The buttons of the board.
    pub buttons: Vec<doorway_board::Button>,
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

impl EventLoop {
    /// A station at rest.
    pub fn new(parts: Parts, now: Instant) -> Self {
        let Parts { config, engine, socket, board, buttons, link, state, panel, updates } = parts;
        Self {
            engine,
            socket,
            datagrams: Datagrams::new(),
            interfaces: config.interfaces,
            addresses_at: None,
            board: BoardIo::new(board, buttons),
            media: Media::new(config.video, config.sound, now),
            link,
            state,
            panel,
            panel_due: now,
            panel_stale: true,
            indicator: Indicator::Off,
            chime: "silent",
            opened: HashMap::new(),
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
        while !(stopping && self.engine.is_finished()) {
            let awake = awake_every.map(|every| (Instant::now() + every, "watchdog"));
            let due = self.poll_timeout().into_iter().chain(awake).min_by_key(|(due, _)| *due);
            tokio::select! {
                biased;
                Some(event) = inbox.board.recv() => {
                    let now = Instant::now();
                    self.handle_board(event, now);
                    self.handle_waiting_edges(&mut inbox, now);
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
                    self.engine.handle_shutdown(Instant::now());
                }
                // Last, so that no flood of datagrams keeps the loop from anything else.
                () = self.socket.has_come() => self.handle_readable(Instant::now()),
                () = sleep_until(due) => {}
            }
            if self.engine.is_decision_due(Instant::now()) {
                // Whoever delivers the edges may have stalled together with this loop: it goes first, else the release
                // that it is about to tell comes after the deadline of the press.
                tokio::task::yield_now().await;
                self.handle_waiting_edges(&mut inbox, Instant::now());
            }
            let now = Instant::now();
            self.handle_timeout(now);
            self.settle(now);
            alive(now);
        }
        self.media.stop_video();
        self.media.stop_sound();
    }

    fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let panel = (self.board.simulated().is_some() && self.media.sound().is_some()).then_some(self.panel_due);
        let addresses = self.addresses_at.filter(|_| self.engine.peers() > 0).map(|at| at + ADDRESS_CHECK);
        let timeouts = [
            self.engine.poll_timeout(),
            panel.map(|due| (due, "panel")),
            addresses.map(|due| (due, "addresses")),
            self.self_test.as_ref().map(|test| (test.poll_timeout(), "self-test")),
            self.media.poll_timeout().map(|due| (due, "media")),
        ];
        timeouts.into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.media.handle_timeout(now);
        self.tend_self_test(now);
        if self.engine.peers() > 0 {
            self.look_up_addresses(ADDRESS_CHECK, now);
        }
        if self.media.look_around(now) {
            self.engine.handle_media_health(self.media.health().clone(), now);
        }
    }

    /// Lets the engine go on, and does what it says until it has nothing more.
    fn settle(&mut self, now: Instant) {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.engine.handle_wall_clock(WallClock { at: Instant::now(), unix });
        self.engine.handle_timeout(now);
        while let Some(output) = self.engine.poll_output() {
            self.perform(output, now);
        }
        self.socket.flush();
        let levels_move = self.media.sound().is_some() && now >= self.panel_due;
        if self.panel_stale || levels_move {
            self.panel_stale = false;
            self.panel_due = now + PANEL_REFRESH;
            self.refresh_panel();
        }
    }

    fn perform(&mut self, output: Output, now: Instant) {
        match output {
            Output::Transmit(transmit) => self.socket.send(&transmit),
            Output::Signal(message) => {
                if let StationMessage::Status { activity, media, faults } = &message {
                    self.panel_stale = true;
                    self.state.send_modify(|state| {
                        (state.activity, state.media, state.faults) = (*activity, media.clone(), faults.clone());
                    });
                }
                let rings = matches!(&message, StationMessage::Signal { signal: StationSignal::Ring { .. }, .. });
                self.link.send(message);
                if rings {
                    self.engine.handle_ring_sent(Instant::now());
                }
            }
            Output::MoveRelay { door, energise } => {
                self.panel_stale = true;
                // Moving it takes longer than what waits for it.
                self.socket.flush();
                let failure = self.board.move_relay(&door, energise).err();
                if let Some(message) = &failure {
                    tracing::error!(%door, energise, %message, "a relay did not follow");
                }
                self.engine.handle_relay(door, energise, failure, now);
            }
            Output::Light(indicator) => {
                self.panel_stale = true;
                self.indicator = indicator;
                self.board.show(indicator);
            }
            Output::Media(command) => self.command(command, now),
            Output::Event(event) => self.keep(&event),
        }
    }

    fn command(&mut self, command: MediaCommand, now: Instant) {
        match command {
            // Devices take longer to start than what waits for them.
            MediaCommand::Video { on } => {
                self.socket.flush();
                self.media.use_video(User::Call, on, now);
            }
            MediaCommand::Sound { on } => {
                self.socket.flush();
                self.media.use_sound(User::Call, on, now);
            }
            MediaCommand::Talk { on } => self.media.set_talking(on),
            MediaCommand::Chime(chime) => {
                self.panel_stale = true;
                self.chime = report::chime_name(chime);
                self.media.play_chime(chime);
            }
            MediaCommand::Play(packet) => {
                if let Some(sound) = self.media.sound() {
                    let doorway_engine::peer::SoundPacket { sequence, timestamp, data, arrived } = packet;
                    sound.receiver().push(ReceivedPacket { sequence, timestamp, data: &data, arrived });
                }
            }
            MediaCommand::Keyframe => self.media.request_keyframe(),
            MediaCommand::Bitrate(bps) => self.media.set_bitrate(bps),
        }
    }

    /// The buttons' levels at start, so that one that is held since before does not count as a press.
    fn read_levels(&mut self, now: Instant) {
        for (button, pressed) in self.board.levels() {
            self.engine.handle_button_level(button, pressed, now);
        }
    }

    /// Edges that wait come before a deadline that is due: only then a short pulse is known to be short.
    fn handle_waiting_edges(&mut self, inbox: &mut Inbox, now: Instant) {
        while let Ok(event) = inbox.board.try_recv() {
            self.handle_board(event, now);
        }
    }

    fn handle_board(&mut self, event: doorway_board::Event, now: Instant) {
        self.panel_stale = true;
        self.look_up_addresses(ADDRESS_AGE, now);
        match event {
            doorway_board::Event::Edge(edge) if edge.missed => {
                if let Some((button, pressed)) = self.board.level(&edge.button) {
                    self.engine.handle_button_level(button, pressed, now);
                }
            }
            doorway_board::Event::Edge(edge) => {
                let button = doorway_core::ButtonId::new(edge.button.as_str());
                self.engine.handle_button_edge(button, edge.pressed, edge.at, now);
            }
            doorway_board::Event::ButtonsLost { buttons, reason } => {
                tracing::error!(?buttons, %reason, "buttons are no longer reported; check the wiring, then restart");
                self.engine.handle_buttons_lost(reason, now);
            }
            doorway_board::Event::RelayCutOff { relay } => {
                tracing::error!(%relay, "the board released a relay that was energised for too long");
                self.engine.handle_relay(DoorId::new(relay.as_str()), false, None, now);
            }
        }
    }

    fn handle_link(&mut self, event: LinkEvent, now: Instant) {
        match event {
            LinkEvent::Message(message) => {
                self.look_up_addresses(ADDRESS_AGE, now);
                self.engine.handle_companion(message, now);
            }
            LinkEvent::Down => self.engine.handle_companion_lost(now),
        }
    }

    fn handle_media(&mut self, event: MediaEvent, now: Instant) {
        let changed = match event {
            MediaEvent::Video(VideoEvent::AccessUnit(unit)) => {
                self.test_picture(&unit);
                let picture = Picture { data: unit.data, keyframe: unit.keyframe, captured_at: unit.captured_at };
                self.engine.handle_picture(&picture, now);
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
                let sound = Sound { data: packet.data, timestamp: packet.timestamp, captured_at: packet.captured_at };
                self.engine.handle_sound(&sound, now);
                false
            }
            MediaEvent::Sound(SoundEvent::Health { microphone, speaker }) => self.media.handle_health(|media| {
                media.microphone = device_health(microphone);
                media.speaker = device_health(speaker);
            }),
        };
        if changed {
            self.engine.handle_media_health(self.media.health().clone(), now);
        }
    }

    /// Reads some of what has come; the rest has its turn after everything else that waits.
    fn handle_readable(&mut self, now: Instant) {
        for _ in 0..READS_PER_TURN {
            if !self.socket.receive(&mut self.datagrams) {
                return;
            }
            for (source, local, data) in self.datagrams.iter() {
                self.engine.handle_datagram(source, local, data, now);
            }
        }
    }

    /// Tells the engine the addresses, unless those that it has are younger than this.
    fn look_up_addresses(&mut self, age: Duration, now: Instant) {
        if self.addresses_at.is_some_and(|at| now < at + age) {
            return;
        }
        self.addresses_at = Some(now);
        let addresses = local_addresses(&self.interfaces, self.socket.port(), self.socket.has_ipv6());
        self.engine.handle_addresses(addresses, now);
    }
}

async fn sleep_until(due: Option<(Instant, &'static str)>) {
    match due {
        Some((due, reason)) => {
            tokio::time::sleep_until(due.into()).await;
            tracing::trace!(reason, "woken by a deadline");
        }
        None => std::future::pending().await,
    }
}

fn device_health(health: DeviceHealth) -> Health {
    match health {
        DeviceHealth::Working => Health::Working {},
        DeviceHealth::Absent => Health::Absent {},
        DeviceHealth::Missing { reason } => Health::Missing { reason },
    }
}
