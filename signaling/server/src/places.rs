//! Who may be connected, and who has to go for it. Pure.
//!
//! Whoever has said nothing yet that shows them to be of the household is a stranger. Strangers have few places and take
//! them from each other: a newcomer always comes in, and the oldest connection goes of whoever holds the most. Members
//! have places of their own, and so has this machine, so that a crowd at the door keeps out neither.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::source::{Host, Network, Source};

/// Up to so many connections, as a browser opens for one page, a host is not told apart from one with fewer.
const OF_ONE_PAGE: usize = 8;

/// How many places there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlaceLimits {
    /// For strangers.
    pub(crate) strangers: usize,
    /// For strangers of this machine.
    pub(crate) local: usize,
    /// For members, whether of this machine or not.
    pub(crate) members: usize,
    /// For one host, this machine excepted.
    pub(crate) per_host: usize,
}

/// A connection. A later one has a higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlaceId(u64);

/// All connections.
#[derive(Debug)]
pub(crate) struct Places {
    limits: PlaceLimits,
    strangers: BTreeMap<PlaceId, Source>,
    members: BTreeMap<PlaceId, Source>,
    latest: u64,
}

impl PlaceLimits {
    /// Of so many connections: strangers of this machine and of others have a quarter each.
    pub(crate) fn of(connections: usize, per_host: usize) -> Self {
        let strangers = (connections / 4).clamp(1, 1024);
        Self { strangers, local: strangers, members: connections.saturating_sub(2 * strangers).max(1), per_host }
    }
}

impl Places {
    pub(crate) fn new(limits: PlaceLimits) -> Self {
        Self { limits, strangers: BTreeMap::new(), members: BTreeMap::new(), latest: 0 }
    }

    /// A stranger comes in; the second one, if any, goes for it.
    pub(crate) fn admit(&mut self, source: Source) -> (PlaceId, Option<PlaceId>) {
        self.latest += 1;
        let newcomer = PlaceId(self.latest);
        self.strangers.insert(newcomer, source);
        let evicted = match source {
            Source::Local => self.evict_local(),
            Source::Remote(host) => self.evict_remote(host),
        };
        if let Some(evicted) = evicted {
            self.strangers.remove(&evicted);
        }
        (newcomer, evicted)
    }

    /// A stranger has shown to be of the household; whether there is a place for a member more.
    pub(crate) fn promote(&mut self, id: PlaceId) -> bool {
        let Some(source) = self.strangers.get(&id).copied() else {
            return self.members.contains_key(&id);
        };
        let of_host = || self.members.values().filter(|other| **other == source).count();
        if self.members.len() >= self.limits.members || source != Source::Local && of_host() >= self.limits.per_host {
            return false;
        }
        self.strangers.remove(&id);
        self.members.insert(id, source);
        true
    }

    /// A connection is gone.
    pub(crate) fn leave(&mut self, id: PlaceId) {
        self.strangers.remove(&id);
        self.members.remove(&id);
    }

    pub(crate) fn len(&self) -> usize {
        self.strangers.len() + self.members.len()
    }

    fn evict_local(&self) -> Option<PlaceId> {
        let mut local = self.strangers.iter().filter(|(_, source)| **source == Source::Local).map(|(id, _)| *id);
        let oldest = local.next()?;
        (local.count() >= self.limits.local).then_some(oldest)
    }

    fn evict_remote(&self, newcomer: Host) -> Option<PlaceId> {
        let remote = || {
            self.strangers.iter().filter_map(|(id, source)| match source {
                Source::Local => None,
                Source::Remote(host) => Some((*id, *host)),
            })
        };
        let mut of_newcomer = remote().filter(|(_, host)| *host == newcomer).map(|(id, _)| id);
        let oldest = of_newcomer.next()?;
        if of_newcomer.count() >= self.limits.per_host {
            return Some(oldest);
        }
        if remote().count() <= self.limits.strangers {
            return None;
        }
        let (mut networks, mut hosts) = (HashMap::<Network, usize>::new(), HashMap::<IpAddr, usize>::new());
        for (_, Host { host, network }) in remote() {
            *networks.entry(network).or_default() += 1;
            *hosts.entry(host).or_default() += 1;
        }
        let share = |count: Option<&usize>| count.map_or(0, |count| (*count).max(OF_ONE_PAGE));
        let goes = remote().max_by_key(|(id, Host { host, network })| {
            (share(networks.get(network)), share(hosts.get(host)), Reverse(*id))
        });
        goes.map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{from, neighbour, on_link};

    fn places() -> Places {
        Places::new(PlaceLimits { strangers: 32, local: 4, members: 8, per_host: 24 })
    }

    #[test]
    fn one_host_with_many_addresses_pushes_out_its_own_connections_only() {
        let mut places = places();
        let (page, _) = places.admit(from("192.0.2.7"));
        let (phone, _) = places.admit(on_link("2001:db8:0:7::1"));
        for n in 0..1000 {
            // A hostile host on the own link, by IPv4 and under ever new IPv6 addresses of a network that the phone
            // is not in.
            let hostile = if n % 2 == 0 { from("192.0.2.66") } else { on_link(&format!("2001:db8::{n:x}")) };
            let (_, evicted) = places.admit(hostile);
            assert!(evicted != Some(page) && evicted != Some(phone), "{n}");
            assert!(places.len() <= 32);
        }
    }

    #[test]
    fn one_neighbour_with_all_addresses_of_the_own_network_pushes_out_itself_only() {
        let mut places = places();
        let page: Vec<_> = (0..6).map(|_| places.admit(neighbour("2001:db8::7", 7)).0).collect();
        for n in 0x100..0x500 {
            let (_, evicted) = places.admit(neighbour(&format!("2001:db8::{n:x}"), 66));
            assert!(evicted.is_none_or(|evicted| !page.contains(&evicted)), "{n:x}");
        }
    }

    #[test]
    fn the_oldest_goes_of_the_host_with_the_most() {
        let mut places = places();
        let hostile: Vec<_> = (0..24).map(|_| places.admit(on_link("2001:db8::66")).0).collect();
        let neighbours: Vec<_> = (0..8).map(|_| places.admit(on_link("2001:db8::7")).0).collect();
        let (_, evicted) = places.admit(on_link("2001:db8::8"));
        assert_eq!(evicted, Some(hostile[0]), "of the same network, and not of the same host");
        let (_, evicted) = places.admit(on_link("2001:db8::66"));
        assert_eq!(evicted, Some(hostile[1]), "a newcomer of its own is no exception");
        assert!(neighbours.iter().all(|id| places.strangers.contains_key(id)));
    }

    #[test]
    fn a_network_beyond_the_own_link_counts_as_one_host() {
        let mut places = places();
        let first = places.admit(from("2001:db8:0:9::1")).0;
        for n in 2..25 {
            assert_eq!(places.admit(from(&format!("2001:db8:0:9::{n}"))).1, None);
        }
        assert_eq!(places.admit(from("2001:db8:0:9::99")).1, Some(first), "the limit of one host");
    }

    #[test]
    fn this_machine_and_members_have_places_that_strangers_cannot_take() {
        let mut places = places();
        let (member, _) = places.admit(from("192.0.2.7"));
        assert!(places.promote(member));
        for n in 0..200 {
            assert_ne!(places.admit(from(&format!("198.51.100.{n}"))).1, Some(member));
        }
        let local: Vec<_> = (0..4).map(|_| places.admit(Source::Local)).collect();
        assert!(local.iter().all(|(_, evicted)| evicted.is_none()), "though strangers hold all of theirs");
        assert_eq!(places.admit(Source::Local).1, Some(local[0].0));
        assert_eq!(places.len(), 32 + 4 + 1);
    }

    #[test]
    fn members_are_bounded_in_all_and_by_host() {
        let mut places = Places::new(PlaceLimits { strangers: 32, local: 4, members: 5, per_host: 3 });
        let mut joins = |source| {
            let (id, _) = places.admit(source);
            places.promote(id)
        };
        assert_eq!((0..4).map(|_| joins(from("192.0.2.7"))).collect::<Vec<_>>(), [true, true, true, false]);
        assert_eq!((0..3).map(|_| joins(Source::Local)).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn a_member_stays_one_and_leaves_nothing_behind() {
        let mut places = places();
        let (id, _) = places.admit(from("192.0.2.7"));
        assert!(places.promote(id) && places.promote(id));
        places.leave(id);
        assert!(!places.promote(id));
        assert_eq!(places.len(), 0);
    }
}
