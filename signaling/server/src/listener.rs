//! A port: taken when it can be had, and tried for again while it can't.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use crate::settings::BindError;

const BACKLOG: u32 = 4096;
/// How long to wait before a port is tried for again, doubling from the first to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long to wait when the process has no file handle left for a new connection, and how often that is told.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);
const TELL_EXHAUSTED_EVERY: Duration = Duration::from_secs(60);

/// What keeps ports from being listened on at the moment, for whoever asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Troubles(Arc<Mutex<BTreeMap<SocketAddr, String>>>);

/// A port that is listened on, or will be.
pub(crate) struct Port {
    wanted: SocketAddr,
    listener: Option<TcpListener>,
    try_at: Instant,
    wait: Duration,
    told_exhausted_at: Option<Instant>,
    troubles: Troubles,
}

impl Troubles {
    /// All of it as sentences; `None` when there is none.
    pub(crate) fn text(&self) -> Option<String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!troubles.is_empty()).then(|| troubles.values().cloned().collect::<Vec<_>>().join("; "))
    }

    fn set(&self, port: SocketAddr, trouble: Option<String>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => drop(troubles.insert(port, trouble)),
            None => drop(troubles.remove(&port)),
        }
    }
}

impl Port {
    pub(crate) fn new(wanted: SocketAddr, troubles: Troubles) -> Self {
        let try_at = Instant::now();
        Self { wanted, listener: None, try_at, wait: FIRST_WAIT, told_exhausted_at: None, troubles }
    }

    /// Where it listens, with the real port; where it will while it does not.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok()).unwrap_or(self.wanted)
    }

    /// Takes the port, unless it has it.
    pub(crate) fn open(&mut self) -> Result<(), BindError> {
        if self.listener.is_some() {
            return Ok(());
        }
        match listen(self.wanted) {
            Ok(listener) => {
                self.listener = Some(listener);
                self.wait = FIRST_WAIT;
                self.troubles.set(self.wanted, None);
                Ok(())
            }
            Err(error) => {
                let error = BindError::from_io(self.wanted, error);
                self.troubles.set(self.wanted, Some(error.to_string()));
                self.try_at = Instant::now() + self.wait;
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                Err(error)
            }
        }
    }

    /// The next connection. Safe to drop in the middle, as in `select!`.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Some(listener) = &self.listener else {
                sleep_until(self.try_at).await;
                if self.open().is_ok() {
                    info!(address = %self.address(), "the companion listens at last");
                }
                continue;
            };
            match listener.accept().await {
                Ok((stream, from)) => {
                    // A ring does not wait until what was said before it is acknowledged, which may take half a second (RFC 1122, 4.2.3.2).
                    let _gone_already = stream.set_nodelay(true);
                    return (stream, from);
                }
                Err(error) => self.recover(&error).await,
            }
        }
    }

    async fn recover(&mut self, error: &io::Error) {
        // A connection that broke before it was accepted concerns nobody.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if self.told_exhausted_at.is_none_or(|at| at.elapsed() >= TELL_EXHAUSTED_EVERY) {
            self.told_exhausted_at = Some(Instant::now());
            warn!("cannot accept a connection: {error}; raise the limit of open files, or lower that of connections");
        }
        sleep(EXHAUSTED_PAUSE).await;
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.troubles.set(self.wanted, None);
    }
}

/// `[::]` means IPv4 too, whatever the system's default, and IPv4 alone where there is no IPv6.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let taken = take(address);
    match (&taken, address.ip()) {
        (Err(error), IpAddr::V6(ip)) if ip.is_unspecified() && lacks_ipv6(error) => {
            info!("this machine has no IPv6: listening on IPv4 alone");
            take(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
        }
        (Ok(_) | Err(_), IpAddr::V4(_) | IpAddr::V6(_)) => taken,
    }
}

fn take(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted companion takes its port back while old connections linger.
    socket.set_reuseaddr(true)?;
    if let SocketAddr::V6(v6) = address {
        SockRef::from(&socket).set_only_v6(!v6.ip().is_unspecified())?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Without the kernel's module there is no such socket, and with IPv6 turned off there is no such address.
fn lacks_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Blocking;

    use super::*;

    #[tokio::test]
    async fn every_address_of_ipv6_means_ipv4_too() {
        let mut port = Port::new("[::]:0".parse().unwrap(), Troubles::default());
        port.open().unwrap();
        let number = port.address().port();
        let _client = TcpStream::connect(("127.0.0.1", number)).await.unwrap();
        let (stream, from) = port.accept().await;
        assert_eq!(from.ip().to_canonical(), IpAddr::from(Ipv4Addr::LOCALHOST));
        assert!(stream.nodelay().unwrap());
        if port.address().is_ipv6() {
            let listener = port.listener.as_ref().unwrap();
            assert!(!SockRef::from(listener).only_v6().unwrap(), "whatever the system's default");
        }
    }

    #[test]
    fn what_a_machine_without_ipv6_says_is_known() {
        for code in [libc::EAFNOSUPPORT, libc::EADDRNOTAVAIL] {
            assert!(lacks_ipv6(&io::Error::from_raw_os_error(code)));
        }
        for code in [libc::EADDRINUSE, libc::EACCES] {
            assert!(!lacks_ipv6(&io::Error::from_raw_os_error(code)));
        }
    }

    #[tokio::test]
    async fn a_port_that_another_program_has_is_taken_when_it_is_free() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = other.local_addr().unwrap();
        let troubles = Troubles::default();
        let mut port = Port::new(wanted, troubles.clone());
        assert!(matches!(port.open(), Err(BindError::PortTaken { .. })));
        assert!(troubles.text().unwrap().contains("another program does"), "{troubles:?}");
        drop(other);
        tokio::time::pause();
        let accepted = tokio::spawn(async move {
            port.accept().await;
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(troubles.text(), None);
        let _client = Blocking::connect(wanted).unwrap();
        accepted.await.unwrap();
    }
}
