//! From the drawing of a frame at the station to its presentation in the page.

use std::time::Duration;

use anyhow::Result;

use super::report::progress;
use super::{Effort, Line, Report};
use crate::browser::Latency;
use crate::case::Case;
use crate::device::{Config, Device};
use crate::scene::Scene;

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    for (name, size) in [("360p", "640x360"), ("720p", "1280x720")] {
        let seconds = effort.pick(30, 5);
        progress(&format!("{seconds} s of {name}"));
        let case = Case::new()?;
        let scene = Scene::talking(&case, Config::default().with("video.size", size)).await?;
        let status = scene.device.status().await?;
        report.built_from(&status.commit);
        // The first seconds belong to the bandwidth estimate.
        tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
        scene.page.take_frames().await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let frames = scene.page.take_frames().await?;
        let what = format!(
            "{size} test picture at 30 frames a second in a call, {}, {} unreadable; clock drawn before the encoder, \
             read from a canvas in requestVideoFrameCallback",
            status.video.encoder.as_deref().unwrap_or("no encoder"),
            scene.page.unreadable_frames().await?,
        );
        let input = format!("{what}; until its expectedDisplayTime");
        report.add(&Line::spread(format!("source_to_display_{name}_ms"), &Latency::to_display(&frames)?, input))?;
        let input = format!("{what}; until that callback");
        report.add(&Line::spread(format!("source_to_canvas_{name}_ms"), &Latency::to_canvas(&frames)?, input))?;
    }
    Ok(())
}
