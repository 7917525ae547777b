//! What the daemon tells about itself on its local endpoint.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorway_proto::state::{Activity, MediaHealth};
use serde::Serialize;

use crate::sound::SoundStats;
use crate::update::UpdateStatus;
use crate::video::VideoStats;

/// The whole of `/status`.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The daemon's version.
    pub version: &'static str,
    /// The commit it was built from, where the build knew it.
    pub commit: &'static str,
    /// The device image's version, `X.Y.Z+N`; none where the daemon was installed as a package.
    pub image_version: Option<String>,
    /// The slot that was booted, such as `A`.
    pub slot: Option<String>,
    /// What becomes of an update.
    pub update: UpdateStatus,
    /// How long it has been running, in seconds.
    pub uptime_s: f64,
    /// The process.
    pub pid: u32,
    /// Which station this is.
    pub station: StationName,
    /// What it is doing.
    pub activity: Activity,
    /// The call, if there is one.
    pub call: Option<CallStatus>,
    /// What of its media works.
    pub media: MediaHealth,
    /// Camera and encoder.
    pub video: VideoStatus,
    /// Microphone and speaker.
    pub sound: SoundStatus,
    /// The companion.
    pub companion: CompanionStatus,
    /// The doors.
    pub doors: Vec<DoorStatus>,
    /// Buttons that are stuck, relays that do not release, a port that can't be had, as sentences.
    pub faults: Vec<String>,
    /// What the process holds.
    pub resources: Resources,
    /// When things happened in the last call.
    pub marks: Marks,
}

/// Which station this is.
#[derive(Debug, Clone, Serialize)]
pub struct StationName {
    /// The endpoint's id.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// The call.
#[derive(Debug, Clone, Serialize)]
pub struct CallStatus {
    /// The call.
    pub id: String,
    /// Whoever talks with the visitor.
    pub talkers: Vec<String>,
    /// Everybody who has a part in it.
    pub peers: Vec<PeerStatus>,
}

/// A client's part in the call.
#[derive(Debug, Clone, Serialize)]
pub struct PeerStatus {
    /// The client.
    pub client: String,
    /// Whether its media are connected.
    pub connected: bool,
}

/// Camera and encoder.
#[derive(Debug, Clone, Serialize, Default)]
pub struct VideoStatus {
    /// What the picture comes from.
    pub source: String,
    /// The encoder at work.
    pub encoder: Option<String>,
    /// Whether the camera is on.
    pub running: bool,
    /// The picture's width in pixels.
    pub width: u32,
    /// The picture's height in pixels.
    pub height: u32,
    /// Pictures handed on since the camera went on.
    pub frames: u64,
    /// Pictures that were dropped since.
    pub dropped: u64,
    /// Pictures that a V4L2 driver counted and did not deliver: this machine is too slow, or they were damaged.
    pub missed: u64,
    /// What the encoder was told to take, in bits per second.
    pub bitrate_bps: u32,
}

/// Microphone and speaker.
#[derive(Debug, Clone, Serialize, Default)]
pub struct SoundStatus {
    /// Whether they are on.
    pub running: bool,
    /// The microphone's level, in dB of full scale.
    pub microphone_dbfs: f32,
    /// The speaker's level, in dB of full scale.
    pub speaker_dbfs: f32,
    /// When the client's sound was first heard in this call, in milliseconds since the Unix epoch.
    pub heard_at_ms: Option<f64>,
    /// Times that the microphone's buffer ran over.
    pub capture_xruns: u64,
    /// Times that the speaker's buffer ran dry.
    pub playback_xruns: u64,
    /// Packets that came from the client.
    pub received: u64,
    /// Samples that were invented in place of lost ones.
    pub concealed: u64,
    /// Packets that were lost and restored from the next one.
    pub recovered_by_fec: u64,
}

/// What camera and sound did since the daemon started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MediaTotals {
    /// Pictures handed on.
    pub frames: u64,
    /// Pictures that were dropped.
    pub dropped: u64,
    /// Pictures that a V4L2 driver counted and did not deliver: this machine is too slow, or they were damaged.
    pub missed: u64,
    /// Times that the microphone's buffer ran over.
    pub capture_xruns: u64,
    /// Times that the speaker's buffer ran dry.
    pub playback_xruns: u64,
    /// Packets that came from clients.
    pub received: u64,
    /// Samples that were invented in place of lost ones.
    pub concealed: u64,
}

impl MediaTotals {
    /// Adds what a camera did.
    pub fn add_video(&mut self, stats: &VideoStats) {
        self.frames += stats.frames;
        self.dropped += stats.dropped;
        self.missed += stats.missed;
    }

    /// Adds what a microphone and a speaker did.
    pub fn add_sound(&mut self, stats: &SoundStats) {
        self.capture_xruns += stats.capture_xruns;
        self.playback_xruns += stats.playback_xruns;
        self.received += stats.received;
        self.concealed += stats.concealed;
    }
}

/// The companion.
#[derive(Debug, Clone, Serialize)]
pub struct CompanionStatus {
    /// Whether it is within reach.
    pub connected: bool,
    /// Clients in the station's room.
    pub clients: usize,
    /// Why it is out of reach or can't be reached by pages, and what to do.
    pub trouble: Option<String>,
}

/// A door.
#[derive(Debug, Clone, Serialize)]
pub struct DoorStatus {
    /// The door.
    pub id: String,
    /// Whether its relay is energised.
    pub open: bool,
    /// Its latest opening since the daemon started.
    pub opened: Option<Opening>,
}

/// When and by whom a door was opened.
#[derive(Debug, Clone, Serialize)]
pub struct Opening {
    /// When the relay had acted, in milliseconds since the Unix epoch.
    pub at_ms: f64,
    /// The client that asked for it, if one did.
    pub client: Option<String>,
    /// What a person reads of whoever opened it: the client's name, or the exit button's.
    pub name: String,
    /// The call, if it was opened in one.
    pub call: Option<String>,
    /// `rung_call` after a press, `call_without_ring` where the door may do without, `exit_button` from the inside, `keypad`,
    /// `automation`.
    pub way: &'static str,
}

/// What the process holds.
#[derive(Debug, Clone, Serialize, Default)]
pub struct Resources {
    /// Threads.
    pub threads: usize,
    /// Open file handles.
    pub handles: usize,
    /// Those that are sockets.
    pub sockets: usize,
    /// Video pipelines.
    pub pipelines: usize,
    /// WebRTC connections.
    pub peers: usize,
    /// Resident memory in KiB.
    pub rss_kb: u64,
}

/// When things happened in the last call, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Serialize, Default)]
pub struct Marks {
    /// The contact closed of the press that was accepted.
    pub pressed_ms: Option<f64>,
    /// That press was accepted: it had been held for long enough.
    pub press_accepted_ms: Option<f64>,
    /// The last ring message was handed to the companion.
    pub ring_sent_ms: Option<f64>,
    /// The first client confirmed that it rings.
    pub first_receipt_ms: Option<f64>,
    /// How many clients confirmed.
    pub receipts: u32,
}

impl Marks {
    /// The engine's moments by the time of day; `wall` is what it is `now`.
    pub fn of(marks: &doorway_engine::Marks, now: Instant, wall: SystemTime) -> Self {
        let ms = |at: Option<Instant>| at.map(|at| epoch_ms(wall - now.saturating_duration_since(at)));
        Self {
            pressed_ms: ms(marks.pressed),
            press_accepted_ms: ms(marks.press_accepted),
            ring_sent_ms: ms(marks.ring_sent),
            first_receipt_ms: ms(marks.first_receipt),
            receipts: marks.receipts,
        }
    }
}

impl Resources {
    /// Reads `/proc/self`.
    pub fn of_this_process(pipelines: usize, peers: usize) -> Self {
        let handles: Vec<_> = fs::read_dir("/proc/self/fd")
            .map(|entries| entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect())
            .unwrap_or_default();
        Self {
            threads: fs::read_dir("/proc/self/task").map_or(0, Iterator::count),
            handles: handles.len(),
            sockets: handles.iter().filter(|target| target.to_string_lossy().starts_with("socket:")).count(),
            pipelines,
            peers,
            rss_kb: resident_kb().unwrap_or(0),
        }
    }
}

fn resident_kb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Milliseconds since the Unix epoch.
pub fn epoch_ms(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_counts_its_handles_and_memory() {
        let before = Resources::of_this_process(0, 0);
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let with = Resources::of_this_process(0, 0);
        assert_eq!(with.sockets, before.sockets + 1);
        assert!(with.threads >= 1 && with.rss_kb > 100);
        drop(socket);
    }
}
