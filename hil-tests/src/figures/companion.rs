//! What an idle client costs the companion.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::report::progress;
use super::{Effort, Line, Report};
use crate::case::Case;
use crate::device::Companion;
use crate::peer::Socket;
use crate::process::{raise_open_files, resident_kb};

/// The companion's defaults are meant for some hundred households.
const ALL: &str = "20000";
/// A room takes no more, so the clients are spread over several.
const OF_A_ROOM: u64 = 1000;

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let clients = effort.pick(5000, 200);
    progress(&format!("{clients} idle clients at the companion"));
    let files = raise_open_files()?;
    ensure!(
        files > clients + 100,
        "{clients} clients need as many file handles, and {files} are allowed: raise the hard limit (`ulimit -Hn`)"
    );
    let case = Case::new()?;
    let limits = ["--endpoint-limit", ALL, "--connection-limit", ALL];
    let mut companion = Companion::start(&case, &limits).await?;
    // What the first client alone brings about is not the price of the others.
    let first = Socket::enter(&companion.socket()).await?;
    let before = resident_kb(companion.pid()?)?;
    let mut sockets = Vec::new();
    for number in 0..clients {
        let room = format!("room-{}", number / OF_A_ROOM);
        let socket = Socket::enter_room(&companion.socket(), &room).await;
        sockets.push(socket.with_context(|| format!("client {number} of {clients}"))?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = resident_kb(companion.pid()?)?;
    let each = after.saturating_sub(before) as f64 / clients as f64;
    let input = format!(
        "{clients} clients in rooms of {OF_A_ROOM} after their hello, {before} KB before, {after} KB with them"
    );
    report.add(&Line::value("companion_idle_client_kb", "KB", each, input))?;
    drop((first, sockets));
    companion.stop()
}
