//! A media thread that panics begins anew: the call misses a second of picture or sound, and the daemon goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread that failed rests, so that one which fails at once does not fill the journal.
const REST: Duration = Duration::from_secs(1);
/// How soon a thread that rests notices that it is over.
const NAP: Duration = Duration::from_millis(20);

/// Calls `run` until it returns. After a panic it calls `failed`, rests, and calls `run` again unless `is_over` says
/// that nobody needs it any more.
pub(crate) fn keep_running(name: &str, is_over: impl Fn() -> bool, mut run: impl FnMut(), mut failed: impl FnMut()) {
    while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {
        tracing::error!(thread = name, "a media thread failed; it begins anew. Please report the panic above");
        failed();
        let again = Instant::now() + REST;
        while Instant::now() < again {
            if is_over() {
                return;
            }
            thread::sleep(NAP);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_panics_begins_anew_and_what_returns_is_done() {
        let (runs, failures) = (Cell::new(0), Cell::new(0));
        let run = || {
            runs.set(runs.get() + 1);
            assert!(runs.get() > 1, "the first run fails, as this test wants it to");
        };
        keep_running("test", || false, run, || failures.set(failures.get() + 1));
        assert_eq!((runs.get(), failures.get()), (2, 1));
    }

    #[test]
    fn nothing_begins_anew_when_it_is_over() {
        let runs = Cell::new(0);
        let run = || {
            runs.set(runs.get() + 1);
            panic!("every run fails, as this test wants it to");
        };
        keep_running("test", || true, run, || {});
        assert_eq!(runs.get(), 1);
    }
}
