//! Values with their unit, as a person writes them: `3 s`, `2 Mbit/s`, `1280x720`.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

/// A duration such as `500 ms`, `45 s`, `10 min`, `1 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// A bitrate such as `500 kbit/s` or `2 Mbit/s`, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bitrate(pub(super) u32);

/// A picture's size such as `1280x720`, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u32, pub(super) u32);

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(split);
    Some((number.parse().ok()?, unit.trim()))
}

pub(super) fn parse_span(text: &str) -> Option<Duration> {
    // humantime takes no space between number and unit.
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    humantime::parse_duration(&compact).ok()
}

fn parse_bitrate(text: &str) -> Option<u32> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "bit/s" => 1.0,
        "kbit/s" => 1e3,
        "Mbit/s" => 1e6,
        _ => return None,
    };
    let bits = number * factor;
    (bits <= f64::from(u32::MAX)).then_some(bits as u32)
}

fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
}

macro_rules! from_text {
    ($name:ident, $parse:ident, $expected:literal, |$value:ident| $build:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)
                    .map_err(|_| D::Error::custom(concat!("expected ", $expected, " in quotes")))?;
                match $parse(&text) {
                    Some($value) => Ok($build),
                    None => Err(D::Error::custom(format!(concat!("expected ", $expected, ", found {:?}"), text))),
                }
            }
        }
    };
}

from_text!(Span, parse_span, "a duration such as \"45 s\" or \"500 ms\"", |value| Span(value));
from_text!(Bitrate, parse_bitrate, "a bitrate such as \"2 Mbit/s\" or \"500 kbit/s\"", |value| Bitrate(value));
from_text!(Size, parse_size, "a size such as \"1280x720\"", |value| Size(value.0, value.1));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_needs_its_unit() {
        assert_eq!(parse_span("45 s"), Some(Duration::from_secs(45)));
        assert_eq!(parse_span("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_span("10 min"), Some(Duration::from_secs(600)));
        assert_eq!(parse_span("45"), None);
        assert_eq!(parse_bitrate("2 Mbit/s"), Some(2_000_000));
        assert_eq!(parse_bitrate("1.5 Mbit/s"), Some(1_500_000));
        assert_eq!(parse_bitrate("2 MB/s"), None);
        assert_eq!(parse_bitrate("2"), None);
        assert_eq!(parse_size("1280x720"), Some((1280, 720)));
        assert_eq!(parse_size("720p"), None);
    }
}
