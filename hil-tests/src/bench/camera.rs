//! What the device's camera sees: a screen in front of it.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use serde::Deserialize;

use super::command::CommandLine;
use super::plug::Plug;
use crate::browser::Page;
use crate::case::Case;
use crate::device::layers::{Camera, CameraFault};
use crate::jig::Jig;
use crate::process::Process;

/// `[bench.camera]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CameraPlan {
    /// Shows the pattern for as long as it runs.
    show: Option<CommandLine>,
    /// What is before the camera.
    #[serde(default)]
    pattern: Pattern,
    /// How it is unplugged.
    pub(super) plug: Option<Plug>,
}

/// What is before the camera.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pattern {
    /// A screen that is red, green and blue in turn, half a second each.
    #[default]
    Colours,
    /// Eight colour bars under a text that changes with every picture, as the kernel's virtual camera draws them.
    Bars,
}

impl CameraPlan {
    /// The camera with something to see.
    ///
    /// # Errors
    /// When the command that shows it can't be started.
    pub(super) fn show(&self, case: &Case, device: Jig) -> Result<BenchCamera> {
        let start = |command: &CommandLine| {
            let shown = Process::start("bench.camera.show", command.to_command(), &case.fresh("screen", ".log"));
            shown.map(RefCell::new)
        };
        let screen = self.show.as_ref().map(start).transpose()?;
        Ok(BenchCamera { plan: self.clone(), screen, device })
    }
}

/// The camera, what it sees, and the agent on the device.
#[derive(Debug)]
pub(super) struct BenchCamera {
    plan: CameraPlan,
    screen: Option<RefCell<Process>>,
    device: Jig,
}

impl BenchCamera {
    fn plug_of(&self) -> Result<&Plug> {
        self.plan.plug.as_ref().context("bench.camera has no plug")
    }
}

#[async_trait(?Send)]
impl Camera for BenchCamera {
    async fn seen_in(&self, page: &Page, count: usize, within: Duration) -> Result<()> {
        if let Some(screen) = &self.screen {
            let ended = screen.borrow_mut().exited()?;
            ensure!(ended.is_none(), "bench.camera.show has ended and said: {}", screen.borrow().log());
        }
        match self.plan.pattern {
            Pattern::Colours => page.colours_change(count, within).await,
            Pattern::Bars => page.bars_move(count, within).await,
        }
    }

    async fn unplug(&self) -> Result<()> {
        self.plug_of()?.pull(&self.device).await
    }

    async fn plug(&self) -> Result<()> {
        self.plug_of()?.put_back(&self.device).await
    }

    async fn inject(&self, fault: CameraFault) -> Result<()> {
        bail!("a real camera has no {fault:?} on demand")
    }
}
