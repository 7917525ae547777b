//! What a person chose on the station's page when they set it up: its name and the household's secret.

use std::io;
use std::path::{Path, PathBuf};

use doorway_signaling::{Household, Secret};
use serde::{Deserialize, Serialize};

use crate::durable;

const FILE: &str = "household.json";
/// The device image lays it beside for a card that was just written, and for one that was reset by its button: see
/// `yocto/device/root/usr/lib/doorway/preinit`. No setting: it says what this card has been through.
pub const OPEN_TO_CLAIM: &str = "open-to-claim";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    secret: String,
}

/// Where it is kept.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

impl Shelf {
    /// In the state's folder.
    pub fn new(state: &Path) -> Self {
        Self(state.join(FILE))
    }

    /// What was chosen; `None` before.
    ///
    /// # Errors
    /// When it is there and can't be read: a station that somebody has set up must not be open to others for that.
    pub fn read(&self) -> io::Result<Option<Household>> {
        let Some(bytes) = durable::read(&self.0).map_err(|error| self.explain(&error))? else { return Ok(None) };
        let damaged = || {
            let remedy = "remove it to set the station up anew, or put a secret into the configuration";
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {remedy}", self.0.display()))
        };
        let Written { name, secret } = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        Ok(Some(Household { name, secret: Secret::kept(&secret).map_err(|_| damaged())? }))
    }

    /// Keeps it, for the daemon's eyes only.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn keep(&self, household: &Household) -> io::Result<()> {
        let written = Written { name: household.name.clone(), secret: household.secret.expose().to_owned() };
        let json = serde_json::to_vec(&written).expect("all keys are strings");
        if let Some(folder) = self.0.parent() {
            durable::folder(folder, 0o700, None)?;
        }
        durable::write(&self.0, &json, 0o600, None).map_err(|error| self.explain(&error))
    }

    /// Whether whoever opens the page first may set the station up, without being there: nobody ever did. A station that lost
    /// its settings, by a damaged card, is not a new one.
    pub fn is_new(&self) -> bool {
        self.0.with_file_name(OPEN_TO_CLAIM).exists()
    }

    /// Somebody has set the station up, here or by its configuration: it is never new again.
    pub fn is_taken(&self) {
        if let Err(error) = durable::remove(&self.0.with_file_name(OPEN_TO_CLAIM)) {
            tracing::warn!("that the station is set up can't be remembered: {error}");
        }
    }

    fn explain(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_chosen_is_there_after_a_restart_and_for_the_daemon_alone() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(state.path());
        assert_eq!(shelf.read().unwrap(), None);
        let chosen = Household { name: "前門".into(), secret: Secret::new("correct horse battery").unwrap() };
        shelf.keep(&chosen).unwrap();
        assert_eq!(shelf.read().unwrap(), Some(chosen));
        let mode = fs::metadata(state.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_was_chosen_under_an_older_rule_locks_nobody_out() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(FILE), r#"{"name":"Door","secret":"password1234"}"#).unwrap();
        assert_eq!(Shelf::new(state.path()).read().unwrap().unwrap().secret.expose(), "password1234");
    }

    #[test]
    fn a_station_is_new_once() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(state.path());
        assert!(!shelf.is_new());
        fs::write(state.path().join(OPEN_TO_CLAIM), "").unwrap();
        assert!(shelf.is_new());
        shelf.is_taken();
        assert!(!shelf.is_new());
        shelf.is_taken();
    }

    #[test]
    fn a_damaged_file_does_not_open_the_station_to_others() {
        let state = tempfile::tempdir().unwrap();
        for damaged in ["", "{", r#"{"name":"Door","secret":" "}"#, r#"{"name":"Door"}"#] {
            fs::write(state.path().join(FILE), damaged).unwrap();
            let error = Shelf::new(state.path()).read().unwrap_err().to_string();
            assert!(error.contains("household.json is damaged: remove it"), "{error}");
        }
    }
}
