//! What the service manager gives the daemon.

use std::path::PathBuf;

/// The folder for what the daemon keeps; none without a unit that gives one.
pub(crate) fn state_folder() -> Option<PathBuf> {
    folder("STATE_DIRECTORY")
}

/// The folder for what is of this run; none without a unit that gives one.
pub(crate) fn runtime_folder() -> Option<PathBuf> {
    folder("RUNTIME_DIRECTORY")
}

fn folder(variable: &str) -> Option<PathBuf> {
    // More than one is separated by colons.
    let folders = std::env::var(variable).ok()?;
    folders.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from)
}
