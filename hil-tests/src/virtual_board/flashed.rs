//! A device image on a disk: as it is built, as it is flashed, and the updates that the cases install.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::image::{copy_sparsely, folder_from, programs, run, short, update_with_stamp};
use super::{Architecture, SECRET};

/// How large a card is. Larger than the image, so that there is something to grow into.
const CARD: u64 = 4 << 30;
/// Where the boot partition begins, from `yocto/device/partitions.sfdisk`.
const BOOT_PARTITION: u64 = 8192 * 512;
/// The version of the image, and of the updates after and before it.
pub const VERSION: &str = "1.2.3";
/// See [`VERSION`].
pub const NEWER: &str = "1.2.4";
/// See [`VERSION`].
pub const OLDER: &str = "1.2.2";

/// A device image that is built.
#[derive(Debug, Clone)]
pub struct Flashed {
    folder: PathBuf,
}

impl Flashed {
    /// Builds the image with the test bench's agent in it, and the updates. What is there already is used.
    ///
    /// # Errors
    /// When a script fails.
    pub(super) fn build() -> Result<Self> {
        let (daemon, jig) = programs(Architecture::Arm64)?;
        let programs = daemon.parent().context("programs are in a folder")?;
        let folder = folder_from("image/build", &[programs.as_os_str(), jig.as_os_str()])?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn key(&self) -> String {
        let mut key = Sha256::new();
        key.update(self.folder.to_string_lossy().as_bytes());
        // Without a stamp the state is made anew, which is no harm.
        update_with_stamp(&mut key, &self.disk()).ok();
        short(key)
    }

    pub(super) fn boot_loader(&self) -> PathBuf {
        self.folder.join("u-boot.bin")
    }

    fn disk(&self) -> PathBuf {
        self.folder.join("doorway.img")
    }

    /// An update by its name, see `image/build`.
    pub fn bundle(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.raucb"))
    }

    /// Writes the image onto a card.
    ///
    /// # Errors
    /// When there is no space for it.
    pub fn flash(&self, card: &Path) -> Result<()> {
        copy_sparsely(&self.disk(), card)?;
        let file = fs::File::options().write(true).open(card).with_context(|| format!("opening {}", card.display()))?;
        file.set_len(CARD).context("making the card as large as it is")
    }

    /// Puts a file onto a card's boot partition, as a person does after flashing.
    ///
    /// # Errors
    /// When mtools refuses.
    pub fn put_on_boot_partition(&self, card: &Path, name: &str, content: &[u8]) -> Result<()> {
        let file = tempfile::NamedTempFile::new().context("making a file for the boot partition")?;
        fs::write(file.path(), content).context("writing it")?;
        let (from, to) = (file.path().as_os_str(), format!("::{name}"));
        run(mtools("mcopy", card).args([OsStr::new("-o"), from, OsStr::new(&to)]))
    }

    /// What a file on a card's boot partition holds; `None` without one.
    ///
    /// # Errors
    /// When mtools can't be started.
    pub fn on_boot_partition(&self, card: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        let output = mtools("mtype", card).arg(format!("::{name}")).stdin(Stdio::null()).output();
        let output = output.context("starting mtype")?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// The file that sets a station up as the cases expect it: the virtual board's configuration, and a name in the network.
    pub fn set_up() -> String {
        let config = include_str!("../../virtual/guest/doorway.toml");
        format!("{config}\n[device]\nhostname = \"side-door\"\n")
    }

    /// Whether a text is anywhere on a card, in files or beside them.
    ///
    /// # Errors
    /// When the card can't be read.
    pub fn holds(card: &Path, text: &str) -> Result<bool> {
        let status =
            Command::new("grep").args(["--quiet", "--fixed-strings", "--binary-files=binary", text]).arg(card).status();
        let code = status.context("starting grep")?.code();
        ensure!(matches!(code, Some(0 | 1)), "grep of {} ended with {code:?}", card.display());
        Ok(code == Some(0))
    }

    /// The household's secret on a card that is set up with [`Flashed::set_up`].
    pub fn secret() -> &'static str {
        SECRET
    }
}

/// A program of mtools that works on a card's boot partition.
fn mtools(program: &str, card: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("-i").arg(format!("{}@@{BOOT_PARTITION}", card.display()));
    command
}
