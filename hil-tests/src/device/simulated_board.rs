//! The simulated board in the layers of a real one, so that the same cases run on it.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::layers::{Ability, Camera, CameraFault, Contacts, Inside, Layers, Move, Power, Service, SoundCard, Wire};
use super::{Board, Config, Device as _, Panel, PanelState, Simulated, Step};
use crate::browser::Page;
use crate::case::Case;
use crate::jig::{AgentProgram, Jig};
use crate::scene::STATION_HZ;
use crate::tone::Sound;
use crate::tools;

/// The shipped simulated board with a second call button.
const BOARD: &str =
    concat!(include_str!("../../../board/boards/simulated.toml"), "\n[[button]]\nid = \"call-2\"\nrole = \"call\"\n");

/// A daemon on this machine with a simulated board.
#[derive(Debug)]
pub struct SimulatedBoard {
    daemon: Mutex<Simulated>,
    panel: Panel,
    agent: AgentProgram,
}

impl SimulatedBoard {
    /// Why a case that needs `ability` can't run on it.
    pub fn lacks(ability: Ability) -> Option<&'static str> {
        match ability {
            Ability::PowerCut => None,
            Ability::ServiceManager => Some("its daemon is started by the test, not by a service manager"),
            Ability::Sacrifice | Ability::Watchdog => Some("its computer is the one that the tests run on"),
            Ability::Cable | Ability::Loss | Ability::NewAddress => Some("its network is this machine's loopback"),
            Ability::HeldButton => Some("its buttons are part of the daemon and start with it"),
            Ability::Clock => Some("its clock is this machine's"),
            Ability::Card => Some("it is a process, and starts from no card"),
            Ability::CameraPlug | Ability::CameraFaults | Ability::CameraFormats => {
                Some("its camera is a test picture")
            }
            Ability::SoundCard | Ability::SoundCardPlug => Some("its sound card is a test tone"),
        }
    }

    /// Starts one that is able to ring.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn start(case: &Case) -> Result<Board> {
        let description = case.fresh("board", ".toml");
        fs::write(&description, BOARD).context("writing the board's description")?;
        let config = Config::default()
            .with("board.description", description.to_string_lossy().as_ref())
            .with("button", buttons())
            .with("door", doors());
        let daemon = Simulated::start(case, config).await?;
        let place = daemon.place();
        let panel = daemon.panel();
        let board = Rc::new(Self { daemon: Mutex::new(daemon), panel, agent: AgentProgram::start(&[tools::jig()?])? });
        let layers = Layers {
            inside: board.clone(),
            service: Box::new(board.clone()),
            contacts: Box::new(PanelWires { panel: board.panel.clone(), seen_ms: Cell::default() }),
            camera: Box::new(TestPicture),
            sound: Box::new(board.clone()),
            power: Some(Box::new(board)),
            console: None,
            network: None,
            clock: None,
            card: None,
        };
        Board::new(layers, place).await
    }
}

fn buttons() -> toml::Value {
    let button = |id: &str, label: &str| {
        toml::Table::from_iter([("id".to_owned(), id.into()), ("label".to_owned(), label.into())])
    };
    vec![button("call", "Front door"), button("call-2", "Flat 2")].into()
}

fn doors() -> toml::Value {
    let door = [("id", "door"), ("label", "Front door"), ("pulse", "3 s")];
    vec![toml::Table::from_iter(door.map(|(key, value)| (key.to_owned(), value.into())))].into()
}

#[async_trait(?Send)]
impl Inside for SimulatedBoard {
    fn agent(&self) -> &Jig {
        self.agent.jig()
    }

    async fn reach(&self, within: Duration) -> Result<()> {
        self.agent.reach(within).await
    }
}

#[async_trait(?Send)]
impl Service for Rc<SimulatedBoard> {
    async fn config(&self) -> Result<String> {
        fs::read_to_string(self.daemon.lock().await.config_path()).context("reading the configuration")
    }

    async fn set_config(&self, text: &str) -> Result<()> {
        fs::write(self.daemon.lock().await.config_path(), text).context("writing the configuration")
    }

    async fn start(&self) -> Result<()> {
        self.daemon.lock().await.start_again().await
    }

    async fn stop(&self) -> Result<()> {
        self.daemon.lock().await.stop().await
    }

    async fn log(&self) -> Result<String> {
        self.daemon.lock().await.log().await
    }
}

/// Its power is its process.
#[async_trait(?Send)]
impl Power for Rc<SimulatedBoard> {
    async fn cut(&self) -> Result<()> {
        self.daemon.lock().await.kill()
    }

    async fn give(&self) -> Result<()> {
        self.daemon.lock().await.start_again().await
    }
}

/// Its visitor talks all the time, in one tone.
#[async_trait(?Send)]
impl SoundCard for Rc<SimulatedBoard> {
    fn visitor_hz(&self) -> f64 {
        STATION_HZ
    }

    async fn speak(&self) -> Result<()> {
        Ok(())
    }

    async fn hush(&self) -> Result<()> {
        Ok(())
    }

    async fn speaker(&self, seconds: f64) -> Result<Sound> {
        self.daemon.lock().await.speaker(seconds).await
    }

    async fn open_pcms(&self) -> Result<String> {
        // What is open on this machine belongs to others.
        Ok(String::new())
    }

    async fn unplug(&self) -> Result<()> {
        bail!("a test tone has no plug")
    }

    async fn plug(&self) -> Result<()> {
        bail!("a test tone has no plug")
    }
}

/// The wires of the panel.
#[derive(Debug)]
struct PanelWires {
    panel: Panel,
    /// When the last move was that was told.
    seen_ms: Cell<f64>,
}

impl PanelWires {
    async fn relay_moves(&self) -> Result<Vec<super::Move>> {
        Ok(self.panel.relay("door").await?.moves)
    }
}

#[async_trait(?Send)]
impl Contacts for PanelWires {
    async fn play(&self, button: Wire, steps: &[(bool, Duration)]) -> Result<()> {
        let id = match button {
            Wire::Call => "call",
            Wire::SecondCall => "call-2",
            Wire::Exit => "exit",
            Wire::Relay | Wire::Indicator => bail!("{button:?} is no button"),
        };
        let moved: Vec<_> = steps
            .iter()
            .map(|(closed, period)| if *closed { Step::down(*period) } else { Step::up(*period) })
            .collect();
        self.panel.play(id, &moved).await?;
        tokio::time::sleep(steps.iter().map(|(_, period)| *period).sum()).await;
        Ok(())
    }

    async fn watch(&self, wire: Wire) -> Result<()> {
        if wire != Wire::Relay {
            bail!("the panel keeps the moves of the relay only");
        }
        self.moves().await?;
        Ok(())
    }

    async fn moves(&self) -> Result<Vec<Move>> {
        let moves: Vec<_> =
            self.relay_moves().await?.into_iter().filter(|done| done.at_ms > self.seen_ms.get()).collect();
        if let Some(last) = moves.last() {
            self.seen_ms.set(last.at_ms);
        }
        let told =
            |done: super::Move| Move { active: done.energised, at: Duration::from_secs_f64(done.at_ms / 1000.0) };
        Ok(moves.into_iter().map(told).collect())
    }

    async fn is_active(&self, wire: Wire) -> Result<bool> {
        match wire {
            Wire::Relay => Ok(self.panel.relay("door").await?.energised),
            Wire::Indicator => {
                let PanelState { indicator, .. } = self.panel.state().await?;
                Ok(indicator != "off")
            }
            Wire::Call | Wire::SecondCall | Wire::Exit => bail!("the panel does not tell where a button is"),
        }
    }
}

/// The picture that the daemon draws.
#[derive(Debug)]
struct TestPicture;

#[async_trait(?Send)]
impl Camera for TestPicture {
    async fn seen_in(&self, page: &Page, count: usize, within: Duration) -> Result<()> {
        page.picture_moves(count, within).await?;
        Ok(())
    }

    async fn unplug(&self) -> Result<()> {
        bail!("a test picture has no plug")
    }

    async fn plug(&self) -> Result<()> {
        bail!("a test picture has no plug")
    }

    async fn inject(&self, fault: CameraFault) -> Result<()> {
        bail!("a test picture has no {fault:?}")
    }
}
