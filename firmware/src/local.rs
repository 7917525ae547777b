//! The local endpoint: status, metrics, and the panel of a simulated board.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use doorway_board::{ButtonId, Script, Simulated};
use futures_util::Stream;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::self_test::{CompanionProbe, Finding, Report};
use crate::status::Status;

/// A question to the station's loop. It answers in turn, so an answer shows that the loop is alive.
pub enum Question {
    /// What is it doing?
    Status(oneshot::Sender<Box<Status>>),
    /// Does it work? Answered when the test is over; dropped when too many wait for it.
    SelfTest(oneshot::Sender<Vec<Finding>>),
}

/// What the handlers share.
#[derive(Clone)]
pub struct Local {
    /// To the station's loop; when it is full the question is answered with 503.
    pub questions: mpsc::Sender<Question>,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// How to find out whether the companion answers.
    pub companion: CompanionProbe,
}

/// What the panel of a simulated board shows.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Panel {
    /// The station's name.
    pub station: String,
    /// The buttons.
    pub buttons: Vec<PanelButton>,
    /// The relays.
    pub relays: Vec<PanelRelay>,
    /// What the light shows.
    pub indicator: &'static str,
    /// What the speaker plays by itself.
    pub chime: &'static str,
    /// The microphone's level, in dB of full scale.
    pub microphone_dbfs: f32,
    /// The speaker's level, in dB of full scale.
    pub speaker_dbfs: f32,
    /// What the station is doing.
    pub activity: &'static str,
}

/// A button of the panel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelButton {
    /// The button.
    pub id: String,
    /// What a person reads.
    pub label: String,
    /// What it is for: `call`, `hang_up` or `exit`.
    pub role: &'static str,
    /// Whether its contact is closed.
    pub pressed: bool,
}

/// A relay of the panel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelRelay {
    /// The relay.
    pub id: String,
    /// What a person reads.
    pub label: String,
    /// Whether it is energised.
    pub energised: bool,
    /// Its last moves.
    pub moves: Vec<PanelMove>,
}

/// A move of a relay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PanelMove {
    /// Milliseconds since the Unix epoch.
    pub at_ms: f64,
    /// What it became.
    pub energised: bool,
}

/// Everything that the local endpoint serves; `simulator` is empty without a simulated board.
pub fn router(local: Local, simulator: Router) -> Router {
    let routes = Router::new()
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/self-test", get(self_test))
        .with_state(local)
        .merge(simulator)
        .fallback(get(file))
        .layer(middleware::from_fn(only_loopback_names));
    doorway_signaling::harden(routes)
}

/// The panel of a simulated board: its page, state, events and presses.
pub fn simulator(board: Simulated, panel: watch::Receiver<Panel>) -> Router {
    Router::new()
        .route("/sim", get(async |headers: HeaderMap| doorway_signaling::asset("sim.html", &headers)))
        .route("/sim/state", get(panel_state))
        .route("/sim/events", get(panel_events))
        .route("/sim/press", post(press))
        .with_state(Simulator { board, panel })
}

/// The files that the panel's page needs.
async fn file(uri: Uri, headers: HeaderMap) -> Response {
    doorway_signaling::asset(uri.path().trim_start_matches('/'), &headers)
}

async fn status(State(local): State<Local>) -> Response {
    match ask(&local).await {
        Some(status) => Json(status).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the station's loop does not answer").into_response(),
    }
}

async fn ask(local: &Local) -> Option<Box<Status>> {
    let (answer, answered) = oneshot::channel();
    local.questions.try_send(Question::Status(answer)).ok()?;
    tokio::time::timeout(Duration::from_secs(2), answered).await.ok()?.ok()
}

async fn metrics(State(local): State<Local>) -> Response {
    // The loop sets its gauges when it tells its status.
    ask(&local).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], local.metrics.render()).into_response()
}

/// How long the loop's part of a self-test may take, its own limits and some more.
const SELF_TEST_LIMIT: Duration = Duration::from_secs(40);

async fn self_test(State(local): State<Local>, headers: HeaderMap) -> Response {
    // The camera goes on for it, and no other site's page has to do that from the browser of this machine.
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return (StatusCode::FORBIDDEN, "not for another site's page").into_response();
    }
    let (answer, answered) = oneshot::channel();
    let asked = local.questions.try_send(Question::SelfTest(answer)).is_ok();
    let answer = async { tokio::time::timeout(SELF_TEST_LIMIT, answered).await.ok()?.ok() };
    let Some(mut findings) = (if asked { answer.await } else { None }) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the station's loop does not answer").into_response();
    };
    let connected = ask(&local).await.is_some_and(|status| status.companion.connected);
    findings.push(local.companion.finding(connected).await);
    Json(Report::new(findings)).into_response()
}

#[derive(Clone)]
struct Simulator {
    board: Simulated,
    panel: watch::Receiver<Panel>,
}

async fn panel_state(State(simulator): State<Simulator>) -> Json<Panel> {
    Json(simulator.panel.borrow().clone())
}

async fn panel_events(State(simulator): State<Simulator>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut panel = simulator.panel;
    panel.mark_changed();
    let events = futures_util::stream::unfold(panel, |mut panel| async move {
        panel.changed().await.ok()?;
        let event = Event::default().json_data(&*panel.borrow_and_update()).unwrap_or_default();
        Some((Ok(event), panel))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Presses with the timing of `steps`, or sets a level until the next request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    button: String,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    pressed: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    pressed: bool,
    for_ms: u64,
}

async fn press(State(simulator): State<Simulator>, Json(press): Json<Press>) -> Response {
    let Simulator { board, .. } = simulator;
    let Ok(button) = ButtonId::new(&press.button) else {
        return (StatusCode::BAD_REQUEST, "no button is named like that").into_response();
    };
    if let Some(pressed) = press.pressed {
        return match board.set_pressed(&button, pressed, Instant::now()) {
            Ok(_) => StatusCode::ACCEPTED.into_response(),
            Err(error) => (StatusCode::NOT_FOUND, error.to_string()).into_response(),
        };
    }
    let steps = press
        .steps
        .iter()
        .map(|step| doorway_board::Step { pressed: step.pressed, hold: Duration::from_millis(step.for_ms) });
    let script = match Script::new(steps.collect()) {
        Ok(script) => script,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    if !board.buttons().iter().any(|(id, _)| *id == button) {
        return (StatusCode::NOT_FOUND, format!("the board has no button {button}")).into_response();
    }
    tokio::spawn(async move {
        let start = Instant::now();
        for (after, pressed) in script.edges() {
            let at = start + after;
            tokio::time::sleep_until(at.into()).await;
            // Told late but timed right, as by a kernel: a machine that stalls must not make the pulse longer.
            if board.set_pressed(&button, pressed, at).is_err() {
                return;
            }
        }
    });
    StatusCode::ACCEPTED.into_response()
}

/// Refuses a request whose `Host` is no name of this computer: a page from elsewhere that made its own name point
/// here (DNS rebinding).
async fn only_loopback_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    match name {
        "localhost" | "127.0.0.1" | "[::1]" => next.run(request).await,
        _ => (StatusCode::MISDIRECTED_REQUEST, "ask for this as localhost").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn answer(request: &str) -> String {
        let (questions, _) = mpsc::channel(1);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let panel = Router::new().route("/sim", get(async || "the panel"));
        let routes = router(Local { questions, metrics, companion: CompanionProbe::Elsewhere }, panel);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(axum::serve(listener, routes).into_future());
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serving.abort();
        answer
    }

    #[tokio::test]
    async fn every_answer_carries_the_headers_that_protect_a_browser() {
        for path in ["/sim", "/status", "/metrics", "/self-test", "/js/app.js", "/nothing"] {
            let answer = answer(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n")).await;
            for header in
                ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "cache-control: "]
            {
                assert!(answer.contains(header), "{path} lacks {header}: {answer}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_with_two_hosts_or_the_name_of_elsewhere_is_refused() {
        let two = answer("GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n").await;
        assert!(two.starts_with("HTTP/1.1 400 "), "{two}");
        let elsewhere = answer("GET /status HTTP/1.1\r\nHost: evil.example\r\n").await;
        assert!(elsewhere.starts_with("HTTP/1.1 421 "), "{elsewhere}");
    }
}
