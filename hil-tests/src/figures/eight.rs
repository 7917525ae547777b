//! The last picture of eight pages, and of eight receivers that draw nothing, which ring at once.

use anyhow::{Context, Result};
use doorway_proto::signaling::ClientSignal;
use doorway_proto::state::Activity;

use super::report::progress;
use super::ring::SHOWN;
use super::{Effort, Line, Report};
use crate::browser::Latency;
use crate::case::Case;
use crate::device::{Config, Device, Simulated};
use crate::peer::{Receiver, Seen, Want};
use crate::scene::{SOON, Scene};

const PAGES: usize = 8;

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    pages(report, effort).await?;
    receivers(report, effort).await
}

async fn pages(report: &mut Report, effort: Effort) -> Result<()> {
    let presses = effort.pick(12, 2);
    progress(&format!("{presses} presses that ring {PAGES} pages"));
    let case = Case::new()?;
    let Scene { device, browser, page } = Scene::quiet(&case, Config::default()).await?;
    report.built_from(&device.status().await?.commit);
    let mut windows = vec![browser.window().await?];
    while windows.len() < PAGES {
        windows.push(browser.open_window().await?);
        browser.open_online(&device.page()).await?;
    }
    device.wait_until("the station sees all pages", SOON, |status| status.companion.clients == PAGES).await?;
    let (mut from_press, mut from_connection) = (Vec::new(), Vec::new());
    for _ in 0..presses {
        device.wait_until("the camera is off", SOON, |status| !status.video.running).await?;
        for window in &windows {
            browser.switch_to(window).await?;
            page.watch_ring().await?;
        }
        device.press().await?;
        let (mut last, mut longest) = (f64::MIN, f64::MIN);
        for window in &windows {
            browser.switch_to(window).await?;
            page.wait_for("the visitor is shown", SOON, SHOWN).await?;
            let shown = page.mark("doorway:picture").await?.context("the page set no mark for the picture")?;
            let connected = page.ring_seen().await?.connected_at.context("the page was never connected")?;
            last = last.max(shown);
            longest = longest.max(shown - connected);
        }
        from_press.push(last - device.status().await?.marks.pressed_ms.context("no contact closed")?);
        from_connection.push(longest);
        for window in &windows {
            browser.switch_to(window).await?;
            page.click("#decline").await?;
        }
        device.wait_for(Activity::Idle, SOON).await?;
    }
    let input = "640x360 test picture, started by the press, software encoder, eight windows of one Chromium on the \
                 same two cores, each with its own connection; the last of the eight";
    let line = |figure, latencies, from: &str| {
        Ok::<_, anyhow::Error>(Line::spread(figure, &Latency::of(latencies)?, format!("{input}, from {from}")))
    };
    report.add(&line("press_to_picture_last_of_8_ms", from_press, "the contact")?)?;
    let own = "the moment that its own connection was up; the largest of the eight counts";
    report.add(&line("connection_to_picture_last_of_8_ms", from_connection, own)?)
}

/// What of it the station takes: eight browsers on its own two cores take most.
async fn receivers(report: &mut Report, effort: Effort) -> Result<()> {
    let presses = effort.pick(40, 2);
    progress(&format!("{presses} presses that ring {PAGES} receivers"));
    let case = Case::new()?;
    let mut device = Simulated::start(&case, Config::default()).await?;
    report.built_from(&device.status().await?.commit);
    let mut rung = Vec::new();
    for _ in 0..PAGES {
        rung.push(Receiver::start(&device.socket(), "front-door", Want::BeRung).await?);
    }
    device.wait_until("the station sees all", SOON, |status| status.companion.clients == PAGES).await?;
    let mut longest = Vec::new();
    for _ in 0..presses {
        device.wait_until("the camera is off", SOON, |status| !status.video.running).await?;
        let before: Vec<_> = rung.iter().map(|receiver| receiver.seen().call).collect();
        device.press().await?;
        let mut last = f64::MIN;
        for (receiver, before) in rung.iter().zip(before) {
            let is_shown = |seen: &Seen| seen.call != before && seen.picture_at_ms.is_some();
            let seen = receiver.wait_until("its first picture", SOON, is_shown).await?;
            let (connected, shown) = seen.connected_at_ms.zip(seen.picture_at_ms).context("a picture unconnected")?;
            last = last.max(shown - connected);
        }
        longest.push(last);
        for receiver in &rung {
            receiver.signal(ClientSignal::Decline { call: receiver.call()? }).await?;
        }
        device.wait_for(Activity::Idle, SOON).await?;
    }
    let input = "640x360 test picture, started by the press, software encoder, eight receivers over str0m that draw \
                 nothing; from the moment that its own connection was up to its first whole picture, the largest of \
                 the eight counts";
    report.add(&Line::spread("connection_to_keyframe_last_of_8_ms", &Latency::of(longest)?, input))?;
    drop(rung);
    device.stop().await
}
