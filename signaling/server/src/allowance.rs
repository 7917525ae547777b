//! How often a host may do something. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::source::{Host, Network, Source};

/// Hosts, and networks, that are remembered. Those that have waited longest are forgotten first.
const REMEMBERED: usize = 4096;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// So many at once after a pause.
    pub(crate) burst: u32,
    /// One more after each of these.
    pub(crate) every: Duration,
}

/// A token bucket, kept as the instant at which it will be full again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    full_at: Instant,
}

/// Each host's and each network's own allowance. This machine needs none.
#[derive(Debug)]
pub(crate) struct Allowance {
    per_host: Pace,
    per_network: Pace,
    hosts: Ledger<IpAddr>,
    networks: Ledger<Network>,
}

#[derive(Debug)]
struct Ledger<K>(HashMap<K, Bucket>);

impl Bucket {
    pub(crate) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long it takes until there is one; nothing was taken.
    pub(crate) fn take(&mut self, pace: Pace, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + pace.every;
        let earliest = full_at.checked_sub(pace.every.saturating_mul(pace.burst)).unwrap_or(now);
        let wait = earliest.saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }

    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// Puts back what was taken.
    pub(crate) fn give_back(&mut self, pace: Pace) {
        self.full_at = self.full_at.checked_sub(pace.every).unwrap_or(self.full_at);
    }
}

impl Allowance {
    pub(crate) fn new(per_host: Pace, per_network: Pace) -> Self {
        Self { per_host, per_network, hosts: Ledger(HashMap::new()), networks: Ledger(HashMap::new()) }
    }

    /// Takes one for a host.
    ///
    /// # Errors
    /// How long it takes until there is one; nothing was taken.
    pub(crate) fn take(&mut self, source: Source, now: Instant) -> Result<(), Duration> {
        let Source::Remote(source) = source else { return Ok(()) };
        let Host { host, network } = source;
        self.hosts.bucket(host, now).take(self.per_host, now)?;
        if source.is_alone() {
            return Ok(());
        }
        let taken = self.networks.bucket(network, now).take(self.per_network, now);
        if taken.is_err() {
            self.hosts.bucket(host, now).give_back(self.per_host);
        }
        taken
    }
}

impl<K: Hash + Eq + Copy> Ledger<K> {
    fn bucket(&mut self, key: K, now: Instant) -> &mut Bucket {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&key) {
            self.0.retain(|_, bucket| !bucket.is_full(now));
            if self.0.len() >= REMEMBERED
                && let Some(fullest) = self.0.iter().min_by_key(|(_, bucket)| bucket.full_at).map(|(key, _)| *key)
            {
                self.0.remove(&fullest);
            }
        }
        self.0.entry(key).or_insert(Bucket::full(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{from, on_link};

    const SECOND: Duration = Duration::from_secs(1);

    fn allowance() -> Allowance {
        Allowance::new(Pace { burst: 3, every: SECOND }, Pace { burst: 5, every: SECOND })
    }

    #[test]
    fn each_host_has_its_own() {
        let (start, mut allowance) = (Instant::now(), allowance());
        let mut takes = |from_, after| allowance.take(from(from_), start + after);
        for _ in 0..3 {
            takes("192.0.2.1", Duration::ZERO).unwrap();
        }
        assert_eq!(takes("192.0.2.1", SECOND / 4), Err(SECOND * 3 / 4));
        takes("192.0.2.2", SECOND / 4).unwrap();
        takes("192.0.2.1", SECOND).unwrap();
        assert_eq!(takes("192.0.2.1", SECOND), Err(SECOND));
    }

    #[test]
    fn many_addresses_of_one_network_share_an_allowance() {
        let (start, mut allowance) = (Instant::now(), allowance());
        let taken = (1..100).filter(|n| allowance.take(on_link(&format!("2001:db8::{n}")), start).is_ok()).count();
        assert_eq!(taken, 5);
        allowance.take(from("192.0.2.1"), start).unwrap();
        assert!((0..100).all(|_| allowance.take(Source::Local, start).is_ok()));
    }

    #[test]
    fn what_the_network_refuses_is_not_charged_to_the_host() {
        let start = Instant::now();
        let (per_host, per_network) = (Pace { burst: 3, every: SECOND * 10 }, Pace { burst: 5, every: SECOND });
        let mut allowance = Allowance::new(per_host, per_network);
        for n in 1..6 {
            allowance.take(on_link(&format!("2001:db8::{n}")), start).unwrap();
        }
        let late = on_link("2001:db8::99");
        assert!((0..10).all(|_| allowance.take(late, start).is_err()));
        assert!((0..3).all(|_| allowance.take(late, start + SECOND * 3).is_ok()));
    }

    #[test]
    fn it_remembers_a_bounded_number_of_hosts() {
        let (start, mut allowance) = (Instant::now(), allowance());
        for n in 0..3 * REMEMBERED {
            let (a, b) = (n / 250, n % 250);
            allowance.take(from(&format!("10.1.{a}.{b}")), start).unwrap();
        }
        assert!(allowance.hosts.0.len() <= REMEMBERED);
    }
}
