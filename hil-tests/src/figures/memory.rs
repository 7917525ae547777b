//! Memory of the daemon with a picture that it encodes itself, and what of it stays after the call.

use std::time::Duration;

use anyhow::Result;

use super::cpu::{named, watchers};
use super::report::progress;
use super::{Effort, Line, Report, megabytes};
use crate::case::Case;
use crate::device::{Config, Device, Simulated};
use crate::process::{heap_kb, resident_kb};

/// Longer than sent packets are kept for who may ask for them again.
const FULL: Duration = Duration::from_secs(15);

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let case = Case::new()?;
    for peers in [1, 8] {
        progress(&format!("memory with an encoder and {peers} peers"));
        let mut device = Simulated::start(&case, Config::default().with("video.size", "1280x720")).await?;
        let receivers = watchers(&device, peers).await?;
        tokio::time::sleep(effort.pick(FULL, Duration::from_secs(4))).await;
        let status = device.status().await?;
        report.built_from(&status.commit);
        let encoder = status.video.encoder.unwrap_or_else(|| "no encoder".to_owned());
        let what = format!("1280x720 test picture at 30 frames a second, {encoder}, watched by {peers} receivers");
        add(report, named("rss_live", peers, "mb"), &device, &what)?;
        drop(receivers);
        device.nothing_is_left().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        add(report, named("rss_after_call", peers, "mb"), &device, &format!("2 s after the end of: {what}"))?;
        device.stop().await?;
    }
    Ok(())
}

fn add(report: &mut Report, figure: String, device: &Simulated, what: &str) -> Result<()> {
    let input = format!("{what}; {:.1} MB of it heap and stacks", megabytes(heap_kb(device.pid())?));
    report.add(&Line::value(figure, "MB", megabytes(resident_kb(device.pid())?), input))
}
