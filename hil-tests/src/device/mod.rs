//! The kinds of device that the cases run against.
//!
//! - [`Simulated`]: the daemon as a process on this machine with the simulated board, the test picture, the test sound.
//! - [`Board`]: a device that is made of [`layers`]: the daemon as a service of another kernel with a camera, a sound card and
//!   GPIO lines, emulated on a virtual board, real on a bench; or a simulated one in the same shape.
//!
//! What both can do is [`Device`]. A file of `devices/` describes one, see [`Description`].

mod board;
pub mod by_agent;
mod companion;
mod config;
mod description;
pub mod layers;
mod panel;
mod simulated;
mod simulated_board;
mod status;

use std::net::{Ipv4Addr, TcpListener};

use std::time::Duration;

use anyhow::{Context, Result};
use doorway_proto::state::Activity;

use crate::browser::Page;
use crate::tone::Sound;
use crate::wait::{Look, until};

pub use board::{Board, Place};
pub use companion::Companion;
pub use config::Config;
pub use description::{Description, Ready};
pub use panel::{Move, Panel, PanelState, Relay, Step};
pub use simulated::Simulated;
pub use simulated_board::SimulatedBoard;
pub use status::{
    Call, CompanionStatus, DoorStatus, Marks, Peer, Resources, SoundStatus, StationStatus, Status, VideoStatus,
};

/// What a case does with a device of any kind.
#[expect(async_fn_in_trait, reason = "cases run on one thread, and no case is generic over `Send`")]
pub trait Device: Sized {
    /// The address of the page.
    fn page(&self) -> String;

    /// What the daemon says of itself.
    ///
    /// # Errors
    /// When it does not answer, or not as agreed.
    async fn status(&self) -> Result<Status>;

    /// Presses the call button, as a person does.
    ///
    /// # Errors
    /// When it can't be moved.
    async fn press(&self) -> Result<()>;

    /// Waits until the page shows the device's picture in motion, `count` further frames of it.
    ///
    /// # Errors
    /// When it shows another one, a still one or none.
    async fn picture_moves(&self, page: &Page, count: usize, within: Duration) -> Result<()>;

    /// What the speaker played in the last `seconds`.
    ///
    /// # Errors
    /// When nothing was recorded.
    async fn speaker(&self, seconds: f64) -> Result<Sound>;

    /// Everything that the daemon logged.
    ///
    /// # Errors
    /// When it can't be read.
    async fn log(&self) -> Result<String>;

    /// Waits until the daemon is idle and holds no more than at its start.
    ///
    /// # Errors
    /// When something is left; the error lists it.
    async fn nothing_is_left(&self) -> Result<()>;

    /// Stops the daemon as its service manager does and expects a clean end.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    async fn stop(&mut self) -> Result<()>;

    /// Waits until the daemon does `activity`.
    ///
    /// # Errors
    /// When it does something else for too long.
    async fn wait_for(&self, activity: Activity, within: Duration) -> Result<Status> {
        self.wait_until(&format!("the station is {activity:?}"), within, |status| status.activity == activity).await
    }

    /// Waits until the status fulfils `condition`.
    ///
    /// # Errors
    /// When it does not for too long.
    async fn wait_until(
        &self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&Status) -> bool,
    ) -> Result<Status> {
        until(what, within, async || {
            let status = self.status().await?;
            let seen = format!("{:?}, {:?}, {:?}", status.activity, status.call, status.resources);
            Ok(Look::when(condition(&status), status, seen))
        })
        .await
    }
}

/// A TCP port on loopback that nobody listens on at this moment.
///
/// # Errors
/// When the operating system has none left.
pub fn free_port() -> Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(socket.local_addr().context("reading the port")?.port())
}
