//! A plug of the device's that is pulled: in software on the device, or by a hub that switches its port.

use anyhow::Result;
use serde::Deserialize;

use super::command::CommandLine;
use crate::device::by_agent::Bound;
use crate::jig::Jig;

/// How the driver of a whole USB device is called.
const USB: &str = "/sys/bus/usb/drivers/usb";

/// How something is unplugged.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RawPlug")]
pub(super) enum Plug {
    /// Its driver lets go of it.
    Bound(Bound),
    /// By commands of the test computer's.
    Commands(PlugCommands),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RawPlug {
    UsbPort(String),
    Bound(Bound),
    Commands(PlugCommands),
}

/// Commands that pull a plug and put it back, where it may be already.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlugCommands {
    pub(super) unplug: CommandLine,
    pub(super) plug: CommandLine,
}

impl From<RawPlug> for Plug {
    fn from(raw: RawPlug) -> Self {
        match raw {
            RawPlug::UsbPort(device) => Self::Bound(Bound { driver: USB.to_owned(), device }),
            RawPlug::Bound(bound) => Self::Bound(bound),
            RawPlug::Commands(commands) => Self::Commands(commands),
        }
    }
}

impl Plug {
    /// Pulls it.
    ///
    /// # Errors
    /// When a command fails, or the agent of the device is gone.
    pub(super) async fn pull(&self, device: &Jig) -> Result<()> {
        match self {
            Self::Bound(bound) => bound.unbind(device).await,
            Self::Commands(PlugCommands { unplug, .. }) => unplug.run("plug.commands.unplug").await,
        }
    }

    /// Puts it back.
    ///
    /// # Errors
    /// When a command fails, or the driver does not take the device.
    pub(super) async fn put_back(&self, device: &Jig) -> Result<()> {
        match self {
            Self::Bound(bound) => bound.bind(device).await,
            Self::Commands(PlugCommands { plug, .. }) => plug.run("plug.commands.plug").await,
        }
    }

    /// Puts it back unless it is in.
    ///
    /// # Errors
    /// When a command fails, or the driver does not take the device.
    pub(super) async fn be_in(&self, device: &Jig) -> Result<()> {
        match self {
            Self::Bound(bound) => bound.be_bound(device).await,
            Self::Commands(_) => self.put_back(device).await,
        }
    }
}
