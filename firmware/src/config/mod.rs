//! The configuration: one TOML file in, a [`Config`] that can't be wrong out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorway_core::door::DoorSettings;
use doorway_core::press::PressSettings;
use doorway_core::{ButtonId, ButtonRole, ButtonSettings, CallSettings, RingGroup};
use doorway_proto::ids::{ButtonId as ButtonName, DoorId as DoorName, EndpointId, InvalidId, RoomId};
use doorway_proto::state::{Button, Door};
use toml::Spanned;

use crate::net::ImpairmentSettings;
use crate::sound::{SoundSettings, SoundSource};
use crate::update::UpdateSettings;
use crate::video::{EncoderChoice, EncoderKind, Pixels, V4l2Source, VideoSettings, VideoSource, is_known_control};

mod companion;
mod device;
mod error;
mod raw;
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
    /// The call buttons as clients see them.
    pub buttons: Vec<Button>,
    /// Whom each button rings, by client name; empty for everybody.
    pub ring_groups: Vec<BTreeSet<String>>,
    /// How long a button has to be held to count.
    pub hold: Duration,
    /// The doors as clients see them.
    pub doors: Vec<Door>,
    /// How long each door stays open.
    pub pulses: Vec<Duration>,
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
    /// A door by its relay's id.
    Door(String),
    /// The camera's device.
    Camera,
    /// The recording that is played.
    Recording,
    /// A network interface by its name.
    Interface(String),
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The first mistake, with its place and what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Self::parse(path, &text)
    }

    /// Checks the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// The first mistake, with its place and what to do.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file = raw_file(path, text)?;
        let check = Check { path, text };
        if let Some(device) = &file.device {
            let remedy = "take it out here: the file on the boot partition is the place for it";
            return Err(check.wrong(device, "[device] is for `doorwayd provision`".into(), remedy));
        }
        check.config(file)
    }

    /// Checks that a file from the boot partition is TOML with the keys and kinds of values that there are.
    ///
    /// # Errors
    /// The first mistake, with its place and what to do.
    pub fn check_keys(path: &Path, text: &str) -> Result<(), ConfigError> {
        raw_file(path, text).map(drop)
    }

    /// Checks the text of a file from the boot partition, which may have a table `[device]` too.
    ///
    /// # Errors
    /// The first mistake, with its place and what to do.
    pub fn parse_with_device(path: &Path, text: &str) -> Result<(Self, Device), ConfigError> {
        let mut file = raw_file(path, text)?;
        let check = Check { path, text };
        let device = check.device(file.device.take())?;
        Ok((check.config(file)?, device))
    }

    /// The mistake of naming something in the file at `path` that the machine does not have, with its place.
    pub fn misfit(path: &Path, named: &Named, message: String, remedy: &str) -> ConfigError {
        Self::misfit_in(path, &std::fs::read_to_string(path).unwrap_or_default(), named, message, remedy)
    }

    /// As [`Config::misfit`], of the file with this text.
    pub fn misfit_in(path: &Path, text: &str, named: &Named, message: String, remedy: &str) -> ConfigError {
        let file: raw::File = toml::from_str(text).unwrap_or_default();
        let place = match named {
            Named::Board => file.board.description.map(|name| name.span()),
            Named::Button(id) => place_of(id, file.button.into_iter().map(|button| button.id)),
            Named::Door(id) => place_of(id, file.door.into_iter().map(|door| door.id)),
            Named::Camera => file.video.device.map(|device| device.span()),
            Named::Recording => file.video.recording.map(|recording| recording.span()),
            Named::Interface(name) => place_of(name, file.network.interfaces.into_iter()),
        };
        ConfigError::at(path, text, place, message, remedy)
    }

    /// The settings of the pure core. `first_call` is random, so that a restarted station does not take up an older
    /// call by mistake.
    pub fn core(&self, first_call: u64) -> doorway_core::Settings {
        let press = PressSettings { hold: self.hold, ..PressSettings::default() };
        let mut buttons: Vec<ButtonSettings> = Vec::new();
        for (button, group) in self.buttons.iter().zip(&self.ring_groups) {
            let group = if group.is_empty() { RingGroup::Everybody } else { RingGroup::Named(group.clone()) };
            buttons.push(ButtonSettings {
                id: ButtonId::new(button.id.as_str()),
                role: ButtonRole::Call(group),
                press,
            });
        }
        let doors = self
            .doors
            .iter()
            .zip(&self.pulses)
            .map(|(door, pulse)| DoorSettings { pulse: *pulse, ..DoorSettings::new(door.id.as_str().into()) })
            .collect();
        let call = CallSettings {
            ring_timeout: self.call.ring_timeout,
            max_duration: self.call.max_duration,
            watch_limit: self.call.watch_limit,
            max_peers: self.call.max_peers,
            ..CallSettings::default()
        };
        doorway_core::Settings { first_call: doorway_core::CallId(first_call), buttons, doors, call }
    }
}

fn raw_file(path: &Path, text: &str) -> Result<raw::File, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let remedy = "compare with the documented file; every key with its unit stands there";
        ConfigError::at(path, text, error.span(), error.message().to_owned(), remedy)
    })
}

fn place_of(name: &str, mut named: impl Iterator<Item = Spanned<String>>) -> Option<std::ops::Range<usize>> {
    named.find(|found| found.get_ref() == name).map(|found| found.span())
}

/// What the checks need to say where a mistake is.
struct Check<'a> {
    path: &'a Path,
    text: &'a str,
}

type Checked<T> = Result<T, ConfigError>;

impl Check<'_> {
    fn config(&self, file: raw::File) -> Checked<Config> {
        let video = self.video(file.video)?;
        let sound = self.sound(file.sound)?;
        let companion = self.companion(&file.companion)?;
        let (buttons, ring_groups) = self.buttons(file.button)?;
        let (doors, pulses) = self.doors(file.door)?;
        let call = self.call(&file.call)?;
        let hold = self.within(file.call.hold, Duration::from_millis(30), ms(5)..=ms(1000), "hold")?;
        let id = match file.station.id {
            Some(id) => self.id(&id, EndpointId::new)?,
            None => EndpointId::new("front-door").expect("the default is an id"),
        };
        let room = match &file.companion.room {
            Some(room) => self.id(room, RoomId::new)?,
            None => RoomId::new("home").expect("the default is an id"),
        };
        Ok(Config {
            id,
            name: self.name(file.station.name)?,
            board: file.board.description.map_or_else(|| DEFAULT_BOARD.into(), Spanned::into_inner),
            buttons,
            ring_groups,
            hold,
            doors,
            pulses,
            call,
            video,
            sound,
            room,
            companion,
            udp_port: file.network.udp_port.unwrap_or(0),
            interfaces: file.network.interfaces.into_iter().map(Spanned::into_inner).collect(),
            local: self.local(file.local)?,
            update: self.update(file.update)?,
            impairment: self.impairment(file.simulate.network)?,
        })
    }

    fn name(&self, raw: Option<Spanned<String>>) -> Checked<String> {
        match raw {
            None => Ok(DEFAULT_NAME.into()),
            Some(name) if (1..=64).contains(&name.get_ref().chars().count()) => Ok(name.into_inner()),
            Some(name) => Err(self.wrong(&name, "a station's name has 1 to 64 characters".into(), "shorten it")),
        }
    }

    fn buttons(&self, raw: Vec<raw::Button>) -> Checked<(Vec<Button>, Vec<BTreeSet<String>>)> {
        if raw.is_empty() {
            let id = ButtonName::new("call").expect("the default is an id");
            return Ok((vec![Button { id, label: "Front door".into() }], vec![BTreeSet::new()]));
        }
        let mut seen = BTreeSet::new();
        let mut buttons = Vec::new();
        let mut groups = Vec::new();
        for button in raw {
            let id = self.id(&button.id, ButtonName::new)?;
            if !seen.insert(id.clone()) {
                return Err(self.wrong(&button.id, format!("button {id} is there twice"), "give each its own id"));
            }
            buttons.push(Button { label: button.label.unwrap_or_else(|| id.to_string()), id });
            groups.push(button.rings.into_iter().collect());
        }
        Ok((buttons, groups))
    }

    fn doors(&self, raw: Vec<raw::Door>) -> Checked<(Vec<Door>, Vec<Duration>)> {
        let mut seen = BTreeSet::new();
        let mut doors = Vec::new();
        let mut pulses = Vec::new();
        for door in raw {
            let id = self.id(&door.id, DoorName::new)?;
            if !seen.insert(id.clone()) {
                return Err(self.wrong(&door.id, format!("door {id} is there twice"), "give each its own id"));
            }
            doors.push(Door { label: door.label.unwrap_or_else(|| id.to_string()), id });
            pulses.push(self.within(door.pulse, Duration::from_secs(3), ms(100)..=ms(30_000), "pulse")?);
        }
        Ok((doors, pulses))
    }

    fn call(&self, raw: &raw::Call) -> Checked<CallLimits> {
        let seconds = Duration::from_secs;
        let max_peers = match &raw.max_peers {
            None => 8,
            Some(peers) if (1..=32).contains(peers.get_ref()) => *peers.get_ref(),
            Some(peers) => {
                return Err(self.wrong(peers, "max_peers is out of range".into(), "take a number from 1 to 32"));
            }
        };
        Ok(CallLimits {
            ring_timeout: self.within(
                raw.ring_timeout.clone(),
                seconds(45),
                seconds(1)..=seconds(600),
                "ring_timeout",
            )?,
            max_duration: self.within(
                raw.max_duration.clone(),
                seconds(600),
                seconds(1)..=seconds(24 * 3600),
                "max_duration",
            )?,
            watch_limit: self.within(
                raw.watch_limit.clone(),
                seconds(300),
                seconds(1)..=seconds(24 * 3600),
                "watch_limit",
            )?,
            max_peers,
        })
    }

    fn video(&self, raw: raw::Video) -> Checked<VideoSettings> {
        let source = match raw.source {
            raw::VideoSource::V4l2 => VideoSource::V4l2(V4l2Source {
                device: raw.device.map(Spanned::into_inner),
                format: raw.format.map(|format| self.format(&format)).transpose()?.flatten(),
                controls: self.controls(raw.controls)?,
            }),
            raw::VideoSource::Libcamera => VideoSource::Libcamera,
            raw::VideoSource::Test => VideoSource::Test,
            raw::VideoSource::None => VideoSource::None,
            raw::VideoSource::Recording => VideoSource::Recording {
                path: raw.recording.map(Spanned::into_inner).ok_or_else(|| {
                    let remedy = "add recording = \"/path/to/video.h264\" to [video]";
                    self.missing("video.source is \"recording\", but no recording is named".into(), remedy)
                })?,
            },
        };
        let size = match raw.size {
            None => (1280, 720),
            Some(size) => {
                let units::Size(width, height) = *size.get_ref();
                let fits =
                    (160..=1280).contains(&width) && (90..=720).contains(&height) && width % 2 == 0 && height % 2 == 0;
                if !fits {
                    let remedy = "take even numbers from 160x90 to 1280x720, the most that H.264 level 3.1 allows at 30 pictures a second";
                    return Err(self.wrong(&size, format!("a picture of {width}x{height} can't be sent"), remedy));
                }
                (width, height)
            }
        };
        let rate = match raw.rate {
            None => 30,
            Some(rate) if (1..=30).contains(rate.get_ref()) => *rate.get_ref(),
            Some(rate) => {
                let message = format!("{} pictures a second can't be sent", rate.get_ref());
                return Err(self.wrong(&rate, message, "take a rate from 1 to 30"));
            }
        };
        let max_bitrate_bps = match raw.max_bitrate {
            None => 2_000_000,
            Some(bitrate) if (150_000..=10_000_000).contains(&bitrate.get_ref().0) => bitrate.get_ref().0,
            Some(bitrate) => {
                let remedy = "take a bitrate from \"150 kbit/s\" to \"10 Mbit/s\"";
                return Err(self.wrong(&bitrate, "max_bitrate is out of range".into(), remedy));
            }
        };
        let encoder = match &raw.encoder {
            None => EncoderChoice::Auto,
            Some(name) if name.get_ref() == "auto" => EncoderChoice::Auto,
            Some(name) => {
                let kind = EncoderKind::of_element(name.get_ref()).ok_or_else(|| {
                    let known = EncoderKind::ALL.map(EncoderKind::element).join("\", \"");
                    let remedy = format!("take \"auto\", or one of \"{known}\"");
                    self.wrong(name, format!("no encoder is named {}", name.get_ref()), &remedy)
                })?;
                EncoderChoice::Named(kind)
            }
        };
        Ok(VideoSettings { source, size, rate, encoder, max_bitrate_bps })
    }

    fn format(&self, raw: &Spanned<String>) -> Checked<Option<Pixels>> {
        let name = raw.get_ref();
        if name == "auto" {
            return Ok(None);
        }
        let pixels = Pixels::from_code(name).ok_or_else(|| {
            let remedy = format!("take \"auto\", or one of \"{}\"", Pixels::ALL.map(Pixels::code).join("\", \""));
            self.wrong(raw, format!("no camera format is named {name}"), &remedy)
        })?;
        Ok(Some(pixels))
    }

    fn controls(&self, raw: BTreeMap<Spanned<String>, i64>) -> Checked<Vec<(String, i64)>> {
        if let Some(unknown) = raw.keys().find(|name| !is_known_control(name.get_ref())) {
            let remedy = "take one of those that `doorwayd probe` lists for the camera";
            return Err(self.wrong(unknown, format!("no control is named {}", unknown.get_ref()), remedy));
        }
        Ok(raw.into_iter().map(|(name, value)| (name.into_inner(), value)).collect())
    }

    fn sound(&self, raw: raw::Sound) -> Checked<SoundSettings> {
        let source = match raw.source {
            raw::SoundSource::None => SoundSource::None,
            raw::SoundSource::Alsa => SoundSource::Alsa {
                capture: raw.capture.unwrap_or_else(|| "default".into()),
                playback: raw.playback.unwrap_or_else(|| "default".into()),
            },
            raw::SoundSource::Test => {
                let tone_hz = match raw.tone_hz {
                    None => 440.0,
                    Some(tone) if (20.0..=20_000.0).contains(tone.get_ref()) => *tone.get_ref(),
                    Some(tone) => {
                        return Err(self.wrong(&tone, "nobody hears this tone".into(), "take 20 to 20000"));
                    }
                };
                SoundSource::Test { tone_hz, record: raw.record }
            }
        };
        Ok(SoundSettings {
            source,
            echo_cancellation: raw.echo_cancellation.unwrap_or(true),
            noise_suppression: raw.noise_suppression.unwrap_or(true),
            automatic_gain: raw.automatic_gain.unwrap_or(true),
        })
    }

    fn local(&self, raw: raw::Local) -> Checked<SocketAddr> {
        match raw.listen {
            None => Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9480)),
            Some(listen) if listen.get_ref().ip().is_loopback() => Ok(*listen.get_ref()),
            Some(listen) => {
                let message = "[local] listen is no loopback address".into();
                Err(self.wrong(&listen, message, "take 127.0.0.1 or [::1]: what is served there asks for no password"))
            }
        }
    }

    fn impairment(&self, raw: raw::SimulatedNetwork) -> Checked<ImpairmentSettings> {
        let loss_percent = match raw.loss_percent {
            None => 0.0,
            Some(loss) if (0.0..=100.0).contains(loss.get_ref()) => *loss.get_ref(),
            Some(loss) => return Err(self.wrong(&loss, "a loss is a percentage".into(), "take 0 to 100")),
        };
        Ok(ImpairmentSettings {
            loss_percent,
            delay: raw.delay.map_or(Duration::ZERO, |span| span.0),
            jitter: raw.jitter.map_or(Duration::ZERO, |span| span.0),
            seed: raw.seed.unwrap_or(1),
        })
    }

    fn within(
        &self,
        raw: Option<Spanned<units::Span>>,
        default: Duration,
        range: std::ops::RangeInclusive<Duration>,
        name: &str,
    ) -> Checked<Duration> {
        let Some(spanned) = raw else { return Ok(default) };
        let value = spanned.get_ref().0;
        if range.contains(&value) {
            return Ok(value);
        }
        let message = format!("{name} is {value:?}, which is out of range");
        let remedy = format!("take {:?} to {:?}", range.start(), range.end());
        Err(self.wrong(&spanned, message, &remedy))
    }

    fn id<T>(&self, raw: &Spanned<String>, new: impl Fn(String) -> Result<T, InvalidId>) -> Checked<T> {
        new(raw.get_ref().clone())
            .map_err(|error| self.wrong(raw, error.to_string(), "take a short name such as \"front-door\""))
    }

    fn wrong<T>(&self, spanned: &Spanned<T>, message: String, remedy: &str) -> ConfigError {
        ConfigError::at(self.path, self.text, Some(spanned.span()), message, remedy)
    }

    fn missing(&self, message: String, remedy: &str) -> ConfigError {
        ConfigError::at(self.path, self.text, None, message, remedy)
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
        default.pulses = documented.pulses.clone();
        assert_eq!(documented, default);
        assert_eq!(documented.pulses, [Duration::from_secs(3)]);
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
            let _ = parse(&text);
        }
    }
}
