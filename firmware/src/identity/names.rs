//! What a device's page is reached by: its names in the house, and its addresses there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::DeviceId;

/// The domains of local networks, below which the device's name is added to its certificate: multicast DNS (RFC 6762),
/// home networks (RFC 8375), private use, and what many routers take.
const LOCAL_DOMAINS: [&str; 4] = ["local", "home.arpa", "internal", "lan"];

/// The addresses of local networks: private (RFC 1918), link-local, shared (RFC 6598, which mesh VPNs use).
const LOCAL_V4: [(Ipv4Addr, u8); 5] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];
/// Unique local addresses (RFC 4193). A link-local one can't be written into an address bar.
const LOCAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// The machine that a browser runs on is no other one's, whatever a certificate says.
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// What a device's page is reached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    hostname: String,
    is_own: bool,
    addresses: Vec<IpAddr>,
}

impl Names {
    /// Those of a device whose machine has this name and these addresses. One that is not of a local network may be
    /// somebody else's tomorrow, and is left out.
    pub fn new(id: &DeviceId, hostname: &str, addresses: &[IpAddr]) -> Self {
        let mut local: Vec<IpAddr> = addresses.iter().copied().filter(is_local).collect();
        local.sort_unstable();
        local.dedup();
        Self { hostname: hostname.to_owned(), is_own: hostname == id.hostname(), addresses: local }
    }

    /// The names, and loopback: they stay, wherever the device is.
    pub fn lasting(&self) -> Vec<String> {
        let mut names = vec!["localhost".to_owned()];
        // A name without a domain that somebody chose, such as `dev`, may be a domain of the Internet.
        if self.is_own {
            names.push(self.hostname.clone());
        }
        names.extend(LOCAL_DOMAINS.map(|domain| format!("{}.{domain}", self.hostname)));
        names.extend(LOOPBACK.iter().map(IpAddr::to_string));
        names
    }

    /// Its addresses in local networks.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}

fn is_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => LOCAL_V4.iter().any(|(network, bits)| {
            let shift = 32 - u32::from(*bits);
            address.to_bits() >> shift == network.to_bits() >> shift
        }),
        IpAddr::V6(address) => {
            let (network, bits) = LOCAL_V6;
            let shift = 128 - u32::from(bits);
            address.to_bits() >> shift == network.to_bits() >> shift
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hostname: &str, addresses: &[&str]) -> Names {
        let id = DeviceId::parse("7K3M90ABCDEF").unwrap();
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Names::new(&id, hostname, &addresses)
    }

    #[test]
    fn a_device_has_its_name_below_the_local_domains() {
        let own = names("doorway-7k3m", &[]).lasting();
        for name in ["localhost", "doorway-7k3m", "doorway-7k3m.local", "doorway-7k3m.lan", "127.0.0.1", "::1"] {
            assert!(own.contains(&name.to_owned()), "{name}: {own:?}");
        }
        let chosen = names("dev", &[]).lasting();
        assert!(chosen.contains(&"dev.local".to_owned()) && !chosen.contains(&"dev".to_owned()), "{chosen:?}");
    }

    #[test]
    fn addresses_of_the_internet_are_left_out() {
        let all = ["203.0.113.7", "192.168.1.7", "2001:db8::7", "fd12::7", "100.100.1.7", "192.168.1.7"];
        let kept = names("doorway-7k3m", &all);
        let kept: Vec<String> = kept.addresses().iter().map(IpAddr::to_string).collect();
        assert_eq!(kept, ["100.100.1.7", "192.168.1.7", "fd12::7"]);
    }
}
