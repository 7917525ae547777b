//! How often something may be done, filled up by time. Pure.

use std::time::Instant;

pub(super) struct Allowance {
    burst: f64,
    per_second: f64,
    left: f64,
    since: Instant,
}

impl Allowance {
    /// So much at once, and so much more each second.
    pub(super) fn new(burst: f64, per_second: f64, now: Instant) -> Self {
        Self { burst, per_second, left: burst, since: now }
    }

    pub(super) fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.since).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.burst);
        self.since = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_more_as_time_fills_it_up_to_the_burst() {
        let start = Instant::now();
        let mut allowance = Allowance::new(3.0, 2.0, start);
        let mut taken = |after_ms| {
            let now = start + Duration::from_millis(after_ms);
            (0..10).filter(|_| allowance.take(now)).count()
        };
        assert_eq!((taken(0), taken(400), taken(500), taken(60_000)), (3, 0, 1, 3));
    }
}
