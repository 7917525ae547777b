//! The daemon as a service of another kernel: a virtual board, or a real one on a bench.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;

use super::{Device, Status};
use crate::browser::Page;
use crate::jig::{Change, Jig, Step};
use crate::leaks::Held;
use crate::tone::Sound;
use crate::wait::{Look, until};

/// The port of the daemon's local endpoint.
const LOCAL: u16 = 9480;
/// How long the service manager may take.
const SERVICE: Duration = Duration::from_secs(60);

/// The names of the wires.
#[derive(Debug, Clone)]
pub struct Lines {
    /// The call button.
    pub call: String,
    /// A second call button.
    pub second_call: String,
    /// The door's relay.
    pub relay: String,
    /// The button's light.
    pub indicator: String,
}

impl Default for Lines {
    fn default() -> Self {
        let [call, second_call, relay, indicator] =
            ["call-button", "call-button-2", "unlock-relay", "indicator"].map(str::to_owned);
        Self { call, second_call, relay, indicator }
    }
}

/// A device with a kernel of its own.
#[derive(Debug)]
pub struct Board {
    /// On the device itself.
    inside: Jig,
    /// At the device's wires: on a virtual board the same, on a bench the jig's own computer.
    outside: Jig,
    /// The wires.
    pub lines: Lines,
    address: String,
    secret: String,
    baseline: Held,
}

impl Board {
    /// A board whose daemon is able to ring.
    ///
    /// # Errors
    /// When it is not.
    pub async fn new(inside: Jig, outside: Jig, lines: Lines, address: &str, secret: &str) -> Result<Self> {
        let (address, secret) = (address.to_owned(), secret.to_owned());
        let mut board = Self { inside, outside, lines, address, secret, baseline: Held::default() };
        board.begin().await?;
        Ok(board)
    }

    /// On the device itself: files, programs, its clock.
    pub fn inside(&self) -> &Jig {
        &self.inside
    }

    /// At the device's wires.
    pub fn outside(&self) -> &Jig {
        &self.outside
    }

    /// Where the page comes from, without the secret.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Moves a button's contact and waits until it has.
    ///
    /// # Errors
    /// When there is no such line.
    pub async fn play(&self, line: &str, steps: &[(bool, Duration)]) -> Result<()> {
        let step = |(closed, period): &(bool, Duration)| -> Result<Step> {
            Ok(Step { closed: *closed, for_us: u64::try_from(period.as_micros()).context("a period")? })
        };
        let steps = steps.iter().map(step).collect::<Result<Vec<_>>>()?;
        self.outside.play(line, &steps).await
    }

    /// Begins to note what the relay does.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn watch_relay(&self) -> Result<()> {
        self.outside.watch(&[&self.lines.relay]).await
    }

    /// What the relay did since [`Board::watch_relay`], once it moved at least `moves` times.
    ///
    /// # Errors
    /// When it does not.
    pub async fn relay_moves(&self, moves: usize, within: Duration) -> Result<Vec<Change>> {
        let mut seen = Vec::new();
        until(&format!("the relay has moved {moves} times"), within, async || {
            seen.extend(self.outside.noted().await?);
            Ok(Look::when(seen.len() >= moves, seen.clone(), format!("{seen:?}")))
        })
        .await
    }

    /// Writes the daemon's configuration and restarts it. `changes` are lines of a `sed` script over the present one.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn configure(&mut self, changes: &str) -> Result<()> {
        self.inside.sh(&format!("sed -i '{changes}' /etc/doorway/doorway.toml")).await?;
        self.restart().await
    }

    /// Restarts the daemon by its service manager and waits until it is able to ring.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn restart(&mut self) -> Result<()> {
        self.inside.sh("systemctl restart doorwayd").await?;
        self.begin().await
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

    async fn held(&self) -> Result<Held> {
        let status = self.status().await?;
        let list = |script: String| async move {
            Ok::<_, anyhow::Error>(self.inside.sh(&script).await?.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        let threads = list(format!("cat /proc/{}/task/*/comm", status.pid)).await?;
        let handles = list(format!("for h in /proc/{}/fd/*; do readlink $h || true; done", status.pid)).await?;
        Ok(Held::elsewhere(&status, threads, handles))
    }
}

impl Device for Board {
    fn page(&self) -> String {
        format!("{}/#secret={}", self.origin(), self.secret)
    }

    async fn status(&self) -> Result<Status> {
        let text = self.inside.get(LOCAL, "/status").await.context("asking for the status")?;
        serde_json::from_str(&text).with_context(|| format!("reading the status {text}"))
    }

    async fn press(&self) -> Result<()> {
        let press = [(true, Duration::from_millis(120)), (false, Duration::ZERO)];
        self.play(&self.lines.call, &press).await
    }

    async fn picture_moves(&self, page: &Page, count: usize, within: Duration) -> Result<()> {
        page.bars_move(count, within).await
    }

    async fn speaker(&self, seconds: f64) -> Result<Sound> {
        let file = "/run/doorway-hil-speaker.wav";
        let whole = seconds.ceil() as u64;
        self.inside
            .sh(&format!("arecord -q -D plughw:Loopback,1,1 -t wav -f S16_LE -r 48000 -c 1 -d {whole} {file}"))
            .await
            .context("recording the speaker")?;
        let bytes = self.inside.read(file).await?;
        Ok(Sound::parse(&bytes)?.last(seconds))
    }

    async fn log(&self) -> Result<String> {
        self.inside.sh("journalctl --no-pager --output=cat --unit=doorwayd").await
    }

    async fn nothing_is_left(&self) -> Result<()> {
        self.wait_for(Activity::Idle, Duration::from_secs(20)).await?;
        until("nothing of the call is left", Duration::from_secs(30), async || {
            let left = self.held().await?.beyond(&self.baseline);
            Ok(Look::when(left.is_empty(), (), left.join("\n")))
        })
        .await?;
        // The kernel's view: nobody has the camera or a PCM open.
        let open = self.inside.sh("cat /proc/asound/card*/pcm*/sub*/status | grep -v closed || true").await?;
        ensure!(open.trim().is_empty(), "a PCM is still open: {open}");
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.inside.sh("systemctl stop doorwayd").await?;
        let result = self.inside.sh("systemctl show --property=Result --value doorwayd").await?;
        ensure!(result.trim() == "success", "the daemon was asked to end and ended with {result}");
        Ok(())
    }
}
