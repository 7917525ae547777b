//! Who opens which door, and when.
//!
//! A door opens for somebody who talks with the visitor in a call that was rung, and by the exit button inside, which needs
//! neither call nor network. Everything else is a door's own setting.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{ButtonId, DoorId, Leg};
use crate::messages::{Action, Record, UnlockOutcome, UnlockRefusal};
use crate::settings::DoorSettings;

/// Who wants a door open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requester {
    /// A client that has a part in the call.
    Participant {
        /// Which client, in which call.
        leg: Leg,
        /// The client's number for this request.
        request: u32,
    },
    /// Somebody inside, by a button beside the door (request to exit).
    ExitButton(ButtonId),
    /// Somebody before the door, by a code that the shell has found to be right.
    Keypad {
        /// Whose code, never the code.
        name: Arc<str>,
    },
    /// A program of the household.
    Automation {
        /// What the household calls it.
        name: Arc<str>,
    },
}

impl Requester {
    /// What a person reads of it, where that is not the client's name.
    fn own_name(&self) -> Option<&str> {
        match self {
            Self::Participant { .. } => None,
            Self::ExitButton(button) => Some(button.as_str()),
            Self::Keypad { name } | Self::Automation { name } => Some(name),
        }
    }
}

/// By what right a door was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// By somebody who talked with a visitor that had pressed a button.
    RungCall,
    /// By somebody who talked with the visitor without having been rung.
    CallWithoutRing,
    /// By the exit button.
    ExitButton,
    /// By a code at the door.
    Keypad,
    /// By a program of the household.
    Automation,
}

/// The part in a call of somebody who talks with the visitor over media that are up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Talks {
    pub(crate) name: Arc<str>,
    pub(crate) was_rung: bool,
}

/// A request that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) door: DoorId,
    pub(crate) requester: Requester,
    /// What a person reads of the requester; may be empty.
    pub(crate) name: Arc<str>,
    pub(crate) way: Way,
}

/// The rules of one door.
#[derive(Debug)]
pub(crate) struct Access {
    open_without_ring: bool,
    exit_buttons: Vec<ButtonId>,
    open_by_keypad: bool,
    open_by_automation: bool,
    max_openings: usize,
    window: Duration,
    /// When it was opened lately, oldest first; never more than `max_openings`. Who leaves by the exit button does not count.
    openings: VecDeque<Instant>,
}

impl Access {
    pub(crate) fn new(settings: &DoorSettings) -> Self {
        Self {
            open_without_ring: settings.open_without_ring,
            exit_buttons: settings.exit_buttons.clone(),
            open_by_keypad: settings.open_by_keypad,
            open_by_automation: settings.open_by_automation,
            max_openings: settings.max_openings,
            window: settings.openings_window,
            openings: VecDeque::new(),
        }
    }

    /// Whether this button opens the door from the inside.
    pub(crate) fn is_left_by(&self, button: &ButtonId) -> bool {
        self.exit_buttons.contains(button)
    }

    /// By what right the requester opens this door now; `talks` is its part in the call, if it has one.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn way(&self, requester: &Requester, talks: Option<&Talks>) -> Result<Way, UnlockRefusal> {
        match requester {
            Requester::Participant { .. } => {
                let talks = talks.ok_or(UnlockRefusal::NotInCall)?;
                match (talks.was_rung, self.open_without_ring) {
                    (true, _) => Ok(Way::RungCall),
                    (false, true) => Ok(Way::CallWithoutRing),
                    (false, false) => Err(UnlockRefusal::NotRung),
                }
            }
            Requester::ExitButton(button) => {
                self.is_left_by(button).then_some(Way::ExitButton).ok_or(UnlockRefusal::NotAllowed)
            }
            Requester::Keypad { .. } => self.open_by_keypad.then_some(Way::Keypad).ok_or(UnlockRefusal::NotAllowed),
            Requester::Automation { .. } => {
                self.open_by_automation.then_some(Way::Automation).ok_or(UnlockRefusal::NotAllowed)
            }
        }
    }

    /// Counts an opening.
    ///
    /// # Errors
    /// When there were too many lately. Nobody is kept from leaving.
    pub(crate) fn count(&mut self, way: Way, now: Instant) -> Result<(), UnlockRefusal> {
        if way == Way::ExitButton {
            return Ok(());
        }
        while self.openings.front().is_some_and(|opening| *opening + self.window <= now) {
            self.openings.pop_front();
        }
        if self.openings.len() >= self.max_openings {
            return Err(UnlockRefusal::TooOften);
        }
        self.openings.push_back(now);
        Ok(())
    }
}

impl Grant {
    pub(crate) fn new(door: DoorId, requester: Requester, talks: Option<&Talks>, way: Way) -> Self {
        let name = match (requester.own_name(), talks) {
            (Some(name), _) => name.into(),
            (None, Some(talks)) => Arc::clone(&talks.name),
            (None, None) => "".into(),
        };
        Self { door, requester, name, way }
    }

    pub(crate) fn answer(self, outcome: UnlockOutcome, out: &mut VecDeque<Action>) {
        out.push_back(Action::UnlockResult { requester: self.requester, door: self.door, outcome });
    }

    pub(crate) fn record(&self) -> Record {
        let Self { door, requester, name, way } = self.clone();
        Record::DoorOpened { door, requester, name, way }
    }
}
