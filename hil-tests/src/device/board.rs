//! A device that is made of layers: a virtual board, a real one on a bench, or a simulated one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;

use super::layers::{Layers, Move, Wire};
use super::{Config, Device, Status};
use crate::browser::Page;
use crate::jig::Jig;
use crate::leaks::Held;
use crate::tone::Sound;
use crate::wait::{Look, until};

/// How long a service manager may take, and a daemon on an emulated processor after it.
const SERVICE: Duration = Duration::from_secs(60);

/// Where a device's page and its daemon's local endpoint are.
#[derive(Debug, Clone)]
pub struct Place {
    /// Scheme, host and port of the page.
    pub origin: String,
    /// What clients have to know; empty where there is nothing to know.
    pub secret: String,
    /// The port of the local endpoint, on the device's loopback.
    pub local_port: u16,
    /// The address under which the device reaches this machine.
    pub household: String,
}

/// A device made of layers.
#[derive(Debug)]
pub struct Board {
    /// What can be done to it from outside.
    pub layers: Layers,
    place: Place,
    baseline: Held,
}

impl Board {
    /// A device whose daemon is able to ring.
    ///
    /// # Errors
    /// When it is not.
    pub async fn new(layers: Layers, place: Place) -> Result<Self> {
        let mut board = Self { layers, place, baseline: Held::default() };
        board.begin().await?;
        Ok(board)
    }

    /// The agent on the device itself: files, programs, clocks.
    pub fn inside(&self) -> &Jig {
        self.layers.inside.agent()
    }

    /// The device has moved: its page is at another host.
    ///
    /// # Errors
    /// When the place that it had names no host.
    pub fn is_at(&mut self, host: &str) -> Result<()> {
        let origin = &self.place.origin;
        let (scheme, authority) = origin.split_once("://").context("an origin has a scheme")?;
        let port = authority.rsplit_once(':').map_or(String::new(), |(_, port)| format!(":{port}"));
        self.place.origin = format!("{scheme}://{host}{port}");
        Ok(())
    }

    /// Where the page comes from, without the secret.
    pub fn origin(&self) -> &str {
        &self.place.origin
    }

    /// The address under which the device reaches this machine.
    pub fn household(&self) -> &str {
        &self.place.household
    }

    /// Where it offers the authority of its certificate, over plain HTTP; `None` where it serves no HTTPS.
    pub fn authority(&self) -> Option<String> {
        let host = self.place.origin.strip_prefix("https://")?;
        Some(format!("http://{}", host.split_once(':').map_or(host, |(host, _)| host)))
    }

    /// Moves a button's contact: closed or open, and for how long.
    ///
    /// # Errors
    /// When it can't be moved.
    pub async fn play(&self, button: Wire, steps: &[(bool, Duration)]) -> Result<()> {
        self.layers.contacts.play(button, steps).await
    }

    /// What the relay did since it is watched, once it moved at least `moves` times.
    ///
    /// # Errors
    /// When it does not.
    pub async fn relay_moves(&self, moves: usize, within: Duration) -> Result<Vec<Move>> {
        let mut seen = Vec::new();
        until(&format!("the relay has moved {moves} times"), within, async || {
            seen.extend(self.layers.contacts.moves().await?);
            Ok(Look::when(seen.len() >= moves, seen.clone(), format!("{seen:?}")))
        })
        .await
    }

    /// Changes the daemon's configuration and restarts it.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn configure(&mut self, change: impl FnOnce(Config) -> Config) -> Result<()> {
        self.write_config(change).await?;
        self.restart().await
    }

    /// Changes the daemon's configuration, which counts from its next start on.
    ///
    /// # Errors
    /// When it can't be read or written.
    pub async fn write_config(&self, change: impl FnOnce(Config) -> Config) -> Result<()> {
        let config = Config::parse(&self.layers.service.config().await?)?;
        self.layers.service.set_config(&change(config).to_text()?).await
    }

    /// Restarts the daemon by its service manager and waits until it is able to ring.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn restart(&mut self) -> Result<()> {
        self.layers.service.stop().await?;
        self.layers.service.start().await?;
        self.begin().await
    }

    /// By how many milliseconds the device's wall clock is ahead of this machine's.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn clock_ahead(&self) -> Result<f64> {
        let now_ms = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0;
        let mut best = (f64::MAX, 0.0);
        for _ in 0..10 {
            let asked = now_ms();
            let (wall, _) = self.inside().clock().await?;
            let told = now_ms();
            // The shorter the way, the less is unknown of its two halves.
            if told - asked < best.0 {
                best = (told - asked, wall.as_secs_f64() * 1000.0 - (asked + told) / 2.0);
            }
        }
        Ok(best.1)
    }

    /// Waits until the daemon is able to ring, and notes what it holds.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn begin(&mut self) -> Result<()> {
        self.wait_until("the daemon is able to ring", SERVICE, |status| status.companion.connected).await?;
        self.baseline = self.held().await?;
        Ok(())
    }

    /// Waits until the device has started and its daemon is able to ring.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn begin_after_a_start(&mut self, within: Duration) -> Result<()> {
        self.layers.inside.reach(within).await?;
        self.begin().await
    }

    async fn held(&self) -> Result<Held> {
        let status = self.status().await?;
        let list = |script: String| async move {
            Ok::<_, anyhow::Error>(self.inside().sh(&script).await?.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        // One that ends meanwhile is none.
        let mut threads = list(format!("cat /proc/{}/task/*/comm 2>/dev/null || true", status.pid)).await?;
        ensure!(!threads.is_empty(), "the daemon that answered a moment ago has no threads");
        // GLib starts it with the first pipeline and keeps it for the life of the process; a second one would be a leak.
        if let Some(spawner) = threads.iter().position(|name| name == "pool-spawner") {
            threads.remove(spawner);
        }
        let handles = list(format!("for h in /proc/{}/fd/*; do readlink $h || true; done", status.pid)).await?;
        Ok(Held::elsewhere(&status, threads, handles))
    }
}

impl Device for Board {
    fn page(&self) -> String {
        let Place { origin, secret, .. } = &self.place;
        if secret.is_empty() { format!("{origin}/") } else { format!("{origin}/#secret={secret}") }
    }

    async fn status(&self) -> Result<Status> {
        let text = self.inside().get(self.place.local_port, "/status").await.context("asking for the status")?;
        serde_json::from_str(&text).with_context(|| format!("reading the status {text}"))
    }

    async fn press(&self) -> Result<()> {
        self.play(Wire::Call, &[(true, Duration::from_millis(120)), (false, Duration::ZERO)]).await
    }

    async fn picture_moves(&self, page: &Page, count: usize, within: Duration) -> Result<()> {
        self.layers.camera.seen_in(page, count, within).await
    }

    async fn speaker(&self, seconds: f64) -> Result<Sound> {
        self.layers.sound.speaker(seconds).await
    }

    async fn log(&self) -> Result<String> {
        self.layers.service.log().await
    }

    async fn nothing_is_left(&self) -> Result<()> {
        self.wait_for(Activity::Idle, Duration::from_secs(20)).await?;
        until("nothing of the call is left", Duration::from_secs(30), async || {
            let left = self.held().await?.beyond(&self.baseline);
            Ok(Look::when(left.is_empty(), (), left.join("\n")))
        })
        .await?;
        let open = self.layers.sound.open_pcms().await?;
        ensure!(open.trim().is_empty(), "a PCM is still open: {open}");
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.layers.service.stop().await
    }
}
