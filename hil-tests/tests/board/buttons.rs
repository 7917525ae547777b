//! Contacts as they are: they bounce, pick up noise, are held, get stuck.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::device::{Board, Device};
use hil_tests::scene::Scene;
use hil_tests::wait::{Look, throughout};

use crate::harness::{BoardCase, CASE, Pace, SOON, board, on_a_board, with_page};

pub(crate) const CASES: &[BoardCase] = &[
    ("noise_bursts_of_five_milliseconds_ring_nobody", Pace::Quick, |image| {
        on_a_board(image, CASE, async |_case, machine| {
            let board = board(machine).await?;
            let burst = [(true, ms(5)), (false, ms(20))].repeat(60);
            board.play(&board.lines.call, &burst).await?;
            stays_idle(&board).await
        });
    }),
    ("a_contact_that_bounces_as_it_closes_and_opens_rings_once", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            let bounce = [(true, ms(1)), (false, ms(1))].repeat(8);
            let press = [&bounce[..], &[(true, ms(150))], &bounce[..], &[(false, ms(0))]].concat();
            scene.device.play(&scene.device.lines.call, &press).await?;
            scene.page.wait_view(View::Ringing, SOON).await?;
            decline_and_leave(scene, 1).await
        });
    }),
    ("a_press_storm_rings_once", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            let storm = [(true, ms(60)), (false, ms(60))].repeat(25);
            scene.device.play(&scene.device.lines.call, &storm).await?;
            scene.page.wait_view(View::Ringing, SOON).await?;
            decline_and_leave(scene, 1).await
        });
    }),
    ("two_buttons_at_once_are_one_call", Pace::Quick, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            let press = [(true, ms(150)), (false, ms(0))];
            let lines = &scene.device.lines;
            let (first, second) =
                tokio::join!(scene.device.play(&lines.call, &press), scene.device.play(&lines.second_call, &press));
            first.and(second)?;
            scene.page.wait_view(View::Ringing, SOON).await?;
            decline_and_leave(scene, 1).await
        });
    }),
    ("a_button_held_for_a_minute_rings_once_and_is_a_fault_until_it_is_free", Pace::Slow, |image| {
        on_a_board(image, CASE, async |case, machine| {
            let scene = with_page(case, machine).await?;
            let board = &scene.device;
            let held = [(true, Duration::from_secs(60)), (false, ms(0))];
            let (played, seen) = tokio::join!(board.play(&board.lines.call, &held), async {
                scene.page.wait_view(View::Ringing, SOON).await?;
                scene.page.click("#decline").await?;
                board.wait_for(Activity::Idle, SOON).await?;
                board.wait_until("the stuck button is a fault", Duration::from_secs(45), has_fault).await
            });
            played.and(seen.map(|_| ()))?;
            board.wait_until("the fault is over", SOON, |status| !has_fault(status)).await?;
            ensure!(rings(&scene).await? == 1, "rung {} times", rings(&scene).await?);
            scene.ring().await?;
            decline_and_leave(scene, 2).await
        });
    }),
    ("a_button_that_is_stuck_when_the_daemon_starts_does_not_ring", Pace::Quick, |image| {
        on_a_board(image, CASE, async |_case, machine| {
            let mut board = board(machine).await?;
            let line = board.lines.call.clone();
            board.play(&line, &[(true, ms(0))]).await?;
            board.restart().await?;
            stays_idle(&board).await?;
            board.play(&line, &[(false, ms(300))]).await?;
            board.press().await?;
            board.wait_for(Activity::Ringing, SOON).await?;
            Ok(())
        });
    }),
];

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn has_fault(status: &hil_tests::device::Status) -> bool {
    !status.faults.is_empty()
}

async fn stays_idle(board: &Board) -> Result<()> {
    throughout("idle", ms(2500), async || {
        let status = board.status().await?;
        Ok(Look::when(status.activity == Activity::Idle, (), format!("{:?}", status.activity)))
    })
    .await
}

/// How often the page was rung since it was loaded.
async fn rings(scene: &Scene<Board>) -> Result<u64> {
    let count = scene.page.run("return performance.getEntriesByName('doorway:ring', 'mark').length", vec![]).await?;
    Ok(count.as_u64().unwrap_or_default())
}

async fn decline_and_leave(scene: Scene<Board>, expected: u64) -> Result<()> {
    scene.device.picture_moves(&scene.page, 3, SOON).await?;
    ensure!(rings(&scene).await? == expected, "rung {} times", rings(&scene).await?);
    scene.page.click("#decline").await?;
    scene.leave_nothing().await
}
