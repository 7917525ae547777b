//! What the daemon's local endpoint answers to `GET /status`.
//!
//! Fields that no case looks at are left out; the daemon may send more than is named here.

use doorway_proto::state::{Activity, MediaHealth};
use serde::Deserialize;

/// The daemon at one moment.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The commit that it was built from.
    pub commit: String,
    /// Its process.
    pub pid: u32,
    /// Which station it is.
    pub station: StationStatus,
    /// What it is doing.
    pub activity: Activity,
    /// The call, while there is one.
    pub call: Option<Call>,
    /// What of its media works.
    pub media: MediaHealth,
    /// The picture's counters.
    pub video: VideoStatus,
    /// The sound's levels and counters.
    pub sound: SoundStatus,
    /// The companion as the station sees it.
    pub companion: CompanionStatus,
    /// The doors.
    pub doors: Vec<DoorStatus>,
    /// Buttons that are stuck and relays that do not release, as sentences.
    pub faults: Vec<String>,
    /// What it holds.
    pub resources: Resources,
    /// When the last press went through its stages.
    pub marks: Marks,
}

/// Which station it is.
#[derive(Debug, Clone, Deserialize)]
pub struct StationStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A call.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// The call's id.
    pub id: String,
    /// Whoever talks with the visitor.
    pub talkers: Vec<String>,
    /// Everybody who takes part.
    pub peers: Vec<Peer>,
}

/// A client in a call.
#[derive(Debug, Clone, Deserialize)]
pub struct Peer {
    /// The client.
    pub client: String,
    /// Whether its media connection is up.
    pub connected: bool,
}

/// The picture.
#[derive(Debug, Clone, Deserialize)]
pub struct VideoStatus {
    /// Where it comes from.
    pub source: String,
    /// The encoder in use.
    pub encoder: Option<String>,
    /// Whether the camera runs.
    pub running: bool,
    /// Encoded frames so far.
    pub frames: u64,
    /// Frames that were dropped before sending so far.
    pub dropped: u64,
    /// Frames that the camera's driver counted and did not deliver.
    pub missed: u64,
    /// What the encoder aims at.
    pub bitrate_bps: u64,
}

/// The sound.
#[derive(Debug, Clone, Deserialize)]
pub struct SoundStatus {
    /// Whether capture and playback run.
    pub running: bool,
    /// The speaker's level.
    pub speaker_dbfs: Option<f64>,
    /// When the answerer was first heard at the station in this call, in milliseconds since the Unix epoch.
    pub heard_at_ms: Option<f64>,
    /// Packets that arrived of the answerer's sound.
    pub received: u64,
    /// Samples that had to be made up.
    pub concealed: u64,
    /// How often the microphone's ring was full.
    pub capture_xruns: u64,
    /// How often the speaker's ring was empty.
    pub playback_xruns: u64,
    /// Packets that were restored out of the one after them.
    pub recovered_by_fec: u64,
}

/// The companion as the station sees it.
#[derive(Debug, Clone, Deserialize)]
pub struct CompanionStatus {
    /// Whether the station is in its room.
    pub connected: bool,
    /// How many clients are there.
    pub clients: usize,
    /// Why pages can't reach it, or it can't reach the companion.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// A door.
#[derive(Debug, Clone, Deserialize)]
pub struct DoorStatus {
    /// Its id.
    pub id: String,
    /// Whether its relay is energised.
    pub open: bool,
    /// Its latest opening.
    pub opened: Option<Opening>,
}

/// When and by whom a door was opened.
#[derive(Debug, Clone, Deserialize)]
pub struct Opening {
    /// What a person reads of whoever opened it.
    pub name: String,
    /// By what right.
    pub way: String,
}

/// What the daemon holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Resources {
    /// Threads.
    pub threads: u64,
    /// Open file handles.
    pub handles: u64,
    /// Those that are sockets.
    pub sockets: u64,
    /// GStreamer pipelines and capture devices.
    pub pipelines: u64,
    /// Media connections.
    pub peers: u64,
    /// Memory.
    pub rss_kb: u64,
}

/// When the last press went through its stages, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Marks {
    /// The contact closed of the press that was accepted.
    pub pressed_ms: Option<f64>,
    /// That press was accepted: it had been held for long enough.
    pub press_accepted_ms: Option<f64>,
    /// The ring was handed to the companion.
    pub ring_sent_ms: Option<f64>,
    /// How many clients confirmed that they ring.
    pub receipts: u32,
}
