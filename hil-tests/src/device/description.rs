//! A device as a file of `devices/` describes it, and how a case gets it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::layers::Ability;
use super::{Board, SimulatedBoard};
use crate::bench::{Bench, BenchDescription};
use crate::case::Case;
use crate::lab;
use crate::virtual_board::{Architecture, Image, VirtualBoard};

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
    Virtual(Architecture),
    Flashed,
    Bench(Box<Bench>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDescription {
    /// What the report calls it.
    name: String,
    simulated: Option<RawSimulated>,
    r#virtual: Option<RawVirtual>,
    flashed: Option<RawFlashed>,
    bench: Option<BenchDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSimulated {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlashed {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVirtual {
    architecture: Architecture,
}

/// A device whose parts are made, so that each case can have it anew.
#[derive(Debug)]
pub enum Ready {
    /// A process on this machine.
    Simulated,
    /// A virtual board, with or without a card.
    Virtual(Image),
    /// A device on a bench.
    Bench(Box<Bench>),
}

impl Description {
    /// Reads a file of `devices/`.
    ///
    /// # Errors
    /// When it is not there, or not as its documentation says; the error has the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let raw: RawDescription = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        let kind = match (raw.simulated, raw.r#virtual, raw.flashed, raw.bench) {
            (Some(RawSimulated {}), None, None, None) => Kind::Simulated,
            (None, Some(RawVirtual { architecture }), None, None) => Kind::Virtual(architecture),
            (None, None, Some(RawFlashed {}), None) => Kind::Flashed,
            (None, None, None, Some(bench)) => {
                let bench = Bench::new(bench, path.parent().unwrap_or(Path::new(".")));
                Kind::Bench(Box::new(bench.with_context(|| format!("reading {}", path.display()))?))
            }
            _ => bail!("{}: one table of simulated, virtual, flashed, bench", path.display()),
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
            // Its programs are those of this machine.
            Kind::Virtual(Architecture::Amd64) if cfg!(not(target_arch = "x86_64")) => {
                Some("this is no amd64 machine; DEVICE=devices/virtual-arm64.toml runs on it".to_owned())
            }
            Kind::Virtual(_) | Kind::Flashed => lab::obstacle(),
            Kind::Bench(bench) => bench.obstacle(),
        }
    }

    /// Why a case that needs `ability` can't run on it.
    pub fn lacks(&self, ability: Ability) -> Option<String> {
        match &self.kind {
            Kind::Simulated => SimulatedBoard::lacks(ability).map(str::to_owned),
            Kind::Virtual(_) => (ability == Ability::Card).then(|| "QEMU puts its kernel into its memory".to_owned()),
            Kind::Flashed => matches!(ability, Ability::SoundCard | Ability::SoundCardPlug)
                .then(|| "its image has no programs that play and record".to_owned()),
            Kind::Bench(bench) => bench.lacks(ability).map(str::to_owned),
        }
    }

    /// Makes what it is made of, which may take minutes the first time.
    ///
    /// # Errors
    /// When that fails.
    pub fn make_ready(&self) -> Result<Ready> {
        match &self.kind {
            Kind::Simulated => Ok(Ready::Simulated),
            Kind::Virtual(architecture) => Image::ready(*architecture).map(Ready::Virtual),
            Kind::Flashed => Image::flashed_ready().map(Ready::Virtual),
            Kind::Bench(bench) => {
                bench.install()?;
                Ok(Ready::Bench(bench.clone()))
            }
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
            Self::Simulated | Self::Bench(_) => Ok(()),
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
            Self::Bench(bench) => bench.device(case).await,
        }
    }

    /// Leaves the device as it was before the first case.
    ///
    /// # Errors
    /// When it is out of reach.
    pub fn give_back(&self) -> Result<()> {
        match self {
            Self::Simulated | Self::Virtual(_) => Ok(()),
            Self::Bench(bench) => bench.give_back(),
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
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        // Beside a bench's description lie the files that it names: NAME.doorway.toml, NAME.board.toml.
        let descriptions = files.filter(|path| !path.file_stem().unwrap().to_string_lossy().contains('.'));
        let mut names: Vec<_> = descriptions.map(|path| Description::read(&path).unwrap().name().to_owned()).collect();
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
