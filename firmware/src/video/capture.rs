//! Cameras behind V4L2 (single-planar capture with memory-mapped buffers).
//!
//! The `v4l` crate unwraps some of what drivers say, and a panic costs a second of picture; what it does with strings
//! (see [`ioctl`](super::ioctl)) and controls is avoided here where a strange driver could trip it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use v4l::buffer::{Flags, Type};
use v4l::device::Device;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Format, FourCC};

use super::camera::{CameraError, Captured};
use super::controls::Controls;
use super::encoder::Frame;
use super::frame_clock::FrameClock;
use super::jpeg::JpegDecoder;
use super::negotiate::{Choice, FrameLayout, Pixels};
use super::offers::{self, Wish};
use super::watch::FIRST_FRAME;
use super::{Shared, V4l2Source, VideoSettings, nodes};

/// One buffer is being read, one is being filled, two bridge a busy moment.
const BUFFERS: u32 = 4;
/// How long a wait for a frame may keep the thread from noticing that it shall stop.
const WAIT: Duration = Duration::from_millis(20);

/// A streaming V4L2 camera. Closing it switches the camera off.
pub(super) struct V4l2Camera {
    path: String,
    controls: Controls,
    stream: Stream<'static>,
    choice: Choice,
    layout: Option<FrameLayout>,
    jpeg: Option<JpegDecoder>,
    clock: FrameClock,
    opened_at: Instant,
    /// The latest frame in the driver's count.
    latest: Option<u32>,
}

impl V4l2Camera {
    /// Opens the configured device, else the first of the machine's nodes that turns out to be a camera.
    pub(super) fn open(source: &V4l2Source, settings: &VideoSettings, accept_h264: bool) -> Result<Self, CameraError> {
        if let Some(path) = &source.device {
            return Self::open_node(path, source, settings, accept_h264);
        }
        let open = |path: &PathBuf| Self::open_node(path, source, settings, accept_h264);
        first_that_opens(&nodes::cameras(), open)
    }

    fn open_node(
        path: &Path,
        source: &V4l2Source,
        settings: &VideoSettings,
        accept_h264: bool,
    ) -> Result<Self, CameraError> {
        let name = path.display().to_string();
        let failed = |what| {
            let device = name.clone();
            move |error| CameraError::Device { device, what, error }
        };
        let device = Device::with_path(path).map_err(failed("opening it"))?;
        let controls = Controls::of(device);
        let device = controls.device();
        let wish = Wish {
            format: source.format,
            size: settings.size,
            rate: settings.rate,
            accept_h264,
            can_force_keyframe: controls.can_force_keyframe(),
        };
        let mut choice = offers::choose(&name, &offers::of(device, settings.size), &wish)?;

        let asked = Format::new(choice.width, choice.height, FourCC::new(&choice.fourcc));
        let format = device.set_format(&asked).map_err(failed("setting its format"))?;
        (choice.width, choice.height) = (format.width, format.height);
        let layout = FrameLayout::new(choice.pixels, format.width, format.height, format.stride);
        let compressed = matches!(choice.pixels, Pixels::H264 | Pixels::Mjpeg);
        if format.fourcc.repr != choice.fourcc || (layout.is_none() && !compressed) {
            return Err(CameraError::NoUsableFormat { device: name, offered: format!("{} now", format.fourcc) });
        }
        match device.set_params(&Parameters::with_fps(choice.rate)) {
            Ok(set) if set.interval.numerator > 0 => choice.rate = set.interval.denominator / set.interval.numerator,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(camera = name, %error, "the camera keeps its own frame rate")
            }
        }
        controls.apply(&source.controls);
        if choice.pixels == Pixels::H264 {
            controls.prepare_h264(settings.max_bitrate_bps);
        }
        let jpeg = (choice.pixels == Pixels::Mjpeg).then(JpegDecoder::start).transpose()?;

        let mut stream =
            Stream::with_buffers(device, Type::VideoCapture, BUFFERS).map_err(failed("mapping its buffers"))?;
        start(&mut stream).map_err(failed("starting it"))?;
        let Choice { pixels, width, height, rate, .. } = choice;
        tracing::info!(camera = name, format = pixels.code(), width, height, rate, "camera opened");
        let clock = FrameClock::new(rate);
        let opened_at = Instant::now();
        Ok(Self { path: name, controls, stream, choice, layout, jpeg, clock, opened_at, latest: None })
    }

    pub(super) fn name(&self) -> &str {
        &self.path
    }

    pub(super) fn format(&self) -> ((u32, u32), Pixels) {
        let pixels = if self.jpeg.is_some() { Pixels::I420 } else { self.choice.pixels };
        ((self.choice.width, self.choice.height), pixels)
    }

    pub(super) fn next(&mut self, shared: &Shared) -> Result<Captured<'_>, CameraError> {
        let failed = |error| CameraError::Device { device: self.path.clone(), what: "reading a frame", error };
        // Waiting happens here and not in the crate's `next`, which could not be called again after a timeout.
        match self.stream.handle().poll(libc::POLLIN, WAIT.as_millis() as i32) {
            Ok(0) => return Ok(Captured::Nothing),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                return Ok(Captured::Nothing);
            }
            Err(error) => return Err(failed(error)),
        }
        let (bytes, meta) = CaptureStream::next(&mut self.stream).map_err(failed)?;
        if self.latest.is_none() {
            nodes::note_delivering(Path::new(&self.path));
        }
        let captured_at = self.clock.taken_at(kernel_stamp(meta), monotonic_now(), Instant::now());
        shared.missed.fetch_add(missed(self.latest.replace(meta.sequence), meta.sequence).into(), Relaxed);
        let used = bytes.get(..meta.bytesused as usize).unwrap_or_default();
        if meta.flags.contains(Flags::ERROR) {
            return Ok(Captured::Damaged);
        }
        match (self.choice.pixels, self.layout, &mut self.jpeg) {
            (Pixels::H264, _, _) if used.is_empty() => Ok(Captured::Damaged),
            (Pixels::H264, _, _) => Ok(Captured::Encoded(Bytes::copy_from_slice(used), captured_at)),
            (_, _, Some(decoder)) => Ok(match decoder.decode(used)? {
                Some(sample) => Captured::Frame(Frame::Sample(sample), captured_at),
                None => Captured::Damaged,
            }),
            (_, Some(layout), None) if used.len() >= layout.least_bytes() => {
                Ok(Captured::Frame(Frame::Memory { bytes: used, layout }, captured_at))
            }
            (_, _, None) => Ok(Captured::Damaged),
        }
    }

    pub(super) fn force_keyframe(&self) {
        self.controls.force_keyframe();
    }

    pub(super) fn set_bitrate(&self, bps: u32) {
        self.controls.set_h264_bitrate(bps);
    }
}

impl Drop for V4l2Camera {
    fn drop(&mut self) {
        if self.latest.is_none() && self.opened_at.elapsed() >= FIRST_FRAME {
            nodes::note_silent(Path::new(&self.path));
        }
    }
}

/// When none opens, the first one's reason is told: it is the likeliest camera.
fn first_that_opens<T>(
    nodes: &[PathBuf],
    open: impl FnMut(&PathBuf) -> Result<T, CameraError>,
) -> Result<T, CameraError> {
    let mut first = None;
    for result in nodes.iter().map(open) {
        match result {
            Ok(camera) => return Ok(camera),
            Err(error) => {
                tracing::debug!(%error, "no camera");
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(CameraError::NoneFound))
}

/// Starts streaming without waiting for a frame.
///
/// The crate's `next` queues buffer 0 before it waits, so that one is left to it; the driver may have granted more or
/// fewer buffers than asked for, and refuses the first index that does not exist.
fn start(stream: &mut Stream<'_>) -> io::Result<()> {
    for index in 1..32 {
        if CaptureStream::queue(stream, index).is_err() {
            break;
        }
    }
    stream.start()
}

/// How many frames the driver counted between two that it delivered. Some drivers count nothing, and a count that starts
/// anew skips none.
fn missed(before: Option<u32>, now: u32) -> u32 {
    let step = before.map_or(0, |before| now.wrapping_sub(before));
    if step > u32::MAX / 2 { 0 } else { step.saturating_sub(1) }
}

fn kernel_stamp(meta: &v4l::buffer::Metadata) -> Option<Duration> {
    let monotonic = (meta.flags & Flags::TIMESTAMP_MASK) == Flags::TIMESTAMP_MONOTONIC;
    let seconds = u64::try_from(meta.timestamp.sec).ok()?;
    let micros = u64::try_from(meta.timestamp.usec).ok()?;
    monotonic.then(|| Duration::from_secs(seconds) + Duration::from_micros(micros))
}

fn monotonic_now() -> Duration {
    Duration::from_micros(u64::try_from(super::gst::glib::monotonic_time()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_drivers_count_is_frames_missed() {
        assert_eq!(missed(None, 7), 0);
        assert_eq!(missed(Some(7), 8), 0);
        assert_eq!(missed(Some(7), 11), 3);
        assert_eq!(missed(Some(u32::MAX), 1), 1, "it begins anew at its end");
        assert_eq!(missed(Some(0), 0), 0, "a driver that counts nothing");
        assert_eq!(missed(Some(500), 0), 0, "a count that starts anew");
    }

    #[test]
    fn the_monotonic_clock_is_the_one_that_the_kernel_stamps_with() {
        let uptime = std::fs::read_to_string("/proc/uptime").expect("Linux");
        let uptime: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        // The machine may have slept, which /proc/uptime counts and the monotonic clock does not.
        assert!(monotonic_now().as_secs_f64() <= uptime + 1.0);
    }

    #[test]
    fn nodes_are_tried_until_one_opens_and_the_likeliest_ones_reason_is_told_if_none_does() {
        let nodes = ["/dev/video0", "/dev/video1", "/dev/video2"].map(PathBuf::from);
        let fails = |path: &PathBuf| CameraError::Stalled { device: path.display().to_string() };
        let second = |path: &PathBuf| if *path == nodes[1] { Ok(path.clone()) } else { Err(fails(path)) };
        assert_eq!(first_that_opens(&nodes, second).ok().as_ref(), Some(&nodes[1]));
        let error = first_that_opens(&nodes, |path| Err::<(), _>(fails(path))).expect_err("none opens").to_string();
        assert!(error.contains("/dev/video0"), "{error}");
        let error = first_that_opens(&[], |path| Err::<(), _>(fails(path))).expect_err("there is none").to_string();
        assert!(error.contains("no camera was found"), "{error}");
    }

    #[test]
    fn a_missing_device_is_an_error_that_names_it() {
        let settings = VideoSettings { source: super::super::VideoSource::Test, ..VideoSettings::default() };
        let source = V4l2Source { device: Some("/dev/no-such-camera".into()), ..V4l2Source::default() };
        let error = V4l2Camera::open(&source, &settings, true).err();
        assert!(error.is_some_and(|error| error.to_string().contains("/dev/no-such-camera")));
    }
}
