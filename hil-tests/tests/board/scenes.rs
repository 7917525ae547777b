//! What the cases of several topics do: a visitor who talks at the door, a call, its end, and devices that are unplugged.

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{MICROPHONE_HZ, View};
use hil_tests::device::{Board, Device};
use hil_tests::scene::{Scene, station_hears};

use crate::harness::SOON;

/// Both hear each other.
pub(crate) async fn both_hear(scene: &Scene<Board>) -> Result<()> {
    scene.page.hears(scene.device.layers.sound.visitor_hz(), SOON).await.context("at home")?;
    station_hears(&scene.device, MICROPHONE_HZ, SOON).await.context("at the door")
}

/// A call in which the picture moves and both hear each other; its id.
pub(crate) async fn talk(scene: &Scene<Board>) -> Result<String> {
    let board = &scene.device;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    board.picture_moves(&scene.page, 3, SOON).await?;
    board.layers.sound.speak().await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    both_hear(scene).await?;
    call_id(board).await
}

/// The call that goes on.
pub(crate) async fn call_id(board: &Board) -> Result<String> {
    let status = board.status().await?;
    ensure!(status.activity == Activity::InCall, "no call, but {:?}", status.activity);
    Ok(status.call.context("the station is in a call and tells none")?.id)
}

/// Hangs up; nothing is left.
pub(crate) async fn hang_up(scene: Scene<Board>) -> Result<()> {
    scene.page.click("#hang-up").await?;
    scene.device.wait_for(Activity::Idle, SOON).await?;
    scene.device.layers.sound.hush().await?;
    scene.leave_nothing().await.context("after the call")
}

/// Waits until the page's notice no longer gives `reason`.
pub(crate) async fn notice_ends(scene: &Scene<Board>, reason: &str) -> Result<()> {
    let script = format!("return document.querySelector('#notice')?.dataset.reason !== '{reason}'");
    scene.page.wait_for(&format!("the page no longer says {reason}"), SOON, &script).await
}
