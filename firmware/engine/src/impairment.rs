//! A bad network inside the daemon, both ways: random loss, delay and jitter from a seed.
//!
//! It lets anybody see how a call behaves on a bad line without a traffic shaper in the kernel.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// How bad the network is. The default is a perfect one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ImpairmentSettings {
    /// Datagrams that are lost, 0 to 100, each way.
    pub loss_percent: f64,
    /// Added to each datagram, each way.
    pub delay: Duration,
    /// Added on top, random between zero and this, so that datagrams overtake each other.
    pub jitter: Duration,
    /// The same seed gives the same losses.
    pub seed: u64,
}

/// A delay line of things that are due later; at most [`CAPACITY`], beyond which the newest is dropped.
pub struct Impairment<T> {
    settings: ImpairmentSettings,
    rng: SmallRng,
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    next: u64,
}

/// What a second of eight peers' pictures takes.
const CAPACITY: usize = 4096;

struct Waiting<T> {
    due: Instant,
    order: u64,
    item: T,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}
impl<T> Eq for Waiting<T> {}
impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

impl<T> Impairment<T> {
    /// A line with these settings; `None` for a perfect network, which then costs nothing.
    pub fn new(settings: ImpairmentSettings) -> Option<Self> {
        let perfect = settings.loss_percent <= 0.0 && settings.delay.is_zero() && settings.jitter.is_zero();
        (!perfect).then(|| Self {
            settings,
            rng: SmallRng::seed_from_u64(settings.seed),
            waiting: BinaryHeap::new(),
            next: 0,
        })
    }

    /// Puts something on the line, or loses it.
    pub fn handle_item(&mut self, item: T, now: Instant) {
        if self.rng.random_range(0.0..100.0) < self.settings.loss_percent || self.waiting.len() >= CAPACITY {
            return;
        }
        let jitter = self.settings.jitter.mul_f64(self.rng.random_range(0.0..=1.0));
        self.next += 1;
        self.waiting.push(Reverse(Waiting { due: now + self.settings.delay + jitter, order: self.next, item }));
    }

    /// What is due now.
    pub fn poll_item(&mut self, now: Instant) -> Option<T> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.waiting.pop().map(|Reverse(waiting)| waiting.item)
    }

    /// When the next one is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_network_has_no_line() {
        assert!(Impairment::<u8>::new(ImpairmentSettings::default()).is_none());
    }

    #[test]
    fn losses_follow_the_percentage_and_the_seed() {
        let now = Instant::now();
        let settings = ImpairmentSettings { loss_percent: 10.0, seed: 7, ..Default::default() };
        let run = || {
            let mut line = Impairment::new(settings).unwrap();
            let mut out = Vec::new();
            for n in 0..10_000 {
                line.handle_item(n, now);
                out.extend(line.poll_item(now));
            }
            out
        };
        let first = run();
        assert!((8_700..9_300).contains(&first.len()), "{}", first.len());
        assert_eq!(first, run());
    }

    #[test]
    fn nothing_leaves_before_its_delay_or_after_delay_and_jitter() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let settings = ImpairmentSettings { delay: ms(50), jitter: ms(20), ..Default::default() };
        let mut line = Impairment::new(settings).unwrap();
        for n in 0..100 {
            line.handle_item(n, now);
        }
        assert!(line.poll_item(now + ms(49)).is_none());
        let out: Vec<i32> = std::iter::from_fn(|| line.poll_item(now + ms(70))).collect();
        assert_eq!(out.len(), 100);
        assert!(out.windows(2).any(|pair| pair[0] > pair[1]), "jitter lets datagrams overtake");
    }
}
