//! A board in use: every line of its description taken over.

use std::sync::Arc;

use crate::description::{Backend, BoardDescription, DescriptionError};
use crate::edge::{Event, EventSink};
use crate::id::{ButtonId, RelayId};
use crate::indicator::Indicator;
use crate::killed::WhenKilled;
use crate::pin::{ButtonPin, LampPin, PinError, Polarity, RelayPin};
use crate::relay::{Relay, RelayError};
use crate::simulated::Simulated;

/// Buttons, relays and the indicator of one board.
///
/// Dropping it releases the relays, darkens the indicator, gives the lines back and ends every thread.
pub struct Board {
    // Fields are dropped in this order: the door first.
    relays: Vec<Relay>,
    indicator: Option<Indicator>,
    buttons: Vec<OpenButton>,
    simulated: Option<Simulated>,
    when_killed: WhenKilled,
    // Whatever reports edges; dropped last, so that nothing above is reported as lost.
    _edges: Option<Box<dyn Send>>,
}

/// A board could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The description is wrong.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The program was built without the backend.
    #[error("this program was built without the `{0}` backend; build it with the cargo feature `{0}`")]
    NotBuilt(Backend),
    /// A line of the description is not there, not unique, or not ours to use.
    #[error("{what}: {problem}; {remedy}")]
    Line {
        /// Which button, relay or lamp.
        what: String,
        /// What was found.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A relay does not obey.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// A pin does not obey.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The system has no thread or pipe left.
    #[error("the board's threads can't be started: {0}; look for a limit on threads or open files")]
    Threads(#[from] std::io::Error),
}

/// What a backend hands over, in the order of the description; relays are not energised.
pub(crate) struct Parts {
    pub(crate) relays: Vec<RelayPin>,
    pub(crate) buttons: Vec<ButtonPin>,
    pub(crate) lamp: Option<LampPin>,
    pub(crate) edges: Option<Box<dyn Send>>,
    pub(crate) when_killed: WhenKilled,
    pub(crate) simulated: Option<Simulated>,
}

struct OpenButton {
    id: ButtonId,
    active: Polarity,
    pin: ButtonPin,
}

impl Board {
    /// Takes over every line: relays first, and released.
    ///
    /// `events` is called on the board's threads, so it must not block: put the event into a queue. A button that is
    /// pressed already has no edge to report; ask [`Board::is_pressed`] once after opening.
    ///
    /// # Errors
    /// When a line is missing, in use, or does not obey. Nothing stays taken then, and no relay energised.
    pub fn open(
        description: &BoardDescription,
        events: impl Fn(Event) + Send + Sync + 'static,
    ) -> Result<Self, BoardError> {
        if cfg!(panic = "abort") {
            crate::relay::release_relays_on_panic();
        }
        let events: EventSink = Arc::new(events);
        let parts = open_parts(description, &events)?;
        let mut relays = Vec::new();
        for (wiring, pin) in description.relays.iter().zip(parts.relays) {
            let id = wiring.id.clone();
            relays.push(Relay::new(id, pin, wiring.active, wiring.max_pulse, Arc::clone(&events))?);
        }
        let buttons = description
            .buttons
            .iter()
            .zip(parts.buttons)
            .map(|(button, pin)| OpenButton { id: button.id.clone(), active: button.active, pin })
            .collect();
        let indicator = parts.lamp.map(Indicator::new).transpose()?;
        if let WhenKilled::StaysEnergised { why, remedy } = &parts.when_killed
            && !relays.is_empty()
        {
            tracing::warn!(%why, %remedy, "a relay stays energised if this process is killed during a pulse");
        }
        for advice in description.advice() {
            tracing::warn!("{advice}");
        }
        Ok(Self {
            relays,
            indicator,
            buttons,
            simulated: parts.simulated,
            when_killed: parts.when_killed,
            _edges: parts.edges,
        })
    }

    /// Releases every relay of a board that nobody has open, and leaves it so: for a supervisor to run after the daemon
    /// died (`ExecStopPost=` of a systemd unit), where [`WhenKilled`] says that the kernel does not.
    ///
    /// # Errors
    /// When a relay's line is missing, still in use, or does not obey.
    pub fn make_safe(description: &BoardDescription) -> Result<(), BoardError> {
        let relays_only = BoardDescription { buttons: Vec::new(), indicator: None, ..description.clone() };
        // Opening drives every relay to its released level and reads it back.
        Self::open(&relays_only, |_| {}).map(drop)
    }

    /// The relay of that name.
    pub fn relay(&self, id: &RelayId) -> Option<&Relay> {
        self.relays.iter().find(|relay| relay.id() == id)
    }

    /// Every relay, in the order of the description.
    pub fn relays(&self) -> &[Relay] {
        &self.relays
    }

    /// The lamp, if the board has one.
    pub fn indicator(&self) -> Option<&Indicator> {
        self.indicator.as_ref()
    }

    /// Whether the button is pressed right now, unfiltered; none when the board has no such button. For the start, and
    /// to find back after missed edges.
    ///
    /// # Errors
    /// When its line can't be read.
    pub fn is_pressed(&mut self, id: &ButtonId) -> Result<Option<bool>, PinError> {
        let Some(button) = self.buttons.iter_mut().find(|button| button.id == *id) else {
            return Ok(None);
        };
        let high = button.pin.is_high()?;
        Ok(Some(button.active.is_active(high)))
    }

    /// What becomes of an energised relay when this process is killed.
    pub fn when_killed(&self) -> &WhenKilled {
        &self.when_killed
    }

    /// The handle of a simulated board.
    pub fn simulated(&self) -> Option<&Simulated> {
        self.simulated.as_ref()
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board")
            .field("relays", &self.relays)
            .field("indicator", &self.indicator)
            .field("when_killed", &self.when_killed)
            .finish_non_exhaustive()
    }
}

fn open_parts(description: &BoardDescription, events: &EventSink) -> Result<Parts, BoardError> {
    match description.backend {
        #[cfg(feature = "gpiochip")]
        Backend::Gpiochip => crate::gpiochip::open(description, events),
        #[cfg(not(feature = "gpiochip"))]
        Backend::Gpiochip => Err(BoardError::NotBuilt(Backend::Gpiochip)),
        #[cfg(feature = "rpi")]
        Backend::Rpi => crate::rpi::open(description, events),
        #[cfg(not(feature = "rpi"))]
        Backend::Rpi => Err(BoardError::NotBuilt(Backend::Rpi)),
        Backend::Simulated => Ok(crate::simulated::open(description, events)),
    }
}
