//! The simulated board's panel, over HTTP: the button to press, the relay and the indicator to watch.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The panel of one daemon.
#[derive(Debug, Clone)]
pub struct Panel {
    http: reqwest::Client,
    origin: String,
}

/// One part of a button's movement.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    pressed: bool,
    for_ms: u64,
}

impl Step {
    /// The contact closed for a time.
    pub fn down(period: Duration) -> Self {
        Self { pressed: true, for_ms: millis(period) }
    }

    /// The contact open for a time.
    pub fn up(period: Duration) -> Self {
        Self { pressed: false, for_ms: millis(period) }
    }
}

/// What the panel shows.
#[derive(Debug, Clone, Deserialize)]
pub struct PanelState {
    /// The relays.
    pub relays: Vec<Relay>,
    /// What the button's light says: `off`, `ready`, `ringing`, `connecting`, `talking` or `fault`.
    pub indicator: String,
    /// What the visitor hears besides the call.
    pub chime: String,
}

/// A relay.
#[derive(Debug, Clone, Deserialize)]
pub struct Relay {
    /// Its id.
    pub id: String,
    /// Whether it is energised now.
    pub energised: bool,
    /// Its last movements, oldest first.
    pub moves: Vec<Move>,
}

/// A relay that moved.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Move {
    /// When, in milliseconds of a clock that only differences are taken of.
    pub at_ms: f64,
    /// Into which state.
    pub energised: bool,
}

impl Panel {
    pub(super) fn new(http: reqwest::Client, origin: String) -> Self {
        Self { http, origin }
    }

    /// What the panel shows now.
    ///
    /// # Errors
    /// When the daemon does not answer, or not as agreed.
    pub async fn state(&self) -> Result<PanelState> {
        let answer = self.http.get(format!("{}/sim/state", self.origin)).send().await;
        let answer = answer.context("asking for the panel's state")?.error_for_status()?;
        answer.json().await.context("reading the panel's state")
    }

    /// One relay.
    ///
    /// # Errors
    /// When there is none of that name, or the daemon does not answer.
    pub async fn relay(&self, id: &str) -> Result<Relay> {
        let found = self.state().await?.relays.into_iter().find(|relay| relay.id == id);
        found.with_context(|| format!("the panel shows no relay {id}"))
    }

    /// Moves a button. Returns at once; the daemon plays the steps.
    ///
    /// # Errors
    /// When the daemon does not take them.
    pub async fn play(&self, button: &str, steps: &[Step]) -> Result<()> {
        let body = serde_json::json!({ "button": button, "steps": steps });
        let answer = self.http.post(format!("{}/sim/press", self.origin)).json(&body).send().await;
        answer.context("moving a button")?.error_for_status().context("moving a button")?;
        Ok(())
    }

    /// Presses a button as a person does: 120 ms.
    ///
    /// # Errors
    /// When the daemon does not take it.
    pub async fn press(&self, button: &str) -> Result<()> {
        self.play(button, &[Step::down(Duration::from_millis(120)), Step::up(Duration::ZERO)]).await
    }
}

fn millis(period: Duration) -> u64 {
    u64::try_from(period.as_millis()).unwrap_or(u64::MAX)
}
