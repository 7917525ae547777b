//! When a certificate holds, and when it is made anew: for clients and boards whose clocks are wrong.

use rcgen::CertificateParams;
use time::OffsetDateTime;

/// The earliest time that it can be while this runs, in seconds since the Unix epoch: 1 January 2026. A board without a
/// clock of its own believes in 1970 until it has asked the network.
pub const EARLIEST: i64 = 1_767_225_600;

pub(super) const DAY: i64 = 24 * 3600;
/// A certificate begins before it is made, for clients whose clock is behind, or whose station's clock is ahead.
pub(super) const BEFORE: i64 = 30 * DAY;

/// What time it is, as far as the board knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// In seconds since the Unix epoch.
    pub now: i64,
    /// Whether the network has set it. Before, it may be that of a board that has just come up.
    pub is_set: bool,
}

/// How long a kind of certificate holds.
pub(super) struct Validity {
    /// How long after it was made, in seconds.
    pub(super) after: i64,
    /// It is renewed when less is left.
    pub(super) renew: i64,
}

impl Validity {
    /// Whether one that was made at `made` has to be made anew for its age.
    ///
    /// A clock that went back is believed only once the network has set it: before, a certificate made by it would be out
    /// of date for everybody.
    pub(super) fn is_over(&self, made: i64, clock: Clock) -> bool {
        let went_back = clock.now < made - DAY;
        made_after(Some(made), clock) > made + self.after - self.renew || (went_back && clock.is_set)
    }

    pub(super) fn apply(&self, made: i64, parameters: &mut CertificateParams) {
        parameters.not_before = at(made - BEFORE);
        parameters.not_after = at(self.end(made));
    }

    pub(super) fn end(&self, made: i64) -> i64 {
        made + self.after
    }
}

/// The time to make one at that comes after another.
pub(super) fn made_after(earlier: Option<i64>, clock: Clock) -> i64 {
    let known = if clock.is_set { clock.now } else { clock.now.max(earlier.unwrap_or(EARLIEST)) };
    known.max(EARLIEST)
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a time of this millennium is representable")
}
