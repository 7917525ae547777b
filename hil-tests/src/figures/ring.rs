//! From the accepted press to the ring and to the picture in the page.

use anyhow::{Context, Result};
use doorway_proto::state::Activity;

use super::report::progress;
use super::{Effort, Line, Report};
use crate::browser::Latency;
use crate::case::Case;
use crate::device::{Config, Device};
use crate::scene::{SOON, Scene};

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let presses = effort.pick(40, 4);
    progress(&format!("{presses} presses, each rung, shown and declined"));
    let case = Case::new()?;
    let scene = Scene::quiet(&case, Config::default()).await?;
    report.built_from(&scene.device.status().await?.commit);
    let (mut rings, mut pictures) = (Vec::new(), Vec::new());
    for _ in 0..presses {
        // As for most visitors, the camera is off; it stays on for a moment after a call.
        scene.device.wait_until("the camera is off", SOON, |status| !status.video.running).await?;
        scene.page.run("performance.clearMarks()", vec![]).await?;
        scene.device.press().await?;
        let shown = "return performance.getEntriesByName('doorway:picture', 'mark').length > 0";
        scene.page.wait_for("the visitor is shown", SOON, shown).await?;
        let marks = scene.device.status().await?.marks;
        let accepted = marks.press_accepted_ms.context("no press was accepted")?;
        let pressed = marks.pressed_ms.context("no contact closed")?;
        rings.push(scene.page.mark("doorway:ring").await?.context("the page set no mark for the ring")? - accepted);
        pictures
            .push(scene.page.mark("doorway:picture").await?.context("the page set no mark for the picture")? - pressed);
        scene.page.click("#decline").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
    }
    let input = "640x360 test picture, started by the press, software encoder, one page on loopback; station's and page's clock are one; the ring \
                 from the moment that the press was accepted, the picture from the contact, 30 ms of hold time before";
    report.add(&Line::spread("press_to_ring_ms", &Latency::of(rings)?, input))?;
    report.add(&Line::spread("press_to_picture_ms", &Latency::of(pictures)?, input))
}
