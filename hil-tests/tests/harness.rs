//! The harness proves itself: what it says about a page is true of a page that is known.

mod stand_in;

use std::time::Duration;

use anyhow::ensure;
use hil_tests::browser::{Browser, Latency, MICROPHONE_HZ, Microphone, Screen};
use hil_tests::case::case;
use stand_in::StandIn;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_clock_in_the_picture_is_read_and_its_latency_is_small() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start(case).await?;
        let page = browser.open_online(server.url()).await?;
        let frames = page.picture_moves(20, SOON).await?;
        let latency = Latency::to_canvas(&frames)?;
        ensure!((-1.0..80.0).contains(&latency.percentile(50.0)), "{latency:?}");
        ensure!(page.unreadable_frames().await? == 0, "{}", page.summary().await?);
        Ok(())
    });
}

#[test]
fn a_picture_that_stands_still_does_not_pass_for_one_that_moves() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start(case).await?;
        let page = browser.open_online(server.url()).await?;
        page.run("window.stopped = true", vec![]).await?;
        let error = page.picture_moves(5, Duration::from_secs(2)).await;
        ensure!(error.is_err(), "a still picture passed: {error:?}");
        Ok(())
    });
}

#[test]
fn a_filmed_screen_is_recognised_and_a_still_one_or_another_picture_is_not() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start(case).await?;
        let page = browser.open_online(server.url()).await?;
        let other = page.colours_change(2, Duration::from_secs(2)).await;
        ensure!(other.is_err(), "another picture passed");
        page.run("window.film()", vec![]).await?;
        page.colours_change(5, SOON).await?;
        page.run("window.still = true", vec![]).await?;
        let still = page.colours_change(3, Duration::from_secs(3)).await;
        ensure!(still.is_err(), "a still screen passed");
        Ok(())
    });
}

#[test]
fn the_tone_that_the_page_plays_is_told_from_another_and_from_silence() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start_as(case, Screen::Desktop, Microphone::Granted).await?;
        let page = browser.open_online(server.url()).await?;
        let before = page.hears(MICROPHONE_HZ, Duration::from_secs(1)).await;
        ensure!(before.is_err(), "heard before there was anything: {before:?}");
        page.click("#answer").await?;
        page.hears(MICROPHONE_HZ, SOON).await?;
        let other = page.hears(MICROPHONE_HZ * 0.8, Duration::from_secs(1)).await;
        ensure!(other.is_err(), "another tone was heard: {other:?}");
        let (clicked, heard) = (page.mark("doorway:accept").await?, page.heard_at_ms().await?);
        let delay = heard.zip(clicked).map(|(heard, clicked)| heard - clicked);
        ensure!(delay.is_some_and(|delay| (0.0..2000.0).contains(&delay)), "{clicked:?} {heard:?}");
        page.run("document.querySelector('#visitor-sound').muted = true", vec![]).await?;
        let muted = page.hears(MICROPHONE_HZ, Duration::from_secs(1)).await;
        ensure!(muted.is_err(), "a muted element was heard: {muted:?}");
        Ok(())
    });
}

#[test]
fn a_refused_microphone_is_refused_in_the_page() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Refused).await?;
        let page = browser.open_online(server.url()).await?;
        page.click("#answer").await?;
        page.wait_reason("NotAllowedError", SOON).await
    });
}

#[test]
fn a_held_pointer_is_held_for_as_long_as_it_was_asked_for() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start(case).await?;
        let page = browser.open_online(server.url()).await?;
        page.hold("#unlock", Duration::from_millis(700)).await?;
        let held: f64 = page.data("#unlock", "held").await?.unwrap_or_default().parse()?;
        ensure!((650.0..1500.0).contains(&held), "held for {held} ms");
        Ok(())
    });
}

#[test]
fn a_killed_browser_leaves_no_process_behind() {
    case(Duration::from_secs(60), async |case| {
        let server = StandIn::start()?;
        let browser = Browser::start(case).await?;
        browser.open_online(server.url()).await?;
        browser.kill()?;
        let folder = case.folder().to_string_lossy().into_owned();
        hil_tests::wait::until("the browser's processes are gone", SOON, async || {
            let left = stand_in::processes_that_name(&folder);
            Ok(hil_tests::wait::Look::when(left.is_empty(), (), format!("{left:?}")))
        })
        .await
    });
}
