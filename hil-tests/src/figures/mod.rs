//! The measurements behind `make figures`: one JSON line per figure on standard output, progress on standard error.
//!
//! Each module measures what its name says with a daemon, a browser or receivers of its own, and hands [`Line`]s to
//! the [`Report`].

mod answer;
mod companion;
mod cpu;
mod document;
mod eight;
mod flood;
mod loss;
mod memory;
mod others;
mod picture;
mod recording;
mod report;
mod ring;

use anyhow::Result;

pub use document::fill;
pub use report::{Line, Report};

/// A group of figures that are measured in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `press_to_ring_painted_ms`, `press_to_tone_ms`, `press_to_picture_ms`.
    Ring,
    /// `press_to_picture_last_of_8_ms`, `connection_to_picture_last_of_8_ms`, `connection_to_keyframe_last_of_8_ms`.
    Eight,
    /// `answer_to_sound_page_ms`, `answer_to_sound_station_ms`.
    Answer,
    /// `source_to_display_…_ms`, `source_to_canvas_…_ms`.
    Picture,
    /// `loss_N_frames_decoded_pct`, `loss_N_audio_concealed_pct`.
    Loss,
    /// `cpu_…_s_per_min`, `cpu_…_x_bare`, `rss_no_encoder_…_mb`.
    Cpu,
    /// `rss_live_…_mb`, `rss_after_call_…_mb`.
    Memory,
    /// `companion_idle_client_kb`.
    Companion,
    /// `new_page_beside_…_ms`, `press_to_ring_beside_…_ms`.
    Flood,
}

impl Group {
    /// All of them, in the order in which they are measured: what needs a quiet machine most comes first.
    pub const ALL: [Self; 9] = [
        Self::Cpu,
        Self::Memory,
        Self::Companion,
        Self::Ring,
        Self::Eight,
        Self::Answer,
        Self::Picture,
        Self::Loss,
        Self::Flood,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Eight => "eight",
            Self::Answer => "answer",
            Self::Picture => "picture",
            Self::Loss => "loss",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Companion => "companion",
            Self::Flood => "flood",
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// When something did not work at all; a figure that misses its bar is no error.
    pub async fn measure(self, report: &mut Report, effort: Effort) -> Result<()> {
        match self {
            Self::Ring => ring::measure(report, effort).await,
            Self::Eight => eight::measure(report, effort).await,
            Self::Answer => answer::measure(report, effort).await,
            Self::Picture => picture::measure(report, effort).await,
            Self::Loss => loss::measure(report, effort).await,
            Self::Cpu => cpu::measure(report, effort).await,
            Self::Memory => memory::measure(report, effort).await,
            Self::Companion => companion::measure(report, effort).await,
            Self::Flood => flood::measure(report, effort).await,
        }
    }
}

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For publishing.
    Full,
    /// To see that the measurement works; its figures are no figures.
    Quick,
}

impl Effort {
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

fn megabytes(kb: u64) -> f64 {
    kb as f64 / 1024.0
}
