//! Video of the station: a camera, an H.264 encoder, and access units for all peers alike.
//!
//! [`Video`] is one running picture source with a thread of its own. It exists only while somebody watches; dropping
//! it switches the camera off and leaves no thread, handle or pipeline. What it makes arrives as [`VideoEvent`]s in a
//! bounded queue; when the queue is full, access units are dropped up to the next keyframe, which is asked for at once.
//!
//! The way of a picture: `camera` (test picture, V4L2 by `capture`, `libcamera`) → `encoder` → `outlet` → queue. The
//! `supervisor` holds them together and shows the `card` while there is no picture. A `recording` and a camera that
//! encodes by itself need no encoder. GStreamer starts with the first [`Video`] that needs it, or by [`warm_up`].

mod absence;
pub mod annexb;
mod camera;
mod canvas;
mod capture;
mod card;
mod controls;
mod encoder;
mod frame_clock;
mod gst;
mod ioctl;
mod jpeg;
mod libcamera;
pub mod negotiate;
mod nodes;
mod offers;
mod outlet;
mod pattern;
pub mod probe;
mod raw;
mod recording;
pub mod sps;
mod supervisor;
mod watch;

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc::Sender;

use crate::keep_running::keep_running;
use crate::priority::be_patient;

pub use camera::CameraError;
pub use controls::is_known_control;
pub use encoder::EncoderKind;
pub use gst::GstError;
pub use negotiate::Pixels;
pub use pattern::read_clock;
pub use probe::probe;
pub use recording::{Recording, RecordingError};

/// The least bitrate that still shows a face at the door.
const MIN_BITRATE_BPS: u32 = 100_000;
/// Stopping takes some ten milliseconds; only a driver that hangs takes longer.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoSource {
    /// The built-in moving picture with the wall clock in it (see [`read_clock`]).
    Test,
    /// A camera behind V4L2.
    V4l2(V4l2Source),
    /// A CSI camera through libcamera.
    Libcamera,
    /// A recorded byte stream, played in a loop.
    Recording {
        /// An Annex B file with parameter sets.
        path: PathBuf,
    },
    /// No camera, and none expected.
    None,
}

/// A camera behind V4L2.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V4l2Source {
    /// Its device; the first that turns out to be a camera by default.
    pub device: Option<PathBuf>,
    /// The pixel format to take; the one that costs least by default.
    pub format: Option<Pixels>,
    /// Controls to set when it is opened, by name (see [`is_known_control`]).
    pub controls: Vec<(String, i64)>,
}

impl VideoSource {
    /// Its name in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::V4l2(_) => "v4l2",
            Self::Libcamera => "libcamera",
            Self::Recording { .. } => "recording",
            Self::None => "none",
        }
    }
}

/// Why there can be no picture at the moment, as far as can be told without opening anything.
pub fn absence(source: &VideoSource) -> Option<String> {
    match source {
        VideoSource::V4l2(V4l2Source { device: Some(device), .. }) => {
            let error = device.symlink_metadata().err()?;
            let device = device.display().to_string();
            Some(CameraError::Device { device, what: "looking for it", error }.to_string())
        }
        VideoSource::V4l2(V4l2Source { device: None, .. }) => {
            (!nodes::any_by_name()).then(|| CameraError::NoneFound.to_string())
        }
        VideoSource::Test | VideoSource::Libcamera | VideoSource::Recording { .. } | VideoSource::None => None,
    }
}

/// Which encoder to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncoderChoice {
    /// The first of [`EncoderKind::ALL`] that works.
    Auto,
    /// This GStreamer element first; the others remain for when it fails.
    Named(EncoderKind),
}

/// What to show and how. Size and rate are lowered to what level 3.1 allows (see [`sps::fit_level`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoSettings {
    /// Where pictures come from.
    pub source: VideoSource,
    /// Width and height in pixels. A camera that has only smaller sizes is sent in its own.
    pub size: (u32, u32),
    /// Frames per second.
    pub rate: u32,
    /// Which encoder to use.
    pub encoder: EncoderChoice,
    /// The bitrate at the start, and the most that [`Video::set_bitrate`] gives.
    pub max_bitrate_bps: u32,
}

impl Default for VideoSettings {
    /// Assumes a home network, and a picture that fills H.264 level 3.1.
    fn default() -> Self {
        Self {
            source: VideoSource::Test,
            size: (1280, 720),
            rate: 30,
            encoder: EncoderChoice::Auto,
            max_bitrate_bps: 2_000_000,
        }
    }
}

/// One coded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// An Annex B byte stream; keyframes begin with their parameter sets.
    pub data: Arc<[u8]>,
    /// When the picture was taken, by the kernel's timestamp where there is one.
    pub captured_at: Instant,
    /// Whether a decoder can begin here.
    pub keyframe: bool,
}

/// Whether there is a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraHealth {
    /// The camera delivers.
    Working,
    /// There should be a picture and is none. It is tried again; callers see a card meanwhile.
    Missing {
        /// A sentence for the installer.
        reason: String,
    },
    /// The configuration says that there is none.
    Absent,
}

/// What video tells the event loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoEvent {
    /// A picture to send.
    AccessUnit(AccessUnit),
    /// Told when it changes.
    Health(CameraHealth),
    /// An encoder has started.
    Encoder {
        /// Its GStreamer element, or `camera`.
        name: String,
        /// Whether hardware does the work.
        hardware: bool,
    },
}

/// Figures of a running [`Video`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VideoStats {
    /// The source's name in the configuration.
    pub source: &'static str,
    /// The encoder in use: its GStreamer element, `camera` for one that encodes by itself, none for a recording.
    pub encoder: Option<String>,
    /// Whether its thread runs.
    pub running: bool,
    /// Width of the picture that is sent; 0 before the first.
    pub width: u32,
    /// Height of the picture that is sent.
    pub height: u32,
    /// Access units that were handed over.
    pub frames: u64,
    /// Frames that were not: damaged, too many for the encoder, or no room in the queue.
    pub dropped: u64,
    /// Frames that a V4L2 driver counted and did not deliver: no buffer was free, as this machine was too slow, or it
    /// found them damaged.
    pub missed: u64,
    /// The bitrate that the encoder was asked for.
    pub bitrate_bps: u32,
}

/// A running picture source.
///
/// Dropping it waits until its thread has ended, which takes some ten milliseconds; a caller that must not wait calls
/// [`Video::begin_stop`] and drops it on another thread. GLib keeps one idle thread for half a second longer.
pub struct Video {
    shared: Arc<Shared>,
    source: &'static str,
    max_bitrate_bps: u32,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

impl Video {
    /// Starts and returns at once; opening the camera and all else happens on the new thread.
    pub fn start(settings: VideoSettings, events: Sender<VideoEvent>) -> Self {
        let (size, rate) = sps::fit_level(settings.size, settings.rate);
        if (size, rate) != (settings.size, settings.rate) {
            tracing::warn!(?size, rate, "video is lowered to what H.264 level 3.1 allows");
        }
        let max_bitrate_bps = settings.max_bitrate_bps.max(MIN_BITRATE_BPS);
        let settings = VideoSettings { size, rate, max_bitrate_bps, ..settings };
        let source = settings.source.name();
        let shared = Arc::new(Shared::default());
        shared.bitrate_bps.store(max_bitrate_bps, Relaxed);
        let (end, ended) = channel();
        let alive = Alive::new();
        let spawned = std::thread::Builder::new().name("video".to_owned()).spawn({
            let shared = shared.clone();
            move || {
                be_patient();
                let outlet = Arc::new(outlet::Outlet::new(events, shared.clone()));
                let run = || supervisor::run(settings.clone(), &shared, outlet.clone());
                let failed = || {
                    let reason = "the video thread failed; see the journal".to_owned();
                    outlet.tell_health(CameraHealth::Missing { reason });
                };
                keep_running("video", || shared.should_stop() || outlet.is_closed(), run, failed);
                drop(alive);
                drop(end);
            }
        });
        let thread = spawned.inspect_err(|error| tracing::error!(%error, "the video thread does not start")).ok();
        Self { shared, source, max_bitrate_bps, thread, ended }
    }

    /// Asks for a keyframe as soon as possible. Requests that come before it share it.
    pub fn request_keyframe(&self) {
        self.shared.keyframe_wanted.store(true, Relaxed);
    }

    /// Changes the bitrate from the next frame on, within 100 kbit/s and the configured most.
    pub fn set_bitrate(&self, bps: u32) {
        self.shared.bitrate_bps.store(bps.clamp(MIN_BITRATE_BPS, self.max_bitrate_bps), Relaxed);
    }

    /// Figures for status and metrics.
    pub fn stats(&self) -> VideoStats {
        let (width, height) = *lock(&self.shared.size);
        VideoStats {
            source: self.source,
            encoder: lock(&self.shared.encoder).clone(),
            running: self.thread.as_ref().is_some_and(|thread| !thread.is_finished()),
            width,
            height,
            frames: self.shared.frames.load(Relaxed),
            dropped: self.shared.dropped.load(Relaxed),
            missed: self.shared.missed.load(Relaxed),
            bitrate_bps: self.shared.bitrate_bps.load(Relaxed),
        }
    }

    /// Tells the thread to end, without waiting for it.
    pub fn begin_stop(&self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        self.begin_stop();
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The channel closes when the thread is about to end; joining a thread that hangs in a driver never would.
        match self.ended.recv_timeout(STOP_PATIENCE) {
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                tracing::error!("the video thread hangs, probably in a camera's driver; it is left behind");
            }
            Ok(()) | Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                if thread.join().is_err() {
                    tracing::error!("the video thread panicked");
                }
            }
        }
    }
}

/// How many [`Video`]s have a running thread, those that hang in a driver included.
pub fn live_pipelines() -> usize {
    LIVE.load(Relaxed)
}

/// Starts GStreamer and loads what the first call will need, so that its first picture comes sooner.
///
/// Measured on a desktop with its plugin registry in place: 10 ms and 4 to 5 MB that are not given back. That is less
/// time than anybody notices and more memory than an idle station should hold, so the daemon does without, and the first
/// call pays; on a board where it takes longer, call it on a thread of its own at start.
pub fn warm_up(encoder: &EncoderChoice) {
    let named = match encoder {
        EncoderChoice::Auto => None,
        EncoderChoice::Named(kind) => Some(*kind),
    };
    let kinds = named.into_iter().chain(EncoderKind::ALL);
    let Some(encoder) = kinds.into_iter().find(|kind| gst::has_element(kind.element())) else {
        return;
    };
    for element in ["appsrc", "videoconvertscale", encoder.element()] {
        if let Err(error) = gst::make(element) {
            tracing::debug!(%error, "warming up");
        }
    }
}

/// What the thread and the event loop share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    keyframe_wanted: AtomicBool,
    bitrate_bps: AtomicU32,
    frames: AtomicU64,
    dropped: AtomicU64,
    missed: AtomicU64,
    size: Mutex<(u32, u32)>,
    encoder: Mutex<Option<String>>,
}

impl Shared {
    fn should_stop(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn take_keyframe_request(&self) -> bool {
        self.keyframe_wanted.swap(false, Relaxed)
    }

    fn set_size(&self, width: u32, height: u32) {
        *lock(&self.size) = (width, height);
    }

    fn set_encoder(&self, name: &str) {
        *lock(&self.encoder) = Some(name.to_owned());
    }
}

struct Alive;

impl Alive {
    fn new() -> Self {
        LIVE.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::annexb::append_nal;

    /// What x264 writes for 1280x720.
    pub(super) const SPS: &[u8] = &[
        0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x00, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00,
        0x03, 0x03, 0xc0, 0xf1, 0x83, 0x24, 0x80,
    ];
    pub(super) const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
    pub(super) const IDR: &[u8] = &[0x65, 0x88, 0x84];
    pub(super) const P: &[u8] = &[0x41, 0x9a, 0x02];

    pub(super) fn stream(nals: &[&[u8]]) -> Vec<u8> {
        let mut stream = Vec::new();
        nals.iter().for_each(|nal| append_nal(&mut stream, nal));
        stream
    }
}
