//! A sound card of the kernel's that is unplugged and comes back.

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Health;
use hil_tests::device::layers::Ability;
use hil_tests::device::{Board, Device, Status};
use hil_tests::scene::Scene;

use crate::harness::{BoardCase, Pace, SOON, with_a_household};
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
    board.layers.sound.speak().await?;
    board.wait_until("microphone and speaker work", SOON, work).await?;
    notice_ends(&scene, "station_microphone_missing").await?;
    both_hear(&scene).await.context("with the card again")?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    hang_up(scene).await
}

fn are_missing(status: &Status) -> bool {
    let media = &status.media;
    matches!((&media.microphone, &media.speaker), (Health::Missing { .. }, Health::Missing { .. }))
}

fn work(status: &Status) -> bool {
    let media = &status.media;
    matches!((&media.microphone, &media.speaker), (Health::Working {}, Health::Working {}))
}
