//! The pages' way to updates. Whoever serves these has checked the household's secret.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::{Failure, Phase, Request, Source, UpdateStatus, Updates, upload};

/// The longest address.
const MAX_URL: usize = 2048;
/// The longest request but for an upload.
const MAX_REQUEST: usize = 8 * 1024;

/// `GET /update` tells, `POST /update/…` asks; `station` is the name that people read.
pub fn routes(updates: Updates, station: String) -> Router {
    Router::new()
        .route("/update", get(tell))
        .route("/update/bundle", post(take_bundle).layer(DefaultBodyLimit::disable()))
        .route("/update/fetch", post(fetch))
        .route("/update/check", post(check))
        .route("/update/restart", post(restart))
        .route("/update/dismiss", post(dismiss))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(Shared { updates, station })
}

#[derive(Clone)]
struct Shared {
    updates: Updates,
    station: String,
}

/// What a page shows.
#[derive(Serialize)]
struct About {
    /// The station's name.
    station: String,
    /// The daemon's version.
    doorway: &'static str,
    /// The device image's, where there is one.
    image: Option<String>,
    slot: Option<String>,
    update: UpdateStatus,
}

async fn tell(State(shared): State<Shared>) -> Response {
    let image = shared.updates.image();
    let about = About {
        station: shared.station,
        doorway: env!("CARGO_PKG_VERSION"),
        image: image.version,
        slot: image.slot,
        update: shared.updates.status(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(about)).into_response()
}

/// Takes in a bundle and has it installed. The answer comes when it is whole; how it goes on is in the status.
async fn take_bundle(State(shared): State<Shared>, headers: HeaderMap, body: Body) -> Response {
    let updates = shared.updates;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let Some(length) = length else {
        return (StatusCode::LENGTH_REQUIRED, "say how long it is\n").into_response();
    };
    let Some(state) = updates.state.clone() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the daemon has no state folder\n").into_response();
    };
    if !updates.claim(Phase::Receiving { percent: 0 }) {
        return busy();
    }
    // A page that goes away ends this function at any of its waits.
    let claim = Claim(Some(&updates));
    match upload::receive(&state, length, body, |percent| updates.set_phase(Phase::Receiving { percent })).await {
        Ok(path) => {
            claim.keep();
            hand_over(&updates, Source::Upload(path))
        }
        Err(failure) => {
            claim.keep();
            let message = failure.to_string();
            let code = if failure == (Failure::TooLarge {}) {
                StatusCode::PAYLOAD_TOO_LARGE
            } else if failure == (Failure::NoSpace {}) {
                StatusCode::INSUFFICIENT_STORAGE
            } else {
                StatusCode::BAD_REQUEST
            };
            tracing::warn!(%failure, "an upload was not taken");
            updates.set_phase(Phase::failed(failure));
            (code, format!("{message}\n")).into_response()
        }
    }
}

/// The phase while an upload is on; lets it go when the upload's connection broke.
struct Claim<'a>(Option<&'a Updates>);

impl Claim<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(updates) = self.0 {
            updates.set_phase(Phase::failed(Failure::Interrupted {}));
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    /// The configured one when it is left out.
    #[serde(default)]
    url: Option<String>,
}

async fn fetch(State(shared): State<Shared>, Json(Fetch { url }): Json<Fetch>) -> Response {
    let updates = shared.updates;
    let Some(url) = url.or_else(|| updates.url.clone()) else {
        return (StatusCode::BAD_REQUEST, "no address is configured\n").into_response();
    };
    if !is_address(&url) {
        return (StatusCode::BAD_REQUEST, "an address begins with https:// or http://\n").into_response();
    }
    if !updates.claim(Phase::Checking {}) {
        return busy();
    }
    hand_over(&updates, Source::Address(url))
}

fn hand_over(updates: &Updates, source: Source) -> Response {
    match updates.requests.try_send(Request::Install(source)) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(_) => {
            updates.set_phase(Phase::Idle {});
            busy()
        }
    }
}

async fn check(State(shared): State<Shared>) -> Response {
    ask(&shared.updates, Request::Check)
}

async fn restart(State(shared): State<Shared>) -> Response {
    ask(&shared.updates, Request::Restart)
}

async fn dismiss(State(shared): State<Shared>) -> Response {
    ask(&shared.updates, Request::Dismiss)
}

fn ask(updates: &Updates, request: Request) -> Response {
    match updates.requests.try_send(request) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(_) => busy(),
    }
}

fn busy() -> Response {
    (StatusCode::CONFLICT, "this station takes no update at the moment\n").into_response()
}

/// Whether this is an address to fetch from: RAUC would take a path of its own machine too.
pub fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host_follows = rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['));
    host_follows && url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_one() {
        for good in ["https://example.org/x.raucb", "http://192.0.2.1:8000/x", "https://[2001:db8::1]/x"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("https://example.org/{}", "x".repeat(MAX_URL));
        for bad in [
            "/etc/passwd",
            "file:///etc/passwd",
            "--help",
            "https://",
            "https:///x",
            "https://a b",
            "ftp://x",
            "https://x\n",
            &long,
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
