//! What stations, clients and the companion say to each other, and the companion's room logic.
//!
//! Three conversations, a module each:
//! - [`signaling`]: JSON text frames over a WebSocket, endpoint to companion and back. The companion passes
//!   well-formed [`ClientSignal`](signaling::ClientSignal) and [`StationSignal`](signaling::StationSignal) on, and
//!   neither keeps nor logs them.
//! - [`control`]: JSON text messages over the data channel `doorway`, page to station and back, end to end
//!   encrypted. It goes on while the companion is away.
//! - [`rooms`]: who is in which room and what the companion sends to whom. Pure: no socket, no clock.
//!
//! Every message is one JSON object with a `type`; unknown fields and unknown types are refused.

pub mod control;
pub mod ids;
pub mod rooms;
pub mod signaling;
pub mod state;

/// The version of [`signaling`]: an endpoint that says another one in its `hello` is refused with a remedy.
pub const SIGNALING_VERSION: u32 = 1;

/// The version of [`control`], said by the station in its first message on the data channel.
pub const CONTROL_VERSION: u32 = 1;

/// Clients that a room has at most. A companion refuses further ones at its door, and a station rings all that it is told
/// of: nobody is welcomed and then forgotten.
pub const MAX_CLIENTS_PER_ROOM: usize = 1024;

/// The label of the data channel that carries [`control`].
pub const CONTROL_CHANNEL: &str = "doorway";
