//! Which line is which: a board description, parsed from TOML into a type that can't be wrong.

mod line;
mod raw;
mod text;

use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use line::{InvalidLine, Line};

use crate::id::{ButtonId, RelayId};
use crate::pin::Polarity;

/// The longest pulse that a description may allow. A door that must stay open longer wants a lock made for it.
pub const LONGEST_PULSE: Duration = Duration::from_secs(60);

/// The descriptions that are part of the program, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("raspberry-pi-3", include_str!("../boards/raspberry-pi-3.toml")),
    ("raspberry-pi-4", include_str!("../boards/raspberry-pi-4.toml")),
    ("raspberry-pi-cm4", include_str!("../boards/raspberry-pi-cm4.toml")),
    ("raspberry-pi-zero-2w", include_str!("../boards/raspberry-pi-zero-2w.toml")),
    ("simulated", include_str!("../boards/simulated.toml")),
];

/// The buttons, relays and the indicator of a board, and how they are wired.
///
/// Ids are unique among the buttons and among the relays, no line has two uses, and every line is one that the backend
/// can address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardDescription {
    /// For people.
    pub name: String,
    /// Who drives the lines.
    pub backend: Backend,
    /// In the order of the file.
    pub buttons: Vec<Button>,
    /// In the order of the file.
    pub relays: Vec<RelayWiring>,
    /// The lamp in or beside the button.
    pub indicator: Option<IndicatorWiring>,
}

/// Who drives the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The kernel's GPIO character devices: any Linux board, and the safest when the daemon dies.
    Gpiochip,
    /// A Raspberry Pi's registers, through rppal.
    Rpi,
    /// No hardware: a board to script and to look at.
    Simulated,
}

/// A push button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What configurations and edges call it.
    pub id: ButtonId,
    /// What it is for.
    pub role: Role,
    /// Where it is wired.
    pub line: Line,
    /// The resistor that the chip itself puts on the line.
    pub bias: Bias,
    /// The level of a pressed button.
    pub active: Polarity,
}

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Rings.
    Call,
    /// Ends the call.
    HangUp,
    /// Opens the door from the inside (request to exit).
    Exit,
}

/// The resistor that the chip itself puts on an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// To the supply: for a button to ground.
    PullUp,
    /// To ground: for a button to the supply.
    PullDown,
    /// None: for a line with its own resistor.
    None,
}

/// A relay's wiring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayWiring {
    /// What configurations call it.
    pub id: RelayId,
    /// Where its driver is wired.
    pub line: Line,
    /// The level that energises it.
    pub active: Polarity,
    /// The longest time that the board lets it be energised, whatever the daemon asks for.
    pub max_pulse: Duration,
}

/// The indicator's wiring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndicatorWiring {
    /// The level that lights it.
    pub active: Polarity,
    /// How it is driven.
    pub drive: LampDrive,
}

/// How a lamp is driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LampDrive {
    /// On and off only.
    OnOff(Line),
    /// Brightness by a thread that toggles the line (backend `rpi`, `simulated`).
    SoftwarePwm(Line),
    /// Brightness by the SoC: `/sys/class/pwm/pwmchip<chip>`, channel.
    HardwarePwm {
        /// The number after `pwmchip`.
        chip: u32,
        /// Counted from 0.
        channel: u32,
    },
}

/// A description could not be used: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}{place}: {message}{}{remedy}", if remedy.is_empty() { "" } else { "; " })]
pub struct DescriptionError {
    /// The file, or the name of a built-in description.
    pub origin: String,
    /// The line and column, both from 1; none when the file itself is missing.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when the message says it.
    pub remedy: String,
}

/// A place in a file, shown as `:line:column`, or as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub Option<(usize, usize)>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

impl BoardDescription {
    /// The built-in description of that name, or the file when `name` looks like a path (ends in `.toml` or has a `/`).
    ///
    /// # Errors
    /// When there is no such description or file, or it is wrong.
    pub fn find(name: &str) -> Result<Self, DescriptionError> {
        if name.contains('/') || name.ends_with(".toml") { Self::load(Path::new(name)) } else { Self::named(name) }
    }

    /// A built-in description.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(name: &str) -> Result<Self, DescriptionError> {
        let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            return Err(DescriptionError {
                origin: format!("board description `{name}`"),
                place: Place(None),
                message: "there is no built-in description of that name".into(),
                remedy: format!("use one of {}, or a path to a .toml file", known.join(", ")),
            });
        };
        Self::parse(text, name)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read or is wrong.
    pub fn load(path: &Path) -> Result<Self, DescriptionError> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| DescriptionError {
            origin: origin.clone(),
            place: Place(None),
            message: format!("the board description can't be read: {error}"),
            remedy: "check the path and its permissions".into(),
        })?;
        Self::parse(&text, &origin)
    }

    /// Checks a description's text; `origin` names it in errors.
    ///
    /// # Errors
    /// When it is wrong: the first mistake found.
    pub fn parse(text: &str, origin: &str) -> Result<Self, DescriptionError> {
        raw::parse(text, origin)
    }

    /// The built-in description for a board, by the model that its device tree states (`/proc/device-tree/model`).
    pub fn for_model(model: &str) -> Option<&'static str> {
        let models = [
            ("Raspberry Pi 3", "raspberry-pi-3"),
            ("Raspberry Pi 4", "raspberry-pi-4"),
            ("Raspberry Pi Compute Module 4", "raspberry-pi-cm4"),
            ("Raspberry Pi Zero 2", "raspberry-pi-zero-2w"),
        ];
        let found = models.iter().find(|(start, _)| model.starts_with(start))?;
        Some(found.1)
    }

    /// The button of that name.
    pub fn button(&self, id: &ButtonId) -> Option<&Button> {
        self.buttons.iter().find(|button| button.id == *id)
    }

    /// What works but should be looked at before the door depends on it, one sentence each.
    pub fn advice(&self) -> Vec<String> {
        if self.backend == Backend::Simulated {
            return Vec::new();
        }
        self.relays
            .iter()
            .filter_map(|relay| match (relay.active, relay.line.raspberry_pi_gpio()) {
                (Polarity::High, Some(0..=8)) => Some(format!(
                    "relay {}: line {} is pulled up while a Raspberry Pi starts, which may energise an active-high \
                     relay; use GPIO9 to GPIO27",
                    relay.id, relay.line
                )),
                (Polarity::Low, Some(9..)) => Some(format!(
                    "relay {}: line {} is pulled down while a Raspberry Pi starts, which may energise an active-low \
                     relay; use an active-high driver, or GPIO5 to GPIO8",
                    relay.id, relay.line
                )),
                (Polarity::Low, None) => Some(format!(
                    "relay {}: an active-low relay is energised by a line that is low before the daemon starts; \
                     measure it while the board boots",
                    relay.id
                )),
                (Polarity::High, Some(9..) | None) | (Polarity::Low, Some(0..=8)) => None,
            })
            .collect()
    }
}

impl Backend {
    /// The name in a description, which is also the cargo feature's.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Gpiochip => "gpiochip",
            Backend::Rpi => "rpi",
            Backend::Simulated => "simulated",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_description_parses_and_needs_no_advice() {
        for (name, _) in BUILT_IN {
            let board = BoardDescription::named(name).unwrap();
            assert_eq!(board.advice(), Vec::<String>::new(), "{name}");
            assert!(board.buttons.iter().any(|button| button.role == Role::Call), "{name}");
            assert!(board.relays.iter().any(|relay| relay.id.as_str() == "door"), "{name}");
        }
    }

    #[test]
    fn every_file_in_the_boards_folder_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let names: Vec<String> = BUILT_IN.iter().map(|(name, _)| format!("{name}.toml")).collect();
        assert_eq!(files, names);
    }

    #[test]
    fn the_alternative_in_a_raspberry_pis_file_parses_too() {
        for (name, text) in BUILT_IN.iter().filter(|(name, _)| name.starts_with("raspberry")) {
            let other = text
                .replace("backend = \"gpiochip\"", "# backend = \"gpiochip\"")
                .replace("# backend = \"rpi\"", "backend = \"rpi\"")
                .replace("# pwm = \"software\"", "pwm = \"software\"");
            let board = BoardDescription::parse(&other, name).unwrap();
            assert_eq!(board.backend, Backend::Rpi);
            let drive = board.indicator.unwrap().drive;
            assert!(matches!(drive, LampDrive::SoftwarePwm(_)), "{drive:?}");
        }
    }

    #[test]
    fn every_raspberry_pi_is_wired_alike() {
        let boards: Vec<BoardDescription> = BUILT_IN
            .iter()
            .filter(|(name, _)| name.starts_with("raspberry"))
            .map(|(name, _)| BoardDescription::named(name).unwrap())
            .collect();
        assert_eq!(boards.len(), 4);
        for board in &boards {
            assert_eq!(board.backend, Backend::Gpiochip);
            assert_eq!(board.buttons, boards[0].buttons);
            assert_eq!(board.relays, boards[0].relays);
            assert_eq!(board.indicator, boards[0].indicator);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = BoardDescription::named("raspberry-pi-9").unwrap_err().to_string();
        assert!(error.contains("raspberry-pi-9") && error.contains("raspberry-pi-4"), "{error}");
    }

    #[test]
    fn a_path_is_told_from_a_name() {
        let error = BoardDescription::find("./nowhere.toml").unwrap_err().to_string();
        assert!(error.starts_with("./nowhere.toml: the board description can't be read"), "{error}");
        assert_eq!(BoardDescription::find("simulated").unwrap().backend, Backend::Simulated);
    }

    #[test]
    fn a_model_finds_its_description() {
        let found = BoardDescription::for_model("Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!(found, Some("raspberry-pi-4"));
        let found = BoardDescription::for_model("Raspberry Pi Zero 2 W Rev 1.0");
        assert_eq!(found, Some("raspberry-pi-zero-2w"));
        assert_eq!(BoardDescription::for_model("Radxa ROCK 5B"), None);
    }

    #[test]
    fn a_relay_that_may_open_the_door_at_boot_is_pointed_out() {
        let board = |line: &str, active: &str| {
            let text = format!(
                "backend = \"gpiochip\"\n[[relay]]\nid = \"door\"\nline = \"{line}\"\nactive = \"{active}\"\n\
                 max_pulse = \"5 s\"\n"
            );
            BoardDescription::parse(&text, "test").unwrap().advice()
        };
        assert!(board("GPIO23", "high").is_empty());
        assert!(board("GPIO6", "low").is_empty());
        assert!(board("PA7", "high").is_empty());
        assert!(board("GPIO23", "low")[0].contains("pulled down"));
        assert!(board("GPIO4", "high")[0].contains("pulled up"));
        assert!(board("PA7", "low")[0].contains("measure"));
    }
}
