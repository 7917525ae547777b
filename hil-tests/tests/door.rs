//! The door opens for whoever talks with the visitor, for as long as it was told, and for nobody else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::control::{Event, Request, UnlockOutcome, UnlockRefusal};
use doorway_proto::ids::DoorId;
use doorway_proto::state::Activity;
use hil_tests::case::case;
use hil_tests::device::{Config, Device, Relay, Simulated};
use hil_tests::peer::{Receiver, Want};
use hil_tests::scene::{SOON, Scene};
use hil_tests::wait::{Look, until};

const CASE: Duration = Duration::from_secs(90);
const HOLD: Duration = Duration::from_millis(700);

async fn relay_after(device: &Simulated, moves: usize) -> Result<Relay> {
    until(&format!("the relay has moved {moves} times"), SOON, async || {
        let relay = device.panel().relay("door").await?;
        let seen = format!("{relay:?}");
        Ok(Look::when(relay.moves.len() >= moves, relay, seen))
    })
    .await
}

/// Asks for a door by hand and returns what the station answered.
async fn ask_for(receiver: &Receiver, request: u32, door: &str) -> Result<UnlockOutcome> {
    receiver.ask(&Request::Unlock { request, door: DoorId::new(door)? }).await?;
    let answered = |text: &String| match serde_json::from_str(text) {
        Ok(Event::UnlockResult { request: answered, outcome, .. }) if answered == request => Some(outcome),
        Ok(_) | Err(_) => None,
    };
    let seen =
        receiver.wait_until("the unlock is answered", SOON, |seen| seen.control.iter().any(|t| answered(t).is_some()));
    seen.await?.control.iter().find_map(answered).context("it was there a moment ago")
}

#[test]
fn the_door_opens_for_its_pulse_and_closes_by_itself() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        ensure!(scene.device.panel().relay("door").await?.moves.is_empty(), "the relay moved before anybody asked");
        scene.page.hold("#unlock", HOLD).await?;
        let opened = scene.page.wait_for(
            "the page shows that the door is open",
            SOON,
            "return document.querySelector('#unlock')?.dataset.outcome === 'opened'",
        );
        opened.await?;
        let relay = relay_after(&scene.device, 2).await?;
        let [open, close] = relay.moves[..] else { anyhow::bail!("opened and closed once, but: {relay:?}") };
        ensure!(open.energised && !close.energised && !relay.energised, "{relay:?}");
        let pulse_ms = close.at_ms - open.at_ms;
        ensure!((950.0..1300.0).contains(&pulse_ms), "configured 1 s, open for {pulse_ms} ms");
        let status = scene.device.status().await?;
        ensure!(status.activity == Activity::InCall, "opening ended the call: {:?}", status.activity);
        ensure!(status.doors.iter().all(|door| !door.open), "{:?}", status.doors);
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_short_tap_opens_nothing() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        scene.page.hold("#unlock", Duration::from_millis(150)).await?;
        tokio::time::sleep(Duration::from_millis(800)).await;
        ensure!(scene.device.panel().relay("door").await?.moves.is_empty(), "a tap opened the door");
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn the_door_stays_shut_for_who_only_watches_or_is_only_rung() {
    case(CASE, async |case| {
        let mut device = Simulated::start(case, Config::default()).await?;
        let watcher = Receiver::start(&device.socket(), "front-door", Want::Watch).await?;
        watcher.wait_connected().await?;
        let outcome = ask_for(&watcher, 1, "door").await?;
        ensure!(outcome == UnlockOutcome::Refused { reason: UnlockRefusal::NotInCall }, "watching: {outcome:?}");
        device.press().await?;
        device.wait_for(Activity::Ringing, SOON).await?;
        let outcome = ask_for(&watcher, 2, "door").await?;
        ensure!(outcome == UnlockOutcome::Refused { reason: UnlockRefusal::NotInCall }, "ringing: {outcome:?}");
        watcher.ask(&Request::Accept {}).await?;
        device.wait_for(Activity::InCall, SOON).await?;
        let outcome = ask_for(&watcher, 3, "back-door").await?;
        ensure!(outcome == UnlockOutcome::Refused { reason: UnlockRefusal::NoSuchDoor }, "no such door: {outcome:?}");
        ensure!(device.panel().relay("door").await?.moves.is_empty(), "a refused request moved the relay");
        let outcome = ask_for(&watcher, 4, "door").await?;
        ensure!(outcome == UnlockOutcome::Opened { pulse_ms: 1000 }, "talking: {outcome:?}");
        ensure!(!device.panel().relay("door").await?.moves.is_empty(), "acknowledged before the relay has acted");
        let outcome = ask_for(&watcher, 5, "door").await?;
        ensure!(outcome == UnlockOutcome::Refused { reason: UnlockRefusal::AlreadyOpen }, "open: {outcome:?}");
        watcher.ask(&Request::HangUp {}).await?;
        drop(watcher);
        relay_after(&device, 2).await?;
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn who_is_inside_opens_the_door_by_the_exit_button_though_nobody_calls() {
    case(CASE, async |case| {
        let mut device = Simulated::start(case, Config::default()).await?;
        device.panel().press("exit").await?;
        let relay = relay_after(&device, 2).await?;
        let [open, close] = relay.moves[..] else { anyhow::bail!("opened and closed once, but: {relay:?}") };
        ensure!(open.energised && !close.energised, "{relay:?}");
        let status = device.status().await?;
        ensure!(status.activity == Activity::Idle && status.marks.press_accepted_ms.is_none(), "it rang: {status:?}");
        let opened = status.doors.iter().find_map(|door| door.opened.clone()).context("its opening is not told")?;
        ensure!((opened.name.as_str(), opened.way.as_str()) == ("exit", "exit_button"), "{opened:?}");
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn a_door_that_was_opened_closes_though_the_call_ends_meanwhile() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        scene.page.hold("#unlock", HOLD).await?;
        relay_after(&scene.device, 1).await?;
        scene.page.click("#hang-up").await?;
        let relay = relay_after(&scene.device, 2).await?;
        ensure!(!relay.energised, "{relay:?}");
        scene.leave_nothing().await
    });
}
