//! Routes of whoever runs the companion that are for the household alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use crate::entry::{Denied, Entry};
use crate::gate::Visitor;
use crate::guard::Guard;

struct Door {
    guard: Arc<Guard>,
    entry: Arc<Entry>,
}

/// Lets through who knows the secret, as `Authorization: Bearer …`, and no other site's page. Without a secret the
/// companion is on loopback only, and this machine's own pages and programs get through.
pub(crate) fn protect(routes: Router, guard: Arc<Guard>, entry: Arc<Entry>) -> Router {
    routes.layer(middleware::from_fn_with_state(Arc::new(Door { guard, entry }), check))
}

async fn check(
    State(door): State<Arc<Door>>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(refusal) = door.guard.check_origin(request.headers()) {
        return refusal.into_response();
    }
    if is_foreign(request.headers()) {
        return (StatusCode::FORBIDDEN, "This page came from another site than the companion.\n").into_response();
    }
    match door.entry.check(bearer(request.headers()), visitor.speaker(request.headers())) {
        Ok(()) if visitor.promote() => next.run(request).await,
        Ok(()) => (StatusCode::SERVICE_UNAVAILABLE, "There are too many connections already.\n").into_response(),
        Err(Denied::Unclaimed | Denied::NoSecret | Denied::WrongSecret) => {
            (StatusCode::UNAUTHORIZED, "Doorway asks for the household's secret.\n").into_response()
        }
        Err(Denied::TooOften(wait)) => {
            let retry_after = [(header::RETRY_AFTER, (wait.as_secs() + 1).to_string())];
            (StatusCode::TOO_MANY_REQUESTS, retry_after, "Too many wrong secrets came from here.\n").into_response()
        }
    }
}

/// A form of another site's page sends no origin in every browser, but this.
fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}
