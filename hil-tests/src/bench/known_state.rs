//! The state in which every case finds the device, and the one in which the last leaves it.
//!
//! A virtual board is thrown away after a case. What a bench's cases did has to be undone, one by one; only a device that may be
//! sacrificed is started anew as well.

use std::time::Duration;

use anyhow::{Context, Result};

use super::clock::BenchClock;
use super::description::BenchDescription;
use crate::device::by_agent::{CONFIG, Systemd};
use crate::device::layers::Service as _;
use crate::jig::Jig;
use crate::wait::{Look, until};

/// Where the cases' board description is, if they have one.
pub(super) const BOARD: &str = "/etc/doorway/bench-board.toml";

/// How long cameras and cards take from their plug to their device files.
const SETTLED: Duration = Duration::from_secs(20);

/// Where the device's own configuration is kept meanwhile. It outlives a run that is killed, and starts of the device.
fn own_config() -> String {
    format!("{CONFIG}.before-bench")
}

/// Everything around the daemon as it should be: network, plugs, clock.
pub(super) async fn surroundings(description: &BenchDescription, device: &Jig) -> Result<()> {
    // What the case of a full disk leaves when it fails; nothing else could be written beside it.
    device.sh("rm -f /var/full /var/lib/doorway/full").await?;
    if let Some(network) = &description.network {
        network.be_as_it_was(device).await.context("bench.network")?;
    }
    for plug in [&description.camera.plug, &description.sound.plug].into_iter().flatten() {
        plug.be_in(device).await?;
    }
    BenchClock::new(device.clone()).be_right().await
}

/// Starts the daemon with the cases' configuration.
pub(super) async fn start_daemon(device: &Jig, config: &str, board: Option<&str>) -> Result<()> {
    let own = own_config();
    device
        .sh(&format!(
            "set -e
             test -e {CONFIG} || {{ echo 'there is no {CONFIG}: install the package of the daemon' >&2; exit 1; }}
             test -e {own} || cp -p {CONFIG} {own}
             systemctl stop doorwayd
             systemctl reset-failed doorwayd 2>/dev/null || true"
        ))
        .await?;
    if let Some(board) = board {
        device.write(BOARD, board.as_bytes()).await?;
        device.sh(&format!("chmod 644 {BOARD}")).await?;
    }
    let service = Systemd::new(device.clone());
    service.set_config(config).await?;
    // Its copy was only for the way.
    device.sh("rm -f /run/doorway.toml").await?;
    // What was plugged in a moment ago is found by and by.
    until("the daemon takes bench.config", SETTLED, async || {
        let checked = device.run(&["doorwayd", "check-config", CONFIG], SETTLED).await?;
        Ok(Look::when(checked.code == Some(0), (), format!("{}{}", checked.stdout, checked.stderr)))
    })
    .await?;
    // A case may take the power away.
    device.sh("sync").await?;
    service.start().await
}

/// Gives the device its own configuration back.
pub(super) async fn give_back(device: &Jig) -> Result<()> {
    let own = own_config();
    device
        .sh(&format!(
            "set -e
             test -e {own} || exit 0
             systemctl stop doorwayd
             mv {own} {CONFIG}
             rm -f {BOARD}
             systemctl reset-failed doorwayd 2>/dev/null || true
             systemctl start --no-block doorwayd
             sync"
        ))
        .await?;
    Ok(())
}
