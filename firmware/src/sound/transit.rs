//! How long packets were under way, relative to the fastest of late.

/// Packets that are looked back on: six seconds at 20 ms.
const WINDOW: usize = 300;

/// The share of packets whose delay the playout must cover, in percent.
const PERCENTILE: usize = 97;

/// Remembers the transit times of the last [`WINDOW`] packets.
///
/// A transit time is arrival minus media timestamp, in samples; its zero is arbitrary, so only differences tell
/// anything. Taking the minimum over a window follows a slow drift between the two clocks by itself.
#[derive(Debug)]
pub(super) struct TransitWindow {
    ring: [i64; WINDOW],
    length: usize,
    next: usize,
    minimum: i64,
    spread: i64,
}

impl TransitWindow {
    pub(super) fn new() -> Self {
        Self { ring: [0; WINDOW], length: 0, next: 0, minimum: 0, spread: 0 }
    }

    pub(super) fn record(&mut self, transit: i64) {
        self.ring[self.next] = transit;
        self.next = (self.next + 1) % WINDOW;
        self.length = (self.length + 1).min(WINDOW);

        let mut sorted = self.ring;
        let sorted = &mut sorted[..self.length];
        let rank = (self.length * PERCENTILE).div_ceil(100).max(1) - 1;
        let (faster, at_rank, _) = sorted.select_nth_unstable(rank);
        self.minimum = faster.iter().copied().min().unwrap_or(*at_rank);
        self.spread = *at_rank - self.minimum;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The fastest packet's transit.
    pub(super) fn minimum(&self) -> i64 {
        self.minimum
    }

    /// By how much the 97th percentile is slower than the fastest.
    pub(super) fn spread(&self) -> i64 {
        self.spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_three_percent_do_not_count() {
        let mut window = TransitWindow::new();
        for index in 0..300 {
            window.record(if index % 100 < 3 { 90_000 } else { 1000 + index % 10 });
        }
        assert_eq!(window.minimum(), 1000);
        assert_eq!(window.spread(), 9);
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut window = TransitWindow::new();
        window.record(-5000);
        for _ in 0..WINDOW {
            window.record(7);
        }
        assert_eq!((window.minimum(), window.spread()), (7, 0));
    }

    #[test]
    fn one_packet_is_its_own_minimum() {
        let mut window = TransitWindow::new();
        assert!(window.is_empty());
        window.record(42);
        assert_eq!((window.minimum(), window.spread()), (42, 0));
    }
}
