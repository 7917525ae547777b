//! A recorded H.264 byte stream as a camera: played in a loop at a steady rate, without an encoder and without GStreamer.
//!
//! For developing without a camera, and for measuring what a call costs beside encoding.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::annexb;
use super::camera::Pace;
use super::outlet::{Outlet, Stream};
use super::sps::SpsError;
use super::{AccessUnit, CameraHealth, Shared};

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("the recording {path} cannot be read: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// There is nothing that a decoder could begin with.
    #[error("the recording {path} holds no H.264 keyframe; it must be a byte stream (Annex B) with parameter sets")]
    NoKeyframe {
        /// The file.
        path: String,
    },
    /// It is H.264 that browsers were not promised.
    #[error("the recording {path} cannot be sent: {error}")]
    Unsuitable {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: SpsError,
    },
}

/// A recording, split into access units once.
pub struct Recording {
    units: Vec<(Arc<[u8]>, bool)>,
    size: (u32, u32),
}

impl Recording {
    /// Reads a file. It is held in memory whole.
    ///
    /// # Errors
    /// When the file cannot be read or holds nothing that can be sent.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Self::parse(&bytes, &name),
            Err(error) => Err(RecordingError::Read { path: name, error }),
        }
    }

    fn parse(file: &[u8], path: &str) -> Result<Self, RecordingError> {
        let mut stream = Stream::default();
        let mut units = Vec::new();
        let mut size = (0, 0);
        for range in annexb::access_units(file) {
            let unit = &file[range];
            if annexb::is_keyframe(unit) {
                let (unit, sps) = stream
                    .keyframe(unit)
                    .map_err(|error| RecordingError::Unsuitable { path: path.to_owned(), error })?;
                size = (sps.width, sps.height);
                units.push((unit, true));
            } else if !units.is_empty() {
                // What precedes the first keyframe cannot be decoded.
                units.push((Arc::from(unit), false));
            }
        }
        if units.is_empty() {
            return Err(RecordingError::NoKeyframe { path: path.to_owned() });
        }
        Ok(Self { units, size })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The access unit to play after `at`; with `keyframe` the next one that a decoder can begin with.
    fn next(&self, at: Option<usize>, keyframe: bool) -> usize {
        let following = at.map_or(0, |at| (at + 1) % self.units.len());
        if !keyframe {
            return following;
        }
        let ahead = self.units[following..].iter().position(|(_, keyframe)| *keyframe);
        // The first access unit is a keyframe by construction.
        ahead.map_or(0, |ahead| following + ahead)
    }
}

/// Plays until asked to stop. A keyframe request skips to the next keyframe, as a recording cannot make one.
pub(super) fn play(recording: &Recording, rate: u32, outlet: &Outlet, shared: &Shared) {
    shared.set_size(recording.size.0, recording.size.1);
    outlet.tell_health(CameraHealth::Working);
    let mut pace = Pace::new(rate, Instant::now());
    let mut at = None;
    while pace.wait(shared) && !outlet.is_closed() {
        let next = recording.next(at, shared.take_keyframe_request());
        let (data, keyframe) = recording.units[next].clone();
        outlet.deliver_prepared(AccessUnit { data, captured_at: Instant::now(), keyframe });
        outlet.flush_news();
        at = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{IDR, P, PPS, SPS, stream};
    use super::*;

    fn recording() -> Recording {
        let file = stream(&[P, SPS, PPS, IDR, P, P, IDR, P]);
        Recording::parse(&file, "test").expect("playable")
    }

    #[test]
    fn a_recording_loops_from_its_first_keyframe() {
        let recording = recording();
        let mut at = None;
        let mut played = Vec::new();
        for _ in 0..8 {
            let next = recording.next(at, false);
            played.push(recording.units[next].1);
            at = Some(next);
        }
        assert_eq!(played, [true, false, false, true, false, true, false, false]);
        assert_eq!(recording.size(), (1280, 720));
    }

    #[test]
    fn a_keyframe_request_skips_ahead() {
        let recording = recording();
        assert_eq!(recording.next(Some(0), true), 3);
        assert_eq!(recording.next(Some(3), true), 0);
        assert_eq!(recording.next(Some(4), true), 0);
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_name() {
        let error = Recording::parse(b"hello", "door.h264").err().expect("no video");
        assert!(error.to_string().contains("door.h264"));
        assert!(Recording::open(Path::new("/no/such/file.h264")).is_err());
    }
}
