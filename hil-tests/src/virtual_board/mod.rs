//! A whole device in QEMU: Debian's kernel and systemd, the daemon's own package, real kernel interfaces.
//!
//! [`Image::ready`] makes everything that a board starts from, down to a saved state in which the daemon is able to ring;
//! what is there already is used. [`VirtualBoard::restore`] starts from that state in seconds. Each board lives in a network of
//! the calling thread's own, see [`crate::lab`].

mod architecture;
mod image;
mod qemu;
mod qmp;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio::net::UnixStream;

use crate::case::Case;
use crate::jig::Jig;
use crate::process::{self, Process};
use crate::wait::{Look, until};

pub use architecture::Architecture;
pub use image::Image;
use qemu::Sockets;
use qmp::Qmp;

/// How long QEMU itself takes to start on a loaded machine.
const QEMU_START: Duration = Duration::from_secs(20);
/// How long a restored board takes until its agent answers.
const RESTORED: Duration = Duration::from_secs(60);
/// How long a board takes from power-on to the agent.
const BOOTED: Duration = Duration::from_secs(420);

/// A running board. Dropping it cuts its power.
#[derive(Debug)]
pub struct VirtualBoard {
    qemu: Process,
    qmp: Qmp,
    jig: Jig,
    console: PathBuf,
}

impl VirtualBoard {
    /// Starts from the saved state of `image`, with the clock set.
    ///
    /// # Errors
    /// When QEMU or the board does not come up.
    pub async fn restore(case: &Case, image: &Image) -> Result<Self> {
        let mut board = Self::start(case, image, Some(image.state())).await?;
        board.qmp.wait_for_state().await?;
        board.qmp.run("cont", serde_json::json!({})).await?;
        board.jig.wait_for(RESTORED).await.context("the restored board")?;
        board.set_clock_to_ours().await?;
        Ok(board)
    }

    /// Switches a board on, without a saved state.
    ///
    /// # Errors
    /// When QEMU or the board does not come up.
    pub async fn boot(case: &Case, image: &Image) -> Result<Self> {
        let board = Self::start(case, image, None).await?;
        let booted = board.jig.wait_for(BOOTED).await;
        booted.with_context(|| format!("the board does not start; its console says:\n{}", board.console()))?;
        Ok(board)
    }

    async fn start(case: &Case, image: &Image, state: Option<&Path>) -> Result<Self> {
        let sockets = Sockets::in_folder(&case.fresh("board", ""))?;
        let command = qemu::command(image, &sockets, state);
        let mut qemu = Process::start("qemu", command, &case.fresh("qemu", ".log"))?;
        let connect = async |path: &Path, qemu: &mut Process| {
            until("QEMU is there", QEMU_START, async || {
                if let Some(status) = qemu.exited()? {
                    return Ok(Look::NotYet(format!("it ended with {status}: {}", qemu.log())));
                }
                Ok(Look::Found(UnixStream::connect(path).await?))
            })
            .await
        };
        let qmp = Qmp::over(connect(&sockets.qmp, &mut qemu).await?).await?;
        let jig = Jig::over(connect(&sockets.jig, &mut qemu).await?);
        Ok(Self { qemu, qmp, jig, console: sockets.console })
    }

    /// Hands and eyes inside.
    pub fn jig(&self) -> &Jig {
        &self.jig
    }

    /// The machine itself.
    pub fn machine(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    /// Everything that came over the serial console.
    pub fn console(&self) -> String {
        let bytes = std::fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// CPU time that the emulator has used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu_time(self.qemu.pid())
    }

    /// Cuts the power.
    ///
    /// # Errors
    /// When the emulator survives that.
    pub fn cut_power(&mut self) -> Result<()> {
        self.qemu.kill()
    }

    async fn set_clock_to_ours(&self) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock of this century")?;
        self.jig.set_clock(now).await
    }

    /// Writes the whole machine to `file` and ends it.
    async fn save(mut self, file: &Path) -> Result<()> {
        let part = file.with_extension("part");
        self.qmp.run("stop", serde_json::json!({})).await?;
        let to = format!("exec:cat > '{}'", part.display());
        self.qmp.run("migrate", serde_json::json!({ "uri": to })).await?;
        self.qmp.wait_until_saved().await?;
        self.qmp.run("quit", serde_json::json!({})).await.ok();
        self.qemu.wait(QEMU_START)?;
        std::fs::rename(&part, file).context("naming the saved state")
    }
}
