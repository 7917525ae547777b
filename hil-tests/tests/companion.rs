//! The companion as a process of its own, which may go while a call is on.

use std::time::Duration;

use anyhow::ensure;
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::case::case;
use hil_tests::device::{Companion, Config, Device, Simulated};
use hil_tests::scene::{SOON, STATION_HZ, Scene};

const CASE: Duration = Duration::from_secs(120);

#[test]
fn a_call_goes_on_while_the_companion_is_restarted_and_the_next_one_works() {
    case(CASE, async |case| {
        let mut companion = Companion::start(case, &[]).await?;
        let config = Config::default().with("companion.connect", companion.socket().as_str());
        let scene = Scene::talking(case, config).await?;
        companion.stop()?;
        scene.device.wait_until("the station notices", SOON, |status| !status.companion.connected).await?;
        // Long enough for any deadline that wrongly belongs to the companion.
        tokio::time::sleep(Duration::from_secs(5)).await;
        scene.page.picture_moves(30, SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.wait_view(View::InCall, SOON).await?;
        companion.serve().await?;
        scene
            .device
            .wait_until("the station is back", Duration::from_secs(15), |status| status.companion.connected)
            .await?;
        scene.page.wait_online(Duration::from_secs(15)).await?;
        scene.page.picture_moves(30, SOON).await?;
        ensure!(scene.device.status().await?.activity == Activity::InCall, "the call ended with the restart");
        scene.page.click("#hang-up").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        scene.device.wait_until("the station sees the page", SOON, |status| status.companion.clients == 1).await?;
        scene.talk().await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await?;
        companion.stop()
    });
}

#[test]
fn a_second_station_that_rings_waits_until_the_page_turns_to_it() {
    case(CASE, async |case| {
        let mut companion = Companion::start(case, &[]).await?;
        let config = Config::default().with("companion.connect", companion.socket().as_str());
        let gate = config.clone().with("station.id", "gate").with("station.name", "Gate").with("sound.tone_hz", 620);
        let mut gate = Simulated::start(case, gate).await?;
        let scene = Scene::quiet(case, config).await?;
        gate.wait_until("the gate sees the page", SOON, |status| status.companion.clients == 1).await?;
        scene.talk().await?;
        gate.press().await?;
        let waits = "const waiting = document.querySelector('#waiting'); return !waiting.hidden && waiting.textContent.includes('Gate')";
        scene.page.wait_for("the page tells that the gate rings", SOON, waits).await?;
        // Who talks is not interrupted.
        scene.page.picture_moves(10, SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        ensure!(scene.device.status().await?.activity == Activity::InCall, "the gate's ring ended the call");
        scene.page.click("#waiting-show").await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        scene.page.picture_moves(10, SOON).await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        scene.page.click("#answer").await?;
        gate.wait_for(Activity::InCall, SOON).await?;
        scene.page.hears(620.0, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await?;
        gate.nothing_is_left().await?;
        gate.stop().await?;
        companion.stop()
    });
}

#[test]
fn a_call_is_hung_up_while_the_companion_is_away() {
    case(CASE, async |case| {
        let mut companion = Companion::start(case, &[]).await?;
        let config = Config::default().with("companion.connect", companion.socket().as_str());
        let scene = Scene::talking(case, config).await?;
        companion.stop()?;
        scene.device.wait_until("the station notices", SOON, |status| !status.companion.connected).await?;
        scene.page.click("#hang-up").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        companion.serve().await?;
        scene.page.wait_online(Duration::from_secs(15)).await?;
        scene
            .device
            .wait_until("the station is back", Duration::from_secs(15), |status| status.companion.clients == 1)
            .await?;
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await?;
        companion.stop()
    });
}

#[test]
fn a_daemon_that_starts_while_its_ghost_is_still_connected_replaces_it() {
    case(CASE, async |case| {
        let mut companion = Companion::start(case, &[]).await?;
        let config = Config::default().with("companion.connect", companion.socket().as_str());
        let mut scene = Scene::quiet(case, config.clone()).await?;
        // What is left of a board whose power was cut: a connection that nobody closes.
        scene.device.freeze()?;
        let _ghost = std::mem::replace(&mut scene.device, Simulated::start(case, config).await?);
        // In time the companion notices by itself that the ghost is dead; the new one must not have to wait for that.
        let log = scene.device.log().await?;
        ensure!(!log.contains("refuses this station"), "the ghost kept its place: {log}");
        scene.device.wait_until("the station sees the page", SOON, |status| status.companion.clients == 1).await?;
        scene.talk().await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await?;
        companion.stop()
    });
}
