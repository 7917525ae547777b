//! From the press to a page that rings.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, Page, View};
use hil_tests::case::{Case, case};
use hil_tests::device::{Config, Device, Simulated, Step};
use hil_tests::scene::{SOON, STATION_HZ, Scene};
use hil_tests::wait::{Look, throughout, until};

const CASE: Duration = Duration::from_secs(90);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How often the page was rung since it was loaded.
async fn rings(page: &Page) -> Result<u64> {
    let count = page.run("return performance.getEntriesByName('doorway:ring', 'mark').length", vec![]).await?;
    Ok(count.as_u64().unwrap_or_default())
}

/// A station that was pressed, and two pages that ring.
async fn two_pages_ring(case: &Case, config: Config) -> Result<(Simulated, [(Browser, Page); 2])> {
    let device = Simulated::start(case, config).await?;
    let kitchen = Browser::start(case).await?;
    let kitchen_page = kitchen.open_online(&format!("{}?name=Kitchen", device.page())).await?;
    let study = Browser::start(case).await?;
    let study_page = study.open_online(&format!("{}?name=Study", device.page())).await?;
    device.wait_until("both pages are here", SOON, |status| status.companion.clients == 2).await?;
    device.press().await?;
    kitchen_page.wait_view(View::Ringing, SOON).await?;
    study_page.wait_view(View::Ringing, SOON).await?;
    Ok((device, [(kitchen, kitchen_page), (study, study_page)]))
}

#[test]
fn a_press_rings_and_the_visitor_moves_in_the_page_before_anybody_answers() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        scene.device.press().await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        scene.page.picture_moves(15, SOON).await?;
        let status = scene.device.status().await?;
        ensure!(status.activity == Activity::Ringing, "{:?}", status.activity);
        ensure!(status.marks.receipts == 1, "one page rings, {} receipts came", status.marks.receipts);
        let call = status.call.ok_or_else(|| anyhow::anyhow!("it rings without a call"))?;
        ensure!(call.talkers.is_empty(), "{call:?}");
        // Seeing is not hearing: nobody listens to a visitor who was not answered.
        let tone = scene.page.tone().await?;
        ensure!(tone.is_none_or(|tone| !tone.is_tone(STATION_HZ)), "the visitor is heard already: {tone:?}");
        ensure!(scene.page.unreadable_frames().await? < 5, "{}", scene.page.summary().await?);
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn two_pages_ring_one_answers_and_the_other_is_told() {
    case(CASE, async |case| {
        let (device, [(kitchen, kitchen_page), (study, study_page)]) = two_pages_ring(case, Config::default()).await?;
        kitchen_page.picture_moves(3, SOON).await?;
        study_page.picture_moves(3, SOON).await?;
        device.wait_until("both confirmed", SOON, |status| status.marks.receipts == 2).await?;
        let scene = Scene::with(device, study, study_page).await?;
        scene.answer().await?;
        kitchen_page.wait_view(View::Ended, SOON).await?;
        kitchen_page.wait_reason("answered_elsewhere", SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        let alone = scene.device.wait_until("one peer is left", SOON, |status| status.resources.peers == 1);
        alone.await?;
        scene.page.click("#hang-up").await?;
        kitchen.close().await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_page_that_declines_stops_ringing_and_the_others_ring_on() {
    case(CASE, async |case| {
        let (device, [(kitchen, kitchen_page), (study, study_page)]) = two_pages_ring(case, Config::default()).await?;
        kitchen_page.click("#decline").await?;
        kitchen_page.wait_reason("declined", SOON).await?;
        study_page.picture_moves(10, SOON).await?;
        ensure!(device.status().await?.activity == Activity::Ringing, "one declined and nobody is rung any more");
        let scene = Scene::with(device, study, study_page).await?;
        scene.page.click("#decline").await?;
        scene.page.wait_reason("declined", SOON).await?;
        kitchen.close().await?;
        scene.leave_nothing().await
    });
}

#[test]
fn who_declined_can_watch_while_the_others_ring_on() {
    case(CASE, async |case| {
        let (device, [(kitchen, kitchen_page), (study, study_page)]) = two_pages_ring(case, Config::default()).await?;
        kitchen_page.click("#decline").await?;
        kitchen_page.wait_reason("declined", SOON).await?;
        kitchen_page.click("#ended-home").await?;
        kitchen_page.click(".watch").await?;
        kitchen_page.wait_view(View::Watching, SOON).await?;
        kitchen_page.picture_moves(10, SOON).await?;
        // Watching is not ringing, and takes it from nobody.
        study_page.wait_view(View::Ringing, SOON).await?;
        ensure!(device.status().await?.activity == Activity::Ringing, "{:?}", device.status().await?.activity);
        kitchen_page.click("#hang-up").await?;
        kitchen_page.wait_view(View::Home, SOON).await?;
        let scene = Scene::with(device, study, study_page).await?;
        scene.answer().await?;
        scene.page.click("#hang-up").await?;
        kitchen.close().await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_button_with_names_rings_the_screens_that_are_called_so() {
    case(CASE, async |case| {
        let button: toml::Table = r#"id = "call"
            label = "Front door"
            rings = ["Kitchen"]"#
            .parse()?;
        let config = Config::default().with("button", vec![toml::Value::Table(button)]);
        let device = Simulated::start(case, config).await?;
        let kitchen = Browser::start(case).await?;
        let kitchen_page = kitchen.open_online(&format!("{}?name=Attic", device.page())).await?;
        let study = Browser::start(case).await?;
        let study_page = study.open_online(&device.page()).await?;
        kitchen_page.enter("#name-text", "Kitchen").await?;
        kitchen_page.wait_online(SOON).await?;
        device.wait_until("both pages are here", SOON, |status| status.companion.clients == 2).await?;
        device.press().await?;
        kitchen_page.wait_view(View::Ringing, SOON).await?;
        kitchen_page.picture_moves(10, SOON).await?;
        ensure!(rings(&study_page).await? == 0, "a page without the name was rung");
        kitchen_page.click("#decline").await?;
        device.wait_for(Activity::Idle, SOON).await?;
        // The name is kept, against the one in the address too.
        kitchen_page.run("location.reload()", vec![]).await?;
        let named = "return document.querySelector('#name-text')?.value === 'Kitchen' && document.body.dataset.link === 'online'";
        kitchen_page.wait_for("the page goes by its name after a reload", SOON, named).await?;
        device.wait_until("both pages are here", SOON, |status| status.companion.clients == 2).await?;
        let scene = Scene::with(device, kitchen, kitchen_page).await?;
        scene.ring().await?;
        scene.page.click("#decline").await?;
        study.close().await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_page_more_than_get_the_picture_rings_all_the_same_and_can_answer() {
    case(CASE, async |case| {
        let config = Config::default().with("call.max_peers", 1);
        let (device, [(kitchen, kitchen_page), (study, study_page)]) = two_pages_ring(case, config).await?;
        device.wait_until("both confirmed", SOON, |status| status.marks.receipts == 2).await?;
        // Which of the two has the place is nobody's business: the ids are drawn by the pages.
        let sees = "return document.querySelector('#picture')?.dataset.picture === 'live'";
        let kitchen_sees = until("one page sees the visitor", SOON, async || {
            let kitchen = kitchen_page.run(sees, vec![]).await? == true;
            let study = study_page.run(sees, vec![]).await? == true;
            Ok(Look::when(kitchen != study, kitchen, format!("kitchen {kitchen}, study {study}")))
        })
        .await?;
        let (browser, page, other, other_page) = if kitchen_sees {
            (study, study_page, kitchen, kitchen_page)
        } else {
            (kitchen, kitchen_page, study, study_page)
        };
        let scene = Scene::with(device, browser, page).await?;
        scene.answer().await?;
        other_page.wait_reason("answered_elsewhere", SOON).await?;
        scene.page.picture_moves(10, SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        other.close().await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_ring_that_nobody_answers_ends_by_itself() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default().with("call.ring_timeout", "3 s")).await?;
        scene.page.wait_reason("ring_timeout", SOON).await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        // The next visitor is not worse off.
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_page_that_is_opened_while_it_rings_rings_too() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default()).await?;
        let late = Browser::start(case).await?;
        let late_page = late.open_online(&scene.device.page()).await?;
        late_page.wait_view(View::Ringing, SOON).await?;
        late_page.picture_moves(3, SOON).await?;
        scene.answer().await?;
        late_page.wait_reason("answered_elsewhere", SOON).await?;
        late.close().await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn ten_quick_presses_ring_once() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        let presses: Vec<_> = (0..10).flat_map(|_| [Step::down(ms(60)), Step::up(ms(70))]).collect();
        scene.device.panel().play("call", &presses).await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        let call = scene.device.status().await?.call.map(|call| call.id);
        scene.page.picture_moves(60, SOON).await?;
        let status = scene.device.status().await?;
        ensure!(status.call.as_ref().map(|call| &call.id) == call.as_ref(), "another call: {:?}", status.call);
        ensure!(rings(&scene.page).await? == 1, "the page was rung {} times", rings(&scene.page).await?);
        scene.page.click("#decline").await?;
        // Presses that are left over must not ring again by themselves.
        throughout("idle", ms(2000), async || {
            let status = scene.device.status().await?;
            let idle = status.activity == Activity::Idle
                || status.activity == Activity::Ringing && status.call.as_ref().map(|call| &call.id) == call.as_ref();
            Ok(Look::when(idle, (), format!("{:?} {:?}", status.activity, status.call)))
        })
        .await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_contact_that_bounces_or_picks_up_noise_does_not_ring() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        let noise: Vec<_> = (0..40).flat_map(|_| [Step::down(ms(4)), Step::up(ms(11))]).collect();
        scene.device.panel().play("call", &noise).await?;
        throughout("idle", ms(1500), async || {
            let status = scene.device.status().await?;
            Ok(Look::when(status.activity == Activity::Idle, (), format!("{:?}", status.activity)))
        })
        .await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_button_held_for_a_minute_rings_once_shows_a_fault_and_works_again_after() {
    case(Duration::from_secs(150), async |case| {
        let scene = Scene::quiet(case, Config::default().with("call.ring_timeout", "4 s")).await?;
        scene.device.panel().play("call", &[Step::down(ms(60_000)), Step::up(ms(0))]).await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        scene.page.wait_reason("ring_timeout", SOON).await?;
        let stuck = scene.device.wait_until("the stuck button is a fault", Duration::from_secs(40), |status| {
            status.faults.iter().any(|fault| fault.contains("call") || fault.contains("Front door"))
        });
        stuck.await?;
        ensure!(scene.device.panel().state().await?.indicator == "fault", "{:?}", scene.device.panel().state().await?);
        scene.page.wait_view(View::Home, SOON).await?;
        let card = scene.page.text(".station-health").await?;
        ensure!(card.contains("“Front door” is stuck"), "Home says: {card}");
        ensure!(scene.device.status().await?.activity == Activity::Idle, "a held button rings again");
        let released =
            scene.device.wait_until("the fault is over", Duration::from_secs(40), |status| status.faults.is_empty());
        released.await?;
        let told = "return document.querySelector('.station-health').textContent === ''";
        scene.page.wait_for("Home says no more of the button", SOON, told).await?;
        ensure!(rings(&scene.page).await? == 1, "the page was rung {} times", rings(&scene.page).await?);
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}
