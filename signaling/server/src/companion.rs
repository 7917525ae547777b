//! The ports, the routes, and a clean end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use doorway_proto::ids::RoomId;
use doorway_proto::rooms::Counts;
use doorway_proto::state::Station;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info};

use crate::allowance::{Allowance, Pace};
use crate::certificate;
use crate::claim;
use crate::connection::{self, Reception};
use crate::entry::Entry;
use crate::gate::{Gate, Placed, Visitor};
use crate::guard::{self, Guard};
use crate::http;
use crate::hub::Hub;
use crate::listener::{Port, Troubles};
use crate::local::LocalStation;
use crate::page;
use crate::places::PlaceLimits;
use crate::private;
use crate::settings::{BindError, Settings, SettingsError};
use crate::tls::Tls;

/// When the companion closes, connections have this long to end by themselves.
const CLOSING_DEADLINE: Duration = Duration::from_secs(2);
/// TLS handshakes of a host, and of a network of hosts: each costs the processor a millisecond or more, and a station's
/// loop must not wait for many. Further ones wait for their turn.
const HANDSHAKES: Pace = Pace { burst: 32, every: Duration::from_millis(125) };
const HANDSHAKES_OF_NETWORK: Pace = Pace { burst: 64, every: Duration::from_millis(50) };

/// A companion. Without its port yet: who connects waits for [`run`](Self::run).
pub struct Companion {
    port: Port,
    /// Plain HTTP beside HTTPS.
    plain: Option<Port>,
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
    troubles: Troubles,
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
    /// A companion that stations of this process come into at once.
    ///
    /// # Errors
    /// When the settings do not go together.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with I/O and time.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let troubles = Troubles::default();
        let port = Port::new(settings.listen, troubles.clone());
        let plain = settings.redirect.map(|redirect| Port::new(redirect, troubles.clone()));
        let hub = Hub::new(settings.limits, settings.queue_bytes);
        let places = PlaceLimits::of(settings.connections, settings.connections_per_address);
        let gate = Gate::new(places, hub.numbers.sockets.clone(), hub.numbers.turned_away.clone());
        let handle = Handle { hub: Arc::new(hub), gate: Arc::new(gate), troubles };
        Ok(Self { port, plain, settings, routes: Router::new(), private: Router::new(), handle })
    }

    /// Takes the ports. Those that can't be had are tried for again while the companion [runs](Self::run).
    ///
    /// # Errors
    /// Why one can't be had at the moment.
    pub fn listen(&mut self) -> Result<(), BindError> {
        let taken = self.port.open();
        let plain = self.plain.as_mut().map_or(Ok(()), Port::open);
        taken.and(plain)
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Where plain HTTP leads to HTTPS, with the real port.
    pub fn redirect(&self) -> Option<SocketAddr> {
        Some(self.plain.as_ref()?.address())
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

    /// Serves until `shutdown` is done, whatever happens to its ports. Then everybody is told to go; whoever has not gone
    /// after two seconds is cut off. When it returns, no task and no socket is left.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { mut port, mut plain, settings, routes, private, handle } = self;
        let https_port = port.address().port();
        let routes = complete(routes, private, &settings, &handle, https_port);
        let plain_routes = guard::harden(certificate::plain(&settings, https_port));
        let handshakes = Arc::new(Mutex::new(Allowance::new(HANDSHAKES, HANDSHAKES_OF_NETWORK)));
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        info!(address = %port.address(), https = settings.tls.is_some(), "the companion listens");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (stream, from) = port.accept() => {
                    let stream = handle.gate.admit(stream, from.ip());
                    match &settings.tls {
                        None => {
                            let visitor = stream.visitor().clone();
                            drop(tasks.spawn(http::serve(stream, visitor, routes.clone(), stopped.clone())));
                        }
                        Some(tls) => {
                            let turn = wait_for_turn(stream.visitor().clone(), handshakes.clone());
                            let secured = secure(stream, tls.clone(), turn, routes.clone(), stopped.clone());
                            drop(tasks.spawn(secured));
                        }
                    }
                },
                (stream, from) = next(plain.as_mut()) => {
                    let stream = handle.gate.admit(stream, from.ip());
                    let visitor = stream.visitor().clone();
                    let routes = certificate::reached_at(plain_routes.clone(), stream.own_address().ok());
                    drop(tasks.spawn(http::serve(stream, visitor, routes, stopped.clone())));
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        drop((port, plain));
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

    /// Whether strangers took places from each other in the last minute, so that one who does not come in says nothing
    /// about the companion.
    pub fn is_crowded(&self) -> bool {
        self.gate.is_crowded()
    }

    /// What keeps a port from being listened on at the moment, and what to do; `None` when nothing does.
    pub fn trouble(&self) -> Option<String> {
        self.troubles.text()
    }
}

fn complete(routes: Router, private: Router, settings: &Settings, handle: &Handle, https_port: u16) -> Router {
    let guard = Arc::new(Guard::new(settings.listen.ip(), settings.hosts.clone(), settings.names.clone()));
    let entry = Arc::new(Entry::new(settings, &handle.hub.numbers));
    let mut routes = routes.merge(private::protect(private, guard.clone(), entry.clone()));
    let (hub, gate, origins) = (handle.hub.clone(), handle.gate.clone(), guard.clone());
    let websocket = async move |Extension(visitor): Extension<Visitor>,
                                headers: HeaderMap,
                                upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>| {
        let accepted: Result<Response, Response> = async {
            origins.check_origin(&headers).map_err(IntoResponse::into_response)?;
            let upgrade = upgrade.map_err(IntoResponse::into_response)?;
            let (source, number) = (visitor.speaker(&headers), gate.sources.number(visitor.source));
            let reception = Reception { hub: hub.clone(), entry: entry.clone(), visitor, source, number };
            Ok(connection::accept(upgrade, reception))
        }
        .await;
        accepted.unwrap_or_else(|refusal| refusal)
    };
    if settings.tls.is_some() {
        routes = routes.merge(certificate::secure(settings, https_port));
    }
    if let (None, Some(claim)) = (&settings.secret, &settings.claim) {
        routes = routes.merge(claim::routes(claim.clone(), guard.clone()));
    }
    let routes = routes
        .route("/ws", get(websocket))
        .route("/healthz", get(async || "ok\n"))
        .fallback(page::serve)
        .layer(middleware::from_fn_with_state(guard, guard::protect));
    guard::harden(routes)
}

/// The next connection of a port that may not be wanted.
async fn next(port: Option<&mut Port>) -> (TcpStream, SocketAddr) {
    match port {
        Some(port) => port.accept().await,
        None => std::future::pending().await,
    }
}

/// Waits until a host may begin another handshake.
async fn wait_for_turn(visitor: Visitor, handshakes: Arc<Mutex<Allowance>>) {
    loop {
        let now = Instant::now().into_std();
        let taken = handshakes.lock().unwrap_or_else(PoisonError::into_inner).take(visitor.source, now);
        match taken {
            Ok(()) => return,
            Err(wait) => sleep(wait).await,
        }
    }
}

/// The handshake of one connection, and then its HTTP.
async fn secure(
    stream: Placed,
    tls: Tls,
    turn: impl Future<Output = ()>,
    routes: Router,
    mut stopped: watch::Receiver<()>,
) {
    let visitor = stream.visitor().clone();
    let secured = tokio::select! {
        secured = tls.accept(stream, turn) => secured,
        () = visitor.evicted() => return,
        _ = stopped.changed() => return,
    };
    match secured {
        Ok(stream) => http::serve(stream, visitor, routes, stopped).await,
        // Browsers end it like this when they do not know the certificate.
        Err(error) => debug!("a TLS handshake failed: {error}"),
    }
}
