//! The sources of pictures behind one face: the test picture, a V4L2 camera, libcamera.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::capture::V4l2Camera;
use super::encoder::Frame;
use super::gst::GstError;
use super::libcamera::LibcameraCamera;
use super::negotiate::{FrameLayout, Pixels};
use super::pattern::Pattern;
use super::{Shared, VideoSettings, VideoSource};

/// Why a camera gives no picture. The text tells an installer what was tried and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Nothing there that could be a camera.
    #[error("no camera was found; connect one, or name its device in [video]")]
    NoneFound,
    /// The device cannot be opened or used.
    #[error("the camera {device} cannot be used: {what}: {error}; is it connected, and may this user open it?")]
    Device {
        /// The device's path.
        device: String,
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        error: std::io::Error,
    },
    /// Only formats that Doorway does not take.
    #[error(
        "the camera {device} offers only {offered}; a sensor without image processing needs source = \"libcamera\""
    )]
    NoUsableFormat {
        /// The device's path.
        device: String,
        /// Its formats.
        offered: String,
    },
    /// Not the format that was chosen for it.
    #[error("the camera {device} offers no {}, only {offered}; take one of these, or format = \"auto\"", format.code())]
    FormatNotOffered {
        /// The device's path.
        device: String,
        /// The format of the configuration.
        format: Pixels,
        /// Its formats.
        offered: String,
    },
    /// H.264 alone, and whoever begins to watch would have to wait for its next keyframe.
    #[error(
        "the H.264 of the camera {device} can't be used, as it makes no keyframe when it is asked for one (its driver \
         lacks the control force_key_frame): {remedy}"
    )]
    NoKeyframeControl {
        /// The device's path.
        device: String,
        /// What to do instead.
        remedy: String,
    },
    /// H.264 alone, and what it encodes browsers were not promised.
    #[error("the H.264 of the camera {device} is not what browsers take (see the journal): {remedy}")]
    NotForBrowsers {
        /// The device's path.
        device: String,
        /// What to do instead.
        remedy: String,
    },
    /// Frames that hold fewer bytes than they should.
    #[error("the camera {device} delivers damaged frames; check its cable and power supply")]
    Damaged {
        /// The device's path.
        device: String,
    },
    /// No frames at all.
    #[error("the camera {device} has stopped delivering frames; check its cable and power supply")]
    Stalled {
        /// The device's path.
        device: String,
    },
    /// It encodes what browsers were not promised; it is asked for plain pictures instead.
    #[error("the camera's own H.264 is not used: {0}")]
    UnsuitableH264(super::sps::SpsError),
    /// GStreamer is needed for this camera and does not work.
    #[error(transparent)]
    Gst(#[from] GstError),
}

/// What a wait for the next frame brought.
pub(super) enum Captured<'a> {
    /// An uncompressed frame, taken at this time.
    Frame(Frame<'a>, Instant),
    /// An access unit that the camera made itself.
    Encoded(Bytes, Instant),
    /// Not yet.
    Nothing,
    /// A frame that must not be used. It has been left out.
    Damaged,
}

/// A camera that works, or did when it was opened.
pub(super) enum Camera {
    Test(TestCamera),
    V4l2(Box<V4l2Camera>),
    Libcamera(LibcameraCamera),
    #[cfg(test)]
    Scripted(ScriptedCamera),
}

impl Camera {
    /// Opens the source; `None` where there is no camera by configuration.
    pub(super) fn open(settings: &VideoSettings, accept_h264: bool) -> Result<Option<Self>, CameraError> {
        match &settings.source {
            VideoSource::Test => Ok(Some(Self::Test(TestCamera::new(settings.size, settings.rate)))),
            VideoSource::V4l2(source) => {
                V4l2Camera::open(source, settings, accept_h264).map(|camera| Some(Self::V4l2(Box::new(camera))))
            }
            VideoSource::Libcamera => LibcameraCamera::open(settings).map(|camera| Some(Self::Libcamera(camera))),
            VideoSource::Recording { .. } | VideoSource::None => Ok(None),
        }
    }

    /// What to call it in messages.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Test(_) => "test picture",
            Self::V4l2(camera) => camera.name(),
            Self::Libcamera(_) => "libcamera",
            #[cfg(test)]
            Self::Scripted(_) => "scripted",
        }
    }

    /// The size and format of its frames.
    pub(super) fn format(&self) -> ((u32, u32), Pixels) {
        match self {
            Self::Test(camera) => (camera.pattern.size(), Pixels::I420),
            Self::V4l2(camera) => camera.format(),
            Self::Libcamera(camera) => (camera.size(), Pixels::Nv12),
            #[cfg(test)]
            Self::Scripted(camera) => (camera.picture.pattern.size(), Pixels::I420),
        }
    }

    /// Waits for the next frame, a few tens of milliseconds at most.
    pub(super) fn next(&mut self, shared: &Shared) -> Result<Captured<'_>, CameraError> {
        match self {
            Self::Test(camera) => Ok(camera.next(shared)),
            Self::V4l2(camera) => camera.next(shared),
            Self::Libcamera(camera) => camera.next(),
            #[cfg(test)]
            Self::Scripted(camera) => camera.next(shared),
        }
    }

    /// For a camera that encodes: asks it for a keyframe.
    pub(super) fn force_keyframe(&self) {
        match self {
            Self::V4l2(camera) => camera.force_keyframe(),
            Self::Test(_) | Self::Libcamera(_) => {}
            #[cfg(test)]
            Self::Scripted(_) => {}
        }
    }

    /// For a camera that encodes: sets its bitrate.
    pub(super) fn set_bitrate(&self, bps: u32) {
        match self {
            Self::V4l2(camera) => camera.set_bitrate(bps),
            Self::Test(_) | Self::Libcamera(_) => {}
            #[cfg(test)]
            Self::Scripted(_) => {}
        }
    }
}

/// The test picture at a steady rate.
pub(super) struct TestCamera {
    pattern: Pattern,
    pace: Pace,
}

impl TestCamera {
    fn new((width, height): (u32, u32), rate: u32) -> Self {
        Self { pattern: Pattern::new(width, height), pace: Pace::new(rate, Instant::now()) }
    }

    fn next(&mut self, shared: &Shared) -> Captured<'_> {
        if !self.pace.wait(shared) {
            return Captured::Nothing;
        }
        let (width, height) = self.pattern.size();
        let Some(layout) = FrameLayout::new(Pixels::I420, width, height, 0) else {
            return Captured::Damaged;
        };
        let captured_at = Instant::now();
        Captured::Frame(Frame::Memory { bytes: self.pattern.draw(SystemTime::now()), layout }, captured_at)
    }
}

/// A camera that works for a while and then fails as the test says.
#[cfg(test)]
pub(super) struct ScriptedCamera {
    picture: TestCamera,
    good_frames: u32,
    then: Failure,
}

#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    Vanishes,
    Stalls,
    DeliversDamage,
}

#[cfg(test)]
impl ScriptedCamera {
    pub(super) fn new(size: (u32, u32), good_frames: u32, then: Failure) -> Self {
        Self { picture: TestCamera::new(size, 30), good_frames, then }
    }

    fn next(&mut self, shared: &Shared) -> Result<Captured<'_>, CameraError> {
        if let Some(left) = self.good_frames.checked_sub(1) {
            self.good_frames = left;
            return Ok(self.picture.next(shared));
        }
        std::thread::sleep(Duration::from_millis(20));
        match self.then {
            Failure::Vanishes => Err(CameraError::NoneFound),
            Failure::Stalls => Ok(Captured::Nothing),
            Failure::DeliversDamage => Ok(Captured::Damaged),
        }
    }
}

/// A steady rate. After a pause it goes on from there rather than catching up.
pub(super) struct Pace {
    period: Duration,
    due: Instant,
}

impl Pace {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self { period: Duration::from_secs(1) / rate.max(1), due: now }
    }

    /// Waits until the next frame is due; `false` when asked to stop meanwhile.
    pub(super) fn wait(&mut self, shared: &Shared) -> bool {
        loop {
            if shared.should_stop() {
                return false;
            }
            let now = Instant::now();
            if let Some(left) = self.due.checked_duration_since(now).filter(|left| !left.is_zero()) {
                std::thread::park_timeout(left);
                continue;
            }
            self.advance(now);
            return true;
        }
    }

    fn advance(&mut self, now: Instant) {
        self.due += self.period;
        if self.due + self.period < now {
            self.due = now + self.period;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_frame_does_not_shift_the_rate_and_a_long_pause_is_not_caught_up() {
        let start = Instant::now();
        let mut pace = Pace::new(25, start);
        pace.advance(start + Duration::from_millis(30));
        assert_eq!(pace.due, start + Duration::from_millis(40));
        pace.advance(start + Duration::from_secs(5));
        assert_eq!(pace.due, start + Duration::from_millis(5_040));
    }
}
