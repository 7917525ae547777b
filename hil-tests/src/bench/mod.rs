//! A real device on a bench: what is around it is described in a file, see `BENCH.md`.
//!
//! Whatever a case did is undone before the next one, see [`known_state`], and after the last one the device has its own
//! configuration again.

mod camera;
mod clock;
mod command;
mod console;
mod description;
mod inside;
mod known_state;
mod network;
mod plug;
mod power;
mod sound;

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::case::{Case, block_on};
use crate::device::by_agent::{Systemd, Wires};
use crate::device::layers::{Ability, Console, Inside, Layers, Network, Power};
use crate::device::{Board, Config, Place};
use crate::jig::AgentProgram;
use crate::wait::{Look, until};

pub use description::BenchDescription;

use clock::BenchClock;
use inside::BenchInside;
use network::BenchNetwork;
use sound::BenchSound;

/// The port of the daemon's local endpoint unless its configuration names another.
const LOCAL_PORT: u16 = 9480;
/// How long a device that was just switched on takes until something can be installed.
const INSTALLABLE: Duration = Duration::from_secs(120);

/// A device on a bench, with the files that its description names.
#[derive(Debug, Clone)]
pub struct Bench {
    description: BenchDescription,
    folder: PathBuf,
    config: Config,
    board: Option<String>,
    local_port: u16,
}

impl Bench {
    /// What `description`, a file in `folder`, describes.
    ///
    /// # Errors
    /// When a file that it names can't be read.
    pub fn new(description: BenchDescription, folder: &Path) -> Result<Self> {
        let read = |path: &Path| {
            let path = folder.join(path);
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let mut config = Config::parse(&read(&description.config)?).context("bench.config")?;
        let board = description.board.as_deref().map(read).transpose()?;
        if board.is_some() {
            config = config.with("board.description", known_state::BOARD);
        }
        let local_port = match config.text("local.listen") {
            Some(listen) => {
                let port = listen.rsplit(':').next().and_then(|port| port.parse().ok());
                port.with_context(|| format!("bench.config: local.listen has no port: {listen}"))?
            }
            None => LOCAL_PORT,
        };
        Ok(Self { description, folder: folder.to_owned(), config, board, local_port })
    }

    /// Why no case can run on it from this computer.
    pub fn obstacle(&self) -> Option<String> {
        self.description.secret.read(&self.folder).err().map(|error| format!("{error:#}"))
    }

    /// Why a case that needs `ability` can't run on it.
    pub fn lacks(&self, ability: Ability) -> Option<&'static str> {
        let BenchDescription { sacrifice, watchdog, camera, sound, power, network, .. } = &self.description;
        let cable = network.as_ref().and_then(|network| network.cable.as_ref());
        let addresses = network.as_ref().and_then(|network| network.addresses.as_ref());
        let (there, reason) = match ability {
            Ability::ServiceManager | Ability::HeldButton | Ability::Clock | Ability::SoundCard => return None,
            Ability::PowerCut => (power.is_some(), "nothing switches its power: no bench.power"),
            Ability::Sacrifice => (*sacrifice, "it is not to be harmed inside: no bench.sacrifice"),
            Ability::Watchdog => (*watchdog, "no watchdog of its kernel is armed: no bench.watchdog"),
            Ability::Cable => (cable.is_some(), "nothing pulls its network cable: no bench.network.cable"),
            Ability::Loss => (network.is_some(), "which network card to impair is not said: no bench.network"),
            Ability::NewAddress => (addresses.is_some(), "it has one address: no bench.network.addresses"),
            Ability::CameraPlug => (camera.plug.is_some(), "nothing unplugs its camera: no bench.camera.plug"),
            Ability::SoundCardPlug => (sound.plug.is_some(), "nothing unplugs its sound card: no bench.sound.plug"),
            Ability::Card => (false, "nothing takes its card out to flash it"),
            Ability::CameraFaults => (false, "a real camera does not fail on demand"),
            Ability::CameraFormats => (false, "a real camera has the formats that it has"),
        };
        (!there).then_some(reason)
    }

    /// Switches the device on, brings onto it what its description says, and reaches its agent.
    ///
    /// # Errors
    /// When that fails: then no case needs to try.
    pub fn install(&self) -> Result<()> {
        block_on(async {
            self.switch_on().await?;
            until("everything is installed", INSTALLABLE, async || {
                for command in &self.description.install {
                    command.run("bench.install").await?;
                }
                Ok(Look::Found(()))
            })
            .await?;
            self.reach(None).await?;
            Ok(())
        })
    }

    /// The device in its known state, able to ring.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn device(&self, case: &Case) -> Result<Board> {
        let Self { description, board, local_port, .. } = self;
        let secret = description.secret.read(&self.folder)?;
        // From the first line that the device says.
        let console = description.console.as_ref().map(|source| source.listen(case)).transpose()?.map(Rc::new);
        let inside = self.reach(console.clone()).await?;
        if description.sacrifice {
            inside.start_anew(self.power()).await?;
        }
        let (device, hands) = (inside.agent().clone(), inside.hands().clone());
        known_state::surroundings(description, &device).await?;
        let config = self.config.clone().with("companion.secret", secret.as_str()).to_text()?;

        let contacts = Wires::new(hands.clone(), description.wires.clone());
        contacts.open_buttons().await.context("bench.wires")?;
        let sound = BenchSound::new(&description.sound, hands, device.clone());
        sound.be_silent().await.context("bench.sound")?;
        let camera = description.camera.show(case, device.clone())?;
        known_state::start_daemon(&device, &config, board.as_deref()).await?;

        let layers = Layers {
            inside: Rc::new(inside),
            service: Box::new(Systemd::new(device.clone())),
            contacts: Box::new(contacts),
            camera: Box::new(camera),
            sound: Box::new(sound),
            power: description.power.clone().map(|power| Box::new(power) as Box<dyn Power>),
            console: console.map(|console| console as Rc<dyn Console>),
            network: description.network.clone().map(|plan| {
                let network: Box<dyn Network> = Box::new(BenchNetwork { plan, device: device.clone() });
                network
            }),
            clock: Some(Box::new(BenchClock::new(device))),
            card: None,
        };
        let origin = description.page.as_str().to_owned();
        let place = Place { origin, secret, local_port: *local_port, household: description.page.household()? };
        Board::new(layers, place).await
    }

    /// Gives the device its own configuration back.
    ///
    /// # Errors
    /// When it is out of reach; what is left to do by hand is in `BENCH.md`.
    pub fn give_back(&self) -> Result<()> {
        block_on(async {
            let inside = self.reach(None).await?;
            if self.description.sacrifice {
                inside.start_anew(self.power()).await?;
            }
            let device = inside.agent();
            known_state::give_back(device).await?;
            known_state::surroundings(&self.description, device).await
        })
        .context("giving the device its own configuration back; BENCH.md says how to do that by hand")
    }

    /// Both agents, with the device switched on and its cable plugged in.
    async fn reach(&self, console: Option<Rc<console::Listener>>) -> Result<BenchInside> {
        self.switch_on().await?;
        let start = |agent: &description::Agent| AgentProgram::start(agent.command.parts());
        let hands = self.description.jig.as_ref().map(start).transpose().context("bench.jig")?;
        let device = start(&self.description.inside).context("bench.inside")?;
        let inside = BenchInside::new(device, hands, console);
        inside.reach_both(self.power()).await?;
        Ok(inside)
    }

    async fn switch_on(&self) -> Result<()> {
        if let Some(power) = self.power() {
            power.give().await?;
        }
        match &self.description.network {
            Some(network) => network.plug_in().await,
            None => Ok(()),
        }
    }

    fn power(&self) -> Option<&dyn Power> {
        self.description.power.as_ref().map(|power| power as &dyn Power)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const EXAMPLE: &str = include_str!("../../devices/pi4-bench.toml");

    #[derive(Debug, Deserialize)]
    struct File {
        bench: BenchDescription,
    }

    fn bench(text: &str) -> Result<Bench> {
        let file: File = toml::from_str(text)?;
        Bench::new(file.bench, &Path::new(env!("CARGO_MANIFEST_DIR")).join("devices"))
    }

    /// The example with one of its texts changed.
    fn changed(from: &str, to: &str) -> Result<Bench> {
        assert!(EXAMPLE.contains(from), "the example has no {from}");
        bench(&EXAMPLE.replacen(from, to, 1))
    }

    /// The example without the tables and keys that may be left out.
    fn smallest() -> String {
        let text = EXAMPLE.split("[bench.power]").next().unwrap();
        let optional = ["plug", "sacrifice", "watchdog"];
        let key = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        text.lines().filter(|line| !optional.contains(&&*key(line))).map(|line| format!("{line}\n")).collect()
    }

    const ALL: [Ability; 15] = [
        Ability::PowerCut,
        Ability::ServiceManager,
        Ability::Sacrifice,
        Ability::Watchdog,
        Ability::Cable,
        Ability::Loss,
        Ability::NewAddress,
        Ability::HeldButton,
        Ability::Clock,
        Ability::Card,
        Ability::CameraPlug,
        Ability::CameraFaults,
        Ability::CameraFormats,
        Ability::SoundCard,
        Ability::SoundCardPlug,
    ];

    #[test]
    fn the_example_can_do_all_that_a_real_camera_lets_it() {
        let bench = bench(EXAMPLE).unwrap();
        let lacking: Vec<_> = ALL.into_iter().filter(|ability| bench.lacks(*ability).is_some()).collect();
        assert_eq!(lacking, [Ability::Card, Ability::CameraFaults, Ability::CameraFormats]);
        assert_eq!(bench.config.text("board.description"), Some(known_state::BOARD));
        assert_eq!(bench.local_port, 9480);
    }

    #[test]
    fn what_a_description_leaves_out_is_lacking_with_its_name() {
        let bench = bench(&smallest()).unwrap();
        let reasons: Vec<_> = ALL.into_iter().filter_map(|ability| bench.lacks(ability)).collect();
        for name in
            ["power", "sacrifice", "watchdog", "network.cable", "network.addresses", "camera.plug", "sound.plug"]
        {
            assert!(
                reasons.iter().any(|reason| reason.ends_with(&format!("no bench.{name}"))),
                "{name} in {reasons:?}"
            );
        }
        assert_eq!(reasons.len(), 11);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let line = |from: &str| EXAMPLE[..EXAMPLE.find(from).unwrap()].matches('\n').count() + 1;
        for (from, to, word) in [
            ("sacrifice = true", "sacrifize = true", "sacrifize"),
            ("page = \"http://192.168.77.2:8080\"", "page = \"192.168.77.2\"", "is not like http://"),
            ("plug = { usb_port", "plug = { usb", "usb_port"),
            ("off = [", "off = [] # [", "at least a program"),
            ("bias = \"pull-down\"", "bias = \"down\"", "pull-down"),
            ("cable = { interface", "cable = { card", "card"),
            ("secret = { env", "secret = { environment", "environment"),
        ] {
            let error = format!("{:#}", changed(from, to).unwrap_err());
            let place = format!("line {},", line(from));
            assert!(error.contains(&place) && error.contains(word), "{place} {word}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = format!("{:#}", changed("pi4-bench.board.toml", "no-such-board.toml").unwrap_err());
        assert!(error.contains("no-such-board.toml"), "{error}");
    }

    #[test]
    fn an_installation_that_fails_is_told() {
        let bench = changed("install = [[\"scp\"", "install = [[\"false\"").unwrap();
        let error = block_on(bench.description.install[0].run("bench.install")).unwrap_err().to_string();
        assert!(error.contains("bench.install") && error.contains("false"), "{error}");
    }
}
