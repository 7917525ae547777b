//! Whether a person at the door wants everything forgotten: a call button that is down at power-on, held for ten seconds
//! until the light is steady, and then let go.
//!
//! Letting go is part of it. A button that is shorted, by water or by a stuck cap, is down at every power-on and for as
//! long as one likes; it must not wipe the station.

use std::time::{Duration, Instant};

/// How long each part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetSettings {
    /// How long the button is to be held.
    pub hold: Duration,
    /// How long there is to let go, once the light is steady.
    pub let_go_within: Duration,
    /// A contact that opens for less than this bounced.
    pub bounce: Duration,
}

impl Default for ResetSettings {
    /// Ten seconds are longer than anybody leans on a bell, and a shorted button is never let go.
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(10),
            let_go_within: Duration::from_secs(10),
            bounce: Duration::from_millis(100),
        }
    }
}

/// What the light shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetLight {
    /// Nothing is going on.
    Off,
    /// Keep holding.
    Blinking,
    /// Let go now.
    Steady,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetVerdict {
    /// Forget everything.
    Reset,
    /// No button was down at power-on.
    NotAsked,
    /// It was let go too soon.
    LetGo,
    /// It was not let go in time: it is stuck.
    Stuck,
}

/// Watches the button. Feed it with levels and time, until there is a verdict.
#[derive(Debug)]
pub struct FactoryReset {
    settings: ResetSettings,
    state: State,
    /// When the contact opened, while that may be a bounce.
    open_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held { until: Instant },
    Steady { until: Instant },
    Over(ResetVerdict),
}

impl FactoryReset {
    /// At power-on, with the button's level.
    pub fn new(settings: ResetSettings, pressed: bool, now: Instant) -> Self {
        let state =
            if pressed { State::Held { until: now + settings.hold } } else { State::Over(ResetVerdict::NotAsked) };
        Self { settings, state, open_since: None }
    }

    /// The contact closed or opened.
    pub fn handle_level(&mut self, pressed: bool, at: Instant) {
        self.handle_timeout(at);
        self.open_since = if pressed { None } else { self.open_since.or(Some(at)) };
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        loop {
            let Some((due, _)) = self.poll_timeout().filter(|(due, _)| *due <= now) else { return };
            let let_go = self.let_go_at().is_some_and(|at| at <= due);
            self.state = match self.state {
                State::Held { .. } if let_go => State::Over(ResetVerdict::LetGo),
                State::Held { until } => State::Steady { until: until + self.settings.let_go_within },
                State::Steady { .. } if let_go => State::Over(ResetVerdict::Reset),
                State::Steady { .. } => State::Over(ResetVerdict::Stuck),
                State::Over(verdict) => State::Over(verdict),
            };
        }
    }

    /// When to call [`FactoryReset::handle_timeout`] next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let (until, why) = match self.state {
            State::Held { until } => (until, "held for long enough"),
            State::Steady { until } => (until, "not let go in time"),
            State::Over(_) => return None,
        };
        Some(match self.let_go_at() {
            Some(at) if at <= until => (at, "let go"),
            Some(_) | None => (until, why),
        })
    }

    /// What the light shows.
    pub fn light(&self) -> ResetLight {
        match self.state {
            State::Held { .. } => ResetLight::Blinking,
            State::Steady { .. } | State::Over(ResetVerdict::Reset) => ResetLight::Steady,
            State::Over(ResetVerdict::NotAsked | ResetVerdict::LetGo | ResetVerdict::Stuck) => ResetLight::Off,
        }
    }

    /// How it ended; none while it goes on.
    pub fn verdict(&self) -> Option<ResetVerdict> {
        match self.state {
            State::Over(verdict) => Some(verdict),
            State::Held { .. } | State::Steady { .. } => None,
        }
    }

    fn let_go_at(&self) -> Option<Instant> {
        Some(self.open_since? + self.settings.bounce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Levels at milliseconds after power-on; then an hour passes.
    fn after(start_pressed: bool, levels: &[(u64, bool)]) -> (FactoryReset, Instant) {
        let start = Instant::now();
        let mut reset = FactoryReset::new(ResetSettings::default(), start_pressed, start);
        for (at, pressed) in levels {
            reset.handle_level(*pressed, start + ms(*at));
        }
        reset.handle_timeout(start + ms(3_600_000));
        (reset, start)
    }

    fn verdict(start_pressed: bool, levels: &[(u64, bool)]) -> ResetVerdict {
        after(start_pressed, levels).0.verdict().expect("an hour is enough")
    }

    #[test]
    fn held_for_ten_seconds_and_let_go_resets() {
        assert_eq!(verdict(true, &[(10_500, false)]), ResetVerdict::Reset);
        assert_eq!(verdict(true, &[(19_800, false)]), ResetVerdict::Reset);
    }

    #[test]
    fn a_button_that_is_never_let_go_resets_nothing() {
        assert_eq!(verdict(true, &[]), ResetVerdict::Stuck);
        assert_eq!(verdict(true, &[(25_000, false)]), ResetVerdict::Stuck);
        assert_eq!(verdict(true, &[(19_950, false)]), ResetVerdict::Stuck, "that may have been a bounce");
    }

    #[test]
    fn anything_else_resets_nothing() {
        assert_eq!(verdict(false, &[]), ResetVerdict::NotAsked);
        assert_eq!(verdict(false, &[(50, true), (12_000, false)]), ResetVerdict::NotAsked, "pressed after power-on");
        assert_eq!(verdict(true, &[(3_000, false)]), ResetVerdict::LetGo);
        assert_eq!(verdict(true, &[(9_000, false), (9_500, true), (12_000, false)]), ResetVerdict::LetGo);
    }

    #[test]
    fn a_contact_that_bounces_is_still_held() {
        let bounces = [(2_000, false), (2_040, true), (5_000, false), (5_099, true), (11_000, false)];
        assert_eq!(verdict(true, &bounces), ResetVerdict::Reset);
        assert_eq!(verdict(true, &[(11_000, false), (11_050, true)]), ResetVerdict::Stuck);
    }

    #[test]
    fn a_contact_that_opens_around_the_tenth_second_counts_once_it_stays_open() {
        assert_eq!(verdict(true, &[(9_850, false)]), ResetVerdict::LetGo);
        assert_eq!(verdict(true, &[(9_950, false)]), ResetVerdict::Reset);
    }

    #[test]
    fn the_light_blinks_while_it_is_held_and_is_steady_when_it_is_to_be_let_go() {
        let start = Instant::now();
        let mut reset = FactoryReset::new(ResetSettings::default(), true, start);
        assert_eq!((reset.light(), reset.verdict()), (ResetLight::Blinking, None));
        reset.handle_timeout(start + ms(9_999));
        assert_eq!(reset.light(), ResetLight::Blinking);
        reset.handle_timeout(start + ms(10_000));
        assert_eq!((reset.light(), reset.verdict()), (ResetLight::Steady, None));
        reset.handle_level(false, start + ms(12_000));
        reset.handle_timeout(start + ms(12_100));
        assert_eq!((reset.light(), reset.verdict()), (ResetLight::Steady, Some(ResetVerdict::Reset)));
        let mut stuck = FactoryReset::new(ResetSettings::default(), true, start);
        stuck.handle_timeout(start + ms(20_000));
        assert_eq!(stuck.light(), ResetLight::Off);
    }

    proptest::proptest! {
        /// Whatever the contact does: nothing is forgotten unless it was down at the start, was never open for longer than
        /// a bounce before the tenth second, and stayed open for one before the twentieth.
        #[test]
        fn nothing_is_forgotten_by_accident(start: bool, steps in proptest::collection::vec((1_u64..4_000, proptest::bool::ANY), 0..20)) {
            let mut at = 0;
            let levels: Vec<(u64, bool)> = steps.iter().map(|(wait, pressed)| { at += wait; (at, *pressed) }).collect();
            let bounce = 100;
            let mut open_since = (!start).then_some(0);
            let mut opened = Vec::new();
            for (at, pressed) in &levels {
                match (*pressed, open_since) {
                    (true, Some(since)) => { opened.push((since, *at)); open_since = None; }
                    (false, None) => open_since = Some(*at),
                    (true, None) | (false, Some(_)) => {}
                }
            }
            opened.extend(open_since.map(|since| (since, u64::MAX)));
            let let_go = opened.iter().filter(|(from, to)| to - from >= bounce).map(|(from, _)| from + bounce).next();
            let expected = start && let_go.is_some_and(|at| at > 10_000 && at <= 20_000);
            proptest::prop_assert_eq!(verdict(start, &levels) == ResetVerdict::Reset, expected, "{:?}", levels);
        }
    }
}
