//! Endpoint to companion and back: JSON text frames over the WebSocket `/ws`.
//!
//! An endpoint's first frame is [`Hello`]; the companion answers `welcome` or `refused` and, in the second case,
//! closes. A client then sends [`ClientMessage`] and receives [`ToClient`]; a station sends [`StationMessage`] and
//! receives [`ToStation`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CallId, EndpointId, RoomId};
use crate::state::{Activity, Button, Door, MediaHealth, Station, StationFault};

/// The largest frame that either side takes, in bytes. An SDP with its candidates stays under a quarter of it.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The longest that a station rings, in milliseconds. One that says more is refused: what it shows on a page is to end.
pub const MAX_RING_MS: u64 = 600_000;

/// The first frame of every endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Hello {
    /// The only opening there is.
    Hello {
        /// [`SIGNALING_VERSION`](crate::SIGNALING_VERSION) of the endpoint.
        version: u32,
        /// The room to enter; `home` unless somebody configured another.
        room: RoomId,
        /// The endpoint's own id. An endpoint that comes back with the id and the `resume` of one that is still
        /// there replaces it.
        id: EndpointId,
        /// A random text that the endpoint keeps while it runs; it proves that a reconnect is the same endpoint.
        resume: String,
        /// The companion's shared secret, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
        /// What the endpoint is.
        role: Role,
    },
}

/// What an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// A page that can be rung.
    Client {
        /// What other people read, such as 'Kitchen tablet'.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
    },
    /// A door station.
    Station {
        /// What a person reads.
        name: String,
        /// Its call buttons.
        buttons: Vec<Button>,
        /// Its doors.
        doors: Vec<Door>,
        /// What it is doing at this moment.
        activity: Activity,
        /// What of its media works.
        media: MediaHealth,
        /// What is wrong at the door itself.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<StationFault>,
    },
}

/// What a client sends after its hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// Pass a signal to a station.
    Signal {
        /// The station.
        to: EndpointId,
        /// What it is told.
        signal: ClientSignal,
    },
    /// Answered by `pong`; shows that the companion is alive.
    Ping {},
}

/// What a station sends after its hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum StationMessage {
    /// Pass a signal to a client.
    Signal {
        /// The client.
        to: EndpointId,
        /// What it is told.
        signal: StationSignal,
    },
    /// The station's activity, media or faults changed: every client of the room is told.
    Status {
        /// What it is doing.
        activity: Activity,
        /// What of its media works.
        media: MediaHealth,
        /// What is wrong at the door itself.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<StationFault>,
    },
    /// Answered by `pong`; shows that the companion is alive.
    Ping {},
}

/// What the companion sends to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToClient {
    /// The hello was taken.
    Welcome {
        /// [`SIGNALING_VERSION`](crate::SIGNALING_VERSION) of the companion.
        version: u32,
        /// The stations of the room at this moment. Those that do not fit into the frame follow as `station`.
        stations: Vec<Station>,
    },
    /// The hello or a message was not taken; the companion closes after this.
    Refused {
        /// Why, for the program.
        code: Refusal,
        /// Why and what to do, for a person.
        message: String,
    },
    /// A station came, came back, or what it tells about itself changed.
    Station {
        /// The station as it is now.
        station: Station,
    },
    /// A station left.
    StationGone {
        /// The station.
        id: EndpointId,
    },
    /// A signal of a station.
    Signal {
        /// The station.
        from: EndpointId,
        /// What it says.
        signal: StationSignal,
    },
    /// The addressed station is not in the room.
    Undeliverable {
        /// The address.
        to: EndpointId,
    },
    /// Answer to a ping.
    Pong {},
}

/// What the companion sends to a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToStation {
    /// The hello was taken.
    Welcome {
        /// [`SIGNALING_VERSION`](crate::SIGNALING_VERSION) of the companion.
        version: u32,
        /// The clients of the room at this moment. Those that do not fit into the frame follow as `client_here`.
        clients: Vec<Client>,
    },
    /// The hello or a message was not taken; the companion closes after this.
    Refused {
        /// Why, for the program.
        code: Refusal,
        /// Why and what to do, for a person.
        message: String,
    },
    /// A client came, or came back without having been gone: what was sent to it meanwhile may be lost.
    ClientHere {
        /// The client.
        client: Client,
    },
    /// A client left.
    ClientGone {
        /// The client.
        id: EndpointId,
    },
    /// A signal of a client.
    Signal {
        /// The client.
        from: EndpointId,
        /// What it says.
        signal: ClientSignal,
    },
    /// The addressed client is not in the room.
    Undeliverable {
        /// The address.
        to: EndpointId,
    },
    /// Answer to a ping.
    Pong {},
}

/// A client as stations see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The endpoint to address.
    pub id: EndpointId,
    /// What a person reads; may be empty.
    pub name: String,
}

/// Why the companion refused an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The endpoint speaks another version; a page reloads, a station is updated.
    Version,
    /// The shared secret is missing or wrong.
    Secret,
    /// Nobody has set up the station yet; a page offers to do so.
    Unclaimed,
    /// The id is in use by an endpoint with another `resume`.
    IdTaken,
    /// A newer connection of the same endpoint took this one's place.
    Replaced,
    /// The room or the companion is full.
    Full,
    /// The companion serves the station that it runs in, and no other.
    ForeignStation,
    /// A frame was not understood, too large, or not text.
    Malformed,
    /// Too many frames in too short a time.
    TooFast,
    /// The hello did not come in time, or the endpoint reads too slowly.
    TooSlow,
}

/// What a station says to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum StationSignal {
    /// Somebody pressed a button. Show it at once; confirm with `rang`.
    Ring {
        /// The call.
        call: CallId,
        /// The button.
        button: Button,
        /// The station's SDP offer: answer it while ringing to see the visitor. `None` when this client is
        /// connected to the call already, as it watched before the press.
        offer: Option<String>,
        /// How long it will ring from now, in milliseconds; [`MAX_RING_MS`] at most.
        timeout_ms: u64,
        /// When the press was accepted, in milliseconds since the Unix epoch by the station's clock.
        pressed_at_ms: u64,
    },
    /// What a client that asked to watch is offered.
    Offer {
        /// The call.
        call: CallId,
        /// The station's SDP offer.
        offer: String,
    },
    /// A candidate that was found after the offer.
    Candidate {
        /// The call.
        call: CallId,
        /// `candidate:…` as in RFC 8839, for the first media line.
        candidate: String,
    },
    /// This client's `accept` came first: it talks with the visitor.
    Accepted {
        /// The call.
        call: CallId,
    },
    /// This client's media are up and its data channel is not: it can talk, and open no door.
    ChannelMissing {
        /// The call.
        call: CallId,
    },
    /// The call is over for this client.
    Ended {
        /// The call; `None` when a watch was refused before there was one.
        call: Option<CallId>,
        /// Why.
        reason: EndReason,
    },
}

/// What a client says to a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientSignal {
    /// The receipt for a ring: this client shows it.
    Rang {
        /// The call.
        call: CallId,
    },
    /// Let me see the visitor though nobody pressed.
    Watch {},
    /// The SDP answer to an offer.
    Answer {
        /// The call.
        call: CallId,
        /// The client's SDP answer.
        answer: String,
    },
    /// A candidate of the client.
    Candidate {
        /// The call.
        call: CallId,
        /// `candidate:…` as in RFC 8839, for the first media line.
        candidate: String,
    },
    /// I will talk with the visitor.
    Accept {
        /// The call.
        call: CallId,
    },
    /// I will not; others may.
    Decline {
        /// The call.
        call: CallId,
    },
    /// My media connection broke off: offer me another one for the same call.
    Reconnect {
        /// The call.
        call: CallId,
    },
    /// I am done.
    HangUp {
        /// The call.
        call: CallId,
    },
}

/// Why a call is over for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Somebody hung up: this client, or the visitor by the button.
    HungUp,
    /// Another client answered first.
    AnsweredElsewhere,
    /// This client declined, or everybody who was rung did.
    Declined,
    /// Nobody answered in time.
    RingTimeout,
    /// The longest duration of a call was reached.
    MaxDuration,
    /// The media connection was lost and did not come back.
    ConnectionLost,
    /// The encryption of the media could not be agreed on: the client's certificate is not the one that its answer
    /// announced, or is of a kind that the station does not take.
    HandshakeFailed,
    /// The station talks with somebody else.
    Busy,
    /// The station is closing down.
    StationClosing,
    /// The client sent something that the station did not understand.
    Malformed,
}
