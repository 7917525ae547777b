//! The device's clock. What sets it by itself would undo a jump at once, so it pauses until the next case.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use async_trait::async_trait;

use crate::device::by_agent::SystemClock;
use crate::device::layers::Clock;
use crate::jig::Jig;

/// The units that were stopped; gone with a restart, which starts them anyway.
const PAUSED: &str = "/run/doorway-bench-clock";
/// Units that set clocks.
const UNITS: &str = "systemd-timesyncd chrony ntpsec ntp openntpd";

/// The clock of the device that the agent is on.
#[derive(Debug)]
pub(super) struct BenchClock {
    jig: Jig,
    clock: SystemClock,
}

impl BenchClock {
    pub(super) fn new(jig: Jig) -> Self {
        Self { clock: SystemClock::new(jig.clone()), jig }
    }

    /// Sets it right, and lets go on what paused.
    pub(super) async fn be_right(&self) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("a clock of this century")?;
        self.jig.set_clock(now).await.context("the agent has to be root on the device")?;
        self.jig.sh(&format!("test ! -e {PAUSED} || {{ xargs systemctl start <{PAUSED} && rm {PAUSED}; }}")).await?;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Clock for BenchClock {
    async fn jump(&self, seconds: i64) -> Result<()> {
        let pause = format!(
            "for unit in {UNITS}; do
               if systemctl is-active --quiet $unit; then systemctl stop $unit && echo $unit >>{PAUSED}; fi
             done"
        );
        self.jig.sh(&pause).await.context("pausing what sets the clock")?;
        self.clock.jump(seconds).await
    }
}
