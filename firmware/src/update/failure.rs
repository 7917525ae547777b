//! Why an update is not installed: a code for the page, and words for everybody else.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::identity::EARLIEST;

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Failure {
    /// Signed with a key that this station does not know.
    WrongKey {},
    /// Not whole, or no update at all.
    Damaged {},
    /// Damaged or signed with another key: an old RAUC does not say which.
    NotAccepted {},
    /// For another kind of device.
    WrongDevice {
        /// What it is for.
        offered: String,
        /// What this is.
        running: String,
    },
    /// The version that runs already.
    SameVersion {
        /// That version.
        running: String,
    },
    /// Older than the version that runs.
    OlderVersion {
        /// Its version.
        offered: String,
        /// The version that runs.
        running: String,
    },
    /// Its version can't be compared with the one that runs.
    UnknownVersion {
        /// Its version.
        offered: String,
    },
    /// The storage is full.
    NoSpace {},
    /// Larger than any update is.
    TooLarge {},
    /// The server does not deliver it.
    Unreachable {},
    /// The station's clock is wrong, or a certificate is too old: at the station's time it does not hold.
    Clock {
        /// The station's date.
        today: String,
    },
    /// The upload broke off.
    Interrupted {},
    /// No RAUC answers.
    NoRauc {},
    /// Anything else.
    Other {
        /// What RAUC said, without addresses.
        detail: String,
    },
}

impl Failure {
    /// What RAUC's words mean. They are for its journal, in English, and hold paths and addresses.
    pub(super) fn of_rauc(words: &str) -> Self {
        Self::of_rauc_at(words, OffsetDateTime::now_utc())
    }

    /// With a clock of long ago no certificate holds, whether of a server or of whoever signed the bundle.
    fn of_rauc_at(words: &str, now: OffsetDateTime) -> Self {
        let clock = || Self::Clock { today: now.date().to_string() };
        let lower = words.to_lowercase();
        let of_dates = [
            "not yet valid",
            "has expired",
            "not activated",
            "activation date",
            "expiration date",
            "expired certificate",
        ];
        if of_dates.iter().any(|part| lower.contains(part)) {
            return clock();
        }
        let failure = Self::in_words(words);
        let may_be_clock = matches!(failure, Self::Unreachable {} | Self::WrongKey {} | Self::NotAccepted {});
        if may_be_clock && now.unix_timestamp() < EARLIEST { clock() } else { failure }
    }

    fn in_words(words: &str) -> Self {
        let lower = words.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
        if has(&["rauc info error"]) {
            Self::NotAccepted {}
        } else if has(&["no space left", "disk full"]) {
            Self::NoSpace {}
        } else if has(&[
            "failed to download",
            "transfer failed",
            "couldn't connect",
            "resolve host",
            "timed out",
            "nbd",
            "streaming",
        ]) {
            Self::Unreachable {}
        } else if has(&[
            "disconnected from message bus",
            "not provided by any",
            "failed to connect to bus",
            "failed to activate",
        ]) {
            Self::NoRauc {}
        } else if has(&[
            "exceeds bundle size",
            "invalid bundle",
            "verity",
            "squashfs",
            "checksum",
            "short read",
            "digest",
            "too small",
        ]) {
            Self::Damaged {}
        } else if has(&["signature", "verify error", "certificate"]) {
            Self::WrongKey {}
        } else {
            Self::Other { detail: without_addresses(words) }
        }
    }
}

/// An address may hold a password.
fn without_addresses(words: &str) -> String {
    let hidden = words.split_whitespace().map(|word| if word.contains("://") { "(address)" } else { word });
    hidden.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKey {} => {
                f.write_str("it is signed with a key that this station does not know; take one made for it")
            }
            Self::Damaged {} => f.write_str("it is damaged or not whole; fetch it anew"),
            Self::NotAccepted {} => f.write_str("it is damaged, or signed with a key that this station does not know"),
            Self::WrongDevice { offered, running } => write!(f, "it is for {offered}, and this is {running}"),
            Self::SameVersion { running } => write!(f, "version {running} runs already"),
            Self::OlderVersion { offered, running } => {
                write!(f, "its version {offered} is older than {running}, which runs")
            }
            Self::UnknownVersion { offered } => {
                write!(f, "its version {offered:?} can't be compared with the one that runs")
            }
            Self::NoSpace {} => f.write_str("there is no space left for it"),
            Self::TooLarge {} => f.write_str("it is larger than any update is"),
            Self::Unreachable {} => {
                f.write_str("its server does not deliver it; look at its address and at the network")
            }
            Self::Clock { today } => write!(
                f,
                "this station's clock says {today}, and a certificate does not hold on that day; see that the station reaches a \
                 time server"
            ),
            Self::Interrupted {} => f.write_str("the upload broke off; try again"),
            Self::NoRauc {} => f.write_str("RAUC does not answer; look at `systemctl status rauc`"),
            Self::Other { detail } => write!(f, "RAUC refuses it: {detail}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raucs_words_become_a_reason() {
        let reason = |words: &str| Failure::of_rauc(words);
        let wrong_key = "signature verification failed: Verify error: self-signed certificate";
        assert_eq!(reason(wrong_key), Failure::WrongKey {});
        for damaged in [
            "Invalid bundle format: Signature size (7898192422951931444) exceeds bundle size",
            "Invalid bundle format: Failed to open bundle for reading: Error opening file",
            "Failed to load bundle: dm-verity device is corrupt",
        ] {
            assert_eq!(reason(damaged), Failure::Damaged {}, "{damaged}");
        }
        for unreachable in [
            "Failed to download bundle http://x/y: Transfer failed: Failed to connect to 127.0.0.1 port 1 after 0 ms",
            "Failed to start streaming: HTTP error 404",
        ] {
            assert_eq!(reason(unreachable), Failure::Unreachable {}, "{unreachable}");
        }
        assert_eq!(reason("Copying failed: No space left on device"), Failure::NoSpace {});
        assert_eq!(reason("Message recipient disconnected from message bus without replying"), Failure::NoRauc {});
        assert_eq!(reason("rauc info error"), Failure::NotAccepted {});
    }

    #[test]
    fn a_clock_of_long_ago_is_said_to_be_the_reason() {
        let at = |words: &str, day: i64| {
            Failure::of_rauc_at(words, OffsetDateTime::from_unix_timestamp(day * 24 * 3600).unwrap())
        };
        let (in_2020, in_2027) = (18_262, 20_819);
        let clock = Failure::Clock { today: "2020-01-01".into() };
        for words in [
            "Failed to download bundle https://x/y: Transfer failed: SSL certificate problem: certificate is not yet valid",
            "Failed to start streaming: server certificate verification failed",
            "signature verification failed: Verify error: certificate is not yet valid",
            "rauc info error",
        ] {
            assert_eq!(at(words, in_2020), clock, "{words}");
        }
        assert_eq!(at("Copying failed: No space left on device", in_2020), Failure::NoSpace {});
        // Where the clock may be right, what RAUC says counts.
        assert_eq!(
            at("Failed to start streaming: server certificate verification failed", in_2027),
            Failure::Unreachable {}
        );
        let expired = at("Transfer failed: SSL certificate problem: certificate has expired", in_2027);
        assert_eq!(expired, Failure::Clock { today: "2027-01-01".into() });
        assert!(clock.to_string().contains("clock says 2020-01-01"), "{clock}");
    }

    #[test]
    fn an_address_is_not_passed_on() {
        let Failure::Other { detail } = Failure::of_rauc("cannot parse https://me:secret@example.org/x.raucb now")
        else {
            panic!("known words")
        };
        assert_eq!(detail, "cannot parse (address) now");
    }
}
