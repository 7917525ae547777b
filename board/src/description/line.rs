//! How a description names a GPIO line.

use std::fmt;

/// A GPIO line: by its own name, or by its chip and its number there.
///
/// Names are better: they survive a kernel that counts its chips in another order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Line {
    /// `GPIO17`: the name that the device tree gives to the line.
    Named(String),
    /// `gpiochip0:17`, `/dev/gpiochip0:17` or `pinctrl-bcm2711:17`: a chip by its name, path or label, and the line's
    /// offset on it, counted from 0.
    At {
        /// The chip's name, path or label.
        chip: String,
        /// From 0.
        offset: u32,
    },
}

/// Why a text is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no GPIO line: write its name, like \"GPIO17\", or its chip and offset, like \"gpiochip0:17\"")]
pub struct InvalidLine(String);

impl Line {
    /// # Errors
    /// When the text is empty or a bare number, whose chip would be a guess.
    pub fn parse(text: &str) -> Result<Self, InvalidLine> {
        let invalid = || InvalidLine(text.to_owned());
        if let Some((chip, offset)) = text.rsplit_once(':') {
            let offset = offset.parse().map_err(|_| invalid())?;
            if chip.trim().is_empty() {
                return Err(invalid());
            }
            return Ok(Line::At { chip: chip.to_owned(), offset });
        }
        if text.trim().is_empty() || text.chars().all(|c| c.is_ascii_digit()) {
            return Err(invalid());
        }
        Ok(Line::Named(text.to_owned()))
    }

    /// The BCM number, when the line has the name of one on a Raspberry Pi's header.
    pub fn raspberry_pi_gpio(&self) -> Option<u8> {
        match self {
            Line::Named(name) => {
                let number = name.strip_prefix("GPIO")?.parse().ok()?;
                (number <= 27).then_some(number)
            }
            Line::At { .. } => None,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Named(name) => f.write_str(name),
            Line::At { chip, offset } => write!(f, "{chip}:{offset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_or_a_chip_and_an_offset() {
        assert_eq!(Line::parse("call-button"), Ok(Line::Named("call-button".into())));
        for chip in ["gpiochip0", "/dev/gpiochip0", "1-0020"] {
            let line = Line::parse(&format!("{chip}:5")).unwrap();
            assert_eq!(line, Line::At { chip: chip.into(), offset: 5 });
            assert_eq!(line.to_string(), format!("{chip}:5"));
        }
    }

    #[test]
    fn what_would_be_a_guess_is_no_line() {
        for text in ["", " ", "17", ":17", "gpiochip0:", "gpiochip0:x", "gpiochip0:-1", "gpiochip0:4294967296"] {
            assert!(Line::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_header_pins_are_raspberry_pi_gpios() {
        let gpio = |text: &str| Line::parse(text).unwrap().raspberry_pi_gpio();
        assert_eq!(gpio("GPIO17"), Some(17));
        assert_eq!(gpio("GPIO28"), None);
        assert_eq!(gpio("GPIO_GCLK"), None);
        assert_eq!(gpio("gpiochip0:17"), None);
    }
}
