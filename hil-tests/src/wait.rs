//! Waiting for something to become true, with a deadline and with the last thing seen in the error.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often [`until`] looks.
const INTERVAL: Duration = Duration::from_millis(25);

/// What one look found.
#[derive(Debug)]
pub enum Look<T> {
    /// What was waited for.
    Found(T),
    /// Not yet; this was there instead.
    NotYet(String),
}

impl<T> Look<T> {
    /// Found when `condition` holds, else not yet, because of `seen`.
    pub fn when(condition: bool, value: T, seen: impl Display) -> Self {
        if condition { Self::Found(value) } else { Self::NotYet(seen.to_string()) }
    }
}

/// Looks again and again until something is found.
///
/// A look that fails counts as 'not yet': while a daemon restarts, its endpoint refuses connections.
///
/// # Errors
/// When `within` has passed; the error says what was waited for and what was seen last.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Result<Look<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        let seen = match look().await {
            Ok(Look::Found(value)) => return Ok(value),
            Ok(Look::NotYet(seen)) => seen,
            Err(error) => format!("error: {error:#}"),
        };
        if start.elapsed() >= within {
            bail!("waited {within:.1?} until {what}; last seen: {seen}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Holds for the whole of `period`, or fails with what was seen instead.
///
/// # Errors
/// As soon as a look finds something else.
pub async fn throughout(what: &str, period: Duration, mut look: impl AsyncFnMut() -> Result<Look<()>>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < period {
        if let Look::NotYet(seen) = look().await? {
            bail!("after {:.1?} no longer {what}, but: {seen}", start.elapsed());
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn the_error_tells_what_was_seen_last() {
        let mut looks = 0;
        let error = block_on(until("it is there", Duration::from_millis(60), async || {
            looks += 1;
            Ok(Look::<()>::NotYet(format!("look {looks}")))
        }))
        .unwrap_err()
        .to_string();
        assert!(error.contains("it is there") && error.contains(&format!("look {looks}")), "{error}");
    }

    #[test]
    fn a_failed_look_is_only_not_yet() {
        let mut looks = 0;
        let found = block_on(until("it is there", Duration::from_secs(2), async || {
            looks += 1;
            if looks < 3 { bail!("refused") } else { Ok(Look::Found(looks)) }
        }));
        assert_eq!(found.unwrap(), 3);
    }
}
