//! Contacts as they are: they bounce, pick up noise, are held, get stuck.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::device::layers::{Ability, Wire};
use hil_tests::device::{Board, Device};
use hil_tests::scene::Scene;
use hil_tests::wait::{Look, throughout};

use crate::harness::{BoardCase, CASE, Pace, SOON, on_a_device, with_page};

pub(crate) const CASES: &[BoardCase] = &[
    ("noise_bursts_of_five_milliseconds_ring_nobody", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |_case, board| {
            let burst = [(true, ms(5)), (false, ms(20))].repeat(60);
            board.play(Wire::Call, &burst).await?;
            stays_idle(&board).await
        });
    }),
    ("a_contact_that_bounces_as_it_closes_and_opens_rings_once", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            let bounce = [(true, ms(1)), (false, ms(1))].repeat(8);
            let press = [&bounce[..], &[(true, ms(150))], &bounce[..], &[(false, ms(0))]].concat();
            scene.device.play(Wire::Call, &press).await?;
            scene.page.wait_view(View::Ringing, SOON).await?;
            decline_and_leave(scene, 1).await
        });
    }),
    ("a_press_storm_rings_once", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            let storm = [(true, ms(60)), (false, ms(60))].repeat(25);
            scene.device.play(Wire::Call, &storm).await?;
            scene.page.wait_view(View::Ringing, SOON).await?;
            decline_and_leave(scene, 1).await
        });
    }),
    ("two_buttons_at_once_are_one_call", Pace::Quick, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            let press = [(true, ms(150)), (false, ms(0))];
            let (first, second) =
                tokio::join!(scene.device.play(Wire::Call, &press), scene.device.play(Wire::SecondCall, &press));
            first.and(second)?;
            scene.page.wait_view(View::Ringing, SOON).await?;
            decline_and_leave(scene, 1).await
        });
    }),
    ("a_button_held_for_a_minute_rings_once_and_is_a_fault_until_it_is_free", Pace::Slow, &[], |ready| {
        on_a_device(ready, CASE, async |case, board| {
            let scene = with_page(case, board).await?;
            let board = &scene.device;
            let held = [(true, Duration::from_secs(60)), (false, ms(0))];
            let (played, seen) = tokio::join!(board.play(Wire::Call, &held), async {
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
    ("a_button_that_is_stuck_when_the_daemon_starts_does_not_ring", Pace::Quick, &[Ability::HeldButton], |ready| {
        on_a_device(ready, CASE, async |_case, mut board| {
            board.play(Wire::Call, &[(true, ms(0))]).await?;
            board.restart().await?;
            ensure!(board.layers.contacts.is_active(Wire::Call).await?, "the button was let go");
            stays_idle(&board).await?;
            board.play(Wire::Call, &[(false, ms(300))]).await?;
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
