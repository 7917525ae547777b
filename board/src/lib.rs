//! Doorway's hardware at the door: call buttons, door relays and the indicator lamp.
//!
//! - [`BoardDescription`] says which line is which; built-in ones exist for common boards (`boards/`).
//! - [`Board::open`] takes the lines over and reports button edges with the kernel's timestamps.
//! - [`Relay`] energises for a capped time and returns to its safe state by itself; [`Indicator`] shows a [`Pattern`].
//! - [`Simulated`] is a board without hardware, to script and to look at.
//! - [`probe`] lists the GPIO chips of this machine.
//!
//! Backends: `gpiochip` (the kernel's character devices, any Linux board), `rpi` (a Raspberry Pi's registers), both cargo
//! features, and `simulated`, always there. Electrics are in `WIRING.md`, and so is what happens to the door when the
//! daemon is killed: see [`WhenKilled`].
//!
//! # Threads
//! One for each relay (its watchdog), one for the indicator, and for the buttons one in all (`gpiochip`) or one each
//! (`rpi`). All end when the [`Board`] is dropped.

#![cfg_attr(test, allow(clippy::unwrap_used))]
// Helpers of a hardware backend that is not built in are left over.
#![cfg_attr(not(all(feature = "rpi", feature = "gpiochip")), allow(dead_code))]

mod board;
mod clock;
mod description;
mod edge;
#[cfg(feature = "gpiochip")]
mod gpiochip;
mod id;
mod indicator;
mod killed;
mod pattern;
mod pin;
mod probe;
mod relay;
#[cfg(feature = "rpi")]
mod rpi;
mod simulated;
mod sys;
mod sysfs_pwm;

pub use board::{Board, BoardError};
pub use description::{
    BUILT_IN, Backend, Bias, BoardDescription, Button, DescriptionError, IndicatorWiring, InvalidLine, LONGEST_PULSE,
    LampDrive, Line, Place, RelayWiring, Role,
};
pub use edge::{Edge, Event};
pub use id::{ButtonId, InvalidId, RelayId};
pub use indicator::Indicator;
pub use killed::WhenKilled;
pub use pattern::{FULL, Pattern};
pub use pin::{PinError, Polarity};
pub use probe::{ChipSeen, LineSeen, Probe, probe};
pub use relay::{Relay, RelayError, release_relays_on_panic};
pub use simulated::{InvalidScript, Move, NotThere, Script, Simulated, SimulatedRelay, Step};
