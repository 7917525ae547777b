//! Who a connection is counted as: hosts and networks rather than addresses, since a host gives itself as many addresses
//! as it likes.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorway_proto::rooms;
use tokio::time::Instant;

use crate::neighbours::{LinkAddress, Neighbours};

/// How often the prefixes of this machine's links are read anew.
const LOOK: Duration = Duration::from_secs(10);
const LINK_LOCAL: Prefix = Prefix { network: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), length: 10, interface: 0 };

/// Who a connection is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// This machine: its own programs, or a reverse proxy that stands for all.
    Local,
    /// Another one.
    Remote(Host),
}

/// A host as far as it can be told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    /// The address, or with IPv6 beyond the links of this machine the /64 that a host has to itself.
    pub(crate) host: IpAddr,
    /// What a host may have many such addresses of.
    pub(crate) network: Network,
}

/// What one host may have many addresses of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Network {
    /// A link-layer address: the host itself, or one that passes on for others, such as a repeater.
    Link(LinkAddress),
    /// Where that is not known, the IPv6 /64, or the IPv4 address alone.
    Ip(IpAddr),
}

/// Tells who connections are counted as.
pub(crate) struct Sources {
    links: Mutex<Links>,
    numbers: RandomState,
}

struct Links {
    prefixes: Vec<Prefix>,
    read_at: Option<Instant>,
    neighbours: Neighbours,
}

/// A prefix that is on a link of this machine (RFC 4861, section 2.1), an IPv4 one as its mapped addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Prefix {
    network: Ipv6Addr,
    length: u8,
    interface: u32,
}

impl Host {
    /// Whether the network is no more than the host.
    pub(crate) fn is_alone(&self) -> bool {
        self.network == Network::Ip(self.host)
    }
}

impl Sources {
    pub(crate) fn new() -> Self {
        let links = Links { prefixes: Vec::new(), read_at: None, neighbours: Neighbours::new() };
        Self { links: Mutex::new(links), numbers: RandomState::new() }
    }

    /// Who connects from `peer` to this machine's own address `local`.
    pub(crate) fn of(&self, peer: IpAddr, local: Option<IpAddr>) -> Source {
        let peer = peer.to_canonical();
        // Nobody else can hold a conversation from one of this machine's own addresses.
        if peer == Ipv4Addr::LOCALHOST
            || peer == Ipv6Addr::LOCALHOST
            || local.map(|local| local.to_canonical()) == Some(peer)
        {
            return Source::Local;
        }
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if links.read_at.is_none_or(|read_at| read_at.elapsed() >= LOOK) {
            (links.prefixes, links.read_at) = (prefixes(), Some(Instant::now()));
        }
        let Links { prefixes, neighbours, .. } = &mut *links;
        let mapped = mapped(peer);
        let on_link = || prefixes.iter().filter(|prefix| prefix.contains(mapped));
        let is_on_link = LINK_LOCAL.contains(mapped) || on_link().next().is_some();
        let link_address = on_link().find_map(|prefix| neighbours.link_address(peer, prefix.interface));
        remote(peer, is_on_link, link_address)
    }

    /// The source for the rooms.
    pub(crate) fn number(&self, source: Source) -> rooms::Source {
        rooms::Source(match source {
            Source::Local => 0,
            Source::Remote(Host { network: network @ Network::Link(_), .. }) => self.numbers.hash_one(network),
            Source::Remote(Host { host, .. }) => self.numbers.hash_one(host),
        })
    }
}

fn remote(peer: IpAddr, is_on_link: bool, link_address: Option<LinkAddress>) -> Source {
    let wide = match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Prefix { network: address, length: 64, interface: 0 }.first().into(),
    };
    let network = link_address.map_or(Network::Ip(wide), Network::Link);
    Source::Remote(Host { host: if is_on_link { peer } else { wide }, network })
}

fn prefixes() -> Vec<Prefix> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let of = |interface: if_addrs::Interface| {
        let (network, length) = match interface.addr {
            if_addrs::IfAddr::V4(address) => (address.ip.to_ipv6_mapped(), 96 + address.prefixlen),
            if_addrs::IfAddr::V6(address) => (address.ip, address.prefixlen),
        };
        Some(Prefix { network, length, interface: interface.index? })
    };
    interfaces.into_iter().filter(|interface| !interface.is_loopback()).filter_map(of).collect()
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

impl Prefix {
    fn mask(self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.length.min(128))).unwrap_or(0)
    }

    fn first(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.network.to_bits() & self.mask())
    }

    fn contains(self, address: Ipv6Addr) -> bool {
        (self.network.to_bits() ^ address.to_bits()) & self.mask() == 0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Of a host beyond the own link.
    pub(crate) fn from(address: &str) -> Source {
        remote(address.parse::<IpAddr>().unwrap().to_canonical(), false, None)
    }

    /// Of a host on the own link whose link-layer address is not known.
    pub(crate) fn on_link(address: &str) -> Source {
        remote(address.parse().unwrap(), true, None)
    }

    /// Of a host on the own link.
    pub(crate) fn neighbour(address: &str, number: u8) -> Source {
        remote(address.parse().unwrap(), true, Some([2, 0, 0, 0, 0, number]))
    }

    fn network(source: Source) -> Network {
        match source {
            Source::Remote(host) => host.network,
            Source::Local => panic!("it is this machine"),
        }
    }

    #[test]
    fn ipv6_hosts_are_told_apart_on_the_own_link_and_by_their_network_beyond() {
        assert_ne!(on_link("2001:db8::1"), on_link("2001:db8::2"));
        assert_eq!(network(on_link("2001:db8::1")), network(on_link("2001:db8::2")));
        assert_eq!(from("2001:db8:0:1::1"), from("2001:db8:0:1::2"));
        assert_ne!(from("2001:db8:0:1::1"), from("2001:db8:0:2::1"));
        assert_ne!(from("192.0.2.1"), from("192.0.2.2"));
        assert_eq!(from("192.0.2.1"), from("::ffff:192.0.2.1"));
    }

    #[test]
    fn a_neighbour_is_one_whatever_its_addresses() {
        let hostile = ["192.0.2.66", "192.0.2.67", "2001:db8::66", "fe80::66"].map(|address| neighbour(address, 66));
        assert!(hostile.iter().all(|source| network(*source) == network(hostile[0])));
        assert_ne!(network(neighbour("2001:db8::7", 7)), network(hostile[2]));
        let sources = Sources::new();
        assert_eq!(sources.number(hostile[0]), sources.number(hostile[2]));
        assert_ne!(sources.number(hostile[0]), sources.number(neighbour("2001:db8::7", 7)));
    }

    /// In `unshare -rn`: `ip link add d0 type veth peer name d1; ip link set d1 up; ip address add 192.0.2.1/24 dev d0;
    /// ip link set d0 up; ip neighbour add 192.0.2.7 lladdr 02:00:00:00:00:07 dev d0`, and the same in `2001:db8::/64`.
    #[test]
    #[ignore = "needs a network namespace with a link"]
    fn the_kernel_tells_who_a_neighbour_is() {
        let sources = Sources::new();
        for address in ["192.0.2.7", "2001:db8::7"] {
            assert_eq!(sources.of(address.parse().unwrap(), None), neighbour(address, 7));
        }
        assert_eq!(sources.of("2001:db8::8".parse().unwrap(), None), on_link("2001:db8::8"));
        assert_eq!(sources.of("198.51.100.7".parse().unwrap(), None), from("198.51.100.7"));
    }

    #[test]
    fn this_machine_is_known_by_loopback_and_by_its_own_addresses() {
        let (sources, local) = (Sources::new(), Some("192.0.2.7".parse().unwrap()));
        for ours in ["127.0.0.1", "::1", "::ffff:192.0.2.7", "::ffff:127.0.0.1"] {
            assert_eq!(sources.of(ours.parse().unwrap(), local), Source::Local, "{ours}");
        }
        assert_eq!(sources.of("192.0.2.8".parse().unwrap(), local), from("192.0.2.8"));
        assert_eq!(network(sources.of("fe80::8".parse().unwrap(), local)), network(on_link("fe80::9")));
        assert_ne!(sources.of("fe80::8".parse().unwrap(), local), on_link("fe80::9"), "who has it is on a link");
    }

    #[test]
    fn prefixes_of_any_length_are_compared() {
        let prefix = |network: &str, length| Prefix { network: network.parse().unwrap(), length, interface: 1 };
        assert!(prefix("::", 0).contains("2001:db8::1".parse().unwrap()));
        let one = prefix("2001:db8::1", 128);
        assert!(one.contains("2001:db8::1".parse().unwrap()) && !one.contains("2001:db8::2".parse().unwrap()));
        let ipv4 = prefix("::ffff:192.0.2.0", 96 + 24);
        let is_in = |address: &str| ipv4.contains(mapped(address.parse().unwrap()));
        assert!(is_in("192.0.2.200") && !is_in("192.0.3.1") && !is_in("2001:db8::1"));
    }
}
