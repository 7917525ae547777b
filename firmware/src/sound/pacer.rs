//! Holds back a device that keeps no time of its own, such as ALSA's `null`.

use std::thread;
use std::time::{Duration, Instant};

/// A little less than 10 ms, so that a card whose clock is fast is never held back.
const FASTEST: Duration = Duration::from_micros(9_950);

/// What a card may be ahead by: its buffer, fetched or filled at once.
const BURST: Duration = Duration::from_millis(120);

/// Lets at most one block through every [`FASTEST`], after a burst of [`BURST`].
///
/// Without it a device that is always ready would keep a real-time thread, and with it a processor, busy for ever.
#[derive(Debug)]
pub(super) struct Pacer {
    due: Option<Instant>,
}

impl Pacer {
    pub(super) fn new() -> Self {
        Self { due: None }
    }

    /// Called after each block; sleeps when blocks come too fast.
    pub(super) fn pace(&mut self) {
        let wait = self.note_block(Instant::now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    fn note_block(&mut self, now: Instant) -> Duration {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let due = self.due.unwrap_or(earliest).max(earliest) + FASTEST;
        self.due = Some(due);
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_keeps_time_never_waits() {
        let mut pacer = Pacer::new();
        let start = Instant::now();
        for block in 0..10_000_u32 {
            // 500 ppm fast, fetched in pairs.
            let now = start + Duration::from_micros(9_995) * (block / 2 * 2);
            assert_eq!(pacer.note_block(now), Duration::ZERO);
        }
    }

    #[test]
    fn a_device_without_a_clock_is_held_to_real_time() {
        let mut pacer = Pacer::new();
        let start = Instant::now();
        let mut now = start;
        for _ in 0..1000 {
            now += pacer.note_block(now);
        }
        let took = now - start;
        assert!(took > Duration::from_millis(9_800), "{took:?}");
    }

    #[test]
    fn a_pause_earns_no_more_than_one_burst() {
        let mut pacer = Pacer::new();
        let mut now = Instant::now();
        pacer.note_block(now);
        now += Duration::from_secs(60);
        let free = (0..100).filter(|_| pacer.note_block(now).is_zero()).count();
        assert!((11..=13).contains(&free), "{free} blocks at once");
    }
}
