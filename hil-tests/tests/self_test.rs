//! The self-test: it tells what works from what does not, and is in nobody's way.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::case::{Case, case};
use hil_tests::device::{Config, Device, Simulated, free_port};
use hil_tests::process::Process;
use hil_tests::scene::{SOON, STATION_HZ, Scene};
use hil_tests::tools;

const CASE: Duration = Duration::from_secs(90);
/// A test in which a device is missing takes some seconds: it is tried more than once.
const SLOW: Duration = Duration::from_secs(20);

/// `doorwayd self-test` of the daemon that runs with `config`.
fn command(case: &Case, config: &std::path::Path, more: &[&str]) -> Result<Process> {
    let mut command = Command::new(tools::doorwayd()?);
    command.arg("self-test").args(more).arg("--config").arg(config);
    Process::start("self-test", command, &case.fresh("self-test", ".log"))
}

fn asked(case: &Case, device: &Simulated, more: &[&str]) -> Result<(Option<i32>, String)> {
    let mut process = command(case, device.config_path(), more)?;
    Ok((process.wait(SLOW)?.code(), process.log()))
}

#[test]
fn a_station_that_works_passes_and_everything_is_off_again() {
    case(CASE, async |case| {
        let mut device = Simulated::start(case, Config::default()).await?;
        let (code, said) = asked(case, &device, &[])?;
        let lines: Vec<&str> = said.lines().filter_map(|line| line.split_once(" (")).map(|(start, _)| start).collect();
        ensure!(lines == ["camera: ok", "encoder: ok", "sound: ok", "gpio: ok", "companion: ok"], "{said}");
        ensure!(said.contains("keyframe of 640x360"), "{said}");
        ensure!(code == Some(0), "ended with {code:?}");
        device.wait_until("camera and sound are off", SOON, |now| !now.video.running && !now.sound.running).await?;
        ensure!(device.panel().state().await?.relays.iter().all(|relay| relay.moves.is_empty()), "a relay moved");
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn what_is_missing_fails_with_its_reason_and_what_is_not_configured_does_not() {
    case(CASE, async |case| {
        let config = Config::default().with("video.source", "v4l2").with("video.device", "/dev/video99");
        let device = Simulated::start(case, config.with("sound.source", "none")).await?;
        let (code, said) = asked(case, &device, &["--json"])?;
        ensure!(code == Some(1), "ended with {code:?}: {said}");
        let report: serde_json::Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        ensure!(report["passed"] == false, "{said}");
        let found = |part: &str| {
            let findings = report["findings"].as_array().into_iter().flatten();
            findings.clone().find(|finding| finding["part"] == part).cloned().unwrap_or_default()
        };
        ensure!(found("camera")["result"] == "failed", "{said}");
        ensure!(found("camera")["why"].as_str().is_some_and(|why| why.contains("/dev/video99")), "{said}");
        ensure!(found("encoder")["result"] == "ok", "the card is encoded while the camera is missing: {said}");
        ensure!(found("sound")["result"] == "not_configured", "{said}");
        Ok(())
    });
}

#[test]
fn a_companion_out_of_reach_fails() {
    case(CASE, async |case| {
        let config = case.fresh("alone", ".toml");
        let local = format!("127.0.0.1:{}", free_port()?);
        let nobody = format!("ws://127.0.0.1:{}/ws", free_port()?);
        Config::default()
            .with("local.listen", local.as_str())
            .with("companion.connect", nobody.as_str())
            .write(&config)?;
        let mut daemon = Command::new(tools::doorwayd()?);
        daemon.arg("run").arg("--config").arg(&config);
        let _daemon = Process::start("doorwayd", daemon, &config.with_extension("log"))?;
        let mut asking = command(case, &config, &["--within", "4s"])?;
        ensure!(asking.wait(SLOW)?.code() == Some(1), "{}", asking.log());
        ensure!(
            asking.log().contains("companion: failed: ") && asking.log().contains("camera: ok"),
            "{}",
            asking.log()
        );
        Ok(())
    });
}

#[test]
fn the_command_waits_for_a_daemon_that_is_not_up_yet_and_gives_up_in_time() {
    case(CASE, async |case| {
        let config = case.fresh("late", ".toml");
        let local = format!("127.0.0.1:{}", free_port()?);
        let listen = format!("127.0.0.1:{}", free_port()?);
        let late = Config::default().with("local.listen", local.as_str()).with("companion.listen", listen.as_str());
        late.write(&config)?;
        let began = Instant::now();
        let mut early = command(case, &config, &["--within", "1s"])?;
        ensure!(early.wait(SOON)?.code() == Some(1), "{}", early.log());
        ensure!(early.log().contains("no daemon answers"), "{}", early.log());
        ensure!(began.elapsed() < Duration::from_secs(4), "gave up after {:?}", began.elapsed());

        let mut waiting = command(case, &config, &["--within", "20s"])?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        ensure!(waiting.exited()?.is_none(), "it did not wait: {}", waiting.log());
        let mut daemon = Command::new(tools::doorwayd()?);
        daemon.arg("run").arg("--config").arg(&config);
        let _daemon = Process::start("doorwayd", daemon, &config.with_extension("log"))?;
        ensure!(waiting.wait(SLOW)?.code() == Some(0), "{}", waiting.log());
        Ok(())
    });
}

#[test]
fn a_press_during_the_test_rings_at_once_and_the_call_keeps_what_the_test_opened() {
    case(CASE, async |case| {
        // A missing camera makes the test last long enough to press in the middle of it.
        let config = Config::default().with("video.source", "v4l2").with("video.device", "/dev/video99");
        let scene = Scene::quiet(case, config).await?;
        let mut test = command(case, scene.device.config_path(), &[])?;
        scene.device.wait_until("the test is on", SOON, |status| status.video.running && status.sound.running).await?;
        let pressed = Instant::now();
        scene.device.press().await?;
        scene.device.wait_for(Activity::Ringing, Duration::from_secs(2)).await?;
        ensure!(pressed.elapsed() < Duration::from_secs(2), "rang after {:?}", pressed.elapsed());
        ensure!(test.exited()?.is_none(), "the test was over before the press: {}", test.log());
        let status = test.wait(SLOW)?;
        ensure!(status.code() == Some(1), "{}", test.log());
        ensure!(test.log().contains("sound: ok"), "{}", test.log());
        // The test is over, and what it had opened is now the call's.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let during = scene.device.status().await?;
        ensure!(during.activity == Activity::Ringing && during.video.running && during.sound.running, "{during:?}");
        scene.answer().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn during_a_call_its_own_picture_and_sound_count_and_go_on() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let before = scene.device.status().await?.video.frames;
        let (code, said) = asked(case, &scene.device, &[])?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        scene.page.picture_moves(10, SOON).await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        let after = scene.device.status().await?;
        ensure!(after.activity == Activity::InCall && after.resources.pipelines == 1, "{after:?}");
        ensure!(after.video.frames > before, "the camera was started anew");
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}
