//! The open sockets: each has a place, and is closed when it has to give it away.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::HeaderMap;
use futures_util::task::AtomicWaker;
use metrics::{Counter, Gauge};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::places::{PlaceId, PlaceLimits, Places};
use crate::source::{Source, Sources};

/// The log tells of strangers that were closed no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// After somebody had to make room it is crowded for so long.
const CROWDED_FOR: Duration = Duration::from_secs(60);

/// Gives sockets their places.
pub(crate) struct Gate {
    pub(crate) sources: Sources,
    open: Mutex<Open>,
    gauge: Gauge,
    evictions: Counter,
    emptied: Notify,
}

struct Open {
    places: Places,
    locks: HashMap<PlaceId, Arc<Lock>>,
    evicted_at: Option<Instant>,
    untold: u32,
    told_at: Option<Instant>,
}

/// A socket that holds its place until it is dropped, wherever an upgrade has taken it.
pub(crate) struct Placed {
    stream: TcpStream,
    visitor: Visitor,
}

/// Whose socket it is. Every request carries it.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) source: Source,
    gate: Arc<Gate>,
    place: PlaceId,
    lock: Arc<Lock>,
}

/// Set once the place is taken away; the socket fails from then on.
#[derive(Default)]
struct Lock {
    is_shut: AtomicBool,
    is_member: AtomicBool,
    reader: AtomicWaker,
}

impl Gate {
    pub(crate) fn new(limits: PlaceLimits, gauge: Gauge, evictions: Counter) -> Self {
        let (places, locks) = (Places::new(limits), HashMap::new());
        let open = Open { places, locks, evicted_at: None, untold: 0, told_at: None };
        Self { sources: Sources::new(), open: Mutex::new(open), gauge, evictions, emptied: Notify::new() }
    }

    /// Gives a place to a stranger, and takes it from another one if there is none left.
    pub(crate) fn admit(self: &Arc<Self>, stream: TcpStream, peer: IpAddr) -> Placed {
        let source = self.sources.of(peer, stream.local_addr().map(|local| local.ip()).ok());
        let mut open = self.lock();
        let (place, evicted) = open.places.admit(source);
        let lock = Arc::new(Lock::default());
        open.locks.insert(place, lock.clone());
        if let Some(evicted) = evicted {
            self.evict(&mut open, evicted);
        }
        self.gauge.set(open.places.len() as f64);
        Placed { stream, visitor: Visitor { source, gate: self.clone(), place, lock } }
    }

    pub(crate) fn open(&self) -> usize {
        self.lock().locks.len()
    }

    pub(crate) fn is_crowded(&self) -> bool {
        self.lock().evicted_at.is_some_and(|at| at.elapsed() < CROWDED_FOR)
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

    fn evict(&self, open: &mut Open, evicted: PlaceId) {
        if let Some(lock) = open.locks.get(&evicted) {
            lock.is_shut.store(true, Ordering::Release);
            lock.reader.wake();
        }
        self.evictions.increment(1);
        open.evicted_at = Some(Instant::now());
        open.untold += 1;
        debug!("a stranger's connection is closed for another one's");
        if open.told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            open.told_at = Some(Instant::now());
            let closed = std::mem::take(&mut open.untold);
            warn!(closed, "strangers hold all their places, and the oldest make room; the household has its own");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    /// Waits until the place is taken away.
    pub(crate) async fn evicted(&self) {
        poll_fn(|cx| {
            self.lock.reader.register(cx.waker());
            if self.lock.is_shut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Who says the secret of a request with these headers: behind a reverse proxy on this machine whom that names last
    /// (`X-Forwarded-For`). It is for guesses alone: whoever makes one up has less to gain than by many addresses.
    pub(crate) fn speaker(&self, headers: &HeaderMap) -> Source {
        let Source::Remote(_) = self.source else {
            let named = headers.get_all("x-forwarded-for").iter().next_back();
            let last = named.and_then(|named| named.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
            return last.map_or(Source::Local, |address| self.gate.sources.of(address, None));
        };
        self.source
    }

    /// They have shown to be of the household. False when there is no place for another member, and they stay what they
    /// are.
    pub(crate) fn promote(&self) -> bool {
        let promoted = self.gate.lock().places.promote(self.place);
        self.lock.is_member.fetch_or(promoted, Ordering::Release);
        promoted
    }

    pub(crate) fn is_member(&self) -> bool {
        self.lock.is_member.load(Ordering::Acquire)
    }
}

impl Placed {
    pub(crate) fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// The address of this machine that it came to.
    pub(crate) fn own_address(&self) -> io::Result<IpAddr> {
        Ok(self.stream.local_addr()?.ip().to_canonical())
    }

    /// The stream, unless its place was taken away.
    fn stream(self: Pin<&mut Self>, cx: &Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        let Self { stream, visitor } = self.get_mut();
        visitor.lock.reader.register(cx.waker());
        if visitor.lock.is_shut.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Pin::new(stream))
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let gate = &self.visitor.gate;
        let mut open = gate.lock();
        open.places.leave(self.visitor.place);
        open.locks.remove(&self.visitor.place);
        gate.gauge.set(open.locks.len() as f64);
        if open.locks.is_empty() {
            gate.emptied.notify_waiters();
        }
    }
}

impl AsyncRead for Placed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream(cx)?.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream(cx)?.poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
