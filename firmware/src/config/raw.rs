//! The configuration file as it is written: every table, every key, nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::units::{Bitrate, Size, Span};

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) station: Station,
    pub(super) board: Board,
    pub(super) button: Vec<Button>,
    pub(super) door: Vec<Door>,
    pub(super) call: Call,
    pub(super) video: Video,
    pub(super) sound: Sound,
    pub(super) companion: Companion,
    pub(super) network: Network,
    pub(super) local: Local,
    pub(super) update: Update,
    pub(super) simulate: Simulate,
    pub(super) device: Option<Spanned<Device>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Station {
    pub(super) id: Option<Spanned<String>>,
    pub(super) name: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Board {
    pub(super) description: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Button {
    pub(super) id: Spanned<String>,
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) rings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Door {
    pub(super) id: Spanned<String>,
    pub(super) label: Option<String>,
    pub(super) pulse: Option<Spanned<Span>>,
    #[serde(default)]
    pub(super) open_without_ring: bool,
    pub(super) exit_buttons: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Call {
    pub(super) hold: Option<Spanned<Span>>,
    pub(super) ring_timeout: Option<Spanned<Span>>,
    pub(super) max_duration: Option<Spanned<Span>>,
    pub(super) watch_limit: Option<Spanned<Span>>,
    pub(super) max_peers: Option<Spanned<usize>>,
}

#[derive(Debug, Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum VideoSource {
    #[default]
    V4l2,
    Libcamera,
    Recording,
    Test,
    None,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Video {
    pub(super) source: VideoSource,
    pub(super) device: Option<Spanned<PathBuf>>,
    pub(super) format: Option<Spanned<String>>,
    pub(super) controls: BTreeMap<Spanned<String>, i64>,
    pub(super) recording: Option<Spanned<PathBuf>>,
    pub(super) size: Option<Spanned<Size>>,
    pub(super) rate: Option<Spanned<u32>>,
    pub(super) encoder: Option<Spanned<String>>,
    pub(super) max_bitrate: Option<Spanned<Bitrate>>,
}

#[derive(Debug, Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum SoundSource {
    #[default]
    Alsa,
    Test,
    None,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sound {
    pub(super) source: SoundSource,
    pub(super) capture: Option<String>,
    pub(super) playback: Option<String>,
    pub(super) tone_hz: Option<Spanned<f32>>,
    pub(super) record: Option<PathBuf>,
    pub(super) echo_cancellation: Option<bool>,
    pub(super) noise_suppression: Option<bool>,
    pub(super) automatic_gain: Option<bool>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Companion {
    pub(super) room: Option<Spanned<String>>,
    pub(super) listen: Option<Spanned<String>>,
    pub(super) secret: Option<Spanned<String>>,
    pub(super) hosts: Option<Spanned<Vec<String>>>,
    pub(super) connect: Option<Spanned<String>>,
    pub(super) tls: Option<Spanned<Tls>>,
    pub(super) certificate: Option<Spanned<PathBuf>>,
    pub(super) key: Option<Spanned<PathBuf>>,
    pub(super) redirect: Option<Spanned<String>>,
    pub(super) claim: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tls {
    #[default]
    Off,
    Own,
    Files,
}

/// Of the boot partition's file only.
#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Device {
    pub(super) hostname: Option<Spanned<String>>,
    pub(super) wifi: Option<Spanned<Wifi>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wifi {
    pub(super) ssid: Spanned<String>,
    pub(super) passphrase: Option<Spanned<String>>,
    pub(super) country: Spanned<String>,
    #[serde(default)]
    pub(super) hidden: bool,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Network {
    pub(super) udp_port: Option<u16>,
    pub(super) interfaces: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Local {
    pub(super) listen: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Update {
    pub(super) url: Option<Spanned<String>>,
    pub(super) check: UpdateCheck,
    pub(super) restart: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum UpdateCheck {
    #[default]
    Off,
    Daily,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Simulate {
    pub(super) network: SimulatedNetwork,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SimulatedNetwork {
    pub(super) loss_percent: Option<Spanned<f64>>,
    pub(super) delay: Option<Span>,
    pub(super) jitter: Option<Span>,
    pub(super) seed: Option<u64>,
}
