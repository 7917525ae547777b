//! How a station that nobody has set up gets its secret: whoever opens its page first, within an hour of power-on,
//! gives it a name and a secret. Until then nobody comes into a room, so nothing rings, shows a picture or opens.
//!
//! An hour, because the person who may set it up is the one who can switch it off and on again.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::{error, info};

use crate::allowance::{Allowance, Pace};
use crate::gate::Visitor;
use crate::guard::Guard;
use crate::secret::{Secret, SecretError};
use crate::source::Source;

/// How long after the start a station can be claimed.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// Tries of a host, and of a network of hosts. One is enough for who knows what to write.
const TRIES: Pace = Pace { burst: 5, every: Duration::from_secs(3) };
const TRIES_OF_NETWORK: Pace = Pace { burst: 20, every: Duration::from_secs(1) };
/// How long after a press on the station's button one that lost its settings can be claimed.
const WINDOW_OF_PRESS: Duration = Duration::from_secs(10 * 60);
/// The longest request.
const REQUEST_BYTES: usize = 2 * 1024;

/// The most characters of a station's name.
const NAME_CHARACTERS: usize = 64;

/// What a person sets a station up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Household {
    /// What people read when it rings.
    pub name: String,
    /// What every page has to know from then on.
    pub secret: Secret,
}

/// Writes down what was chosen, or says why not.
type Keep = dyn Fn(&Household) -> io::Result<()> + Send + Sync;

/// A station's one chance to be set up from its page.
pub struct Claim {
    secret: OnceLock<Secret>,
    keep: Box<Keep>,
    opens: Opens,
    tries: Mutex<Allowance>,
}

/// When a station can be claimed.
enum Opens {
    /// From its start on.
    AtStart(Instant),
    /// When somebody is there; none before.
    AtPress(Mutex<Option<Instant>>),
}

/// Why a claim is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Problem {
    /// The window is over.
    Late,
    /// The station lost its settings, and nobody has pressed its button yet.
    Press,
    /// Somebody has set it up already.
    Done,
    TooOften,
    Malformed,
    Name,
    SecretShort,
    SecretLong,
    SecretSimple,
    /// The station could not write it down.
    NotKept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: String,
    secret: String,
}

impl Claim {
    /// Open from now on. `keep` writes down what the person chose before it holds, and says when it could not.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time.
    pub fn new(keep: impl Fn(&Household) -> io::Result<()> + Send + Sync + 'static) -> Arc<Self> {
        Self::opening(Opens::AtStart(Instant::now()), keep)
    }

    /// Of a station that had settings and lost them: open for a while after each [`Self::open`].
    pub fn closed(keep: impl Fn(&Household) -> io::Result<()> + Send + Sync + 'static) -> Arc<Self> {
        Self::opening(Opens::AtPress(Mutex::new(None)), keep)
    }

    fn opening(opens: Opens, keep: impl Fn(&Household) -> io::Result<()> + Send + Sync + 'static) -> Arc<Self> {
        let tries = Mutex::new(Allowance::new(TRIES, TRIES_OF_NETWORK));
        Arc::new(Self { secret: OnceLock::new(), keep: Box::new(keep), opens, tries })
    }

    /// Somebody is at the station.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time.
    pub fn open(&self) {
        match &self.opens {
            Opens::AtStart(_) => {}
            Opens::AtPress(pressed) => *lock(pressed) = Some(Instant::now()),
        }
    }

    /// The secret, once somebody has set the station up.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.secret.get()
    }

    fn state(&self) -> Result<(), Problem> {
        if self.secret.get().is_some() {
            return Err(Problem::Done);
        }
        match &self.opens {
            Opens::AtStart(opened) if opened.elapsed() > WINDOW => Err(Problem::Late),
            Opens::AtStart(_) => Ok(()),
            Opens::AtPress(pressed) => {
                let is_open = lock(pressed).is_some_and(|pressed| pressed.elapsed() <= WINDOW_OF_PRESS);
                if is_open { Ok(()) } else { Err(Problem::Press) }
            }
        }
    }

    fn take(&self, request: &[u8], source: Source) -> Result<(), Problem> {
        // Held to the end: of two who come at the same time, one is too late.
        let mut tries = lock(&self.tries);
        self.state()?;
        tries.take(source, Instant::now().into_std()).map_err(|_| Problem::TooOften)?;
        let household = Household::read(request)?;
        (self.keep)(&household).map_err(|error| {
            error!("what the station was set up with can't be kept: {error}; see that its disk is there and not full");
            Problem::NotKept
        })?;
        // Nobody else can have set it while the lock is held.
        let _set = self.secret.set(household.secret);
        info!("the station was set up from its page");
        Ok(())
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Household {
    /// Reads what a page sent: `{"name": …, "secret": …}`. `None` when it is no such thing, or not good enough.
    pub fn parse(request: &[u8]) -> Option<Self> {
        Self::read(request).ok()
    }

    fn read(request: &[u8]) -> Result<Self, Problem> {
        let Request { name, secret } = serde_json::from_slice(request).map_err(|_| Problem::Malformed)?;
        let name = name.trim();
        let name_fits = (1..=NAME_CHARACTERS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if !name_fits {
            return Err(Problem::Name);
        }
        let secret = Secret::new(&secret).map_err(|error| match error {
            SecretError::Short => Problem::SecretShort,
            SecretError::Long => Problem::SecretLong,
            SecretError::Simple => Problem::SecretSimple,
        })?;
        Ok(Self { name: name.to_owned(), secret })
    }
}

/// `GET /claim` tells how it stands, `POST /claim` sets the station up.
pub(crate) fn routes(claim: Arc<Claim>, guard: Arc<Guard>) -> Router {
    let told = claim.clone();
    let tell = async move || match told.state() {
        Ok(()) => answer(StatusCode::OK, r#"{"state":"open"}"#.to_owned()),
        Err(problem) => answer(StatusCode::OK, format!(r#"{{"state":{}}}"#, word(problem))),
    };
    let take = async move |Extension(visitor): Extension<Visitor>, headers: HeaderMap, body: Bytes| {
        if let Err(refusal) = guard.check_own_page(&headers) {
            return refusal.into_response();
        }
        match claim.take(&body, visitor.source) {
            Ok(()) => answer(StatusCode::OK, r#"{"state":"done"}"#.to_owned()),
            Err(problem) => answer(status(problem), format!(r#"{{"problem":{}}}"#, word(problem))),
        }
    };
    Router::new().route("/claim", get(tell).post(take).layer(DefaultBodyLimit::max(REQUEST_BYTES)))
}

fn status(problem: Problem) -> StatusCode {
    match problem {
        Problem::Late | Problem::Press | Problem::Done => StatusCode::CONFLICT,
        Problem::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Problem::NotKept => StatusCode::INTERNAL_SERVER_ERROR,
        Problem::Malformed | Problem::Name | Problem::SecretShort | Problem::SecretLong | Problem::SecretSimple => {
            StatusCode::BAD_REQUEST
        }
    }
}

fn word(problem: Problem) -> String {
    serde_json::to_string(&problem).expect("a unit variant is a string")
}

fn answer(status: StatusCode, json: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, json).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::from;

    fn somebody() -> Source {
        from("192.0.2.7")
    }

    fn request(name: &str, secret: &str) -> Vec<u8> {
        serde_json::json!({ "name": name, "secret": secret }).to_string().into_bytes()
    }

    #[test]
    fn a_secret_is_long_and_not_a_few_keys_over_and_over() {
        for good in ["correct horse battery", "tk4m-92xq-hv7w", "前門的密碼很長而且不容易猜", "aB3$aB3$eF5&"]
        {
            Household::read(&request("Door", good)).unwrap();
        }
        for (bad, problem) in [
            ("short", Problem::SecretShort),
            ("   ten chars  ", Problem::SecretShort),
            ("aaaaaaaaaaaaaaaa", Problem::SecretSimple),
            ("abababababababab", Problem::SecretSimple),
            ("123456789012", Problem::SecretSimple),
            ("abcdefghijklmnop", Problem::SecretSimple),
            ("tk4m-92xq-\u{7}hv7w", Problem::SecretSimple),
            (&"correct horse".repeat(20), Problem::SecretLong),
        ] {
            assert_eq!(Household::read(&request("Door", bad)), Err(problem), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_there_and_fits() {
        let read = |name: &str| Household::read(&request(name, "correct horse battery"));
        assert_eq!(read("  Front door ").unwrap().name, "Front door");
        assert_eq!(read(&"門".repeat(64)).unwrap().name, "門".repeat(64));
        for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert_eq!(read(bad), Err(Problem::Name), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_claim_is_not_read() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"name":"Door"}"#,
            r#"{"name":"Door","secret":7}"#,
            r#"{"name":"Door","secret":"correct horse battery","role":"admin"}"#,
            r#"{"name":"Door","name":"Gate","secret":"correct horse battery"}"#,
        ] {
            assert_eq!(Household::read(bad.as_bytes()), Err(Problem::Malformed), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tries_come_back_one_by_one() {
        let claim = Claim::new(|_| Ok(()));
        let bad = request("", "");
        let problems = |count: usize| (0..count).map(|_| claim.take(&bad, somebody()).unwrap_err()).collect::<Vec<_>>();
        assert_eq!(problems(6)[4..], [Problem::Name, Problem::TooOften]);
        tokio::time::advance(TRIES.every).await;
        assert_eq!(problems(2), [Problem::Name, Problem::TooOften]);
        tokio::time::advance(WINDOW / 2).await;
        assert_eq!(problems(6)[4..], [Problem::Name, Problem::TooOften]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_kept_does_not_hold() {
        let full = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let disk = full.clone();
        let claim = Claim::new(move |_| match disk.load(std::sync::atomic::Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        });
        let good = request("Door", "correct horse battery");
        assert_eq!(claim.take(&good, somebody()), Err(Problem::NotKept));
        assert!(claim.secret().is_none());
        full.store(false, std::sync::atomic::Ordering::Relaxed);
        claim.take(&good, somebody()).unwrap();
        assert!(claim.secret().unwrap().is("correct horse battery"));
        assert_eq!(claim.take(&request("Mine", "another good one"), somebody()), Err(Problem::Done));
        assert!(claim.secret().unwrap().is("correct horse battery"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_station_that_lost_its_settings_is_claimed_by_who_pressed_its_button() {
        let claim = Claim::closed(|_| Ok(()));
        let good = request("Door", "correct horse battery");
        assert_eq!(claim.take(&good, somebody()), Err(Problem::Press));
        tokio::time::advance(WINDOW * 2).await;
        assert_eq!(claim.take(&good, somebody()), Err(Problem::Press));
        claim.open();
        tokio::time::advance(WINDOW_OF_PRESS + Duration::from_secs(1)).await;
        assert_eq!(claim.take(&good, somebody()), Err(Problem::Press), "a press of long ago");
        claim.open();
        claim.take(&good, somebody()).unwrap();
        claim.open();
        assert_eq!(claim.take(&good, somebody()), Err(Problem::Done));
    }

    #[tokio::test(start_paused = true)]
    async fn a_press_does_not_open_a_new_station_again() {
        let claim = Claim::new(|_| Ok(()));
        tokio::time::advance(WINDOW + Duration::from_secs(1)).await;
        claim.open();
        assert_eq!(claim.state(), Err(Problem::Late));
    }
}
