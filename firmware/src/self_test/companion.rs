//! Whether the companion answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use doorway_signaling::Handle;

use super::{Finding, Outcome, Part};
use crate::http::{self, Answer, HttpError};

const PATIENCE: Duration = Duration::from_secs(5);

/// How to find out.
#[derive(Clone)]
pub enum CompanionProbe {
    /// It is inside and listens there: ask as a browser does.
    Inside {
        /// Where.
        listen: SocketAddr,
        /// Whether it speaks HTTPS there.
        is_secure: bool,
        /// What it knows itself.
        companion: Handle,
    },
    /// It is elsewhere: the link knows.
    Elsewhere,
}

impl CompanionProbe {
    /// Asks it; `connected` is what the link says.
    pub async fn finding(&self, connected: bool) -> Finding {
        let outcome = match self {
            Self::Inside { listen, is_secure, companion } => {
                let answer = ask(this_machine(*listen), *is_secure).await;
                judge(*listen, answer, companion.trouble(), companion.is_crowded())
            }
            Self::Elsewhere if connected => Outcome::Ok { detail: "connected".into() },
            Self::Elsewhere => Outcome::Failed {
                why: "the one elsewhere is out of reach; look at its machine, the network and [companion] connect"
                    .into(),
            },
        };
        Finding { part: Part::Companion, outcome }
    }
}

/// An update is undone for what fails here, so a crowd of strangers must not make it fail.
fn judge(listen: SocketAddr, answer: Result<Answer, HttpError>, trouble: Option<String>, is_crowded: bool) -> Outcome {
    match (answer, trouble) {
        (Ok(answer), _) if answer.status < 400 => Outcome::Ok { detail: format!("{listen} answers") },
        (Ok(answer), _) => Outcome::Failed { why: format!("{listen} answers with HTTP {}", answer.status) },
        (Err(_), Some(trouble)) => Outcome::Failed { why: trouble },
        (Err(error), None) if is_crowded => {
            Outcome::Ok { detail: format!("{listen} listens, and strangers take all its time: {error}") }
        }
        (Err(error), None) => Outcome::Failed { why: format!("{listen} does not answer: {error}") },
    }
}

async fn ask(listen: SocketAddr, is_secure: bool) -> Result<Answer, HttpError> {
    if is_secure {
        http::get_securely(listen, "/healthz", PATIENCE).await
    } else {
        http::get(listen, "/healthz", PATIENCE).await
    }
}

/// Who listens on every address is reached on loopback, by IPv4 also where it was to be IPv6.
fn this_machine(listen: SocketAddr) -> SocketAddr {
    let ip = if listen.ip().is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        let asked = |listen: &str| this_machine(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(asked("[::]:8080"), "127.0.0.1:8080");
        assert_eq!(asked("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn strangers_do_not_make_it_fail_and_what_is_broken_does() {
        let listen = "192.0.2.1:443".parse().unwrap();
        let silent = || Err(HttpError::TimedOut(PATIENCE));
        let failed = |outcome| matches!(outcome, Outcome::Failed { .. });
        assert!(!failed(judge(listen, silent(), None, true)));
        assert!(failed(judge(listen, silent(), None, false)));
        assert!(failed(judge(listen, silent(), Some("the port is taken".into()), true)));
        assert!(failed(judge(listen, Ok(Answer { status: 500, body: Vec::new() }), None, true)));
        assert!(!failed(judge(listen, Ok(Answer { status: 200, body: Vec::new() }), None, false)));
    }
}
