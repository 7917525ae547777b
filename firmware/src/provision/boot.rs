//! The boot partition: FAT, mounted read-only, and where a file is erased it is overwritten first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::file;
use crate::durable;

/// What the file may be called: Windows hides the end of a name, and adds one.
const FILES: [&str; 2] = [file::NAME, "doorway.toml.txt"];
/// What it is called while it is erased. FAT has no journal, and a name is shorter to write than a file.
const ERASING: &str = "doorway.old";
const COMPLAINT: &str = "doorway-error.txt";

pub(super) struct Boot(PathBuf);

impl Boot {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The file, cut off a little above what is read of one.
    pub(super) fn file(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = self.found() else { return Ok(None) };
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(&path)?.take(file::LIMIT as u64 + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map(Some).with_context(|| format!("can't read {}", path.display()))
    }

    pub(super) fn is_half_erased(&self) -> bool {
        self.0.join(ERASING).exists()
    }

    pub(super) fn complaint(&self) -> anyhow::Result<Option<Vec<u8>>> {
        durable::read(&self.0.join(COMPLAINT)).context("can't read the note about an earlier file")
    }

    pub(super) fn set_aside(&self) -> anyhow::Result<()> {
        let Some(path) = self.found() else { return Ok(()) };
        let _writable = Writable::make(&self.0)?;
        let erasing = self.0.join(ERASING);
        fs::rename(&path, &erasing)
            .and_then(|()| durable::sync_folder(&erasing))
            .with_context(|| format!("can't erase {}, which holds secrets: do it by hand", path.display()))
    }

    pub(super) fn erase(&self) -> anyhow::Result<()> {
        let path = self.0.join(ERASING);
        if !path.exists() {
            return Ok(());
        }
        let _writable = Writable::make(&self.0)?;
        overwrite(&path)
            .and_then(|()| durable::remove(&path))
            .with_context(|| format!("can't erase {}, which holds secrets: do it by hand", path.display()))
    }

    pub(super) fn complain(&self, text: &[u8]) -> anyhow::Result<()> {
        let _writable = Writable::make(&self.0)?;
        let path = self.0.join(COMPLAINT);
        fs::write(&path, text)
            .and_then(|()| File::open(&path)?.sync_all())
            .and_then(|()| durable::sync_folder(&path))
            .with_context(|| format!("can't write {}", path.display()))
    }

    pub(super) fn complain_no_more(&self) -> anyhow::Result<()> {
        let _writable = Writable::make(&self.0)?;
        durable::remove(&self.0.join(COMPLAINT)).context("can't remove the note about an earlier file")
    }

    fn found(&self) -> Option<PathBuf> {
        FILES.map(|name| self.0.join(name)).into_iter().find(|path| path.is_file())
    }
}

/// With spaces: should its old name be there again after a power cut, then as an empty file, which asks for nothing.
fn overwrite(path: &Path) -> io::Result<()> {
    let length = fs::metadata(path)?.len();
    let mut file = OpenOptions::new().write(true).open(path)?;
    io::copy(&mut io::repeat(b' ').take(length), &mut file)?;
    file.flush()?;
    file.sync_all()
}

/// A folder's file system, writable for as long as this is there, if it was mounted read-only.
struct Writable(Option<PathBuf>);

impl Writable {
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let folder = fs::canonicalize(folder).with_context(|| format!("can't find {}", folder.display()))?;
        let mounts = fs::read_to_string("/proc/self/mounts").context("can't read what is mounted")?;
        if !is_read_only(&mounts, &folder) {
            return Ok(Self(None));
        }
        remount(&folder, "remount,rw")?;
        Ok(Self(Some(folder)))
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Some(folder) = &self.0
            && let Err(error) = remount(folder, "remount,ro")
        {
            tracing::warn!("{error:#}; it stays writable until the next start");
        }
    }
}

fn remount(folder: &Path, options: &str) -> anyhow::Result<()> {
    let done = Command::new("mount").args(["-o", options]).arg(folder).output().context("can't start mount")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "mount -o {options} {} failed: {}", folder.display(), said.trim());
    Ok(())
}

/// Whether `folder` is the root of a file system that is mounted read-only, by the lines of proc_mounts(5).
fn is_read_only(mounts: &str, folder: &Path) -> bool {
    let of_folder = mounts.lines().rev().map(|line| line.split(' ')).find_map(|mut fields| {
        let is_it = fields.nth(1).is_some_and(|place| Path::new(place) == folder);
        is_it.then(|| fields.nth(1)).flatten()
    });
    of_folder.is_some_and(|options| options.split(',').any(|option| option == "ro"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_boot_partition_is_recognised() {
        let mounts = "/dev/sda2 / ext4 ro,relatime 0 0\n/dev/sda1 /boot/firmware vfat ro,relatime,fmask=0022 0 0\n\
            /dev/sda4 /data ext4 rw,errors=remount-ro 0 0\n";
        assert!(is_read_only(mounts, Path::new("/boot/firmware")));
        assert!(!is_read_only(mounts, Path::new("/data")));
        assert!(!is_read_only(mounts, Path::new("/boot")), "a folder of another file system");
        let twice = format!("{mounts}/dev/sda1 /boot/firmware vfat rw 0 0\n");
        assert!(!is_read_only(&twice, Path::new("/boot/firmware")), "the last mount counts");
    }
}
