//! Cameras behind V4L2 (single-planar capture with memory-mapped buffers).
//!
//! The `v4l` crate unwraps some of what drivers say, and a panic costs a second of picture; what it does with strings
//! and controls is avoided here where a strange driver could trip it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Capability;
use v4l::device::Device;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Format, FourCC};

use super::camera::{CameraError, Captured};
use super::controls::Controls;
use super::encoder::Frame;
use super::jpeg::JpegDecoder;
use super::negotiate::{self, Choice, FrameLayout, OfferedFormat, OfferedSize, Pixels};
use super::{Shared, V4l2Source, VideoSettings};

/// One buffer is being read, one is being filled, two bridge a busy moment.
const BUFFERS: u32 = 4;
/// How long a wait for a frame may keep the thread from noticing that it shall stop.
const WAIT: Duration = Duration::from_millis(20);

/// No frame waits this long in a driver.
const OLDEST_FRAME: Duration = Duration::from_secs(1);

/// A streaming V4L2 camera. Closing it switches the camera off.
pub(super) struct V4l2Camera {
    path: String,
    controls: Controls,
    stream: Stream<'static>,
    choice: Choice,
    layout: Option<FrameLayout>,
    jpeg: Option<JpegDecoder>,
    /// The latest frame in the driver's count.
    latest: Option<u32>,
}

impl V4l2Camera {
    pub(super) fn open(source: &V4l2Source, settings: &VideoSettings, accept_h264: bool) -> Result<Self, CameraError> {
        let path = match &source.device {
            Some(path) => path.clone(),
            None => capture_devices().into_iter().next().ok_or(CameraError::NoneFound)?,
        };
        let name = path.display().to_string();
        let failed = |what| {
            let device = name.clone();
            move |error| CameraError::Device { device, what, error }
        };
        let device = Device::with_path(&path).map_err(failed("opening it"))?;
        // A camera that cannot make a keyframe when asked would keep a new watcher waiting for seconds.
        let controls = Controls::of(device);
        let device = controls.device();
        let mut offers = offers(device, settings.size);
        if let Some(format) = source.format {
            let offered = list(&offers);
            offers.retain(|offer| offer.pixels == Some(format));
            if offers.is_empty() {
                return Err(CameraError::FormatNotOffered { device: name, format, offered });
            }
        }
        let accept_h264 = accept_h264 && controls.can_force_keyframe();
        let Some(mut choice) = negotiate::choose(&offers, settings.size, settings.rate, accept_h264) else {
            return Err(CameraError::NoUsableFormat { device: name, offered: list(&offers) });
        };

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
        let jpeg = (choice.pixels == Pixels::Mjpeg).then(|| JpegDecoder::start(settings.rate)).transpose()?;

        let mut stream =
            Stream::with_buffers(device, Type::VideoCapture, BUFFERS).map_err(failed("mapping its buffers"))?;
        start(&mut stream).map_err(failed("starting it"))?;
        let Choice { pixels, width, height, rate, .. } = choice;
        tracing::info!(camera = name, format = pixels.code(), width, height, rate, "camera opened");
        Ok(Self { path: name, controls, stream, choice, layout, jpeg, latest: None })
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
        let captured_at = captured_at(kernel_stamp(meta), monotonic_now(), Instant::now());
        shared.missed.fetch_add(missed(self.latest.replace(meta.sequence), meta.sequence).into(), Relaxed);
        let used = bytes.get(..meta.bytesused as usize).unwrap_or_default();
        if meta.flags.contains(Flags::ERROR) {
            return Ok(Captured::Damaged);
        }
        match (self.choice.pixels, self.layout, &mut self.jpeg) {
            (Pixels::H264, _, _) if used.is_empty() => Ok(Captured::Damaged),
            (Pixels::H264, _, _) => Ok(Captured::Encoded(Bytes::copy_from_slice(used), captured_at)),
            (_, _, Some(_)) if !negotiate::is_whole_jpeg(used) => Ok(Captured::Damaged),
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

/// The capture devices of this machine, in the order of their numbers.
pub(super) fn capture_devices() -> Vec<PathBuf> {
    nodes().into_iter().filter(|&number| is_camera(number)).map(|number| format!("/dev/video{number}").into()).collect()
}

/// The numbers of all V4L2 devices, codecs and the like among them.
pub(super) fn nodes() -> Vec<u32> {
    let mut numbers: Vec<u32> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("video")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// What the kernel calls a device, for people.
pub(super) fn device_name(path: &Path) -> Option<String> {
    let node = path.file_name()?.to_str()?;
    let name = std::fs::read(format!("/sys/class/video4linux/{node}/name")).ok()?;
    Some(String::from_utf8(name).ok()?.trim().to_owned())
}

/// The formats of a device, with sizes near the wanted one where it offers a range.
pub(super) fn offers(device: &Device, wanted: (u32, u32)) -> Vec<OfferedFormat> {
    let formats = device.enum_formats().unwrap_or_default();
    formats
        .into_iter()
        .map(|format| {
            let mut sizes = Vec::new();
            for size in device.enum_framesizes(format.fourcc).unwrap_or_default() {
                match size.size {
                    FrameSizeEnum::Discrete(size) => sizes.push((size.width, size.height)),
                    FrameSizeEnum::Stepwise(range) => sizes.extend(negotiate::sizes_in_range(
                        wanted,
                        (range.min_width, range.max_width, range.step_width),
                        (range.min_height, range.max_height, range.step_height),
                    )),
                }
            }
            let sizes = sizes
                .into_iter()
                .map(|(width, height)| OfferedSize {
                    width,
                    height,
                    rates: rates(device, format.fourcc, width, height),
                })
                .collect();
            let fourcc = String::from_utf8_lossy(&format.fourcc.repr).into_owned();
            OfferedFormat { pixels: Pixels::from_code(&fourcc), fourcc, sizes }
        })
        .collect()
}

fn is_camera(number: u32) -> bool {
    let path = format!("/dev/video{number}");
    // `query_caps` unwraps the name as UTF-8; a name that was cut in the middle of a character would end the daemon.
    if device_name(Path::new(&path)).is_none_or(|name| name.len() > 28 && !name.is_ascii()) {
        return false;
    }
    let Ok(capabilities) = Device::with_path(&path).and_then(|device| device.query_caps()) else {
        return false;
    };
    let flags = capabilities.capabilities;
    flags.contains(Capability::VIDEO_CAPTURE | Capability::STREAMING) && !flags.contains(Capability::VIDEO_M2M)
}

fn rates(device: &Device, fourcc: FourCC, width: u32, height: u32) -> Vec<u32> {
    let per_second =
        |numerator: u32, denominator: u32| (numerator > 0).then(|| (denominator + numerator / 2) / numerator);
    let mut rates = Vec::new();
    for interval in device.enum_frameintervals(fourcc, width, height).unwrap_or_default() {
        match interval.interval {
            FrameIntervalEnum::Discrete(one) => rates.extend(per_second(one.numerator, one.denominator)),
            FrameIntervalEnum::Stepwise(range) => {
                let slowest = per_second(range.max.numerator, range.max.denominator).unwrap_or(1).max(1);
                let fastest = per_second(range.min.numerator, range.min.denominator).unwrap_or(30);
                rates.extend([10, 15, 20, 24, 25, 30].into_iter().filter(|rate| (slowest..fastest).contains(rate)));
                rates.push(fastest);
            }
        }
    }
    rates.retain(|&rate| rate > 0);
    rates.sort_unstable();
    rates.dedup();
    rates
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

fn list(offers: &[OfferedFormat]) -> String {
    let codes: Vec<&str> = offers.iter().map(|offer| offer.fourcc.as_str()).collect();
    if codes.is_empty() { "no formats".to_owned() } else { codes.join(", ") }
}

/// When a frame was taken: the kernel stamps it with `CLOCK_MONOTONIC`, of which an `Instant` cannot be made, so its
/// age is taken from its arrival. A stamp of another clock gives an age that no frame has.
fn captured_at(stamped: Option<Duration>, now: Duration, arrived: Instant) -> Instant {
    let age = stamped.and_then(|stamped| now.checked_sub(stamped)).filter(|&age| age < OLDEST_FRAME);
    age.and_then(|age| arrived.checked_sub(age)).unwrap_or(arrived)
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
    fn a_kernel_timestamp_says_how_old_a_frame_is() {
        let (arrived, now) = (Instant::now(), Duration::from_secs(100));
        let stamped = |ms| captured_at(Some(Duration::from_millis(ms)), now, arrived);
        assert_eq!(stamped(99_970), arrived - Duration::from_millis(30));
        assert_eq!(stamped(100_001), arrived, "a stamp from the future is of another clock");
        assert_eq!(stamped(5), arrived, "so is a very old one");
        assert_eq!(captured_at(None, now, arrived), arrived);
    }

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
    fn a_missing_device_is_an_error_that_names_it() {
        let settings = VideoSettings { source: super::super::VideoSource::Test, ..VideoSettings::default() };
        let source = V4l2Source { device: Some("/dev/no-such-camera".into()), ..V4l2Source::default() };
        let error = V4l2Camera::open(&source, &settings, true).err();
        assert!(error.is_some_and(|error| error.to_string().contains("/dev/no-such-camera")));
    }
}
