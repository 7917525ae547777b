//! What the threads and the event loop know of each other, without waiting for each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::chime::Chime;
use super::level::FLOOR_DBFS;
use super::playout::PlayoutCounts;

/// Whether a microphone or a speaker works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceHealth {
    /// Sound flows.
    Working,
    /// The configuration says that there is none.
    Absent,
    /// It should be there and is not; it is looked for every second.
    Missing {
        /// What was tried and what to do, for the installer.
        reason: String,
    },
}

/// What sound did since it started, and what it does now.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundStats {
    /// Whether the microphone or the speaker works.
    pub running: bool,
    /// The microphone's level before any processing, in dB of full scale; -100 in silence and without one.
    pub microphone_dbfs: f32,
    /// The level of what the speaker plays, chimes included.
    pub speaker_dbfs: f32,
    /// When network sound first passed -50 dBFS at the speaker since talking began.
    pub heard_at: Option<SystemTime>,
    /// Times that captured sound was lost because nobody fetched it from the card in time.
    pub capture_xruns: u64,
    /// Times that the card ran out of sound to play.
    pub playback_xruns: u64,
    /// Blocks of 10 ms that the microphone delivered.
    pub captured_blocks: u64,
    /// Blocks of 10 ms that the speaker took.
    pub played_blocks: u64,
    /// Packets that were pushed while talking.
    pub received: u64,
    /// Samples of network sound that were played, concealed ones included.
    pub played: u64,
    /// Samples (not packets) that were made up because their packet was not there in time.
    pub concealed: u64,
    /// Those of `concealed` that were below -60 dBFS: nobody misses them.
    pub concealed_silent: u64,
    /// Lost packets that were recovered from the copy in the next packet.
    pub recovered_by_fec: u64,
    /// Packets that came after their turn, or were skipped to catch up after a stall.
    pub late: u64,
    /// Packets that were no Opus, too large, or found the queue full.
    pub refused: u64,
    /// Own packets and captured blocks that found a queue full.
    pub dropped: u64,
    /// How much later than the fastest packet allows the sound is played, without the card's own buffer.
    pub playout_delay_ms: f32,
}

/// The microphone or the speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Microphone,
    Speaker,
}

#[derive(Debug, Default)]
struct Health {
    microphone: Option<DeviceHealth>,
    speaker: Option<DeviceHealth>,
}

/// One `Sound`'s shared state. The cards' threads touch the mutex only when a device's health changes.
#[derive(Debug)]
pub(super) struct Shared {
    stopping: AtomicBool,
    /// The number of the conversation that goes on; 0 when nobody talks.
    conversation: AtomicU64,
    /// A chime to start, as [`Chime::to_code`]; [`NO_CHIME`] when there is none. A newer one replaces an older.
    chime: AtomicU8,
    health: Mutex<Health>,
    health_changed: AtomicBool,

    microphone_dbfs: AtomicU32,
    speaker_dbfs: AtomicU32,
    playout_delay_ms: AtomicU32,
    heard_us: AtomicU64,
    heard_in: AtomicU64,
    pub(super) captured_blocks: AtomicU64,
    pub(super) played_blocks: AtomicU64,
    pub(super) capture_xruns: AtomicU64,
    pub(super) playback_xruns: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) dropped: AtomicU64,
    played: AtomicU64,
    concealed: AtomicU64,
    concealed_silent: AtomicU64,
    recovered: AtomicU64,
    late: AtomicU64,
    malformed: AtomicU64,
}

const NO_CHIME: u8 = u8::MAX;

impl Shared {
    pub(super) fn new() -> Self {
        let floor = || AtomicU32::new(FLOOR_DBFS.to_bits());
        let zero = || AtomicU64::new(0);
        Self {
            stopping: AtomicBool::new(false),
            conversation: zero(),
            chime: AtomicU8::new(NO_CHIME),
            health: Mutex::default(),
            health_changed: AtomicBool::new(false),
            microphone_dbfs: floor(),
            speaker_dbfs: floor(),
            playout_delay_ms: AtomicU32::new(0),
            heard_us: zero(),
            heard_in: zero(),
            captured_blocks: zero(),
            played_blocks: zero(),
            capture_xruns: zero(),
            playback_xruns: zero(),
            received: zero(),
            refused: zero(),
            dropped: zero(),
            played: zero(),
            concealed: zero(),
            concealed_silent: zero(),
            recovered: zero(),
            late: zero(),
            malformed: zero(),
        }
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The number of the conversation that goes on, `None` when nobody talks.
    pub(super) fn conversation(&self) -> Option<u64> {
        Some(self.conversation.load(Ordering::Acquire)).filter(|number| *number != 0)
    }

    pub(super) fn set_conversation(&self, number: Option<u64>) {
        self.conversation.store(number.unwrap_or(0), Ordering::Release);
    }

    pub(super) fn ask_for_chime(&self, chime: Chime) {
        self.chime.store(chime.to_code(), Ordering::Release);
    }

    pub(super) fn take_chime(&self) -> Option<Chime> {
        if self.chime.load(Ordering::Relaxed) == NO_CHIME {
            return None;
        }
        Chime::from_code(self.chime.swap(NO_CHIME, Ordering::AcqRel))
    }

    pub(super) fn set_level(&self, side: Side, dbfs: f32) {
        let level = match side {
            Side::Microphone => &self.microphone_dbfs,
            Side::Speaker => &self.speaker_dbfs,
        };
        level.store(dbfs.to_bits(), Ordering::Relaxed);
    }

    /// Notes that the visitor could hear the other side of `conversation` now; only the first time counts.
    pub(super) fn note_heard(&self, conversation: u64) {
        if self.heard_in.load(Ordering::Relaxed) == conversation {
            return;
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.heard_us.store(since_epoch.as_micros() as u64, Ordering::Relaxed);
        self.heard_in.store(conversation, Ordering::Release);
    }

    pub(super) fn note_playout(&self, counts: PlayoutCounts, delay: Duration) {
        self.played.store(counts.played, Ordering::Relaxed);
        self.concealed.store(counts.concealed, Ordering::Relaxed);
        self.concealed_silent.store(counts.concealed_silent, Ordering::Relaxed);
        self.recovered.store(counts.jitter.recovered, Ordering::Relaxed);
        self.late.store(counts.jitter.late, Ordering::Relaxed);
        self.malformed.store(counts.malformed, Ordering::Relaxed);
        let delay_ms = delay.as_secs_f32() * 1000.0;
        self.playout_delay_ms.store(delay_ms.to_bits(), Ordering::Relaxed);
    }

    /// Returns whether that is news. A missing device has no level.
    pub(super) fn note_health(&self, side: Side, health: DeviceHealth) -> bool {
        let name = match side {
            Side::Microphone => "microphone",
            Side::Speaker => "speaker",
        };
        if !matches!(health, DeviceHealth::Working) {
            self.set_level(side, FLOOR_DBFS);
        }
        let mut both = self.lock_health();
        let own = match side {
            Side::Microphone => &mut both.microphone,
            Side::Speaker => &mut both.speaker,
        };
        if own.as_ref() == Some(&health) {
            return false;
        }
        match &health {
            DeviceHealth::Working => tracing::info!(device = name, "sound device works"),
            DeviceHealth::Absent => tracing::debug!(device = name, "no sound device configured"),
            DeviceHealth::Missing { reason } => {
                tracing::warn!(device = name, reason, "sound device is missing");
            }
        }
        *own = Some(health);
        drop(both);
        self.health_changed.store(true, Ordering::Release);
        true
    }

    /// Both devices' health, if it changed since the last call and both are known.
    pub(super) fn take_changed_health(&self) -> Option<(DeviceHealth, DeviceHealth)> {
        if !self.health_changed.load(Ordering::Acquire) {
            return None;
        }
        let both = self.lock_health();
        let pair = both.microphone.clone().zip(both.speaker.clone())?;
        self.health_changed.store(false, Ordering::Release);
        Some(pair)
    }

    /// Makes the next [`Self::take_changed_health`] return it again, because it could not be passed on.
    pub(super) fn keep_changed_health(&self) {
        self.health_changed.store(true, Ordering::Release);
    }

    pub(super) fn stats(&self) -> SoundStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let float = |value: &AtomicU32| f32::from_bits(value.load(Ordering::Relaxed));
        let working = Some(DeviceHealth::Working);
        let running = {
            let both = self.lock_health();
            both.microphone == working || both.speaker == working
        };
        let conversation = self.conversation.load(Ordering::Acquire);
        let heard = conversation != 0 && self.heard_in.load(Ordering::Acquire) == conversation;
        SoundStats {
            running,
            microphone_dbfs: float(&self.microphone_dbfs),
            speaker_dbfs: float(&self.speaker_dbfs),
            heard_at: heard.then(|| UNIX_EPOCH + Duration::from_micros(count(&self.heard_us))),
            captured_blocks: count(&self.captured_blocks),
            played_blocks: count(&self.played_blocks),
            capture_xruns: count(&self.capture_xruns),
            playback_xruns: count(&self.playback_xruns),
            received: count(&self.received),
            played: count(&self.played),
            concealed: count(&self.concealed),
            concealed_silent: count(&self.concealed_silent),
            recovered_by_fec: count(&self.recovered),
            late: count(&self.late),
            refused: count(&self.refused) + count(&self.malformed),
            dropped: count(&self.dropped),
            playout_delay_ms: float(&self.playout_delay_ms),
        }
    }

    fn lock_health(&self) -> std::sync::MutexGuard<'_, Health> {
        // A thread that panicked while it noted a health left a whole value behind.
        self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_told_once_both_devices_are_known_and_only_when_it_changed() {
        let shared = Shared::new();
        assert!(shared.note_health(Side::Microphone, DeviceHealth::Working));
        assert_eq!(shared.take_changed_health(), None);
        assert!(shared.note_health(Side::Speaker, DeviceHealth::Absent));
        let both = (DeviceHealth::Working, DeviceHealth::Absent);
        assert_eq!(shared.take_changed_health(), Some(both.clone()));
        assert_eq!(shared.take_changed_health(), None);
        assert!(!shared.note_health(Side::Speaker, DeviceHealth::Absent));
        assert_eq!(shared.take_changed_health(), None);
        shared.keep_changed_health();
        assert_eq!(shared.take_changed_health(), Some(both));
    }

    #[test]
    fn what_was_heard_in_an_earlier_conversation_does_not_count() {
        let shared = Shared::new();
        shared.set_conversation(Some(1));
        shared.note_heard(1);
        let first = shared.stats().heard_at;
        assert!(first.is_some());
        shared.note_heard(1);
        assert_eq!(shared.stats().heard_at, first);
        shared.set_conversation(Some(2));
        assert_eq!(shared.stats().heard_at, None);
        shared.set_conversation(None);
        assert_eq!(shared.stats().heard_at, None);
    }

    #[test]
    fn the_newest_chime_wins() {
        let shared = Shared::new();
        assert_eq!(shared.take_chime(), None);
        shared.ask_for_chime(Chime::Ringing);
        shared.ask_for_chime(Chime::Accepted);
        assert_eq!(shared.take_chime(), Some(Chime::Accepted));
        assert_eq!(shared.take_chime(), None);
    }
}
