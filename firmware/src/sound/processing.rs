//! Echo cancellation, noise suppression and gain for the visitor's voice.

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, NoiseSuppression, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::{Block, SAMPLE_RATE};

/// Improves the microphone's sound, knowing what the speaker plays.
pub(super) trait VoiceProcessor: Send {
    /// Is told the 10 ms that were just given to the speaker.
    fn handle_played(&mut self, block: &Block);

    /// Improves the 10 ms that were just captured.
    fn process(&mut self, block: &mut Block);
}

/// Which parts of the processing run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Enhancements {
    pub(super) echo_cancellation: bool,
    pub(super) noise_suppression: bool,
    pub(super) automatic_gain: bool,
}

impl Enhancements {
    pub(super) const NONE: Self = Self { echo_cancellation: false, noise_suppression: false, automatic_gain: false };

    /// Whether the processor needs to be told what the speaker plays.
    pub(super) fn want_reference(self) -> bool {
        self.echo_cancellation
    }

    /// The processor that does these and nothing else.
    pub(super) fn processor(self) -> Box<dyn VoiceProcessor> {
        if self == Self::NONE { Box::new(PassThrough) } else { Box::new(Sonora::new(self)) }
    }
}

/// Leaves the sound as it is.
struct PassThrough;

impl VoiceProcessor for PassThrough {
    fn handle_played(&mut self, _block: &Block) {}

    fn process(&mut self, _block: &mut Block) {}
}

/// WebRTC's audio processing. It finds the echo's delay by itself, and it allocates: not for a card's thread.
struct Sonora {
    apm: AudioProcessing,
}

impl Sonora {
    fn new(enhancements: Enhancements) -> Self {
        let stream = StreamConfig::new(SAMPLE_RATE, 1);
        let config = Config {
            pipeline: Pipeline { multi_channel_render: false, multi_channel_capture: false, ..Pipeline::default() },
            echo_canceller: enhancements.echo_cancellation.then(EchoCanceller::default),
            noise_suppression: enhancements.noise_suppression.then(NoiseSuppression::default),
            // The library's own start at 15 dB makes the first words too loud, and its limit of 50 dB makes a
            // quiet street roar.
            gain_controller2: enhancements.automatic_gain.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital {
                    initial_gain_db: 6.0,
                    max_gain_db: 20.0,
                    ..AdaptiveDigital::default()
                }),
                ..GainController2::default()
            }),
            ..Config::default()
        };
        Self { apm: AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build() }
    }
}

impl VoiceProcessor for Sonora {
    fn handle_played(&mut self, block: &Block) {
        let mut unused = *block;
        if let Err(error) = self.apm.process_render_f32(&[block], &mut [&mut unused]) {
            tracing::trace!(?error, "the echo canceller refused a played block");
        }
    }

    fn process(&mut self, block: &mut Block) {
        let captured = *block;
        if let Err(error) = self.apm.process_capture_f32(&[&captured], &mut [block]) {
            tracing::trace!(?error, "the voice processing refused a captured block");
            *block = captured;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::BLOCK;
    use crate::sound::level::rms_dbfs;
    use crate::sound::tone::Tone;

    const ECHO_AND_NOISE: Enhancements =
        Enhancements { echo_cancellation: true, noise_suppression: true, automatic_gain: false };

    /// Noise in the rhythm of syllables, coloured like speech.
    struct Talker {
        state: u32,
        low: f32,
        position: u32,
        pause_from: u32,
    }

    impl Talker {
        fn new(seed: u32) -> Self {
            Self { state: seed, low: 0.0, position: seed % 9000, pause_from: 9600 }
        }

        fn block(&mut self) -> Block {
            std::array::from_fn(|_| {
                self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let white = (self.state >> 8) as f32 / (1 << 23) as f32 - 1.0;
                self.low += 0.25 * (white - self.low);
                self.position = (self.position + 1) % 14_400;
                if self.position < self.pause_from {
                    let envelope = (self.position as f32 / 9600.0 * std::f32::consts::PI).sin();
                    0.4 * self.low * envelope
                } else {
                    0.0
                }
            })
        }
    }

    /// A room that returns what was played after `delay_ms`, with a decaying tail of 40 ms.
    struct Room {
        history: Vec<f32>,
        taps: Vec<(usize, f32)>,
    }

    impl Room {
        fn new(delay_ms: usize) -> Self {
            let mut state = 7_u32;
            let taps = (0..60)
                .map(|index| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let sign = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
                    (delay_ms * 48 + index * 32, 0.35 * sign * (-(index as f32) / 12.0).exp())
                })
                .collect();
            Self { history: vec![0.0; 24_000], taps }
        }

        fn echo(&mut self, played: &Block) -> Block {
            self.history.rotate_left(BLOCK);
            let begin = self.history.len() - BLOCK;
            self.history[begin..].copy_from_slice(played);
            std::array::from_fn(|index| {
                let at = begin + index;
                let tap = |(delay, gain): &(usize, f32)| self.history[at - delay] * gain;
                self.taps.iter().map(tap).sum()
            })
        }
    }

    fn mean_power_db(blocks: &[Block]) -> f32 {
        let power: f32 = blocks.iter().flatten().map(|sample| sample * sample).sum();
        10.0 * (power / (blocks.len() * BLOCK) as f32).max(1e-12).log10()
    }

    fn echo_loss_db(processor: &mut dyn VoiceProcessor) -> f32 {
        let (mut far, mut room) = (Talker::new(1), Room::new(60));
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for index in 0..800 {
            let played = far.block();
            processor.handle_played(&played);
            let echo = room.echo(&played);
            let mut captured = echo;
            processor.process(&mut captured);
            if index >= 500 {
                before.push(echo);
                after.push(captured);
            }
        }
        mean_power_db(&before) - mean_power_db(&after)
    }

    #[test]
    fn an_echo_of_60_ms_is_30_db_quieter_after_five_seconds() {
        let loss = echo_loss_db(&mut *ECHO_AND_NOISE.processor());
        assert!(loss >= 30.0, "echo loss {loss} dB");
    }

    #[test]
    fn without_the_processor_the_echo_stays() {
        let loss = echo_loss_db(&mut *Enhancements::NONE.processor());
        assert!(loss.abs() < 0.1, "echo loss {loss} dB");
    }

    #[test]
    fn the_near_talker_is_kept_while_the_far_one_is_silent() {
        let mut processor = ECHO_AND_NOISE.processor();
        let mut near = Talker::new(99);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for index in 0..600 {
            processor.handle_played(&[0.0; BLOCK]);
            let voice = near.block();
            let mut captured = voice;
            processor.process(&mut captured);
            if index >= 300 {
                before.push(voice);
                after.push(captured);
            }
        }
        let change = mean_power_db(&after) - mean_power_db(&before);
        assert!((-6.0..3.0).contains(&change), "changed by {change} dB");
    }

    #[test]
    fn the_gain_begins_gently_and_never_exceeds_20_db() {
        let gain = Enhancements { automatic_gain: true, ..Enhancements::NONE };
        let mut processor = gain.processor();
        assert!(!gain.want_reference());
        let mut near = Talker::new(5);
        let mut gains = Vec::new();
        for _ in 0..1500 {
            let voice = near.block().map(|sample| sample * 0.02);
            let mut captured = voice;
            processor.process(&mut captured);
            if rms_dbfs(&voice) > -65.0 {
                gains.push(rms_dbfs(&captured) - rms_dbfs(&voice));
            }
        }
        let early = gains[20..60].iter().sum::<f32>() / 40.0;
        let most = gains.iter().copied().fold(f32::MIN, f32::max);
        assert!((3.0..9.0).contains(&early), "starts with {early} dB");
        assert!(most < 24.0, "reaches {most} dB");
    }

    #[test]
    fn a_missing_microphone_does_not_pile_up_the_reference() {
        let mut processor = ECHO_AND_NOISE.processor();
        let mut block = [0.0; BLOCK];
        let mut tone = Tone::new(300.0, 0.1);
        for _ in 0..3000 {
            tone.fill(&mut block);
            processor.handle_played(&block);
        }
        processor.process(&mut block);
        assert!(block.iter().all(|sample| sample.is_finite()));
    }
}
