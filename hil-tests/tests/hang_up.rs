//! A call ends from either side, and by its longest duration.

use std::time::Duration;

use anyhow::ensure;
use hil_tests::browser::View;
use hil_tests::case::case;
use hil_tests::device::{Config, Device};
use hil_tests::scene::{SOON, Scene};

const CASE: Duration = Duration::from_secs(90);

#[test]
fn the_page_hangs_up_and_the_next_call_works() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        scene.page.click("#hang-up").await?;
        scene.page.wait_view(View::Ended, SOON).await?;
        scene.page.wait_reason("hung_up", SOON).await?;
        let free =
            "return window.doorway.connection === null || window.doorway.connection.connectionState === 'closed'";
        scene.page.wait_for("the page has let the connection go", SOON, free).await?;
        scene.talk().await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn the_visitor_hangs_up_by_the_button_and_the_page_is_told() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        scene.device.panel().press("hang-up").await?;
        scene.page.wait_view(View::Ended, SOON).await?;
        scene.page.wait_reason("hung_up", SOON).await?;
        scene.leave_nothing().await
    });
}

#[test]
fn the_longest_duration_ends_a_call_that_nobody_ends() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default().with("call.max_duration", "3 s")).await?;
        scene.answer().await?;
        scene.page.wait_reason("max_duration", SOON).await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_visitor_who_presses_again_while_talking_is_shown_and_nothing_else_happens() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let before = scene.device.status().await?.call.map(|call| call.id);
        scene.device.press().await?;
        scene.page.wait_reason("pressed_again", SOON).await?;
        scene.page.picture_moves(30, SOON).await?;
        let after = scene.device.status().await?.call.map(|call| call.id);
        ensure!(before == after, "a new call instead of the old one: {before:?} {after:?}");
        scene.page.wait_view(View::InCall, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}
