//! A call over the kernel's own interfaces: an edge of a GPIO line, a V4L2 camera, an ALSA card.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{MICROPHONE_HZ, View};
use hil_tests::device::{Board, Device};
use hil_tests::scene::{Scene, station_hears};

use crate::harness::{Bench, BoardCase, CASE, on_a_board};
use crate::scenes::{SOON, VISITOR_HZ, fall_silent, speak};

pub(crate) const CASES: &[BoardCase] = &[("a_press_rings_shows_talks_opens_and_leaves_nothing", |image| {
    on_a_board(image, CASE, async |case, image| {
        let (_machine, scene) = Bench::with_page(case, image).await?;
        whole_call(scene).await
    });
})];

async fn whole_call(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    ensure!(board.status().await?.activity == Activity::Ringing);

    speak(board).await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    scene.page.hears(VISITOR_HZ, SOON).await?;
    station_hears(board, MICROPHONE_HZ, SOON).await?;

    board.watch_relay().await?;
    scene.page.hold("#unlock", Duration::from_millis(700)).await?;
    let opened = "return document.querySelector('#unlock')?.dataset.outcome === 'opened'";
    scene.page.wait_for("the page shows that the door is open", SOON, opened).await?;
    let moves = board.relay_moves(2, SOON).await?;
    let [open, close] = &moves[..] else { anyhow::bail!("opened and closed once, but: {moves:?}") };
    ensure!(open.high && !close.high, "{moves:?}");
    let pulse = Duration::from_micros(close.at_us - open.at_us);
    ensure!(pulse.abs_diff(Duration::from_secs(3)) < Duration::from_millis(5), "configured 3 s, open for {pulse:?}");

    scene.page.click("#hang-up").await?;
    board.wait_for(Activity::Idle, SOON).await?;
    fall_silent(board).await?;
    scene.leave_nothing().await.context("after the call")
}
