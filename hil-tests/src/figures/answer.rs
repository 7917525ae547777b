//! From the click on 'answer' to sound, in the page and at the station.

use std::time::Duration;

use anyhow::{Context, Result};
use doorway_proto::state::Activity;

use super::report::progress;
use super::{Effort, Line, Report};
use crate::browser::Latency;
use crate::case::Case;
use crate::device::{Config, Device};
use crate::scene::{SOON, Scene};
use crate::wait::{Look, until};

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let calls = effort.pick(20, 3);
    progress(&format!("{calls} calls, each answered and heard on both sides"));
    let case = Case::new()?;
    let scene = Scene::quiet(&case, Config::default()).await?;
    report.built_from(&scene.device.status().await?.commit);
    let (mut in_page, mut at_station) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let (page_ms, station_ms) = one_call(&scene).await?;
        in_page.push(page_ms);
        at_station.push(station_ms);
    }
    let input = "tones over -50 dBFS; page: first audible block of 256 samples in its audio graph; \
                 station: first audible block at the speaker; getUserMedia of a fake device is inside";
    report.add(&Line::spread("answer_to_sound_page_ms", &Latency::of(in_page)?, input))?;
    report.add(&Line::spread("answer_to_sound_station_ms", &Latency::of(at_station)?, input))
}

async fn one_call(scene: &Scene) -> Result<(f64, f64)> {
    scene.page.run("performance.clearMarks()", vec![]).await?;
    scene.ring().await?;
    // The listening begins before the click; a person's decision takes longer than this, too.
    scene.page.heard_at_ms().await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    scene.page.click("#answer").await?;
    let heard_in_page = until("the visitor is heard in the page", SOON, async || {
        let heard = scene.page.heard_at_ms().await?;
        Ok(heard.map_or_else(|| Look::NotYet("silence".to_owned()), Look::Found))
    })
    .await?;
    let status =
        scene.device.wait_until("the answerer is heard at the station", SOON, |s| s.sound.heard_at_ms.is_some());
    let heard_at_station = status.await?.sound.heard_at_ms.context("it was there a moment ago")?;
    let clicked = scene.page.mark("doorway:accept").await?.context("the page set no mark for the click")?;
    scene.page.click("#hang-up").await?;
    scene.device.wait_for(Activity::Idle, SOON).await?;
    Ok((heard_in_page - clicked, heard_at_station - clicked))
}
