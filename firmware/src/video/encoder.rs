//! The H.264 encoder: frames in, access units out to the [`Outlet`], a keyframe and another bitrate whenever wanted.
//!
//! All encoders make constrained baseline without B-frames, one slice order, no keyframe of their own accord: a
//! keyframe is a burst that delays what follows, so there is one only when a peer asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::gst::prelude::*;
use super::gst::{self, GstError, Running};
use super::negotiate::{FrameLayout, Pixels};
use super::outlet::Outlet;
use super::raw::RawInput;

/// The encoders that Doorway knows, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncoderKind {
    /// The system-on-chip's encoder behind V4L2 (Raspberry Pi 4 and older, and others).
    V4l2,
    /// x264 in software.
    X264,
    /// OpenH264 in software.
    OpenH264,
}

impl EncoderKind {
    /// All of them in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::V4l2, Self::X264, Self::OpenH264];

    /// The name of its GStreamer element.
    pub fn element(self) -> &'static str {
        match self {
            Self::V4l2 => "v4l2h264enc",
            Self::X264 => "x264enc",
            Self::OpenH264 => "openh264enc",
        }
    }

    /// The encoder whose GStreamer element has this name.
    pub fn of_element(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.element() == name)
    }

    /// Whether hardware does the work.
    pub fn is_hardware(self) -> bool {
        match self {
            Self::V4l2 => true,
            Self::X264 | Self::OpenH264 => false,
        }
    }

    fn takes(self, pixels: Pixels) -> bool {
        match self {
            Self::V4l2 | Self::X264 => matches!(pixels, Pixels::I420 | Pixels::Nv12),
            Self::OpenH264 => pixels == Pixels::I420,
        }
    }
}

/// What an encoder shall make.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncoderPlan {
    pub(super) size: (u32, u32),
    pub(super) rate: u32,
    pub(super) bitrate_bps: u32,
    /// What most frames will be, so that these need no conversion.
    pub(super) pixels: Pixels,
}

/// A frame on its way to the encoder.
pub(super) enum Frame<'a> {
    /// Memory of a camera or a canvas; copied once.
    Memory { bytes: &'a [u8], layout: FrameLayout },
    /// A buffer that GStreamer made; not copied.
    Sample(gst::Sample),
}

/// How long a hardware encoder may take frames in without giving anything out.
const HARDWARE_STALL: Duration = Duration::from_secs(2);
/// The same of a software encoder: on a busy machine it is late rather than hung, and beginning anew makes it later.
const SOFTWARE_STALL: Duration = Duration::from_secs(8);
/// Beyond a year everybody has hung up; x264 counts frames in 32 bits.
const NO_KEYFRAME_OF_ITS_OWN: u32 = 1 << 30;

/// A running encoder.
pub(super) struct Encoder {
    kind: EncoderKind,
    element: gst::Element,
    input: RawInput,
    sink: gst::app::AppSink,
    outputs: Arc<AtomicU64>,
    refused: Receiver<String>,
    frames_since_output: u32,
    outputs_seen: u64,
    stalled_since: Option<Instant>,
    bitrate_bps: u32,
    running: Running,
}

impl Encoder {
    pub(super) fn start(kind: EncoderKind, plan: EncoderPlan, outlet: Arc<Outlet>) -> Result<Self, GstError> {
        let element = gst::make(kind.element())?;
        configure(kind, &element, plan.bitrate_bps);

        let raw_format = if kind.takes(plan.pixels) { plan.pixels } else { Pixels::I420 };
        let raw = gst::Caps::builder("video/x-raw")
            .field("format", if raw_format == Pixels::Nv12 { "NV12" } else { "I420" })
            .field("width", plan.size.0 as i32)
            .field("height", plan.size.1 as i32)
            .field("framerate", gst::Fraction::new(plan.rate as i32, 1))
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
            .build();
        let mut coded = gst::Caps::builder("video/x-h264")
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .field("profile", "constrained-baseline");
        if kind == EncoderKind::V4l2 {
            // Drivers start at the lowest level and refuse sizes beyond it.
            coded = coded.field("level", "3.1");
        }

        let epoch = Instant::now();
        let input = RawInput::new(epoch, plan.rate);
        let convert = gst::make("videoconvertscale")?;
        let filter = gst::make("capsfilter")?;
        filter.set_property("caps", &raw);
        let outputs = Arc::new(AtomicU64::new(0));
        let (refuse, refused) = sync_channel(1);
        let sink = gst::app::AppSink::builder()
            .caps(&coded.build())
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            .callbacks(
                gst::app::AppSinkCallbacks::builder()
                    .new_sample({
                        let outputs = outputs.clone();
                        let told = AtomicBool::new(false);
                        move |sink| {
                            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                            outputs.fetch_add(1, Relaxed);
                            if let Err(error) = hand_over(&sample, epoch, &outlet)
                                && !told.swap(true, Relaxed)
                            {
                                let _ = refuse.try_send(error);
                            }
                            Ok(gst::FlowSuccess::Ok)
                        }
                    })
                    .build(),
            )
            .build();
        let running =
            Running::start("the encoder", &[input.element(), &convert, &filter, &element, sink.upcast_ref()])?;
        Ok(Self {
            kind,
            element,
            input,
            sink,
            outputs,
            refused,
            frames_since_output: 0,
            outputs_seen: 0,
            stalled_since: None,
            bitrate_bps: plan.bitrate_bps,
            running,
        })
    }

    pub(super) fn kind(&self) -> EncoderKind {
        self.kind
    }

    /// Takes a frame. Returns how many frames were dropped for it: the encoder is behind, and the newest counts.
    pub(super) fn push(&mut self, frame: Frame<'_>, captured_at: Instant, now: Instant) -> Result<u32, GstError> {
        let outputs = self.outputs.load(Relaxed);
        if outputs != self.outputs_seen {
            self.outputs_seen = outputs;
            self.frames_since_output = 0;
            self.stalled_since = None;
        }
        self.frames_since_output = self.frames_since_output.saturating_add(1);
        self.stalled_since.get_or_insert(now);
        self.input.push(frame, captured_at).map_err(|error| self.running.failed(error))
    }

    /// Why this encoder must be replaced, if it must.
    pub(super) fn fault(&self, now: Instant) -> Option<Fault> {
        if let Some(message) = self.running.fault().or_else(|| self.refused.try_recv().ok()) {
            return Some(Fault::Failed(message));
        }
        let limit = if self.kind.is_hardware() { HARDWARE_STALL } else { SOFTWARE_STALL };
        let hung =
            self.is_silent() && self.stalled_since.is_some_and(|since| now.saturating_duration_since(since) > limit);
        hung.then_some(Fault::Hung)
    }

    /// Whether it has taken frames without giving one out, as a hung one does.
    pub(super) fn is_silent(&self) -> bool {
        self.frames_since_output > 5 && self.outputs.load(Relaxed) == self.outputs_seen
    }

    /// Makes the next frame an IDR with its parameter sets.
    pub(super) fn force_keyframe(&self) {
        let event = gst::video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
        if !self.sink.send_event(event) {
            tracing::debug!(encoder = self.kind.element(), "the encoder did not take a keyframe request");
        }
    }

    /// Changes the bitrate while frames flow.
    pub(super) fn set_bitrate(&mut self, bps: u32) {
        if bps != self.bitrate_bps {
            self.bitrate_bps = bps;
            match self.kind {
                EncoderKind::V4l2 => {
                    // While the device is open, setting the property sets the controls on it at once.
                    let controls =
                        gst::Structure::builder("controls").field("video_bitrate", v4l2_bitrate(bps)).build();
                    self.element.set_property("extra-controls", controls);
                }
                EncoderKind::X264 | EncoderKind::OpenH264 => set_software_bitrate(self.kind, &self.element, bps),
            }
        }
    }

    /// Gives up on an encoder that hangs in its driver, where stopping it could block for ever.
    pub(super) fn abandon(self) {
        let name = self.kind.element();
        let given_up = std::thread::Builder::new().name("video-abandoned".to_owned()).spawn(move || drop(self));
        if given_up.is_err() {
            tracing::error!(encoder = name, "no thread could be started to stop the hung encoder");
        }
    }
}

/// Why an encoder must be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It said so, or what it makes is not what browsers were promised.
    Failed(String),
    /// Frames go in and nothing comes out.
    Hung,
}

/// The frame's capture time travels as its timestamp. x264 shifts timestamps and its segment by the same amount, so
/// they are compared as running time.
fn hand_over(sample: &gst::Sample, epoch: Instant, outlet: &Outlet) -> Result<(), String> {
    let Some(buffer) = sample.buffer() else {
        return Ok(());
    };
    let running_time = buffer.pts().and_then(|pts| {
        let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
        segment.to_running_time(pts)
    });
    let captured_at = running_time.map_or_else(Instant::now, |time| epoch + Duration::from_nanos(time.nseconds()));
    let data = buffer.map_readable().map_err(|error| error.to_string())?;
    outlet.deliver(&data, captured_at).map_err(|error| error.to_string())
}

fn configure(kind: EncoderKind, element: &gst::Element, bitrate_bps: u32) {
    match kind {
        EncoderKind::V4l2 => {
            // GStreamer's names of the controls; drivers lack some, which it only notes.
            let controls = gst::Structure::builder("controls")
                .field("video_bitrate_mode", 1_i32)
                .field("video_bitrate", v4l2_bitrate(bitrate_bps))
                .field("repeat_sequence_header", 1_i32)
                .field("video_b_frames", 0_i32)
                .field("h264_i_frame_period", 60_000_i32)
                .build();
            element.set_property("extra-controls", controls);
        }
        EncoderKind::X264 => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
            element.set_property_from_str("speed-preset", "ultrafast");
            element.set_property_from_str("tune", "zerolatency");
            element.set_property("byte-stream", true);
            element.set_property("aud", false);
            element.set_property("bframes", 0_u32);
            element.set_property("key-int-max", NO_KEYFRAME_OF_ITS_OWN);
            // Several slices of one frame at a time: more threads make a frame ready sooner, not more frames late.
            element.set_property("sliced-threads", true);
            element.set_property("threads", threads as u32);
            // A short buffer keeps every frame small enough to leave before the next one is due.
            element.set_property("vbv-buf-capacity", 150_u32);
        }
        EncoderKind::OpenH264 => {
            element.set_property_from_str("usage-type", "camera");
            element.set_property_from_str("rate-control", "bitrate");
            element.set_property_from_str("complexity", "low");
            element.set_property("gop-size", NO_KEYFRAME_OF_ITS_OWN);
            // Otherwise it makes keyframes of its own accord.
            element.set_property("scene-change-detection", false);
            element.set_property("enable-frame-skip", false);
        }
    }
    set_software_bitrate(kind, element, bitrate_bps);
}

fn v4l2_bitrate(bps: u32) -> i32 {
    i32::try_from(bps).unwrap_or(i32::MAX)
}

fn set_software_bitrate(kind: EncoderKind, element: &gst::Element, bps: u32) {
    match kind {
        EncoderKind::V4l2 => {}
        EncoderKind::X264 => element.set_property("bitrate", (bps / 1000).max(1)),
        EncoderKind::OpenH264 => element.set_property("bitrate", bps),
    }
}
