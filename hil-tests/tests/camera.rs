//! A camera that is not there: the visitor still rings and talks, and the page says what is missing.

use std::time::Duration;

use anyhow::ensure;
use doorway_proto::state::Health;
use hil_tests::browser::{MICROPHONE_HZ, View};
use hil_tests::case::case;
use hil_tests::device::{Config, Device};
use hil_tests::scene::{SOON, STATION_HZ, Scene, station_hears};

const CASE: Duration = Duration::from_secs(90);

#[test]
fn without_its_camera_the_station_rings_talks_and_says_why_there_is_no_picture() {
    case(CASE, async |case| {
        let config = Config::default().with("video.source", "v4l2").with("video.device", "/dev/video99");
        let scene = Scene::quiet(case, config).await?;
        // A household learns of it before a visitor comes.
        scene
            .device
            .wait_until("its light says so", SOON, |status| matches!(status.media.camera, Health::Missing { .. }))
            .await?;
        ensure!(scene.device.panel().state().await?.indicator == "fault", "{:?}", scene.device.panel().state().await?);
        scene.device.press().await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        let missing = scene.device.wait_until(
            "the station knows",
            SOON,
            |status| matches!(&status.media.camera, Health::Missing { reason } if reason.contains("/dev/video99")),
        );
        missing.await?;
        scene.page.wait_reason("camera_missing", SOON).await?;
        ensure!(scene.page.text("#notice").await?.len() > 20, "no words about it: {}", scene.page.summary().await?);
        scene.answer().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_station_that_has_no_camera_by_choice_rings_and_talks() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default().with("video.source", "none")).await?;
        scene.device.press().await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        ensure!(matches!(scene.device.status().await?.media.camera, Health::Absent {}), "absent by choice");
        scene.answer().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}
