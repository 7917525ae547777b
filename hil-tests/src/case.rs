//! The frame around every case.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

/// Two browsers and an encoder fill a small machine: a second case beside them would measure the machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// How many lines of each log are shown when a case fails.
const LOG_LINES: usize = 60;

/// What belongs to one case: a folder for configurations, logs, profiles and pictures.
#[derive(Debug)]
pub struct Case {
    folder: TempDir,
    used: AtomicU32,
}

impl Case {
    /// A frame for something that is no test, such as a figure.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("doorway-hil-").tempdir();
        Ok(Self { folder: folder.context("making a folder for the case")?, used: AtomicU32::new(0) })
    }

    /// The case's folder; it is removed after the case.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A name in the folder that was not handed out before: `kind-1.extension`.
    pub fn fresh(&self, kind: &str, extension: &str) -> PathBuf {
        let number = self.used.fetch_add(1, Ordering::Relaxed) + 1;
        self.folder.path().join(format!("{kind}-{number}{extension}"))
    }

    /// The end of every log, for a person who looks for the cause.
    fn logs(&self) -> String {
        let mut logs: Vec<_> = fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        logs.sort();
        logs.iter().map(|path| tail(path)).collect()
    }
}

/// Runs one case: alone, with a deadline, and with its logs on the terminal when it fails.
///
/// # Panics
/// When the case fails, which is what makes the test fail.
pub fn case(within: Duration, body: impl AsyncFnOnce(&Case) -> Result<()>) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let case = Case::new().expect("the temporary folder is writable");
    let outcome = block_on(async {
        match tokio::time::timeout(within, body(&case)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("the case was not over after {within:.0?}")),
        }
    });
    if let Err(error) = outcome {
        eprintln!("{}", case.logs());
        if std::env::var_os("HIL_KEEP").is_some() {
            let kept = case.folder.keep();
            panic!("{error:#}\nkept: {}", kept.display());
        }
        panic!("{error:#}\n(HIL_KEEP=1 keeps the case's folder)");
    }
}

/// Runs the cases of a file one by one, or has them ignored, all for one reason that is told.
pub fn run_unless(obstacle: Option<&str>, cases: impl IntoIterator<Item = (&'static str, fn())>) -> ExitCode {
    let trials = cases.into_iter().map(|(name, body)| {
        let trial = Trial::test(name, move || {
            let outcome = std::panic::catch_unwind(body);
            outcome.map_err(|panic| Failed::from(panic.downcast_ref::<String>().cloned().unwrap_or_default()))
        });
        match obstacle {
            Some(reason) => trial.with_kind(reason).with_ignored_flag(true),
            None => trial,
        }
    });
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Runs `future` on a runtime of its own in this thread.
///
/// # Panics
/// When the operating system has no more resources for one.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs a few file handles only").block_on(future)
}

fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LOG_LINES)..];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("--- {name}, last {} of {} lines ---\n{}\n", shown.len(), lines.len(), shown.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_takes_too_long_fails() {
        let failed = std::panic::catch_unwind(|| {
            case(Duration::from_millis(20), async |_| {
                std::future::pending::<()>().await;
                Ok(())
            });
        });
        assert!(failed.is_err());
    }

    #[test]
    fn names_in_the_folder_are_never_handed_out_twice() {
        let case = Case::new().unwrap();
        assert_ne!(case.fresh("a", ".log"), case.fresh("a", ".log"));
    }
}
