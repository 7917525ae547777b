//! One door: a relay that is energised for a pulse and always released.
//!
//! ```text
//! Closed ──unlock──▶ Opening ──acted──▶ Open ──pulse over──▶ Releasing ──acted──▶ Closed
//!                       └─────failed, or no report in time──────▲   └─failed: again, and a fault
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::access::Grant;
use crate::ids::DoorId;
use crate::messages::{Action, Fault, UnlockOutcome, UnlockRefusal};
use crate::settings::DoorSettings;

/// The longest time that a relay stays energised, whatever the configuration says.
pub const PULSE_CAP: Duration = Duration::from_secs(30);

/// How long the shell may take to report that a relay acted. Moving one takes microseconds; a board that does not
/// report for this long is not going to.
pub const REPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long until a relay that did not release is told to again.
pub const RELEASE_RETRY: Duration = Duration::from_secs(1);

/// One door's relay.
#[derive(Debug)]
pub(crate) struct Door {
    id: DoorId,
    pulse: Duration,
    state: State,
    /// What the shell reported last.
    energised: bool,
    stuck: bool,
    /// Who leaves by the exit button while the pulse ends gets a whole one behind it, if that is not for long: until then.
    again: Option<(Grant, Instant)>,
}

#[derive(Debug)]
enum State {
    Closed,
    Opening { grant: Grant, told_at: Instant },
    Open { release_at: Instant },
    Releasing { again_at: Instant },
}

impl Door {
    pub(crate) fn new(settings: &DoorSettings) -> Self {
        let (id, pulse) = (settings.id.clone(), settings.pulse);
        Self { id, pulse, state: State::Closed, energised: false, stuck: false, again: None }
    }

    pub(crate) fn id(&self) -> &DoorId {
        &self.id
    }

    pub(crate) fn is_energised(&self) -> bool {
        self.energised
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Opens the door, which is closed.
    pub(crate) fn handle_grant(&mut self, grant: Grant, now: Instant, out: &mut VecDeque<Action>) {
        self.state = State::Opening { grant, told_at: now };
        out.push_back(Action::MoveRelay { door: self.id.clone(), energise: true });
    }

    /// Takes a grant of the exit button while the door is not closed.
    ///
    /// # Errors
    /// When the present pulse is long enough for it, or another waits already.
    pub(crate) fn handle_grant_behind(&mut self, grant: Grant, now: Instant) -> Result<(), UnlockRefusal> {
        let ends = match self.state {
            State::Closed | State::Opening { .. } => false,
            State::Open { release_at } => release_at.saturating_duration_since(now) < self.pulse / 2,
            State::Releasing { .. } => true,
        };
        if !ends || self.again.is_some() {
            return Err(UnlockRefusal::AlreadyOpen);
        }
        self.again = Some((grant, now + self.pulse / 2 + REPORT_TIMEOUT));
        Ok(())
    }

    /// Whoever waits for another pulse, now that the relay has released.
    fn open_again(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        match self.again.take() {
            Some((grant, until)) if now <= until => self.handle_grant(grant, now, out),
            Some((grant, _)) => {
                let message = format!("the relay of door {} did not release in time", self.id);
                grant.answer(UnlockOutcome::Failed { message }, out);
            }
            None => {}
        }
    }

    /// The relay moved.
    pub(crate) fn handle_acted(&mut self, energised: bool, now: Instant, out: &mut VecDeque<Action>) {
        if self.energised != energised {
            self.energised = energised;
            out.push_back(Action::DoorMoved { door: self.id.clone(), open: energised });
        }
        match (std::mem::replace(&mut self.state, State::Closed), energised) {
            (State::Opening { grant, told_at }, true) => {
                // The relay may have moved any time since it was told to, so that the cap counts from there.
                let release_at = (now + self.pulse).min(told_at + PULSE_CAP);
                let pulse = release_at.saturating_duration_since(now);
                self.state = State::Open { release_at };
                out.push_back(Action::Record(grant.record()));
                grant.answer(UnlockOutcome::Opened { pulse }, out);
            }
            // A report of an older command.
            (state @ State::Opening { .. }, false) | (state @ State::Releasing { .. }, true) => self.state = state,
            (state @ State::Open { .. }, true) => self.state = state,
            // Energised though nobody asked for it, or said to be released too early: telling it once more to release
            // costs nothing, and a report that was wrong leaves no door open.
            (State::Closed, true) | (State::Open { .. }, false) => self.release(now, out),
            (State::Closed | State::Releasing { .. }, false) => {
                if std::mem::take(&mut self.stuck) {
                    out.push_back(self.fault(false));
                }
                self.open_again(now, out);
            }
        }
    }

    /// The relay could not be moved.
    pub(crate) fn handle_failed(&mut self, energised: bool, message: String, now: Instant, out: &mut VecDeque<Action>) {
        match (std::mem::replace(&mut self.state, State::Closed), energised) {
            (State::Opening { grant, .. }, true) => {
                grant.answer(UnlockOutcome::Failed { message }, out);
                self.release(now, out);
            }
            (State::Releasing { again_at }, false) => {
                self.report_stuck(out);
                // Reports of older commands must not put the next attempt off.
                self.state = State::Releasing { again_at: again_at.min(now + RELEASE_RETRY) };
            }
            // A release that failed although the relay was said to be released: better told once too often.
            (State::Closed, false) => {
                self.report_stuck(out);
                self.release(now, out);
            }
            // A report of an older command.
            (state, true | false) => self.state = state,
        }
    }

    /// Releases the relay now, as the station closes down.
    pub(crate) fn handle_shutdown(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        if let Some((grant, _)) = self.again.take() {
            grant.answer(UnlockOutcome::Refused(UnlockRefusal::Closing), out);
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::Opening { grant, .. } => {
                grant.answer(UnlockOutcome::Failed { message: "the station is closing down".to_owned() }, out);
                self.release(now, out);
            }
            State::Open { .. } => self.release(now, out),
            state @ State::Releasing { .. } => self.state = state,
        }
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        if self.poll_timeout().is_none_or(|(due, _)| now < due) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::Opening { grant, .. } => {
                let message = format!("the relay of door {} did not report that it acted", self.id);
                grant.answer(UnlockOutcome::Failed { message }, out);
                self.release(now, out);
            }
            State::Open { .. } => self.release(now, out),
            State::Releasing { .. } => {
                self.report_stuck(out);
                self.release(now, out);
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        match self.state {
            State::Closed => None,
            State::Opening { told_at, .. } => Some((told_at + REPORT_TIMEOUT, "door: report of opening")),
            State::Open { release_at } => Some((release_at, "door: pulse")),
            State::Releasing { again_at } => Some((again_at, "door: report of release")),
        }
    }

    fn release(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        self.state = State::Releasing { again_at: now + REPORT_TIMEOUT };
        out.push_back(Action::MoveRelay { door: self.id.clone(), energise: false });
    }

    fn report_stuck(&mut self, out: &mut VecDeque<Action>) {
        if !std::mem::replace(&mut self.stuck, true) {
            out.push_back(self.fault(true));
        }
    }

    fn fault(&self, present: bool) -> Action {
        Action::Fault { fault: Fault::RelayStuck(self.id.clone()), present }
    }
}
