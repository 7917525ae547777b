//! Both sides hear each other.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::ids::EndpointId;
use doorway_proto::signaling::{ClientMessage, ClientSignal, StationSignal, ToClient};
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, MICROPHONE_HZ, Microphone, Screen, View};
use hil_tests::case::case;
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::peer::{Receiver, Socket, Want};
use hil_tests::scene::{SOON, STATION_HZ, Scene, station_hears};
use hil_tests::wait::{Look, until};

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

#[test]
fn the_light_says_that_somebody_watches_and_nobody_is_filmed_before() {
    case(CASE, async |case| {
        let mut device = Simulated::start(case, Config::default()).await?;
        let (mut silent, _) = Socket::enter(&device.socket()).await?;
        let watch = ClientMessage::Signal { to: EndpointId::new("front-door")?, signal: ClientSignal::Watch {} };
        silent.send(&watch).await?;
        silent
            .wait_for("an offer", |message| {
                matches!(message, ToClient::Signal { signal: StationSignal::Offer { .. }, .. }).then_some(())
            })
            .await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (status, shown) = (device.status().await?, device.panel().state().await?.indicator);
        ensure!(!status.video.running && shown == "ready", "not connected: {:?}, {shown}", status.video);
        silent.vanish();
        let watcher = Receiver::start(&device.socket(), "front-door", Want::Watch).await?;
        watcher.wait_connected().await?;
        device.wait_until("the camera is on", SOON, |status| status.video.running).await?;
        light(&device, "watched").await?;
        watcher.signal(ClientSignal::HangUp { call: watcher.call()? }).await?;
        light(&device, "ready").await?;
        drop(watcher);
        device.nothing_is_left().await?;
        device.stop().await
    });
}

async fn light(device: &Simulated, wanted: &str) -> Result<()> {
    until(&format!("the light says '{wanted}'"), SOON, async || {
        let shown = device.panel().state().await?.indicator;
        Ok(Look::when(shown == wanted, (), shown))
    })
    .await
}
