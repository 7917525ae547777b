//! What the visitor hears from the station itself: it rings, somebody is there, it is over, nobody comes.

use std::f32::consts::TAU;

use super::{Block, SAMPLE_RATE};

/// Feedback for the visitor, synthesised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chime {
    /// Ends a chime that plays.
    Silent,
    /// Two soft notes every three seconds, until another chime takes its place.
    Ringing,
    /// Somebody answered: two rising notes.
    Accepted,
    /// The call is over: two falling notes.
    Ended,
    /// Nobody comes: three low notes.
    Refused,
}

impl Chime {
    fn score(self) -> &'static [Note] {
        const RINGING: &[Note] = &[Note::new(659.26, 0, 900), Note::new(523.25, 350, 1300)];
        const ACCEPTED: &[Note] = &[Note::new(523.25, 0, 300), Note::new(783.99, 120, 500)];
        const ENDED: &[Note] = &[Note::new(587.33, 0, 300), Note::new(392.0, 150, 600)];
        const REFUSED: &[Note] = &[Note::new(311.13, 0, 300), Note::new(311.13, 220, 300), Note::new(233.08, 440, 800)];
        match self {
            Self::Silent => &[],
            Self::Ringing => RINGING,
            Self::Accepted => ACCEPTED,
            Self::Ended => ENDED,
            Self::Refused => REFUSED,
        }
    }

    /// After how many samples the score starts again, for a chime that repeats.
    fn cadence(self) -> Option<u32> {
        match self {
            Self::Ringing => Some(3 * SAMPLE_RATE),
            Self::Silent | Self::Accepted | Self::Ended | Self::Refused => None,
        }
    }

    /// How many samples the score takes.
    fn length(self) -> u32 {
        self.score().iter().map(|note| note.start + note.length).max().unwrap_or(0)
    }

    pub(super) fn to_code(self) -> u8 {
        match self {
            Self::Silent => 0,
            Self::Ringing => 1,
            Self::Accepted => 2,
            Self::Ended => 3,
            Self::Refused => 4,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Silent, Self::Ringing, Self::Accepted, Self::Ended, Self::Refused]
            .into_iter()
            .find(|chime| chime.to_code() == code)
    }
}

/// A note of a struck metal bar: a soft attack, a few partials, an exponential decay.
#[derive(Debug)]
struct Note {
    frequency_hz: f32,
    start: u32,
    length: u32,
}

impl Note {
    const fn new(frequency_hz: f32, start_ms: u32, length_ms: u32) -> Self {
        Self { frequency_hz, start: start_ms * (SAMPLE_RATE / 1000), length: length_ms * (SAMPLE_RATE / 1000) }
    }

    fn sample(&self, at: u32) -> f32 {
        const AMPLITUDE: f32 = 0.16;
        const ATTACK_S: f32 = 0.008;
        const RELEASE_S: f32 = 0.02;
        let Some(at) = at.checked_sub(self.start).filter(|at| *at < self.length) else {
            return 0.0;
        };
        let seconds = at as f32 / SAMPLE_RATE as f32;
        let left = (self.length - at) as f32 / SAMPLE_RATE as f32;
        let length = self.length as f32 / SAMPLE_RATE as f32;
        let attack = (seconds / ATTACK_S).min(1.0);
        let release = (left / RELEASE_S).min(1.0);
        let decay = (-4.0 * seconds / length).exp();
        let angle = TAU * self.frequency_hz * seconds;
        let wave = angle.sin() + 0.3 * (2.0 * angle).sin() * decay + 0.12 * (4.0 * angle).sin() * decay * decay;
        AMPLITUDE * attack * release * decay * wave
    }
}

/// Plays one chime at a time; a new one takes the place of the old.
#[derive(Debug)]
pub(super) struct ChimePlayer {
    chime: Chime,
    position: u32,
}

impl ChimePlayer {
    pub(super) fn new() -> Self {
        Self { chime: Chime::Silent, position: 0 }
    }

    pub(super) fn start(&mut self, chime: Chime) {
        *self = Self { chime, position: 0 };
    }

    /// Adds the next 10 ms to `block`.
    pub(super) fn mix_into(&mut self, block: &mut Block) {
        if self.chime == Chime::Silent {
            return;
        }
        let score = self.chime.score();
        let cadence = self.chime.cadence();
        for sample in block.iter_mut() {
            *sample += score.iter().map(|note| note.sample(self.position)).sum::<f32>();
            self.position += 1;
            if Some(self.position) == cadence {
                self.position = 0;
            }
        }
        if cadence.is_none() && self.position >= self.chime.length() {
            self.start(Chime::Silent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::BLOCK;
    use crate::sound::level::rms_dbfs;

    const ALL: [Chime; 4] = [Chime::Ringing, Chime::Accepted, Chime::Ended, Chime::Refused];

    /// Seven seconds, longer than any chime and than two rounds of the one that repeats.
    fn render(chime: Chime) -> Vec<Block> {
        let mut player = ChimePlayer::new();
        player.start(chime);
        (0..700)
            .map(|_| {
                let mut block = [0.0; BLOCK];
                player.mix_into(&mut block);
                block
            })
            .collect()
    }

    #[test]
    fn every_chime_is_audible_gentle_and_ends() {
        for chime in ALL {
            let blocks = render(chime);
            let peak = blocks.iter().flatten().fold(0.0_f32, |a, b| a.max(b.abs()));
            assert!((0.05..0.5).contains(&peak), "{chime:?} peaks at {peak}");
            assert!(rms_dbfs(&blocks[5]) > -40.0);
            let goes_on = blocks[601..].iter().flatten().any(|sample| *sample != 0.0);
            assert_eq!(goes_on, chime == Chime::Ringing, "{chime:?}");
        }
    }

    #[test]
    fn no_chime_clicks() {
        for chime in ALL {
            let samples: Vec<f32> = render(chime).into_iter().flatten().collect();
            let step = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(step < 0.06, "{chime:?} steps by {step}");
        }
    }

    #[test]
    fn ringing_repeats_every_three_seconds() {
        let blocks = render(Chime::Ringing);
        assert_eq!((blocks[5], blocks[5]), (blocks[305], blocks[605]));
        assert_eq!(blocks[250], [0.0; BLOCK]);
    }

    #[test]
    fn a_new_chime_takes_the_place_of_the_old() {
        let mut player = ChimePlayer::new();
        player.start(Chime::Ringing);
        player.mix_into(&mut [0.0; BLOCK]);
        player.start(Chime::Silent);
        let mut block = [0.0; BLOCK];
        player.mix_into(&mut block);
        assert_eq!(block, [0.0; BLOCK]);
    }

    #[test]
    fn codes_name_their_chime() {
        for chime in ALL {
            assert_eq!(Chime::from_code(chime.to_code()), Some(chime));
        }
        assert_eq!(Chime::from_code(99), None);
    }
}
