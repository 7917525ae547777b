//! The patience of the supervisor: when a camera counts as lost, and which encoder to try next. Pure.

use std::time::{Duration, Instant};

use super::encoder::EncoderKind;

/// USB cameras take seconds to their first frame.
pub(super) const FIRST_FRAME: Duration = Duration::from_secs(5);
/// A camera that worked and then gives nothing for this long is lost.
const NEXT_FRAME: Duration = Duration::from_secs(2);
/// Callers see the card rather than a frozen picture after this long.
const CARD_AFTER: Duration = Duration::from_secs(1);
/// How often a lost camera is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// An encoder that worked for this long may be rebuilt once more.
const PROVEN: Duration = Duration::from_secs(60);
/// After every encoder has failed.
const REST: Duration = Duration::from_secs(10);

/// What to do about a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It delivers.
    Fine,
    /// It is late: show the card meanwhile.
    Late,
    /// It has stopped.
    Stalled,
    /// It delivers frames that cannot be used, and no others.
    Damaged,
}

/// Watches one camera.
#[derive(Debug)]
pub(super) struct CameraWatch {
    last_good: Instant,
    delivered: bool,
    damaged: u32,
    next_try: Instant,
}

impl CameraWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self { last_good: now, delivered: false, damaged: 0, next_try: now }
    }

    pub(super) fn may_open(&self, now: Instant) -> bool {
        now >= self.next_try
    }

    pub(super) fn opened(&mut self, now: Instant) {
        *self = Self { next_try: now + RETRY, ..Self::new(now) };
    }

    pub(super) fn lost(&mut self, now: Instant) {
        self.next_try = now + RETRY;
    }

    /// The camera shall be opened in another way, now.
    pub(super) fn reopen(&mut self, now: Instant) {
        self.next_try = now;
    }

    pub(super) fn good_frame(&mut self, now: Instant) {
        self.last_good = now;
        self.delivered = true;
        self.damaged = 0;
    }

    pub(super) fn damaged_frame(&mut self) {
        self.damaged += 1;
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let silent = now.saturating_duration_since(self.last_good);
        let patience = if self.delivered || self.damaged > 0 { NEXT_FRAME } else { FIRST_FRAME };
        match (silent > patience, self.damaged > 0) {
            (true, true) => Verdict::Damaged,
            (true, false) => Verdict::Stalled,
            (false, _) if silent > CARD_AFTER => Verdict::Late,
            (false, _) => Verdict::Fine,
        }
    }
}

/// Which encoder takes over from one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A new one of the same kind.
    Same,
    /// The next kind.
    Another,
}

/// The encoders to try in their order. One that fails at work is rebuilt once, then the next one takes over.
#[derive(Debug)]
pub(super) struct Ladder {
    candidates: Vec<EncoderKind>,
    at: usize,
    rebuilt: bool,
    rest_until: Option<Instant>,
}

impl Ladder {
    pub(super) fn new(candidates: Vec<EncoderKind>) -> Self {
        Self { candidates, at: 0, rebuilt: false, rest_until: None }
    }

    /// The encoder to use; `None` while all have failed.
    pub(super) fn current(&mut self, now: Instant) -> Option<EncoderKind> {
        if let Some(until) = self.rest_until {
            if now < until {
                return None;
            }
            *self = Self::new(std::mem::take(&mut self.candidates));
        }
        self.candidates.get(self.at).copied()
    }

    /// The current encoder is not installed or does not start.
    pub(super) fn cannot_start(&mut self, now: Instant) {
        self.at += 1;
        self.rebuilt = false;
        if self.at >= self.candidates.len() {
            self.rest_until = Some(now + REST);
        }
    }

    /// The current encoder stopped working after this long.
    pub(super) fn failed(&mut self, now: Instant, worked_for: Duration) -> Next {
        if !self.rebuilt || worked_for > PROVEN {
            self.rebuilt = true;
            Next::Same
        } else {
            self.cannot_start(now);
            Next::Another
        }
    }

    /// The current encoder must not be tried again.
    pub(super) fn strike_out(&mut self, kind: EncoderKind) {
        if let Some(position) = self.candidates.iter().position(|&candidate| candidate == kind) {
            self.candidates.remove(position);
            self.at -= usize::from(position < self.at);
            self.rebuilt = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_camera_that_falls_silent_is_covered_by_the_card_and_then_given_up() {
        let start = Instant::now();
        let mut watch = CameraWatch::new(start);
        watch.opened(start);
        watch.good_frame(start + ms(500));
        assert_eq!(watch.verdict(start + ms(1_400)), Verdict::Fine);
        assert_eq!(watch.verdict(start + ms(1_600)), Verdict::Late);
        assert_eq!(watch.verdict(start + ms(2_600)), Verdict::Stalled);
        watch.lost(start + ms(2_600));
        assert!(!watch.may_open(start + ms(3_500)));
        assert!(watch.may_open(start + ms(3_600)));
    }

    #[test]
    fn the_first_frame_may_take_longer() {
        let start = Instant::now();
        let mut watch = CameraWatch::new(start);
        watch.opened(start);
        assert_eq!(watch.verdict(start + ms(4_900)), Verdict::Late);
        assert_eq!(watch.verdict(start + ms(5_100)), Verdict::Stalled);
    }

    #[test]
    fn a_camera_with_only_damaged_frames_is_told_from_a_silent_one() {
        let start = Instant::now();
        let mut watch = CameraWatch::new(start);
        watch.opened(start);
        watch.damaged_frame();
        assert_eq!(watch.verdict(start + ms(2_100)), Verdict::Damaged);
        watch.good_frame(start + ms(2_100));
        assert_eq!(watch.verdict(start + ms(2_200)), Verdict::Fine);
    }

    #[test]
    fn an_encoder_that_fails_is_rebuilt_once_before_the_next_takes_over() {
        let now = Instant::now();
        let mut ladder = Ladder::new(vec![EncoderKind::X264, EncoderKind::OpenH264]);
        assert_eq!(ladder.failed(now, ms(100)), Next::Same);
        assert_eq!(ladder.current(now), Some(EncoderKind::X264));
        assert_eq!(ladder.failed(now, ms(100)), Next::Another);
        assert_eq!(ladder.current(now), Some(EncoderKind::OpenH264));
        ladder.cannot_start(now);
        assert_eq!(ladder.current(now), None);
        assert_eq!(ladder.current(now + REST), Some(EncoderKind::X264));
    }

    #[test]
    fn a_hung_device_is_not_tried_again() {
        let now = Instant::now();
        let mut ladder = Ladder::new(vec![EncoderKind::V4l2, EncoderKind::X264]);
        ladder.failed(now, ms(100));
        ladder.failed(now, ms(100));
        ladder.strike_out(EncoderKind::V4l2);
        assert_eq!(ladder.current(now), Some(EncoderKind::X264));
    }
}
