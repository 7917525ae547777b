//! What the state folder remembers of the last update, over the restart into it and back.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable;

/// The file in the state folder. It is no setting: a backup leaves it out.
pub const FILE: &str = "update.json";

/// An update that was installed and is not known to be good yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The version that installed it.
    pub(super) from: String,
    /// The version of the update.
    pub(super) to: String,
    /// The boot in which it was installed.
    pub(super) boot: String,
    /// What the new version's last self-test found, where it failed.
    #[serde(default)]
    pub(super) failed: Vec<String>,
}

/// What a record means for the version that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is nothing to tell.
    Settled,
    /// It waits for the restart.
    Installed,
    /// It runs, and has to prove itself.
    OnTrial,
    /// It ran or should have, and the board fell back.
    Undone,
}

impl Record {
    /// What it means, with `running` started in `boot`.
    pub(super) fn standing(record: Option<&Self>, running: &str, boot: &str) -> Standing {
        match record {
            None => Standing::Settled,
            Some(record) if record.to == running => Standing::OnTrial,
            Some(record) if record.boot == boot => Standing::Installed,
            Some(_) => Standing::Undone,
        }
    }

    /// The one in `folder`; one that can't be read is none.
    pub(super) fn load(folder: &Path) -> Option<Self> {
        let bytes = std::fs::read(folder.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Writes it as one: after a power cut there is the old one or the new one.
    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        durable::write(&folder.join(FILE), &serde_json::to_vec(self)?, 0o600, None)
    }

    /// Forgets it.
    pub(super) fn remove(folder: &Path) {
        let _ = std::fs::remove_file(folder.join(FILE));
    }
}

/// This start of the machine.
pub(super) fn boot_id() -> String {
    let named = std::env::var("DOORWAY_BOOT_ID").ok();
    let own = || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    named.unwrap_or_else(own).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record { from: "1.0.0+1".into(), to: "1.1.0+2".into(), boot: "first".into(), failed: Vec::new() }
    }

    #[test]
    fn a_record_tells_a_restart_to_come_a_trial_and_a_fallback_apart() {
        let record = record();
        let standing = |running, boot| Record::standing(Some(&record), running, boot);
        assert_eq!(Record::standing(None, "1.0.0+1", "first"), Standing::Settled);
        assert_eq!(standing("1.0.0+1", "first"), Standing::Installed, "the daemon alone was restarted");
        assert_eq!(standing("1.1.0+2", "second"), Standing::OnTrial);
        assert_eq!(standing("1.0.0+1", "third"), Standing::Undone);
    }

    #[test]
    fn a_record_survives_its_file_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::load(folder.path()), None);
        record().save(folder.path()).unwrap();
        assert_eq!(Record::load(folder.path()), Some(record()));
        std::fs::write(folder.path().join(FILE), b"{\"from\":").unwrap();
        assert_eq!(Record::load(folder.path()), None);
        Record::remove(folder.path());
        assert!(!folder.path().join(FILE).exists());
    }
}
