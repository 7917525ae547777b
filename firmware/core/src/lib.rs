//! What a door station decides, without I/O: who is rung, who talks, when the door opens, what the visitor sees.
//!
//! [`Station`] is the one thing that a shell drives. Its run loop:
//! 1. one mutation: [`Station::handle_input`] or [`Station::handle_timeout`], with the shell's `now`;
//! 2. drain [`Station::poll_action`] and carry the actions out, in their order;
//! 3. sleep until [`Station::poll_timeout`] or the next input. The reason beside the instant is for logs: a loop that
//!    does not sleep explains itself.
//!
//! Nothing here reads a clock, opens a socket or waits. Beside the station stand three helpers of the same make, which
//! a shell uses for each connection or encoder: [`backoff`], [`congestion::Steering`] and [`congestion::KeyframeGate`].

pub mod access;
pub mod backoff;
pub mod congestion;
pub mod door;
pub mod factory_reset;
pub mod ids;
pub mod indicator;
pub mod messages;
pub mod press;
pub mod settings;

mod call;
mod station;

pub use access::{Requester, Way};
pub use ids::{ButtonId, CallId, ClientId, DoorId, Leg};
pub use messages::{Action, Activity, EndReason, Fault, Input, Record, Ring, UnlockOutcome, UnlockRefusal};
pub use settings::{ButtonRole, ButtonSettings, CallSettings, DoorSettings, RingGroup, Settings, SettingsError};
pub use station::{CallView, Station};
