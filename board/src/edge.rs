//! What a board tells its owner.

use std::sync::Arc;
use std::time::Instant;

use crate::id::{ButtonId, RelayId};

/// Something happened on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A button's line changed its level.
    Edge(Edge),
    /// The kernel no longer reports these buttons (an expander was unplugged, its driver unloaded). The board stays
    /// usable otherwise; reopen it to try again.
    ButtonsLost {
        /// Whose edges stopped.
        buttons: Vec<ButtonId>,
        /// What the kernel said.
        reason: String,
    },
    /// The watchdog released a relay because its owner did not in time. Worth an entry in an audit log: the core caps
    /// the pulse as well, so this means that the owner hung.
    RelayCutOff {
        /// The relay that was released.
        relay: RelayId,
    },
}

/// One change of a button's line, unfiltered: contacts bounce, and long wires pick up noise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Whose line it is.
    pub button: ButtonId,
    /// Whether the line went to the level that means 'pressed'.
    pub pressed: bool,
    /// When the kernel's interrupt handler saw it.
    pub at: Instant,
    /// Edges of this line between the previous one and this one were lost, because the kernel's queue was full: read
    /// [`Board::is_pressed`](crate::Board::is_pressed) to know the level.
    pub missed: bool,
}

/// The owner's function, shared by the threads that report. Called on the board's threads: it must not block.
pub(crate) type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// Notices gaps in one line's sequence numbers, which the kernel counts from 1 at the request.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    last: u32,
}

impl Sequence {
    /// Whether edges are missing between the previous number and this one.
    pub(crate) fn missed_before(&mut self, number: u32) -> bool {
        let expected = self.last.wrapping_add(1);
        self.last = number;
        number != expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_numbers_miss_nothing() {
        let mut sequence = Sequence::default();
        assert!(!sequence.missed_before(1));
        assert!(!sequence.missed_before(2));
        assert!(!sequence.missed_before(3));
    }

    #[test]
    fn a_gap_is_reported_once() {
        let mut sequence = Sequence::default();
        assert!(!sequence.missed_before(1));
        assert!(sequence.missed_before(40));
        assert!(!sequence.missed_before(41));
    }

    #[test]
    fn edges_lost_before_the_first_one_are_missed_too() {
        assert!(Sequence::default().missed_before(2));
    }

    #[test]
    fn the_counter_may_wrap() {
        let mut sequence = Sequence { last: u32::MAX };
        assert!(!sequence.missed_before(0));
        assert!(!sequence.missed_before(1));
    }
}
