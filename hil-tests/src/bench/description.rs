//! `[bench]` of a device's description.

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::camera::CameraPlan;
use super::command::CommandLine;
use super::console::ConsoleSource;
use super::network::NetworkPlan;
use super::power::Mains;
use super::sound::SoundPlan;
use crate::device::by_agent::WireLines;

/// A device on a bench, and what is around it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchDescription {
    /// Where its page is: scheme, host and port.
    pub(super) page: Origin,
    /// The daemon's configuration for the cases, beside the description.
    pub(super) config: PathBuf,
    /// A board description for it, beside the description too.
    pub(super) board: Option<PathBuf>,
    /// What clients have to know.
    pub(super) secret: Secret,
    /// Commands that bring agent and daemon onto the device, once a run.
    #[serde(default)]
    pub(super) install: Vec<CommandLine>,
    /// Whether anything may be done inside, for which the device is started anew before each case.
    #[serde(default)]
    pub(super) sacrifice: bool,
    /// Whether a hardware watchdog restarts its kernel.
    #[serde(default)]
    pub(super) watchdog: bool,
    /// The agent on the device.
    pub(super) inside: Agent,
    /// The agent of the computer that the wires and the sound lead to; left out, it is that of the device.
    pub(super) jig: Option<Agent>,
    /// What the wires are at the jig's end.
    pub(super) wires: WireLines,
    /// What the camera sees.
    pub(super) camera: CameraPlan,
    /// What microphone and speaker are wired to.
    pub(super) sound: SoundPlan,
    /// Mains.
    pub(super) power: Option<Mains>,
    /// The serial console.
    pub(super) console: Option<ConsoleSource>,
    /// The network between device and test computer.
    pub(super) network: Option<NetworkPlan>,
}

/// An agent behind a command of the test computer's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) command: CommandLine,
}

/// Where the secret is, which stands in no description.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Secret {
    /// In a variable of the test's environment.
    Env(String),
    /// In a file of the test computer's; what is around it in white space does not belong to it.
    File(PathBuf),
}

impl Secret {
    /// What it is.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) fn read(&self, folder: &Path) -> Result<String> {
        match self {
            Self::Env(name) => {
                let value = env::var(name).ok().filter(|value| !value.is_empty());
                value.with_context(|| {
                    format!("bench.secret: {name} has to be set to a secret for the device's companion")
                })
            }
            Self::File(path) => {
                let text = fs::read_to_string(folder.join(path));
                let text = text.with_context(|| format!("bench.secret: reading {}", path.display()))?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

/// Scheme, host and port of a page, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Origin(String);

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        match authority {
            Some(authority) if !authority.is_empty() && !authority.contains('/') => Ok(Self(text)),
            Some(_) | None => Err(format!("{text:?} is not like http://doorway.local:8080")),
        }
    }
}

impl Origin {
    /// Its text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of this computer in the network that leads there.
    ///
    /// # Errors
    /// When nothing leads there.
    pub(super) fn household(&self) -> Result<String> {
        let authority = self.0.rsplit('/').next().unwrap_or_default();
        let place = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        // Sends nothing: a connected UDP socket only asks for the route.
        let socket = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect(&*place).map(|()| socket));
        let here = socket.and_then(|socket| socket.local_addr());
        Ok(here.with_context(|| format!("bench.page: looking for the way to {place}"))?.ip().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_is_known_by_the_way_to_the_page() {
        let origin = |text: &str| Origin::try_from(text.to_owned());
        assert_eq!(origin("http://127.0.0.1:8080").unwrap().household().unwrap(), "127.0.0.1");
        assert_eq!(origin("https://127.0.0.1").unwrap().household().unwrap(), "127.0.0.1");
        assert!(origin("http://127.0.0.1/page").is_err());
    }

    #[test]
    fn a_secret_comes_from_a_file_or_from_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "not told anybody\n").unwrap();
        let read = |secret: Secret| secret.read(folder.path());
        assert_eq!(read(Secret::File("secret".into())).unwrap(), "not told anybody");
        assert!(read(Secret::File("no-such-file".into())).unwrap_err().to_string().contains("no-such-file"));
        let error = read(Secret::Env("DOORWAY_NO_SUCH_VARIABLE".into())).unwrap_err().to_string();
        assert!(error.contains("DOORWAY_NO_SUCH_VARIABLE has to be set"), "{error}");
    }
}
