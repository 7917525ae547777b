//! What `probe.js` measures inside the page.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The script that a page is given once.
pub(super) const SCRIPT: &str = include_str!("probe.js");

/// The colours of a camera's test picture from left to right, as the page names them.
pub(super) const BARS: &str = "white yellow cyan green magenta red blue black";

/// One presented frame of the test picture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct ClockReading {
    /// When it was presented, in milliseconds since the Unix epoch.
    pub at: f64,
    /// When the browser expected it to be visible on a screen.
    pub displayed: f64,
    /// The clock that it showed: when its drawing began.
    pub shown: f64,
}

/// What a person noticed of a ring, each in milliseconds since the Unix epoch; `None` while it has not happened.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RingSeen {
    /// The ringing view was drawn.
    pub painted_at: Option<f64>,
    /// The first audible sample of the bell left the page's audio graph.
    pub heard_at: Option<f64>,
    /// The connection for its picture was up.
    pub connected_at: Option<f64>,
}

/// What the page sounds like now.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct PageTone {
    /// The strongest frequency.
    pub hz: f64,
    /// The level, in dB under a full-scale sine's.
    pub dbfs: f64,
    /// How much of the power lies around the strongest frequency, from 0 to 1.
    pub purity: f64,
}

impl PageTone {
    /// Whether a person would say that this is the tone of `hz`.
    pub fn is_tone(&self, hz: f64) -> bool {
        (self.hz / hz - 1.0).abs() < 0.02 && self.dbfs > -45.0 && self.purity > 0.25
    }
}

/// The page's own count of what it received, from `getStats`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FrameCount {
    /// Frames that were decoded.
    pub frames_decoded: u64,
    /// Keyframes among them.
    pub key_frames_decoded: u64,
    /// Requests for a keyframe that the page sent.
    pub pli_count: u64,
    /// Requests for single packets that the page sent.
    pub nack_count: u64,
    /// Packets of the picture that did not arrive when they were sent first.
    pub packets_lost: i64,
    /// Packets of the picture that came again.
    pub retransmitted_packets_received: u64,
    /// How often the picture stood still for noticeably long.
    pub freeze_count: u64,
    /// Audio samples that were played or could have been.
    pub total_samples_received: u64,
    /// Those of them that were made up.
    pub concealed_samples: u64,
    /// Those of the made-up ones that were silence.
    pub silent_concealed_samples: u64,
}

/// The spread of a latency.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    sorted_ms: Vec<f64>,
}

impl Latency {
    /// Of frames: from drawing until they could be read from a canvas.
    ///
    /// # Errors
    /// When there are none.
    pub fn to_canvas(readings: &[ClockReading]) -> Result<Self> {
        Self::of(readings.iter().map(|reading| reading.at - reading.shown).collect())
    }

    /// Of frames: from drawing until the browser expected them on a screen.
    ///
    /// # Errors
    /// When there are none.
    pub fn to_display(readings: &[ClockReading]) -> Result<Self> {
        Self::of(readings.iter().map(|reading| reading.displayed - reading.shown).collect())
    }

    /// Of single measurements in milliseconds.
    ///
    /// # Errors
    /// When there are none.
    pub fn of(mut all_ms: Vec<f64>) -> Result<Self> {
        ensure!(!all_ms.is_empty(), "nothing was measured");
        all_ms.sort_by(f64::total_cmp);
        Ok(Self { sorted_ms: all_ms })
    }

    /// How many measurements there are.
    pub fn count(&self) -> usize {
        self.sorted_ms.len()
    }

    /// The value that `percent` of the measurements do not exceed (nearest rank), in milliseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.sorted_ms.len() as f64).ceil() as usize;
        self.sorted_ms[rank.clamp(1, self.sorted_ms.len()) - 1]
    }
}

/// Reads what a script returned.
pub(super) fn read<T: for<'de> Deserialize<'de>>(value: serde_json::Value) -> Result<T> {
    let shown = value.to_string();
    serde_json::from_value(value).with_context(|| format!("reading {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let latency = Latency::of((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!((latency.percentile(50.0), latency.percentile(95.0), latency.count()), (50.0, 95.0, 100));
        assert_eq!(Latency::of(vec![7.0]).unwrap().percentile(95.0), 7.0);
        assert!(Latency::of(vec![]).is_err());
    }
}
