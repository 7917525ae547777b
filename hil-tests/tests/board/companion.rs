//! A companion on another computer, which comes, goes and is away.

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::case::Case;
use hil_tests::device::{Board, Companion, Device};
use hil_tests::scene::Scene;

use crate::harness::{BoardCase, CASE, Pace, SOON, on_a_device};
use crate::scenes::{FOUND, both_hear, call_id, rings_again, talk, with_the_page_of};

pub(crate) const CASES: &[BoardCase] = &[(
    "daemon_page_and_a_companion_elsewhere_find_each_other_in_any_order_and_calls_outlive_it",
    Pace::Slow,
    &[],
    |ready| on_a_device(ready, CASE + CASE, any_order),
)];

async fn any_order(case: &Case, board: Board) -> Result<()> {
    let mut companion = Companion::prepare(case, board.household())?;
    let board = daemon_first(board, &companion).await?;
    companion.serve().await?;
    board.wait_until("the station has found the companion", FOUND, |status| status.companion.connected).await?;

    let mut scene = with_the_page_of(case, board, &companion).await?;
    talk(&scene).await.context("the daemon was there first, the page came last")?;
    outlives_the_companion(&scene, &mut companion).await?;

    scene.device.restart().await.context("the companion was there first")?;
    rings_again(&scene).await.context("the daemon came last")?;

    companion.stop()?;
    scene.device.layers.service.stop().await?;
    companion.serve().await?;
    scene.page.wait_online(FOUND).await.context("the page was there first, then the companion")?;
    scene.device.layers.service.start().await?;
    scene.device.begin().await?;
    rings_again(&scene).await.context("the page was there first")?;
    scene.leave_nothing().await?;
    companion.stop()
}

/// Without a companion nobody can be rung, and nothing breaks.
async fn daemon_first(board: Board, companion: &Companion) -> Result<Board> {
    board.write_config(|config| config.with("companion", companion.as_config())).await?;
    board.layers.service.stop().await?;
    board.layers.service.start().await?;
    let started = board.wait_until("the daemon is there", FOUND, |status| !status.companion.connected).await?;
    board.press().await?;
    board.wait_for(Activity::Ringing, SOON).await.context("the visitor hears that it rings")?;
    board.wait_for(Activity::Idle, FOUND).await.context("and that nobody comes")?;
    ensure!(board.status().await?.pid == started.pid, "it started again");
    Ok(board)
}

async fn outlives_the_companion(scene: &Scene<Board>, companion: &mut Companion) -> Result<()> {
    let call = call_id(&scene.device).await?;
    companion.stop()?;
    scene.device.wait_until("the station notices", FOUND, |status| !status.companion.connected).await?;
    scene.device.picture_moves(&scene.page, 10, SOON).await.context("without the companion")?;
    both_hear(scene).await.context("without the companion")?;
    companion.serve().await?;
    scene.page.wait_online(FOUND).await?;
    scene.device.wait_until("the station is back", FOUND, |status| status.companion.clients > 0).await?;
    ensure!(call_id(&scene.device).await? == call, "it is another call");
    scene.page.click("#hang-up").await?;
    scene.device.layers.sound.hush().await?;
    scene.device.wait_for(Activity::Idle, SOON).await?;
    Ok(())
}
