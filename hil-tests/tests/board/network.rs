//! A network that is cut, changes, loses packets, or leads nowhere else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::case::Case;
use hil_tests::device::layers::{Ability, Impairment};
use hil_tests::device::{Board, Companion, Device, Ready};
use hil_tests::scene::Scene;
use hil_tests::wait::{Look, until};

use crate::harness::{BoardCase, CASE, Pace, SOON, on_a_device, with_a_household};
use crate::scenes::{both_hear, call_id, hang_up, notices_the_end, talk, with_the_page_of};

pub(crate) const CASES: &[BoardCase] = &[
    ("a_cable_that_is_out_for_3_s_ends_no_call", Pace::Quick, &[Ability::Cable], |ready| {
        with_a_household(ready, out_for_a_moment)
    }),
    (
        "a_cable_that_is_out_for_30_s_ends_the_call_on_both_sides_and_the_page_rings_again",
        Pace::Slow,
        &[Ability::Cable],
        |ready| with_a_household(ready, out_for_long),
    ),
    ("a_new_address_in_a_call_leaves_nobody_in_a_dead_one", Pace::Slow, &[Ability::NewAddress], |ready| {
        with_a_household(ready, another_address)
    }),
    ("a_new_address_in_a_call_is_followed_where_the_companion_stays", Pace::Slow, &[Ability::NewAddress], |ready| {
        on_a_device(ready, CASE, another_address_beside_a_companion)
    }),
    ("a_call_takes_no_route_to_anywhere_else", Pace::Quick, &[Ability::Sacrifice], |ready| {
        with_a_household(ready, no_route)
    }),
    ("5_percent_loss_with_jitter_is_seen_and_heard_through", Pace::Slow, &[Ability::Loss], |ready| lossy(ready, 5)),
    ("10_percent_loss_with_jitter_is_seen_and_heard_through", Pace::Quick, &[Ability::Loss], |ready| lossy(ready, 10)),
];

async fn out_for_a_moment(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let network = board.layers.network()?;
    let call = talk(&scene).await?;
    network.set_cable(false).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    network.set_cable(true).await?;

    board.picture_moves(&scene.page, 10, SOON).await?;
    both_hear(&scene).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    ensure!(board.status().await?.resources.peers == 1, "more than one connection");
    hang_up(scene).await
}

async fn out_for_long(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let network = board.layers.network()?;
    talk(&scene).await?;
    network.set_cable(false).await?;
    let cut = Instant::now();
    // Neither side waits for the cable.
    notices_the_end(&scene).await?;
    board.wait_for(Activity::Idle, SOON).await?;
    board.layers.sound.hush().await?;
    board.nothing_is_left().await.context("with the cable out")?;
    tokio::time::sleep(Duration::from_secs(30).saturating_sub(cut.elapsed())).await;
    network.set_cable(true).await?;

    scene.page.wait_online(SOON).await?;
    scene.page.wait_view(View::Home, SOON).await?;
    board.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0).await?;
    talk(&scene).await.context("with the cable in again")?;
    hang_up(scene).await
}

/// The page knows the station by its old address only, so this call can't go on. It ends on both sides as soon as nobody
/// hears anything any more, and who opens the page at the new address is rung.
async fn another_address(mut scene: Scene<Board>) -> Result<()> {
    scene.device.configure(|config| config.with("companion.listen", "0.0.0.0:8080")).await?;
    scene.page.wait_online(SOON).await?;
    let board = &scene.device;
    board.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0).await?;
    talk(&scene).await?;

    let board = &scene.device;
    let new = board.layers.network()?.renumber().await?;
    let changed = Instant::now();
    board.wait_for(Activity::Idle, SOON).await?;
    notices_the_end(&scene).await?;
    let took = changed.elapsed();
    ensure!(took < Duration::from_secs(20), "the call lasted another {took:.1?}");
    board.layers.sound.hush().await?;

    scene.device.is_at(&new)?;
    let board = &scene.device;
    scene.page = scene.browser.open_online(&board.page()).await.context("at the new address")?;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    hang_up(scene).await
}

/// The station tells its new address over a companion that stayed where it was.
async fn another_address_beside_a_companion(case: &Case, mut board: Board) -> Result<()> {
    let mut companion = Companion::prepare(case, board.household())?;
    companion.serve().await?;
    board.configure(|config| config.with("companion", companion.as_config())).await?;
    let scene = with_the_page_of(case, board, &companion).await?;
    let call = talk(&scene).await?;
    let board = &scene.device;

    board.layers.network()?.renumber().await?;
    // What was on its way to the old address is lost, and then the picture moves on.
    tokio::time::sleep(Duration::from_secs(2)).await;
    board.picture_moves(&scene.page, 10, SOON).await?;
    both_hear(&scene).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    scene.page.wait_view(View::InCall, SOON).await?;
    board.wait_until("the station is in its room", SOON, |status| status.companion.connected).await?;
    hang_up(scene).await?;
    companion.stop()
}

async fn no_route(scene: Scene<Board>) -> Result<()> {
    let inside = scene.device.inside();
    inside.sh("ip route del default 2>/dev/null; ip -6 route del default 2>/dev/null; true").await?;
    let routes = inside.sh("ip route show default; ip -6 route show default").await?;
    ensure!(routes.trim().is_empty(), "the device has a default route: {routes}");
    talk(&scene).await?;
    hang_up(scene).await
}

/// Loses `loss_percent` of the packets each way, and holds each up by 15 to 45 ms.
fn lossy(ready: &Ready, loss_percent: u32) {
    with_a_household(ready, async |scene| {
        let board = &scene.device;
        let network = board.layers.network()?;
        let call = talk(&scene).await?;
        let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(15));
        network.impair(Some(Impairment { loss_percent, delay, jitter })).await?;
        let before = scene.page.counts().await?;
        let wanted = 60;
        until("frames come through", SOON, async || {
            let now = scene.page.counts().await?;
            Ok(Look::when(now.frames_decoded >= before.frames_decoded + wanted, (), format!("{before:?}, {now:?}")))
        })
        .await?;
        board.picture_moves(&scene.page, 10, SOON).await?;
        both_hear(&scene).await?;
        ensure!(call_id(board).await? == call, "it is another call");
        let (out, into) = network.lost().await?;
        ensure!(out > 0 && into > 0, "lost {out} packets on the way out, {into} on the way in");
        hang_up(scene).await
    });
}
