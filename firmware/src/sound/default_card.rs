//! What `default` leads to: the first card that can do the direction.
//!
//! ALSA's own `default` is card 0 whatever it can do, which on a Raspberry Pi has no microphone; or it is PipeWire's, which
//! a daemon that belongs to no session cannot reach. One that somebody wrote for this machine goes first.

use std::path::{Path, PathBuf};

use alsa::Direction;

use super::probe::SoundCard;

/// The name that stands for a card that this module looks for.
pub(super) const DEFAULT: &str = "default";

/// The PCMs to try in order for a configured name. `cards` is asked for `default` alone.
pub(super) fn candidates(name: &str, direction: Direction, cards: impl FnOnce() -> Vec<SoundCard>) -> Vec<String> {
    if name != DEFAULT {
        return vec![name.to_owned()];
    }
    in_order(&cards(), direction, is_written_here(&definitions()))
}

/// `default` as it is written for this machine, the cards that can do the direction, HDMI after the others as a door rarely
/// has it; in the end ALSA's own `default`, for a desktop where PipeWire holds the cards.
pub(super) fn in_order(cards: &[SoundCard], direction: Direction, written_here: bool) -> Vec<String> {
    let can = |card: &SoundCard| {
        card.pcms
            .iter()
            .find(|pcm| match direction {
                Direction::Capture => pcm.capture,
                Direction::Playback => pcm.playback,
            })
            .map(|pcm| pcm.pcm.clone())
    };
    let mut found: Vec<(bool, String)> = cards.iter().filter_map(|card| Some((card.is_hdmi(), can(card)?))).collect();
    found.sort_by_key(|(hdmi, _)| *hdmi);
    let mut names: Vec<String> = found.into_iter().map(|(_, pcm)| pcm).collect();
    let at = if written_here { 0 } else { names.len() };
    names.insert(at, DEFAULT.to_owned());
    names
}

/// Where somebody defines `default` for this machine or this user.
fn definitions() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".asoundrc"));
    [PathBuf::from("/etc/asound.conf")].into_iter().chain(home).collect()
}

fn is_written_here(files: &[PathBuf]) -> bool {
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).any(|text| {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines.into_iter().any(|line| line.contains("default"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::probe::SoundPcm;

    fn card(id: &str, capture: bool, playback: bool) -> SoundCard {
        let pcm = format!("plughw:CARD={id},DEV=0");
        let pcms = vec![SoundPcm { pcm, name: String::new(), capture, playback }];
        SoundCard { index: 0, id: id.to_owned(), name: id.to_owned(), pcms }
    }

    /// A Raspberry Pi 4 with a USB sound card.
    fn raspberry_pi() -> Vec<SoundCard> {
        vec![card("vc4hdmi0", false, true), card("Headphones", false, true), card("Device", true, true)]
    }

    #[test]
    fn on_a_raspberry_pi_the_microphone_is_the_usb_cards_and_hdmi_is_the_last_speaker() {
        let of = |direction| in_order(&raspberry_pi(), direction, false);
        assert_eq!(of(Direction::Capture), ["plughw:CARD=Device,DEV=0", "default"]);
        assert_eq!(
            of(Direction::Playback),
            ["plughw:CARD=Headphones,DEV=0", "plughw:CARD=Device,DEV=0", "plughw:CARD=vc4hdmi0,DEV=0", "default"]
        );
    }

    #[test]
    fn a_default_that_somebody_wrote_goes_first_and_a_name_stands_for_itself() {
        assert_eq!(in_order(&raspberry_pi(), Direction::Capture, true)[0], "default");
        let named = candidates("hw:1,0", Direction::Capture, || panic!("no card is looked for"));
        assert_eq!(named, ["hw:1,0"]);
    }

    #[test]
    fn only_a_file_that_says_so_defines_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            vec![path]
        };
        assert!(is_written_here(&file("written", "pcm.!default { type asym }\n")));
        assert!(is_written_here(&file("number", "defaults.pcm.card 1\n")));
        assert!(!is_written_here(&file("other", "# default\npcm.door { type hw card 1 }\n")));
        assert!(!is_written_here(&[folder.path().join("missing")]));
    }
}
