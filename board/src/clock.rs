//! Kernel timestamps of edges, as `std::time::Instant`.

use std::time::{Duration, Instant};

use crate::sys::monotonic_now;

/// Turns CLOCK_MONOTONIC timestamps into `Instant`s.
///
/// On Linux an `Instant` *is* CLOCK_MONOTONIC, but std has no way to make one from a timestamp. So both clocks are read
/// once, as close together as this machine can; from then on they run in step (they are the same clock, which also means
/// that neither counts while the machine sleeps), and no drift has to be corrected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelClock {
    instant: Instant,
    monotonic: Duration,
}

impl KernelClock {
    /// Reads both clocks: of a few tries the one with the least time between its two outer readings, so that being
    /// scheduled away in between does not shift every timestamp.
    pub(crate) fn calibrate() -> Self {
        let mut best: Option<(Duration, Self)> = None;
        for _ in 0..8 {
            let before = Instant::now();
            let monotonic = monotonic_now();
            let width = before.elapsed();
            let clock = Self { instant: before + width / 2, monotonic };
            if best.as_ref().is_none_or(|(narrowest, _)| width < *narrowest) {
                best = Some((width, clock));
            }
        }
        best.expect("the loop ran").1
    }

    /// The instant of `timestamp`, never later than `now`: half a reading's width of error must not make an edge come
    /// from the future.
    pub(crate) fn instant(&self, timestamp: Duration, now: Instant) -> Instant {
        let at = if timestamp >= self.monotonic {
            self.instant.checked_add(timestamp - self.monotonic)
        } else {
            self.instant.checked_sub(self.monotonic - timestamp)
        };
        at.map_or(now, |at| at.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_timestamp_taken_now_maps_to_now() {
        let clock = KernelClock::calibrate();
        let before = Instant::now();
        let timestamp = monotonic_now();
        let after = Instant::now();
        let at = clock.instant(timestamp, after + Duration::from_secs(3600));
        assert!(at + MS > before, "mapped {:?} too early", before - at);
        assert!(at < after + MS, "mapped {:?} too late", at - after);
    }

    #[test]
    fn distances_between_edges_are_kept_to_the_nanosecond() {
        let clock = KernelClock::calibrate();
        let far = Instant::now() + Duration::from_secs(3600);
        let first = clock.monotonic + 7 * MS;
        let second = first + Duration::from_nanos(12_345);
        assert_eq!(clock.instant(second, far) - clock.instant(first, far), Duration::from_nanos(12_345));
    }

    #[test]
    fn an_edge_from_before_the_board_was_opened_maps_to_the_past() {
        let clock = KernelClock::calibrate();
        let at = clock.instant(clock.monotonic - 5 * MS, Instant::now());
        assert_eq!(clock.instant - at, 5 * MS);
    }

    #[test]
    fn an_edge_never_comes_from_the_future() {
        let clock = KernelClock::calibrate();
        let now = Instant::now();
        let timestamp = clock.monotonic + Duration::from_secs(60);
        assert_eq!(clock.instant(timestamp, now), now);
    }
}
