//! The openings that most cases begin with, and the end that all of them have.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use doorway_proto::state::Activity;

use crate::browser::{Browser, MICROPHONE_HZ, Microphone, Page, Screen, View};
use crate::case::Case;
use crate::device::{Config, Device, Simulated, Status};
use crate::wait::{Look, until};

/// How long something may take that a person waits for without wondering. The figures measure how long it takes; a
/// case only wants it to happen, on a loaded machine too.
pub const SOON: Duration = Duration::from_secs(20);

/// The tone that the station's microphone hears, from [`Config::default`].
pub const STATION_HZ: f64 = 440.0;

/// Parts of an SDP or of a candidate; none of them belongs into a log above DEBUG.
const PRIVATE: [&str; 6] = ["candidate:", "ufrag", "ice-pwd", "fingerprint", "m=video", "v=0"];

/// A station and a household of one page.
#[derive(Debug)]
pub struct Scene<D = Simulated> {
    /// The station.
    pub device: D,
    /// The browser of the page.
    pub browser: Browser,
    /// The page.
    pub page: Page,
}

impl Scene {
    /// The station is idle and the page is open.
    ///
    /// # Errors
    /// When they do not find each other.
    pub async fn quiet(case: &Case, config: Config) -> Result<Self> {
        let device = Simulated::start(case, config).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open_online(&device.page()).await?;
        Self::with(device, browser, page).await
    }

    /// The page rings and shows the visitor.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ringing(case: &Case, config: Config) -> Result<Self> {
        let scene = Self::quiet(case, config).await?;
        scene.ring().await?;
        Ok(scene)
    }

    /// The page and the visitor hear each other.
    ///
    /// # Errors
    /// When they do not.
    pub async fn talking(case: &Case, config: Config) -> Result<Self> {
        let scene = Self::quiet(case, config).await?;
        scene.talk().await?;
        Ok(scene)
    }
}

impl<D: Device> Scene<D> {
    /// Of parts that were started before: the station is idle and sees the page.
    ///
    /// # Errors
    /// When it does not.
    pub async fn with(device: D, browser: Browser, page: Page) -> Result<Self> {
        let scene = Self { device, browser, page };
        let sees = scene.device.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0);
        sees.await?;
        Ok(scene)
    }

    /// Presses the button and waits until the page rings and shows the visitor.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ring(&self) -> Result<()> {
        self.device.press().await?;
        self.page.wait_view(View::Ringing, SOON).await?;
        self.device.picture_moves(&self.page, 3, SOON).await
    }

    /// Presses the button, answers in the page, and waits until both hear each other.
    ///
    /// # Errors
    /// When they do not.
    pub async fn talk(&self) -> Result<()> {
        self.ring().await?;
        self.answer().await?;
        self.page.hears(STATION_HZ, SOON).await?;
        station_hears(&self.device, MICROPHONE_HZ, SOON).await
    }

    /// Answers in the ringing page.
    ///
    /// # Errors
    /// When the station does not take it.
    pub async fn answer(&self) -> Result<Status> {
        self.page.click("#answer").await?;
        self.page.wait_view(View::InCall, SOON).await?;
        let status = self.device.wait_for(Activity::InCall, SOON).await?;
        let call = status.call.as_ref().context("the station is in a call and tells none")?;
        ensure!(!call.talkers.is_empty(), "nobody talks in {call:?}");
        Ok(status)
    }

    /// The end of every case: the station is idle and the call's media are gone while the page is still open; with
    /// the page closed nothing at all is left; the log is discreet; and the station ends cleanly when it is told to.
    ///
    /// # Errors
    /// When something is left.
    pub async fn leave_nothing(self) -> Result<()> {
        let Self { mut device, browser, page: _ } = self;
        device.wait_for(Activity::Idle, SOON).await?;
        let gone = device.wait_until("the call's media are gone", SOON, |status| {
            status.call.is_none()
                && status.resources.peers == 0
                && status.resources.pipelines == 0
                && !status.video.running
                && !status.sound.running
        });
        gone.await?;
        browser.close().await?;
        device.nothing_is_left().await?;
        let log = device.log().await?;
        if let Some(line) = log.lines().find(|line| PRIVATE.iter().any(|word| line.contains(word))) {
            bail!("the log tells what is nobody's business: {line}");
        }
        device.stop().await
    }
}

/// Waits until the visitor hears the tone of `hz` from the speaker.
///
/// # Errors
/// When the speaker plays something else or nothing.
pub async fn station_hears(device: &impl Device, hz: f64, within: Duration) -> Result<()> {
    until(&format!("the station's speaker plays {hz} Hz"), within, async || {
        let heard = device.speaker(1.0).await?.loudest()?;
        Ok(Look::when(heard.is_tone(hz), (), format!("{heard:?}")))
    })
    .await
}
