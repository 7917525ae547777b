//! Updates of the device image, by RAUC: from an address or from a page, checked, installed into the other slot while
//! nobody calls, and tried by the next start.
//!
//! [`Updates`] is what the rest sees: its status, and what may be asked of it. The work is one task ([`manager`]), the pages'
//! way in is [`routes`]. Without a device image under the daemon there is nothing to update, and it says so.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_proto::state::Station;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::image::Image;
use crate::service;

mod failure;
mod manager;
mod rauc;
mod routes;
pub mod trial;
pub mod upload;
mod version;

pub use failure::Failure;
pub use routes::{is_address, routes};
pub use version::Version;

/// What waits for the task; a page that finds it full is told that an update is on.
const REQUESTS: usize = 4;

/// How updates are done.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UpdateSettings {
    /// Where the bundle is that a person may have fetched, or the daily check looks at.
    pub url: Option<String>,
    /// Whether it is looked at once a day.
    pub check_daily: bool,
    /// For how long nobody may have called before the station restarts into an update by itself; none for never.
    pub restart_after_quiet: Option<Duration>,
}

/// Hides the address, which may hold a password.
impl std::fmt::Debug for UpdateSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateSettings")
            .field("has_url", &self.url.is_some())
            .field("check_daily", &self.check_daily)
            .field("restart_after_quiet", &self.restart_after_quiet)
            .finish()
    }
}

/// What `/status` and the pages are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpdateStatus {
    /// Whether RAUC was found; without it updates come with the package manager.
    pub able: bool,
    /// What goes on.
    pub phase: Phase,
    /// The version that waits at the configured address, if it is newer.
    pub available: Option<String>,
    /// Whether an address is configured.
    pub has_url: bool,
    /// The running version has yet to pass its self-test.
    pub on_trial: bool,
    /// An update that the board came back from.
    pub undone: Option<Undone>,
}

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Phase {
    /// Nothing.
    Idle {},
    /// A page sends a bundle.
    Receiving {
        /// Of the bundle.
        percent: u8,
    },
    /// The bundle is looked at.
    Checking {},
    /// It is good, and waits for the end of a call.
    Waiting {
        /// The bundle's version.
        version: String,
    },
    /// It is written into the other slot.
    Installing {
        /// The bundle's version.
        version: String,
        /// Of the installation.
        percent: u8,
    },
    /// It is there, and the next start tries it.
    Installed {
        /// Its version.
        version: String,
        /// Whether the daemon can restart the machine.
        restarts: bool,
        /// Whether it does by itself once nobody has called for a while.
        by_itself: bool,
    },
    /// The machine is about to restart.
    Restarting {
        /// The version that it restarts into.
        version: String,
    },
    /// It was not installed.
    Failed {
        /// Why.
        failure: Failure,
        /// The same in words, in English.
        message: String,
    },
}

/// An update that the board came back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// Its version.
    pub version: String,
    /// What its self-test found; empty when it did not get that far.
    pub why: Vec<String>,
}

impl Phase {
    /// Whether another update has to wait for the end of this one.
    fn is_busy(&self) -> bool {
        match self {
            Self::Idle {} | Self::Installed { .. } | Self::Failed { .. } => false,
            Self::Receiving { .. }
            | Self::Checking {}
            | Self::Waiting { .. }
            | Self::Installing { .. }
            | Self::Restarting { .. } => true,
        }
    }

    fn failed(failure: Failure) -> Self {
        let message = failure.to_string();
        Self::Failed { failure, message }
    }
}

/// What the task is asked for.
#[derive(Debug)]
enum Request {
    /// Install what is there; the phase was claimed before.
    Install(Source),
    /// Look at the configured address.
    Check,
    /// Restart into the update.
    Restart,
    /// Forget the update that was undone.
    Dismiss,
}

/// Where a bundle is.
#[derive(Clone)]
enum Source {
    Address(String),
    /// A file of ours, which is removed afterwards.
    Upload(PathBuf),
}

/// Hides the address.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(_) => f.write_str("Address"),
            Self::Upload(_) => f.write_str("Upload"),
        }
    }
}

/// The way to updates. Clones lead to the same.
#[derive(Clone)]
pub struct Updates {
    requests: mpsc::Sender<Request>,
    status: Arc<watch::Sender<UpdateStatus>>,
    image: watch::Receiver<Image>,
    url: Option<String>,
    state: Option<PathBuf>,
}

impl Updates {
    /// Starts the task. `station` says whether somebody calls.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn start(settings: UpdateSettings, station: watch::Receiver<Station>) -> Self {
        let state = service::state_folder();
        if let Some(state) = &state {
            upload::clear(state);
        }
        let image = Image::of_this_machine();
        let (requests, waiting) = mpsc::channel(REQUESTS);
        let (image_told, image_seen) = watch::channel(image.clone());
        let status = UpdateStatus {
            able: false,
            phase: Phase::Idle {},
            available: None,
            has_url: settings.url.is_some(),
            on_trial: false,
            undone: None,
        };
        let status = Arc::new(watch::Sender::new(status));
        let updates = Self {
            requests,
            status: status.clone(),
            image: image_seen,
            url: settings.url.clone(),
            state: state.clone(),
        };
        // A daemon from a package has nothing to update, and costs nothing for it.
        if image.version.is_some() {
            let now = Instant::now();
            let manager = manager::Manager::new(settings, state, image_told, status, station, now);
            tokio::spawn(manager.run(waiting));
        }
        updates
    }

    /// What goes on.
    pub fn status(&self) -> UpdateStatus {
        self.status.borrow().clone()
    }

    /// What runs.
    pub fn image(&self) -> Image {
        self.image.borrow().clone()
    }

    /// Takes the phase for an update of one's own; false while another has it.
    fn claim(&self, phase: Phase) -> bool {
        self.status.send_if_modified(|status| {
            let free = status.able && !status.phase.is_busy();
            if free {
                status.phase = phase;
            }
            free
        })
    }

    fn set_phase(&self, phase: Phase) {
        self.status.send_modify(|status| status.phase = phase);
    }
}
