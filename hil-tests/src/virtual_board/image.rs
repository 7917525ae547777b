//! What a board starts from: kernel and root, the tools drive with the daemon's package, and the saved state.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::flashed::Flashed;
use super::{Architecture, VirtualBoard, qemu};
use crate::case::{Case, block_on};
use crate::device::Status;
use crate::jig::Jig;
use crate::wait::{Look, until};
use crate::{lab, tools};

/// How much a board may write, in bytes; nothing is used of it until it does.
const WRITTEN_DRIVE: u64 = 192 << 20;
/// How long the daemon's package takes to install in an emulated machine.
const INSTALLED: Duration = Duration::from_secs(240);
/// How long the daemon takes from there until it is able to ring.
const ABLE_TO_RING: Duration = Duration::from_secs(120);
/// Saved states that are kept, as each is as large as the memory that the board used.
const KEPT_STATES: usize = 2;

/// Everything that a board starts from, in the cache.
#[derive(Debug, Clone)]
pub struct Image {
    architecture: Architecture,
    start: Start,
    state: PathBuf,
}

/// What a board has when its power comes.
#[derive(Debug, Clone)]
pub(super) enum Start {
    /// QEMU puts a kernel into its memory. The daemon's package is on a drive of its own, so that the root need not be made
    /// again with every build.
    Kernel {
        /// Kernel, initrd and root.
        folder: PathBuf,
        /// Agent, daemon's package, configuration.
        tools: PathBuf,
    },
    /// A boot loader, and a disk as a device image is flashed onto it.
    Disk(Flashed),
}

impl Image {
    /// Makes what is missing, which takes minutes the first time, seconds after a new build of the daemon, and nothing
    /// otherwise.
    ///
    /// # Errors
    /// When a script fails, or the board does not get as far as being able to ring.
    pub fn ready(architecture: Architecture) -> Result<Self> {
        let folder = folder_from("virtual/build", &[architecture.name().as_ref()])?;
        let (tools, tools_key) = tools_drive(architecture, &folder)?;
        let name = folder.file_name().context("the build names a folder")?.to_string_lossy().into_owned();
        let mut key = Sha256::new();
        key.update(&name);
        key.update(tools_key);
        // A root that was built anew has the name of the old one.
        update_with_stamp(&mut key, &folder.join("root.squashfs"))?;
        Self::with_state(architecture, Start::Kernel { folder: folder.clone(), tools }, &folder, key)
    }

    /// A device image that is built, flashed and set up, down to a saved state in which it is able to ring.
    ///
    /// # Errors
    /// As [`Image::ready`].
    pub fn flashed_ready() -> Result<Self> {
        let flashed = Flashed::build()?;
        let mut key = Sha256::new();
        key.update(flashed.key());
        let folder = flashed.folder().to_owned();
        Self::with_state(Architecture::Arm64, Start::Disk(flashed), &folder, key)
    }

    fn with_state(architecture: Architecture, start: Start, folder: &Path, mut key: Sha256) -> Result<Self> {
        // The machine, and how its state is made.
        for source in [&include_bytes!("architecture.rs")[..], include_bytes!("qemu.rs"), include_bytes!("image.rs")] {
            key.update(source);
        }
        key.update(qemu::version(architecture)?);
        let name = folder.file_name().context("the build names a folder")?.to_string_lossy().into_owned();
        let image = Self { architecture, start, state: folder.with_file_name(format!("{name}-{}.state", short(key))) };
        if !image.state.exists() {
            image.make_state()?;
        }
        Ok(image)
    }

    pub(super) fn architecture(&self) -> Architecture {
        self.architecture
    }

    pub(super) fn start(&self) -> &Start {
        &self.start
    }

    /// The image that is on the board's disk.
    ///
    /// # Errors
    /// When the board has none, as QEMU puts a kernel into its memory.
    pub fn flashed(&self) -> Result<&Flashed> {
        match &self.start {
            Start::Disk(flashed) => Ok(flashed),
            Start::Kernel { .. } => bail!("this board does not start from a disk"),
        }
    }

    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// What the board of the saved state had written.
    fn written(&self) -> PathBuf {
        self.state.with_extension("written")
    }

    /// Makes the drive that a board writes to: as it was when the state was saved, or empty.
    pub(super) fn give_written_drive(&self, drive: &Path, as_saved: bool) -> Result<()> {
        if as_saved {
            return copy_sparsely(&self.written(), drive);
        }
        if let Start::Disk(flashed) = &self.start {
            flashed.flash(drive)?;
            return flashed.put_on_boot_partition(drive, "doorway.toml", Flashed::set_up().as_bytes());
        }
        let file = fs::File::create(drive).with_context(|| format!("making {}", drive.display()))?;
        file.set_len(WRITTEN_DRIVE).context("making room for what a board writes")?;
        run(Command::new("mke2fs").args(["-q", "-t", "ext4", "-E", "lazy_itable_init=0"]).arg(drive))
    }

    fn make_state(&self) -> Result<()> {
        let name = self.architecture.name();
        eprintln!("virtual: {name}: starting the board once, to save it when it is able to ring");
        let image = self.clone();
        // A network belongs to a thread: this one's is left alone.
        let made = std::thread::spawn(move || -> Result<()> {
            lab::enter()?;
            let case = Case::new()?;
            block_on(async {
                let board = VirtualBoard::boot(&case, &image).await?;
                let started = match &image.start {
                    Start::Kernel { .. } => make_able_to_ring(&board).await,
                    Start::Disk(_) => wait_until_set_up(&board).await,
                };
                started.with_context(|| format!("the console says:\n{}", board.console_text()))?;
                board.save(&image.state, &image.written()).await
            })
        });
        made.join().map_err(|_| anyhow::anyhow!("the thread that made the state panicked"))??;
        self.prune()
    }

    /// Removes what older builds of the daemon left.
    fn prune(&self) -> Result<()> {
        let cache = self.state.parent().context("the cache is a folder")?;
        let name = self.state.file_name().context("a state is a file")?.to_string_lossy().into_owned();
        // Those of the same machine begin alike.
        let kind = name.split('-').next().unwrap_or_default();
        for extension in ["state", "written", "squashfs"] {
            let mut old: Vec<_> = fs::read_dir(cache)
                .context("listing the cache")?
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|found| found == extension))
                .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(kind)))
                .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
                .collect();
            old.sort();
            old.reverse();
            for (_, path) in old.into_iter().skip(KEPT_STATES) {
                fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            }
        }
        Ok(())
    }
}

/// Installs the daemon's package and waits until it rings would a button be pressed.
async fn make_able_to_ring(board: &VirtualBoard) -> Result<()> {
    let jig = board.jig();
    let ran = jig.run(&["dpkg", "-i", "/usr/lib/doorway/doorwayd.deb"], INSTALLED).await?;
    ensure!(ran.code == Some(0), "the package can't be installed: {}{}", ran.stdout, ran.stderr);
    jig.sh(
        "install -m 640 -g doorway /usr/lib/doorway/doorway.toml /etc/doorway/doorway.toml && systemctl restart doorwayd",
    )
    .await?;
    wait_until_able_to_ring(board).await?;
    let rate = clock_rate(jig).await?;
    ensure!((rate - 1.0).abs() < 0.005, "the board's clock goes at {rate:.3} of ours");
    Ok(())
}

/// Able to ring, and the slot marked good: before that the board takes no update.
async fn wait_until_set_up(board: &VirtualBoard) -> Result<()> {
    wait_until_able_to_ring(board).await?;
    until("the slot is marked good", ABLE_TO_RING, async || {
        let state = board.jig().sh("systemctl is-active doorway-confirm || true").await?;
        Ok(Look::when(state.trim() == "active", (), state))
    })
    .await?;
    board.jig().sh("sync").await.map(drop)
}

async fn wait_until_able_to_ring(board: &VirtualBoard) -> Result<()> {
    let jig = board.jig();
    // What the first call would read from the drive is read now.
    jig.run(&["doorwayd", "probe"], ABLE_TO_RING).await?;
    until("the daemon is able to ring", ABLE_TO_RING, async || {
        let text = jig.get(9480, "/status").await?;
        let status: Status = serde_json::from_str(&text).with_context(|| format!("reading {text}"))?;
        Ok(Look::when(status.companion.connected, (), text))
    })
    .await?;
    // What is in memory only would not survive a power cut.
    jig.sh("sync").await?;
    Ok(())
}

/// How fast the board's clock goes, of ours.
async fn clock_rate(jig: &Jig) -> Result<f64> {
    let mut looks = Vec::new();
    for _ in 0..2 {
        let (before, (_, theirs), after) = (Instant::now(), jig.clock().await?, Instant::now());
        looks.push((before + (after - before) / 2, theirs));
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let (ours, theirs) = (looks[1].0 - looks[0].0, looks[1].1 - looks[0].1);
    Ok(theirs.as_secs_f64() / ours.as_secs_f64())
}

/// The drive with what changes from build to build, and its key.
fn tools_drive(architecture: Architecture, board: &Path) -> Result<(PathBuf, String)> {
    let (daemon, jig) = programs(architecture)?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let firmware = here.join("../firmware");
    let mut inputs = vec![daemon.clone(), jig.clone(), firmware.join("doorway.toml")];
    for folder in [here.join("virtual/guest"), firmware.join("debian"), firmware.join("systemd")] {
        let entries = fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
        inputs.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()));
    }
    inputs.sort();
    let mut key = Sha256::new();
    for input in &inputs {
        key.update(fs::read(input).with_context(|| format!("reading {}", input.display()))?);
    }
    let key = short(key);
    let drive = board.with_file_name(format!("{}-tools-{key}.squashfs", architecture.name()));
    if !drive.exists() {
        let work = tempfile::tempdir().context("making a folder for the tools drive")?;
        let (package, agent) = (work.path().join("doorwayd.deb"), work.path().join("jig"));
        fs::copy(&jig, &agent).context("copying the agent")?;
        // Unstripped it is larger, and works as well.
        let _stripped = Command::new("strip").arg(&agent).stderr(Stdio::null()).status();
        script("../firmware/debian/package", &[daemon.as_ref(), architecture.name().as_ref(), package.as_ref()])?;
        let guest = here.join("virtual/guest");
        let (config, description) = (guest.join("doorway.toml"), guest.join("board.toml"));
        script(
            "virtual/tools",
            &[drive.as_ref(), agent.as_ref(), package.as_ref(), config.as_ref(), description.as_ref()],
        )?;
    }
    Ok((drive, key))
}

/// The daemon and the agent for an architecture.
pub(super) fn programs(architecture: Architecture) -> Result<(PathBuf, PathBuf)> {
    match architecture {
        Architecture::Amd64 => Ok((tools::doorwayd()?, tools::jig()?)),
        Architecture::Arm64 => {
            let folder = folder_from("../firmware/cross/build", &[])?;
            Ok((folder.join("doorwayd"), folder.join("jig")))
        }
    }
}

/// Runs a script that makes a folder and prints where it is.
pub(super) fn folder_from(name: &str, arguments: &[&std::ffi::OsStr]) -> Result<PathBuf> {
    let said = script(name, arguments)?;
    Ok(PathBuf::from(said.lines().last().with_context(|| format!("{name} names no folder"))?))
}

/// Runs a script of this folder's and returns what it printed; its progress goes to the terminal.
pub(super) fn script(name: &str, arguments: &[&std::ffi::OsStr]) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let output = Command::new(&path).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("starting {}", path.display()))?;
    ensure!(output.status.success(), "{} ended with {}", path.display(), output.status);
    String::from_utf8(output.stdout).context("a script prints UTF-8")
}

/// Copies a file that is mostly empty, and leaves it so.
pub(super) fn copy_sparsely(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(from).arg(to))
}

pub(super) fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

pub(super) fn short(key: Sha256) -> String {
    key.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Size and age of a file: those of one that was built anew are others.
pub(super) fn update_with_stamp(key: &mut Sha256, file: &Path) -> Result<()> {
    let found = fs::metadata(file).with_context(|| format!("looking at {}", file.display()))?;
    key.update(format!("{} {:?}", found.len(), found.modified().context("looking at its age")?));
    Ok(())
}
