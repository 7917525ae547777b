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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::case::block_on;

    #[test]
    fn each_switch_has_its_command_and_a_reset_without_one_takes_the_power() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let note = |word: &str| format!("{word} = ['sh', '-c', 'echo {word} >>{}']\n", log.display());
        let [on, off, reset] = ["on", "off", "reset"].map(note);
        let with_button: Mains = toml::from_str(&format!("{on}{off}{reset}")).unwrap();
        let without: Mains = toml::from_str(&format!("{on}{off}")).unwrap();
        block_on(async {
            with_button.give().await.unwrap();
            with_button.cut().await.unwrap();
            with_button.reset().await.unwrap();
            without.reset().await.unwrap();
        });
        assert_eq!(fs::read_to_string(log).unwrap(), "on\noff\nreset\noff\non\n");
    }
}
