//! What this machine has: its GPIO chips and their lines, for people and for error messages.

use std::fmt;
use std::path::PathBuf;

use crate::description::BoardDescription;

/// What [`probe`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// The board's model, as its device tree states it.
    pub model: Option<String>,
    /// The built-in description for that model.
    pub description: Option<&'static str>,
    /// Every GPIO chip, in the kernel's order.
    pub chips: Vec<ChipSeen>,
    /// Chips that could not be read, and why.
    pub unreadable: Vec<String>,
}

/// A GPIO chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipSeen {
    /// `/dev/gpiochip0`
    pub path: PathBuf,
    /// `gpiochip0`
    pub name: String,
    /// The driver's name for it: `pinctrl-bcm2711`.
    pub label: String,
    /// By offset.
    pub lines: Vec<LineSeen>,
}

/// A line of a chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSeen {
    /// From 0.
    pub offset: u32,
    /// From the device tree; often empty.
    pub name: String,
    /// Who holds the line, if anybody does; a user without a name is `kernel`.
    pub consumer: Option<String>,
    /// Whether it is an output.
    pub output: bool,
}

/// Looks at this machine. Finding nothing is a result, not an error.
pub fn probe() -> Probe {
    let (chips, unreadable) = chips();
    // A device-tree string ends in NUL.
    let model =
        std::fs::read_to_string("/proc/device-tree/model").ok().map(|model| model.trim_end_matches('\0').to_owned());
    let description = model.as_deref().and_then(BoardDescription::for_model);
    Probe { model, description, chips, unreadable }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.model, self.description) {
            (Some(model), Some(description)) => writeln!(f, "{model}: board description `{description}`")?,
            (Some(model), None) => writeln!(f, "{model}: no built-in board description, write one")?,
            (None, _) => writeln!(f, "no device tree: a board description is yours to choose")?,
        }
        if self.chips.is_empty() && self.unreadable.is_empty() {
            writeln!(f, "no GPIO chips")?;
        }
        for chip in &self.chips {
            writeln!(f, "{} [{}] {} lines", chip.name, chip.label, chip.lines.len())?;
            for line in chip.lines.iter().filter(|line| line.is_interesting()) {
                let direction = if line.output { "output" } else { "input" };
                let user = line.consumer.as_deref().map_or(String::new(), |user| format!(", used by {user}"));
                let name = if line.name.is_empty() { "(unnamed)" } else { &line.name };
                writeln!(f, "  {:>3}  {name}: {direction}{user}", line.offset)?;
            }
        }
        for problem in &self.unreadable {
            writeln!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl LineSeen {
    /// Whether a list for people needs it: nameless lines that nobody uses are noise.
    fn is_interesting(&self) -> bool {
        self.consumer.is_some() || !matches!(self.name.as_str(), "" | "-" | "NC")
    }
}

#[cfg(feature = "gpiochip")]
use crate::gpiochip::chips;

#[cfg(not(feature = "gpiochip"))]
fn chips() -> (Vec<ChipSeen>, Vec<String>) {
    let problem = "GPIO chips are not listed: this program was built without the `gpiochip` backend";
    (Vec::new(), vec![problem.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_reads_like_a_list() {
        let line = |offset, name: &str, consumer: Option<&str>, output| LineSeen {
            offset,
            name: name.into(),
            consumer: consumer.map(Into::into),
            output,
        };
        let probe = Probe {
            model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
            description: Some("raspberry-pi-4"),
            chips: vec![ChipSeen {
                path: "/dev/gpiochip0".into(),
                name: "gpiochip0".into(),
                label: "pinctrl-bcm2711".into(),
                lines: vec![
                    line(17, "GPIO17", None, false),
                    line(23, "GPIO23", Some("doorway door"), true),
                    line(42, "", None, false),
                    line(43, "", Some("kernel"), true),
                ],
            }],
            unreadable: vec!["/dev/gpiochip1: permission denied".into()],
        };
        let text = probe.to_string();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "Raspberry Pi 4 Model B Rev 1.4: board description `raspberry-pi-4`",
                "gpiochip0 [pinctrl-bcm2711] 4 lines",
                "   17  GPIO17: input",
                "   23  GPIO23: output, used by doorway door",
                "   43  (unnamed): output, used by kernel",
                "/dev/gpiochip1: permission denied",
            ]
        );
    }

    #[test]
    fn a_machine_without_gpio_says_so() {
        assert!(Probe::default().to_string().contains("no GPIO chips"));
    }
}
