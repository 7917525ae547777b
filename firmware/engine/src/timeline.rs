//! When things happened in the last call, and how long they took.

use std::time::{Duration, Instant};

/// The time of day at an instant, as the shell read it. Clocks jump, so it is told anew with each turn of the loop.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    /// The instant.
    pub at: Instant,
    /// The time since the Unix epoch at that instant.
    pub unix: Duration,
}

impl WallClock {
    /// The time since the Unix epoch at another instant.
    pub fn unix_at(&self, instant: Instant) -> Duration {
        let ahead = instant.saturating_duration_since(self.at);
        let behind = self.at.saturating_duration_since(instant);
        (self.unix + ahead).saturating_sub(behind)
    }
}

/// Moments of the last call that was rung.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// The contact closed of the press that was accepted.
    pub pressed: Option<Instant>,
    /// That press was accepted: it had been held for long enough.
    pub press_accepted: Option<Instant>,
    /// The last ring message was handed out.
    pub ring_sent: Option<Instant>,
    /// The first client confirmed that it rings.
    pub first_receipt: Option<Instant>,
    /// How many clients confirmed.
    pub receipts: u32,
}

/// What is measured of a call, and what it counts from.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) marks: Marks,
    /// A press whose first picture has not left yet.
    picture_due: bool,
    /// When somebody answered, until the first sound of it came.
    answered_at: Option<Instant>,
}

impl Timeline {
    pub(crate) fn handle_press(&mut self, pressed: Instant, now: Instant) {
        self.marks = Marks { pressed: Some(pressed), press_accepted: Some(now), ..Marks::default() };
        self.picture_due = true;
    }

    /// How long after the press.
    pub(crate) fn handle_ring_sent(&mut self, now: Instant) -> Option<Duration> {
        self.marks.ring_sent = Some(now);
        self.since_press(now)
    }

    /// How long after the press, for the first of a call.
    pub(crate) fn handle_receipt(&mut self, receipts: usize, now: Instant) -> Option<Duration> {
        self.marks.receipts = u32::try_from(receipts).unwrap_or(u32::MAX);
        if self.marks.first_receipt.is_some() {
            return None;
        }
        self.marks.first_receipt = Some(now);
        self.since_press(now)
    }

    /// How long after the press, for the first of a call.
    pub(crate) fn handle_picture_sent(&mut self, now: Instant) -> Option<Duration> {
        std::mem::take(&mut self.picture_due).then(|| self.since_press(now)).flatten()
    }

    pub(crate) fn handle_answered(&mut self, now: Instant) {
        self.answered_at = Some(now);
    }

    /// How long after the answer, for the first of a call.
    pub(crate) fn handle_sound(&mut self, now: Instant) -> Option<Duration> {
        self.answered_at.take().map(|answered| now.saturating_duration_since(answered))
    }

    /// The call is over, and what it still waited for does not come.
    pub(crate) fn handle_idle(&mut self) {
        (self.picture_due, self.answered_at) = (false, None);
    }

    pub(crate) fn since_press(&self, now: Instant) -> Option<Duration> {
        self.marks.pressed.map(|pressed| now.saturating_duration_since(pressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_told_of_instants_on_both_sides() {
        let at = Instant::now();
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let clock = WallClock { at, unix: minute };
        assert_eq!(clock.unix_at(at + second), minute + second);
        assert_eq!(clock.unix_at(at - second), minute - second);
        assert_eq!(WallClock { at, unix: Duration::ZERO }.unix_at(at - second), Duration::ZERO);
    }

    #[test]
    fn only_the_first_of_a_call_is_measured() {
        let press = Instant::now();
        let ms = |ms| press + Duration::from_millis(ms);
        let mut timeline = Timeline::default();
        assert_eq!(timeline.handle_picture_sent(ms(1)), None, "nobody pressed");
        timeline.handle_press(press, ms(30));
        assert_eq!(timeline.handle_ring_sent(ms(31)), Some(Duration::from_millis(31)));
        assert_eq!(timeline.handle_receipt(1, ms(50)), Some(Duration::from_millis(50)));
        assert_eq!(timeline.handle_receipt(2, ms(60)), None);
        assert_eq!(timeline.handle_picture_sent(ms(90)), Some(Duration::from_millis(90)));
        assert_eq!(timeline.handle_picture_sent(ms(120)), None);
        timeline.handle_answered(ms(200));
        timeline.handle_idle();
        assert_eq!(timeline.handle_sound(ms(300)), None, "the call is over");
        assert_eq!((timeline.marks.receipts, timeline.marks.first_receipt), (2, Some(ms(50))));
    }
}
