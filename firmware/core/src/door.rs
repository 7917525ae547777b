//! One door: a relay that is energised for a pulse and always released.
//!
//! ```text
//! Closed ──unlock──▶ Opening ──acted──▶ Open ──pulse over──▶ Releasing ──acted──▶ Closed
//!                       └─────failed, or no report in time──────▲   └─failed: again, and a fault
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{CallId, ClientId, DoorId};
use crate::messages::{Action, Fault, OpenedIn, Record, UnlockOutcome, UnlockRefusal};

/// The longest time that a relay stays energised, whatever the configuration says.
pub const PULSE_CAP: Duration = Duration::from_secs(30);

/// How long the shell may take to report that a relay acted. Moving one takes microseconds; a board that does not
/// report for this long is not going to.
pub const REPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long until a relay that did not release is told to again.
pub const RELEASE_RETRY: Duration = Duration::from_secs(1);

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorSettings {
    /// Its name.
    pub id: DoorId,
    /// How long its relay is energised, at most [`PULSE_CAP`]. 3 s is time to push a door whose opener hums.
    pub pulse: Duration,
    /// How often it may be opened within [`openings_window`](Self::openings_window).
    pub most_openings: usize,
    /// Whether it opens for somebody who talks although nobody pressed a button. Off, so that nobody opens a door while
    /// nobody stands before it.
    pub open_without_ring: bool,
    /// The time that [`most_openings`](Self::most_openings) is counted over. Ten in a minute let a family in, and keep
    /// a program from wearing out the opener.
    pub openings_window: Duration,
}

impl DoorSettings {
    /// A door with the defaults.
    pub fn new(id: DoorId) -> Self {
        Self {
            id,
            pulse: Duration::from_secs(3),
            open_without_ring: false,
            most_openings: 10,
            openings_window: Duration::from_secs(60),
        }
    }
}

/// Who asks for a door, to be told what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unlock {
    pub(crate) client: ClientId,
    pub(crate) call: CallId,
    pub(crate) request: u32,
    pub(crate) door: DoorId,
    pub(crate) name: Arc<str>,
    pub(crate) opened_in: OpenedIn,
}

impl Unlock {
    pub(crate) fn answer(self, outcome: UnlockOutcome, out: &mut VecDeque<Action>) {
        let Self { client, call, request, door, .. } = self;
        out.push_back(Action::UnlockResult { client, call, request, door, outcome });
    }

    fn record(&self) -> Record {
        Record::DoorOpened {
            door: self.door.clone(),
            call: self.call,
            client: self.client.clone(),
            name: Arc::clone(&self.name),
            opened_in: self.opened_in,
        }
    }
}

/// One door's relay and its rules.
#[derive(Debug)]
pub(crate) struct Door {
    settings: DoorSettings,
    state: State,
    /// What the shell reported last.
    energised: bool,
    stuck: bool,
    /// When it was opened lately, oldest first; never more than `most_openings`.
    openings: VecDeque<Instant>,
}

#[derive(Debug)]
enum State {
    Closed,
    Opening { unlock: Unlock, told_at: Instant },
    Open { release_at: Instant },
    Releasing { again_at: Instant },
}

impl Door {
    pub(crate) fn new(settings: DoorSettings) -> Self {
        Self { settings, state: State::Closed, energised: false, stuck: false, openings: VecDeque::new() }
    }

    pub(crate) fn id(&self) -> &DoorId {
        &self.settings.id
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

    /// Opens the door for somebody who may.
    pub(crate) fn handle_unlock(&mut self, unlock: Unlock, now: Instant, out: &mut VecDeque<Action>) {
        if unlock.opened_in == OpenedIn::CallWithoutRing && !self.settings.open_without_ring {
            return unlock.answer(UnlockOutcome::Refused(UnlockRefusal::NotRung), out);
        }
        if !self.is_closed() {
            return unlock.answer(UnlockOutcome::Refused(UnlockRefusal::AlreadyOpen), out);
        }
        let window = self.settings.openings_window;
        while self.openings.front().is_some_and(|opening| *opening + window <= now) {
            self.openings.pop_front();
        }
        if self.openings.len() >= self.settings.most_openings {
            return unlock.answer(UnlockOutcome::Refused(UnlockRefusal::TooOften), out);
        }
        self.openings.push_back(now);
        self.state = State::Opening { unlock, told_at: now };
        out.push_back(Action::MoveRelay { door: self.settings.id.clone(), energise: true });
    }

    /// The relay moved.
    pub(crate) fn handle_acted(&mut self, energised: bool, now: Instant, out: &mut VecDeque<Action>) {
        if self.energised != energised {
            self.energised = energised;
            out.push_back(Action::DoorMoved { door: self.settings.id.clone(), open: energised });
        }
        match (std::mem::replace(&mut self.state, State::Closed), energised) {
            (State::Opening { unlock, told_at }, true) => {
                // The relay may have moved any time since it was told to, so that the cap counts from there.
                let release_at = (now + self.settings.pulse).min(told_at + PULSE_CAP);
                let pulse = release_at.saturating_duration_since(now);
                self.state = State::Open { release_at };
                out.push_back(Action::Record(unlock.record()));
                unlock.answer(UnlockOutcome::Opened { pulse }, out);
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
            }
        }
    }

    /// The relay could not be moved.
    pub(crate) fn handle_failed(&mut self, energised: bool, message: String, now: Instant, out: &mut VecDeque<Action>) {
        match (std::mem::replace(&mut self.state, State::Closed), energised) {
            (State::Opening { unlock, .. }, true) => {
                unlock.answer(UnlockOutcome::Failed { message }, out);
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
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::Opening { unlock, .. } => {
                unlock.answer(UnlockOutcome::Failed { message: "the station is closing down".to_owned() }, out);
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
            State::Opening { unlock, .. } => {
                let message = format!("the relay of door {} did not report that it acted", self.settings.id);
                unlock.answer(UnlockOutcome::Failed { message }, out);
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
        out.push_back(Action::MoveRelay { door: self.settings.id.clone(), energise: false });
    }

    fn report_stuck(&mut self, out: &mut VecDeque<Action>) {
        if !std::mem::replace(&mut self.stuck, true) {
            out.push_back(self.fault(true));
        }
    }

    fn fault(&self, present: bool) -> Action {
        Action::Fault { fault: Fault::RelayStuck(self.settings.id.clone()), present }
    }
}
