//! CPU time and memory of the daemon while it sends a picture that is encoded already, beside the same of a program that
//! does nothing but encrypt and send, and of other people's programs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use tokio::net::UdpSocket;

use super::report::progress;
use super::{Effort, Line, Report, megabytes, others, recording};
use crate::bare_sender::AEAD_NAME;
use crate::case::Case;
use crate::device::{Config, Device, Simulated};
use crate::peer::{Receiver, Want};
use crate::process::{Process, cpu_time_by_thread, heap_kb, resident_kb};
use crate::scene::SOON;
use crate::tools;

/// How many receivers the sender has, one after the other.
const RECEIVERS: [usize; 3] = [1, 4, 8];
/// Fewer pictures a second, and what they cost means nothing.
const ENOUGH: f64 = 28.0;

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let case = Case::new()?;
    let file = recording::make(&case)?;
    let config = Config::default()
        .with("video.source", "recording")
        .with("video.recording", file.to_string_lossy().as_ref())
        .with("video.size", "1280x720");
    idle(report, effort, &case, config.clone()).await?;
    for receivers in RECEIVERS {
        let bare = bare(report, effort, &case, &file, receivers).await?;
        watched(report, effort, &case, config.clone(), receivers, bare).await?;
    }
    talking(report, effort, &case, config).await?;
    others::measure(report, effort, &file, &RECEIVERS).await
}

async fn idle(report: &mut Report, effort: Effort, case: &Case, config: Config) -> Result<()> {
    let mut device = Simulated::start(case, config).await?;
    report.built_from(&device.status().await?.commit);
    tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
    let input = "after the start, simulated board, companion inside, nobody there";
    report.add(&Line::value("rss_idle_mb", "MB", megabytes(resident_kb(device.pid())?), input))?;
    device.stop().await
}

/// The floor: seconds a minute of the program that only encrypts and sends.
async fn bare(report: &mut Report, effort: Effort, case: &Case, file: &Path, receivers: usize) -> Result<f64> {
    progress(&format!("CPU of encrypting and sending alone, to {receivers}"));
    let packets = Arc::new(AtomicU64::new(0));
    let mut command = Command::new(tools::bare_sender()?);
    command.arg(file).arg(recording::RATE.to_string());
    let mut sinks = Vec::new();
    for _ in 0..receivers {
        let sink = UdpSocket::bind("127.0.0.1:0").await?;
        command.arg(sink.local_addr()?.to_string());
        let packets = Arc::clone(&packets);
        sinks.push(tokio::spawn(async move {
            let mut buffer = [0; 2000];
            while sink.recv(&mut buffer).await.is_ok() {
                packets.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut process = Process::start("bare-sender", command, &case.fresh("bare-sender", ".log"))?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ensure!(process.exited()?.is_none(), "bare-sender ended: {}", process.log());
    let before = packets.load(Ordering::Relaxed);
    let spent = Spent::by(process.pid(), Duration::from_secs(effort.pick(20, 5))).await?;
    let rate = (packets.load(Ordering::Relaxed) - before) as f64 / spent.wall.as_secs_f64() / receivers as f64;
    process.kill()?;
    sinks.iter().for_each(tokio::task::JoinHandle::abort);
    ensure!(rate > 100.0, "{rate:.0} packets a second are no picture of 2 Mbit/s");
    let input = format!(
        "{}, encrypted ({AEAD_NAME}) and sent to {receivers} by a program that does nothing else, {rate:.0} packets a \
         second each",
        recording::WHAT
    );
    report.add(&Line::value(named("cpu_bare", receivers, "s_per_min"), "s/min", spent.per_minute(), input))?;
    Ok(spent.per_minute())
}

async fn watched(
    report: &mut Report,
    effort: Effort,
    case: &Case,
    config: Config,
    peers: usize,
    bare: f64,
) -> Result<()> {
    progress(&format!("CPU and memory with {peers} peers"));
    let mut device = Simulated::start(case, config).await?;
    let receivers = watchers(&device, peers).await?;
    tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
    let seen = Frames::of(&receivers);
    let spent = Spent::by(device.pid(), Duration::from_secs(effort.pick(40, 5))).await?;
    seen.ensure_enough(&receivers, spent.wall)?;
    let input =
        format!("{}, watched without sound by {peers} receivers on loopback, user and system time", recording::WHAT);
    report.add(&Line::value(named("cpu_no_encoder", peers, "s_per_min"), "s/min", spent.per_minute(), input))?;
    let input = format!("{:.2} s/min beside {bare:.2} s/min of cpu_bare, in one run", spent.per_minute());
    report.add(&Line::value(named("cpu_no_encoder", peers, "x_bare"), "x", spent.per_minute() / bare, input))?;
    if peers != 4 {
        let input = format!(
            "{}, watched by {peers} receivers; {:.1} MB of it heap and stacks, and of these 5 MB the recording",
            recording::WHAT,
            megabytes(heap_kb(device.pid())?)
        );
        let resident = megabytes(resident_kb(device.pid())?);
        report.add(&Line::value(named("rss_no_encoder", peers, "mb"), "MB", resident, input))?;
    }
    drop(receivers);
    device.nothing_is_left().await?;
    device.stop().await
}

/// What one who talks costs: the same picture, and sound both ways through echo canceller and codec.
async fn talking(report: &mut Report, effort: Effort, case: &Case, config: Config) -> Result<()> {
    progress("CPU with one who talks");
    let mut device = Simulated::start(case, config).await?;
    let receiver = Receiver::start(&device.socket(), "front-door", Want::BeRung).await?;
    device.press().await?;
    receiver.wait_connected().await?;
    receiver.talk().await?;
    device.wait_for(Activity::InCall, SOON).await?;
    device.wait_until("the talker is heard at the station", SOON, |status| status.sound.heard_at_ms.is_some()).await?;
    tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
    let receivers = [receiver];
    let seen = Frames::of(&receivers);
    let heard = (device.status().await?.sound.received, receivers[0].seen().audio_packets);
    let spent = Spent::by(device.pid(), Duration::from_secs(effort.pick(40, 5))).await?;
    seen.ensure_enough(&receivers, spent.wall)?;
    let heard = (device.status().await?.sound.received - heard.0, receivers[0].seen().audio_packets - heard.1);
    let least = spent.wall.as_secs_f64() * 45.0;
    ensure!(heard.0.min(heard.1) as f64 > least, "{heard:?} packets of sound, so the CPU time means nothing");
    let input = format!(
        "{}, and a conversation: Opus both ways, echo canceller, jitter buffer, simulated sound card; one receiver on \
         loopback that says what it hears; user and system time",
        recording::WHAT
    );
    report.add(&Line::value("cpu_no_encoder_1_talker_s_per_min", "s/min", spent.per_minute(), input))?;
    drop(receivers);
    device.nothing_is_left().await?;
    device.stop().await
}

/// Clients that watch and have their picture.
pub(super) async fn watchers(device: &Simulated, count: usize) -> Result<Vec<Receiver>> {
    let mut receivers = Vec::new();
    for _ in 0..count {
        receivers.push(Receiver::start(&device.socket(), "front-door", Want::Watch).await?);
    }
    for receiver in &receivers {
        receiver.wait_connected().await?;
    }
    Ok(receivers)
}

/// `cpu_bare_4_peers_s_per_min` and the like.
pub(super) fn named(what: &str, peers: usize, unit: &str) -> String {
    format!("{what}_{peers}_{}_{unit}", if peers == 1 { "peer" } else { "peers" })
}

/// What a process spent in a time.
pub(super) struct Spent {
    cpu: Duration,
    wall: Duration,
}

impl Spent {
    /// Waits for `period` and tells what process `pid` spent in it; its threads are told as progress.
    pub(super) async fn by(pid: u32, period: Duration) -> Result<Self> {
        let (before, start) = (cpu_time_by_thread(pid)?, Instant::now());
        tokio::time::sleep(period).await;
        let (after, wall) = (cpu_time_by_thread(pid)?, start.elapsed());
        let threads = differences(&before, &after);
        let spent = Self { cpu: threads.values().sum(), wall };
        for (thread, cpu) in threads {
            progress(&format!("  thread {thread}: {:.2} s/min", Self { cpu, wall }.per_minute()));
        }
        Ok(spent)
    }

    pub(super) fn per_minute(&self) -> f64 {
        self.cpu.as_secs_f64() / self.wall.as_secs_f64() * 60.0
    }

    pub(super) fn wall(&self) -> Duration {
        self.wall
    }
}

fn differences(before: &BTreeMap<String, Duration>, after: &BTreeMap<String, Duration>) -> BTreeMap<String, Duration> {
    let since = |thread: &String| before.get(thread).copied().unwrap_or_default();
    after.iter().map(|(thread, cpu)| (thread.clone(), cpu.saturating_sub(since(thread)))).collect()
}

/// How many pictures each receiver had at a moment.
struct Frames(Vec<u64>);

impl Frames {
    fn of(receivers: &[Receiver]) -> Self {
        Self(receivers.iter().map(|receiver| receiver.seen().video_frames).collect())
    }

    fn ensure_enough(&self, receivers: &[Receiver], wall: Duration) -> Result<()> {
        for (receiver, before) in receivers.iter().zip(&self.0) {
            let seen = receiver.seen();
            let rate = (seen.video_frames - before) as f64 / wall.as_secs_f64();
            ensure!(rate > ENOUGH, "a receiver got {rate:.1} frames a second, so the CPU time means nothing: {seen:?}");
        }
        Ok(())
    }
}
