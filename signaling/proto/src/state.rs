//! What a station tells about itself: its buttons, its doors, whether it is in a call, and what works.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ButtonId, DoorId, EndpointId};

/// A call button that a visitor can press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// The button's id in the station's configuration.
    pub id: ButtonId,
    /// What a person reads: a flat, a name.
    pub label: String,
}

/// A door that the station can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// The door's id in the station's configuration.
    pub id: DoorId,
    /// What a person reads.
    pub label: String,
    /// Whether it opens for somebody who talks although nobody pressed a button.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open_without_ring: bool,
}

/// What a station is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Nobody rings, talks or watches.
    Idle,
    /// Somebody watches without having been rung.
    Watched,
    /// A visitor pressed and nobody has answered yet.
    Ringing,
    /// Somebody talks with the visitor.
    InCall,
}

/// Whether a device works. `missing` says what was tried and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Health {
    /// It delivers, or will as soon as somebody watches or talks.
    Working {},
    /// The configuration says that the station has none.
    Absent {},
    /// It should be there and is not, or has stopped; the station keeps trying.
    Missing {
        /// A sentence for the installer.
        reason: String,
    },
}

/// What of the station's media works.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaHealth {
    /// The visitor's picture.
    pub camera: Health,
    /// The visitor's voice.
    pub microphone: Health,
    /// What the visitor hears.
    pub speaker: Health,
}

/// What is wrong at the door itself, beside its media.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum StationFault {
    /// A call button is held for longer than anybody presses: it rings nobody until it is free.
    ButtonStuck {
        /// The button.
        button: ButtonId,
    },
    /// Call buttons can no longer be read: they ring nobody.
    ButtonsLost {
        /// A sentence for the installer.
        reason: String,
    },
    /// A door's relay does not release: the door may stand open.
    RelayStuck {
        /// The door.
        door: DoorId,
    },
    /// There are more clients than a station rings.
    TooManyClients {},
}

/// A station as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// The endpoint to address.
    pub id: EndpointId,
    /// What a person reads.
    pub name: String,
    /// Its call buttons.
    pub buttons: Vec<Button>,
    /// Its doors.
    pub doors: Vec<Door>,
    /// What it is doing.
    pub activity: Activity,
    /// What of its media works.
    pub media: MediaHealth,
    /// What is wrong at the door itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<StationFault>,
}
