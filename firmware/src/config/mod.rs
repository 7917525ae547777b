//! The configuration: one TOML file in, a [`Config`] that can't be wrong out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorway_core::press::PressSettings;
use doorway_core::{ButtonId, ButtonRole, ButtonSettings, CallSettings, DoorSettings, RingGroup};
use doorway_proto::ids::{ButtonId as ButtonName, DoorId as DoorName, EndpointId, InvalidId, RoomId};
use doorway_proto::state::{Button, Door};
use toml::Spanned;

use crate::run::Misfit;
use crate::sound::{SoundSettings, SoundSource};
use crate::update::UpdateSettings;
use crate::video::{EncoderChoice, EncoderKind, Pixels, V4l2Source, VideoSettings, VideoSource, is_known_control};
use doorway_engine::ImpairmentSettings;

mod companion;
mod device;
mod error;
mod raw;
mod shape;
mod units;
mod update;

pub use companion::{CompanionInside, CompanionPlace};
pub use device::{Device, Wifi};
pub use error::ConfigError;

/// Where the daemon looks when no file is named.
pub const DEFAULT_PATH: &str = "/etc/doorway/doorway.toml";

/// The name of a station that was given none.
pub const DEFAULT_NAME: &str = "Front door";

/// The board that is meant when none is named.
pub const DEFAULT_BOARD: &str = "raspberry-pi-4";

/// The shipped file: every key with its default and what it assumes.
pub const DOCUMENTED: &str = include_str!("../../doorway.toml");

/// A complete station.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The station's id among the companion's endpoints.
    pub id: EndpointId,
    /// What people read.
    pub name: String,
    /// A built-in board description's name, or the path of one.
    pub board: String,
    /// The call buttons.
    pub buttons: Vec<ButtonConfig>,
    /// How long a button has to be held to count.
    pub hold: Duration,
    /// The doors.
    pub doors: Vec<DoorConfig>,
    /// Durations and bounds of a call.
    pub call: CallLimits,
    /// Camera and encoder.
    pub video: VideoSettings,
    /// Microphone and speaker.
    pub sound: SoundSettings,
    /// The room to enter.
    pub room: RoomId,
    /// Where the companion is.
    pub companion: CompanionPlace,
    /// The UDP port of calls, 0 for any free one.
    pub udp_port: u16,
    /// The interfaces whose addresses are offered; empty for all but loopback.
    pub interfaces: Vec<String>,
    /// Where status, metrics and the simulated board are served.
    pub local: SocketAddr,
    /// How updates are done.
    pub update: UpdateSettings,
    /// A bad network to try things with.
    pub impairment: ImpairmentSettings,
}

/// A call button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ButtonConfig {
    /// What clients see of it.
    pub shown: Button,
    /// Whom it rings, by client name; empty for everybody.
    pub rings: BTreeSet<String>,
}

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorConfig {
    /// What clients see of it.
    pub shown: Door,
    /// How long it stays open.
    pub pulse: Duration,
    /// The board's buttons that open it from the inside; none named, all of them where it is the only door.
    pub exit_buttons: Option<BTreeSet<String>>,
}

/// Durations and bounds of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// How long it rings.
    pub ring_timeout: Duration,
    /// How long two may talk.
    pub max_duration: Duration,
    /// How long a client may watch at a time.
    pub watch_limit: Duration,
    /// How many clients may be connected at a time.
    pub max_peers: usize,
}

/// What of a machine a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The board's description.
    Board,
    /// A button by its id.
    Button(String),
    /// A button that opens a door from the inside, by its id.
    ExitButton(String),
    /// A door by its relay's id.
    Door(String),
    /// The camera's device.
    Camera,
    /// The recording that is played.
    Recording,
    /// A network interface by its name.
    Interface(String),
    /// The certificate for HTTPS.
    Certificate,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All mistakes, each with its place and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Self::parse(path, &text)
    }

    /// Checks the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// All mistakes, each with its place and what to do.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (mut file, check) = read(path, text);
        if let Some(device) = file.device.take() {
            let remedy = "take it out here: the file on the boot partition is the place for it";
            check.wrong(&device, "[device] is for `doorwayd provision`".into(), remedy);
        }
        let config = check.config(file);
        check.done(config)
    }

    /// Checks that a file from the boot partition is TOML with the keys and kinds of values that there are.
    ///
    /// # Errors
    /// All mistakes, each with its place and what to do.
    pub fn check_keys(path: &Path, text: &str) -> Result<(), ConfigError> {
        let (_, check) = read(path, text);
        check.done(())
    }

    /// Checks the text of a file from the boot partition, which may have a table `[device]` too.
    ///
    /// # Errors
    /// All mistakes, each with its place and what to do.
    pub fn parse_with_device(path: &Path, text: &str) -> Result<(Self, Device), ConfigError> {
        let (mut file, check) = read(path, text);
        let device = check.device(file.device.take());
        let config = check.config(file);
        check.done((config, device))
    }

    /// The mistakes of naming what the machine does not have in the file at `path`, with their places.
    pub fn misfits(path: &Path, misfits: Vec<Misfit>) -> ConfigError {
        Self::misfits_in(path, &std::fs::read_to_string(path).unwrap_or_default(), misfits)
    }

    /// As [`Config::misfits`], of the file with this text.
    pub fn misfits_in(path: &Path, text: &str, misfits: Vec<Misfit>) -> ConfigError {
        let errors = misfits.into_iter().map(|misfit| Self::misfit(path, text, misfit));
        ConfigError::together(errors).expect("there is at least one")
    }

    fn misfit(path: &Path, text: &str, Misfit { named, message, remedy }: Misfit) -> ConfigError {
        let file: raw::File = toml::from_str(text).unwrap_or_default();
        let place = match named {
            Named::Board => file.board.description.map(|name| name.span()),
            Named::Button(id) => place_of(&id, file.button.into_iter().map(|button| button.id)),
            Named::ExitButton(id) => {
                place_of(&id, file.door.into_iter().flat_map(|door| door.exit_buttons.unwrap_or_default()))
            }
            Named::Door(id) => place_of(&id, file.door.into_iter().map(|door| door.id)),
            Named::Camera => file.video.device.map(|device| device.span()),
            Named::Recording => file.video.recording.map(|recording| recording.span()),
            Named::Interface(name) => place_of(&name, file.network.interfaces.into_iter()),
            Named::Certificate => file.companion.certificate.map(|certificate| certificate.span()),
        };
        ConfigError::at(path, text, place, message, &remedy)
    }

    /// The settings of the pure core, without the buttons that only a board tells of. `first_call` is random, so that a restarted station does not take up an older
    /// call by mistake.
    pub fn core(&self, first_call: u64) -> doorway_core::Settings {
        let press = PressSettings { hold: self.hold, ..PressSettings::default() };
        let call_button = |ButtonConfig { shown, rings }: &ButtonConfig| {
            let group = if rings.is_empty() { RingGroup::Everybody } else { RingGroup::Named(rings.clone()) };
            ButtonSettings { id: ButtonId::new(shown.id.as_str()), role: ButtonRole::Call(group), press }
        };
        let buttons = self.buttons.iter().map(call_button).collect();
        let door = |DoorConfig { shown, pulse, exit_buttons: _ }: &DoorConfig| DoorSettings {
            pulse: *pulse,
            open_without_ring: shown.open_without_ring,
            ..DoorSettings::new(shown.id.as_str().into())
        };
        let doors = self.doors.iter().map(door).collect();
        let call = CallSettings {
            ring_timeout: self.call.ring_timeout,
            max_duration: self.call.max_duration,
            watch_limit: self.call.watch_limit,
            max_peers: self.call.max_peers,
            max_clients: doorway_proto::MAX_CLIENTS_PER_ROOM,
            ..CallSettings::default()
        };
        doorway_core::Settings { first_call: doorway_core::CallId(first_call), buttons, doors, call }
    }
}

fn read<'a>(path: &'a Path, text: &'a str) -> (raw::File, Check<'a>) {
    let mut shape = shape::read(path, text);
    let file = std::mem::take(&mut shape.file);
    (file, Check { path, text, shape, mistakes: RefCell::default() })
}

fn place_of(name: &str, mut named: impl Iterator<Item = Spanned<String>>) -> Option<std::ops::Range<usize>> {
    named.find(|found| found.get_ref() == name).map(|found| found.span())
}

/// Goes through a file and gathers what is wrong. In place of what is, the default is taken, so that all else is checked
/// too.
struct Check<'a> {
    path: &'a Path,
    text: &'a str,
    shape: shape::Shape,
    mistakes: RefCell<Vec<ConfigError>>,
}

impl Check<'_> {
    /// What was read, if nothing was wrong.
    fn done<T>(self, read: T) -> Result<T, ConfigError> {
        ConfigError::together(self.shape.mistakes.into_iter().chain(self.mistakes.into_inner())).map_or(Ok(read), Err)
    }

    fn config(&self, file: raw::File) -> Config {
        let call = self.call(&file.call);
        let hold = self.within(file.call.hold, Duration::from_millis(30), ms(5)..=ms(1000), "hold");
        let id = file.station.id.and_then(|id| self.id(&id, EndpointId::new));
        let room = file.companion.room.as_ref().and_then(|room| self.id(room, RoomId::new));
        Config {
            id: id.unwrap_or_else(|| EndpointId::new("front-door").expect("the default is an id")),
            name: self.name(file.station.name),
            board: file.board.description.map_or_else(|| DEFAULT_BOARD.into(), Spanned::into_inner),
            buttons: self.buttons(file.button),
            hold,
            doors: self.doors(file.door),
            call,
            video: self.video(file.video),
            sound: self.sound(file.sound),
            room: room.unwrap_or_else(|| RoomId::new("home").expect("the default is an id")),
            companion: self.companion(&file.companion),
            udp_port: file.network.udp_port.unwrap_or(0),
            interfaces: file.network.interfaces.into_iter().map(Spanned::into_inner).collect(),
            local: self.local(file.local),
            update: self.update(file.update),
            impairment: self.impairment(file.simulate.network),
        }
    }

    fn name(&self, raw: Option<Spanned<String>>) -> String {
        let Some(name) = raw else { return DEFAULT_NAME.into() };
        if !(1..=64).contains(&name.get_ref().chars().count()) {
            self.wrong(&name, "a station's name has 1 to 64 characters".into(), "shorten it");
        }
        name.into_inner()
    }

    fn buttons(&self, raw: Vec<raw::Button>) -> Vec<ButtonConfig> {
        if raw.is_empty() {
            let id = ButtonName::new("call").expect("the default is an id");
            return vec![ButtonConfig { shown: Button { id, label: "Front door".into() }, rings: BTreeSet::new() }];
        }
        let mut seen = BTreeSet::new();
        let mut buttons = Vec::new();
        for button in raw {
            let Some(id) = self.id(&button.id, ButtonName::new) else { continue };
            if !seen.insert(id.clone()) {
                self.wrong(&button.id, format!("button {id} is there twice"), "give each its own id");
            }
            let shown = Button { label: button.label.unwrap_or_else(|| id.to_string()), id };
            buttons.push(ButtonConfig { shown, rings: button.rings.into_iter().collect() });
        }
        buttons
    }

    fn doors(&self, raw: Vec<raw::Door>) -> Vec<DoorConfig> {
        let mut seen = BTreeSet::new();
        let mut doors = Vec::new();
        for door in raw {
            let pulse = self.within(door.pulse, Duration::from_secs(3), ms(100)..=ms(30_000), "pulse");
            let Some(id) = self.id(&door.id, DoorName::new) else { continue };
            if !seen.insert(id.clone()) {
                self.wrong(&door.id, format!("door {id} is there twice"), "give each its own id");
            }
            let label = door.label.unwrap_or_else(|| id.to_string());
            let shown = Door { id, label, open_without_ring: door.open_without_ring };
            let exit_buttons = door.exit_buttons.map(|named| named.into_iter().map(Spanned::into_inner).collect());
            doors.push(DoorConfig { shown, pulse, exit_buttons });
        }
        doors
    }

    fn call(&self, raw: &raw::Call) -> CallLimits {
        let seconds = Duration::from_secs;
        if let Some(peers) = raw.max_peers.as_ref().filter(|peers| !(1..=32).contains(peers.get_ref())) {
            self.wrong(peers, "max_peers is out of range".into(), "take a number from 1 to 32");
        }
        CallLimits {
            ring_timeout: self.within(raw.ring_timeout.clone(), seconds(45), seconds(1)..=seconds(600), "ring_timeout"),
            max_duration: self.within(
                raw.max_duration.clone(),
                seconds(600),
                seconds(1)..=seconds(24 * 3600),
                "max_duration",
            ),
            watch_limit: self.within(
                raw.watch_limit.clone(),
                seconds(300),
                seconds(1)..=seconds(24 * 3600),
                "watch_limit",
            ),
            max_peers: raw.max_peers.as_ref().map_or(8, |peers| *peers.get_ref()),
        }
    }

    fn video(&self, raw: raw::Video) -> VideoSettings {
        let source = match raw.source {
            raw::VideoSource::V4l2 => VideoSource::V4l2(V4l2Source {
                device: raw.device.map(Spanned::into_inner),
                format: raw.format.and_then(|format| self.format(&format)),
                controls: self.controls(raw.controls),
            }),
            raw::VideoSource::Libcamera => VideoSource::Libcamera,
            raw::VideoSource::Test => VideoSource::Test,
            raw::VideoSource::None => VideoSource::None,
            raw::VideoSource::Recording => {
                if raw.recording.is_none() {
                    let remedy = "add recording = \"/path/to/video.h264\" to [video]";
                    self.missing("video.source is \"recording\", but no recording is named".into(), remedy);
                }
                VideoSource::Recording { path: raw.recording.map(Spanned::into_inner).unwrap_or_default() }
            }
        };
        let size = raw.size.map_or((1280, 720), |size| {
            let units::Size(width, height) = *size.get_ref();
            let fits =
                (160..=1280).contains(&width) && (90..=720).contains(&height) && width % 2 == 0 && height % 2 == 0;
            if !fits {
                let remedy = "take even numbers from 160x90 to 1280x720, the most that H.264 level 3.1 allows at 30 pictures a second";
                self.wrong(&size, format!("a picture of {width}x{height} can't be sent"), remedy);
            }
            (width, height)
        });
        let rate = raw.rate.map_or(30, |rate| {
            if !(1..=30).contains(rate.get_ref()) {
                let message = format!("{} pictures a second can't be sent", rate.get_ref());
                self.wrong(&rate, message, "take a rate from 1 to 30");
            }
            rate.into_inner()
        });
        let max_bitrate_bps = raw.max_bitrate.map_or(2_000_000, |bitrate| {
            if !(150_000..=10_000_000).contains(&bitrate.get_ref().0) {
                let remedy = "take a bitrate from \"150 kbit/s\" to \"10 Mbit/s\"";
                self.wrong(&bitrate, "max_bitrate is out of range".into(), remedy);
            }
            bitrate.into_inner().0
        });
        let encoder =
            raw.encoder.and_then(|name| self.encoder(&name)).map_or(EncoderChoice::Auto, EncoderChoice::Named);
        VideoSettings { source, size, rate, encoder, max_bitrate_bps }
    }

    /// `None` for "auto".
    fn encoder(&self, raw: &Spanned<String>) -> Option<EncoderKind> {
        let name = raw.get_ref();
        let kind = EncoderKind::of_element(name);
        if kind.is_none() && name != "auto" {
            let known = EncoderKind::ALL.map(EncoderKind::element).join("\", \"");
            let remedy = format!("take \"auto\", or one of \"{known}\"");
            self.wrong(raw, format!("no encoder is named {name}"), &remedy);
        }
        kind
    }

    /// `None` for "auto".
    fn format(&self, raw: &Spanned<String>) -> Option<Pixels> {
        let name = raw.get_ref();
        let pixels = Pixels::from_code(name);
        if pixels.is_none() && name != "auto" {
            let remedy = format!("take \"auto\", or one of \"{}\"", Pixels::ALL.map(Pixels::code).join("\", \""));
            self.wrong(raw, format!("no camera format is named {name}"), &remedy);
        }
        pixels
    }

    fn controls(&self, raw: BTreeMap<Spanned<String>, i64>) -> Vec<(String, i64)> {
        for unknown in raw.keys().filter(|name| !is_known_control(name.get_ref())) {
            let remedy = "take one of those that `doorwayd probe` lists for the camera";
            self.wrong(unknown, format!("no control is named {}", unknown.get_ref()), remedy);
        }
        raw.into_iter().map(|(name, value)| (name.into_inner(), value)).collect()
    }

    fn sound(&self, raw: raw::Sound) -> SoundSettings {
        let source = match raw.source {
            raw::SoundSource::None => SoundSource::None,
            raw::SoundSource::Alsa => SoundSource::Alsa {
                capture: raw.capture.unwrap_or_else(|| "default".into()),
                playback: raw.playback.unwrap_or_else(|| "default".into()),
            },
            raw::SoundSource::Test => {
                let tone_hz = raw.tone_hz.map_or(440.0, |tone| {
                    if !(20.0..=20_000.0).contains(tone.get_ref()) {
                        self.wrong(&tone, "nobody hears this tone".into(), "take 20 to 20000");
                    }
                    tone.into_inner()
                });
                SoundSource::Test { tone_hz, record: raw.record }
            }
        };
        SoundSettings {
            source,
            echo_cancellation: raw.echo_cancellation.unwrap_or(true),
            noise_suppression: raw.noise_suppression.unwrap_or(true),
            automatic_gain: raw.automatic_gain.unwrap_or(true),
        }
    }

    fn local(&self, raw: raw::Local) -> SocketAddr {
        let default = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9480);
        let Some(listen) = raw.listen else { return default };
        let address = self.address(&listen);
        if address.is_some_and(|address| !address.ip().is_loopback()) {
            let message = "[local] listen is no loopback address".into();
            self.wrong(&listen, message, "take 127.0.0.1 or [::1]: what is served there asks for no password");
        }
        address.unwrap_or(default)
    }

    /// An address to listen on.
    fn address(&self, raw: &Spanned<String>) -> Option<SocketAddr> {
        let text = raw.get_ref();
        if let Ok(address) = text.parse() {
            return Some(address);
        }
        let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok()).unwrap_or("8080");
        let remedy =
            format!("take \"127.0.0.1:{port}\" for this machine alone, or \"[::]:{port}\" for all who reach it");
        let is_name = text.chars().any(char::is_alphabetic) && !text.contains("::");
        let message = if is_name {
            format!("{text} names a machine, and listening takes an address")
        } else {
            format!("{text} is no address with a port")
        };
        self.wrong(raw, message, &remedy);
        None
    }

    fn impairment(&self, raw: raw::SimulatedNetwork) -> ImpairmentSettings {
        let loss_percent = raw.loss_percent.map_or(0.0, |loss| {
            if !(0.0..=100.0).contains(loss.get_ref()) {
                self.wrong(&loss, "a loss is a percentage".into(), "take 0 to 100");
            }
            loss.into_inner()
        });
        ImpairmentSettings {
            loss_percent,
            delay: raw.delay.map_or(Duration::ZERO, |span| span.0),
            jitter: raw.jitter.map_or(Duration::ZERO, |span| span.0),
            seed: raw.seed.unwrap_or(1),
        }
    }

    fn within(
        &self,
        raw: Option<Spanned<units::Span>>,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
        name: &str,
    ) -> Duration {
        let Some(spanned) = raw else { return default };
        let value = spanned.get_ref().0;
        if !range.contains(&value) {
            let message = format!("{name} is {value:?}, which is out of range");
            let remedy = format!("take {:?} to {:?}", range.start(), range.end());
            self.wrong(&spanned, message, &remedy);
        }
        value
    }

    fn id<T>(&self, raw: &Spanned<String>, new: impl Fn(String) -> Result<T, InvalidId>) -> Option<T> {
        let id = new(raw.get_ref().clone());
        id.map_err(|error| self.wrong(raw, error.to_string(), "take a short name such as \"front-door\"")).ok()
    }

    fn wrong<T>(&self, spanned: &Spanned<T>, message: String, remedy: &str) {
        self.mistake(Some(spanned.span()), message, remedy);
    }

    fn missing(&self, message: String, remedy: &str) {
        self.mistake(None, message, remedy);
    }

    fn mistake(&self, span: Option<std::ops::Range<usize>>, message: String, remedy: &str) {
        if self.shape.is_sound(self.text, span.as_ref().map(|span| span.start)) {
            self.mistakes.borrow_mut().push(ConfigError::at(self.path, self.text, span, message, remedy));
        }
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The path that was named, or the default one.
pub fn path_or_default(named: Option<PathBuf>) -> PathBuf {
    named.unwrap_or_else(|| DEFAULT_PATH.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("doorway.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_file_is_the_default() {
        let documented = parse(DOCUMENTED).unwrap();
        let mut default = parse("").unwrap();
        // A door has to be named to be there, and the documented file shows one.
        default.doors = documented.doors.clone();
        assert_eq!(documented, default);
        assert_eq!(documented.doors, parse("[[door]]\nid = \"door\"\nlabel = \"Front door\"\n").unwrap().doors);
    }

    #[test]
    fn a_mistake_is_said_with_its_line_and_a_remedy() {
        let cases = [
            ("[station]\nnmae = \"x\"\n", "doorway.toml:2:1: unknown field `nmae`"),
            ("[call]\nring_timeout = \"45\"\n", "doorway.toml:2:16: expected a duration"),
            ("[call]\nring_timeout = 45\n", "doorway.toml:2:16: expected a duration"),
            ("[video]\n\nmax_bitrate = \"2 MB/s\"\n", "doorway.toml:3:15: expected a bitrate"),
            ("[video]\nsize = \"1920x1080\"\n", "doorway.toml:2:8: a picture of 1920x1080 can't be sent"),
            ("[video]\nsource = \"webcam\"\n", "doorway.toml:2:10: unknown variant `webcam`"),
            ("[[door]]\nid = \"a\"\npulse = \"60 s\"\n", "doorway.toml:3:9: pulse is 60s"),
            ("[[door]]\nid = \"a\"\n[[door]]\nid = \"a\"\n", "doorway.toml:4:6: door a is there twice"),
            ("[companion]\nlisten = \"0.0.0.0:8080\"\n", "doorway.toml:2:10: 0.0.0.0:8080 can be reached"),
            ("[local]\nlisten = \"0.0.0.0:9480\"\n", "doorway.toml:2:10: [local] listen is no loopback"),
            ("[video]\nencoder = \"x265enc\"\n", "doorway.toml:2:11: no encoder is named x265enc"),
            ("[video]\nformat = \"RGB3\"\n", "doorway.toml:2:10: no camera format is named RGB3"),
            ("[video]\nsource = \"recording\"\n", "doorway.toml: video.source is \"recording\""),
            ("[update]\nurl = \"/root/x.raucb\"\n", "doorway.toml:2:7: an update comes from"),
            ("[update]\nrestart = \"soon\"\n", "doorway.toml:2:11: soon is no time"),
            ("x = [\n", "doorway.toml:"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(expected), "{error}\n  but expected {expected}");
            assert!(error.contains("remedy: "), "{error}");
        }
    }

    #[test]
    fn all_mistakes_are_said_at_once_in_their_order() {
        let text = "[station]\nnmae = \"x\"\n[call]\nring_timeout = 45\nhold = \"9 h\"\n[[door]]\nlabel = \"Gate\"\n\
            [video]\nsource = \"webcam\"\nsize = \"1920x1080\"\n[sound]\nsource = \"test\"\ntone_hz = 1.0\n\
            [companion]\nlisten = \"localhost:80\"\nhosts = [\"a\"]\n[local]\nlisten = \"0.0.0.0:1\"\n";
        let error = parse(text).unwrap_err();
        let places: Vec<&str> =
            error.lines().filter_map(|line| line.strip_prefix("doorway.toml:")?.split(' ').next()).collect();
        // The hold and the size stand in tables of which something could not be read at all.
        assert_eq!(places, ["2:1:", "4:16:", "6:1:", "9:10:", "13:11:", "15:10:", "16:9:", "18:10:"], "{error}");
        assert_eq!(error.matches("remedy: ").count(), places.len());
        let semantic = parse("[call]\nring_timeout = \"9 h\"\nhold = \"9 h\"\nmax_peers = 99\n").unwrap_err();
        assert_eq!(semantic.matches("remedy: ").count(), 3, "{semantic}");
        let syntax = parse("[station]\nname = \nid = =\n[call]\nhold = 45\n").unwrap_err();
        assert!(syntax.contains("doorway.toml:2:") && syntax.contains("doorway.toml:3:"), "{syntax}");
    }

    #[test]
    fn a_mistake_that_follows_from_another_is_not_said() {
        for text in [
            "[companion]\nlisten = \"0.0.0.0:80\"\nsecert = \"correct horse battery\"\n",
            "[companion]\nlisten = \"0.0.0.0:80\"\nsecret = 7\n",
            "[video]\nsource = \"recording\"\nrecording = 7\n",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.matches("remedy: ").count(), 1, "{error}");
        }
    }

    #[test]
    fn a_name_to_listen_on_has_its_own_remedy() {
        for (listen, expected) in [
            ("localhost:8080", "localhost:8080 names a machine"),
            ("door.lan", "take \"127.0.0.1:8080\""),
            ("localhost:9090", "take \"127.0.0.1:9090\" for this machine alone, or \"[::]:9090\""),
            (":8080", ":8080 is no address with a port"),
            ("127.0.0.1", "127.0.0.1 is no address with a port"),
            ("[::]", "[::] is no address with a port"),
        ] {
            for table in ["companion", "local"] {
                let error = parse(&format!("[{table}]\nlisten = \"{listen}\"\n")).unwrap_err();
                assert!(error.starts_with("doorway.toml:2:10: ") && error.contains(expected), "{error}");
            }
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let config = parse("[companion]\nlisten = \"0.0.0.0:80\"\nsecret = \"correct horse battery\"\n").unwrap();
        assert!(!format!("{config:?}").contains("horse"));
        let error = parse("[companion]\nsecret = \"horse\"\n").unwrap_err();
        assert!(!error.contains("horse\""), "{error}");
        let error = parse("[companion]\nsecret = 123456789012\n").unwrap_err();
        assert!(error.starts_with("doorway.toml:2:10: ") && !error.contains("123456789012"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_config_or_an_error(text in "\\PC{0,200}|(\\[[a-z]{1,8}\\]\n([a-z_]{1,8} = [a-z0-9\"]{1,8}\n){0,4}){0,4}") {
            if let Err(error) = parse(&text) {
                proptest::prop_assert!(error.contains("remedy: "), "{}", error);
            }
        }
    }
}
