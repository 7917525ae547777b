//! Makes a stretch of sound a little shorter or longer without changing its pitch.
//!
//! One period of the sound (or something that repeats like one) is removed or repeated, cross-faded over its
//! length: the time-domain overlap-add that speech tolerates best. Where nothing repeats, nothing is done.

/// The shortest piece to cut or repeat: 2.5 ms.
const MIN_LAG: usize = 120;

/// The longest: 10 ms, the period of a very low voice.
const MAX_LAG: usize = 480;

/// How alike two neighbouring pieces must be; below it the ear notices.
const ALIKE: f32 = 0.85;

/// Mean power below which nobody hears a cut (-60 dBFS).
const SILENCE_POWER: f32 = 1e-6;

/// Shortens `samples[..length]` in place and returns the new length (the same when nothing was done).
pub(super) fn shorten(samples: &mut [f32], length: usize) -> usize {
    let Some(lag) = period(&samples[..length]) else {
        return length;
    };
    let fade = lag.min(length - lag);
    for index in 0..fade {
        let weight = (index as f32 + 0.5) / fade as f32;
        samples[index] = samples[index] * (1.0 - weight) + samples[index + lag] * weight;
    }
    samples.copy_within(fade + lag..length, fade);
    length - lag
}

/// Lengthens `samples[..length]` in place and returns the new length (the same when nothing was done).
///
/// `samples` must have room for 10 ms more.
pub(super) fn lengthen(samples: &mut [f32], length: usize) -> usize {
    let Some(lag) = period(&samples[..length]).filter(|lag| length + lag <= samples.len()) else {
        return length;
    };
    let fade = lag.min(length - lag);
    // What follows the first period is shifted back by one; the seam fades from the sound's own course into
    // the repetition.
    samples.copy_within(0..length, lag);
    for index in 0..fade {
        let weight = (index as f32 + 0.5) / fade as f32;
        let own_course = samples[index + 2 * lag];
        samples[index + lag] = own_course * (1.0 - weight) + samples[index + lag] * weight;
    }
    length + lag
}

/// The lag after which `samples` repeats, if it does or if it is too quiet to matter.
fn period(samples: &[f32]) -> Option<usize> {
    let longest = MAX_LAG.min(samples.len() / 2);
    if longest < MIN_LAG {
        return None;
    }
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    if power < SILENCE_POWER {
        return Some(longest);
    }
    let coarse =
        (MIN_LAG..=longest).step_by(4).max_by(|a, b| likeness(samples, *a, 4).total_cmp(&likeness(samples, *b, 4)))?;
    let fine = (coarse.saturating_sub(4).max(MIN_LAG)..=(coarse + 4).min(longest))
        .max_by(|a, b| likeness(samples, *a, 1).total_cmp(&likeness(samples, *b, 1)))?;
    (likeness(samples, fine, 1) >= ALIKE).then_some(fine)
}

/// The normalised correlation of `samples` with itself `lag` later, looking at every `step`-th sample.
fn likeness(samples: &[f32], lag: usize, step: usize) -> f32 {
    let (mut product, mut early, mut late) = (0.0, 0.0, 0.0);
    for (a, b) in samples.iter().zip(&samples[lag..]).step_by(step) {
        product += a * b;
        early += a * a;
        late += b * b;
    }
    let scale = (early * late).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::tone::{Tone, purity};

    fn tone(frequency_hz: f32) -> Vec<f32> {
        let mut samples = vec![0.0; 960];
        Tone::new(frequency_hz, 0.5).fill(&mut samples);
        samples.resize(960 + MAX_LAG, 0.0);
        samples
    }

    #[test]
    fn a_shortened_tone_keeps_its_pitch() {
        for frequency_hz in [110.0, 440.0, 1000.0, 3333.0] {
            let mut samples = tone(frequency_hz);
            let length = shorten(&mut samples, 960);
            assert!((480..=840).contains(&length), "{frequency_hz} Hz: {length}");
            let purity = purity(&samples[..length], frequency_hz);
            assert!(purity > 0.97, "{frequency_hz} Hz: {purity}");
        }
    }

    #[test]
    fn a_lengthened_tone_keeps_its_pitch() {
        for frequency_hz in [110.0, 440.0, 1000.0, 3333.0] {
            let mut samples = tone(frequency_hz);
            let length = lengthen(&mut samples, 960);
            assert!((1080..=1440).contains(&length), "{frequency_hz} Hz: {length}");
            let purity = purity(&samples[..length], frequency_hz);
            assert!(purity > 0.97, "{frequency_hz} Hz: {purity}");
        }
    }

    #[test]
    fn noise_is_left_alone() {
        let mut state = 1_u32;
        let mut samples: Vec<f32> = (0..1440)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        assert_eq!(shorten(&mut samples, 960), 960);
        assert_eq!(lengthen(&mut samples, 960), 960);
    }

    #[test]
    fn silence_is_cut_and_filled_freely() {
        let mut samples = vec![0.0; 1440];
        assert_eq!(shorten(&mut samples, 960), 480);
        assert_eq!(lengthen(&mut samples, 960), 1440);
    }

    #[test]
    fn very_short_frames_are_left_alone() {
        let mut samples = vec![0.0; 1440];
        assert_eq!(shorten(&mut samples, 120), 120);
        assert_eq!(lengthen(&mut samples, 120), 120);
    }
}
