//! What becomes of an update. The image's own scripts decide it, `yocto/device/root/usr/lib/doorway/confirm` first of all, as
//! they also work without a daemon that does. They leave files, and this reads them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::Undone;
use crate::durable;
use crate::image::Image;

/// Where the scripts keep what outlives a restart.
const KEPT: &str = "/data/doorway";
/// Where they keep what is of this start of the machine.
const OF_THIS_START: &str = "/run/doorway-image";
/// In the daemon's state folder: which news of an update that was undone a person has dismissed. It is no setting.
pub const DISMISSED: &str = "update-dismissed";

/// The scripts' files.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    kept: PathBuf,
    of_this_start: PathBuf,
    /// The daemon's own, for what a person has dismissed.
    state: Option<PathBuf>,
}

/// What they tell now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Findings {
    /// Until the next restart nothing of this changes by itself.
    pub(super) settled: bool,
    /// The version that the next start tries.
    pub(super) installed: Option<String>,
    /// What runs is new here and not known to be good.
    pub(super) on_trial: bool,
    /// What the board came back from, unless a person knows.
    pub(super) undone: Option<Undone>,
}

impl Trial {
    /// `DOORWAY_IMAGE_KEPT` and `DOORWAY_IMAGE_RUN` name other folders, for tests.
    pub(super) fn of_this_machine(state: Option<PathBuf>) -> Self {
        let folder =
            |variable: &str, usual: &str| std::env::var_os(variable).map_or_else(|| usual.into(), PathBuf::from);
        Self {
            kept: folder("DOORWAY_IMAGE_KEPT", KEPT),
            of_this_start: folder("DOORWAY_IMAGE_RUN", OF_THIS_START),
            state,
        }
    }

    /// Reads a handful of small files.
    pub(super) fn look(&self, image: &Image) -> Findings {
        let settled = self.of_this_start.join("settled").exists();
        let installed = first_line(&self.of_this_start.join("installed"));
        let accepted = first_line(&self.kept.join("accepted"));
        let on_trial = match (&image.version, &image.slot, accepted) {
            (Some(version), Some(slot), Some(accepted)) => !settled && accepted != format!("{version} {slot}"),
            // Before there was an update the version that was flashed has nobody to go back to.
            _ => false,
        };
        Findings { settled, installed, on_trial, undone: self.undone() }
    }

    /// A person has read what was undone.
    ///
    /// # Errors
    /// When that can't be remembered.
    pub(super) fn dismiss(&self) -> io::Result<()> {
        let (Some(state), Some(written)) = (&self.state, self.undone_written()) else { return Ok(()) };
        durable::write(&state.join(DISMISSED), written.as_bytes(), 0o600, None)
    }

    fn undone(&self) -> Option<Undone> {
        let text = fs::read_to_string(self.undone_file()).ok()?;
        let known = self.state.as_ref().and_then(|state| fs::read_to_string(state.join(DISMISSED)).ok());
        if known.is_some() && known == self.undone_written() {
            return None;
        }
        let mut lines = text.lines();
        let version = lines.next().filter(|version| !version.is_empty())?.to_owned();
        let why = lines.filter(|line| line.contains(": failed")).map(str::to_owned).collect();
        Some(Undone { version, why })
    }

    /// When it was written tells one piece of news from the next about the same version.
    fn undone_written(&self) -> Option<String> {
        let modified = fs::metadata(self.undone_file()).and_then(|file| file.modified()).ok()?;
        Some(modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string())
    }

    fn undone_file(&self) -> PathBuf {
        self.kept.join("undone")
    }
}

fn first_line(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().next().filter(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        folder: tempfile::TempDir,
        trial: Trial,
    }

    fn machine() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        ["kept", "run", "state"].iter().for_each(|name| fs::create_dir(path(name)).unwrap());
        let trial = Trial { kept: path("kept"), of_this_start: path("run"), state: Some(path("state")) };
        Machine { folder, trial }
    }

    impl Machine {
        fn write(&self, name: &str, text: &str) {
            fs::write(self.folder.path().join(name), text).unwrap();
        }

        fn look(&self) -> Findings {
            self.trial.look(&Image { version: Some("1.2.4".into()), slot: Some("B".into()) })
        }
    }

    #[test]
    fn what_was_flashed_is_not_on_trial_and_what_is_new_is_until_the_scripts_are_done() {
        let machine = machine();
        assert_eq!(machine.look(), Findings::default(), "flashed, and looked at for the first time");
        machine.write("kept/accepted", "1.2.3 A\n");
        assert!(machine.look().on_trial);
        machine.write("kept/accepted", "1.2.4 A\n");
        assert!(machine.look().on_trial, "the same version in the other slot");
        machine.write("kept/accepted", "1.2.4 B\nsound\n");
        assert!(!machine.look().on_trial, "accepted, though with a part that fails");
        machine.write("run/settled", "");
        assert_eq!(machine.look(), Findings { settled: true, ..Findings::default() });
    }

    #[test]
    fn an_installation_is_told_until_the_machine_starts_again() {
        let machine = machine();
        machine.write("run/installed", "1.2.5\n");
        assert_eq!(machine.look().installed.as_deref(), Some("1.2.5"));
        machine.write("run/installed", "");
        assert_eq!(machine.look().installed, None);
    }

    #[test]
    fn what_was_undone_is_told_with_what_failed_until_a_person_knows() {
        let machine = machine();
        machine.write("kept/undone", "1.2.5\ncamera: failed: no frame within 5 s\nsound: passed\n");
        let undone = machine.look().undone.unwrap();
        assert_eq!(
            (undone.version.as_str(), undone.why.as_slice()),
            ("1.2.5", &["camera: failed: no frame within 5 s".to_owned()][..])
        );
        machine.trial.dismiss().unwrap();
        assert_eq!(machine.look().undone, None);
        // The same once more, a while later.
        machine.write("kept/undone", "1.2.5\n");
        let file = fs::File::options().write(true).open(machine.folder.path().join("kept/undone")).unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(1)).unwrap();
        assert_eq!(machine.look().undone, Some(Undone { version: "1.2.5".into(), why: Vec::new() }));
    }

    #[test]
    fn a_file_that_was_cut_short_tells_nothing() {
        let machine = machine();
        machine.write("kept/undone", "");
        machine.write("kept/accepted", "");
        assert_eq!(machine.look(), Findings::default());
    }
}
