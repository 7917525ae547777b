//! Mains, by commands: a switchable outlet, a port of a USB hub or of a PoE switch.

use anyhow::Result;
use async_trait::async_trait;
use serde::Deserialize;

use super::command::CommandLine;
use crate::device::layers::{self, Power};

/// `[bench.power]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mains {
    /// Gives power; it may be there already.
    on: CommandLine,
    /// Takes it.
    off: CommandLine,
    /// Presses the reset button.
    reset: Option<CommandLine>,
}

#[async_trait(?Send)]
impl Power for Mains {
    async fn cut(&self) -> Result<()> {
        self.off.run("bench.power.off").await
    }

    async fn give(&self) -> Result<()> {
        self.on.run("bench.power.on").await
    }

    async fn reset(&self) -> Result<()> {
        match &self.reset {
            Some(reset) => reset.run("bench.power.reset").await,
            None => layers::off_and_on(self).await,
        }
    }
}
