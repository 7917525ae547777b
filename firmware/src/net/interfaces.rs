//! The addresses that go into an offer as host candidates (RFC 8445, section 5.1.1.1).

use std::net::{IpAddr, SocketAddr};

use if_addrs::Interface;

/// Interfaces that lead to containers and virtual machines on this computer, not to a client.
const INTERNAL_PREFIXES: [&str; 5] = ["docker", "br-", "veth", "virbr", "lxc"];

/// The addresses of this computer with `port`.
///
/// `wanted` names the interfaces to use; empty means all that are up, but for loopback and those of containers. Without
/// any network loopback is all there is, and a browser on this computer still reaches the station. IPv6 link-local
/// addresses are left out, as a browser can't reach them without a scope; IPv4's stay, as a network without DHCP has no
/// others.
pub fn local_addresses(wanted: &[String], port: u16, ipv6: bool) -> Vec<SocketAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the network interfaces could not be listed");
        Vec::new()
    });
    let of = |chosen: &dyn Fn(&Interface) -> bool| -> Vec<SocketAddr> {
        let chosen = interfaces.iter().filter(|interface| chosen(interface)).map(|interface| interface.ip());
        chosen.filter(|ip| is_reachable(ip, ipv6)).map(|ip| SocketAddr::new(ip, port)).collect()
    };
    let mut addresses = of(&|interface| {
        (interface.is_oper_up() || interface.is_loopback())
            && is_wanted(&interface.name, interface.is_loopback(), wanted)
    });
    if addresses.is_empty() && wanted.is_empty() {
        addresses = of(&Interface::is_loopback);
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Whether this computer has an address at this moment. When it can't be told, it has.
pub fn has_address(address: IpAddr) -> bool {
    if_addrs::get_if_addrs().map_or(true, |interfaces| interfaces.iter().any(|interface| interface.ip() == address))
}

/// The names of this computer's interfaces.
pub fn interface_names() -> Vec<String> {
    // Those without an address too, such as one whose cable is out.
    let entries = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

fn is_wanted(name: &str, loopback: bool, wanted: &[String]) -> bool {
    if wanted.is_empty() {
        return !loopback && !INTERNAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    }
    wanted.iter().any(|wanted| wanted == name)
}

fn is_reachable(ip: &IpAddr, ipv6: bool) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => ipv6 && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_and_loopback_are_left_out_unless_named() {
        assert!(is_wanted("eth0", false, &[]));
        assert!(!is_wanted("lo", true, &[]));
        assert!(!is_wanted("docker0", false, &[]));
        assert!(is_wanted("lo", true, &["lo".into()]));
        assert!(!is_wanted("eth0", false, &["lo".into()]));
    }

    #[test]
    fn an_address_that_a_browser_cannot_reach_is_left_out() {
        assert!(!is_reachable(&"fe80::1".parse().unwrap(), true));
        assert!(is_reachable(&"169.254.3.4".parse().unwrap(), true));
        assert!(is_reachable(&"fd00::2".parse().unwrap(), true));
        assert!(!is_reachable(&"fd00::2".parse().unwrap(), false));
    }

    #[test]
    fn an_address_of_somebody_else_is_not_ours() {
        assert!(has_address("127.0.0.1".parse().unwrap()));
        assert!(!has_address("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn loopback_is_found_when_it_is_named() {
        let found = local_addresses(&["lo".into()], 7, false);
        assert!(found.contains(&"127.0.0.1:7".parse().unwrap()), "{found:?}");
    }
}
