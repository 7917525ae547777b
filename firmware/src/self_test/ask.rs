//! Asking the running daemon.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Report;
use crate::http::{self, HttpError};

/// How long a test may take: the daemon's own limits, and some more.
const TEST_LIMIT: Duration = Duration::from_secs(45);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answers there.
    #[error("no daemon answers on {0}: {1}; look at `systemctl status doorwayd`, and at [local] listen")]
    NoDaemon(SocketAddr, HttpError),
    /// Somebody answers something else.
    #[error("{0} answers with HTTP {1}: {2}; look at `journalctl -u doorwayd`")]
    NoReport(SocketAddr, u16, String),
}

/// Asks the daemon at `local` for a test, until one passes or `within` is over; once only without it. The last report
/// counts: a camera that takes its time after power-on fails the first tests and passes a later one.
///
/// # Errors
/// When no daemon gave a report in time.
pub async fn ask(local: SocketAddr, within: Option<Duration>) -> Result<Report, AskError> {
    let until = Instant::now() + within.unwrap_or_default();
    let mut last = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let limit = if within.is_some() { left.max(PAUSE) } else { TEST_LIMIT };
        match once(local, limit.min(TEST_LIMIT)).await {
            Ok(report) if report.passed => return Ok(report),
            answer @ Ok(_) => last = Some(answer),
            // A report is worth more than the news that the daemon has gone since.
            error if !matches!(last, Some(Ok(_))) => last = Some(error),
            Err(_) => {}
        }
        if Instant::now() + PAUSE >= until {
            return last.expect("it was asked at least once");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn once(local: SocketAddr, limit: Duration) -> Result<Report, AskError> {
    let answer = http::get(local, "/self-test", limit).await.map_err(|error| AskError::NoDaemon(local, error))?;
    let no_report = || AskError::NoReport(local, answer.status, answer.text());
    if answer.status != 200 {
        return Err(no_report());
    }
    serde_json::from_slice(&answer.body).map_err(|_| no_report())
}
