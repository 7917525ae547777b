//! The kinds of device that the cases run against.
//!
//! So far there is one: [`Simulated`], the daemon as a process on this machine with the simulated board, the test
//! picture and the test sound. A trait comes with the second kind.

mod companion;
mod config;
mod panel;
mod simulated;
mod status;

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

pub use companion::Companion;
pub use config::Config;
pub use panel::{Move, Panel, PanelState, Relay, Step};
pub use simulated::Simulated;
pub use status::{
    Call, CompanionStatus, DoorStatus, Marks, Peer, Resources, SoundStatus, StationStatus, Status, VideoStatus,
};

/// A TCP port on loopback that nobody listens on at this moment.
///
/// # Errors
/// When the operating system has none left.
pub fn free_port() -> Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(socket.local_addr().context("reading the port")?.port())
}
