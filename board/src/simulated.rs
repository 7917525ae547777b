//! A board without hardware: buttons are pressed by a program, relays and the lamp are looked at. Product code, for
//! trying Doorway out on any machine and for its tests.

mod script;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};
use embedded_hal::pwm::{self, SetDutyCycle};
pub use script::{InvalidScript, Script, Step};

use crate::board::Parts;
use crate::description::BoardDescription;
use crate::edge::{Edge, Event, EventSink};
use crate::id::{ButtonId, RelayId};
use crate::killed::WhenKilled;
use crate::pattern::FULL;
use crate::pin::{ButtonPin, LampPin, PinError, Polarity, RelayPin};

/// Moves of each relay that are kept; the oldest go.
const MOVES: usize = 64;

/// The other side of a simulated board: what a finger and a pair of eyes do at a real one.
///
/// Cheap to clone. Stays valid after its board was dropped: edges then go nowhere.
#[derive(Clone)]
pub struct Simulated {
    shared: Arc<Shared>,
}

/// A simulated relay, as it looks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedRelay {
    /// The name in the board description.
    pub id: RelayId,
    /// Whether its contact is pulled.
    pub energised: bool,
    /// The last 64 moves, oldest first.
    pub moves: Vec<Move>,
}

/// A relay's contact moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The wall clock's time.
    pub at: SystemTime,
    /// Which way.
    pub energised: bool,
}

impl Move {
    /// Milliseconds since the Unix epoch.
    pub fn at_ms(&self) -> u64 {
        let since = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The simulated board has no such button or relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the board has no {kind} `{id}`; it has {known}")]
pub struct NotThere {
    kind: &'static str,
    id: String,
    known: String,
}

impl Simulated {
    /// Presses a button or lets it go, at `at`; returns whether that changed anything, since pressing a pressed button
    /// makes no edge.
    ///
    /// The edge reaches the board's owner before this returns.
    ///
    /// # Errors
    /// When the board has no such button.
    pub fn set_pressed(&self, id: &ButtonId, pressed: bool, at: Instant) -> Result<bool, NotThere> {
        let missed = {
            let mut state = self.shared.state();
            let button = state.button(id)?;
            if button.pressed == pressed {
                return Ok(false);
            }
            button.pressed = pressed;
            std::mem::take(&mut button.missed)
        };
        (self.shared.events)(Event::Edge(Edge { button: id.clone(), pressed, at, missed }));
        self.shared.tell_change();
        Ok(true)
    }

    /// Moves a button without an edge, as when the kernel's queue overflows; the next edge says that some were missed.
    ///
    /// # Errors
    /// When the board has no such button.
    pub fn set_pressed_unseen(&self, id: &ButtonId, pressed: bool) -> Result<(), NotThere> {
        {
            let mut state = self.shared.state();
            let button = state.button(id)?;
            button.pressed = pressed;
            button.missed = true;
        }
        self.shared.tell_change();
        Ok(())
    }

    /// Every button and whether it is pressed, in the order of the description.
    pub fn buttons(&self) -> Vec<(ButtonId, bool)> {
        let state = self.shared.state();
        state.buttons.iter().map(|button| (button.id.clone(), button.pressed)).collect()
    }

    /// Every relay, in the order of the description.
    pub fn relays(&self) -> Vec<SimulatedRelay> {
        let state = self.shared.state();
        state
            .relays
            .iter()
            .map(|relay| SimulatedRelay {
                id: relay.id.clone(),
                energised: relay.energised,
                moves: relay.moves.iter().copied().collect(),
            })
            .collect()
    }

    /// Makes a relay's pin refuse every order, or obey again: for seeing what the daemon does about it.
    ///
    /// # Errors
    /// When the board has no such relay.
    pub fn break_relay(&self, id: &RelayId, broken: bool) -> Result<(), NotThere> {
        self.shared.state().relay(id)?.broken = broken;
        Ok(())
    }

    /// The lamp's brightness, from 0 to [`FULL`].
    pub fn brightness(&self) -> u16 {
        self.shared.state().brightness
    }

    /// Calls `changed` after every change of a button or a relay, in place of any function given before. The lamp's
    /// brightness is not told, since a breathing lamp changes all the time. Called on whatever thread made the change:
    /// it must not block.
    pub fn on_change(&self, changed: impl Fn() + Send + Sync + 'static) {
        *lock(&self.shared.changed) = Some(Arc::new(changed));
    }
}

impl std::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulated")
            .field("buttons", &self.buttons())
            .field("relays", &self.relays())
            .finish_non_exhaustive()
    }
}

pub(crate) fn open(description: &BoardDescription, events: &EventSink) -> Parts {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            buttons: description
                .buttons
                .iter()
                .map(|button| SimulatedButton { id: button.id.clone(), pressed: false, missed: false })
                .collect(),
            relays: description
                .relays
                .iter()
                .map(|relay| Contact { id: relay.id.clone(), energised: false, broken: false, moves: VecDeque::new() })
                .collect(),
            brightness: 0,
        }),
        events: Arc::clone(events),
        changed: Mutex::new(None),
    });
    let simulated_pin =
        |id: &str, active: Polarity| SimulatedPin { shared: Arc::clone(&shared), id: id.to_owned(), active };
    Parts {
        relays: description
            .relays
            .iter()
            .map(|relay| Box::new(simulated_pin(relay.id.as_str(), relay.active)) as RelayPin)
            .collect(),
        buttons: description
            .buttons
            .iter()
            .map(|button| Box::new(simulated_pin(button.id.as_str(), button.active)) as ButtonPin)
            .collect(),
        lamp: description.indicator.as_ref().map(|_| Box::new(SimulatedLamp(Arc::clone(&shared))) as LampPin),
        edges: None,
        // There is no door, and the simulated one is gone with the process.
        when_killed: WhenKilled::Releases,
        simulated: Some(Simulated { shared }),
    }
}

struct Shared {
    state: Mutex<State>,
    events: EventSink,
    changed: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Without any lock held, so that the function may look at the board.
    fn tell_change(&self) {
        let changed = lock(&self.changed).clone();
        if let Some(changed) = changed {
            changed();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    buttons: Vec<SimulatedButton>,
    relays: Vec<Contact>,
    brightness: u16,
}

struct SimulatedButton {
    id: ButtonId,
    pressed: bool,
    missed: bool,
}

struct Contact {
    id: RelayId,
    energised: bool,
    broken: bool,
    moves: VecDeque<Move>,
}

impl State {
    fn button(&mut self, id: &ButtonId) -> Result<&mut SimulatedButton, NotThere> {
        let known: Vec<String> = self.buttons.iter().map(|button| button.id.to_string()).collect();
        let found = self.buttons.iter_mut().find(|button| button.id == *id);
        found.ok_or_else(|| NotThere { kind: "button", id: id.to_string(), known: known.join(", ") })
    }

    fn relay(&mut self, id: &RelayId) -> Result<&mut Contact, NotThere> {
        let known: Vec<String> = self.relays.iter().map(|relay| relay.id.to_string()).collect();
        let found = self.relays.iter_mut().find(|relay| relay.id == *id);
        found.ok_or_else(|| NotThere { kind: "relay", id: id.to_string(), known: known.join(", ") })
    }
}

/// A line of the simulated board, button's or relay's.
struct SimulatedPin {
    shared: Arc<Shared>,
    id: String,
    active: Polarity,
}

impl SimulatedPin {
    fn contact<T>(&self, use_it: impl FnOnce(&mut Contact) -> T) -> Result<T, PinError> {
        let mut state = self.shared.state();
        let contact = state.relays.iter_mut().find(|relay| relay.id.as_str() == self.id);
        match contact {
            Some(contact) if contact.broken => Err(PinError::new(&self.id, "broken by order of the simulation")),
            Some(contact) => Ok(use_it(contact)),
            None => Err(PinError::new(&self.id, "no such relay")),
        }
    }

    fn drive(&self, high: bool) -> Result<(), PinError> {
        let energised = self.active.is_active(high);
        let moved = self.contact(|contact| {
            if contact.energised == energised {
                return false;
            }
            contact.energised = energised;
            if contact.moves.len() == MOVES {
                contact.moves.pop_front();
            }
            contact.moves.push_back(Move { at: SystemTime::now(), energised });
            true
        })?;
        if moved {
            self.shared.tell_change();
        }
        Ok(())
    }
}

impl ErrorType for SimulatedPin {
    type Error = PinError;
}

impl InputPin for SimulatedPin {
    fn is_high(&mut self) -> Result<bool, PinError> {
        let state = self.shared.state();
        let button = state.buttons.iter().find(|button| button.id.as_str() == self.id);
        match button {
            Some(button) => Ok(self.active.is_high(button.pressed)),
            None => Err(PinError::new(&self.id, "no such button")),
        }
    }

    fn is_low(&mut self) -> Result<bool, PinError> {
        self.is_high().map(|high| !high)
    }
}

impl OutputPin for SimulatedPin {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.drive(false)
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.drive(true)
    }
}

impl StatefulOutputPin for SimulatedPin {
    fn is_set_high(&mut self) -> Result<bool, PinError> {
        self.contact(|contact| contact.energised).map(|energised| self.active.is_high(energised))
    }

    fn is_set_low(&mut self) -> Result<bool, PinError> {
        self.is_set_high().map(|high| !high)
    }
}

struct SimulatedLamp(Arc<Shared>);

impl pwm::ErrorType for SimulatedLamp {
    type Error = PinError;
}

impl SetDutyCycle for SimulatedLamp {
    fn max_duty_cycle(&self) -> u16 {
        FULL
    }

    fn set_duty_cycle(&mut self, duty: u16) -> Result<(), PinError> {
        self.0.state().brightness = duty;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
