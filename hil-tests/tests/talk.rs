//! Both sides hear each other.

use std::time::Duration;

use anyhow::ensure;
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, MICROPHONE_HZ, Microphone, Screen, View};
use hil_tests::case::case;
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::scene::{SOON, STATION_HZ, Scene, station_hears};

const CASE: Duration = Duration::from_secs(90);

#[test]
fn after_the_answer_each_side_hears_the_others_tone() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default()).await?;
        scene.answer().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        let status = scene.device.status().await?;
        ensure!(status.sound.heard_at_ms.is_some(), "the station tells of no sound: {:?}", status.sound);
        // And it stays so, with the picture still moving.
        scene.page.picture_moves(30, SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn another_tone_at_the_door_is_another_tone_in_the_page() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default().with("sound.tone_hz", 620)).await?;
        scene.answer().await?;
        scene.page.hears(620.0, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_muted_page_is_not_heard_and_an_unmuted_one_is_again() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        scene.page.click("#mute").await?;
        let still = Duration::from_millis(1500);
        tokio::time::sleep(still).await;
        let heard = scene.device.speaker(1.0).await?.loudest()?;
        ensure!(!heard.is_tone(MICROPHONE_HZ), "muted and heard: {heard:?}");
        scene.page.click("#mute").await?;
        station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn whoever_refuses_the_microphone_listens_all_the_same_and_is_told() {
    case(CASE, async |case| {
        let device = Simulated::start(case, Config::default()).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Refused).await?;
        let page = browser.open_online(&device.page()).await?;
        let scene = Scene::with(device, browser, page).await?;
        scene.ring().await?;
        scene.answer().await?;
        scene.page.wait_reason("microphone_refused", SOON).await?;
        ensure!(scene.page.text("#notice").await?.len() > 20, "no words about it: {}", scene.page.summary().await?);
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.picture_moves(10, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_visitor_can_be_watched_without_a_ring_and_then_spoken_to() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        scene.page.click("[data-station='front-door'] .watch").await?;
        scene.page.wait_view(View::Watching, SOON).await?;
        scene.page.picture_moves(10, SOON).await?;
        scene.device.wait_for(Activity::Watched, SOON).await?;
        scene.page.click("#talk").await?;
        scene.page.wait_view(View::InCall, SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        station_hears(&scene.device, MICROPHONE_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}
