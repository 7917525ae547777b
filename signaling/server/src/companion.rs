//! The listener, the routes, and a clean end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use doorway_proto::ids::RoomId;
use doorway_proto::rooms::Counts;
use doorway_proto::state::Station;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics::Gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::certificate;
use crate::claim;
use crate::connection;
use crate::entry::Entry;
use crate::gate::{Counted, Gate, Ticket};
use crate::guard::{self, Guard, with_headers};
use crate::hub::Hub;
use crate::local::LocalStation;
use crate::page;
use crate::private;
use crate::settings::{BindError, Settings};
use crate::tls::Tls;

/// How long a browser may take to send the head of a request, and may keep an idle connection.
const REQUEST_DEADLINE: Duration = Duration::from_secs(15);
/// The longest head of a request.
const REQUEST_BYTES: usize = 16 * 1024;
/// When the companion closes, connections have this long to end by themselves.
const CLOSING_DEADLINE: Duration = Duration::from_secs(2);
/// How long to wait when the process has no file handle left for a new connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);
const BACKLOG: u32 = 4096;
/// TLS handshakes at the same time, in all and of one address: each costs the processor about a millisecond, and a
/// station's loop must not wait for many.
const HANDSHAKES: usize = 64;
const HANDSHAKES_PER_ADDRESS: usize = 16;

/// A companion that has its port and does not serve yet: who connects waits until [`run`](Self::run).
pub struct Companion {
    listener: TcpListener,
    address: SocketAddr,
    /// Plain HTTP beside HTTPS.
    plain: Option<TcpListener>,
    settings: Settings,
    routes: Router,
    private: Router,
    handle: Handle,
}

/// A way into a companion of the same process, before and while it runs.
#[derive(Clone)]
pub struct Handle {
    hub: Arc<Hub>,
    gate: Arc<Gate>,
}

/// What goes on in a companion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Open sockets of any kind.
    pub sockets: usize,
    /// Who is in rooms, stations of this process included.
    pub counts: Counts,
}

impl Companion {
    /// Takes the port.
    ///
    /// # Errors
    /// When the settings do not go together, or the address can't be listened on.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with I/O and time.
    pub fn bind(settings: Settings) -> Result<Self, BindError> {
        settings.check()?;
        let bound = |address| listen(address).map_err(|error| BindError::from_io(address, error));
        let listener = bound(settings.listen)?;
        let address = listener.local_addr().map_err(|error| BindError::from_io(settings.listen, error))?;
        let plain = settings.redirect.map(bound).transpose()?;
        let hub = Hub::new(settings.limits, settings.queue_bytes);
        let gate = Gate::new(settings.connections, settings.connections_per_address, hub.numbers.sockets.clone());
        let handle = Handle { hub: Arc::new(hub), gate: Arc::new(gate) };
        Ok(Self { listener, address, plain, settings, routes: Router::new(), private: Router::new(), handle })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where plain HTTP leads to HTTPS, with the real port.
    pub fn redirect(&self) -> Option<SocketAddr> {
        self.plain.as_ref()?.local_addr().ok()
    }

    /// A way in without a socket.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves these routes too, under the same checks and headers.
    ///
    /// # Panics
    /// When a route is there already.
    #[must_use]
    pub fn merge(mut self, routes: Router) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Serves these routes to the household alone: to who knows the secret (`Authorization: Bearer …`), and not to
    /// another site's page.
    ///
    /// # Panics
    /// When a route is there already.
    #[must_use]
    pub fn merge_private(mut self, routes: Router) -> Self {
        self.private = self.private.merge(routes);
        self
    }

    /// Serves until `shutdown` is done. Then everybody is told to go; whoever has not gone after two seconds is cut
    /// off. When it returns, no task and no socket is left.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, address, plain, settings, routes, private, handle } = self;
        let routes = complete(routes, private, &settings, &handle);
        let plain_routes = with_headers(certificate::plain(settings.authority.clone(), address.port()));
        let handshakes = Arc::new(Gate::new(HANDSHAKES, HANDSHAKES_PER_ADDRESS, Gauge::noop()));
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        info!(%address, https = settings.tls.is_some(), "the companion listens");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => match (admit(&handle, stream, from), &settings.tls) {
                        (Some(stream), None) => drop(tasks.spawn(serve(stream, routes.clone(), stopped.clone()))),
                        (Some(stream), Some(tls)) => match handshakes.ticket(from.ip()) {
                            Some(ticket) => {
                                let secured = secure(stream, tls.clone(), ticket, routes.clone(), stopped.clone());
                                drop(tasks.spawn(secured));
                            }
                            None => debug!(%from, "turned away: too many handshakes"),
                        },
                        (None, _) => debug!(%from, "turned away: too many connections"),
                    },
                    Err(error) => recover(&error).await,
                },
                accepted = next(plain.as_ref()) => match accepted {
                    Ok((stream, from)) => match admit(&handle, stream, from) {
                        Some(stream) => drop(tasks.spawn(serve(stream, plain_routes.clone(), stopped.clone()))),
                        None => debug!(%from, "turned away: too many connections"),
                    },
                    Err(error) => recover(&error).await,
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        drop((listener, plain));
        info!("the companion closes");
        handle.hub.close();
        drop(stop);
        let _all_or_too_late = timeout(CLOSING_DEADLINE, async {
            while tasks.join_next().await.is_some() {}
            handle.gate.emptied().await;
        })
        .await;
        tasks.shutdown().await;
        // WebSockets have deadlines of their own, shorter than ours; what is left is one that came in between.
        let _all_or_too_late = timeout(CLOSING_DEADLINE, handle.gate.emptied()).await;
    }
}

impl Handle {
    /// A station of this process comes into a room. It owns its id: it replaces whoever holds it.
    pub fn attach_station(&self, room: RoomId, station: Station) -> LocalStation {
        LocalStation::new(&self.hub, room, station)
    }

    /// What goes on now.
    pub fn status(&self) -> Status {
        Status { sockets: self.gate.open(), counts: self.hub.counts() }
    }
}

fn complete(routes: Router, private: Router, settings: &Settings, handle: &Handle) -> Router {
    let guard = Arc::new(Guard::new(settings.listen.ip(), settings.hosts.clone(), settings.names.clone()));
    let entry = Arc::new(Entry::new(settings));
    let routes = routes.merge(private::protect(private, guard.clone(), entry.clone()));
    let (hub, origins) = (handle.hub.clone(), guard.clone());
    let websocket = async move |headers: HeaderMap, upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>| {
        let accepted: Result<Response, Response> = async {
            origins.check_origin(&headers).map_err(IntoResponse::into_response)?;
            let upgrade = upgrade.map_err(IntoResponse::into_response)?;
            Ok(connection::accept(upgrade, hub.clone(), entry.clone()))
        }
        .await;
        accepted.unwrap_or_else(|refusal| refusal)
    };
    let mut routes = routes;
    if settings.tls.is_some() {
        routes = routes.merge(certificate::routes(settings.authority.clone()));
    }
    if let (None, Some(claim)) = (&settings.secret, &settings.claim) {
        routes = routes.merge(claim::routes(claim.clone(), guard.clone()));
    }
    routes
        .route("/ws", get(websocket))
        .route("/healthz", get(async || "ok\n"))
        .fallback(page::serve)
        .layer(middleware::from_fn_with_state(guard, guard::protect))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted companion takes its port back while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn admit(handle: &Handle, stream: TcpStream, from: SocketAddr) -> Option<Counted> {
    let admitted = handle.gate.admit(stream, from.ip());
    if admitted.is_none() {
        handle.hub.numbers.turned_away.increment(1);
    }
    admitted
}

async fn recover(error: &io::Error) {
    // A connection that broke before it was accepted concerns nobody.
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    warn!("cannot accept a connection: {error}; raise the limit of open files, or lower that of connections");
    sleep(EXHAUSTED_PAUSE).await;
}

/// The next connection of a listener that may not be there.
async fn next(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// The handshake of one connection, and then its HTTP.
async fn secure(stream: Counted, tls: Tls, ticket: Ticket, routes: Router, mut stopped: watch::Receiver<()>) {
    let secured = tokio::select! {
        secured = tls.accept(stream) => secured,
        _ = stopped.changed() => return,
    };
    drop(ticket);
    match secured {
        Ok(stream) => serve(stream, routes, stopped).await,
        // Browsers end it like this when they do not know the certificate.
        Err(error) => debug!("a TLS handshake failed: {error}"),
    }
}

/// The HTTP of one connection; ends when the connection becomes a WebSocket.
async fn serve<S>(stream: S, routes: Router, mut stopped: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_DEADLINE).max_buf_size(REQUEST_BYTES);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("a connection ended: {error}");
    }
}
