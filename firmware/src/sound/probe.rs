//! Which sound cards this machine has, for the installer.

use std::{fmt, thread};

use alsa::{Card, Ctl, Direction};
use serde::Serialize;

use super::default_card;

/// What `doorwayd probe` says about sound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SoundProbe {
    /// The cards; empty on a machine without.
    pub cards: Vec<SoundCard>,
    /// The PCM that `capture = "default"` opens first, if any card has a microphone.
    pub capture: Option<String>,
    /// The PCM that `playback = "default"` opens first, if any card has a speaker.
    pub playback: Option<String>,
}

/// A sound card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoundCard {
    /// Its number, which can change from boot to boot.
    pub index: i32,
    /// Its id, which does not.
    pub id: String,
    /// What a person reads.
    pub name: String,
    /// Its devices.
    pub pcms: Vec<SoundPcm>,
}

/// A device of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SoundPcm {
    /// What to write as `capture` or `playback` under `[sound]`; converts to 48 kHz by itself.
    pub pcm: String,
    /// What a person reads.
    pub name: String,
    /// Whether it has a microphone.
    pub capture: bool,
    /// Whether it has a speaker.
    pub playback: bool,
}

impl SoundCard {
    /// Whether it leads to a screen, by the names that the kernel's drivers give.
    pub(super) fn is_hdmi(&self) -> bool {
        [&self.id, &self.name].into_iter().any(|name| name.to_ascii_lowercase().contains("hdmi"))
    }
}

impl fmt::Display for SoundProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cards.is_empty() {
            return write!(f, "sound cards: none; plug one in, or set [sound] source = \"test\" or \"none\"");
        }
        writeln!(f, "sound cards:")?;
        for card in &self.cards {
            writeln!(f, "  {} ({})", card.name, card.id)?;
            for pcm in &card.pcms {
                let ways = match (pcm.capture, pcm.playback) {
                    (true, true) => "microphone and speaker",
                    (true, false) => "microphone",
                    (false, true) => "speaker",
                    (false, false) => continue,
                };
                writeln!(f, "    {:<28} {}, {}", pcm.pcm, pcm.name, ways)?;
            }
        }
        let or_none = |pcm: &Option<String>| pcm.clone().unwrap_or_else(|| "none".into());
        write!(f, "  would be used: {} as microphone, {} as speaker", or_none(&self.capture), or_none(&self.playback))
    }
}

/// Lists the sound cards. It opens their control devices only, never a PCM, so it disturbs no sound.
pub fn probe() -> SoundProbe {
    // libasound's messages are silenced for a thread, so this one is made to have them silenced and be gone.
    thread::spawn(|| {
        let _messages = alsa::Output::local_error_handler();
        summarise(cards())
    })
    .join()
    .unwrap_or_default()
}

/// The cards in the order of their numbers.
pub(super) fn cards() -> Vec<SoundCard> {
    alsa::card::Iter::new().filter_map(Result::ok).filter_map(|card| describe(card).ok()).collect()
}

fn summarise(cards: Vec<SoundCard>) -> SoundProbe {
    let first = |direction, has: fn(&SoundPcm) -> bool| {
        let any = cards.iter().flat_map(|card| &card.pcms).any(has);
        let candidates = default_card::candidates(default_card::DEFAULT, direction, || cards.clone());
        candidates.into_iter().next().filter(|_| any)
    };
    let capture = first(Direction::Capture, |pcm| pcm.capture);
    let playback = first(Direction::Playback, |pcm| pcm.playback);
    SoundProbe { capture, playback, cards }
}

fn describe(card: Card) -> alsa::Result<SoundCard> {
    let control = Ctl::from_card(&card, true)?;
    let info = control.card_info()?;
    let id = info.get_id()?.to_owned();
    let pcms = alsa::ctl::DeviceIter::new(&control)
        .filter_map(|device| {
            let number = u32::try_from(device).ok()?;
            let of = |direction| control.pcm_info(number, 0, direction).ok();
            let (capture, playback) = (of(Direction::Capture), of(Direction::Playback));
            let either = capture.as_ref().or(playback.as_ref())?;
            Some(SoundPcm {
                pcm: format!("plughw:CARD={id},DEV={number}"),
                name: either.get_name().unwrap_or_default().to_owned(),
                capture: capture.is_some(),
                playback: playback.is_some(),
            })
        })
        .collect();
    Ok(SoundCard { index: card.get_index(), name: info.get_name()?.to_owned(), id, pcms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(capture: bool, playback: bool) -> SoundCard {
        SoundCard {
            index: 0,
            id: "Device".to_owned(),
            name: "USB Audio Device".to_owned(),
            pcms: vec![SoundPcm {
                pcm: "plughw:CARD=Device,DEV=0".to_owned(),
                name: "USB Audio".to_owned(),
                capture,
                playback,
            }],
        }
    }

    #[test]
    fn without_cards_nothing_would_be_used() {
        assert_eq!(summarise(Vec::new()), SoundProbe::default());
    }

    #[test]
    fn a_card_without_a_microphone_is_used_for_playback_only() {
        let probe = summarise(vec![card(false, true)]);
        assert_eq!(probe.capture, None);
        assert_eq!(probe.playback.as_deref(), Some("plughw:CARD=Device,DEV=0"));
    }

    #[test]
    fn probing_this_machine_lists_as_many_cards_as_the_kernel_names() {
        let named = std::fs::read_dir("/proc/asound").map_or(0, |entries| {
            let is_card = |name: &str| name.strip_prefix("card").is_some_and(|number| number.parse::<u32>().is_ok());
            entries.filter_map(Result::ok).filter(|entry| entry.file_name().to_str().is_some_and(is_card)).count()
        });
        assert_eq!(probe().cards.len(), named);
    }
}
