//! Small texts inside a description: durations, places, PWM channels.

use std::time::Duration;

/// The line and column of a byte offset, both from 1, columns in characters.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

/// `10 s`, `500ms`, `1 min`: a whole number with its unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    match text[digits..].trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// `pwmchip0:1`: a chip's number and a channel.
pub(super) fn pwm_channel(text: &str) -> Option<(u32, u32)> {
    let (chip, channel) = text.strip_prefix("pwmchip")?.split_once(':')?;
    Some((chip.parse().ok()?, channel.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("ab\ncd", 1), (1, 2));
        assert_eq!(place("ab\ncd", 3), (2, 1));
        assert_eq!(place("門鈴 = 1\nx", "門鈴".len()), (1, 3));
        assert_eq!(place("ab", 99), (1, 3));
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("10 s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("2 min"), Some(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "-1 s", "1.5 s", "10 h", "99999999999999999999 s", "18446744073709551615 min"] {
            assert_eq!(duration(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_pwm_channel_names_its_chip() {
        assert_eq!(pwm_channel("pwmchip0:1"), Some((0, 1)));
        for wrong in ["pwmchip:1", "pwmchip0", "0:1", "pwmchip0:x", "software"] {
            assert_eq!(pwm_channel(wrong), None, "{wrong:?}");
        }
    }
}
