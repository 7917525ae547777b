//! CSI cameras whose image processing libcamera does, through its GStreamer element.

use std::time::{Duration, Instant};

use super::VideoSettings;
use super::camera::{CameraError, Captured};
use super::encoder::Frame;
use super::gst::prelude::*;
use super::gst::{self, Running};

const WAIT: gst::ClockTime = gst::ClockTime::from_mseconds(20);

pub(super) struct LibcameraCamera {
    sink: gst::app::AppSink,
    size: (u32, u32),
    source: gst::Element,
    running: Running,
}

impl LibcameraCamera {
    pub(super) fn open(settings: &VideoSettings) -> Result<Self, CameraError> {
        let source = gst::make("libcamerasrc")?;
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "NV12")
            .field("width", settings.size.0 as i32)
            .field("height", settings.size.1 as i32)
            .field("framerate", gst::Fraction::new(settings.rate as i32, 1))
            .build();
        let sink = gst::app::AppSink::builder()
            .caps(&caps)
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            // The camera's buffers are few: a frame that nobody took yet gives way to the next.
            .max_buffers(1)
            .drop(true)
            .build();
        let running = Running::start_with_clock("libcamera", &[&source, sink.upcast_ref()])?;
        Ok(Self { sink, size: settings.size, source, running })
    }

    pub(super) fn size(&self) -> (u32, u32) {
        self.size
    }

    pub(super) fn next(&mut self) -> Result<Captured<'_>, CameraError> {
        if let Some(fault) = self.running.fault() {
            return Err(self.running.failed(fault).into());
        }
        let Some(sample) = self.sink.try_pull_sample(WAIT) else {
            return Ok(Captured::Nothing);
        };
        // The element stamps frames with the running time at which the sensor took them.
        let age = self.source.current_running_time().zip(sample.buffer().and_then(|buffer| buffer.pts()));
        let age = age.map_or(Duration::ZERO, |(now, taken)| Duration::from_nanos(now.saturating_sub(taken).nseconds()));
        let now = Instant::now();
        let captured_at = now.checked_sub(age.min(Duration::from_secs(1))).unwrap_or(now);
        Ok(Captured::Frame(Frame::Sample(sample), captured_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_element_names_the_package_that_brings_it() {
        if gst::has_element("libcamerasrc") {
            return;
        }
        let error = LibcameraCamera::open(&VideoSettings::default()).err().expect("not installed");
        assert!(error.to_string().contains("gstreamer1.0-libcamera"), "{error}");
    }
}
