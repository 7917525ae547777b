//! The layers of a virtual board: QEMU's own controls, the kernel's virtual camera and sound card, and the agent inside.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use serde_json::json;

use super::vivid::Vivid;
use super::{Machine, VirtualBoard, switch_on};
use crate::device::by_agent::{self, SystemClock, Systemd, WireNames, Wires};
use crate::device::layers::{Console, Impairment, Inside, Layers, Network, Power, SoundCard};
use crate::device::{Board, Place};
use crate::jig::Jig;
use crate::lab;
use crate::tone::Sound;

/// The secret of the companion, from `virtual/guest/doorway.toml`.
const SECRET: &str = "virtual-board-secret";
/// What the visitor sounds like.
const VISITOR_HZ: f64 = 600.0;
/// The other address that a board may get.
const OTHER_ADDRESS: &str = "10.77.0.3";
/// The platform driver of the sound card, and the card there.
const SOUND_CARD: (&str, &str) = ("snd_aloop", "snd_aloop.0");

impl VirtualBoard {
    /// The device that it is, once its daemon is able to ring.
    ///
    /// # Errors
    /// When it is not.
    pub async fn device(self: &Rc<Self>) -> Result<Board> {
        let jig = self.jig().clone();
        let [call, second_call, relay, indicator] =
            ["call-button", "call-button-2", "unlock-relay", "indicator"].map(str::to_owned);
        let layers = Layers {
            inside: self.clone(),
            service: Box::new(Systemd::new(jig.clone())),
            contacts: Box::new(Wires::new(jig.clone(), WireNames { call, second_call, relay, indicator })),
            camera: Box::new(Vivid::new(jig.clone())),
            sound: Box::new(Loopback { jig: jig.clone(), has_words: Cell::default() }),
            power: Some(Box::new(self.clone())),
            console: Some(self.clone()),
            network: Some(Box::new(self.clone())),
            clock: Some(Box::new(SystemClock::new(jig))),
        };
        let place = Place {
            origin: format!("http://{}:8080", lab::BOARD),
            secret: SECRET.to_owned(),
            local_port: 9480,
            household: lab::HERE.to_owned(),
        };
        Board::new(layers, place).await
    }
}

#[async_trait(?Send)]
impl Inside for VirtualBoard {
    fn agent(&self) -> &Jig {
        self.jig()
    }

    async fn reach(&self, within: Duration) -> Result<()> {
        let reached = self.jig().wait_for(within).await;
        reached.with_context(|| format!("the console says:\n{}", self.console_text()))
    }
}

#[async_trait(?Send)]
impl Power for Rc<VirtualBoard> {
    async fn cut(&self) -> Result<()> {
        let Some(Machine { mut qemu, .. }) = self.machine().await.take() else { return Ok(()) };
        qemu.kill()
    }

    async fn give(&self) -> Result<()> {
        let mut machine = self.machine().await;
        if machine.is_none() {
            let (started, jig) = switch_on(&self.image, &self.folder, None).await?;
            *machine = Some(started);
            self.jig().go_on_over(jig);
        }
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        let mut machine = self.machine().await;
        machine.as_mut().context("the board is off")?.qmp.run("system_reset", json!({})).await?;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Console for VirtualBoard {
    async fn text(&self) -> Result<String> {
        Ok(self.console_text())
    }
}

#[async_trait(?Send)]
impl Network for Rc<VirtualBoard> {
    async fn set_cable(&self, plugged: bool) -> Result<()> {
        let mut machine = self.machine().await;
        let qmp = &mut machine.as_mut().context("the board is off")?.qmp;
        qmp.run("set_link", json!({ "name": "net", "up": plugged })).await?;
        Ok(())
    }

    async fn impair(&self, impairment: Option<Impairment>) -> Result<()> {
        by_agent::impair(self.jig(), impairment).await
    }

    async fn lost(&self) -> Result<(u64, u64)> {
        by_agent::lost(self.jig()).await
    }

    async fn renumber(&self) -> Result<String> {
        by_agent::renumber(self.jig(), lab::BOARD, OTHER_ADDRESS).await?;
        Ok(OTHER_ADDRESS.to_owned())
    }
}

/// The kernel's loopback card: the daemon has one end, the test the other.
#[derive(Debug)]
struct Loopback {
    jig: Jig,
    /// Whether what the visitor says was copied there.
    has_words: Cell<bool>,
}

#[async_trait(?Send)]
impl SoundCard for Loopback {
    fn visitor_hz(&self) -> f64 {
        VISITOR_HZ
    }

    async fn speak(&self) -> Result<()> {
        if !self.has_words.get() {
            let file = tempfile::NamedTempFile::new()?;
            Sound::speech_like(VISITOR_HZ, 60).write(file.path())?;
            self.jig.copy(file.path(), "/run/visitor.wav").await?;
            self.has_words.set(true);
        }
        self.jig.sh("aplay -q -D plughw:Loopback,1,0 /run/visitor.wav >/dev/null 2>&1 &").await?;
        Ok(())
    }

    async fn hush(&self) -> Result<()> {
        self.jig.sh("pkill aplay || true").await?;
        Ok(())
    }

    async fn speaker(&self, seconds: f64) -> Result<Sound> {
        let file = "/run/speaker.wav";
        let whole = seconds.ceil() as u64;
        self.jig
            .sh(&format!("arecord -q -D plughw:Loopback,1,1 -t wav -f S16_LE -r 48000 -c 1 -d {whole} {file}"))
            .await
            .context("recording the speaker")?;
        Ok(Sound::parse(&self.jig.read(file).await?)?.last(seconds))
    }

    async fn unplug(&self) -> Result<()> {
        // Who plays into a card that is unplugged falls silent.
        self.hush().await?;
        unbind(&self.jig, SOUND_CARD).await
    }

    async fn plug(&self) -> Result<()> {
        bind(&self.jig, SOUND_CARD).await
    }
}

/// Takes a device away from its driver, as unplugging does. The kernel is done with that once everybody has closed it.
pub(super) async fn unbind(jig: &Jig, (driver, device): (&str, &str)) -> Result<()> {
    let script = format!("(echo {device} >/sys/bus/platform/drivers/{driver}/unbind) >/dev/null 2>&1 &");
    jig.sh(&script).await.context("unplugging")?;
    Ok(())
}

/// Gives it back.
pub(super) async fn bind(jig: &Jig, (driver, device): (&str, &str)) -> Result<()> {
    let script = format!("echo {device} >/sys/bus/platform/drivers/{driver}/bind");
    jig.sh(&script).await.context("plugging in")?;
    Ok(())
}
