//! The agent on the device, at the end of an ssh connection or the like.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;

use super::console::Listener;
use crate::device::layers::{Console, Inside, Power};
use crate::jig::{AgentProgram, Jig};
use crate::wait::{Look, until};

/// How long the device takes from power-on to the agent.
const BOOT: Duration = Duration::from_secs(100);
/// How much of the console is told when the device does not start.
const CONSOLE_LINES: usize = 40;

/// It, and the agent of the jig's computer where that is another one. Both live as long as the case.
#[derive(Debug)]
pub(super) struct BenchInside {
    device: AgentProgram,
    hands: Option<AgentProgram>,
    console: Option<Rc<Listener>>,
}

impl BenchInside {
    pub(super) fn new(device: AgentProgram, hands: Option<AgentProgram>, console: Option<Rc<Listener>>) -> Self {
        Self { device, hands, console }
    }

    /// The agent of the jig's computer.
    pub(super) fn hands(&self) -> &Jig {
        self.hands.as_ref().unwrap_or(&self.device).jig()
    }

    /// Reaches both. A device that a case left out of reach is reset, where that can be done.
    pub(super) async fn reach_both(&self, power: Option<&dyn Power>) -> Result<()> {
        if let Some(hands) = &self.hands {
            hands.reach(BOOT).await.context("bench.jig")?;
        }
        let reached = self.reach(BOOT).await;
        match power {
            Some(power) if reached.is_err() => {
                power.reset().await?;
                self.reach(BOOT).await
            }
            Some(_) | None => reached,
        }
    }

    /// Starts the device anew, so that nothing is left of what was done inside.
    pub(super) async fn start_anew(&self, power: Option<&dyn Power>) -> Result<()> {
        let jig = self.device.jig();
        let before = boot(jig).await?;
        // The connection may be gone before the answer.
        let _gone = jig.sh("systemctl reboot").await;
        let started = until("the device has started anew", BOOT, async || {
            self.device.reach(Duration::from_secs(10)).await?;
            let now = boot(jig).await?;
            Ok(Look::when(now != before, (), "it has not ended yet"))
        });
        match (started.await, power) {
            (Err(_), Some(power)) => {
                power.reset().await?;
                self.reach(BOOT).await?;
                ensure!(boot(jig).await? != before, "bench.power: the reset did not start the device anew");
                Ok(())
            }
            (started, _) => started,
        }
    }
}

/// Which start of the device it is.
async fn boot(jig: &Jig) -> Result<Vec<u8>> {
    jig.read("/proc/sys/kernel/random/boot_id").await
}

#[async_trait(?Send)]
impl Inside for BenchInside {
    fn agent(&self) -> &Jig {
        self.device.jig()
    }

    async fn reach(&self, within: Duration) -> Result<()> {
        let Err(error) = self.device.reach(within).await else { return Ok(()) };
        let Some(console) = &self.console else { return Err(error).context("bench.inside") };
        let text = console.text().await.unwrap_or_else(|error| format!("{error:#}"));
        let lines: Vec<_> = text.lines().collect();
        let shown = lines[lines.len().saturating_sub(CONSOLE_LINES)..].join("\n");
        Err(error).with_context(|| format!("bench.inside; the console says:\n{shown}\n"))
    }
}
