//! Whether the companion answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Finding, Outcome, Part};
use crate::http::{self, Answer, HttpError};

const PATIENCE: Duration = Duration::from_secs(5);

/// How to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanionProbe {
    /// It is inside and listens there: ask as a browser does.
    Inside {
        /// Where.
        listen: SocketAddr,
        /// Whether it speaks HTTPS there.
        is_secure: bool,
    },
    /// It is elsewhere: the link knows.
    Elsewhere,
}

impl CompanionProbe {
    /// Asks it; `connected` is what the link says.
    pub async fn finding(self, connected: bool) -> Finding {
        let outcome = match self {
            Self::Inside { listen, is_secure } => match ask(this_machine(listen), is_secure).await {
                Ok(answer) if answer.status < 400 => Outcome::Ok { detail: format!("{listen} answers") },
                Ok(answer) => Outcome::Failed { why: format!("{listen} answers with HTTP {}", answer.status) },
                Err(error) => Outcome::Failed { why: format!("{listen} does not answer: {error}") },
            },
            Self::Elsewhere if connected => Outcome::Ok { detail: "connected".into() },
            Self::Elsewhere => Outcome::Failed {
                why: "the one elsewhere is out of reach; look at its machine, the network and [companion] connect"
                    .into(),
            },
        };
        Finding { part: Part::Companion, outcome }
    }
}

async fn ask(listen: SocketAddr, is_secure: bool) -> Result<Answer, HttpError> {
    if is_secure {
        http::get_securely(listen, "/healthz", PATIENCE).await
    } else {
        http::get(listen, "/healthz", PATIENCE).await
    }
}

/// Who listens on every address is reached on loopback.
fn this_machine(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        let asked = |listen: &str| this_machine(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(asked("[::]:8080"), "[::1]:8080");
        assert_eq!(asked("192.0.2.1:80"), "192.0.2.1:80");
    }
}
