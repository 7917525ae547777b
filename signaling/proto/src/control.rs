//! Page to station and back over the data channel `doorway`: JSON text messages.
//!
//! The station speaks first (`hello`). The channel is end to end encrypted and does not need the companion, so what
//! matters during a call goes this way: answering, hanging up and the door.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CallId, DoorId};
use crate::signaling::EndReason;
use crate::state::MediaHealth;

/// The largest message that either side takes, in bytes.
pub const MAX_CONTROL_BYTES: usize = 4 * 1024;

/// What the page asks of the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// I will talk with the visitor.
    Accept {},
    /// I will not; others may.
    Decline {},
    /// I am done.
    HangUp {},
    /// Open a door. Answered by exactly one `unlock_result` with the same `request`, after the relay has acted.
    Unlock {
        /// The page's number for this request.
        request: u32,
        /// The door.
        door: DoorId,
    },
    /// Answered by `pong`, for the round-trip time and to notice a dead station.
    Ping {
        /// Comes back unchanged.
        token: u32,
    },
}

/// What the station tells the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The first message on every channel.
    Hello {
        /// [`CONTROL_VERSION`](crate::CONTROL_VERSION) of the station.
        version: u32,
        /// The call that this connection belongs to.
        call: CallId,
    },
    /// This client's `accept` came first.
    Accepted {},
    /// The call is over for this client; the station closes the connection after this.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// What became of an `unlock`.
    UnlockResult {
        /// The page's number.
        request: u32,
        /// The door.
        door: DoorId,
        /// What became of it.
        outcome: UnlockOutcome,
    },
    /// A door's relay moved, whoever asked for it.
    DoorState {
        /// The door.
        door: DoorId,
        /// Whether the relay is energised.
        open: bool,
    },
    /// What of the station's media works changed during the call.
    Media {
        /// What works now.
        media: MediaHealth,
    },
    /// The visitor pressed again while the call is on.
    PressedAgain {},
    /// Answer to a ping.
    Pong {
        /// The token of the ping.
        token: u32,
    },
    /// A message of the page was not understood; the station closes the connection after this.
    Malformed {
        /// What was wrong with it.
        message: String,
    },
}

/// What became of an `unlock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum UnlockOutcome {
    /// The relay has acted.
    Opened {
        /// How long the relay stays energised, in milliseconds.
        pulse_ms: u64,
    },
    /// The door stays shut.
    Refused {
        /// Why.
        reason: UnlockRefusal,
    },
    /// The relay could not be moved.
    Failed {
        /// A sentence for the installer.
        message: String,
    },
}

/// Why a door stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnlockRefusal {
    /// This client does not talk with the visitor.
    NotInCall,
    /// The station has no such door.
    NoSuchDoor,
    /// The door is open already.
    AlreadyOpen,
    /// Too many requests in too short a time.
    TooOften,
    /// Nobody pressed a button, and this door opens only in a call that was rung.
    NotRung,
}
