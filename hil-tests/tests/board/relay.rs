//! The door's relay, read from its line, whatever becomes of the daemon that moved it.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::case::Case;
use hil_tests::device::{Board, Device};
use hil_tests::scene::Scene;
use hil_tests::virtual_board::VirtualBoard;

use crate::harness::{BoardCase, CASE, PULSE_SLACK, Pace, SOON, figure, on_a_board, with_page};

pub(crate) const CASES: &[BoardCase] = &[
    ("a_pulse_is_as_long_as_it_was_configured", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| pulses(talking(case, machine).await?, "pulse, of 3 s").await);
    }),
    ("a_pulse_is_as_long_as_it_was_configured_beside_busy_processors", Pace::Slow, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = talking(case, machine).await?;
            scene.device.inside().sh("for n in 1 2 3 4; do sh -c 'while :; do :; done' >/dev/null 2>&1 & done").await?;
            pulses(scene, "pulse, of 3 s, processors busy").await
        });
    }),
    ("a_daemon_that_is_killed_in_the_pulse_leaves_the_door_shut_and_rings_again_in_seconds", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let mut scene = talking(case, machine).await?;
            scene.device.watch_relay().await?;
            open(&scene).await?;
            let pid = scene.device.status().await?.pid;
            scene.device.inside().sh(&format!("kill -9 {pid}")).await?;
            let moves = scene.device.relay_moves(2, SOON).await?;
            let pulse = Duration::from_micros(moves[1].at_us - moves[0].at_us);
            ensure!(!moves[1].high && pulse < Duration::from_millis(2500), "released by the daemon's end: {pulse:?}");
            scene.page.wait_view(View::Ended, SOON).await?;
            scene.device.begin().await?;
            ensure!(scene.device.status().await?.pid != pid, "it is the same process");
            scene.page.wait_online(SOON).await?;
            ensure!(!scene.device.outside().is_high(&scene.device.lines.relay).await?, "the relay moved again");
            scene.ring().await?;
            scene.page.click("#decline").await?;
            scene.leave_nothing().await
        });
    }),
    ("a_daemon_that_hangs_in_the_pulse_is_restarted_and_the_door_is_shut", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let mut scene = talking(case, machine).await?;
            scene.device.watch_relay().await?;
            open(&scene).await?;
            let pid = scene.device.status().await?.pid;
            scene.device.inside().sh(&format!("kill -STOP {pid}")).await?;
            // The service manager's watchdog has 5 s, the board's own limit cannot act in a stopped process.
            let moves = scene.device.relay_moves(2, SOON).await?;
            let pulse = Duration::from_micros(moves[1].at_us - moves[0].at_us);
            ensure!(!moves[1].high && pulse < Duration::from_secs(10), "open for {pulse:?}");
            scene.device.begin().await?;
            ensure!(scene.device.status().await?.pid != pid, "it is the same process");
            scene.page.wait_online(SOON).await?;
            scene.ring().await?;
            scene.page.click("#decline").await?;
            scene.leave_nothing().await
        });
    }),
];

/// Opens the door a few times and measures for how long.
async fn pulses(scene: Scene<Board>, name: &str) -> Result<()> {
    for _ in 0..3 {
        let board = &scene.device;
        board.watch_relay().await?;
        open(&scene).await?;
        let moves = board.relay_moves(2, SOON).await?;
        let [up, down] = &moves[..] else { anyhow::bail!("opened and closed once, but: {moves:?}") };
        let pulse = Duration::from_micros(down.at_us - up.at_us);
        figure(name, pulse.as_secs_f64(), "s");
        ensure!(up.high && !down.high, "{moves:?}");
        ensure!(pulse.abs_diff(Duration::from_secs(3)) < PULSE_SLACK, "3 s, but {pulse:?}");
    }
    scene.page.click("#hang-up").await?;
    scene.leave_nothing().await
}

async fn talking(case: &Case, machine: &VirtualBoard) -> Result<Scene<Board>> {
    let scene = with_page(case, machine).await?;
    scene.ring().await?;
    scene.answer().await?;
    scene.device.wait_for(Activity::InCall, SOON).await?;
    Ok(scene)
}

async fn open(scene: &Scene<Board>) -> Result<()> {
    scene.page.hold("#unlock", Duration::from_millis(700)).await?;
    scene.device.wait_until("the door opens", SOON, |status| status.doors.iter().any(|door| door.open)).await?;
    Ok(())
}
