//! The door's relay, read from its line, whatever becomes of the daemon that moved it.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::case::Case;
use hil_tests::device::layers::{Ability, Wire};
use hil_tests::device::{Board, Device};
use hil_tests::scene::Scene;

use crate::harness::{BoardCase, CASE, PULSE_SLACK, Pace, SOON, figure, on_a_device, with_page};
use crate::scenes::{open_the_door, rings_again};

pub(crate) const CASES: &[BoardCase] = &[
    ("a_pulse_is_as_long_as_it_was_configured", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| pulses(talking(case, board).await?, "pulse, of 3 s").await);
    }),
    ("the_exit_button_opens_the_door_though_nobody_calls", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| leave_by_the_exit_button(with_page(case, board).await?).await);
    }),
    ("a_pulse_is_as_long_as_it_was_configured_beside_busy_processors", Pace::Slow, &[Ability::Sacrifice], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = talking(case, board).await?;
            scene.device.inside().sh("for n in 1 2 3 4; do sh -c 'while :; do :; done' >/dev/null 2>&1 & done").await?;
            pulses(scene, "pulse, of 3 s, processors busy").await
        });
    }),
    (
        "a_daemon_that_is_killed_in_the_pulse_leaves_the_door_shut_and_rings_again_in_seconds",
        Pace::Quick,
        &[Ability::ServiceManager],
        |ready| {
            on_a_device(ready, CASE, async |case, board| {
                let scene = talking(case, board).await?;
                scene.device.layers.contacts.watch(Wire::Relay).await?;
                // Asked for before: a pulse is not much longer than a slow board takes to answer.
                let pid = scene.device.status().await?.pid;
                open_the_door(&scene).await?;
                scene.device.inside().sh(&format!("kill -9 {pid}")).await?;
                let moves = scene.device.relay_moves(2, SOON).await?;
                let pulse = moves[1].at - moves[0].at;
                ensure!(
                    !moves[1].active && pulse < Duration::from_millis(2500),
                    "released by the daemon's end: {pulse:?}"
                );
                scene.page.wait_view(View::Ended, SOON).await?;
                is_another_and_rings(scene, pid).await
            });
        },
    ),
    (
        "a_daemon_that_hangs_in_the_pulse_is_restarted_and_the_door_is_shut",
        Pace::Quick,
        &[Ability::ServiceManager],
        |ready| {
            on_a_device(ready, CASE, async |case, board| {
                let scene = talking(case, board).await?;
                scene.device.layers.contacts.watch(Wire::Relay).await?;
                // Asked for before: a pulse is not much longer than a slow board takes to answer.
                let pid = scene.device.status().await?.pid;
                open_the_door(&scene).await?;
                scene.device.inside().sh(&format!("kill -STOP {pid}")).await?;
                // The service manager's watchdog has 5 s, the board's own limit cannot act in a stopped process.
                let moves = scene.device.relay_moves(2, SOON).await?;
                let pulse = moves[1].at - moves[0].at;
                ensure!(!moves[1].active && pulse < Duration::from_secs(10), "open for {pulse:?}");
                is_another_and_rings(scene, pid).await
            });
        },
    ),
];

/// Somebody inside opens the door though nobody calls; it rings nobody, and the door shuts by itself.
async fn leave_by_the_exit_button(scene: Scene<Board>) -> Result<()> {
    let board = &scene.device;
    board.layers.contacts.watch(Wire::Relay).await?;
    board.play(Wire::Exit, &[(true, Duration::from_millis(150)), (false, Duration::ZERO)]).await?;
    let moves = board.relay_moves(2, SOON).await?;
    let [up, down] = &moves[..] else { anyhow::bail!("opened and closed once, but: {moves:?}") };
    let pulse = down.at - up.at;
    ensure!(up.active && !down.active, "{moves:?}");
    ensure!(pulse.abs_diff(Duration::from_secs(3)) < PULSE_SLACK, "3 s, but {pulse:?}");
    let status = board.status().await?;
    ensure!(status.activity == Activity::Idle && status.marks.press_accepted_ms.is_none(), "it rang");
    rings_again(&scene).await?;
    scene.leave_nothing().await
}

/// Opens the door a few times and measures for how long.
async fn pulses(scene: Scene<Board>, name: &str) -> Result<()> {
    for _ in 0..3 {
        let board = &scene.device;
        board.layers.contacts.watch(Wire::Relay).await?;
        open_the_door(&scene).await?;
        let moves = board.relay_moves(2, SOON).await?;
        let [up, down] = &moves[..] else { anyhow::bail!("opened and closed once, but: {moves:?}") };
        let pulse = down.at - up.at;
        figure(name, pulse.as_secs_f64(), "s");
        ensure!(up.active && !down.active, "{moves:?}");
        ensure!(pulse.abs_diff(Duration::from_secs(3)) < PULSE_SLACK, "3 s, but {pulse:?}");
    }
    scene.page.click("#hang-up").await?;
    scene.leave_nothing().await
}

/// The daemon was started again, opens no door by itself, and rings.
async fn is_another_and_rings(mut scene: Scene<Board>, before: u32) -> Result<()> {
    scene.device.begin().await?;
    ensure!(scene.device.status().await?.pid != before, "it is the same process");
    rings_again(&scene).await?;
    let moves = scene.device.layers.contacts.moves().await?;
    ensure!(moves.is_empty(), "the relay moved again: {moves:?}");
    scene.leave_nothing().await
}

async fn talking(case: &Case, board: Board) -> Result<Scene<Board>> {
    let scene = with_page(case, board).await?;
    scene.ring().await?;
    scene.answer().await?;
    Ok(scene)
}
