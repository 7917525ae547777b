//! What arrives over a network that loses packets in both directions.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::report::progress;
use super::{Effort, Line, Report};
use crate::browser::FrameCount;
use crate::case::Case;
use crate::device::{Config, Device, SoundStatus};
use crate::scene::{SOON, Scene};
use crate::wait::{Look, until};

/// Samples in a packet of 20 ms at 48 kHz.
const PACKET_SAMPLES: f64 = 960.0;

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    for loss in [0, 2, 5, 10] {
        let seconds = effort.pick(25, 6);
        progress(&format!("{seconds} s at {loss} % loss"));
        let case = Case::new()?;
        let config = Config::default()
            .with("simulate.network.loss_percent", f64::from(loss))
            .with("simulate.network.delay", "10 ms");
        let scene = talking(&case, config).await?;
        tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
        let (before, page_before) = (scene.device.status().await?, scene.page.counts().await?);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (after, page_after) = (scene.device.status().await?, scene.page.counts().await?);
        report.built_from(&after.commit);
        let sent = after.video.frames - before.video.frames;
        ensure!(sent > 0, "the station sent no frame");
        let decoded = page_after.frames_decoded - page_before.frames_decoded;
        let input = format!(
            "{seconds} s of a call, 640x360 at 30 frames a second, {loss} % lost each way at random, 10 ms delay each \
             way; {sent} frames sent, {} video packets lost at first, {} came again, {} keyframes asked for, \
             {} freezes",
            page_after.packets_lost - page_before.packets_lost,
            page_after.retransmitted_packets_received - page_before.retransmitted_packets_received,
            page_after.pli_count - page_before.pli_count,
            page_after.freeze_count - page_before.freeze_count,
        );
        let percent = (decoded as f64 / sent as f64 * 100.0).min(100.0);
        report.add(&Line::value(format!("loss_{loss}_frames_decoded_pct"), "%", percent, input))?;
        let (page, station) =
            (concealed_in_page(page_before, page_after), concealed_at_station(&before.sound, &after.sound));
        let input = format!("the same call; page {page:.2} %, station {station:.2} %: the worse of both");
        report.add(&Line::value(format!("loss_{loss}_audio_concealed_pct"), "%", page.max(station), input))?;
    }
    Ok(())
}

/// As [`Scene::talking`], with any sound for the tone: what is concealed is not pure.
async fn talking(case: &Case, config: Config) -> Result<Scene> {
    let scene = Scene::quiet(case, config).await?;
    scene.ring().await?;
    scene.answer().await?;
    until("the visitor is heard in the page", SOON, async || {
        let heard = scene.page.heard_at_ms().await?;
        Ok(Look::when(heard.is_some(), (), "silence".to_owned()))
    })
    .await?;
    scene.device.wait_until("the page is heard at the station", SOON, |s| s.sound.heard_at_ms.is_some()).await?;
    Ok(scene)
}

fn concealed_in_page(before: FrameCount, after: FrameCount) -> f64 {
    let concealed = after.concealed_samples - before.concealed_samples;
    let all = after.total_samples_received - before.total_samples_received;
    concealed as f64 / (all as f64).max(1.0) * 100.0
}

fn concealed_at_station(before: &SoundStatus, after: &SoundStatus) -> f64 {
    let concealed = (after.concealed - before.concealed) as f64;
    let received = (after.received - before.received + after.recovered_by_fec - before.recovered_by_fec) as f64;
    concealed / (received * PACKET_SAMPLES + concealed).max(1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_restored_is_not_concealed() {
        let sound = |received, recovered_by_fec, concealed| SoundStatus {
            running: true,
            speaker_dbfs: None,
            heard_at_ms: None,
            received,
            concealed,
            capture_xruns: 0,
            playback_xruns: 0,
            recovered_by_fec,
        };
        let percent = concealed_at_station(&sound(10, 0, 0), &sound(100, 5, 5 * 960));
        assert!((percent - 5.0).abs() < 1e-9, "{percent}");
    }
}
