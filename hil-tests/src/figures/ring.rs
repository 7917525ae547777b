//! From the contact to the ring that a person sees and hears, and to the picture in the page.

use anyhow::{Context, Result};
use doorway_proto::state::Activity;

use super::report::progress;
use super::{Effort, Line, Report};
use crate::browser::Latency;
use crate::case::Case;
use crate::device::{Config, Device};
use crate::scene::{SOON, Scene};
use crate::wait::{Look, until};

/// The page sets this mark at the first picture that is presented.
pub(super) const SHOWN: &str = "return performance.getEntriesByName('doorway:picture', 'mark').length > 0";

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let presses = effort.pick(30, 4);
    progress(&format!("{presses} presses, each rung, shown and declined"));
    let case = Case::new()?;
    let scene = Scene::quiet(&case, Config::default()).await?;
    report.built_from(&scene.device.status().await?.commit);
    let (mut messages, mut painted, mut heard, mut pictures) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..presses {
        // As for most visitors, the camera is off; it stays on for a moment after a call.
        scene.device.wait_until("the camera is off", SOON, |status| !status.video.running).await?;
        scene.page.watch_ring().await?;
        scene.device.press().await?;
        scene.page.wait_for("the visitor is shown", SOON, SHOWN).await?;
        let (painted_at, heard_at) = until("the ring is seen and heard", SOON, async || {
            let seen = scene.page.ring_seen().await?;
            let both = seen.painted_at.zip(seen.heard_at);
            Ok(both.map_or_else(|| Look::NotYet(format!("{seen:?}")), Look::Found))
        })
        .await?;
        let marks = scene.device.status().await?.marks;
        let accepted = marks.press_accepted_ms.context("no press was accepted")?;
        let pressed = marks.pressed_ms.context("no contact closed")?;
        let mark = async |name| scene.page.mark(name).await?.with_context(|| format!("the page set no mark {name}"));
        messages.push(mark("doorway:ring").await? - accepted);
        pictures.push(mark("doorway:picture").await? - pressed);
        painted.push(painted_at - pressed);
        heard.push(heard_at - pressed);
        scene.page.click("#decline").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
    }
    let input = "640x360 test picture, started by the press, software encoder, one page on loopback; station's and \
                 page's clock are one";
    let from_contact = format!("{input}; from the contact, 30 ms of hold time in it");
    let line = |figure, latencies, until: &str| {
        Ok::<_, anyhow::Error>(Line::spread(figure, &Latency::of(latencies)?, format!("{from_contact}, until {until}")))
    };
    report.add(&line("press_to_ring_painted_ms", painted, "the ringing view was drawn")?)?;
    report.add(&line(
        "press_to_tone_ms",
        heard,
        "the bell's first audible block of 256 samples left the page's audio graph",
    )?)?;
    report.add(&line("press_to_picture_ms", pictures, "the first picture was presented")?)?;
    let input = format!("{input}; from the accepted press, after the hold time, until the page takes the message");
    report.add(&Line::spread("press_accepted_to_ring_message_ms", &Latency::of(messages)?, input))
}
