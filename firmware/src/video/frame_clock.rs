//! When a frame was taken, by the kernel's stamp as far as it can be believed. Pure.

use std::time::{Duration, Instant};

/// No frame waits this long in a driver.
const OLDEST_FRAME: Duration = Duration::from_secs(1);
/// What follows each other more closely than this part of a period is no clock's work.
const MIN_STEP: u32 = 4;

/// The clock of one camera's frames. Its times rise, so that no decoder takes two pictures for one.
#[derive(Debug)]
pub(super) struct FrameClock {
    min_step: Duration,
    stamp: Option<Duration>,
    /// How old frames were when the stamps were last believed.
    age: Duration,
    latest: Option<Instant>,
}

impl FrameClock {
    pub(super) fn new(rate: u32) -> Self {
        let min_step = Duration::from_secs(1) / rate.max(1) / MIN_STEP;
        Self { min_step, stamp: None, age: Duration::ZERO, latest: None }
    }

    /// When a frame that `arrived` was taken.
    ///
    /// The kernel stamps with `CLOCK_MONOTONIC`, of which an `Instant` cannot be made, so the frame's age is taken from
    /// its arrival; `now` is that clock at the arrival. A stamp of another clock gives an age that no frame has. One that
    /// is repeated, creeps or goes back would hold the picture up until it is that old: there, a frame is taken to be as
    /// old as those before.
    pub(super) fn taken_at(&mut self, stamp: Option<Duration>, now: Duration, arrived: Instant) -> Instant {
        let age = stamp.and_then(|stamp| now.checked_sub(stamp)).filter(|&age| age < OLDEST_FRAME);
        let advanced = match (self.stamp, stamp) {
            (Some(before), Some(stamp)) => stamp.checked_sub(before).is_some_and(|step| step >= self.min_step),
            (None, _) | (_, None) => true,
        };
        self.stamp = stamp;
        if let Some(age) = age.filter(|_| advanced) {
            self.age = age;
        }
        let age = if age.is_none() && advanced { Duration::ZERO } else { self.age };
        let taken = arrived.checked_sub(age).unwrap_or(arrived);
        let taken = self.latest.map_or(taken, |latest| taken.max(latest + Duration::from_millis(1)));
        self.latest = Some(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_kernel_timestamp_says_how_old_a_frame_is() {
        let (arrived, now) = (Instant::now(), Duration::from_secs(100));
        let stamped = |at| FrameClock::new(30).taken_at(Some(ms(at)), now, arrived);
        assert_eq!(stamped(99_970), arrived - ms(30));
        assert_eq!(stamped(100_001), arrived, "a stamp from the future is of another clock");
        assert_eq!(stamped(5), arrived, "so is a very old one");
        assert_eq!(FrameClock::new(30).taken_at(None, now, arrived), arrived);
    }

    /// The steps between the times of 60 frames that arrive at 30 a second with these stamps.
    fn steps(stamp: impl Fn(u64) -> u64) -> Vec<Duration> {
        let start = Instant::now();
        let mut clock = FrameClock::new(30);
        let mut taken = (0..60).map(|frame| {
            let at = ms(100_000 + frame * 33);
            clock.taken_at(Some(ms(stamp(frame))), at, start + ms(frame * 33))
        });
        let mut before = taken.next().expect("frames");
        taken.map(|at| at.duration_since(std::mem::replace(&mut before, at))).collect()
    }

    #[test]
    fn stamps_that_are_repeated_creep_or_go_back_hold_no_picture_up() {
        for (kind, steps) in [
            ("right", steps(|frame| 99_980 + frame * 33)),
            ("repeated for ever", steps(|_| 99_980)),
            ("repeated in pairs", steps(|frame| 99_980 + frame / 2 * 66)),
            ("creeping", steps(|frame| 99_980 + frame)),
            ("going back", steps(|frame| 99_980 - frame)),
        ] {
            // What the supervisor takes at 30 frames a second.
            let due = steps.iter().filter(|&&step| step > ms(25)).count();
            assert!(due >= steps.len() / 2, "{kind}: {due} of {}: {steps:?}", steps.len());
            assert!(steps.iter().all(|&step| step > Duration::ZERO && step < ms(100)), "{kind}: {steps:?}");
        }
    }

    #[test]
    fn frames_that_waited_in_the_driver_keep_the_times_at_which_they_were_taken() {
        let start = Instant::now() + ms(1_000);
        let mut clock = FrameClock::new(30);
        // The thread was held up for 100 ms; three frames waited.
        let taken: Vec<_> =
            (0..3).map(|frame| clock.taken_at(Some(ms(99_900 + frame * 33)), ms(100_000), start)).collect();
        assert_eq!(taken, [start - ms(100), start - ms(67), start - ms(34)]);
    }
}
