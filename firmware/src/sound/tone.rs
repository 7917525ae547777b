//! A sine wave that goes on from block to block.

use std::f64::consts::TAU;

use super::SAMPLE_RATE;

/// An endless sine wave.
#[derive(Debug)]
pub(super) struct Tone {
    phase: f64,
    step: f64,
    amplitude: f32,
}

impl Tone {
    /// A tone of `frequency_hz` whose peaks reach `amplitude` (1.0 is full scale).
    pub(super) fn new(frequency_hz: f32, amplitude: f32) -> Self {
        Self { phase: 0.0, step: TAU * f64::from(frequency_hz) / f64::from(SAMPLE_RATE), amplitude }
    }

    /// Overwrites `samples` with the tone's next ones.
    pub(super) fn fill(&mut self, samples: &mut [f32]) {
        for sample in samples {
            *sample = self.phase.sin() as f32 * self.amplitude;
            self.phase = (self.phase + self.step) % TAU;
        }
    }
}

/// A tone that pauses for 40 ms at the end of each second, as talkers do.
///
/// Opus sends FEC only with what it takes for speech. A tone without a pause counts as background noise after a
/// few seconds and travels unprotected; with the pauses 96 % of the packets carry FEC.
#[derive(Debug)]
pub(super) struct BreathingTone {
    tone: Tone,
    position: u32,
}

impl BreathingTone {
    /// See [`Tone::new`].
    pub(super) fn new(frequency_hz: f32, amplitude: f32) -> Self {
        Self { tone: Tone::new(frequency_hz, amplitude), position: 0 }
    }

    /// Overwrites `samples` with the next ones.
    pub(super) fn fill(&mut self, samples: &mut [f32]) {
        const PAUSE: u32 = SAMPLE_RATE / 25;
        const RAMP: u32 = SAMPLE_RATE / 200;
        self.tone.fill(samples);
        for sample in samples {
            let until_pause = (SAMPLE_RATE - PAUSE).saturating_sub(self.position);
            let ramp = self.position.min(until_pause).min(RAMP);
            *sample *= ramp as f32 / RAMP as f32;
            self.position = (self.position + 1) % SAMPLE_RATE;
        }
    }
}

/// The share of `samples`' power that is at `frequency_hz`, from 0 to 1 (Goertzel's algorithm).
#[cfg(test)]
pub(super) fn purity(samples: &[f32], frequency_hz: f32) -> f64 {
    let step = TAU * f64::from(frequency_hz) / f64::from(SAMPLE_RATE);
    let (mut real, mut imaginary, mut power) = (0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let sample = f64::from(*sample);
        real += sample * (step * index as f64).cos();
        imaginary += sample * (step * index as f64).sin();
        power += sample * sample;
    }
    if power == 0.0 {
        return 0.0;
    }
    2.0 * (real * real + imaginary * imaginary) / (samples.len() as f64 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_goes_on_without_a_step_between_blocks() {
        let mut whole = [0.0; 960];
        Tone::new(440.0, 0.3).fill(&mut whole);
        let mut parts = [0.0; 960];
        let mut tone = Tone::new(440.0, 0.3);
        let (first, second) = parts.split_at_mut(480);
        tone.fill(first);
        tone.fill(second);
        assert_eq!(whole, parts);
    }

    #[test]
    fn a_breathing_tone_is_silent_for_40_ms_each_second() {
        let mut samples = vec![0.0; 96_000];
        BreathingTone::new(440.0, 0.5).fill(&mut samples);
        for second in samples.chunks_exact(48_000) {
            assert!(second[46_080..].iter().all(|sample| *sample == 0.0));
            assert!(purity(&second[480..45_600], 440.0) > 0.999);
            let step = second.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            assert!(step.fold(0.0, f32::max) < 0.04);
        }
    }

    #[test]
    fn purity_tells_a_tone_from_its_neighbour() {
        let mut samples = vec![0.0; 48_000];
        Tone::new(440.0, 0.3).fill(&mut samples);
        assert!(purity(&samples, 440.0) > 0.999);
        assert!(purity(&samples, 450.0) < 0.01);
    }
}
