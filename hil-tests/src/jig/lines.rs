//! Contacts to move and lines to read, by name: those of gpio-sim, or real ones of a GPIO character device.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gpiocdev::line::{Drive, Value};
use gpiocdev::{Request, chip, line};

use super::{Bias, Wiring};

const SIM_CONFIG: &str = "/sys/kernel/config/gpio-sim";
const SIM_DEVICES: &str = "/sys/devices/platform";

/// A line from the outside: the side of the wires, not of the board.
pub(super) enum Line {
    /// A line of gpio-sim.
    Simulated {
        /// Pulls the line, as a contact to ground or the resistor against it does.
        pull: PathBuf,
        /// The line's level.
        value: File,
        active_low: bool,
    },
    /// A line of this computer that is wired to the board: an output that closes a contact, or an input that senses.
    Wired { chip: PathBuf, offset: u32, wiring: Wiring, request: Option<(Request, bool)> },
}

impl Line {
    pub(super) fn find(wiring: &Wiring) -> Result<Self> {
        let name = &*wiring.line;
        if let Some(folder) = simulated(name)? {
            let value = folder.join("value");
            let value = File::open(&value).with_context(|| format!("opening {}", value.display()))?;
            return Ok(Self::Simulated { pull: folder.join("pull"), value, active_low: wiring.active_low });
        }
        let named = gpiocdev::find_named_line(name).map(|found| (found.chip, found.info.offset));
        let Some((chip, offset)) = named.or_else(|| at_offset(name)) else {
            bail!(
                "there is no line called {name} here, neither of gpio-sim nor of a GPIO chip; `gpioinfo` lists what there is, \
                 and LABEL:OFFSET names a line that has no name"
            )
        };
        Ok(Self::Wired { chip, offset, wiring: wiring.clone(), request: None })
    }

    /// Closes or opens the contact. A closed one of gpio-sim pulls to ground; a wired one is active.
    pub(super) fn set_closed(&mut self, closed: bool) -> Result<()> {
        match self {
            Self::Simulated { pull, .. } => {
                let how = if closed { "pull-down" } else { "pull-up" };
                fs::write(&*pull, how).with_context(|| format!("writing {}", pull.display()))
            }
            Self::Wired { .. } => {
                let value = if closed { Value::Active } else { Value::Inactive };
                let (request, offset) = self.requested(true)?;
                request.set_value(offset, value).context("moving a contact")?;
                Ok(())
            }
        }
    }

    /// Whether the line is active: a contact, whether it is closed.
    pub(super) fn is_active(&mut self) -> Result<bool> {
        match self {
            Self::Simulated { value, active_low, .. } => {
                let mut text = [0; 1];
                value.read_exact_at(&mut text, 0).context("reading a line of gpio-sim")?;
                Ok((text == *b"1") != *active_low)
            }
            // A line that closes a contact is not let go to be read.
            Self::Wired { request: taken, .. } => {
                let output = taken.as_ref().is_some_and(|(_, output)| *output);
                let (request, offset) = self.requested(output)?;
                Ok(request.value(offset).context("reading a line")? == Value::Active)
            }
        }
    }

    /// A wired line, taken as an output or as an input. It stays taken, as an output only drives while it is.
    fn requested(&mut self, output: bool) -> Result<(&Request, u32)> {
        let Self::Wired { chip, offset, wiring, request } = self else { bail!("a line of gpio-sim is not taken") };
        if request.as_ref().is_none_or(|(_, as_output)| *as_output != output) {
            *request = None;
            let mut asked = Request::builder();
            asked.on_chip(&*chip).with_consumer("doorway jig").with_line(*offset);
            if output {
                asked.as_output(Value::Inactive);
                if wiring.open_drain {
                    asked.with_drive(Drive::OpenDrain);
                }
            } else {
                asked.as_input().with_bias(match wiring.bias {
                    Bias::None => None,
                    Bias::PullUp => Some(line::Bias::PullUp),
                    Bias::PullDown => Some(line::Bias::PullDown),
                });
            }
            if wiring.active_low {
                asked.as_active_low();
            }
            let taken = asked.request().with_context(|| format!("taking line {offset} of {}", chip.display()))?;
            *request = Some((taken, output));
        }
        let (request, _) = request.as_ref().context("it was just taken")?;
        Ok((request, *offset))
    }
}

/// The line that `LABEL:OFFSET` names.
fn at_offset(name: &str) -> Option<(PathBuf, u32)> {
    let (label, offset) = name.rsplit_once(':')?;
    let offset = offset.parse().ok()?;
    let info = |path: &PathBuf| chip::Chip::from_path(path).and_then(|chip| chip.info());
    let chip = chip::chips()
        .ok()?
        .into_iter()
        .find(|path| info(path).is_ok_and(|info| info.label == label && offset < info.num_lines))?;
    Some((chip, offset))
}

/// The folder of a line of gpio-sim: its name stands in configfs, its level in sysfs.
fn simulated(name: &str) -> Result<Option<PathBuf>> {
    for chip in folders(Path::new(SIM_CONFIG)) {
        let Some(device) = text(&chip.join("dev_name")) else { continue };
        for bank in folders(&chip) {
            let Some(chip_name) = text(&bank.join("chip_name")) else { continue };
            for line in folders(&bank) {
                if text(&line.join("name")).as_deref() != Some(name) {
                    continue;
                }
                let offset = line.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("line"));
                let offset = offset.with_context(|| format!("{} is no line", line.display()))?;
                let folder = Path::new(SIM_DEVICES).join(&device).join(&chip_name).join(format!("sim_gpio{offset}"));
                return Ok(Some(folder));
            }
        }
    }
    Ok(None)
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}
