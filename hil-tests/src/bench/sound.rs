//! The other end of the device's microphone and speaker.

use anyhow::{Context, Result};
use async_trait::async_trait;
use serde::Deserialize;

use super::plug::Plug;
use crate::device::by_agent::{self, Air, VISITOR_HZ};
use crate::device::layers::SoundCard;
use crate::jig::Jig;
use crate::tone::Sound;

/// `[bench.sound]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SoundPlan {
    /// The PCM that the microphone hears, as `aplay -L` of the jig's computer lists it.
    play: String,
    /// The PCM that hears the speaker, as `arecord -L` lists it.
    record: String,
    /// How the device's card is unplugged.
    pub(super) plug: Option<Plug>,
}

/// The device's card and what is wired to it.
#[derive(Debug)]
pub(super) struct BenchSound {
    air: Air,
    plug: Option<Plug>,
    device: Jig,
}

impl BenchSound {
    /// `hands` is the agent of the computer that plays and records.
    pub(super) fn new(plan: &SoundPlan, hands: Jig, device: Jig) -> Self {
        Self { air: Air::new(hands, &plan.play, &plan.record), plug: plan.plug.clone(), device }
    }

    /// Nobody speaks, whatever the last case left.
    pub(super) async fn be_silent(&self) -> Result<()> {
        self.air.hush().await
    }

    fn plug_of(&self) -> Result<&Plug> {
        self.plug.as_ref().context("bench.sound has no plug")
    }
}

#[async_trait(?Send)]
impl SoundCard for BenchSound {
    fn visitor_hz(&self) -> f64 {
        VISITOR_HZ
    }

    async fn speak(&self) -> Result<()> {
        self.air.speak().await
    }

    async fn hush(&self) -> Result<()> {
        self.air.hush().await
    }

    async fn speaker(&self, seconds: f64) -> Result<Sound> {
        self.air.speaker(seconds).await
    }

    async fn open_pcms(&self) -> Result<String> {
        by_agent::open_pcms(&self.device).await
    }

    async fn unplug(&self) -> Result<()> {
        // Who plays into the kernel's loopback card falls silent with it.
        self.air.hush().await?;
        self.plug_of()?.pull(&self.device).await
    }

    async fn plug(&self) -> Result<()> {
        self.plug_of()?.put_back(&self.device).await
    }
}
