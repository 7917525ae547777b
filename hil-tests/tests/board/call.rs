//! A call over the kernel's own interfaces: an edge of a GPIO line, a V4L2 camera, an ALSA card.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{Latency, View};
use hil_tests::device::layers::Wire;
use hil_tests::device::{Board, Device, Resources};
use hil_tests::scene::Scene;
use hil_tests::wait::{Look, until};

use crate::harness::{
    BoardCase, CASE, PULSE_SLACK, Pace, SOON, figure, on_a_device, picture, with_a_household, with_page,
};
use crate::scenes::{both_hear, hang_up, talk};

pub(crate) const CASES: &[BoardCase] = &[
    ("a_press_rings_shows_talks_opens_and_leaves_nothing", Pace::Quick, &[], |ready| {
        with_a_household(ready, whole_call)
    }),
    ("a_press_rings_the_page_at_once", Pace::Slow, &[], |ready| with_a_household(ready, rings_at_once)),
    ("a_live_call_loses_few_frames", Pace::Slow, &[], |ready| with_a_household(ready, loses_few_frames)),
    ("calls_in_a_row_leave_memory_handles_and_threads_as_they_were", Pace::Slow, &[], |ready| {
        let calls = std::env::var("HIL_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(200);
        on_a_device(ready, CASE + Duration::from_secs(15) * calls, async |case, board| {
            many_calls(with_page(case, board).await?, calls).await
        });
    }),
];

/// Presses that follow each other faster than 300 ms count as one.
const BETWEEN_PRESSES: Duration = Duration::from_millis(500);

/// From the edge at the contact to the ring in the page; the figures say how long it took.
async fn rings_at_once(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let mut took = Vec::new();
    for _ in 0..20 {
        scene.page.run("performance.clearMarks()", vec![]).await?;
        board.press().await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        let rang = scene.page.mark("doorway:ring").await?.context("the page set no mark for the ring")?;
        let pressed = board.status().await?.marks.pressed_ms.context("no contact closed")?;
        took.push(rang + board.clock_ahead().await? - pressed);
        scene.page.click("#decline").await?;
        board.wait_for(Activity::Idle, SOON).await?;
        tokio::time::sleep(BETWEEN_PRESSES).await;
    }
    let took = Latency::of(took)?;
    figure("contact closed to ring in the page, median", took.percentile(50.0), "ms");
    figure("contact closed to ring in the page, p95", took.percentile(95.0), "ms");
    scene.leave_nothing().await
}

/// Between what the station encodes and what the page decodes; the figures say how many.
async fn loses_few_frames(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    talk(&scene).await?;
    let counted = async || -> Result<[u64; 4]> {
        let (page, station) = tokio::join!(scene.page.counts(), board.status());
        let (page, station) = (page?, station?);
        Ok([station.video.frames, page.frames_decoded, station.video.dropped, station.video.missed])
    };
    let before = counted().await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let after = counted().await?;
    let [encoded, decoded, dropped, missed] = std::array::from_fn(|count| after[count] - before[count]);
    figure("frames encoded in 20 s", encoded as f64, "");
    figure("frames decoded of them", decoded as f64, "");
    figure("frames dropped before the encoder", dropped as f64, "");
    figure("frames that the camera's driver did not deliver", missed as f64, "");
    ensure!(encoded > 100 && decoded * 10 > encoded * 8, "{encoded} were encoded, {decoded} decoded");
    hang_up(scene).await
}

/// What fragments of the heap may add; 3.4 KB a call when there are 200.
const GROWTH_KB: u64 = 512;

/// Compares what the daemon holds after the first quarter of the calls, when every library and the heap have what they
/// keep, with what it holds after each further quarter.
async fn many_calls(scene: Scene<Board>, calls: u32) -> Result<()> {
    ensure!(calls >= 40, "{calls} calls are too few to tell what is kept from what is lost");
    let quarter = calls / 4;
    let mut settled: Option<Resources> = None;
    for call in 1..=calls {
        scene.device.press().await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        scene.page.click("#answer").await?;
        scene.page.wait_view(View::InCall, SOON).await?;
        scene.device.wait_for(Activity::InCall, SOON).await?;
        scene.device.picture_moves(&scene.page, 2, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        if call % quarter != 0 && call != calls {
            continue;
        }
        let now = at_rest(&scene).await?;
        figure(&format!("memory after {call} calls"), now.rss_kb as f64 / 1024.0, "MB");
        figure(&format!("handles after {call} calls"), now.handles as f64, "");
        figure(&format!("threads after {call} calls"), now.threads as f64, "");
        let before = settled.get_or_insert(now);
        ensure!(now.threads <= before.threads, "{} threads, {} before", now.threads, before.threads);
        ensure!(now.handles <= before.handles, "{} handles, {} before", now.handles, before.handles);
        ensure!(now.rss_kb < before.rss_kb + GROWTH_KB, "{} KB, {} KB before", now.rss_kb, before.rss_kb);
    }
    scene.leave_nothing().await
}

/// What the daemon holds when camera and sound are off.
async fn at_rest(scene: &Scene<Board>) -> Result<Resources> {
    let rest = scene.device.wait_until("camera and sound are off", SOON, |status| {
        !status.video.running && !status.sound.running && status.resources.pipelines == 0
    });
    rest.await?;
    // GLib keeps an idle thread for half a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(scene.device.status().await?.resources)
}

async fn whole_call(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    picture(&scene.page, "ringing").await?;
    ensure!(board.status().await?.activity == Activity::Ringing);
    until("the button's light is on", SOON, async || {
        Ok(Look::when(board.layers.contacts.is_active(Wire::Indicator).await?, (), "off"))
    })
    .await?;

    board.layers.sound.speak().await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    both_hear(&scene).await?;

    picture(&scene.page, "in-call").await?;

    board.layers.contacts.watch(Wire::Relay).await?;
    scene.page.hold("#unlock", Duration::from_millis(700)).await?;
    let opened = "return document.querySelector('#unlock')?.dataset.outcome === 'opened'";
    scene.page.wait_for("the page shows that the door is open", SOON, opened).await?;
    let moves = board.relay_moves(2, SOON).await?;
    let [open, close] = &moves[..] else { anyhow::bail!("opened and closed once, but: {moves:?}") };
    ensure!(open.active && !close.active, "{moves:?}");
    let pulse = close.at - open.at;
    figure("pulse, of 3 s", pulse.as_secs_f64(), "s");
    ensure!(pulse.abs_diff(Duration::from_secs(3)) < PULSE_SLACK, "configured 3 s, open for {pulse:?}");

    hang_up(scene).await
}
