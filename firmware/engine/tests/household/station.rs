//! A station's shell without hardware: a relay that obeys, a camera that counts, a button that is pressed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_core::indicator::{Chime, Indicator};
use doorway_core::press::PressSettings;
use doorway_core::{ButtonRole, ButtonSettings, CallId, CallSettings, DoorId, DoorSettings, Record, RingGroup};
use doorway_engine::{Event, MediaCommand, Output, Picture, Settings, Sound, Station, WallClock};
use doorway_proto::ids::{ButtonId, EndpointId};
use doorway_proto::signaling::StationMessage;
use doorway_proto::state::{Activity, Button, Door, Health, MediaHealth, Station as StationInfo};
use str0m::net::Transmit;

use crate::common::picture;

const PICTURE: Duration = Duration::from_millis(100);
const PACKET: Duration = Duration::from_millis(20);
pub(crate) const PULSE: Duration = Duration::from_secs(3);
/// The time of day when a test begins.
const EPOCH: Duration = Duration::from_secs(1_800_000_000);

/// A relay that does as it is told, after a moment.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    pub(crate) energised: bool,
    pub(crate) openings: usize,
    energised_at: Option<Instant>,
}

pub(crate) struct Shell {
    pub(crate) engine: Station,
    pub(crate) id: EndpointId,
    pub(crate) address: SocketAddr,
    started: Instant,
    pub(crate) relay: Relay,
    pub(crate) light: Indicator,
    pub(crate) camera_due: Option<Instant>,
    keyframe: bool,
    pub(crate) pictures: u32,
    pub(crate) microphone_due: Option<Instant>,
    talks: bool,
    packets: u64,
    pub(crate) chimes: Vec<Chime>,
    /// Opus packets of the household that were played.
    pub(crate) played: usize,
    pub(crate) records: Vec<Record>,
    /// What the companion and its clients were told last.
    pub(crate) info: StationInfo,
}

impl Shell {
    pub(crate) fn new(name: &str, address: SocketAddr, max_talkers: usize, now: Instant) -> Self {
        let button = |id: &str, role| ButtonSettings { id: id.into(), role, press: PressSettings::default() };
        let door = DoorSettings { pulse: PULSE, exit_buttons: vec!["exit".into()], ..DoorSettings::new("door".into()) };
        let core = doorway_core::Settings {
            first_call: CallId(u64::from(address.port())),
            buttons: vec![button("call", ButtonRole::Call(RingGroup::Everybody)), button("exit", ButtonRole::Exit)],
            doors: vec![door],
            call: CallSettings { max_talkers, ..CallSettings::default() },
        };
        let info = StationInfo {
            id: EndpointId::new(name).unwrap(),
            name: name.to_owned(),
            buttons: vec![Button { id: ButtonId::new("call").unwrap(), label: "Bell".into() }],
            doors: vec![Door {
                id: doorway_proto::ids::DoorId::new("door").unwrap(),
                label: "Door".into(),
                open_without_ring: false,
            }],
            activity: Activity::Idle,
            media: MediaHealth {
                camera: Health::Working {},
                microphone: Health::Working {},
                speaker: Health::Working {},
            },
            faults: Vec::new(),
        };
        let settings = Settings {
            core,
            buttons: info.buttons.clone(),
            media: info.media.clone(),
            max_bitrate_bps: 2_000_000,
            port: address.port(),
            impairment: doorway_engine::ImpairmentSettings::default(),
        };
        let mut engine = Station::new(settings, WallClock { at: now, unix: EPOCH }).unwrap();
        engine.handle_addresses(vec![address], now);
        for id in ["call", "exit"] {
            engine.handle_button_level(id.into(), false, now);
        }
        Self {
            engine,
            id: info.id.clone(),
            address,
            started: now,
            relay: Relay::default(),
            light: Indicator::Off,
            camera_due: None,
            keyframe: true,
            pictures: 0,
            microphone_due: None,
            talks: false,
            packets: 0,
            chimes: Vec::new(),
            played: 0,
            records: Vec::new(),
            info,
        }
    }

    /// Lets the engine go on; what it wants to send comes back.
    pub(crate) fn settle(&mut self, now: Instant) -> (Vec<Transmit>, Vec<StationMessage>) {
        let (mut transmits, mut messages) = (Vec::new(), Vec::new());
        let unix = EPOCH + now.saturating_duration_since(self.started);
        self.engine.handle_wall_clock(WallClock { at: now, unix });
        self.engine.handle_timeout(now);
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Transmit(transmit) => transmits.push(transmit),
                Output::Signal(message) => {
                    if let StationMessage::Status { activity, media, faults } = &message {
                        self.info.activity = *activity;
                        self.info.media = media.clone();
                        self.info.faults = faults.clone();
                    }
                    messages.push(message);
                }
                Output::MoveRelay { door, energise } => self.move_relay(door, energise, now),
                Output::Light(light) => self.light = light,
                Output::Media(command) => self.command(command, now),
                Output::Event(Event::Record(record)) => self.records.push(record),
                Output::Event(_) => {}
            }
        }
        if let Some(at) = self.relay.energised_at {
            assert!(now <= at + PULSE + Duration::from_millis(50), "the door is open beyond its pulse");
        }
        (transmits, messages)
    }

    fn move_relay(&mut self, door: DoorId, energise: bool, now: Instant) {
        self.relay.energised = energise;
        self.relay.openings += usize::from(energise);
        self.relay.energised_at = energise.then_some(now);
        self.engine.handle_relay(door, energise, None, now);
    }

    fn command(&mut self, command: MediaCommand, now: Instant) {
        match command {
            MediaCommand::Video { on } => {
                self.camera_due = on.then_some(self.camera_due.unwrap_or(now + PICTURE));
                self.keyframe = true;
            }
            MediaCommand::Sound { on } => self.microphone_due = on.then_some(self.microphone_due.unwrap_or(now)),
            MediaCommand::Talk { on } => self.talks = on,
            MediaCommand::Chime(chime) => self.chimes.push(chime),
            MediaCommand::Play(_) => self.played += 1,
            MediaCommand::Keyframe => self.keyframe = true,
            MediaCommand::Bitrate(_) => {}
        }
    }

    /// Makes the pictures and packets that are due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.camera_due.is_some_and(|due| due <= now) {
            let keyframe = std::mem::take(&mut self.keyframe);
            self.pictures += 1;
            let data = picture(self.pictures, keyframe, if keyframe { 4_000 } else { 1_500 });
            self.engine.handle_picture(&Picture { data, keyframe, captured_at: now }, now);
            self.camera_due = Some(now + PICTURE);
        }
        if self.microphone_due.is_some_and(|due| due <= now) {
            if self.talks {
                let data = Arc::from([0xf8, 0xff, 0xfe, self.packets as u8]);
                let sound = Sound { data, timestamp: self.packets * 960, captured_at: now };
                self.engine.handle_sound(&sound, now);
            }
            self.packets += 1;
            self.microphone_due = Some(now + PACKET);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let engine = self.engine.poll_timeout().map(|(due, _)| due);
        [engine, self.camera_due, self.microphone_due].into_iter().flatten().min()
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.engine.activity() == doorway_core::Activity::Idle
            && self.engine.peers() == 0
            && self.camera_due.is_none()
            && self.microphone_due.is_none()
            && !self.relay.energised
    }
}
