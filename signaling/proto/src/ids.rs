//! Names of things that cross the wire: short, printable, checked when they are read.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters out of a-z, A-Z, 0-9, '-', '_' and '.', but this one has {found}")]
pub struct InvalidId {
    found: String,
}

fn check(text: &str) -> Result<(), InvalidId> {
    let length = text.chars().count();
    if length == 0 || length > 64 {
        return Err(InvalidId { found: format!("{length} characters") });
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c))) {
        Some(c) => Err(InvalidId { found: format!("{c:?}") }),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[schemars(transparent)]
        pub struct $name(#[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,64}$"))] String);

        impl $name {
            /// # Errors
            /// When `text` is empty, longer than 64 characters, or has a character that an id can't have.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A household: endpoints meet only within their room.
    RoomId
);
id!(
    /// One station, unit or open page. A page takes a new random one whenever it is loaded.
    EndpointId
);
id!(
    /// One call of one station, from the press or the watch to its end. Random, so that a restarted station does
    /// not take up an older call by mistake.
    CallId
);
id!(
    /// A call button, as the station's configuration names it.
    ButtonId
);
id!(
    /// A door, as the station's configuration names it.
    DoorId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_checked_when_it_is_read() {
        assert_eq!(EndpointId::new("front-door_1.a").unwrap().as_str(), "front-door_1.a");
        for bad in ["", "a b", "é", "<script>", &"x".repeat(65)] {
            assert!(EndpointId::new(bad).is_err(), "{bad:?} was taken");
            assert!(serde_json::from_value::<EndpointId>(serde_json::json!(bad)).is_err());
        }
    }
}
