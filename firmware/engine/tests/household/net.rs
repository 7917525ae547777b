//! A seeded network between addresses: it loses, delays, reorders and repeats datagrams, and leads nowhere for who is cut off.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use str0m::net::Transmit;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weather {
    pub(crate) loss_percent: f64,
    pub(crate) delay: Duration,
    /// Added on top, random up to this, so that datagrams overtake each other.
    pub(crate) jitter: Duration,
    pub(crate) repeats_percent: f64,
}

impl Weather {
    pub(crate) const FINE: Self =
        Self { loss_percent: 0.0, delay: Duration::from_millis(2), jitter: Duration::ZERO, repeats_percent: 0.0 };

    pub(crate) fn losing(loss_percent: f64) -> Self {
        Self { loss_percent, delay: Duration::from_millis(10), jitter: Duration::from_millis(5), repeats_percent: 1.0 }
    }
}

/// A datagram on its way.
pub(crate) struct Datagram {
    due: Instant,
    order: u64,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) data: Vec<u8>,
}

impl PartialEq for Datagram {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}
impl Eq for Datagram {}
impl PartialOrd for Datagram {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Datagram {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

pub(crate) struct Net {
    pub(crate) weather: Weather,
    rng: SmallRng,
    on_its_way: BinaryHeap<Reverse<Datagram>>,
    order: u64,
    cut: BTreeSet<IpAddr>,
}

impl Net {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        let rng = SmallRng::seed_from_u64(seed);
        Self { weather, rng, on_its_way: BinaryHeap::new(), order: 0, cut: BTreeSet::new() }
    }

    /// Nothing comes from or to this address any more, or does again.
    pub(crate) fn cut(&mut self, address: IpAddr, cut: bool) {
        if cut {
            self.cut.insert(address);
        } else {
            self.cut.remove(&address);
        }
    }

    pub(crate) fn send(&mut self, transmit: Transmit, now: Instant) {
        let Transmit { source, destination, contents, .. } = transmit;
        self.put(source, destination, contents.to_vec(), now);
    }

    pub(crate) fn put(&mut self, source: SocketAddr, destination: SocketAddr, data: Vec<u8>, now: Instant) {
        if self.cut.contains(&source.ip()) || self.cut.contains(&destination.ip()) {
            return;
        }
        let Weather { loss_percent, delay, jitter, repeats_percent } = self.weather;
        let copies = if self.rng.random_range(0.0..100.0) < repeats_percent { 2 } else { 1 };
        for _ in 0..copies {
            if self.rng.random_range(0.0..100.0) < loss_percent {
                continue;
            }
            let due = now + delay + jitter.mul_f64(self.rng.random_range(0.0..=1.0));
            self.order += 1;
            let datagram = Datagram { due, order: self.order, source, destination, data: data.clone() };
            self.on_its_way.push(Reverse(datagram));
        }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Option<Datagram> {
        if self.poll_timeout()? > now {
            return None;
        }
        let Reverse(datagram) = self.on_its_way.pop()?;
        let is_cut = self.cut.contains(&datagram.source.ip()) || self.cut.contains(&datagram.destination.ip());
        if is_cut { self.poll(now) } else { Some(datagram) }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.on_its_way.peek().map(|Reverse(datagram)| datagram.due)
    }
}
