//! What an installer has of the daemon besides calls: commands, metrics, the service manager's protocol.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::case::{Case, case};
use hil_tests::device::{Config, Device, free_port};
use hil_tests::process::Process;
use hil_tests::scene::{SOON, Scene};
use hil_tests::tools;

const CASE: Duration = Duration::from_secs(90);

/// Prometheus samples by name and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

#[test]
fn the_metrics_tell_of_a_call_after_it_is_over() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        scene.page.hold("#unlock", Duration::from_millis(700)).await?;
        scene.device.wait_until("the door opens", SOON, |status| status.doors.iter().any(|door| door.open)).await?;
        scene.page.click("#hang-up").await?;
        scene.device.wait_for(Activity::Idle, SOON).await?;
        scene.device.wait_until("the camera is off", SOON, |status| !status.video.running).await?;
        let text = scene.device.metrics().await?;
        let samples = samples(&text);
        let value = |name: &str| samples.get(name).copied().with_context(|| format!("no {name} in:\n{text}"));
        for once in [
            "doorway_presses_total",
            "doorway_rings_total",
            "doorway_ring_receipts_total",
            "doorway_calls_total{outcome=\"hung_up\"}",
            "doorway_unlocks_total{outcome=\"opened\"}",
            "doorway_press_to_ring_seconds_count",
            "doorway_press_to_receipt_seconds_count",
            "doorway_press_to_connected_seconds_count",
            "doorway_press_to_picture_seconds_count",
            "doorway_ring_to_answer_seconds_count",
            "doorway_answer_to_sound_seconds_count",
            "doorway_device_working{device=\"camera\"}",
        ] {
            ensure!(value(once)? == 1.0, "{once} is {}", value(once)?);
        }
        ensure!(value("doorway_video_frames_total")? > 10.0);
        ensure!(value("doorway_sound_received_total")? > 10.0);
        ensure!(value("doorway_sound_xruns_total{direction=\"capture\"}")? == 0.0);
        ensure!(value("doorway_peers")? == 0.0);
        ensure!(value("doorway_press_to_ring_seconds_sum")? < 5.0);
        scene.leave_nothing().await
    });
}

/// Runs a command of the daemon's to its end: its exit code and what it printed.
fn run(case: &Case, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(tools::doorwayd()?);
    command.args(arguments);
    let mut process = Process::start("doorwayd", command, &case.fresh("command", ".log"))?;
    let code = process.wait(SOON)?.code();
    Ok((code, process.log()))
}

#[test]
fn probe_lists_what_there_is_and_what_the_configuration_would_use() {
    case(CASE, async |case| {
        let (code, said) = run(case, &["probe"])?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        ensure!(said.contains("x264enc usable, would be used"), "{said}");
        let config = case.fresh("probe", ".toml");
        Config::default().with("video.encoder", "openh264enc").write(&config)?;
        let (code, said) = run(case, &["probe", "--json", "--config", &config.to_string_lossy()])?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        let json = said.split_once('{').map(|(_, rest)| format!("{{{rest}")).context("no JSON")?;
        let found: serde_json::Value = serde_json::from_str(&json).with_context(|| format!("reading {said}"))?;
        ensure!(found["video"]["encoder"] == "openh264enc", "{said}");
        ensure!(found["video"]["encoders"].as_array().is_some_and(|encoders| encoders.len() == 3), "{said}");
        Ok(())
    });
}

#[test]
fn relays_are_released_by_hand_where_no_daemon_does_it() {
    case(CASE, async |case| {
        let config = case.fresh("release", ".toml");
        Config::default().write(&config)?;
        let (code, said) = run(case, &["release-relays", "--config", &config.to_string_lossy()])?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        Ok(())
    });
}

#[test]
fn without_a_button_held_at_power_on_nothing_is_to_be_forgotten() {
    case(CASE, async |case| {
        let config = case.fresh("reset", ".toml");
        Config::default().write(&config)?;
        let (code, said) = run(case, &["factory-reset-button", "--config", &config.to_string_lossy()])?;
        ensure!(code == Some(1) && said.is_empty(), "ended with {code:?}: {said}");
        // A configuration that is broken elsewhere still names its board.
        std::fs::write(&config, "[board]\ndescription = \"simulated\"\n[video]\nsource = \"webcam\"\n")?;
        let (code, said) = run(case, &["factory-reset-button", "--config", &config.to_string_lossy()])?;
        ensure!(code == Some(1) && said.is_empty(), "ended with {code:?}: {said}");
        std::fs::write(&config, "[board]\ndescription = \"/no/such.toml\"\n")?;
        let (code, said) = run(case, &["factory-reset-button", "--config", &config.to_string_lossy()])?;
        ensure!(code == Some(2) && said.contains("/no/such.toml"), "ended with {code:?}: {said}");
        Ok(())
    });
}

#[test]
fn settings_are_backed_up_into_one_file_and_restored_from_it() {
    case(CASE, async |case| {
        let (config, state) = (case.fresh("backup", ".toml"), case.fresh("state", ""));
        let file = case.fresh("backup", ".tar");
        Config::default().with("station.name", "Gate").write(&config)?;
        std::fs::create_dir_all(state.join("identity"))?;
        std::fs::write(state.join("identity/key.pem"), "the key")?;
        let [config_name, state_name] = [&config, &state].map(|path| path.to_string_lossy().into_owned());
        let file_name = file.to_string_lossy().into_owned();
        let command =
            |verb: &str, file: &str| run(case, &[verb, file, "--config", &config_name, "--state", &state_name]);
        let (code, said) = command("backup", &file_name)?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        Config::default().with("station.name", "Other").write(&config)?;
        std::fs::write(state.join("identity/key.pem"), "another key")?;
        let half = case.fresh("half", ".tar");
        std::fs::write(&half, &std::fs::read(&file)?[..900])?;
        let (code, said) = command("restore", &half.to_string_lossy())?;
        ensure!(code == Some(1) && said.contains("Nothing was changed"), "ended with {code:?}: {said}");
        ensure!(std::fs::read_to_string(state.join("identity/key.pem"))? == "another key");
        let (code, said) = command("restore", &file_name)?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        ensure!(std::fs::read_to_string(state.join("identity/key.pem"))? == "the key");
        ensure!(std::fs::read_to_string(&config)?.contains("Gate"));
        let arguments = ["restore", "--finish", "--config", &config_name, "--state", &state_name];
        let (code, said) = run(case, &arguments)?;
        ensure!(code == Some(0), "ended with {code:?}: {said}");
        Ok(())
    });
}

#[test]
fn a_device_that_the_configuration_names_and_the_machine_does_not_have_is_a_mistake_with_its_line() {
    case(CASE, async |case| {
        let devices = [
            ("[video]\ndevice = \"/dev/video99\"\n", 2, "/dev/video99"),
            ("[video]\nsource = \"recording\"\nrecording = \"/no/such.h264\"\n", 3, "/no/such.h264"),
            ("[network]\n\ninterfaces = [\"eth77\"]\n", 3, "eth77"),
        ];
        for (text, line, named) in devices {
            let path = case.fresh("devices", ".toml");
            std::fs::write(&path, format!("{text}[board]\ndescription = \"simulated\"\n"))?;
            let (code, said) = run(case, &["check-config", &path.to_string_lossy()])?;
            ensure!(code == Some(2), "ended with {code:?}: {said}");
            ensure!(said.contains(&format!("{}:{line}:", path.display())), "no line {line} in: {said}");
            ensure!(said.contains(named) && said.contains("remedy: "), "{said}");
        }
        Ok(())
    });
}

#[test]
fn a_line_that_the_board_does_not_have_is_an_error_and_no_simulated_one_stands_in() {
    case(CASE, async |case| {
        let board = case.fresh("board", ".toml");
        std::fs::write(
            &board,
            "backend = \"gpiochip\"\nname = \"No board\"\n[[button]]\nid = \"call\"\nline = \"no-such-line\"\n\
             role = \"call\"\nactive = \"low\"\nbias = \"pull-up\"\n",
        )?;
        let config = case.fresh("board-missing", ".toml");
        let text = format!("[board]\ndescription = \"{}\"\n", board.display());
        std::fs::write(&config, format!("{text}[local]\nlisten = \"127.0.0.1:{}\"\n", free_port()?))?;
        let (code, said) = run(case, &["run", "--config", &config.to_string_lossy()])?;
        ensure!(code == Some(2), "ended with {code:?}: {said}");
        ensure!(said.contains("button call: ") && said.contains(&format!("{}:2:", config.display())), "{said}");
        Ok(())
    });
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_alive_and_ending() {
    case(CASE, async |case| {
        let address = case.folder().join("notify");
        let manager = UnixDatagram::bind(&address)?;
        manager.set_read_timeout(Some(SOON))?;
        let config = case.fresh("notify", ".toml");
        let local = format!("127.0.0.1:{}", free_port()?);
        let listen = format!("127.0.0.1:{}", free_port()?);
        Config::default()
            .with("local.listen", local.as_str())
            .with("companion.listen", listen.as_str())
            .write(&config)?;
        let mut command = Command::new(tools::doorwayd()?);
        command.arg("run").arg("--config").arg(&config);
        command.env("NOTIFY_SOCKET", &address).env("WATCHDOG_USEC", "600000");
        let mut daemon = Process::start("doorwayd", command, &config.with_extension("log"))?;
        let told = || -> Result<String> {
            let mut buffer = [0; 512];
            let length = manager.recv(&mut buffer).context("the daemon tells nothing")?;
            Ok(String::from_utf8_lossy(&buffer[..length]).trim().to_owned())
        };
        ensure!(told()? == "READY=1");
        for _ in 0..3 {
            let said = told()?;
            ensure!(said == "WATCHDOG=1", "{said}");
        }
        let status = daemon.terminate(SOON)?;
        ensure!(status.success(), "ended with {status}");
        let mut last = told()?;
        while last == "WATCHDOG=1" {
            last = told()?;
        }
        ensure!(last == "STOPPING=1", "{last}");
        Ok(())
    });
}
