//! The kinds of messages, by the names of their files.

#![allow(dead_code, reason = "each test file uses its part")]

use doorway_proto::control::{Event, Request};
use doorway_proto::signaling::{ClientMessage, Hello, StationMessage, ToClient, ToStation};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One kind of message.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) schema: fn() -> Schema,
    /// Reads a message and writes it again; `None` when it is not taken.
    pub(crate) reread: fn(&[u8]) -> Option<Value>,
}

pub(crate) const KINDS: [Kind; 7] = [
    kind::<Hello>("hello"),
    kind::<ClientMessage>("client-message"),
    kind::<StationMessage>("station-message"),
    kind::<ToClient>("to-client"),
    kind::<ToStation>("to-station"),
    kind::<Request>("request"),
    kind::<Event>("event"),
];

const fn kind<M: DeserializeOwned + JsonSchema + Serialize>(name: &'static str) -> Kind {
    Kind { name, schema: || schema_for!(M), reread: reread::<M> }
}

fn reread<M: DeserializeOwned + Serialize>(bytes: &[u8]) -> Option<Value> {
    let message: M = serde_json::from_slice(bytes).ok()?;
    Some(serde_json::to_value(message).expect("messages have string keys only"))
}
