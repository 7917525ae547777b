//! From a description's line to a chip and an offset, or to an error that lists what there is. Pure.

use std::path::PathBuf;

use crate::board::BoardError;
use crate::description::Line;
use crate::probe::ChipSeen;

/// Where a line was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) chip: PathBuf,
    pub(super) offset: u32,
    /// The chip driver's label.
    pub(super) label: String,
}

/// Finds lines among the chips of this machine, each once.
pub(super) struct Lookup<'a> {
    chips: &'a [ChipSeen],
    unreadable: &'a [String],
    taken: Vec<(Found, String)>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(chips: &'a [ChipSeen], unreadable: &'a [String]) -> Self {
        Self { chips, unreadable, taken: Vec::new() }
    }

    /// `what` is the line's use, for errors.
    pub(super) fn find(&mut self, what: &str, line: &Line) -> Result<Found, BoardError> {
        let fail = |problem: String, remedy: String| BoardError::Line { what: what.to_owned(), problem, remedy };
        if self.chips.is_empty() {
            return Err(match self.unreadable {
                [] => fail(
                    "this machine has no GPIO chips (no /dev/gpiochip*)".into(),
                    "enable the GPIO driver in the kernel, or use the board description `simulated`".into(),
                ),
                unreadable => fail("no GPIO chip can be opened".into(), unreadable.join("; ")),
            });
        }
        let found = match line {
            Line::Named(name) => self.named(name).map_err(|(problem, remedy)| fail(problem, remedy))?,
            Line::At { chip, offset } => self.at(chip, *offset).map_err(|(problem, remedy)| fail(problem, remedy))?,
        };
        if let Some((_, other)) = self.taken.iter().find(|(other, _)| *other == found) {
            return Err(fail(
                format!("line {line} is {}:{}, which {other} uses", found.chip.display(), found.offset),
                "give each a line of its own".into(),
            ));
        }
        let user = self
            .chips
            .iter()
            .filter(|chip| chip.path == found.chip)
            .flat_map(|chip| &chip.lines)
            .find(|seen| seen.offset == found.offset)
            .and_then(|seen| seen.consumer.as_deref());
        if let Some(user) = user {
            return Err(fail(
                format!("line {line} is in use by `{user}`"),
                "stop that program (another daemon?), or free the line in the device tree".into(),
            ));
        }
        self.taken.push((found.clone(), what.to_owned()));
        Ok(found)
    }

    fn named(&self, name: &str) -> Result<Found, (String, String)> {
        let hits: Vec<Found> = self
            .chips
            .iter()
            .flat_map(|chip| chip.lines.iter().map(move |line| (chip, line)))
            .filter(|(_, line)| line.name == name)
            .map(|(chip, line)| found(chip, line.offset))
            .collect();
        match hits.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err((format!("no GPIO line is called `{name}`"), self.known(name))),
            several => {
                let places: Vec<String> =
                    several.iter().map(|found| format!("\"{}:{}\"", found.label, found.offset)).collect();
                Err((
                    format!("{} GPIO lines are called `{name}`", several.len()),
                    format!("say which one, by chip and offset: {}", places.join(" or ")),
                ))
            }
        }
    }

    fn at(&self, wanted: &str, offset: u32) -> Result<Found, (String, String)> {
        let hits: Vec<&ChipSeen> = self
            .chips
            .iter()
            .filter(|chip| chip.name == wanted || chip.label == wanted || chip.path.as_os_str() == wanted)
            .collect();
        let chip = match hits.as_slice() {
            [one] => *one,
            [] => {
                return Err((format!("there is no GPIO chip `{wanted}`"), self.known_chips()));
            }
            several => {
                let names: Vec<&str> = several.iter().map(|chip| chip.name.as_str()).collect();
                return Err((
                    format!("{} GPIO chips are called `{wanted}`", several.len()),
                    format!("say which one: {}", names.join(" or ")),
                ));
            }
        };
        if !chip.lines.iter().any(|line| line.offset == offset) {
            return Err((
                format!("GPIO chip `{wanted}` has no line {offset}"),
                format!("it has {} lines, counted from 0", chip.lines.len()),
            ));
        }
        Ok(found(chip, offset))
    }

    /// The names that there are, those like the wanted one first.
    fn known(&self, wanted: &str) -> String {
        const MOST: usize = 40;
        let start: String = wanted.chars().take(4).collect();
        let mut names: Vec<&str> = self
            .chips
            .iter()
            .flat_map(|chip| &chip.lines)
            .map(|line| line.name.as_str())
            .filter(|name| !matches!(*name, "" | "-" | "NC"))
            .collect();
        if names.is_empty() {
            return format!("no line has a name here: use chip and offset; {}", self.known_chips());
        }
        names.sort_by_key(|name| !name.starts_with(&start));
        let more = if names.len() > MOST { ", …" } else { "" };
        names.truncate(MOST);
        format!("there are {}{more}", names.join(", "))
    }

    fn known_chips(&self) -> String {
        let chips: Vec<String> = self
            .chips
            .iter()
            .map(|chip| format!("{} ({}, {} lines)", chip.name, chip.label, chip.lines.len()))
            .collect();
        let unreadable = self.unreadable.iter().map(|problem| format!("; {problem}")).collect::<String>();
        format!("there are {}{unreadable}", chips.join(", "))
    }
}

fn found(chip: &ChipSeen, offset: u32) -> Found {
    Found { chip: chip.path.clone(), offset, label: chip.label.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::LineSeen;

    fn chip(number: u32, label: &str, names: &[&str]) -> ChipSeen {
        ChipSeen {
            path: format!("/dev/gpiochip{number}").into(),
            name: format!("gpiochip{number}"),
            label: label.into(),
            lines: (0..)
                .zip(names)
                .map(|(offset, name)| LineSeen {
                    offset,
                    name: (*name).into(),
                    consumer: (*name == "LED").then(|| "led0".into()),
                    output: false,
                })
                .collect(),
        }
    }

    fn machine() -> Vec<ChipSeen> {
        vec![
            chip(0, "pinctrl-bcm2711", &["ID_SDA", "GPIO17", "NC", "NC", "LED"]),
            chip(1, "raspberrypi-exp-gpio", &["BT_ON", "GPIO17b", "twin"]),
            chip(2, "sim", &["twin", ""]),
            chip(3, "sim", &["", ""]),
        ]
    }

    fn find(line: &str) -> Result<(String, u32), String> {
        let chips = machine();
        let found = Lookup::new(&chips, &[]).find("button call", &Line::parse(line).unwrap());
        found.map(|found| (found.chip.display().to_string(), found.offset)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_is_found_by_its_name() {
        assert_eq!(find("GPIO17"), Ok(("/dev/gpiochip0".into(), 1)));
        assert_eq!(find("BT_ON"), Ok(("/dev/gpiochip1".into(), 0)));
    }

    #[test]
    fn a_line_is_found_by_its_chips_name_path_or_label() {
        for chip in ["gpiochip1", "/dev/gpiochip1", "raspberrypi-exp-gpio"] {
            assert_eq!(find(&format!("{chip}:1")), Ok(("/dev/gpiochip1".into(), 1)));
        }
    }

    #[test]
    fn a_missing_line_lists_the_lines_seen_those_alike_first() {
        let error = find("GPIO99").unwrap_err();
        assert!(
            error.starts_with("button call: no GPIO line is called `GPIO99`; there are GPIO17, GPIO17b, ID_SDA"),
            "{error}"
        );
        assert!(!error.contains("NC"), "{error}");
    }

    #[test]
    fn a_missing_chip_lists_the_chips_seen() {
        let error = find("gpiochip9:1").unwrap_err();
        assert!(error.contains("no GPIO chip `gpiochip9`"), "{error}");
        assert!(error.contains("gpiochip0 (pinctrl-bcm2711, 5 lines)"), "{error}");
    }

    #[test]
    fn an_offset_beyond_the_chip_says_how_many_lines_it_has() {
        let error = find("gpiochip1:3").unwrap_err();
        assert!(error.contains("has no line 3; it has 3 lines"), "{error}");
    }

    #[test]
    fn a_name_or_label_that_is_not_unique_is_no_guess() {
        let error = find("twin").unwrap_err();
        assert!(error.contains("\"raspberrypi-exp-gpio:2\" or \"sim:0\""), "{error}");
        let error = find("sim:0").unwrap_err();
        assert!(error.contains("gpiochip2 or gpiochip3"), "{error}");
    }

    #[test]
    fn a_line_in_use_names_its_user() {
        let error = find("LED").unwrap_err();
        assert!(error.contains("in use by `led0`"), "{error}");
    }

    #[test]
    fn one_line_under_two_names_is_used_twice() {
        let chips = machine();
        let mut lookup = Lookup::new(&chips, &[]);
        lookup.find("button call", &Line::parse("GPIO17").unwrap()).unwrap();
        let error = lookup.find("relay door", &Line::parse("gpiochip0:1").unwrap()).unwrap_err();
        let expected = "relay door: line gpiochip0:1 is /dev/gpiochip0:1, which button call uses";
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn no_chip_and_no_permission_are_told_apart() {
        let line = Line::parse("GPIO17").unwrap();
        let error = Lookup::new(&[], &[]).find("button call", &line).unwrap_err().to_string();
        assert!(error.contains("no /dev/gpiochip*") && error.contains("`simulated`"), "{error}");
        let denied = ["/dev/gpiochip0: Permission denied; add this user to the group".to_owned()];
        let error = Lookup::new(&[], &denied).find("button call", &line).unwrap_err().to_string();
        assert!(error.contains("can be opened; /dev/gpiochip0: Permission denied; add"), "{error}");
    }
}
