//! The network between the device and the test computer.

use anyhow::{Context, Result};
use async_trait::async_trait;
use serde::Deserialize;

use super::command::CommandLine;
use super::plug::PlugCommands;
use crate::device::by_agent;
use crate::device::layers::{Impairment, Network};
use crate::jig::Jig;

/// `[bench.network]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkPlan {
    /// The device's card on the way to the household, as the device calls it.
    pub(super) interface: String,
    /// How its cable is pulled.
    pub(super) cable: Option<Cable>,
    /// Addresses that it may have.
    pub(super) addresses: Option<Addresses>,
}

/// How the cable is pulled.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Cable {
    /// An interface of the test computer's that leads to nothing but the device.
    Interface(String),
    /// By commands of the test computer's.
    Commands(PlugCommands),
}

/// Addresses of the device in the network of the test computer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Addresses {
    /// The one that it has.
    home: String,
    /// One that nobody else has.
    other: String,
}

impl Cable {
    async fn set(&self, plugged: bool) -> Result<()> {
        match (self, plugged) {
            (Self::Interface(interface), _) => {
                let state = if plugged { "up" } else { "down" };
                let command = ["ip", "link", "set", interface, state].map(str::to_owned).to_vec();
                let command = CommandLine::try_from(command).map_err(anyhow::Error::msg)?;
                command.run("bench.network.cable.interface").await
            }
            (Self::Commands(PlugCommands { unplug, .. }), false) => unplug.run("bench.network.cable.unplug").await,
            (Self::Commands(PlugCommands { plug, .. }), true) => plug.run("bench.network.cable.plug").await,
        }
    }
}

impl NetworkPlan {
    /// Plugs the cable in, without which the device may be out of reach.
    ///
    /// # Errors
    /// When a command fails.
    pub(super) async fn plug_in(&self) -> Result<()> {
        match &self.cable {
            Some(cable) => cable.set(true).await,
            None => Ok(()),
        }
    }

    /// Ends every impairment and gives the device its own address back.
    ///
    /// # Errors
    /// When the device does not do it.
    pub(super) async fn be_as_it_was(&self, device: &Jig) -> Result<()> {
        by_agent::impair(device, &self.interface, None).await?;
        let Some(Addresses { home, other }) = &self.addresses else { return Ok(()) };
        let list = format!("ip -o -4 address show dev {}", self.interface);
        if device.sh(&list).await?.contains(&format!(" {other}/")) {
            by_agent::renumber(device, &self.interface, other, home).await?;
        }
        Ok(())
    }
}

/// It, and the agent on the device.
#[derive(Debug)]
pub(super) struct BenchNetwork {
    pub(super) plan: NetworkPlan,
    pub(super) device: Jig,
}

#[async_trait(?Send)]
impl Network for BenchNetwork {
    async fn set_cable(&self, plugged: bool) -> Result<()> {
        self.plan.cable.as_ref().context("bench.network has no cable")?.set(plugged).await
    }

    async fn impair(&self, impairment: Option<Impairment>) -> Result<()> {
        let impaired = by_agent::impair(&self.device, &self.plan.interface, impairment).await;
        impaired
            .context("the device needs `tc` and the kernel modules ifb, sch_netem, sch_ingress, cls_u32, act_mirred")
    }

    async fn lost(&self) -> Result<(u64, u64)> {
        by_agent::lost(&self.device, &self.plan.interface).await
    }

    async fn renumber(&self) -> Result<String> {
        let Addresses { home, other } = self.plan.addresses.as_ref().context("bench.network has no addresses")?;
        by_agent::renumber(&self.device, &self.plan.interface, home, other).await?;
        Ok(other.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::case::block_on;

    #[test]
    fn a_cable_is_pulled_by_commands() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let note = |word: &str| format!("{word} = ['sh', '-c', 'echo {word} >>{}']", log.display());
        let text = format!("interface = 'eth0'\n[cable.commands]\n{}\n{}", note("unplug"), note("plug"));
        let plan: NetworkPlan = toml::from_str(&text).unwrap();
        block_on(async {
            plan.cable.as_ref().unwrap().set(false).await.unwrap();
            plan.plug_in().await.unwrap();
        });
        assert_eq!(fs::read_to_string(log).unwrap(), "unplug\nplug\n");
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let cable: Cable = toml::from_str("interface = 'no-such-card'").unwrap();
        let error = block_on(cable.set(false)).unwrap_err().to_string();
        assert!(error.contains("bench.network.cable") && error.contains("no-such-card"), "{error}");
    }
}
