//! Sound for machines without a sound card: a microphone that hears a tone, a speaker that can record.
//!
//! Both keep time by the clock. Their sound bypasses the voice processing: there is no room to echo, and a steady
//! tone is just what noise suppression removes.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Block;
use super::device::{DeviceError, Microphone, POLL, Speaker};
use super::tone::BreathingTone;
use super::wav::WavWriter;

const BLOCK_DURATION: Duration = Duration::from_millis(10);

/// The tone's peaks: -15 dBFS as RMS, a clear voice.
const AMPLITUDE: f32 = 0.25;

/// Behind by more than this, the missed blocks are left out, as a card's buffer would lose them.
const MAX_BEHIND: Duration = Duration::from_millis(100);

/// A clock that is due every 10 ms.
#[derive(Debug)]
struct Metronome {
    due: Instant,
}

impl Metronome {
    fn new() -> Self {
        Self { due: Instant::now() + BLOCK_DURATION }
    }

    /// Waits for the next beat, at most for [`POLL`]; returns its time once it came.
    fn wait(&mut self) -> Option<Instant> {
        let now = Instant::now();
        if let Some(early) = self.due.checked_duration_since(now) {
            thread::sleep(early.min(POLL));
            if early > POLL {
                return None;
            }
        } else if now - self.due > MAX_BEHIND {
            self.due = now;
        }
        Some(self.due)
    }

    fn advance(&mut self) {
        self.due += BLOCK_DURATION;
    }
}

/// Hears a tone, see [`BreathingTone`].
#[derive(Debug)]
pub(super) struct TestMicrophone {
    metronome: Metronome,
    tone: BreathingTone,
}

impl TestMicrophone {
    pub(super) fn new(tone_hz: f32) -> Self {
        Self { metronome: Metronome::new(), tone: BreathingTone::new(tone_hz, AMPLITUDE) }
    }
}

impl Microphone for TestMicrophone {
    fn read(&mut self, block: &mut Block) -> Result<Option<Instant>, DeviceError> {
        let Some(due) = self.metronome.wait() else {
            return Ok(None);
        };
        self.metronome.advance();
        self.tone.fill(block);
        Ok(due.checked_sub(BLOCK_DURATION))
    }
}

/// Takes a block every 10 ms and writes it to a WAV file if it was given one.
///
/// The file is written on the speaker's thread: a slow disk is heard as a stutter of the test sound only.
#[derive(Debug)]
pub(super) struct TestSpeaker {
    metronome: Metronome,
    recording: Option<WavWriter>,
}

impl TestSpeaker {
    /// Starts a new recording if a path is given.
    pub(super) fn new(record: Option<&Path>) -> Result<Self, DeviceError> {
        let create = |path: &Path| {
            WavWriter::create(path).map_err(|error| {
                DeviceError(format!(
                    "the speaker's sound cannot be recorded to {}: {error}; change or remove `record` under [sound]",
                    path.display()
                ))
            })
        };
        Ok(Self { recording: record.map(create).transpose()?, metronome: Metronome::new() })
    }
}

impl Speaker for TestSpeaker {
    fn wait(&mut self) -> Result<bool, DeviceError> {
        Ok(self.metronome.wait().is_some())
    }

    fn write(&mut self, block: &Block) -> Result<(), DeviceError> {
        self.metronome.advance();
        if let Some(recording) = &mut self.recording
            && let Err(error) = recording.write(block)
        {
            tracing::warn!(%error, "the recording of the speaker ends here; the sound goes on");
            self.recording = None;
        }
        Ok(())
    }
}
