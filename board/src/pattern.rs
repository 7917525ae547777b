//! What the indicator shows over time: pure, so that a test and a picture of it need no lamp.

use std::time::Duration;

/// Full brightness; see [`Pattern::level_at`].
pub const FULL: u16 = 1000;

/// How often a breathing lamp changes: fast enough to look smooth.
const BREATH_STEP: Duration = Duration::from_millis(40);

/// What the indicator shows until it is told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Dark.
    Off,
    /// One brightness, out of [`FULL`].
    Steady(u16),
    /// Full for `on`, dark for `off`, beginning with `on`.
    Blink {
        /// How long it is lit.
        on: Duration,
        /// How long it is dark.
        off: Duration,
    },
    /// Swells from dark to full and back once in `period`. On a lamp without PWM it is lit for part of the period.
    Breathe {
        /// From dark to dark.
        period: Duration,
    },
}

impl Pattern {
    /// Idle: a glow that finds the button in the dark without lighting the doorway. Dark on a lamp without PWM.
    pub const READY: Pattern = Pattern::Steady(120);
    /// Somebody watches: lit as a camera's light is, with a short gap that tells it from speaking.
    pub const WATCHED: Pattern = Pattern::Blink { on: Duration::from_millis(1700), off: Duration::from_millis(300) };
    /// It rings: a calm swell.
    pub const RINGING: Pattern = Pattern::Breathe { period: Duration::from_millis(1600) };
    /// Somebody answered, media is coming: quick, even blinks.
    pub const CONNECTING: Pattern = Pattern::Blink { on: Duration::from_millis(150), off: Duration::from_millis(150) };
    /// Speak now.
    pub const TALKING: Pattern = Pattern::Steady(FULL);
    /// Out of order: short flashes far apart, unlike anything above.
    pub const FAULT: Pattern = Pattern::Blink { on: Duration::from_millis(80), off: Duration::from_millis(1920) };

    /// Brightness from 0 to [`FULL`], `elapsed` after the pattern began.
    pub fn level_at(&self, elapsed: Duration) -> u16 {
        match *self {
            Pattern::Off => 0,
            Pattern::Steady(level) => level.min(FULL),
            Pattern::Blink { on, off } => match phase(elapsed, on + off) {
                Some(phase) if phase >= on => 0,
                Some(_) | None => FULL,
            },
            Pattern::Breathe { period } => {
                let Some(phase) = phase(elapsed, period) else {
                    return FULL;
                };
                let rising = phase * 2 <= period;
                let distance = if rising { phase } else { period - phase };
                let linear = distance.as_nanos() * 2 * u128::from(FULL) / period.as_nanos();
                // Eyes are logarithmic: squared light looks like an even swell.
                let level = linear * linear / u128::from(FULL);
                u16::try_from(level).unwrap_or(FULL).min(FULL)
            }
        }
    }

    /// How long the brightness of `elapsed` stays; none for ever.
    pub fn next_change(&self, elapsed: Duration) -> Option<Duration> {
        match *self {
            Pattern::Off | Pattern::Steady(_) => None,
            Pattern::Blink { on, off } => {
                if on.is_zero() || off.is_zero() {
                    return None;
                }
                let phase = phase(elapsed, on + off)?;
                Some(if phase < on { on - phase } else { on + off - phase })
            }
            Pattern::Breathe { period } => (!period.is_zero()).then_some(BREATH_STEP),
        }
    }
}

/// Where in its period the pattern is; none when it has no length.
fn phase(elapsed: Duration, period: Duration) -> Option<Duration> {
    let phase = elapsed.as_nanos().checked_rem(period.as_nanos())?;
    u64::try_from(phase).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_blink_is_full_then_dark_and_repeats() {
        let blink = Pattern::Blink { on: ms(100), off: ms(300) };
        assert_eq!(blink.level_at(ms(0)), FULL);
        assert_eq!(blink.level_at(ms(99)), FULL);
        assert_eq!(blink.level_at(ms(100)), 0);
        assert_eq!(blink.level_at(ms(399)), 0);
        assert_eq!(blink.level_at(ms(400)), FULL);
        assert_eq!(blink.next_change(ms(30)), Some(ms(70)));
        assert_eq!(blink.next_change(ms(450)), Some(ms(50)));
        assert_eq!(blink.next_change(ms(500)), Some(ms(300)));
    }

    #[test]
    fn a_breath_swells_from_dark_to_full_and_back() {
        let breath = Pattern::Breathe { period: ms(2000) };
        assert_eq!(breath.level_at(ms(0)), 0);
        assert_eq!(breath.level_at(ms(1000)), FULL);
        assert_eq!(breath.level_at(ms(500)), FULL / 4);
        assert_eq!(breath.level_at(ms(1500)), FULL / 4);
        assert_eq!(breath.level_at(ms(2000)), 0);
        let mut previous = 0;
        for at in 0..=1000 {
            let level = breath.level_at(ms(at));
            assert!(level >= previous, "dips at {at} ms");
            previous = level;
        }
    }

    #[test]
    fn a_steady_light_needs_no_waking() {
        assert_eq!(Pattern::Off.next_change(ms(5)), None);
        assert_eq!(Pattern::READY.next_change(ms(5)), None);
        assert_eq!(Pattern::Steady(u16::MAX).level_at(ms(5)), FULL);
    }

    #[test]
    fn patterns_without_length_neither_divide_by_zero_nor_spin() {
        let zero = Duration::ZERO;
        for pattern in [
            Pattern::Breathe { period: zero },
            Pattern::Blink { on: zero, off: zero },
            Pattern::Blink { on: ms(1), off: zero },
            Pattern::Blink { on: zero, off: ms(1) },
        ] {
            pattern.level_at(ms(3));
            assert_eq!(pattern.next_change(ms(3)), None, "{pattern:?}");
        }
    }

    #[test]
    fn the_named_patterns_look_different_on_a_lamp_without_pwm() {
        let lit = |pattern: Pattern| -> Vec<bool> {
            (0..200).map(|step| pattern.level_at(ms(step * 10)) >= FULL / 2).collect()
        };
        let all =
            [Pattern::READY, Pattern::WATCHED, Pattern::RINGING, Pattern::CONNECTING, Pattern::TALKING, Pattern::FAULT];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(lit(*one), lit(*other), "{one:?} and {other:?}");
            }
        }
    }
}
