//! A media connection that breaks off under a call which goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::MICROPHONE_HZ;
use hil_tests::case::case;
use hil_tests::device::{Config, Device};
use hil_tests::scene::{SOON, STATION_HZ, Scene, station_hears};

const CASE: Duration = Duration::from_secs(90);

/// Ends the page's connection under it. The page has to find that out by itself, and asks for another one.
async fn break_off(scene: &Scene) -> Result<()> {
    scene.page.run("window.hilBroken = window.doorway.connection; window.hilBroken.close()", vec![]).await?;
    let another = "return !!window.doorway.connection && window.doorway.connection !== window.hilBroken \
        && window.doorway.connection.connectionState === 'connected'";
    scene.page.wait_for("another connection is up", SOON, another).await
}

#[test]
fn a_call_whose_connection_breaks_off_goes_on_over_another_one() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let call = scene.device.status().await?.call.context("a call")?.id;
        for _ in 0..2 {
            break_off(&scene).await?;
            scene.page.picture_moves(10, SOON).await?;
            scene.page.hears(STATION_HZ, SOON).await?;
            station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        }
        let status = scene.device.status().await?;
        ensure!(status.activity == Activity::InCall, "{:?}", status.activity);
        ensure!(status.call.context("a call")?.id == call, "it is another call");
        ensure!(status.resources.peers == 1, "{} peers", status.resources.peers);
        // The door belongs to the call, over whichever connection.
        scene.page.hold("#unlock", Duration::from_millis(700)).await?;
        scene.device.wait_until("the door opens", SOON, |status| status.doors.iter().any(|door| door.open)).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_ring_whose_connection_breaks_off_shows_the_visitor_again() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default()).await?;
        break_off(&scene).await?;
        scene.page.picture_moves(10, SOON).await?;
        ensure!(scene.device.status().await?.activity == Activity::Ringing);
        scene.answer().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}
