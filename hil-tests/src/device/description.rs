//! A device as a file of `devices/` describes it, and how a case gets it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::layers::Ability;
use super::{Board, SimulatedBoard};
use crate::case::Case;
use crate::lab;
use crate::virtual_board::{Image, VirtualBoard};

/// A device to run cases on.
#[derive(Debug)]
pub struct Description {
    name: String,
    file: String,
    kind: Kind,
}

/// What kind of device it is, and where it is.
#[derive(Debug)]
enum Kind {
    Simulated,
    Virtual,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDescription {
    /// What the report calls it.
    name: String,
    simulated: Option<RawSimulated>,
    r#virtual: Option<RawVirtual>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSimulated {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVirtual {
    architecture: String,
}

/// A device whose parts are made, so that each case can have it anew.
#[derive(Debug)]
pub enum Ready {
    /// A process on this machine.
    Simulated,
    /// A virtual board.
    Virtual(Image),
}

impl Description {
    /// Reads a file of `devices/`.
    ///
    /// # Errors
    /// When it is not there, or not as its documentation says; the error has the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let raw: RawDescription = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        let kind = match (raw.simulated, raw.r#virtual) {
            (Some(RawSimulated {}), None) => Kind::Simulated,
            (None, Some(RawVirtual { architecture })) if architecture == "amd64" => Kind::Virtual,
            (None, Some(RawVirtual { architecture })) => {
                bail!("{}: there is no virtual board for {architecture}", path.display())
            }
            _ => bail!("{}: one table of simulated, virtual", path.display()),
        };
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name: raw.name, file, kind })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its file, which tells its reports from those of others.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Why no case can run on it from this machine.
    pub fn obstacle(&self) -> Option<String> {
        match &self.kind {
            Kind::Simulated => None,
            Kind::Virtual => lab::obstacle(),
        }
    }

    /// Why a case that needs `ability` can't run on it.
    pub fn lacks(&self, ability: Ability) -> Option<String> {
        match &self.kind {
            Kind::Simulated => SimulatedBoard::lacks(ability).map(str::to_owned),
            Kind::Virtual => None,
        }
    }

    /// Makes what it is made of, which may take minutes the first time.
    ///
    /// # Errors
    /// When that fails.
    pub fn make_ready(&self) -> Result<Ready> {
        match &self.kind {
            Kind::Simulated => Ok(Ready::Simulated),
            Kind::Virtual => Image::ready().map(Ready::Virtual),
        }
    }
}

impl Ready {
    /// Prepares this thread for cases on it: a virtual board has a network of the thread's own.
    ///
    /// # Errors
    /// When that can't be: see [`Description::obstacle`].
    pub fn enter(&self) -> Result<()> {
        match self {
            Self::Simulated => Ok(()),
            Self::Virtual(_) => lab::enter(),
        }
    }

    /// The device, able to ring, as if no case had been before.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn device(&self, case: &Case) -> Result<Board> {
        match self {
            Self::Simulated => SimulatedBoard::start(case).await,
            Self::Virtual(image) => VirtualBoard::restore(case, image).await?.device().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Description> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Description::read(file.path())
    }

    #[test]
    fn every_file_of_devices_is_a_description() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("devices");
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| Description::read(&entry.unwrap().path()).unwrap().name().to_owned())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert!(count > 1 && names.len() == count, "{names:?}");
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let error = format!("{:#}", read("name = \"x\"\n[virtual]\narchitektur = \"amd64\"").unwrap_err());
        assert!(error.contains("line 3") && error.contains("architektur"), "{error}");
        let error = format!("{:#}", read("name = \"x\"\n[virtual]\narchitecture = \"m68k\"").unwrap_err());
        assert!(error.contains("m68k"), "{error}");
        assert!(read("name = \"x\"\n[virtual]\narchitecture = \"amd64\"\n[simulated]").is_err());
        assert!(read("name = \"x\"").is_err());
    }
}
