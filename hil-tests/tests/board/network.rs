//! A network that is cut, changes, loses packets, or leads nowhere else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::device::{Board, Device};
use hil_tests::lab::BOARD;
use hil_tests::scene::Scene;
use hil_tests::virtual_board::{Image, VirtualBoard};
use hil_tests::wait::{Look, until};

use crate::harness::{BoardCase, CASE, Pace, SOON, on_a_board, with_a_household, with_page};
use crate::scenes::{both_hear, call_id, fall_silent, hang_up, talk};

pub(crate) const CASES: &[BoardCase] = &[
    ("a_cable_that_is_out_for_3_s_ends_no_call", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            out_for_a_moment(machine, scene).await
        });
    }),
    ("a_cable_that_is_out_for_30_s_ends_the_call_on_both_sides_and_the_page_rings_again", Pace::Slow, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            out_for_long(machine, scene).await
        });
    }),
    ("a_new_address_in_a_call_leaves_nobody_in_a_dead_one", Pace::Slow, |image| {
        with_a_household(image, another_address)
    }),
    ("a_call_takes_no_route_to_anywhere_else", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            let routes = scene.device.inside().sh("ip route show default; ip -6 route show default").await?;
            ensure!(routes.trim().is_empty(), "the board has a default route: {routes}");
            talk(&scene).await?;
            hang_up(scene).await
        });
    }),
    ("5_percent_loss_with_jitter_is_seen_and_heard_through", Pace::Slow, |image| lossy(image, 5)),
    ("10_percent_loss_with_jitter_is_seen_and_heard_through", Pace::Quick, |image| lossy(image, 10)),
];

async fn out_for_a_moment(machine: &mut VirtualBoard, scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    let call = talk(&scene).await?;
    machine.machine().set_cable(false).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    machine.machine().set_cable(true).await?;

    board.picture_moves(&scene.page, 10, SOON).await?;
    both_hear(&scene).await?;
    ensure!(call_id(board).await? == call, "it is another call");
    ensure!(board.status().await?.resources.peers == 1, "more than one connection");
    hang_up(scene).await
}

async fn out_for_long(machine: &mut VirtualBoard, scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    talk(&scene).await?;
    machine.machine().set_cable(false).await?;
    let cut = Instant::now();
    // Neither side waits for the cable.
    scene.page.wait_for("the page's call is over", SOON, "return document.body.dataset.view !== 'in-call'").await?;
    board.wait_for(Activity::Idle, SOON).await?;
    fall_silent(board).await?;
    board.nothing_is_left().await.context("with the cable out")?;
    tokio::time::sleep(Duration::from_secs(30).saturating_sub(cut.elapsed())).await;
    machine.machine().set_cable(true).await?;

    scene.page.wait_online(SOON).await?;
    scene.page.wait_view(View::Home, SOON).await?;
    board.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0).await?;
    talk(&scene).await.context("with the cable in again")?;
    hang_up(scene).await
}

/// The page knows the station by its old address only, so this call can't go on. It ends on both sides as soon as nobody
/// hears anything any more, and who opens the page at the new address is rung.
async fn another_address(mut scene: Scene<Board>) -> Result<()> {
    scene.device.configure("s/^listen = .*/listen = \"0.0.0.0:8080\"/").await?;
    scene.page.wait_online(SOON).await?;
    let board = &scene.device;
    board.wait_until("the station sees the page", SOON, |status| status.companion.clients > 0).await?;
    talk(&scene).await?;

    let interface = interface(board).await?;
    // Without the first line the new address would go with the old one, as its secondary.
    let script = format!(
        "set -e; echo 1 >/proc/sys/net/ipv4/conf/{interface}/promote_secondaries
         ip address add 10.77.0.3/24 dev {interface}
         ip address del {BOARD}/24 dev {interface}"
    );
    board.inside().sh(&script).await?;
    let changed = Instant::now();
    board.wait_for(Activity::Idle, SOON).await?;
    let over = "return document.body.dataset.view !== 'in-call'";
    scene.page.wait_for("the page's call is over", SOON, over).await?;
    let took = changed.elapsed();
    ensure!(took < Duration::from_secs(20), "the call lasted another {took:.1?}");
    fall_silent(board).await?;

    let page = board.page().replace(BOARD, "10.77.0.3");
    scene.page = scene.browser.open_online(&page).await.context("at the new address")?;
    board.press().await?;
    scene.page.wait_view(View::Ringing, SOON).await?;
    board.picture_moves(&scene.page, 5, SOON).await?;
    scene.page.click("#answer").await?;
    scene.page.wait_view(View::InCall, SOON).await?;
    hang_up(scene).await
}

/// Loses `percent` of the packets each way, and holds each up by 15 to 45 ms.
fn lossy(image: &Image, percent: u32) {
    on_a_board(image, CASE, async |case, machine| {
        let scene = with_page(case, machine).await?;
        let board = &scene.device;
        let call = talk(&scene).await?;
        let interface = interface(board).await?;
        let netem = format!("netem delay 30ms 15ms loss {percent}%");
        board
            .inside()
            .sh(&format!(
                "set -e; modprobe -a ifb sch_netem sch_ingress cls_u32 act_mirred; \
                 ip link show ifb0 >/dev/null 2>&1 || ip link add ifb0 type ifb; ip link set ifb0 up; \
                 tc qdisc add dev {interface} root {netem}; \
                 tc qdisc add dev {interface} handle ffff: ingress; \
                 tc filter add dev {interface} parent ffff: protocol all u32 match u32 0 0 \
                   action mirred egress redirect dev ifb0; \
                 tc qdisc add dev ifb0 root {netem}"
            ))
            .await?;
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
        let dropped = board.inside().sh("tc -s qdisc show | grep -c 'dropped [1-9]'").await?;
        ensure!(dropped.trim() == "2", "packets were dropped in {} of both directions", dropped.trim());
        hang_up(scene).await
    });
}

/// The board's only network card.
async fn interface(board: &Board) -> Result<String> {
    let names = board.inside().sh("for i in /sys/class/net/*/device; do basename ${i%/device}; done").await?;
    Ok(names.trim().to_owned())
}
