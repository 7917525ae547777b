//! Files that are there whole or not at all, whenever the power is cut.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, mkdirat, openat, renameat, unlinkat,
};

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

/// A folder by its handle. Whoever may write to it can lay links into it, and none of them leads anywhere: what is asked for by
/// a name is in the folder, or it is refused.
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder. Links on the way to it are followed, so nobody else may be able to lay them.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// A folder in it; `None` when there is none.
    ///
    /// # Errors
    /// When something else has its name.
    pub fn enter(&self, name: &str) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(there(openat(&self.0, name, flags, Mode::empty()))?.map(Self))
    }

    /// A folder in it, made with `mode` if there is none; with its owner, if named.
    ///
    /// # Errors
    /// When something else has its name, or it can't be made.
    pub fn make(&self, name: &str, mode: u32, owner: Option<Owner>) -> io::Result<Self> {
        if let Some(found) = self.enter(name)? {
            give(&found.0, owner)?;
            return Ok(found);
        }
        mkdirat(&self.0, name, Mode::from_raw_mode(mode))?;
        let made = self.enter(name)?.ok_or(io::ErrorKind::NotFound)?;
        // Whatever the umask.
        fchmod(&made.0, Mode::from_raw_mode(mode))?;
        give(&made.0, owner)?;
        self.sync()?;
        Ok(made)
    }

    /// A file's bytes; `None` when there is none.
    ///
    /// # Errors
    /// When it can't be read, or is no file.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Whoever opens a pipe would wait for somebody who writes to it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(file) = there(openat(&self.0, name, flags, Mode::empty()))? else { return Ok(None) };
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let mut bytes = Vec::new();
        File::from(file).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes a file in place of the one that is there: its bytes first, then its name. With `mode` and, if named, `owner`.
    ///
    /// # Errors
    /// When the disk does not take it; the old file is as it was, and nothing is beside it.
    pub fn write(&self, name: &str, bytes: &[u8], mode: u32, owner: Option<Owner>) -> io::Result<()> {
        let beside = beside(name);
        // What a power cut left may belong to somebody else.
        there(unlinkat(&self.0, beside.as_str(), AtFlags::empty()))?;
        let written = self.write_new(&beside, bytes, mode, owner).and_then(|()| self.rename(&beside, name));
        if written.is_err() {
            let _ = unlinkat(&self.0, beside.as_str(), AtFlags::empty());
        }
        written
    }

    fn write_new(&self, name: &str, bytes: &[u8], mode: u32, owner: Option<Owner>) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.0, name, flags, Mode::from_raw_mode(mode))?;
        // Whatever the umask.
        fchmod(&file, Mode::from_raw_mode(mode))?;
        give(&file, owner)?;
        let mut file = File::from(file);
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Gives what is called `from` the name `to`.
    ///
    /// # Errors
    /// When the disk does not do it.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        renameat(&self.0, from, &self.0, to)?;
        self.sync()
    }

    /// What a name in a folder means is kept only when the folder itself is.
    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

/// `None` for what is not there.
fn there<T>(found: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn give(file: &OwnedFd, owner: Option<Owner>) -> io::Result<()> {
    let Some(Owner { user, group }) = owner else { return Ok(()) };
    Ok(fchown(file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?)
}

/// Writes a file as [`Folder::write`] does.
///
/// # Errors
/// When the folder is not there or the disk does not take it; the old file is as it was, and nothing is beside it.
pub fn write(path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> io::Result<()> {
    let (folder, name) = parts(path)?;
    Folder::open(folder)?.write(name, bytes, mode, owner)
}

/// Makes a folder and those on the way to it, and gives the last one its mode and owner.
///
/// # Errors
/// When it can't be made.
pub fn folder(path: &Path, mode: u32, owner: Option<Owner>) -> io::Result<()> {
    if path.is_dir() && owner.is_none() {
        return Ok(());
    }
    let (above, name) = parts(path)?;
    fs::create_dir_all(above)?;
    Folder::open(above)?.make(name, mode, owner).map(drop)
}

/// Takes a file away for good; one that is not there is gone already.
///
/// # Errors
/// When it stays.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The bytes of a file; `None` when there is none.
///
/// # Errors
/// When it can't be read, or is no file.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let (folder, name) = parts(path)?;
    match Folder::open(folder) {
        Ok(folder) => folder.read(name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a name in a folder means is kept only when the folder itself is.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// The folder that a path names something in, and the name.
fn parts(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    name.map(|name| (folder, name))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no name that is text"))
}

/// What a file is called before it has its name.
fn beside(name: &str) -> String {
    format!(".{name}.new")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_what_a_power_cut_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(folder.path().join(beside("key")), "half a k").unwrap();
        write(&path, b"one", 0o600, None).unwrap();
        write(&path, b"two", 0o640, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn what_can_not_take_its_place_is_not_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::create_dir(&path).unwrap();
        write(&path, b"one", 0o600, None).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_can_not_be_written_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"one", 0o600, None).unwrap();
        // Something else has the name beside it.
        fs::create_dir(folder.path().join(beside("key"))).unwrap();
        write(&path, b"two", 0o600, None).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn no_link_in_a_folder_leads_out_of_it_and_no_pipe_is_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let [inside, outside] = ["inside", "outside"].map(|name| place.path().join(name));
        for folder in [&inside, &outside] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(outside.join("key"), "theirs").unwrap();
        let mode = || fs::metadata(&outside).unwrap().permissions().mode();
        let before = mode();
        symlink(&outside, inside.join("identity")).unwrap();
        symlink(outside.join("key"), inside.join("key")).unwrap();
        symlink(outside.join("made"), inside.join(beside("new"))).unwrap();
        let folder = Folder::open(&inside).unwrap();
        assert!(folder.enter("identity").is_err() && folder.make("identity", 0o711, None).is_err());
        folder.read("key").unwrap_err();
        folder.write("key", b"ours", 0o600, None).unwrap();
        folder.write("new", b"ours", 0o600, None).unwrap();
        assert_eq!(fs::read(outside.join("key")).unwrap(), b"theirs");
        assert_eq!(
            (folder.read("key").unwrap(), folder.read("new").unwrap()),
            (Some(b"ours".to_vec()), Some(b"ours".to_vec()))
        );
        assert_eq!((fs::read_dir(&outside).unwrap().count(), mode()), (1, before));
        rustix::fs::mknodat(&folder.0, "pipe", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert_eq!(folder.read("pipe").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(folder.read("none").unwrap(), None);
    }
}
