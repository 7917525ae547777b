//! Presses with their timing, as a person or a test describes them.

use std::time::Duration;

/// More is no press of a button any more.
const MOST_STEPS: usize = 1000;
/// Longer than any test holds a button.
const LONGEST: Duration = Duration::from_secs(600);

/// Hold the button in one state for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Pressed or let go.
    pub pressed: bool,
    /// How long until the next step.
    pub hold: Duration,
}

/// A bounded course of presses. Whoever plays it keeps the time: the script only says what comes when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    steps: Vec<Step>,
}

/// A script that is not played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScript {
    /// Nothing to do.
    #[error("a script has at least one step")]
    Empty,
    /// Too many steps.
    #[error("a script has at most {MOST_STEPS} steps, but this one has {0}")]
    TooManySteps(usize),
    /// Too long in all.
    #[error("a script takes at most {} s, but this one takes longer; shorten its steps", LONGEST.as_secs())]
    TooLong,
}

impl Script {
    /// # Errors
    /// When there are no steps, more than 1000, or they take more than ten minutes in all.
    pub fn new(steps: Vec<Step>) -> Result<Self, InvalidScript> {
        if steps.is_empty() {
            return Err(InvalidScript::Empty);
        }
        if steps.len() > MOST_STEPS {
            return Err(InvalidScript::TooManySteps(steps.len()));
        }
        let total = steps.iter().try_fold(Duration::ZERO, |sum, step| sum.checked_add(step.hold));
        if total.is_none_or(|total| total > LONGEST) {
            return Err(InvalidScript::TooLong);
        }
        Ok(Self { steps })
    }

    /// What to do when: the time since the start, and the state from then on.
    pub fn edges(&self) -> impl Iterator<Item = (Duration, bool)> + '_ {
        self.steps.iter().scan(Duration::ZERO, |at, step| {
            let edge = (*at, step.pressed);
            *at += step.hold;
            Some(edge)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(pressed: bool, ms: u64) -> Step {
        Step { pressed, hold: Duration::from_millis(ms) }
    }

    #[test]
    fn steps_become_edges_with_their_times() {
        let script = Script::new(vec![step(true, 120), step(false, 30), step(true, 5), step(false, 0)]).unwrap();
        let edges: Vec<(u128, bool)> = script.edges().map(|(at, pressed)| (at.as_millis(), pressed)).collect();
        assert_eq!(edges, [(0, true), (120, false), (150, true), (155, false)]);
    }

    #[test]
    fn a_script_is_bounded() {
        assert_eq!(Script::new(vec![]), Err(InvalidScript::Empty));
        assert_eq!(Script::new(vec![step(true, 1); 1001]), Err(InvalidScript::TooManySteps(1001)));
        assert_eq!(Script::new(vec![step(true, 300_001), step(false, 300_000)]), Err(InvalidScript::TooLong));
        let endless = Step { pressed: true, hold: Duration::MAX };
        assert_eq!(Script::new(vec![endless, endless]), Err(InvalidScript::TooLong));
    }
}
