//! Reading of the first frame, and the sentences with which endpoints are refused.

use serde::Deserialize;

use super::limits::Rate;
use crate::SIGNALING_VERSION;
use crate::ids::EndpointId;
use crate::signaling::{Hello, MAX_FRAME_BYTES, MAX_RING_MS, Refusal, ToClient};

/// Why an endpoint was refused, for the program and for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// For the program.
    pub code: Refusal,
    /// For a person: why, and what to do.
    pub message: String,
}

/// Reads an endpoint's first frame.
///
/// # Errors
/// [`Refusal::Version`] when it is a hello of another version, which may have other fields than ours;
/// [`Refusal::Malformed`] when it is none.
pub fn read_hello(text: &str) -> Result<Hello, Refused> {
    /// What the hello of every version has.
    #[derive(Deserialize)]
    struct AnyHello {
        #[serde(rename = "type")]
        kind: String,
        version: u32,
    }

    if text.len() > MAX_FRAME_BYTES {
        return Err(Refused::too_large(text.len()));
    }
    serde_json::from_str(text).map_err(|error| match serde_json::from_str(text) {
        Ok(AnyHello { kind, version }) if kind == "hello" && version != SIGNALING_VERSION => Refused::version(version),
        Ok(_) | Err(_) => Refused::unreadable(&error),
    })
}

impl Refused {
    /// A refusal with a sentence of the caller's.
    pub fn new(code: Refusal, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The refusal as a frame. Clients and stations read the same one.
    pub fn to_frame(&self) -> String {
        let message = ToClient::Refused { code: self.code, message: self.message.clone() };
        serde_json::to_string(&message).expect("a refusal has string keys only")
    }

    /// A frame, or something in it, was not understood.
    pub fn malformed(why: impl Into<String>) -> Self {
        Self::new(Refusal::Malformed, why)
    }

    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self::malformed(format!("a frame was not understood: {error}"))
    }

    /// A frame of `bytes` bytes is too long.
    pub fn too_large(bytes: usize) -> Self {
        Self::malformed(format!("a frame has {bytes} bytes, but at most {MAX_FRAME_BYTES} are taken"))
    }

    pub(super) fn version(theirs: u32) -> Self {
        Self::new(
            Refusal::Version,
            format!(
                "the companion speaks version {SIGNALING_VERSION}, this endpoint version {theirs}: reload the page, or \
                 install the same release on the station and the companion"
            ),
        )
    }

    pub(super) fn id_taken(id: &EndpointId) -> Self {
        Self::new(
            Refusal::IdTaken,
            format!(
                "another endpoint is here as '{id}': choose another id, or try again in a few seconds if that was you"
            ),
        )
    }

    pub(super) fn replaced() -> Self {
        Self::new(Refusal::Replaced, "the same endpoint connected again; this connection is no longer needed")
    }

    /// There is no place left.
    pub fn full(why: impl Into<String>) -> Self {
        Self::new(Refusal::Full, why)
    }

    pub(super) fn foreign_station() -> Self {
        Self::new(
            Refusal::ForeignStation,
            "this companion serves the station that it runs in: give another station a companion of its own, or run \
             doorway-signaling for both",
        )
    }

    pub(super) fn too_fast(what: &str, rate: Rate) -> Self {
        let Rate { burst, per_second } = rate;
        Self::new(Refusal::TooFast, format!("more than {burst} {what} at once and {per_second} a second"))
    }

    pub(super) fn flood() -> Self {
        Self::new(Refusal::TooFast, "this endpoint sent another one more than that can read")
    }

    pub(super) fn too_slow() -> Self {
        Self::new(Refusal::TooSlow, "too much waits to be read by this endpoint")
    }

    pub(super) fn ring_too_long(found_ms: u64) -> Self {
        Self::malformed(format!("`timeout_ms` is {found_ms}, but a ring lasts {MAX_RING_MS} at most"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Refusal {
        read_hello(text).unwrap_err().code
    }

    #[test]
    fn a_hello_of_another_version_is_told_so_even_if_its_fields_are_unknown() {
        assert_eq!(code(r#"{"type":"hello","version":2,"rooms":["a"],"colour":"blue"}"#), Refusal::Version);
        assert_eq!(code(r#"{"type":"hello","version":1,"rooms":["a"],"colour":"blue"}"#), Refusal::Malformed);
        assert_eq!(code(r#"{"type":"signal","version":2}"#), Refusal::Malformed);
        assert_eq!(code("[[[["), Refusal::Malformed);
        assert_eq!(code(&" ".repeat(MAX_FRAME_BYTES + 1)), Refusal::Malformed);
    }
}
