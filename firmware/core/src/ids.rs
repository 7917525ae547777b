//! Names of what a station deals with. Cheap to clone; what a name may contain was checked where it was read.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

name!(
    /// A page or unit that can be rung; the companion's name for it.
    ClientId
);
name!(
    /// A button of the station, as the configuration names it.
    ButtonId
);
name!(
    /// A door, as the configuration names it.
    DoorId
);

/// One call, from the press or the watch to its end. The shell supplies the first number, a random one, so that a
/// restarted station does not take up an older call by mistake; the next call has the next number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

impl CallId {
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Sixteen hexadecimal digits, as the number crosses the wire.
impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One client's part in one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leg {
    /// The client.
    pub client: ClientId,
    /// The call.
    pub call: CallId,
}

/// Why a text names no call of this station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a call of this station is named by 16 lower-case hexadecimal digits")]
pub struct ForeignCallId;

impl FromStr for CallId {
    type Err = ForeignCallId;

    fn from_str(text: &str) -> Result<Self, ForeignCallId> {
        let digits = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            return Err(ForeignCallId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| ForeignCallId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_comes_back_from_the_text_it_was_sent_as() {
        for number in [0, 1, 0xfeed_beef, u64::MAX] {
            assert_eq!(CallId(number).to_string().parse(), Ok(CallId(number)));
        }
        for foreign in ["", "1", "00000000000000FF", "+000000000000001", "00000000000000001", "000000000000000é"] {
            assert_eq!(foreign.parse::<CallId>(), Err(ForeignCallId), "{foreign:?} was taken");
        }
    }

    #[test]
    fn the_call_after_the_last_number_is_the_first() {
        assert_eq!(CallId(u64::MAX).next(), CallId(0));
    }
}
