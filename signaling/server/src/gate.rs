//! How many sockets may be open, in all and per address.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use metrics::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Counts the open sockets and says whether there may be one more.
pub(crate) struct Gate {
    total: usize,
    per_address: usize,
    open: Mutex<Open>,
    gauge: Gauge,
    emptied: Notify,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A socket that counts as open until it is dropped, wherever an upgrade has taken it.
pub(crate) struct Counted {
    stream: TcpStream,
    _ticket: Ticket,
}

/// Counts as open until it is dropped.
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    network: Option<IpAddr>,
}

impl Gate {
    pub(crate) fn new(total: usize, per_address: usize, gauge: Gauge) -> Self {
        Self { total, per_address, open: Mutex::default(), gauge, emptied: Notify::new() }
    }

    /// `None`, and the stream is closed, when there are too many.
    pub(crate) fn admit(self: &Arc<Self>, stream: TcpStream, from: IpAddr) -> Option<Counted> {
        let ticket = self.ticket(from)?;
        Some(Counted { stream, _ticket: ticket })
    }

    pub(crate) fn open(&self) -> usize {
        self.lock().total
    }

    /// Waits until no socket is open.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.open() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// `None` when there are too many.
    pub(crate) fn ticket(self: &Arc<Self>, from: IpAddr) -> Option<Ticket> {
        let mut open = self.lock();
        if open.total >= self.total {
            return None;
        }
        let network = network(from);
        if let Some(network) = network {
            let of_network = open.by_address.entry(network).or_default();
            if *of_network >= self.per_address {
                return None;
            }
            *of_network += 1;
        }
        open.total += 1;
        self.gauge.set(open.total as f64);
        Some(Ticket { gate: self.clone(), network })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.gate.lock();
        open.total -= 1;
        self.gate.gauge.set(open.total as f64);
        if let Some(network) = self.network
            && let Some(of_network) = open.by_address.get_mut(&network)
        {
            *of_network -= 1;
            if *of_network == 0 {
                open.by_address.remove(&network);
            }
        }
        if open.total == 0 {
            self.gate.emptied.notify_waiters();
        }
    }
}

/// What is counted as one: an IPv4 address, or the /64 that one IPv6 host has to itself. `None` for loopback.
fn network(from: IpAddr) -> Option<IpAddr> {
    let canonical = from.to_canonical();
    if canonical.is_loopback() {
        return None;
    }
    Some(match canonical {
        IpAddr::V4(_) => canonical,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    })
}

impl Counted {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_limited_in_all_and_per_address_but_loopback_only_in_all() {
        let gate = Arc::new(Gate::new(4, 2, Gauge::noop()));
        let take = |from: &str| gate.ticket(from.parse().unwrap());
        let tickets = [take("192.0.2.1").unwrap(), take("::ffff:192.0.2.1").unwrap()];
        assert!(take("192.0.2.1").is_none());
        drop(tickets);
        let _tickets = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert!(take("2001:db8::3").is_none());
        let loopback = [take("127.0.0.1").unwrap(), take("::1").unwrap()];
        assert!(take("127.0.0.1").is_none(), "the total holds for all");
        assert_eq!(gate.open(), 4);
        drop(loopback);
        assert!(take("2001:db8:0:1::1").is_some());
        assert_eq!(gate.lock().by_address.len(), 1);
    }
}
