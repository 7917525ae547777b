//! What the machine under the daemon may do to it: its disk is full, its clock jumps.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, MICROPHONE_HZ, Microphone, Screen};
use hil_tests::case::case;
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::scene::{SOON, STATION_HZ, Scene, station_hears};

const CASE: Duration = Duration::from_secs(120);

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    case(CASE, async |case| {
        // Every write to it says that no space is left.
        let scene = Scene::quiet(case, Config::default().with("sound.record", "/dev/full")).await?;
        scene.ring().await?;
        scene.answer().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.picture_moves(10, SOON).await?;
        let log = scene.device.log().await?;
        ensure!(log.contains("No space left on device"), "the log does not say that the disk is full: {log}");
        scene.page.click("#hang-up").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_clock_that_jumps_by_an_hour_both_ways_changes_nothing_of_a_call() {
    case(CASE, async |case| {
        let device = Simulated::start_with_own_clock(case, Config::default()).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open_online(&device.page()).await?;
        let scene = Scene::with(device, browser, page).await?;
        scene.talk().await?;
        for ahead_s in [-3600, 3600] {
            scene.device.skew_clock(ahead_s)?;
            talk_goes_on(&scene, ahead_s).await?;
        }
        scene.page.click("#hang-up").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        scene.device.skew_clock(-3600)?;
        scene.device.press().await?;
        scene.page.picture_moves_with_clock_off_by(-3600.0, 10, SOON).await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

/// Picture, sound both ways and the door, with a station whose clock is ahead.
async fn talk_goes_on(scene: &Scene, ahead_s: i64) -> Result<()> {
    scene.page.picture_moves_with_clock_off_by(ahead_s as f64, 30, SOON).await?;
    scene.page.hears(STATION_HZ, SOON).await?;
    station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
    let before = scene.device.panel().relay("door").await?.moves.len();
    scene.page.hold("#unlock", Duration::from_millis(700)).await?;
    scene.device.wait_until("the door opens", SOON, |status| status.doors.iter().any(|door| door.open)).await?;
    scene.device.wait_until("the door closes", SOON, |status| status.doors.iter().all(|door| !door.open)).await?;
    let moves = scene.device.panel().relay("door").await?.moves.len() - before;
    ensure!(moves == 2, "opened once, and the relay moved {moves} times");
    Ok(())
}
