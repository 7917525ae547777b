//! How long to wait before the next attempt to connect.

use std::time::{Duration, Instant};

/// The wait before the second attempt.
pub const FIRST_DELAY: Duration = Duration::from_millis(250);

/// The longest wait between two attempts: a companion that is back is found within this time.
pub const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// A connection that lasted this long starts the ladder anew; a shorter one may be part of the same trouble.
pub const STEADY_AFTER: Duration = Duration::from_secs(10);

/// A ladder of waits: 250 ms, doubling to 10 s, each shortened by up to a half so that stations which lost the same
/// companion do not come back in step.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
    up_since: Option<Instant>,
}

impl Backoff {
    /// The foot of the ladder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The connection is up.
    pub fn handle_up(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    /// The connection is down, or an attempt failed: how long to wait before the next one. `jitter` is a random number
    /// from 0 to 1; what lies outside counts as the nearer end.
    pub fn handle_down(&mut self, now: Instant, jitter: f64) -> Duration {
        let steady = self.up_since.take().is_some_and(|since| now.saturating_duration_since(since) >= STEADY_AFTER);
        if steady {
            self.failures = 0;
        }
        // Six doublings pass the longest delay: counting further would only overflow.
        let full = FIRST_DELAY.saturating_mul(1 << self.failures.min(6)).min(LONGEST_DELAY);
        self.failures = self.failures.saturating_add(1);
        let jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
        full.mul_f64(0.5 + jitter / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_ten_seconds() {
        let now = Instant::now();
        let mut backoff = Backoff::new();
        let waits: Vec<u128> = (0..9).map(|_| backoff.handle_down(now, 1.0).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    }

    #[test]
    fn jitter_takes_off_at_most_a_half() {
        let now = Instant::now();
        for (jitter, expected_ms) in [(0.0, 125), (0.5, 187), (1.0, 250), (-3.0, 125), (7.0, 250), (f64::NAN, 125)] {
            assert_eq!(Backoff::new().handle_down(now, jitter).as_millis(), expected_ms, "jitter {jitter}");
        }
    }

    #[test]
    fn a_steady_connection_starts_the_ladder_anew() {
        let mut now = Instant::now();
        let mut backoff = Backoff::new();
        for _ in 0..5 {
            backoff.handle_down(now, 1.0);
        }
        backoff.handle_up(now);
        now += STEADY_AFTER;
        assert_eq!(backoff.handle_down(now, 1.0), FIRST_DELAY);
    }

    #[test]
    fn a_connection_that_drops_at_once_does_not_start_the_ladder_anew() {
        let mut now = Instant::now();
        let mut backoff = Backoff::new();
        for _ in 0..5 {
            backoff.handle_down(now, 1.0);
        }
        backoff.handle_up(now);
        now += Duration::from_secs(1);
        assert_eq!(backoff.handle_down(now, 1.0), Duration::from_secs(8));
    }

    #[test]
    fn years_of_failing_do_not_overflow() {
        let mut backoff = Backoff { failures: u32::MAX, up_since: None };
        assert_eq!(backoff.handle_down(Instant::now(), 1.0), LONGEST_DELAY);
    }
}
