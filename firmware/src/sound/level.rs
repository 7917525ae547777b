//! How loud a block is.

use super::Block;

/// What silence is said to measure, in dB relative to full scale.
pub(super) const FLOOR_DBFS: f32 = -100.0;

/// How fast a shown level falls; a sound of one block stays visible at 5 readings per second.
const RELEASE_DB_PER_BLOCK: f32 = 1.0;

/// The block's RMS in dB relative to full scale (a full-scale sine is at -3), never below [`FLOOR_DBFS`].
pub(super) fn rms_dbfs(block: &Block) -> f32 {
    let power = block.iter().map(|sample| sample * sample).sum::<f32>() / block.len() as f32;
    if power.is_nan() {
        return FLOOR_DBFS;
    }
    (10.0 * power.max(1e-12).log10()).max(FLOOR_DBFS)
}

/// A level that rises at once and falls slowly, as a person reads it.
#[derive(Debug)]
pub(super) struct Meter {
    level_dbfs: f32,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { level_dbfs: FLOOR_DBFS }
    }

    /// Takes the next 10 ms in and returns the level to show.
    pub(super) fn measure(&mut self, block: &Block) -> f32 {
        self.level_dbfs = rms_dbfs(block).max((self.level_dbfs - RELEASE_DB_PER_BLOCK).max(FLOOR_DBFS));
        self.level_dbfs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::BLOCK;
    use crate::sound::tone::Tone;

    #[test]
    fn a_sine_of_half_scale_measures_minus_nine_db() {
        let mut block = [0.0; BLOCK];
        Tone::new(1000.0, 0.5).fill(&mut block);
        assert!((rms_dbfs(&block) + 9.03).abs() < 0.05);
    }

    #[test]
    fn silence_and_nonsense_measure_the_floor() {
        assert_eq!(rms_dbfs(&[0.0; BLOCK]), FLOOR_DBFS);
        assert_eq!(rms_dbfs(&[f32::NAN; BLOCK]), FLOOR_DBFS);
    }

    #[test]
    fn the_meter_rises_at_once_and_falls_slowly() {
        let mut meter = Meter::new();
        let loud = meter.measure(&[0.5; BLOCK]);
        assert!(loud > -7.0);
        assert_eq!(meter.measure(&[0.0; BLOCK]), loud - RELEASE_DB_PER_BLOCK);
        for _ in 0..200 {
            meter.measure(&[0.0; BLOCK]);
        }
        assert_eq!(meter.measure(&[0.0; BLOCK]), FLOOR_DBFS);
    }
}
