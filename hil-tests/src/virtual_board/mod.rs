//! A whole device in QEMU: Debian's kernel and systemd, the daemon's own package, real kernel interfaces.
//!
//! [`Image::ready`] makes everything that a board starts from, down to a saved state in which the daemon is able to ring;
//! what is there already is used. [`VirtualBoard::restore`] starts from that state in seconds. Each board lives in a network of
//! the calling thread's own, see [`crate::lab`].

mod architecture;
mod flashed;
mod image;
mod layers;
mod qemu;
mod qmp;
mod vivid;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::net::UnixStream;
use tokio::sync::{Mutex, MutexGuard};

use crate::case::Case;
use crate::jig::Jig;
use crate::process::Process;
use crate::wait::{Look, until};

pub use architecture::Architecture;
pub use flashed::{Flashed, NEWER, OLDER, VERSION};
pub use image::Image;
pub use layers::SECRET;
use qemu::Files;
use qmp::Qmp;

/// How long QEMU itself takes to start on a loaded machine.
const QEMU_START: Duration = Duration::from_secs(20);
/// How long a restored board takes until its agent answers.
const RESTORED: Duration = Duration::from_secs(60);
/// How long a board takes from power-on to the agent.
const BOOTED: Duration = Duration::from_secs(420);

/// A board. Dropping it cuts its power.
#[derive(Debug)]
pub struct VirtualBoard {
    image: Image,
    folder: PathBuf,
    /// None while the power is cut.
    machine: Mutex<Option<Machine>>,
    jig: Jig,
}

/// A running machine.
#[derive(Debug)]
struct Machine {
    qemu: Process,
    qmp: Qmp,
}

impl VirtualBoard {
    /// Starts from the saved state of `image`, with the clock set.
    ///
    /// # Errors
    /// When QEMU or the board does not come up.
    pub async fn restore(case: &Case, image: &Image) -> Result<Rc<Self>> {
        let board = Self::start(case, image, Some(image.state())).await?;
        {
            let mut machine = board.machine().await;
            let Machine { qmp, .. } = machine.as_mut().context("it was just started")?;
            qmp.wait_for_state().await?;
            qmp.run("cont", json!({})).await?;
        }
        board.jig.wait_for(RESTORED).await.context("the restored board")?;
        board.set_clock_to_ours().await?;
        Ok(board)
    }

    /// Switches a board on, without a saved state.
    ///
    /// # Errors
    /// When QEMU or the board does not come up.
    pub async fn boot(case: &Case, image: &Image) -> Result<Rc<Self>> {
        let board = Self::start(case, image, None).await?;
        let booted = board.jig.wait_for(BOOTED).await;
        booted.with_context(|| format!("the board does not start; its console says:\n{}", board.console_text()))?;
        Ok(board)
    }

    async fn start(case: &Case, image: &Image, state: Option<&Path>) -> Result<Rc<Self>> {
        let folder = case.fresh("board", "");
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        image.give_written_drive(&Files::in_folder(&folder).written, state.is_some())?;
        let (machine, jig) = switch_on(image, &folder, state).await?;
        let machine = Mutex::new(Some(machine));
        Ok(Rc::new(Self { image: image.clone(), folder, machine, jig: Jig::over(jig) }))
    }

    /// Hands and eyes inside.
    pub fn jig(&self) -> &Jig {
        &self.jig
    }

    /// Lets somebody else have the agent's port, `jig` in the board's folder.
    pub fn let_go_of_the_agent(&self) {
        self.jig.go_on_over(tokio::io::join(tokio::io::empty(), tokio::io::sink()));
    }

    /// Where its sockets are, and what its console said.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that came over the serial console.
    pub fn console_text(&self) -> String {
        let bytes = std::fs::read(Files::in_folder(&self.folder).console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn machine(&self) -> MutexGuard<'_, Option<Machine>> {
        self.machine.lock().await
    }

    async fn set_clock_to_ours(&self) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock of this century")?;
        self.jig.set_clock(now).await
    }

    /// Writes the whole machine to `file` and what it has written to `written`, and ends it.
    async fn save(&self, file: &Path, written: &Path) -> Result<()> {
        let part = file.with_extension("part");
        let machine = self.machine().await.take();
        let Machine { mut qemu, mut qmp } = machine.context("the board is off")?;
        qmp.run("stop", json!({})).await?;
        let to = format!("exec:cat > '{}'", part.display());
        qmp.run("migrate", json!({ "uri": to })).await?;
        qmp.wait_until_saved().await?;
        qmp.run("quit", json!({})).await.ok();
        qemu.wait(QEMU_START)?;
        image::copy_sparsely(&Files::in_folder(&self.folder).written, written)?;
        std::fs::rename(&part, file).context("naming the saved state")
    }
}

/// Starts QEMU; returns the machine and the way to the agent, which does not answer yet.
async fn switch_on(image: &Image, folder: &Path, state: Option<&Path>) -> Result<(Machine, UnixStream)> {
    let files = Files::in_folder(folder);
    let command = qemu::command(image, &files, state);
    let mut qemu = Process::start("qemu", command, &folder.with_extension("log"))?;
    let connect = async |path: &Path, qemu: &mut Process| {
        until("QEMU is there", QEMU_START, async || {
            if let Some(status) = qemu.exited()? {
                return Ok(Look::NotYet(format!("it ended with {status}: {}", qemu.log())));
            }
            Ok(Look::Found(UnixStream::connect(path).await?))
        })
        .await
    };
    let qmp = Qmp::over(connect(&files.qmp, &mut qemu).await?).await?;
    let jig = connect(&files.jig, &mut qemu).await?;
    Ok((Machine { qemu, qmp }, jig))
}
