//! What a station finds out when it is asked whether it works, and the command that asks.
//!
//! `GET /self-test` on the local endpoint runs the test in the daemon (`station::self_test`): with its own camera, encoder,
//! sound card and lines. [`ask`] is `doorwayd self-test`.

use std::fmt;

use serde::{Deserialize, Serialize};

mod ask;
mod companion;

pub use ask::{AskError, ask};
pub use companion::CompanionProbe;

/// What the local endpoint answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing failed.
    pub passed: bool,
    /// What was found, a part each.
    pub findings: Vec<Finding>,
}

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The part.
    pub part: Part,
    /// How it did.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It opens and delivers a picture.
    Camera,
    /// It makes something that a decoder can begin with.
    Encoder,
    /// Microphone and speaker open and move.
    Sound,
    /// Buttons, relays and light are ours.
    Gpio,
    /// It answers.
    Companion,
}

/// How a part did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Ok {
        /// What was seen of it.
        detail: String,
    },
    /// It does not.
    Failed {
        /// A sentence for the installer.
        why: String,
    },
    /// The configuration says that there is none.
    NotConfigured {},
}

impl Report {
    /// The whole of `findings`.
    pub fn new(findings: Vec<Finding>) -> Self {
        let failed = findings.iter().any(|finding| matches!(finding.outcome, Outcome::Failed { .. }));
        Self { passed: !failed, findings }
    }
}

/// A line for each part.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Camera => "camera",
            Part::Encoder => "encoder",
            Part::Sound => "sound",
            Part::Gpio => "gpio",
            Part::Companion => "companion",
        };
        match &self.outcome {
            Outcome::Ok { detail } => write!(f, "{part}: ok ({detail})"),
            Outcome::Failed { why } => write!(f, "{part}: failed: {why}"),
            Outcome::NotConfigured {} => write!(f, "{part}: not configured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_passes_unless_a_part_failed_and_survives_its_json() {
        let camera = Finding { part: Part::Camera, outcome: Outcome::Ok { detail: "test, 320x180".into() } };
        let sound = Finding { part: Part::Sound, outcome: Outcome::NotConfigured {} };
        let gpio = Finding { part: Part::Gpio, outcome: Outcome::Failed { why: "no line".into() } };
        let good = Report::new(vec![camera.clone(), sound.clone()]);
        assert!(good.passed);
        assert_eq!(good.to_string(), "camera: ok (test, 320x180)\nsound: not configured\n");
        let bad = Report::new(vec![camera, sound, gpio]);
        assert!(!bad.passed && bad.to_string().ends_with("\ngpio: failed: no line\n"));
        let json = serde_json::to_string(&bad).unwrap();
        assert!(json.contains(r#"{"part":"camera","result":"ok","detail":"test, 320x180"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), bad);
    }
}
