//! Tells a press from contact bounce, noise on a long wire, and a button that is stuck.
//!
//! A level counts once it has stood for the hold time, in both directions. So bounce restarts the wait, a pulse that is
//! shorter than the hold time never counts however many follow, and a contact that opens for a moment while somebody
//! holds it is still the same press.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a press is told from noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PressSettings {
    /// How long a level must stand to count. 30 ms is above the bounce of common buttons (under 10 ms) and below what a
    /// visitor notices.
    pub hold: Duration,
    /// The shortest time from one accepted press to the next. 300 ms is faster than anybody rings on purpose.
    pub gap: Duration,
    /// A button that is held for longer is stuck: nobody presses for 30 s.
    pub stuck_after: Duration,
}

impl Default for PressSettings {
    fn default() -> Self {
        Self { hold: Duration::from_millis(30), gap: Duration::from_millis(300), stuck_after: Duration::from_secs(30) }
    }
}

/// What a filter found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PressEvent {
    /// Somebody pressed.
    Pressed {
        /// When the contact closed for good.
        at: Instant,
    },
    /// The button is stuck; it gives no press until it is released.
    Stuck,
    /// A stuck button was released.
    Freed,
}

/// The filter of one button.
#[derive(Debug)]
pub struct PressFilter {
    settings: PressSettings,
    contact: Contact,
    latest: Option<Instant>,
    accepted: Option<Instant>,
    events: VecDeque<PressEvent>,
}

#[derive(Debug, Clone, Copy)]
enum Contact {
    /// Nothing is known yet.
    Unread,
    Open,
    /// Closed, but not for long enough yet.
    Closing {
        since: Instant,
    },
    Closed {
        since: Instant,
        stuck: bool,
    },
    /// Open, but not for long enough yet.
    Opening {
        since: Instant,
        closed_since: Instant,
        stuck: bool,
    },
}

impl PressFilter {
    /// A filter that knows nothing of its button yet.
    pub fn new(settings: PressSettings) -> Self {
        Self { settings, contact: Contact::Unread, latest: None, accepted: None, events: VecDeque::new() }
    }

    /// Takes an edge with its kernel timestamp. An edge that is older than the one before counts as simultaneous.
    pub fn handle_edge(&mut self, pressed: bool, at: Instant) {
        let at = self.latest.map_or(at, |latest| latest.max(at));
        self.latest = Some(at);
        self.advance(at);
        self.change(pressed, at);
    }

    /// Takes the level as it was read: at start, and when the kernel dropped edges. What was waited for starts anew, as
    /// nobody knows what happened in between.
    pub fn handle_level(&mut self, pressed: bool, now: Instant) {
        self.latest = Some(self.latest.map_or(now, |latest| latest.max(now)));
        if pressed && matches!(self.contact, Contact::Unread) {
            self.contact = Contact::Closed { since: now, stuck: false };
            return;
        }
        self.change(pressed, now);
    }

    /// Lets time pass. Feed the edges that wait first.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// What was found out since, oldest first.
    pub fn poll_event(&mut self) -> Option<PressEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        match self.contact {
            Contact::Unread | Contact::Open | Contact::Closed { stuck: true, .. } => None,
            Contact::Closing { since } => Some((since + self.settings.hold, "button: press to hold")),
            Contact::Closed { since, stuck: false } => Some((since + self.settings.stuck_after, "button: stuck")),
            Contact::Opening { since, .. } => Some((since + self.settings.hold, "button: release to hold")),
        }
    }

    fn change(&mut self, pressed: bool, at: Instant) {
        self.contact = match (self.contact, pressed) {
            // The same level twice means that an edge is missing in between, so the hold time starts anew.
            (Contact::Unread | Contact::Open | Contact::Closing { .. }, true) => Contact::Closing { since: at },
            (Contact::Unread | Contact::Open | Contact::Closing { .. }, false) => Contact::Open,
            (Contact::Closed { since, stuck }, true) => Contact::Closed { since, stuck },
            (Contact::Opening { closed_since, stuck, .. }, true) => Contact::Closed { since: closed_since, stuck },
            (Contact::Closed { since: closed_since, stuck }, false)
            | (Contact::Opening { closed_since, stuck, .. }, false) => {
                Contact::Opening { since: at, closed_since, stuck }
            }
        };
    }

    fn advance(&mut self, to: Instant) {
        while self.poll_timeout().is_some_and(|(due, _)| due <= to) {
            self.contact = match self.contact {
                Contact::Closing { since } => {
                    self.accept(since);
                    Contact::Closed { since, stuck: false }
                }
                Contact::Closed { since, .. } => {
                    self.events.push_back(PressEvent::Stuck);
                    Contact::Closed { since, stuck: true }
                }
                Contact::Opening { stuck, .. } => {
                    if stuck {
                        self.events.push_back(PressEvent::Freed);
                    }
                    Contact::Open
                }
                Contact::Unread | Contact::Open => return,
            };
        }
    }

    fn accept(&mut self, since: Instant) {
        let at = since + self.settings.hold;
        if self.accepted.is_some_and(|accepted| at < accepted + self.settings.gap) {
            return;
        }
        self.accepted = Some(at);
        self.events.push_back(PressEvent::Pressed { at: since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A filter in virtual time: edges at milliseconds after the start.
    struct Bench {
        filter: PressFilter,
        start: Instant,
    }

    impl Bench {
        fn released() -> Self {
            let mut bench = Self { filter: PressFilter::new(PressSettings::default()), start: Instant::now() };
            bench.filter.handle_level(false, bench.start);
            bench
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// Feeds edges on time: what is due before an edge is delivered before it.
        fn edges(&mut self, edges: impl IntoIterator<Item = (u64, bool)>) {
            for (ms, pressed) in edges {
                self.filter.handle_timeout(self.at(ms).checked_sub(Duration::from_micros(1)).expect("after the start"));
                self.filter.handle_edge(pressed, self.at(ms));
            }
        }

        fn level(&mut self, ms: u64, pressed: bool) {
            self.filter.handle_level(pressed, self.at(ms));
        }

        fn events_by(&mut self, ms: u64) -> Vec<PressEvent> {
            self.filter.handle_timeout(self.at(ms));
            std::iter::from_fn(|| self.filter.poll_event()).collect()
        }

        fn pressed(&self, ms: u64) -> PressEvent {
            PressEvent::Pressed { at: self.at(ms) }
        }
    }

    #[test]
    fn a_press_is_accepted_when_it_was_held_and_not_before() {
        let mut bench = Bench::released();
        bench.edges([(10, true)]);
        assert_eq!(bench.filter.poll_timeout(), Some((bench.at(40), "button: press to hold")));
        assert_eq!(bench.events_by(39), []);
        assert_eq!(bench.events_by(40), [bench.pressed(10)]);
    }

    #[test]
    fn a_pulse_of_five_milliseconds_is_no_press() {
        let mut bench = Bench::released();
        bench.edges([(10, true), (15, false)]);
        assert_eq!(bench.events_by(1000), []);
        assert_eq!(bench.filter.poll_timeout(), None);
    }

    #[test]
    fn a_burst_of_many_short_pulses_is_no_press() {
        let mut bench = Bench::released();
        bench.edges((0..2000).map(|i| (10 + i * 3, i % 2 == 0)));
        assert_eq!(bench.events_by(20_000), []);
    }

    #[test]
    fn bounce_on_both_ends_of_a_press_gives_one_press() {
        let mut bench = Bench::released();
        bench.edges([(0, true), (1, false), (2, true), (4, false), (7, true)]);
        bench.edges([(207, false), (208, true), (210, false), (214, true), (215, false)]);
        assert_eq!(bench.events_by(2000), [bench.pressed(7)]);
    }

    #[test]
    fn a_contact_that_opens_for_a_moment_is_still_the_same_press() {
        let mut bench = Bench::released();
        bench.edges([(0, true), (500, false), (520, true), (900, false)]);
        assert_eq!(bench.events_by(2000), [bench.pressed(0)]);
    }

    #[test]
    fn two_presses_closer_than_the_gap_are_one() {
        let mut bench = Bench::released();
        bench.edges([(0, true), (80, false), (200, true), (260, false)]);
        assert_eq!(bench.events_by(2000), [bench.pressed(0)]);
        bench.edges([(2000, true), (2080, false), (2310, true), (2380, false)]);
        assert_eq!(bench.events_by(4000), [bench.pressed(2000), bench.pressed(2310)]);
    }

    #[test]
    fn edges_that_are_read_late_are_judged_by_their_own_timestamps() {
        let mut bench = Bench::released();
        bench.filter.handle_edge(true, bench.at(0));
        bench.filter.handle_edge(false, bench.at(5));
        assert_eq!(bench.events_by(500), [], "a short pulse stays short");
        bench.filter.handle_edge(true, bench.at(600));
        bench.filter.handle_edge(false, bench.at(700));
        assert_eq!(bench.events_by(1500), [bench.pressed(600)], "a press that is over already still counts");
    }

    #[test]
    fn a_stuck_button_is_reported_once_and_cleared_on_release() {
        let mut bench = Bench::released();
        bench.edges([(0, true)]);
        assert_eq!(bench.events_by(29_999), [bench.pressed(0)]);
        assert_eq!(bench.events_by(30_000), [PressEvent::Stuck]);
        assert_eq!(bench.events_by(600_000), []);
        bench.edges([(600_000, false), (600_010, true)]);
        assert_eq!(bench.events_by(700_000), [], "a flicker does not free it");
        bench.edges([(700_000, false)]);
        assert_eq!(bench.events_by(700_030), [PressEvent::Freed]);
        bench.edges([(701_000, true)]);
        assert_eq!(bench.events_by(702_000), [bench.pressed(701_000)]);
    }

    #[test]
    fn a_missed_release_does_not_wedge_the_filter() {
        let mut bench = Bench::released();
        bench.edges([(0, true)]);
        assert_eq!(bench.events_by(100), [bench.pressed(0)]);
        bench.level(400, false);
        bench.edges([(1000, true)]);
        assert_eq!(bench.events_by(1030), [bench.pressed(1000)]);
    }

    #[test]
    fn a_missed_press_edge_is_made_up_for_by_the_level() {
        let mut bench = Bench::released();
        bench.level(1000, true);
        assert_eq!(bench.events_by(1029), []);
        assert_eq!(bench.events_by(1030), [bench.pressed(1000)]);
    }

    #[test]
    fn after_dropped_edges_the_hold_time_starts_anew() {
        let mut bench = Bench::released();
        bench.edges([(0, true)]);
        bench.level(25, true);
        assert_eq!(bench.events_by(54), []);
        assert_eq!(bench.events_by(55), [bench.pressed(25)]);
    }

    #[test]
    fn a_button_that_is_held_at_start_rings_nobody_but_is_reported_when_stuck() {
        let mut bench = Bench { filter: PressFilter::new(PressSettings::default()), start: Instant::now() };
        bench.level(0, true);
        assert_eq!(bench.events_by(29_999), []);
        assert_eq!(bench.events_by(30_000), [PressEvent::Stuck]);
        bench.edges([(31_000, false), (32_000, true)]);
        assert_eq!(bench.events_by(33_000), [PressEvent::Freed, bench.pressed(32_000)]);
    }

    #[test]
    fn timestamps_that_run_backwards_do_no_harm() {
        let mut bench = Bench::released();
        bench.filter.handle_edge(true, bench.at(100));
        bench.filter.handle_edge(false, bench.at(20));
        assert_eq!(bench.events_by(1000), []);
    }
}
