//! CPU time and memory of the daemon while it sends a picture that is encoded already.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::recording;
use super::report::progress;
use super::{Effort, Line, Report};
use crate::case::Case;
use crate::device::{Config, Device, Simulated};
use crate::peer::{Receiver, Want};
use crate::process::{cpu_time, cpu_time_by_thread, resident_kb};

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let case = Case::new()?;
    let file = recording::make(&case)?;
    let config = Config::default()
        .with("video.source", "recording")
        .with("video.recording", file.to_string_lossy().as_ref())
        .with("video.size", "1280x720");
    for peers in [1usize, 4, 8] {
        with_peers(report, effort, &case, config.clone(), peers).await?;
    }
    Ok(())
}

async fn with_peers(report: &mut Report, effort: Effort, case: &Case, config: Config, peers: usize) -> Result<()> {
    progress(&format!("CPU and memory with {peers} peers"));
    let mut device = Simulated::start(case, config).await?;
    report.built_from(&device.status().await?.commit);
    if peers == 1 {
        tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
        let input = "after the start, simulated board, companion inside, nobody there";
        report.add(&Line::value("rss_idle_mb", "MB", megabytes(resident_kb(device.pid())?), input))?;
    }
    let mut receivers = Vec::new();
    for _ in 0..peers {
        receivers.push(Receiver::start(&device.socket(), "front-door", Want::Watch).await?);
    }
    for receiver in &receivers {
        receiver.wait_connected().await?;
    }
    tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
    let frames_before: Vec<_> = receivers.iter().map(|receiver| receiver.seen().video_frames).collect();
    let threads_before = cpu_time_by_thread(device.pid());
    let (cpu_before, start) = (cpu_time(device.pid())?, Instant::now());
    tokio::time::sleep(Duration::from_secs(effort.pick(60, 5))).await;
    let (cpu, elapsed) = (cpu_time(device.pid())? - cpu_before, start.elapsed());
    let resident = resident_kb(device.pid())?;
    let per_minute = |cpu: Duration| cpu.as_secs_f64() / elapsed.as_secs_f64() * 60.0;
    for (thread, after) in cpu_time_by_thread(device.pid()) {
        let spent = after.saturating_sub(threads_before.get(&thread).copied().unwrap_or_default());
        progress(&format!("  thread {thread}: {:.2} s/min", per_minute(spent)));
    }
    for (receiver, before) in receivers.iter().zip(frames_before) {
        let seen = receiver.seen();
        let rate = (seen.video_frames - before) as f64 / elapsed.as_secs_f64();
        ensure!(rate > 28.0, "a receiver got {rate:.1} frames a second, so the CPU time means nothing: {seen:?}");
    }
    let plural = if peers == 1 { "peer" } else { "peers" };
    let input = format!("{}, watched by {peers} receivers on loopback, user and system time", recording::WHAT);
    report.add(&Line::value(format!("cpu_no_encoder_{peers}_{plural}_s_per_min"), "s/min", per_minute(cpu), input))?;
    if peers != 4 {
        let input = format!("{}, watched by {peers} receivers for a minute", recording::WHAT);
        report.add(&Line::value(format!("rss_{peers}_{plural}_mb"), "MB", megabytes(resident), input))?;
    }
    drop(receivers);
    device.nothing_is_left().await?;
    device.stop().await
}

fn megabytes(kb: u64) -> f64 {
    kb as f64 / 1024.0
}
