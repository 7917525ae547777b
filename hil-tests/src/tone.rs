//! Sound proof: which tone is in a recording, and recordings that have one.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// What of a recording was found to sound loudest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// The strongest frequency.
    pub hz: f64,
    /// The level of the whole, in dB under a full-scale sine's.
    pub dbfs: f64,
    /// How much of the power lies within the strongest frequency's neighbourhood, from 0 to 1.
    pub purity: f64,
}

impl Heard {
    /// Whether a person would say that this is the tone of `hz`: its pitch to a third of a semitone, not too soft,
    /// and not buried in something else.
    pub fn is_tone(&self, hz: f64) -> bool {
        (self.hz / hz - 1.0).abs() < 0.02 && self.dbfs > -45.0 && self.purity > 0.25
    }
}

/// Mono sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples a second.
    pub rate_hz: u32,
    /// From -1 to 1.
    pub samples: Vec<f32>,
}

impl Sound {
    /// A tone that swells and ebbs four times a second, as speech does: noise suppression takes a steady one away.
    ///
    /// Its length is a whole number of swells, so that it can be played round and round.
    pub fn speech_like(hz: f64, seconds: u32) -> Self {
        let rate_hz = 48_000;
        let samples = (0..rate_hz * seconds).map(|n| {
            let t = f64::from(n) / f64::from(rate_hz);
            let swell = 0.5 - 0.5 * (TAU * 4.0 * (t + 0.125)).cos();
            (0.5 * (0.1 + 0.9 * swell) * (TAU * hz * t).sin()) as f32
        });
        Self { rate_hz, samples: samples.collect() }
    }

    /// Reads a WAV file, as it is so far: a recorder that was killed leaves lengths of 0 in its header.
    /// Of several channels the first one is taken.
    ///
    /// # Errors
    /// When it is no WAV file of 16-bit or float samples.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        parse(&bytes).with_context(|| format!("reading {} as WAV", path.display()))
    }

    /// As [`Sound::read`], of a file that is in memory.
    ///
    /// # Errors
    /// When it is no WAV file of 16-bit or float samples.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        parse(bytes).context("reading a recording as WAV")
    }

    /// Writes a WAV file of 16-bit samples.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let data_bytes = u32::try_from(self.samples.len() * 2).context("a WAV file holds at most 4 GiB")?;
        let mut out = Vec::with_capacity(self.samples.len() * 2 + 44);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&(36 + data_bytes).to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16u32.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes()); // PCM
        out.extend_from_slice(&1u16.to_le_bytes()); // channels
        out.extend_from_slice(&self.rate_hz.to_le_bytes());
        out.extend_from_slice(&(self.rate_hz * 2).to_le_bytes());
        out.extend_from_slice(&2u16.to_le_bytes());
        out.extend_from_slice(&16u16.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&data_bytes.to_le_bytes());
        for sample in &self.samples {
            out.extend_from_slice(&((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes());
        }
        fs::write(path, out).with_context(|| format!("writing {}", path.display()))
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }

    /// The last `seconds`, or all when it is shorter.
    #[must_use]
    pub fn last(&self, seconds: f64) -> Self {
        let wanted = (seconds * f64::from(self.rate_hz)) as usize;
        let from = self.samples.len().saturating_sub(wanted);
        Self { rate_hz: self.rate_hz, samples: self.samples[from..].to_vec() }
    }

    /// What sounds loudest between 80 and 4000 Hz.
    ///
    /// # Errors
    /// When it is shorter than a tenth of a second.
    pub fn loudest(&self) -> Result<Heard> {
        ensure!(self.seconds() >= 0.1, "{:.3} s of sound are too short to find a tone in", self.seconds());
        let mean_square = self.samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / self.samples.len() as f64;
        // A sine of full scale has a mean square of one half.
        let dbfs = 10.0 * (2.0 * mean_square).max(1e-12).log10();
        // Steps of half the resolution: no tone falls between two of them.
        let step = (0.5 / self.seconds()).max(1.0);
        let thinned = self.thinned();
        let mut best = (0.0, 0.0);
        let mut hz = 80.0;
        while hz <= 4000.0 {
            let power = thinned.power_at(hz);
            if power > best.1 {
                best = (hz, power);
            }
            hz += step;
        }
        let (hz, power) = best;
        Ok(Heard { hz, dbfs, purity: (power / mean_square.max(1e-12)).min(1.0) })
    }

    /// About 12,000 samples a second, which is enough to look below 4 kHz in a quarter of the time.
    fn thinned(&self) -> Self {
        let by = (self.rate_hz / 12_000).max(1);
        let samples = self.samples.chunks_exact(by as usize);
        Self {
            rate_hz: self.rate_hz / by,
            samples: samples.map(|chunk| chunk.iter().sum::<f32>() / by as f32).collect(),
        }
    }

    /// The power at `hz` (Goertzel), in the unit of a mean square.
    fn power_at(&self, hz: f64) -> f64 {
        let coefficient = 2.0 * (TAU * hz / f64::from(self.rate_hz)).cos();
        let (mut s1, mut s2) = (0.0, 0.0);
        for sample in &self.samples {
            let s0 = f64::from(*sample) + coefficient * s1 - s2;
            (s2, s1) = (s1, s0);
        }
        let magnitude = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
        2.0 * magnitude / (self.samples.len() as f64).powi(2)
    }
}

fn parse(bytes: &[u8]) -> Result<Sound> {
    ensure!(bytes.len() >= 12 && &bytes[..4] == b"RIFF" && &bytes[8..12] == b"WAVE", "there is no RIFF header");
    let u16_at = |b: &[u8], i: usize| u16::from_le_bytes([b[i], b[i + 1]]);
    let u32_at = |b: &[u8], i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
    let mut format = None;
    let mut rest = &bytes[12..];
    while rest.len() >= 8 {
        let (name, length) = (&rest[..4], u32_at(rest, 4) as usize);
        let body = &rest[8..];
        if name == b"fmt " {
            ensure!(body.len() >= 16 && length >= 16, "the format is cut off");
            let (kind, channels, bits) = (u16_at(body, 0), u16_at(body, 2), u16_at(body, 14));
            // An extensible format carries the kind at the start of its sub-format.
            let kind = if kind == 0xfffe && body.len() >= 26 { u16_at(body, 24) } else { kind };
            format = Some((kind, usize::from(channels).max(1), u32_at(body, 4), bits));
        }
        if name == b"data" {
            let (kind, channels, rate_hz, bits) = format.context("the data comes before the format")?;
            let unfinished = length == 0 || length > body.len();
            let data = if unfinished { body } else { &body[..length] };
            let samples = match (kind, bits) {
                (1, 16) => data.chunks_exact(2 * channels).map(|c| f32::from(u16_at(c, 0) as i16) / 32_768.0).collect(),
                (3, 32) => data.chunks_exact(4 * channels).map(|c| f32::from_bits(u32_at(c, 0))).collect(),
                (kind, bits) => bail!("samples of kind {kind} with {bits} bits are not known here"),
            };
            return Ok(Sound { rate_hz, samples });
        }
        // Chunks start at even places.
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    bail!("there is no data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_of_a_recording_is_found() {
        for hz in [440.0, 997.0, 1500.0] {
            let heard = Sound::speech_like(hz, 2).last(1.0).loudest().unwrap();
            assert!(heard.is_tone(hz), "{hz}: {heard:?}");
            assert!(!heard.is_tone(hz * 1.05), "{hz}: {heard:?}");
        }
    }

    #[test]
    fn silence_and_noise_are_no_tone() {
        let silence = Sound { rate_hz: 48_000, samples: vec![0.0; 48_000] }.loudest().unwrap();
        assert!(!silence.is_tone(silence.hz.max(1.0)), "{silence:?}");
        let mut state = 1u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        });
        let noise = Sound { rate_hz: 48_000, samples: noise.take(48_000).collect() }.loudest().unwrap();
        assert!(!noise.is_tone(noise.hz), "{noise:?}");
    }

    #[test]
    fn a_file_is_read_as_it_was_written_even_when_its_header_was_never_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let sound = Sound::speech_like(600.0, 1);
        sound.write(&path).unwrap();
        let read = Sound::read(&path).unwrap();
        assert_eq!(read.samples.len(), sound.samples.len());
        let mut bytes = fs::read(&path).unwrap();
        bytes[40..44].fill(0);
        fs::write(&path, bytes).unwrap();
        assert!(Sound::read(&path).unwrap().loudest().unwrap().is_tone(600.0));
    }
}
