//! The HTTP of one connection, within its deadlines.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::gate::Visitor;

/// How long a browser may take to send the head of a request, and may keep an idle connection.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);
/// The longest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// A stranger's connection takes no further request after so long, and what it is at (a body that it sends, an answer that
/// it reads) has to be done soon after.
const STRANGERS_LAST_REQUEST: Duration = Duration::from_secs(15);
const STRANGERS_END: Duration = Duration::from_secs(25);

/// Serves one connection; ends when it becomes a WebSocket.
pub(crate) async fn serve<S>(stream: S, visitor: Visitor, routes: Router, mut stopped: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let began = Instant::now();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(HEAD_BYTES);
    let service = Known { visitor: visitor.clone(), routes: TowerToHyperService::new(routes) };
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let mut is_last = false;
    let ended = loop {
        let deadline = began + if is_last { STRANGERS_END } else { STRANGERS_LAST_REQUEST };
        tokio::select! {
            ended = &mut connection => break ended,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                break connection.await;
            }
            () = visitor.evicted() => return,
            () = sleep_until(deadline), if !visitor.is_member() => {
                if visitor.is_member() {
                    continue;
                }
                if is_last {
                    debug!("a stranger's connection took too long");
                    return;
                }
                is_last = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        debug!("a connection ended: {error}");
    }
}

/// The routes, with every request carrying whose it is.
struct Known {
    visitor: Visitor,
    routes: TowerToHyperService<Router>,
}

impl Service<Request<Incoming>> for Known {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.visitor.clone());
        self.routes.call(request)
    }
}
