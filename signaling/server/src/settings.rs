//! What a companion is told before it starts, and what is wrong with it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use doorway_proto::rooms::Limits;
use tokio::sync::watch;

use crate::certificate::OwnAuthority;
use crate::claim::Claim;
use crate::secret::Secret;
use crate::tls::Tls;

/// What a companion is told before it starts. The default listens on loopback, without a secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What every endpoint must know. Needed as soon as other machines can connect.
    pub secret: Option<Secret>,
    /// Names, without port, under which the companion is reached through a reverse proxy; needs a secret.
    pub hosts: Vec<String>,
    /// HTTPS; without it HTTP, which browsers trust on loopback only.
    pub tls: Option<Tls>,
    /// Where plain HTTP leads to HTTPS, and offers the certificate to install; needs `tls`.
    pub redirect: Option<SocketAddr>,
    /// An authority of our own that browsers do not know; its certificate may change while the companion runs.
    pub authority: Option<watch::Receiver<OwnAuthority>>,
    /// This machine's own names, such as `doorway-7k3m.local`; with an `authority`, those that it vouches for.
    pub names: Vec<String>,
    /// Instead of a secret: whoever opens the page first chooses one. Needs `tls`.
    pub claim: Option<Arc<Claim>>,
    /// What the rooms take on.
    pub limits: Limits,
    /// Open connections of any kind: half of them are for who has shown to be of the household, a quarter for strangers
    /// and a quarter for this machine's own programs. The process needs a file handle for each.
    pub connections: usize,
    /// Open connections of one host: an address, with IPv6 beyond the own link a /64 network. This machine is exempt, as
    /// a reverse proxy on it stands for all.
    pub connections_per_address: usize,
    /// What may wait for a connection that reads slowly, in bytes; when it is more, the connection is closed.
    pub queue_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            secret: None,
            hosts: Vec::new(),
            tls: None,
            redirect: None,
            authority: None,
            names: Vec::new(),
            claim: None,
            limits: Limits::default(),
            connections: 16 * 1024,
            connections_per_address: 256,
            queue_bytes: 2 * 1024 * 1024,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        if self.tls.is_none() {
            if let Some(redirect) = self.redirect {
                return Err(SettingsError::RedirectWithoutTls { redirect });
            }
            if self.claim.is_some() {
                return Err(SettingsError::ClaimWithoutTls);
            }
        }
        if self.secret.is_some() || self.claim.is_some() {
            return Ok(());
        }
        if !self.listen.ip().to_canonical().is_loopback() {
            return Err(SettingsError::OpenWithoutSecret { listen: self.listen });
        }
        match self.hosts.first() {
            Some(host) => Err(SettingsError::HostWithoutSecret { host: host.clone() }),
            None => Ok(()),
        }
    }
}

/// Settings that do not go together.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Other machines could connect and nothing would be asked of them.
    #[error("other machines reach {listen}, and there is no secret: set a secret, or listen on 127.0.0.1 only")]
    OpenWithoutSecret {
        /// The address.
        listen: SocketAddr,
    },
    /// A reverse proxy lets others in and nothing would be asked of them.
    #[error("others reach the companion as '{host}', and there is no secret: set a secret, or leave the host name out")]
    HostWithoutSecret {
        /// The name.
        host: String,
    },
    /// Plain HTTP has nowhere to lead to.
    #[error("plain HTTP on {redirect} leads to HTTPS, and there is none: serve HTTPS, or leave the redirect out")]
    RedirectWithoutTls {
        /// The address.
        redirect: SocketAddr,
    },
    /// The secret that somebody chooses would be readable on its way.
    #[error("a station is set up from its page over HTTPS only: serve HTTPS, or set a secret")]
    ClaimWithoutTls,
}

/// Why a companion can't start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("cannot listen on {listen}, another program does: stop it, or set another port")]
    PortTaken {
        /// The address.
        listen: SocketAddr,
    },
    /// The system does not let this user listen there.
    #[error("cannot listen on {listen}, this user may not: set a port above 1023, or give the service that right")]
    NotAllowed {
        /// The address.
        listen: SocketAddr,
    },
    /// No interface of this machine has that address.
    #[error("cannot listen on {listen}, this machine has no such address: set one that `ip address` shows")]
    NoSuchAddress {
        /// The address.
        listen: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {listen}: {source}")]
    Other {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the standard library's enum")]
    pub(crate) fn from_io(listen: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { listen },
            io::ErrorKind::PermissionDenied => Self::NotAllowed { listen },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { listen },
            _ => Self::Other { listen, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str, secret: Option<&str>, hosts: &[&str]) -> Settings {
        Settings {
            listen: listen.parse().unwrap(),
            secret: secret.map(|secret| Secret::new(secret).unwrap()),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            ..Settings::default()
        }
    }

    #[test]
    fn who_can_be_reached_from_outside_needs_a_secret() {
        for open in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
            let error = settings(open, None, &[]).check().unwrap_err().to_string();
            assert!(error.contains(open) && error.contains("set a secret"), "{error}");
            settings(open, Some("correct horse"), &[]).check().unwrap();
        }
        for closed in ["127.0.0.1:8080", "127.5.5.5:1", "[::1]:8080", "[::ffff:127.0.0.1]:80"] {
            settings(closed, None, &[]).check().unwrap();
            settings(closed, None, &["door.example.org"]).check().unwrap_err();
            settings(closed, Some("correct horse"), &["door.example.org"]).check().unwrap();
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", settings("[::]:1", Some("correct horse"), &[])).contains("horse"));
    }
}
