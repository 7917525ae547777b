//! The settings of a station as one file: `doorwayd backup FILE` and `doorwayd restore FILE`.
//!
//! The file is a tar, so that anybody can look into it. Its first entry, `doorway-backup.json`, is the [`Manifest`]: the
//! format's version and the SHA-256 of every other entry. Those are `doorway.toml`, the configuration, and `state/…`, what
//! the state folder holds that is a setting: the station's identity and its secrets. So it is readable by root alone.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod archive;
mod restore;

pub use archive::write;
pub use restore::{finish, restore};

/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;
/// The manifest's name.
const MANIFEST: &str = "doorway-backup.json";
/// The configuration's name.
const CONFIG: &str = "doorway.toml";
/// In front of the names of what is in the state folder.
const STATE: &str = "state/";
/// Settings are small: all of them together stay below this.
const MAX_BYTES: u64 = 16 << 20;

/// What the state folder holds that is no setting: what can be made again, and what belongs to one boot or one update.
/// Everything else is one.
const NO_SETTINGS: [&str; 5] = [
    crate::update::upload::FOLDER,
    crate::update::trial::DISMISSED,
    crate::household::OPEN_TO_CLAIM,
    restore::STAGE,
    restore::READY,
];

/// What tells a station's state folder from another one.
const OF_A_STATION: [&str; 4] = ["identity", "household.json", "provisioned.json", crate::household::OPEN_TO_CLAIM];

/// The places that settings are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The configuration.
    pub config: PathBuf,
    /// The state folder.
    pub state: PathBuf,
}

/// What a backup was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    file: PathBuf,
    bytes: usize,
    names: Vec<String>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} bytes", self.file.display(), self.bytes)?;
        self.names.iter().try_for_each(|name| writeln!(f, "  {name}"))?;
        f.write_str("It holds the station's keys and secrets: keep it as you keep a door key.")
    }
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    format: u32,
    /// The daemon's version that made it.
    doorway: String,
    /// Every other entry.
    files: Vec<Listed>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// A file with its name in the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    name: String,
    content: Vec<u8>,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder can't be read or written.
    #[error("{what} {}: {error}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is no backup, or damaged.
    #[error("{} is no backup that can be restored: {why}; take another one. Nothing was changed", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The state folder is another one.
    #[error("{} is no state folder of a station: {why}; name the right one with --state. Nothing was written", state.display())]
    NoState {
        /// What was named.
        state: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is too much of it.
    #[error("the settings are more than {} MB, and never should be; look into {}", MAX_BYTES >> 20, state.display())]
    TooLarge {
        /// The state folder.
        state: PathBuf,
    },
}

impl BackupError {
    fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { what, path, error }
    }
}

/// Every file of the state folder that is a setting, by its name in it. Links and devices are left out: the daemon makes none.
fn settings_in(state: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = state.join(&folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder.as_os_str().is_empty() => break,
            Err(error) => return Err(BackupError::file("reading the folder", &path)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(BackupError::file("reading the folder", &path))?;
            let name = folder.join(entry.file_name());
            if folder.as_os_str().is_empty() && NO_SETTINGS.iter().any(|other| entry.file_name() == *other) {
                continue;
            }
            let kind = entry.file_type().map_err(BackupError::file("looking at", &entry.path()))?;
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn station() -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { config: folder.path().join("etc/doorway.toml"), state: folder.path().join("state") };
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::create_dir_all(places.state.join("identity")).unwrap();
        fs::write(&places.config, "[station]\nname = \"Gate\"\n").unwrap();
        fs::write(places.state.join("identity/key.pem"), "the key").unwrap();
        fs::write(places.state.join("secret"), "correct horse").unwrap();
        (folder, places)
    }

    #[test]
    fn what_is_no_setting_is_left_out() {
        let (_folder, places) = station();
        fs::create_dir_all(places.state.join("upload")).unwrap();
        fs::write(places.state.join("upload/bundle.raucb"), "large").unwrap();
        fs::write(places.state.join(crate::update::trial::DISMISSED), "1").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", places.state.join("link")).unwrap();
        assert_eq!(settings_in(&places.state).unwrap(), [Path::new("identity/key.pem"), Path::new("secret")]);
        assert_eq!(settings_in(Path::new("/no/such/folder")).unwrap(), Vec::<PathBuf>::new());
    }
}
