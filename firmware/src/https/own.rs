//! Certificates of the station's own authority, made for the names and addresses that it has at the moment.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use doorway_signaling::OwnAuthority;
use tokio::sync::watch;

use super::{HttpsError, Shelf, certified};
use crate::identity::{
    self, Authority, AuthorityCertificate, Clock, DeviceId, Identity, IdentityError, Names, ServerCertificates,
    state_folder,
};
use crate::net::local_addresses;

/// The kernel's list of IPv6 addresses, and the flag of those that last some days only (RFC 8981).
const IF_INET6: &str = "/proc/net/if_inet6";
const TEMPORARY: u32 = 0x01;

pub(super) struct Own {
    state: PathBuf,
    id: DeviceId,
    authority: Authority,
    certificates: ServerCertificates,
    hostname: String,
    /// For whoever offers it.
    offered: watch::Sender<OwnAuthority>,
}

impl Own {
    pub(super) fn load(hostname: String) -> Result<Self, HttpsError> {
        Self::load_from(state_folder(), hostname)
    }

    fn load_from(state: PathBuf, hostname: String) -> Result<Self, HttpsError> {
        let (Identity { id, authority, .. }, is_new) = Identity::load_or_make(&state, None)?;
        if is_new {
            tracing::info!(device = %id, "this device has its identity now");
        }
        let certificates = match identity::server_certificates(&state, &authority) {
            Some(certificates) => certificates,
            None => ServerCertificates::new(&authority).map_err(IdentityError::from)?,
        };
        let nothing = OwnAuthority { certificate: Arc::from([]), vouches_for: Vec::new(), until: 0 };
        let offered = watch::Sender::new(authority.certificate().map_or(nothing, offered));
        Ok(Self { state, id, authority, certificates, hostname, offered })
    }

    /// Whether there is something else to show, now that the station has these addresses. What is shown was kept before.
    pub(super) fn look(&mut self, clock: Clock, addresses: &[IpAddr]) -> Result<bool, HttpsError> {
        let names = Names::new(&self.id, &self.hostname, addresses);
        if let Some(renewed) = self.authority.renew(&names, clock).map_err(IdentityError::from)? {
            identity::keep_authority(&self.state, renewed)?;
            self.offered.send_replace(offered(renewed));
        }
        let is_new = self.certificates.renew(&self.authority, &names, clock).map_err(IdentityError::from)?;
        if is_new {
            identity::keep_server_certificates(&self.state, &self.certificates)?;
        }
        Ok(is_new)
    }

    pub(super) fn shelf(&self) -> Result<Shelf, HttpsError> {
        let mut shelf = Shelf::default();
        for one in self.certificates.certificates() {
            let key = certified(one.pem().as_bytes(), self.certificates.key().as_bytes());
            let key = Arc::new(key.map_err(|why| HttpsError::File {
                path: self.state.clone(),
                why,
                remedy: "remove identity/server.json in it, and others are made",
            })?);
            match one.address() {
                Some(address) => shelf.by_address.push((address, key)),
                None if shelf.by_name.is_none() => shelf.by_name = Some(key),
                // Of another name that the station had.
                None => {}
            }
        }
        Ok(shelf)
    }

    pub(super) fn authority(&self) -> watch::Receiver<OwnAuthority> {
        self.offered.subscribe()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let names = Names::new(&self.id, &self.hostname, &[]).lasting();
        // Loopback is everybody's.
        names.into_iter().filter(|name| name != "localhost" && name.parse::<IpAddr>().is_err()).collect()
    }
}

fn offered(certificate: &AuthorityCertificate) -> OwnAuthority {
    OwnAuthority {
        certificate: Arc::from(certificate.der().as_ref()),
        vouches_for: certificate.vouches_for(),
        until: certificate.until(),
    }
}

/// The station's addresses, but for those that last some days only: nobody knows them by heart.
pub(super) fn addresses() -> Vec<IpAddr> {
    let temporary = temporary_addresses(&std::fs::read_to_string(IF_INET6).unwrap_or_default());
    let all = local_addresses(&[], 0, true).into_iter().map(|address: SocketAddr| address.ip());
    all.filter(|address| !temporary.contains(address)).collect()
}

/// Of lines such as `fd120000000000000000000000000007 02 40 00 80 eth0`: address, interface, prefix, scope, flags, name.
fn temporary_addresses(if_inet6: &str) -> Vec<IpAddr> {
    let temporary = if_inet6.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
        (flags & TEMPORARY != 0).then(|| Ipv6Addr::from_bits(address).into())
    });
    temporary.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const CLOCK: Clock = Clock { now: 1_800_000_000, is_set: true };

    fn own(state: &Path, hostname: &str) -> Own {
        Own::load_from(state.to_owned(), hostname.to_owned()).unwrap()
    }

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn another_address_leaves_what_is_shown_by_name_and_outlives_a_restart() {
        let state = tempfile::tempdir().unwrap();
        let mut first = own(state.path(), "gate");
        assert!(first.look(CLOCK, &addresses(&["192.168.1.7"])).unwrap());
        assert!(!first.look(CLOCK, &addresses(&["192.168.1.7"])).unwrap());
        let before = first.shelf().unwrap();
        let authority = first.authority().borrow().clone();
        assert!(authority.vouches_for.contains(&"192.168.1.7".to_owned()), "{authority:?}");
        drop(first);

        let mut second = own(state.path(), "gate");
        assert_eq!(*second.authority().borrow(), authority, "it is kept");
        assert!(!second.look(CLOCK, &addresses(&["192.168.1.7"])).unwrap(), "so are the certificates");
        assert!(second.look(CLOCK, &addresses(&["192.168.1.9"])).unwrap());
        let after = second.shelf().unwrap();
        let shown = |shelf: &Shelf| shelf.by_name.as_ref().unwrap().cert.clone();
        assert_eq!(shown(&after), shown(&before));
        let known: Vec<String> = after.by_address.iter().map(|(address, _)| address.to_string()).collect();
        assert_eq!(known, ["192.168.1.9", "192.168.1.7"]);
        let authority = second.authority().borrow().clone();
        assert!(authority.vouches_for.contains(&"192.168.1.9".to_owned()), "the new one is offered: {authority:?}");
    }

    #[test]
    fn another_name_has_its_own_certificate() {
        let state = tempfile::tempdir().unwrap();
        let mut first = own(state.path(), "gate");
        first.look(CLOCK, &[]).unwrap();
        let before = first.shelf().unwrap().by_name.unwrap();
        drop(first);
        let mut second = own(state.path(), "garden");
        assert!(second.look(CLOCK, &[]).unwrap());
        assert_ne!(second.shelf().unwrap().by_name.unwrap().cert, before.cert);
        assert!(
            second.names().contains(&"garden.local".to_owned()) && !second.names().contains(&"localhost".to_owned())
        );
    }

    #[test]
    fn an_address_for_some_days_is_known_by_its_flag() {
        let list = "fd120000000000000000000000000007 02 40 00 80     eth0\n\
            fd12000000000000a1b2c3d4e5f60718 02 40 00 01     eth0\n\
            00000000000000000000000000000001 01 80 10 80       lo\n\
            what is this\n";
        assert_eq!(temporary_addresses(list), addresses(&["fd12::a1b2:c3d4:e5f6:718"]));
    }
}
