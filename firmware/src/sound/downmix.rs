//! One microphone out of a card's channels: the loudest.
//!
//! The mean of all would be half as loud where one is dead, and silent where two are wired against each other. Pure.

use super::{BLOCK, Block};

/// More channels than a card at a door has.
pub(super) const MAX_CHANNELS: usize = 8;

/// How much of its power a channel keeps over 10 ms: it is judged over about a third of a second.
const KEPT: f32 = 0.97;
/// Another channel must have this many times the power (6 dB), so that who walks by a stereo microphone switches nothing.
const LOUDER: f32 = 4.0;
/// For this many blocks in a row.
const PATIENCE: u32 = 30;
/// The power of what is no sound at all: the last bit of 16.
const FLOOR: f32 = 1e-9;

/// Chooses a channel and changes over without a click.
#[derive(Debug)]
pub(super) struct Downmix {
    power: [f32; MAX_CHANNELS],
    /// None until some channel has sound.
    chosen: Option<usize>,
    louder_for: u32,
}

impl Downmix {
    pub(super) fn new() -> Self {
        Self { power: [0.0; MAX_CHANNELS], chosen: None, louder_for: 0 }
    }

    /// Takes 10 ms of interleaved samples, given by channel and frame, and fills the block.
    pub(super) fn mix(&mut self, channels: usize, sample: impl Fn(usize, usize) -> f32, block: &mut Block) {
        let channels = channels.clamp(1, MAX_CHANNELS);
        let before = self.chosen;
        if channels > 1 {
            for (channel, power) in self.power.iter_mut().enumerate().take(channels) {
                let now = alternating_power(|frame| sample(channel, frame));
                *power = if before.is_none() { now } else { *power * KEPT + now * (1.0 - KEPT) };
            }
            self.choose(channels);
        }
        let chosen = self.chosen.unwrap_or(0);
        let from = before.unwrap_or(chosen);
        for (frame, mixed) in block.iter_mut().enumerate() {
            let part = (frame + 1) as f32 / BLOCK as f32;
            *mixed = if from == chosen {
                sample(chosen, frame)
            } else {
                sample(from, frame) * (1.0 - part) + sample(chosen, frame) * part
            };
        }
    }

    fn choose(&mut self, channels: usize) {
        let power = &self.power[..channels];
        let Some(loudest) = (0..channels).max_by(|&a, &b| power[a].total_cmp(&power[b]).then(b.cmp(&a))) else {
            return;
        };
        if power[loudest] <= FLOOR {
            return;
        }
        let Some(chosen) = self.chosen else {
            self.chosen = Some(loudest);
            return;
        };
        if loudest == chosen || power[loudest] < power[chosen] * LOUDER {
            self.louder_for = 0;
            return;
        }
        self.louder_for += 1;
        if self.louder_for >= PATIENCE {
            self.chosen = Some(loudest);
            self.louder_for = 0;
        }
    }
}

/// The power of a channel's sound without a constant part, which a dead input has.
fn alternating_power(sample: impl Fn(usize) -> f32) -> f32 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for frame in 0..BLOCK {
        let sample = sample(frame);
        sum += sample;
        squares += sample * sample;
    }
    let mean = sum / BLOCK as f32;
    let power = squares / BLOCK as f32 - mean * mean;
    if power.is_finite() { power.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::level::rms_dbfs;
    use crate::sound::tone::Tone;

    /// Seconds of a stereo microphone: how loud each channel is, in amplitude, by the second.
    fn hear(seconds: &[(f32, f32)]) -> Vec<Block> {
        let mut downmix = Downmix::new();
        let mut tone = Tone::new(440.0, 1.0);
        let mut blocks = Vec::new();
        for &(left, right) in seconds {
            for _ in 0..100 {
                let (mut source, mut block) = ([0.0; BLOCK], [0.0; BLOCK]);
                tone.fill(&mut source);
                downmix.mix(2, |channel, frame| source[frame] * [left, right][channel], &mut block);
                blocks.push(block);
            }
        }
        blocks
    }

    fn largest_step(blocks: &[Block]) -> f32 {
        let samples: Vec<f32> = blocks.concat();
        samples.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_dead_channel_takes_nothing_from_the_one_that_works_and_opposed_ones_do_not_cancel() {
        for seconds in [[(0.5, 0.0)], [(0.0, 0.5)], [(0.5, -0.5)], [(0.5, 0.5)]] {
            let blocks = hear(&seconds);
            assert!(blocks.iter().all(|block| (rms_dbfs(block) + 9.0).abs() < 0.3), "{seconds:?}");
        }
    }

    #[test]
    fn a_channel_that_dies_is_left_within_a_second_without_a_click() {
        let blocks = hear(&[(0.5, 0.4), (0.0, 0.4), (0.0, 0.4)]);
        assert!(blocks[200..].iter().all(|block| rms_dbfs(block) > -12.0));
        // A tone of 440 Hz at this level moves by 0.029 a sample; a crossfade adds next to nothing.
        assert!(largest_step(&blocks[101..]) < 0.04, "{}", largest_step(&blocks[101..]));
    }

    #[test]
    fn channels_that_take_turns_in_being_a_little_louder_switch_nothing() {
        let turns: Vec<(f32, f32)> = (0..20).map(|n| if n % 2 == 0 { (0.3, 0.45) } else { (0.45, 0.3) }).collect();
        let blocks = hear(&turns);
        let levels: Vec<f32> = blocks.iter().step_by(100).map(rms_dbfs).collect();
        // The first second's louder channel is kept: its level changes by the second, as it does at the microphone.
        for (second, level) in levels.iter().enumerate() {
            let expected = if second % 2 == 0 { 0.45_f32 } else { 0.3 };
            let expected = 20.0 * expected.log10() - 3.0;
            assert!((level - expected).abs() < 0.3, "{second}: {level} instead of {expected}");
        }
    }

    #[test]
    fn a_constant_offset_is_no_sound() {
        let mut downmix = Downmix::new();
        let mut block = [0.0; BLOCK];
        let mut tone = [0.0; BLOCK];
        Tone::new(440.0, 0.01).fill(&mut tone);
        downmix.mix(2, |channel, frame| if channel == 0 { 0.9 } else { tone[frame] }, &mut block);
        assert_eq!(block, tone);
    }
}
