//! A sound card of the kernel's that is unplugged and comes back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Health;
use hil_tests::device::layers::Ability;
use hil_tests::device::{Board, Device, Status};
use hil_tests::scene::Scene;

use crate::harness::{BoardCase, Pace, SOON, figure, with_a_household};
use crate::scenes::{both_hear, call_id, hang_up, notice_ends, talk};

pub(crate) const CASES: &[BoardCase] = &[
    (
        "unplugged_while_idle_the_card_is_missed_and_the_next_call_is_heard_again",
        Pace::Quick,
        &[Ability::SoundCardPlug],
        |ready| with_a_household(ready, unplugged_while_idle),
    ),
    (
        "unplugged_in_a_call_the_card_is_missed_and_both_hear_each_other_again",
        Pace::Quick,
        &[Ability::SoundCardPlug],
        |ready| with_a_household(ready, unplugged_in_a_call),
    ),
    (
        "beside_busy_processors_and_after_xruns_both_hear_each_other",
        Pace::Slow,
        &[Ability::SoundCard, Ability::Sacrifice],
        |ready| with_a_household(ready, xruns),
    ),
];

async fn unplugged_while_idle(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    board.layers.sound.unplug().await?;
    board.wait_until("microphone and speaker are missing", SOON, are_missing).await?;
    board.layers.sound.plug().await?;
    board.wait_until("microphone and speaker work", SOON, work).await?;
    talk(&scene).await?;
    hang_up(scene).await
}

async fn unplugged_in_a_call(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let call = talk(&scene).await?;

    board.layers.sound.unplug().await?;
    board.wait_until("microphone and speaker are missing", SOON, are_missing).await?;
    scene.page.wait_reason("station_microphone_missing", SOON).await?;
    board.picture_moves(&scene.page, 5, SOON).await.context("without sound")?;

    board.layers.sound.plug().await?;
    board.wait_until("microphone and speaker work", SOON, work).await?;
    // Not before: who opens a loopback while the system still sets the card up may play into nothing.
    board.layers.sound.speak().await?;
    notice_ends(&scene, "station_microphone_missing").await?;
    both_hear(&scene).await.context("with the card again")?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    hang_up(scene).await
}

/// Busy processors, then a daemon that is held up for longer than a card's buffer lasts.
async fn xruns(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let call = talk(&scene).await?;
    let before = count_xruns(&board.status().await?);
    board.inside().sh("for n in 1 2 3 4; do timeout 20 sh -c 'while :; do :; done' >/dev/null 2>&1 & done").await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let busy = count_xruns(&board.status().await?);
    figure("xruns in 20 s beside four busy loops", (busy - before) as f64, "");
    both_hear(&scene).await.context("after the busy processors")?;

    let Status { pid, video, .. } = board.status().await?;
    board
        .inside()
        .sh(&format!("for n in 1 2 3; do kill -STOP {pid}; sleep 0.4; kill -CONT {pid}; sleep 1; done"))
        .await?;
    let status = board.status().await?;
    let held_up = count_xruns(&status);
    ensure!(held_up >= busy + 3, "{} xruns were counted", held_up - busy);
    // The camera's buffers were full as well.
    let missed = status.video.missed - video.missed;
    ensure!(missed >= 3, "the camera's driver is said to have missed {missed} frames");
    both_hear(&scene).await.context("after the xruns")?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    hang_up(scene).await
}

fn count_xruns(status: &Status) -> u64 {
    status.sound.capture_xruns + status.sound.playback_xruns
}

fn are_missing(status: &Status) -> bool {
    let media = &status.media;
    matches!((&media.microphone, &media.speaker), (Health::Missing { .. }, Health::Missing { .. }))
}

fn work(status: &Status) -> bool {
    let media = &status.media;
    matches!((&media.microphone, &media.speaker), (Health::Working {}, Health::Working {}))
}
