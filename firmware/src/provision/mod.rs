//! `doorwayd provision`: a device's first start, and what a card's `doorway.toml` asks for at any start.
//!
//! As root, before the network and the daemon. [`file`] reads the card's file and [`plan`] decides, both pure; here the
//! decisions meet the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::{ConfigError, DEFAULT_PATH};
use crate::durable::{self, Owner};
use crate::identity::{Identity, state_folder};
use crate::run;

mod boot;
pub mod file;
pub mod plan;
mod wifi;

use boot::Boot;
use file::Wishes;
use plan::{Found, Memory, Place, Plan, Step};

/// Where the image mounts its boot partition.
pub const BOOT: &str = "/boot/firmware";
/// The configuration that the image ships: what a card's file leaves out.
const SHIPPED: &str = "usr/share/doorway/doorway.toml";
const WIFI: &str = "etc/wpa_supplicant/wpa_supplicant-wlan0.conf";
const HOSTNAME: &str = "etc/hostname";
const MEMORY: &str = "provisioned.json";
/// The name that the kernel goes by.
const LIVE_HOSTNAME: &str = "/proc/sys/kernel/hostname";
/// The daemon's user.
const USER: &str = "doorway";

/// Makes the identity if there is none, and does what the card's file asks for.
///
/// # Errors
/// When the disk does not do it; at the next start it is tried again.
pub fn run(boot: &Path, root: &Path) -> anyhow::Result<Option<ConfigError>> {
    let places = Places::new(boot, root);
    let (identity, is_new) = Identity::load_or_make(&places.state, places.daemon)?;
    if is_new {
        tracing::info!(device = %identity.id, "this device has its identity now");
    }
    let found = places.look(identity.id.hostname())?;
    let Plan { steps, refused } = plan::plan(&found, |wishes| fits(wishes, found.file.as_deref().unwrap_or_default()));
    for step in &steps {
        places.carry_out(step)?;
    }
    if steps.iter().any(|step| matches!(step, Step::Write(Place::Config, _))) {
        tracing::info!("the configuration on the card was taken over");
    }
    places.call_the_kernel()?;
    Ok(refused)
}

/// Whether the board has what the configuration names. A camera or an interface may not be there yet.
fn fits(wishes: &Wishes, bytes: &[u8]) -> Result<(), ConfigError> {
    let Some((_, config)) = &wishes.config else { return Ok(()) };
    run::check_board(config).map_err(|misfits| file::misplaced(bytes, misfits.0))
}

/// Where everything is.
struct Places {
    boot: Boot,
    root: PathBuf,
    state: PathBuf,
    /// The daemon's user and group, where there is one.
    daemon: Option<Owner>,
}

impl Places {
    fn new(boot: &Path, root: &Path) -> Self {
        let state = if root == Path::new("/") { state_folder() } else { root.join("var/lib/doorway") };
        Self { boot: Boot::new(boot), root: root.to_owned(), state, daemon: user(&root.join("etc/passwd"), USER) }
    }

    fn path(&self, place: Place) -> PathBuf {
        match place {
            Place::Wifi => self.root.join(WIFI),
            Place::Config => self.root.join(DEFAULT_PATH.trim_start_matches('/')),
            Place::Memory => self.state.join(MEMORY),
            Place::Hostname => self.root.join(HOSTNAME),
        }
    }

    fn look(&self, own_name: String) -> anyhow::Result<Found> {
        let text = |path: PathBuf| -> anyhow::Result<Option<String>> {
            let bytes = durable::read(&path).with_context(|| format!("can't read {}", path.display()))?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        // Damaged, it is as good as none: the card's file is taken over once more.
        let memory: Option<Memory> =
            text(self.path(Place::Memory))?.and_then(|memory| serde_json::from_str(&memory).ok());
        Ok(Found {
            file: self.boot.file()?,
            half_erased: self.boot.is_half_erased(),
            complaint: self.boot.complaint()?,
            memory,
            shipped: text(self.root.join(SHIPPED))?.unwrap_or_default(),
            hostname: text(self.path(Place::Hostname))?,
            own_name,
        })
    }

    fn carry_out(&self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Write(place, bytes) => {
                let path = self.path(*place);
                self.write(*place, &path, bytes).with_context(|| format!("can't write {}", path.display()))
            }
            Step::SetAside => self.boot.set_aside(),
            Step::Erase => self.boot.erase(),
            Step::Complain(text) => self.boot.complain(text),
            Step::ComplainNoMore => self.boot.complain_no_more(),
        }
    }

    fn write(&self, place: Place, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (mode, owner) = match place {
            Place::Wifi => (0o600, None),
            // It may hold the household's secret, and the daemon reads it.
            Place::Config => (0o640, self.daemon.map(|Owner { group, .. }| Owner { user: 0, group })),
            Place::Memory => (0o600, self.daemon),
            Place::Hostname => (0o644, None),
        };
        if let Some(folder) = path.parent() {
            durable::folder(folder, 0o755, None)?;
        }
        durable::write(path, bytes, mode, owner)
    }

    /// Tells the running system its name; the service manager read the file before it was written.
    fn call_the_kernel(&self) -> anyhow::Result<()> {
        if self.root != Path::new("/") {
            return Ok(());
        }
        let Some(wanted) = durable::read(&self.path(Place::Hostname))? else { return Ok(()) };
        if fs::read(LIVE_HOSTNAME).ok().as_ref() == Some(&wanted) {
            return Ok(());
        }
        fs::write(LIVE_HOSTNAME, wanted).context("can't set the running system's name")
    }
}

/// A user's numbers in a `passwd(5)`. `None` when there is no such user, or this process may not give files away.
fn user(passwd: &Path, name: &str) -> Option<Owner> {
    use std::os::unix::fs::MetadataExt as _;
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let text = fs::read_to_string(passwd).ok().filter(|_| is_root)?;
    let mut fields = text.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let found = fields.next() == Some(name);
        found.then(|| fields.skip(1))
    })?;
    Some(Owner { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
