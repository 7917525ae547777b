//! Putting settings back, so that a power cut leaves the old ones or the new ones, never some of both.
//!
//! Everything is checked, then written into a folder beside the settings. Renaming that folder to [`READY`] is the moment
//! from which the new settings hold: what follows, moving them to their places, is done again by [`finish`] as often as it
//! takes.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::archive::read;
use super::{BackupError, CONFIG, Places, STATE, settings_in};
use crate::config::Config;
use crate::durable::{self, Owner};

/// Where the new settings are written first.
pub(super) const STAGE: &str = ".restore";
/// What that folder is called once it is whole.
pub(super) const READY: &str = ".restore.ready";

/// Replaces the settings of `places` by those in `file`. The daemon should not run meanwhile; it takes them up when it is
/// started.
///
/// # Errors
/// When the file is no backup, or its configuration can't be used: nothing was changed then. When a place can't be written.
pub fn restore(places: &Places, file: &Path) -> Result<(), BackupError> {
    let settings = read(file)?;
    for setting in settings.iter().filter(|setting| setting.name == CONFIG) {
        let unusable = |why: String| BackupError::Unusable { path: file.to_owned(), why };
        let text = std::str::from_utf8(&setting.content).map_err(|_| unusable(format!("{CONFIG} is no text")))?;
        // A backup from before an update may lack keys, never have wrong ones.
        Config::parse(Path::new(CONFIG), text).map_err(|error| unusable(error.to_string()))?;
    }
    finish(places)?;
    fs::create_dir_all(&places.state).map_err(BackupError::file("making", &places.state))?;
    let stage = places.state.join(STAGE);
    remove(&stage)?;
    for setting in &settings {
        write_synced(&stage.join(&setting.name), &setting.content, 0o600)?;
    }
    sync_folders(&stage)?;
    let ready = places.state.join(READY);
    fs::rename(&stage, &ready).map_err(BackupError::file("renaming", &stage))?;
    sync_folder(&places.state)?;
    finish(places)
}

/// Finishes a restoring that a power cut interrupted; does nothing when there is none.
///
/// # Errors
/// When a place can't be written; it is tried again next time.
pub fn finish(places: &Places) -> Result<(), BackupError> {
    let ready = places.state.join(READY);
    // The state folder is the daemon's, and root does what stands there: only what root itself has staged counts, and no
    // link leads root elsewhere.
    if !fs::symlink_metadata(&ready).is_ok_and(|found| found.is_dir() && found.uid() == own_user()) {
        return Ok(());
    }
    let staged = ready.join(STATE);
    let wanted = if staged.is_dir() { settings_in(&staged)? } else { Vec::new() };
    let owner = fs::metadata(&places.state).map_err(BackupError::file("looking at", &places.state))?;
    for name in &wanted {
        let (from, to) = (staged.join(name), places.state.join(name));
        let content = fs::read(&from).map_err(BackupError::file("reading", &from))?;
        remove_links(&places.state, name)?;
        replace(&to, &content, 0o600, (owner.uid(), owner.gid()))?;
        let folders = name.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        folders.for_each(|folder| give(&places.state.join(folder), (owner.uid(), owner.gid())));
    }
    for other in settings_in(&places.state)?.into_iter().filter(|name| !wanted.contains(name)) {
        let path = places.state.join(other);
        fs::remove_file(&path).map_err(BackupError::file("removing", &path))?;
    }
    let content = fs::read(ready.join(CONFIG)).map_err(BackupError::file("reading", &ready))?;
    // As it was: its group is the daemon's, and an editor may have given it another mode.
    let (mode, owner) = match fs::metadata(&places.config) {
        Ok(old) => (old.permissions().mode() & 0o777, (old.uid(), old.gid())),
        Err(_) => (0o640, (0, owner.gid())),
    };
    replace(&places.config, &content, mode, owner)?;
    remove(&ready)?;
    sync_folder(&places.state)
}

fn own_user() -> u32 {
    fs::metadata("/proc/self").map_or(0, |this| this.uid())
}

/// Removes links on the way to `name`.
fn remove_links(state: &Path, name: &Path) -> Result<(), BackupError> {
    for part in name.ancestors().filter(|part| !part.as_os_str().is_empty()) {
        let path = state.join(part);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            fs::remove_file(&path).map_err(BackupError::file("removing", &path))?;
        }
    }
    Ok(())
}

/// Puts a file in its place as one.
fn replace(path: &Path, content: &[u8], mode: u32, owner: (u32, u32)) -> Result<(), BackupError> {
    make_folder_of(path)?;
    // Only root may give a file away, and a person's own trial needs no other owner.
    let owner = (own_user() == 0).then_some(Owner { user: owner.0, group: owner.1 });
    durable::write(path, content, mode, owner).map_err(BackupError::file("writing", path))
}

fn make_folder_of(path: &Path) -> Result<(), BackupError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(folder).map_err(BackupError::file("making", folder))
}

/// Only root may give a file away, and a person's own trial needs no other owner.
fn give(path: &Path, (user, group): (u32, u32)) {
    if let Err(error) = chown(path, Some(user), Some(group)) {
        tracing::debug!(%error, path = %path.display(), "the owner stays");
    }
}

fn write_synced(path: &Path, content: &[u8], mode: u32) -> Result<(), BackupError> {
    let writing = BackupError::file("writing", path);
    make_folder_of(path)?;
    // It may be there from a power cut; one that is made anew is no link either.
    let _ = fs::remove_file(path);
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| {
        // Whatever the umask.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()
    })
    .map_err(writing)
}

fn sync_folders(folder: &Path) -> Result<(), BackupError> {
    let entries = fs::read_dir(folder).map_err(BackupError::file("reading", folder))?;
    let folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.iter().try_for_each(|below| sync_folders(below))?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(BackupError::file("syncing", folder))
}

fn remove(folder: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(BackupError::file("removing", folder)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::station;
    use super::super::write;
    use super::*;

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn settings_come_back_as_they_were_and_later_ones_go() {
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        write(&places, &file).unwrap();
        fs::write(&places.config, "[station]\nname = \"Other\"\n").unwrap();
        fs::write(places.state.join("secret"), "another one").unwrap();
        fs::write(places.state.join("later"), "made since").unwrap();
        fs::remove_file(places.state.join("identity/key.pem")).unwrap();
        restore(&places, &file).unwrap();
        assert_eq!(text(&places.config), "[station]\nname = \"Gate\"\n");
        assert_eq!(text(&places.state.join("identity/key.pem")), "the key");
        assert_eq!(text(&places.state.join("secret")), "correct horse");
        assert!(!places.state.join("later").exists() && !places.state.join(READY).exists());
        let mode = fs::metadata(places.state.join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_backup_goes_onto_a_station_that_has_nothing_yet() {
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        write(&places, &file).unwrap();
        let fresh = Places { config: folder.path().join("new/doorway.toml"), state: folder.path().join("new/state") };
        restore(&fresh, &file).unwrap();
        assert_eq!(text(&fresh.config), text(&places.config));
        assert_eq!(text(&fresh.state.join("identity/key.pem")), "the key");
    }

    #[test]
    fn a_configuration_that_can_not_be_used_changes_nothing() {
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        fs::write(&places.config, "[station]\nnmae = \"Gate\"\n").unwrap();
        write(&places, &file).unwrap();
        fs::write(&places.config, "").unwrap();
        let error = restore(&places, &file).unwrap_err().to_string();
        assert!(error.contains("nmae") && error.contains("Nothing was changed"), "{error}");
        assert_eq!(text(&places.config), "");
        assert!(!places.state.join(STAGE).exists());
    }

    #[test]
    fn no_link_leads_root_out_of_the_state_folder() {
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        write(&places, &file).unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::remove_dir_all(places.state.join("identity")).unwrap();
        std::os::unix::fs::symlink(&outside, places.state.join("identity")).unwrap();
        std::os::unix::fs::symlink(outside.join("planted"), places.state.join(".secret.restored")).unwrap();
        restore(&places, &file).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(text(&places.state.join("identity/key.pem")), "the key");
        // Nor does a link stand in for what root has staged.
        fs::write(outside.join("doorway.toml"), "[station]\nname = \"Planted\"\n").unwrap();
        std::os::unix::fs::symlink(&outside, places.state.join(READY)).unwrap();
        finish(&places).unwrap();
        assert!(!text(&places.config).contains("Planted"));
    }

    /// A copy of a station in the middle of a restoring: whatever was moved already, the rest follows.
    #[test]
    fn a_power_cut_leaves_the_old_settings_or_the_new_ones() {
        let (folder, places) = station();
        let file = folder.path().join("backup.tar");
        write(&places, &file).unwrap();
        let later = || {
            fs::write(&places.config, "[station]\nname = \"Other\"\n").unwrap();
            fs::write(places.state.join("secret"), "another one").unwrap();
        };
        // Before the stage was whole: the old ones, and the next restoring is not disturbed.
        later();
        fs::create_dir_all(places.state.join(STAGE).join("state")).unwrap();
        fs::write(places.state.join(STAGE).join("state/secret"), "corr").unwrap();
        finish(&places).unwrap();
        assert_eq!(text(&places.state.join("secret")), "another one");
        restore(&places, &file).unwrap();
        assert_eq!(text(&places.state.join("secret")), "correct horse");
        // After: the new ones, however many of them were moved.
        for moved in [false, true] {
            later();
            let ready = places.state.join(READY);
            fs::create_dir_all(ready.join("state/identity")).unwrap();
            fs::write(ready.join("doorway.toml"), "[station]\nname = \"Gate\"\n").unwrap();
            fs::write(ready.join("state/secret"), "correct horse").unwrap();
            fs::write(ready.join("state/identity/key.pem"), "the key").unwrap();
            if moved {
                fs::write(places.state.join("secret"), "correct horse").unwrap();
                fs::write(places.state.join(".secret.restored"), "corr").unwrap();
            }
            finish(&places).unwrap();
            assert_eq!(text(&places.config), "[station]\nname = \"Gate\"\n");
            assert_eq!(text(&places.state.join("secret")), "correct horse");
            assert!(!ready.exists() && !places.state.join(".secret.restored").exists());
        }
    }
}
