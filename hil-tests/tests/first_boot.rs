//! A station that nobody has set up yet, over HTTPS, by a browser that has installed its certificate.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, Microphone, Page, Screen, View};
use hil_tests::case::{Case, case};
use hil_tests::device::{Config, Device, Simulated, free_port};
use hil_tests::process::Process;
use hil_tests::scene::{SOON, STATION_HZ, Scene};
use hil_tests::tools;

const CASE: Duration = Duration::from_secs(120);

/// As the image ships it: HTTPS with its own certificate, and nobody's yet. And where plain HTTP is.
fn unclaimed() -> Result<(Config, String)> {
    let redirect = format!("127.0.0.1:{}", free_port()?);
    let config = Config::default()
        .with("companion.tls", "own")
        .with("companion.claim", true)
        .with("companion.redirect", redirect.as_str());
    Ok((config, format!("http://localhost:{}", redirect.rsplit(':').next().context("a port")?)))
}

async fn first_screen(page: &Page) -> Result<()> {
    let open = "const form = document.querySelector('#claim');\
        return document.body.dataset.setup === 'needed' && !form.hidden && form.offsetHeight > 0";
    page.wait_for("the page offers to set the station up", SOON, open).await
}

async fn type_into(page: &Page, selector: &str, text: &str) -> Result<()> {
    let script = "const field = document.querySelector(arguments[0]); field.value = arguments[1];\
        field.dispatchEvent(new Event('input', { bubbles: true }))";
    page.run(script, vec![selector.into(), text.into()]).await?;
    Ok(())
}

#[test]
fn a_new_station_is_set_up_from_its_page_and_then_rings_over_https() {
    case(CASE, async |case| {
        let (config, plain) = unclaimed()?;
        let device = Simulated::start(case, config.with("call.ring_timeout", "6 s")).await?;
        Browser::install_authority_of(case, &plain).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open(&format!("{plain}/")).await?;
        first_screen(&page).await?;
        page.wait_for(
            "HTTP led to HTTPS, which is trusted",
            SOON,
            "return location.protocol === 'https:' && isSecureContext",
        )
        .await?;
        page.screenshot("claim-phone").await?;

        // Before it is set up, a press reaches nobody.
        device.press().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = device.status().await?;
        let rung = status.call.as_ref().map_or(0, |call| call.peers.len()) + status.companion.clients;
        ensure!(rung == 0 && status.marks.ring_sent_ms.is_none(), "somebody came in: {status:?}");
        device.wait_for(Activity::Idle, Duration::from_secs(15)).await?;
        first_screen(&page).await?;

        type_into(&page, "#claim-name", "Garden gate").await?;
        type_into(&page, "#claim-secret", "123456789012").await?;
        page.click("#claim-send").await?;
        page.wait_for(
            "a bad secret is refused",
            SOON,
            "return document.querySelector('#claim-problem').textContent.includes('easy to guess')",
        )
        .await?;
        page.screenshot("claim-refused-phone").await?;
        page.click("#claim-suggest").await?;
        page.screenshot("claim-suggested-phone").await?;
        page.click("#claim-send").await?;
        page.wait_online(SOON).await?;
        page.wait_for(
            "the station has its name",
            SOON,
            "return document.querySelector('.station-name')?.textContent === 'Garden gate'",
        )
        .await?;
        page.screenshot("claimed-phone").await?;

        let mut scene = Scene::with(device, browser, page).await?;
        scene.talk().await?;
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.screenshot("in-call-over-https-phone").await?;
        scene.page.click("#hang-up").await?;
        scene.page.wait_view(View::Home, SOON).await?;

        // What was chosen outlives a restart, and whoever does not know it stays out.
        scene.device.start_again().await?;
        scene.page.wait_online(Duration::from_secs(15)).await?;
        let status = scene.device.status().await?;
        ensure!(status.station.name == "Garden gate", "{:?}", status.station);
        let stranger = Browser::start_as(case, Screen::Desktop, Microphone::Granted).await?;
        let strange = stranger.open(&scene.device.page()).await?;
        strange
            .wait_for("a stranger is asked for the secret", SOON, "return !document.querySelector('#secret').hidden")
            .await?;
        stranger.close().await?;
        scene.device.wait_until("the station sees the page", SOON, |status| status.companion.clients == 1).await?;
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn a_station_that_lost_its_settings_is_set_up_by_who_presses_its_button() {
    case(CASE, async |case| {
        let (config, plain) = unclaimed()?;
        let folder = case.fresh("image", "");
        let state = folder.join("state");
        std::fs::create_dir_all(&state)?;
        // A device image, and nothing that says that its card is new.
        let os_release = folder.join("os-release");
        std::fs::write(&os_release, "IMAGE_ID=doorway\nIMAGE_VERSION=1.2.3\n")?;
        let variable = |name: &str, path: &PathBuf| (name.to_owned(), path.to_string_lossy().into_owned());
        let environment = vec![variable("DOORWAY_OS_RELEASE", &os_release), variable("STATE_DIRECTORY", &state)];
        let mut device = Simulated::start_in(environment, case, config.with("call.ring_timeout", "3 s")).await?;
        Browser::install_authority_of(case, &plain).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open(&format!("{plain}/")).await?;
        let asks =
            "return document.querySelector('#claim-press').offsetHeight > 0 && document.querySelector('#claim').hidden";
        page.wait_for("the page asks for a press", SOON, asks).await?;
        page.screenshot("claim-press-phone").await?;
        // Not from the page alone, whoever asks.
        let claim = "const answer = await fetch('claim', { method: 'POST', headers: { 'content-type': 'application/json' },\
            body: JSON.stringify({ name: 'Mine', secret: 'tk4m-92xq-hv7w-pm3d' }) });\
            document.body.dataset.asked = answer.status";
        page.run(&format!("(async () => {{ {claim} }})()"), vec![]).await?;
        page.wait_for("it is refused", SOON, "return document.body.dataset.asked === '409'").await?;
        device.press().await?;
        first_screen(&page).await?;
        type_into(&page, "#claim-name", "Garden gate").await?;
        page.click("#claim-suggest").await?;
        page.click("#claim-send").await?;
        page.wait_online(SOON).await?;
        device.stop().await
    });
}

#[test]
fn how_to_install_the_certificate_is_told_over_plain_http_and_over_https() {
    case(CASE, async |case| {
        let (config, plain) = unclaimed()?;
        let mut device = Simulated::start(case, config).await?;
        Browser::install_authority_of(case, &plain).await?;
        for (screen, name) in [(Screen::Phone, "phone"), (Screen::Desktop, "desktop")] {
            let browser = Browser::start_as(case, screen, Microphone::Granted).await?;
            let page = browser.open(&format!("{plain}/certificate")).await?;
            let steps = "const open = document.querySelector('details[open]');\
                return location.protocol === 'http:' && open.querySelector('li').textContent.length > 10";
            page.wait_for("the steps for this device are open", SOON, steps).await?;
            page.screenshot(&format!("certificate-{name}")).await?;
            page.click("#certificate-home").await?;
            first_screen(&page).await?;
            page.screenshot(&format!("claim-{name}")).await?;
            let late =
                "document.querySelector('#claim').hidden = true; document.querySelector('#claim-late').hidden = false";
            page.run(late, vec![]).await?;
            page.screenshot(&format!("claim-late-{name}")).await?;
            let page = browser.open(&format!("{}certificate", device.page())).await?;
            page.wait_for(
                "the same over HTTPS",
                SOON,
                "return isSecureContext && !!document.querySelector('details[open]')",
            )
            .await?;
            browser.close().await?;
        }
        device.stop().await
    });
}

#[test]
fn who_does_not_trust_the_station_yet_sees_its_certificate_first_and_who_does_is_led_on() {
    case(CASE, async |case| {
        let (config, plain) = unclaimed()?;
        let mut device = Simulated::start(case, config).await?;
        let stranger = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = stranger.open(&format!("{plain}/?name=Hall")).await?;
        page.wait_for("the fingerprint is shown", SOON, "return !document.querySelector('#certificate-is').hidden")
            .await?;
        page.screenshot("certificate-first-phone").await?;
        // Whoever asks the station itself gets the same.
        let mut command = Command::new(tools::doorwayd()?);
        command.arg("certificate").arg("--state").arg(device.config_path().with_extension("state"));
        let said = String::from_utf8(command.output()?.stdout)?;
        for element in ["words", "sha256"] {
            let script = format!("return document.querySelector('#certificate-{element}').textContent");
            let shown = page.run(&script, vec![]).await?;
            let shown = shown.as_str().context("a text")?;
            ensure!(shown.len() > 20 && said.contains(shown), "the page shows {shown}, the station {said}");
        }
        let home = page.run("return document.querySelector('#certificate-home').href", vec![]).await?;
        ensure!(home == format!("{}?name=Hall", device.page()), "{home}");
        // Nobody leads it on, however long it waits.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let place = page.run("return location.href", vec![]).await?;
        ensure!(place == format!("{plain}/?name=Hall"), "{place}");
        stranger.close().await?;

        Browser::install_authority_of(case, &plain).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open(&format!("{plain}/?name=Hall")).await?;
        first_screen(&page).await?;
        page.wait_for("it is led on", SOON, "return location.protocol === 'https:'").await?;
        browser.close().await?;
        device.stop().await
    });
}

/// Runs `doorwayd provision` on two folders.
fn provision(case: &Case, boot: &PathBuf, root: &PathBuf) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(tools::doorwayd()?);
    command.arg("provision").arg("--boot").arg(boot).arg("--root").arg(root);
    let mut process = Process::start("doorwayd", command, &case.fresh("provision", ".log"))?;
    let code = process.wait(SOON)?.code();
    Ok((code, process.log()))
}

#[test]
fn a_card_with_a_configuration_is_taken_over_and_a_bad_one_is_explained() {
    case(CASE, async |case| {
        let (boot, root) = (case.fresh("boot", ""), case.fresh("root", ""));
        std::fs::create_dir_all(&boot)?;
        let bad = "[station]\r\nnmae = \"Gate\"\r\n";
        std::fs::write(boot.join("doorway.toml"), bad)?;
        let (code, said) = provision(case, &boot, &root)?;
        ensure!(code == Some(2) && said.contains("doorway.toml:2:1: unknown field `nmae`"), "{code:?}: {said}");
        ensure!(std::fs::read_to_string(boot.join("doorway-error.txt"))?.contains("nmae"), "no note");

        let good = "[station]\r\nname = \"Gate\"\r\n[board]\r\ndescription = \"simulated\"\r\n[companion]\r\n\
            secret = \"correct horse battery\"\r\n[device]\r\nhostname = \"gate\"\r\n";
        std::fs::write(boot.join("doorway.toml"), good)?;
        let (code, said) = provision(case, &boot, &root)?;
        ensure!(code == Some(0), "{code:?}: {said}");
        ensure!(!said.contains("horse"), "a secret is in the log: {said}");
        ensure!(std::fs::read_dir(&boot)?.count() == 0, "something is left on the boot partition");
        ensure!(std::fs::read_to_string(root.join("etc/hostname"))? == "gate\n");
        let config = std::fs::read_to_string(root.join("etc/doorway/doorway.toml"))?;
        let config = Config::parse(&config)?;
        ensure!(config.text("companion.secret") == Some("correct horse battery") && config.text("device").is_none());
        let (code, _) = provision(case, &boot, &root)?;
        ensure!(code == Some(0));
        Ok(())
    });
}
