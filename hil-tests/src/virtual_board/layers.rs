//! The layers of a virtual board: QEMU's own controls, the kernel's virtual camera and sound card, and the agent inside.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde_json::json;

use super::flashed::Flashed;
use super::qemu::Files;
use super::vivid::Vivid;
use super::{Machine, VirtualBoard, switch_on};
use crate::device::by_agent::{self, Air, Bound, SystemClock, Systemd, VISITOR_HZ, WireLines, Wires};
use crate::device::layers::{Card, Console, Impairment, Inside, Layers, Network, Power, SoundCard};
use crate::device::{Board, Place};
use crate::jig::{Jig, Wiring};
use crate::lab;
use crate::tone::Sound;

/// The secret of the companion, from `virtual/guest/doorway.toml`.
pub const SECRET: &str = "virtual-board-secret";
/// The other address that a board may get.
const OTHER_ADDRESS: &str = "10.77.0.3";
/// The board's network card.
const INTERFACE: &str = "eth0";

impl VirtualBoard {
    /// The file that is the card's content.
    async fn card_in_the_reader(&self) -> Result<PathBuf> {
        ensure!(self.machine().await.is_none(), "the card is in the device, which is on");
        Ok(Files::in_folder(&self.folder).written)
    }

    /// The device that it is, once its daemon is able to ring.
    ///
    /// # Errors
    /// When it is not.
    pub async fn device(self: &Rc<Self>) -> Result<Board> {
        let jig = self.jig().clone();
        let [call, second_call, exit] = ["call-button", "call-button-2", "exit-button"].map(Wiring::low);
        let [relay, indicator] = ["unlock-relay", "indicator"].map(Wiring::high);
        let layers = Layers {
            inside: self.clone(),
            service: Box::new(Systemd::new(jig.clone())),
            contacts: Box::new(Wires::new(jig.clone(), WireLines { call, second_call, exit, relay, indicator })),
            camera: Box::new(Vivid::new(jig.clone())),
            sound: Box::new(Loopback::new(jig.clone())),
            power: Some(Box::new(self.clone())),
            console: Some(self.clone()),
            network: Some(Box::new(self.clone())),
            clock: Some(Box::new(SystemClock::new(jig))),
            card: self.image.flashed().is_ok().then(|| Box::new(self.clone()) as Box<dyn Card>),
        };
        // A device image comes with HTTPS.
        let scheme = if self.image.flashed().is_ok() { "https" } else { "http" };
        let place = Place {
            origin: format!("{scheme}://{}:8080", lab::BOARD),
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
            // A hand that was on the button is taken off by whoever moves the contact.
            let _taken_off = std::fs::remove_file(Files::in_folder(&self.folder).held);
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
        by_agent::impair(self.jig(), INTERFACE, impairment).await
    }

    async fn lost(&self) -> Result<(u64, u64)> {
        by_agent::lost(self.jig(), INTERFACE).await
    }

    async fn renumber(&self) -> Result<String> {
        by_agent::renumber(self.jig(), INTERFACE, lab::BOARD, OTHER_ADDRESS).await?;
        Ok(OTHER_ADDRESS.to_owned())
    }
}

#[async_trait(?Send)]
impl Card for Rc<VirtualBoard> {
    async fn flash(&self) -> Result<()> {
        self.image.flashed()?.flash(&self.card_in_the_reader().await?)
    }

    async fn put(&self, name: &str, content: &str) -> Result<()> {
        self.image.flashed()?.put_on_boot_partition(&self.card_in_the_reader().await?, name, content.as_bytes())
    }

    async fn read(&self, name: &str) -> Result<Option<String>> {
        let content = self.image.flashed()?.on_boot_partition(&self.card_in_the_reader().await?, name)?;
        content.map(String::from_utf8).transpose().with_context(|| format!("{name} is no text"))
    }

    async fn holds(&self, text: &str) -> Result<bool> {
        Flashed::holds(&self.card_in_the_reader().await?, text)
    }

    async fn hold_the_button(&self) -> Result<()> {
        std::fs::write(Files::in_folder(&self.folder).held, "").context("laying a hand on the button")
    }

    fn update(&self, name: &str) -> PathBuf {
        self.image.flashed().map(|flashed| flashed.bundle(name)).unwrap_or_default()
    }
}

/// The kernel's loopback card: the daemon has one end, the test the other.
#[derive(Debug)]
struct Loopback {
    jig: Jig,
    air: Air,
    card: Bound,
}

impl Loopback {
    fn new(jig: Jig) -> Self {
        let air = Air::new(jig.clone(), "plughw:Loopback,1,0", "plughw:Loopback,1,1");
        Self { jig, air, card: platform_device("snd_aloop") }
    }
}

#[async_trait(?Send)]
impl SoundCard for Loopback {
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
        by_agent::open_pcms(&self.jig).await
    }

    async fn unplug(&self) -> Result<()> {
        // Who plays into a card that is unplugged falls silent.
        self.air.hush().await?;
        self.card.unbind(&self.jig).await
    }

    async fn plug(&self) -> Result<()> {
        self.card.bind(&self.jig).await
    }
}

/// The first device of a driver that makes its own.
pub(super) fn platform_device(driver: &str) -> Bound {
    Bound { driver: format!("/sys/bus/platform/drivers/{driver}"), device: format!("{driver}.0") }
}
