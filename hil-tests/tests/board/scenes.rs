//! What the cases of several topics do: a visitor who talks at the door, a call, its end, and devices that are unplugged.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, MICROPHONE_HZ, Microphone, Screen, View};
use hil_tests::case::Case;
use hil_tests::device::{Board, Companion, Device};
use hil_tests::scene::{Scene, station_hears};

use crate::harness::SOON;

/// How long page, companion and station may take to find each other again: each asks less and less often.
pub(crate) const FOUND: Duration = Duration::from_secs(45);

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

/// Opens the door out of a call.
pub(crate) async fn open_the_door(scene: &Scene<Board>) -> Result<()> {
    scene.page.hold("#unlock", Duration::from_millis(700)).await?;
    scene.device.wait_until("the door opens", SOON, |status| status.doors.iter().any(|door| door.open)).await?;
    Ok(())
}

/// The device with a page of the companion's elsewhere, which both know.
pub(crate) async fn with_the_page_of(case: &Case, board: Board, companion: &Companion) -> Result<Scene<Board>> {
    let browser = Browser::start_trusting(case, &companion.origin(), Screen::Phone, Microphone::Granted).await?;
    let page = browser.open_online(&companion.page()).await?;
    Scene::with(board, browser, page).await
}

/// The page that was there all the time, or is back, is rung, shows the visitor and declines.
pub(crate) async fn rings_again(scene: &Scene<Board>) -> Result<()> {
    let Scene { device, page, .. } = scene;
    page.wait_online(FOUND).await?;
    device.wait_until("the station sees the page", FOUND, |status| status.companion.clients > 0).await?;
    device.press().await?;
    page.wait_view(View::Ringing, SOON).await?;
    device.picture_moves(page, 3, SOON).await?;
    page.click("#decline").await?;
    device.wait_for(Activity::Idle, SOON).await?;
    Ok(())
}

/// The page finds out that the device is gone.
pub(crate) async fn notices_the_end(scene: &Scene<Board>) -> Result<()> {
    scene.page.wait_for("the page's call is over", SOON, "return document.body.dataset.view !== 'in-call'").await
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
