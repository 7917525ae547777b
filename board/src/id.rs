//! Names of buttons and relays: what a board description calls them.

use std::fmt;
use std::sync::Arc;

/// Why a text can't name a button or a relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 characters out of a-z, A-Z, 0-9, '-', '_' and '.', but this one has {found}")]
pub struct InvalidId {
    found: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone, because every edge carries one.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// When `text` is empty, longer than 64 characters, or has a character that an id can't have.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(text.into()))
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
    };
}

id!(
    /// A push button of the board.
    ButtonId
);
id!(
    /// A relay of the board: the door strike, the light, the gate.
    RelayId
);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_printable() {
        assert_eq!(ButtonId::new("call").unwrap().as_str(), "call");
        assert!(RelayId::new("gate_2.left-leaf").is_ok());
        assert!(ButtonId::new("").is_err());
        assert!(ButtonId::new(&"x".repeat(65)).is_err());
        let error = RelayId::new("front door").unwrap_err();
        assert!(error.to_string().contains("' '"), "{error}");
    }
}
