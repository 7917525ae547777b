//! What comes and goes without a goodbye: pages, the daemon, ports and configurations.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::View;
use hil_tests::case::{Case, case};
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::peer::Socket;
use hil_tests::process::Process;
use hil_tests::scene::{SOON, Scene};
use hil_tests::tools;
use hil_tests::wait::{Look, until};

const CASE: Duration = Duration::from_secs(120);

#[test]
fn a_page_that_vanishes_in_a_call_leaves_the_station_idle_in_seconds() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let Scene { mut device, browser, page: _ } = scene;
        browser.kill()?;
        device.wait_for(Activity::Idle, Duration::from_secs(10)).await?;
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn a_page_that_vanishes_while_it_rings_leaves_nothing() {
    case(CASE, async |case| {
        let scene = Scene::ringing(case, Config::default().with("call.ring_timeout", "20 s")).await?;
        let Scene { mut device, browser, page: _ } = scene;
        browser.kill()?;
        device
            .wait_until("its connection is gone", Duration::from_secs(10), |status| status.resources.peers == 0)
            .await?;
        device.wait_for(Activity::Idle, Duration::from_secs(25)).await?;
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn a_page_that_is_closed_in_a_call_says_goodbye() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let Scene { mut device, browser, page: _ } = scene;
        browser.close().await?;
        device.wait_for(Activity::Idle, SOON).await?;
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn a_daemon_that_is_killed_and_started_again_rings_the_open_page() {
    case(CASE, async |case| {
        let mut scene = Scene::quiet(case, Config::default()).await?;
        scene.device.kill()?;
        let offline = "return document.body.dataset.link !== 'online'";
        scene.page.wait_for("the page notices", SOON, offline).await?;
        scene.device.start_again().await?;
        scene.page.wait_online(Duration::from_secs(15)).await?;
        scene.talk().await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_daemon_that_is_killed_while_it_rings_does_not_leave_the_page_ringing() {
    case(CASE, async |case| {
        // It is back at once, so that the page may believe in the ring for as long as nothing tells it otherwise.
        let mut scene = Scene::ringing(case, Config::default()).await?;
        scene.device.kill()?;
        scene.device.start_again().await?;
        scene.page.wait_reason("connection_lost", Duration::from_secs(15)).await?;
        scene.page.wait_online(Duration::from_secs(15)).await?;
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_daemon_that_is_killed_in_a_call_takes_the_page_out_of_it_and_rings_it_again() {
    case(CASE, async |case| {
        let mut scene = Scene::talking(case, Config::default()).await?;
        scene.device.kill()?;
        scene.page.wait_view(View::Ended, Duration::from_secs(20)).await?;
        scene.page.wait_reason("connection_lost", SOON).await?;
        scene.device.start_again().await?;
        scene.page.wait_online(Duration::from_secs(15)).await?;
        scene.talk().await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_daemon_that_is_told_to_end_in_a_call_tells_the_page_and_ends_cleanly() {
    case(CASE, async |case| {
        let mut scene = Scene::talking(case, Config::default()).await?;
        scene.device.stop().await?;
        scene.page.wait_reason("station_closing", SOON).await
    });
}

#[test]
fn a_local_port_that_is_taken_is_named_and_the_daemon_ends() {
    case(CASE, async |case| {
        let other = TcpListener::bind("127.0.0.1:0")?;
        let address = other.local_addr()?.to_string();
        let config = Config::default().with("companion.listen", "127.0.0.1:0").with("local.listen", address.as_str());
        let (code, said) = Simulated::run_to_its_end(case, &config)?;
        ensure!(code == Some(2), "the daemon ended with {code:?}: {said}");
        ensure!(said.contains(&address), "the address is not named: {said}");
        Ok(())
    });
}

#[test]
fn without_a_port_for_its_pages_the_bell_goes_on_and_the_port_is_taken_once_it_is_free() {
    case(CASE, async |case| {
        let other = TcpListener::bind("127.0.0.1:0")?;
        let address = other.local_addr()?.to_string();
        let config = Config::default().with("companion.listen", address.as_str());
        let mut device = Simulated::start(case, config).await?;
        let status = device.status().await?;
        let fault = status.faults.iter().find(|fault| fault.contains(&address) && fault.contains("set another port"));
        ensure!(fault.is_some() && status.companion.trouble.as_ref() == fault, "{:?}", status.faults);
        device.press().await?;
        until("the press counts", SOON, async || {
            let metrics = device.metrics().await?;
            Ok(Look::when(metrics.contains("doorway_presses_total 1"), (), metrics))
        })
        .await?;
        // With nobody to ring it rings for ten seconds.
        device.wait_for(Activity::Idle, Duration::from_secs(20)).await?;
        drop(other);
        device.wait_until("the port is taken", Duration::from_secs(30), |status| status.faults.is_empty()).await?;
        Socket::enter(&device.socket()).await?;
        device.stop().await
    });
}

/// Runs `doorwayd COMMAND` on a file with this text.
fn doorwayd(case: &Case, arguments: &[&str], text: &str) -> Result<(Option<i32>, String, String)> {
    let path = case.fresh("doorway", ".toml");
    fs::write(&path, text)?;
    let name = path.to_string_lossy().into_owned();
    let mut command = Command::new(tools::doorwayd()?);
    command.args(arguments).arg(&path);
    let mut process = Process::start("doorwayd", command, &path.with_extension("log"))?;
    let code = process.wait(SOON)?.code();
    Ok((code, process.log(), name))
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_its_line_and_what_to_do() {
    case(CASE, async |case| {
        let mistakes = [
            ("unknown key", "[station]\nid = \"front-door\"\nname = \"Front door\"\ncolour = \"red\"\n", 4, "colour"),
            ("wrong unit", "[call]\nring_timeout = \"45 meters\"\n", 2, "45 meters"),
            ("wrong type", "[video]\n\nrate = \"fast\"\n", 3, "fast"),
            ("no TOML", "[video\nrate = 30\n", 1, ""),
            ("unknown board", "\n[board]\ndescription = \"no-such-board\"\n", 3, "no-such-board"),
            ("unknown button", "[[button]]\nid = \"no-such-button\"\nlabel = \"Me\"\n", 2, "no-such-button"),
        ];
        for (what, text, line, named) in mistakes {
            for arguments in [&["check-config"][..], &["run", "--config"][..]] {
                let (code, said, path) = doorwayd(case, arguments, text)?;
                ensure!(code == Some(2), "{what}, {arguments:?}: ended with {code:?}: {said}");
                ensure!(said.contains(&format!("{path}:{line}")), "{what}, {arguments:?}: no {path}:{line} in: {said}");
                ensure!(said.contains(named), "{what}, {arguments:?}: {named} is not named: {said}");
                ensure!(!said.contains("panicked"), "{what}, {arguments:?}: {said}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_configuration_that_is_right_is_said_to_be() {
    case(CASE, async |case| {
        let path = case.fresh("right", ".toml");
        Config::default().write(&path)?;
        let (code, said, _) = doorwayd(case, &["check-config"], &fs::read_to_string(&path)?)?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        Ok(())
    });
}
