//! The file as it is written, and the checks that turn it into a [`BoardDescription`].

use serde::Deserialize;
use toml::Spanned;

use super::{
    Backend, Bias, BoardDescription, Button, DescriptionError, IndicatorWiring, LONGEST_PULSE, LampDrive, Line, Place,
    RelayWiring, Role, text,
};
use crate::id::{ButtonId, InvalidId, RelayId};
use crate::pin::Polarity;

/// The kernel takes 64 lines in a request; a doorway has far fewer.
const MOST: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBoard {
    name: Option<String>,
    backend: Backend,
    #[serde(default)]
    button: Vec<RawButton>,
    #[serde(default)]
    relay: Vec<RawRelay>,
    indicator: Option<Spanned<RawIndicator>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawButton {
    id: Spanned<String>,
    role: Role,
    line: Option<Spanned<String>>,
    #[serde(default = "pull_up")]
    bias: Bias,
    #[serde(default = "low")]
    active: Polarity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRelay {
    id: Spanned<String>,
    line: Option<Spanned<String>>,
    #[serde(default = "high")]
    active: Polarity,
    max_pulse: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndicator {
    line: Option<Spanned<String>>,
    #[serde(default = "high")]
    active: Polarity,
    pwm: Option<Spanned<String>>,
}

/// A switch to ground with the chip's own pull-up is the least wiring.
fn pull_up() -> Bias {
    Bias::PullUp
}

fn low() -> Polarity {
    Polarity::Low
}

fn high() -> Polarity {
    Polarity::High
}

pub(super) fn parse(text: &str, origin: &str) -> Result<BoardDescription, DescriptionError> {
    let raw: RawBoard = toml::from_str(text).map_err(|error| DescriptionError {
        origin: origin.to_owned(),
        place: Place(error.span().map(|span| text::place(text, span.start))),
        message: error.message().trim().replace('\n', ", "),
        remedy: String::new(),
    })?;
    Checker { text, origin, backend: raw.backend, lines: Vec::new() }.check(raw)
}

struct Checker<'a> {
    text: &'a str,
    origin: &'a str,
    backend: Backend,
    /// Every line so far and what it is for.
    lines: Vec<(Line, String)>,
}

impl Checker<'_> {
    fn check(mut self, raw: RawBoard) -> Result<BoardDescription, DescriptionError> {
        if raw.button.is_empty() && raw.relay.is_empty() {
            return Err(self.error(0, "the board has neither a button nor a relay", "add a [[button]]"));
        }
        if let Some(button) = raw.button.get(MOST) {
            return Err(self.error(button.id.span().start, "more than 32 buttons", "describe fewer"));
        }
        if let Some(relay) = raw.relay.get(MOST) {
            return Err(self.error(relay.id.span().start, "more than 32 relays", "describe fewer"));
        }
        let mut buttons: Vec<Button> = Vec::new();
        for button in raw.button {
            let id = self.id(&button.id, ButtonId::new)?;
            if buttons.iter().any(|other| other.id == id) {
                return Err(self.twice(&button.id, "button"));
            }
            let line = self.line(format!("button {id}"), button.id.span().start, button.line)?;
            buttons.push(Button { id, role: button.role, line, bias: button.bias, active: button.active });
        }
        let mut relays: Vec<RelayWiring> = Vec::new();
        for relay in raw.relay {
            let id = self.id(&relay.id, RelayId::new)?;
            if relays.iter().any(|other| other.id == id) {
                return Err(self.twice(&relay.id, "relay"));
            }
            let line = self.line(format!("relay {id}"), relay.id.span().start, relay.line)?;
            let max_pulse = text::duration(relay.max_pulse.get_ref())
                .filter(|pulse| !pulse.is_zero() && *pulse <= LONGEST_PULSE)
                .ok_or_else(|| {
                    self.error(
                        relay.max_pulse.span().start,
                        &format!("`{}` is no pulse length", relay.max_pulse.get_ref()),
                        "write a whole number with its unit, like \"10 s\" or \"500 ms\", up to one minute",
                    )
                })?;
            relays.push(RelayWiring { id, line, active: relay.active, max_pulse });
        }
        let indicator = raw.indicator.map(|indicator| self.indicator(indicator)).transpose()?;
        Ok(BoardDescription {
            name: raw.name.unwrap_or_else(|| self.origin.to_owned()),
            backend: self.backend,
            buttons,
            relays,
            indicator,
        })
    }

    fn indicator(&mut self, indicator: Spanned<RawIndicator>) -> Result<IndicatorWiring, DescriptionError> {
        let start = indicator.span().start;
        let RawIndicator { line, active, pwm } = indicator.into_inner();
        let (wanted, place) = pwm.map_or(("none".to_owned(), start), |pwm| {
            let place = pwm.span().start;
            (pwm.into_inner(), place)
        });
        let what = "indicator".to_owned();
        let drive = match (wanted.as_str(), self.backend) {
            ("none", _) => LampDrive::OnOff(self.line(what, start, line)?),
            ("software", Backend::Rpi | Backend::Simulated) => LampDrive::SoftwarePwm(self.line(what, start, line)?),
            ("software", Backend::Gpiochip) => {
                return Err(self.error(
                    place,
                    "the gpiochip backend has no software PWM",
                    "use \"none\", or a hardware channel like \"pwmchip0:0\"",
                ));
            }
            (channel, _) => {
                let (chip, channel) = text::pwm_channel(channel).ok_or_else(|| {
                    self.error(
                        place,
                        &format!("`{wanted}` is no way to drive a lamp"),
                        "use \"none\", \"software\", or a hardware channel like \"pwmchip0:0\"",
                    )
                })?;
                if let Some(line) = line {
                    return Err(self.error(
                        line.span().start,
                        "a hardware PWM channel drives its own pin",
                        "remove `line`",
                    ));
                }
                LampDrive::HardwarePwm { chip, channel }
            }
        };
        Ok(IndicatorWiring { active, drive })
    }

    fn id<T>(&self, id: &Spanned<String>, new: fn(&str) -> Result<T, InvalidId>) -> Result<T, DescriptionError> {
        new(id.get_ref()).map_err(|error| self.error(id.span().start, &error.to_string(), ""))
    }

    /// `what` is the line's use, `owner` the place to blame when it is missing.
    fn line(&mut self, what: String, owner: usize, line: Option<Spanned<String>>) -> Result<Line, DescriptionError> {
        let Some(line) = line else {
            if self.backend == Backend::Simulated {
                return Ok(Line::Named(what));
            }
            return Err(self.error(
                owner,
                &format!("{what} has no `line`"),
                "say where it is wired, like line = \"GPIO17\"",
            ));
        };
        let place = line.span().start;
        let line = Line::parse(line.get_ref()).map_err(|error| self.error(place, &error.to_string(), ""))?;
        if self.backend == Backend::Rpi && line.raspberry_pi_gpio().is_none() {
            return Err(self.error(
                place,
                &format!("`{line}` is no pin of a Raspberry Pi's header"),
                "use GPIO0 to GPIO27, or the gpiochip backend",
            ));
        }
        if let Some((_, other)) = self.lines.iter().find(|(used, _)| *used == line) {
            return Err(self.error(
                place,
                &format!("line {line} is used twice: by {other} and by {what}"),
                "give each a line of its own",
            ));
        }
        self.lines.push((line.clone(), what));
        Ok(line)
    }

    fn twice(&self, id: &Spanned<String>, kind: &str) -> DescriptionError {
        self.error(id.span().start, &format!("a second {kind} is called `{}`", id.get_ref()), "give each its own id")
    }

    fn error(&self, offset: usize, message: &str, remedy: &str) -> DescriptionError {
        DescriptionError {
            origin: self.origin.to_owned(),
            place: Place(Some(text::place(self.text, offset))),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn error(text: &str) -> String {
        parse(text, "board.toml").unwrap_err().to_string()
    }

    const BUTTON: &str = "[[button]]\nid = \"call\"\nrole = \"call\"\nline = \"GPIO17\"\n";

    #[test]
    fn defaults_are_a_button_to_ground_and_an_active_high_relay() {
        let text = format!(
            "backend = \"gpiochip\"\n{BUTTON}[[relay]]\nid = \"door\"\nline = \"gpiochip0:4\"\nmax_pulse = \"8 s\"\n\
             [indicator]\nline = \"LED\"\n"
        );
        let board = parse(&text, "board.toml").unwrap();
        assert_eq!(board.name, "board.toml");
        assert_eq!(board.buttons[0].bias, Bias::PullUp);
        assert_eq!(board.buttons[0].active, Polarity::Low);
        assert_eq!(board.relays[0].active, Polarity::High);
        assert_eq!(board.relays[0].max_pulse, Duration::from_secs(8));
        assert_eq!(board.indicator.unwrap().drive, LampDrive::OnOff(Line::Named("LED".into())));
    }

    #[test]
    fn a_simulated_board_needs_no_lines() {
        let text = "backend = \"simulated\"\n[[button]]\nid = \"door\"\nrole = \"exit\"\n\
                    [[relay]]\nid = \"door\"\nmax_pulse = \"5 s\"\n[indicator]\npwm = \"software\"\n";
        let board = parse(text, "board.toml").unwrap();
        assert_ne!(board.buttons[0].line, board.relays[0].line);
    }

    #[test]
    fn a_hardware_channel_has_no_line() {
        let text = format!("backend = \"gpiochip\"\n{BUTTON}[indicator]\npwm = \"pwmchip0:1\"\n");
        let drive = parse(&text, "board.toml").unwrap().indicator.unwrap().drive;
        assert_eq!(drive, LampDrive::HardwarePwm { chip: 0, channel: 1 });
        let both = text.replace("[indicator]\n", "[indicator]\nline = \"GPIO12\"\n");
        assert!(error(&both).starts_with("board.toml:7:8: a hardware PWM channel"), "{}", error(&both));
    }

    /// Each mistake, and how its one message must begin and what it must also say.
    #[test]
    fn every_mistake_is_one_error_with_line_and_remedy() {
        let pi = "backend = \"rpi\"\n";
        let chip = "backend = \"gpiochip\"\n";
        let relay = "[[relay]]\nid = \"door\"\nline = \"GPIO23\"\n";
        let cases = [
            (String::new(), "board.toml:1:1: missing field `backend`", ""),
            ("backend = \"arduino\"\n".into(), "board.toml:1:11: ", "gpiochip"),
            (chip.into(), "board.toml:1:1: the board has neither", "add a [[button]]"),
            ("backend = gpiochip\n".into(), "board.toml:1:11: ", "string"),
            (format!("{chip}colour = 1\n{BUTTON}"), "board.toml:2:1: unknown field `colour`", "button"),
            (format!("{chip}{BUTTON}debounce = 5\n"), "board.toml:6:1: unknown field `debounce`", "bias"),
            (format!("{chip}{}", BUTTON.replace("\"call\"\nline", "\"ring\"\nline")), "board.toml:4:8: ", "hang_up"),
            (format!("{chip}{BUTTON}bias = \"up\"\n"), "board.toml:6:8: ", "pull-up"),
            (format!("{chip}{BUTTON}active = \"Low\"\n"), "board.toml:6:10: ", "low"),
            (format!("{chip}{BUTTON}{BUTTON}"), "board.toml:7:6: a second button is called `call`", "its own id"),
            (
                format!("{chip}{BUTTON}{}", BUTTON.replace("id = \"call\"", "id = \"bell\"")),
                "board.toml:9:8: line GPIO17 is used twice: by button call and by button bell",
                "a line of its own",
            ),
            (
                format!("{chip}{BUTTON}{}max_pulse = \"5 s\"\n", relay.replace("23", "17")),
                "board.toml:8:8: line GPIO17 is used twice: by button call and by relay door",
                "a line of its own",
            ),
            (
                format!("{chip}{BUTTON}[indicator]\nline = \"GPIO17\"\n"),
                "board.toml:7:8: line GPIO17 is used twice: by button call and by indicator",
                "a line of its own",
            ),
            (format!("{chip}{}", BUTTON.replace("GPIO17", "17")), "board.toml:5:8: `17` names no", "gpiochip0:17"),
            (
                format!("{chip}{}", BUTTON.replace("\"call\"\nrole", "\"my call\"\nrole")),
                "board.toml:3:6: an id",
                "' '",
            ),
            (
                format!("{chip}{}", BUTTON.replace("line = \"GPIO17\"\n", "")),
                "board.toml:3:6: button call has no `line`",
                "GPIO17",
            ),
            (format!("{pi}{}", BUTTON.replace("17", "28")), "board.toml:5:8: `GPIO28` is no pin", "GPIO27"),
            (format!("{chip}{relay}"), "board.toml:2:1: missing field `max_pulse`", ""),
            (format!("{chip}{relay}max_pulse = 5\n"), "board.toml:5:13: ", "string"),
            (format!("{chip}{relay}max_pulse = \"5\"\n"), "board.toml:5:13: `5` is no pulse length", "\"10 s\""),
            (format!("{chip}{relay}max_pulse = \"0 s\"\n"), "board.toml:5:13: `0 s` is no", "one minute"),
            (format!("{chip}{relay}max_pulse = \"61 s\"\n"), "board.toml:5:13: `61 s` is no", "one minute"),
            (
                format!("{chip}{BUTTON}[indicator]\nline = \"GPIO22\"\npwm = \"software\"\n"),
                "board.toml:8:7: the gpiochip backend has no software PWM",
                "pwmchip0:0",
            ),
            (
                format!("{chip}{BUTTON}[indicator]\nline = \"GPIO22\"\npwm = \"dim\"\n"),
                "board.toml:8:7: `dim` is no way to drive a lamp",
                "pwmchip0:0",
            ),
            (format!("{chip}{BUTTON}[indicator]\n"), "board.toml:6:1: indicator has no `line`", "GPIO17"),
        ];
        for (text, start, also) in cases {
            let error = error(&text);
            assert!(error.starts_with(start), "{error}\nshould begin with {start}");
            assert!(error.contains(also), "{error}\nshould say {also}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn there_is_a_limit_to_buttons() {
        let mut text = "backend = \"simulated\"\n".to_owned();
        for number in 0..33 {
            text += &format!("[[button]]\nid = \"b{number}\"\nrole = \"call\"\n");
        }
        assert!(error(&text).contains("more than 32 buttons"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            parse(&text, "board.toml").ok();
        }

        #[test]
        fn no_value_makes_it_panic(line in "\\PC{0,20}", pulse in "\\PC{0,12}", pwm in "\\PC{0,16}") {
            let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
            let text = format!(
                "backend = \"gpiochip\"\n[[relay]]\nid = \"door\"\nline = {}\nmax_pulse = {}\n[indicator]\npwm = {}\n",
                quoted(&line), quoted(&pulse), quoted(&pwm),
            );
            parse(&text, "board.toml").ok();
        }
    }
}
