//! The addresses that go into an offer as host candidates (RFC 8445, section 5.1.1.1).

use std::net::{IpAddr, SocketAddr};

use if_addrs::Interface;

/// Interfaces that lead to containers and virtual machines on this computer, not to a client.
const INTERNAL_PREFIXES: [&str; 4] = ["docker", "veth", "virbr", "lxc"];

/// The addresses of this computer with `port`.
///
/// `wanted` names the interfaces to use; empty means all that are up, but for loopback and those of containers; what has the
/// default route leads to clients whatever it is called. Without
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
    let default_routes = default_routes();
    let mut addresses = of(&|interface| {
        (interface.is_oper_up() || interface.is_loopback())
            && is_wanted(&interface.name, interface.is_loopback(), wanted, &default_routes)
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

fn is_wanted(name: &str, loopback: bool, wanted: &[String], default_routes: &[String]) -> bool {
    if wanted.is_empty() {
        return !loopback && (default_routes.iter().any(|route| route == name) || !is_internal(name));
    }
    wanted.iter().any(|wanted| wanted == name)
}

fn is_internal(name: &str) -> bool {
    // Docker calls the bridges of its networks by the first twelve digits of their ids; a router's is `br-lan`.
    let container_bridge = name
        .strip_prefix("br-")
        .is_some_and(|id| id.len() == 12 && id.bytes().all(|letter| letter.is_ascii_hexdigit()));
    container_bridge || INTERNAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The interfaces that the kernel's default routes lead over.
fn default_routes() -> Vec<String> {
    let table = |path| std::fs::read_to_string(path).unwrap_or_default();
    let mut names = ipv4_default_routes(&table("/proc/net/route"));
    names.extend(ipv6_default_routes(&table("/proc/net/ipv6_route")));
    names
}

/// Interface, destination, gateway, flags, four numbers, mask.
fn ipv4_default_routes(table: &str) -> Vec<String> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_default = fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000");
        is_default.then(|| fields.first().map(|name| (*name).to_owned()))?
    });
    routes.collect()
}

/// Destination and its length first, the interface last. A route that refuses everything is loopback's.
fn ipv6_default_routes(table: &str) -> Vec<String> {
    let routes = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_default = fields.first()?.bytes().all(|digit| digit == b'0') && fields.get(1) == Some(&"00");
        is_default.then(|| fields.last().map(|name| (*name).to_owned()))?
    });
    routes.filter(|name| name != "lo").collect()
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
        let is_wanted = |name, loopback, wanted: &[String]| is_wanted(name, loopback, wanted, &[]);
        assert!(is_wanted("eth0", false, &[]));
        assert!(!is_wanted("lo", true, &[]));
        assert!(!is_wanted("docker0", false, &[]));
        assert!(!is_wanted("br-0a1b2c3d4e5f", false, &[]));
        assert!(is_wanted("br-lan", false, &[]));
        assert!(is_wanted("lo", true, &["lo".into()]));
        assert!(!is_wanted("eth0", false, &["lo".into()]));
    }

    #[test]
    fn what_has_the_default_route_is_kept_whatever_it_is_called() {
        let routes = ipv4_default_routes(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             virbr7\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
        );
        assert_eq!(routes, ["virbr7"]);
        assert!(is_wanted("virbr7", false, &[], &routes));
        assert!(!is_wanted("docker0", false, &[], &routes));
        assert!(!is_wanted("virbr7", false, &["eth0".into()], &routes), "what is named is what is used");
        let zero = "0".repeat(32);
        let table = format!(
            "{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 1 0 00000003   lxcbr0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200       lo\n\
             fd000000000000000000000000000000 40 {zero} 00 {zero} 00000100 1 0 00000001 eth0\n"
        );
        assert_eq!(ipv6_default_routes(&table), ["lxcbr0"]);
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
