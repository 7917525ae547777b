//! The station's own addresses, as the shell lists them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What is offered as host candidates.
#[derive(Debug)]
pub(crate) struct HostAddresses {
    port: u16,
    addresses: Vec<SocketAddr>,
}

impl HostAddresses {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, addresses: Vec::new() }
    }

    /// Takes the present addresses; those that were not there before come back.
    pub(crate) fn handle_addresses(&mut self, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let new = addresses.iter().filter(|address| !self.addresses.contains(address)).copied().collect();
        self.addresses = addresses;
        new
    }

    pub(crate) fn all(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where a datagram came to, by the address that the kernel says or else by a guess.
    pub(crate) fn destination(&self, local: Option<IpAddr>) -> SocketAddr {
        let unspecified = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.port);
        let first = self.addresses.first().copied().unwrap_or(unspecified);
        local.map_or(first, |ip| SocketAddr::new(ip, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_new_once_and_again_when_it_was_gone() {
        let [home, office]: [SocketAddr; 2] = ["192.0.2.1:4000", "198.51.100.1:4000"].map(|a| a.parse().unwrap());
        let mut host = HostAddresses::new(4000);
        assert_eq!(host.handle_addresses(vec![home]), [home]);
        assert_eq!(host.handle_addresses(vec![home, office]), [office]);
        assert_eq!(host.handle_addresses(vec![office]), []);
        assert_eq!(host.handle_addresses(vec![home]), [home]);
    }

    #[test]
    fn a_datagram_came_to_the_address_that_the_kernel_says_or_the_first_that_there_is() {
        let home: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        let mut host = HostAddresses::new(4000);
        assert_eq!(host.destination(None), "0.0.0.0:4000".parse().unwrap());
        host.handle_addresses(vec![home]);
        assert_eq!(host.destination(None), home);
        assert_eq!(host.destination(Some("198.51.100.1".parse().unwrap())), "198.51.100.1:4000".parse().unwrap());
    }
}
