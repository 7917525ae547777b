//! The lab: a network of one thread's own, in which a virtual board and the browsers of a case meet.
//!
//! It needs root for that, and for nothing else: see [`obstacle`].

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use crate::os;

/// The board's end of the cable.
pub const TAP: &str = "doorway-lab";
/// The address of this machine in the lab.
pub const HERE: &str = "10.77.0.1";
/// The address of the board.
pub const BOARD: &str = "10.77.0.2";

/// Why there can be no network of one's own on this machine; the cases that need one are ignored then.
pub fn without_a_network() -> Option<String> {
    if !os::is_root() {
        return Some("a network of its own takes root: run as root".to_owned());
    }
    // Root of a container may be allowed less.
    let tried = std::thread::spawn(leave).join().unwrap_or_else(|_| Err(anyhow!("trying it panicked")));
    tried.err().map(|error| format!("a network of its own can't be made here: {error:#}"))
}

/// Why there can be no lab on this machine; the cases that need one are ignored then.
pub fn obstacle() -> Option<String> {
    if let Some(reason) = without_a_network() {
        return Some(reason);
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("this machine has no /dev/net/tun for the board's network cable".to_owned());
    }
    None
}

/// Moves this thread, and what it starts from now on, into a network in which there is loopback alone.
///
/// # Errors
/// When it can't be made: see [`without_a_network`].
pub fn leave() -> Result<()> {
    os::leave_the_network().context("making a network of its own")?;
    ip(&["link", "set", "lo", "up"])
}

/// Moves this thread, and what it starts from now on, into a new lab. The old one ends with its last process.
///
/// # Errors
/// When it can't be made: see [`obstacle`].
pub fn enter() -> Result<()> {
    leave()?;
    ip(&["tuntap", "add", "dev", TAP, "mode", "tap"])?;
    // A link-local address of IPv6 comes up a second or two after the cable. Chromium takes that for a change of network and
    // breaks off what it is loading.
    ip(&["link", "set", "dev", TAP, "addrgenmode", "none"])?;
    ip(&["address", "add", &format!("{HERE}/24"), "dev", TAP])?;
    ip(&["link", "set", TAP, "up"])
}

/// Configures the lab's network.
///
/// # Errors
/// When `ip` refuses.
pub fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("starting ip")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {} failed: {complaint}", arguments.join(" "));
    Ok(())
}
