//! What can be done to a device from outside, a layer each: the same verbs on a virtual board, on a bench and, as far as it
//! goes, on a simulated board.

use std::fmt::Debug;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;

use crate::browser::Page;
use crate::jig::Jig;
use crate::tone::Sound;

/// The layers of one device. Those that not every kind of device has are asked for by a method, which says so.
#[derive(Debug)]
pub struct Layers {
    /// Programs, files and clocks on the device itself.
    pub inside: Rc<dyn Inside>,
    /// The daemon as a service.
    pub service: Box<dyn Service>,
    /// Buttons, relay and light, at their wires.
    pub contacts: Box<dyn Contacts>,
    /// What the camera sees, and its plug.
    pub camera: Box<dyn Camera>,
    /// Air in front of microphone and speaker, and the card's plug.
    pub sound: Box<dyn SoundCard>,
    /// Mains.
    pub power: Option<Box<dyn Power>>,
    /// The serial console.
    pub console: Option<Rc<dyn Console>>,
    /// The network between device and household.
    pub network: Option<Box<dyn Network>>,
    /// The wall clock.
    pub clock: Option<Box<dyn Clock>>,
    /// The card that it starts from.
    pub card: Option<Box<dyn Card>>,
}

impl Layers {
    /// Mains.
    ///
    /// # Errors
    /// When they are out of reach.
    pub fn power(&self) -> Result<&dyn Power> {
        self.power.as_deref().context("the device's power can't be switched")
    }

    /// The network between device and household.
    ///
    /// # Errors
    /// When it is this machine's own.
    pub fn network(&self) -> Result<&dyn Network> {
        self.network.as_deref().context("the device's network can't be changed")
    }

    /// The wall clock.
    ///
    /// # Errors
    /// When it is this machine's own.
    pub fn clock(&self) -> Result<&dyn Clock> {
        self.clock.as_deref().context("the device's clock is this machine's")
    }

    /// The card that it starts from.
    ///
    /// # Errors
    /// When it starts from none that can be flashed.
    pub fn card(&self) -> Result<&dyn Card> {
        self.card.as_deref().context("the device does not start from a card that can be flashed")
    }
}

/// What only some kinds of device can do or have done to them. A case names what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Its power is cut and comes back.
    PowerCut,
    /// A service manager restarts what died.
    ServiceManager,
    /// Anything may be done inside: it is no computer that people work on.
    Sacrifice,
    /// Its kernel is restarted by a watchdog when it hangs.
    Watchdog,
    /// Its network cable is pulled.
    Cable,
    /// Its network loses packets and holds them up.
    Loss,
    /// It moves to another address.
    NewAddress,
    /// A button stays held while its daemon starts.
    HeldButton,
    /// Its wall clock jumps.
    Clock,
    /// It starts from a card with a device image, which can be flashed and updated.
    Card,
    /// Its camera is unplugged.
    CameraPlug,
    /// Its camera fails on demand.
    CameraFaults,
    /// Its camera offers every raw format.
    CameraFormats,
    /// It has a sound card.
    SoundCard,
    /// Its sound card is unplugged.
    SoundCardPlug,
}

/// Mains.
#[async_trait(?Send)]
pub trait Power: Debug {
    /// Takes it away, as a fuse does.
    async fn cut(&self) -> Result<()>;

    /// Gives it back. What starts then is waited for with [`Inside::reach`].
    async fn give(&self) -> Result<()>;

    /// Presses the reset button. Without one the power is taken and given back.
    async fn reset(&self) -> Result<()> {
        off_and_on(self).await
    }
}

/// Resets what has no reset button.
///
/// # Errors
/// When the power can't be switched.
pub async fn off_and_on(power: &(impl Power + ?Sized)) -> Result<()> {
    power.cut().await?;
    // Capacitors carry a board for a moment.
    tokio::time::sleep(Duration::from_secs(3)).await;
    power.give().await
}

/// The serial console.
#[async_trait(?Send)]
pub trait Console: Debug {
    /// Everything that came over it since the case began.
    async fn text(&self) -> Result<String>;
}

/// Programs, files and clocks on the device itself, by the agent there.
#[async_trait(?Send)]
pub trait Inside: Debug {
    /// The agent. Clones of it go on working after a start of the device.
    fn agent(&self) -> &Jig;

    /// Waits until the agent answers, after a start of the device.
    async fn reach(&self, within: Duration) -> Result<()>;
}

/// The daemon as a service.
#[async_trait(?Send)]
pub trait Service: Debug {
    /// Its configuration file, to be changed with [`Config`](super::Config).
    async fn config(&self) -> Result<String>;

    /// Writes its configuration file. It counts from the next start on.
    async fn set_config(&self, text: &str) -> Result<()>;

    /// Starts it; it need not be able to ring yet.
    async fn start(&self) -> Result<()>;

    /// Stops it and expects a clean end.
    async fn stop(&self) -> Result<()>;

    /// Everything that it logged since the device started.
    async fn log(&self) -> Result<String>;
}

/// Wires of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The call button.
    Call,
    /// A second call button.
    SecondCall,
    /// The button that opens the door from the inside.
    Exit,
    /// The door's relay.
    Relay,
    /// The button's light.
    Indicator,
}

/// A wire that became active or inactive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Whether it is active now: a relay energised, a light on.
    pub active: bool,
    /// When, by a clock that only differences are taken of.
    pub at: Duration,
}

/// Buttons, relay and light, at their wires.
#[async_trait(?Send)]
pub trait Contacts: Debug {
    /// Moves a button's contact: closed or open, and for how long. Returns when the last step is over.
    async fn play(&self, button: Wire, steps: &[(bool, Duration)]) -> Result<()>;

    /// Begins to note what a wire does, and forgets what was noted before.
    async fn watch(&self, wire: Wire) -> Result<()>;

    /// What was noted since [`Contacts::watch`] or the last time.
    async fn moves(&self) -> Result<Vec<Move>>;

    /// Whether a wire is active.
    async fn is_active(&self, wire: Wire) -> Result<bool>;
}

/// What is wrong with a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraFault {
    /// It gives no more frames, until it does again.
    Silent(bool),
    /// Its stream breaks and has to be begun anew.
    Broken,
    /// One frame has the driver's error flag.
    DamagedFrame,
    /// Another program has left it in another format and size.
    OtherFormat,
}

/// What the camera sees, and its plug.
#[async_trait(?Send)]
pub trait Camera: Debug {
    /// Waits until the page shows what the camera sees, `count` further pictures of it.
    async fn seen_in(&self, page: &Page, count: usize, within: Duration) -> Result<()>;

    /// Takes it away.
    async fn unplug(&self) -> Result<()>;

    /// Puts it back.
    async fn plug(&self) -> Result<()>;

    /// Makes it fail.
    async fn inject(&self, fault: CameraFault) -> Result<()>;
}

/// Air in front of microphone and speaker, and the card's plug.
#[async_trait(?Send)]
pub trait SoundCard: Debug {
    /// What the visitor sounds like, in Hz.
    fn visitor_hz(&self) -> f64;

    /// Lets a visitor talk at the door for a minute, or until [`SoundCard::hush`].
    async fn speak(&self) -> Result<()>;

    /// The visitor falls silent.
    async fn hush(&self) -> Result<()>;

    /// What the speaker played in the last `seconds`.
    async fn speaker(&self, seconds: f64) -> Result<Sound>;

    /// What the kernel says of the PCMs that somebody has open; nothing when nobody has.
    async fn open_pcms(&self) -> Result<String>;

    /// Takes the card away.
    async fn unplug(&self) -> Result<()>;

    /// Puts it back.
    async fn plug(&self) -> Result<()>;
}

/// How a network treats packets, each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impairment {
    /// Of a hundred packets, so many are lost.
    pub loss_percent: u32,
    /// Each is held up for so long,
    pub delay: Duration,
    /// give or take.
    pub jitter: Duration,
}

/// The network between device and household.
#[async_trait(?Send)]
pub trait Network: Debug {
    /// Plugs the device's cable in or out.
    async fn set_cable(&self, plugged: bool) -> Result<()>;

    /// Impairs it both ways, or not any more.
    async fn impair(&self, impairment: Option<Impairment>) -> Result<()>;

    /// How many packets the impairment has lost so far, on the way out and on the way in.
    async fn lost(&self) -> Result<(u64, u64)>;

    /// Gives the device another address in its network and takes the old one away; returns the new one.
    async fn renumber(&self) -> Result<String>;
}

/// The wall clock.
#[async_trait(?Send)]
pub trait Clock: Debug {
    /// Moves it by so many seconds.
    async fn jump(&self, seconds: i64) -> Result<()>;
}

/// The card that the device starts from. It is in the reader while the power is off.
#[async_trait(?Send)]
pub trait Card: Debug {
    /// Flashes the image onto it anew.
    async fn flash(&self) -> Result<()>;

    /// Puts a file onto its boot partition.
    async fn put(&self, name: &str, content: &str) -> Result<()>;

    /// What a file on its boot partition holds; `None` without one.
    async fn read(&self, name: &str) -> Result<Option<String>>;

    /// Whether a text is anywhere on it, in files or beside them.
    async fn holds(&self, text: &str) -> Result<bool>;

    /// Keeps a hand on the call button when the power comes, until a contact is moved.
    async fn hold_the_button(&self) -> Result<()>;

    /// An update for the device, by its name.
    fn update(&self, name: &str) -> PathBuf;
}
