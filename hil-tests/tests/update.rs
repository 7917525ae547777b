//! Updates of the device image, with a real RAUC beside a daemon on the simulated board.
//!
//! A machine that can't have a RAUC gets the cases ignored, with the reason.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use doorway_proto::state::Activity;
use hil_tests::browser::{Browser, Microphone, Page, Screen, View};
use hil_tests::case::{Case, case, run_unless};
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::rauc::{self, COMPATIBLE, Key, Rauc};
use hil_tests::scene::{SOON, STATION_HZ, Scene};
use hil_tests::wait::{Look, until};
use serde_json::Value;

const CASE: Duration = Duration::from_secs(120);
/// How long RAUC may take for what it is asked.
const SETTLED: Duration = Duration::from_secs(25);
const RUNNING: &str = "1.1.0+4";
const NEWER: &str = "1.1.0+5";
const SECRET: &str = "correct horse battery";

fn main() -> ExitCode {
    let cases: [(&'static str, fn()); 9] = [
        ("a_bundle_from_a_page_is_installed_into_the_other_slot", a_bundle_from_a_page_is_installed),
        ("what_is_not_for_this_station_is_refused_and_nothing_is_written", what_does_not_suit_is_refused),
        ("only_who_knows_the_secret_may_ask", only_who_knows_the_secret_may_ask),
        ("an_upload_that_breaks_off_leaves_nothing", an_upload_that_breaks_off_leaves_nothing),
        ("a_bundle_is_fetched_from_an_address_that_no_log_tells", a_bundle_is_fetched_from_an_address),
        ("a_call_is_waited_for_and_a_ring_goes_first", a_call_is_waited_for_and_a_ring_goes_first),
        ("a_new_version_is_on_trial_until_its_self_test_passes", a_new_version_is_on_trial),
        ("an_update_that_fell_back_is_told_with_its_reason", an_update_that_fell_back_is_told),
        ("a_person_updates_the_station_from_the_page", a_person_updates_the_station),
    ];
    run_unless(rauc::missing().as_deref(), cases)
}

/// A station of version [`RUNNING`] with a RAUC beside it.
struct Lab {
    rauc: Rauc,
    device: Simulated,
    http: reqwest::Client,
}

impl Lab {
    async fn start(case: &Case, slowed_by: Duration, config: Config) -> Result<Self> {
        let rauc = Rauc::start(case, slowed_by).await?;
        rauc.settles(&format!("{RUNNING} A"), None)?;
        let device = Simulated::start_in(rauc.environment(RUNNING)?, case, config).await?;
        let lab = Self { rauc, device, http: reqwest::Client::builder().no_proxy().build()? };
        lab.wait("RAUC is found", |about| about["update"]["able"] == true).await?;
        Ok(lab)
    }

    fn url(&self, path: &str) -> String {
        format!("{}update{path}", self.device.page())
    }

    async fn about(&self) -> Result<Value> {
        let answer = self.http.get(self.url("")).bearer_auth(SECRET).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    async fn wait(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Result<Value> {
        until(what, SETTLED, async || {
            let about = self.about().await?;
            let seen = about["update"].to_string();
            Ok(Look::when(condition(&about), about, seen))
        })
        .await
    }

    async fn wait_phase(&self, state: &str) -> Result<Value> {
        let what = format!("the update is {state}");
        let about = self.wait(&what, |about| about["update"]["phase"]["state"] == state).await?;
        Ok(about["update"]["phase"].clone())
    }

    async fn send(&self, bundle: &Path) -> Result<u16> {
        let request = self.http.post(self.url("/bundle")).bearer_auth(SECRET).body(fs::read(bundle)?);
        Ok(request.send().await?.status().as_u16())
    }

    async fn ask(&self, what: &str) -> Result<u16> {
        Ok(self.http.post(self.url(what)).bearer_auth(SECRET).send().await?.status().as_u16())
    }

    fn ensure_nothing_is_left(&self) -> Result<()> {
        let left: Vec<_> = fs::read_dir(self.rauc.state().join("upload")).into_iter().flatten().flatten().collect();
        ensure!(left.is_empty(), "an upload is left: {left:?}");
        Ok(())
    }
}

/// Fast enough for a case, and with an automatic restart that is not waited for.
fn config() -> Config {
    Config::default().with("update.restart", "off").with("companion.secret", SECRET)
}

fn a_bundle_from_a_page_is_installed() {
    case(CASE, async |case| {
        let lab = Lab::start(case, Duration::from_secs(3), config().with("update.restart", "2 s")).await?;
        let bundle = lab.rauc.bundle(case, Key::Ours, NEWER, COMPATIBLE)?;
        let about = lab.about().await?;
        ensure!(about["image"] == RUNNING && about["slot"] == "A", "{about}");
        ensure!(lab.send(&bundle).await? == 202);
        let phase = lab.wait_phase("installing").await?;
        ensure!(phase["version"] == NEWER, "{phase}");
        lab.wait("it gets on", |about| {
            about["update"]["phase"]["percent"].as_u64().is_some_and(|p| (1..100).contains(&p))
        })
        .await?;
        // Another one has to wait for the end of this one.
        let another = lab.http.post(lab.url("/bundle")).bearer_auth(SECRET).body("another one");
        ensure!(another.send().await?.status().as_u16() == 409);
        let status = lab.device.whole_status().await?;
        ensure!(status["update"]["phase"]["state"] == "installing", "{}", status["update"]);
        ensure!(status["image_version"] == RUNNING && status["slot"] == "A", "{status}");
        let metrics = lab.device.metrics().await?;
        let info = metrics.lines().find(|line| line.starts_with("doorway_info{")).context("no doorway_info")?;
        ensure!(info.contains("image=\"1.1.0+4\"") && info.contains("slot=\"A\""), "{info}");
        let phase = lab.wait_phase("installed").await?;
        ensure!(phase["version"] == NEWER && phase["restarts"] == true, "{phase}");
        ensure!(lab.rauc.is_written()?, "the other slot is empty");
        ensure!(lab.rauc.next_slot() == "B", "the other slot is not started next");
        lab.ensure_nothing_is_left()?;
        // By itself, once it is quiet for long enough.
        lab.wait_phase("restarting").await?;
        ensure!(lab.rauc.runtime().join("restart").exists(), "nobody was asked for a restart");
        Ok(())
    });
}

fn what_does_not_suit_is_refused() {
    case(CASE, async |case| {
        let lab = Lab::start(case, Duration::ZERO, config()).await?;
        let good = lab.rauc.bundle(case, Key::Ours, NEWER, COMPATIBLE)?;
        let whole = fs::read(&good)?;
        let made_of = |bytes: &[u8]| -> Result<_> {
            let path = case.fresh("bundle", ".raucb");
            fs::write(&path, bytes)?;
            Ok(path)
        };
        // An old RAUC does not say what is wrong with a bundle that it does not accept.
        let cases = [
            ("another key", lab.rauc.bundle(case, Key::Alien, NEWER, COMPATIBLE)?, &["wrong_key", "not_accepted"][..]),
            ("half of it", made_of(&whole[..whole.len() / 2])?, &["damaged", "not_accepted"]),
            ("all but its end", made_of(&whole[..whole.len() - 100])?, &["damaged", "not_accepted"]),
            ("no bundle", made_of(b"#!/bin/sh\nreboot\n")?, &["damaged", "not_accepted"]),
            ("older", lab.rauc.bundle(case, Key::Ours, "1.0.9+9", COMPATIBLE)?, &["older_version"]),
            ("the same", lab.rauc.bundle(case, Key::Ours, RUNNING, COMPATIBLE)?, &["same_version"]),
            ("no version", lab.rauc.bundle(case, Key::Ours, "tomorrow", COMPATIBLE)?, &["unknown_version"]),
            ("another device", lab.rauc.bundle(case, Key::Ours, NEWER, "doorway-else")?, &["wrong_device"]),
        ];
        for (what, bundle, expected) in cases {
            ensure!(lab.send(&bundle).await? == 202, "{what}");
            let phase = lab.wait_phase("failed").await?;
            let code = phase["failure"]["code"].as_str().unwrap_or_default();
            ensure!(expected.contains(&code), "{what}: {phase}");
            ensure!(!lab.rauc.is_written()? && lab.rauc.next_slot() == "A", "{what}: something was written");
            lab.ensure_nothing_is_left()?;
            println!("{what}: {}", phase["message"].as_str().unwrap_or_default());
            ensure!(lab.ask("/dismiss").await? == 202);
            lab.wait_phase("idle").await?;
        }
        Ok(())
    });
}

fn only_who_knows_the_secret_may_ask() {
    case(CASE, async |case| {
        let lab = Lab::start(case, Duration::ZERO, config()).await?;
        let send =
            async |request: reqwest::RequestBuilder| -> Result<u16> { Ok(request.send().await?.status().as_u16()) };
        for path in ["", "/bundle", "/fetch", "/check", "/restart", "/dismiss"] {
            let request = || if path.is_empty() { lab.http.get(lab.url(path)) } else { lab.http.post(lab.url(path)) };
            ensure!(send(request()).await? == 401, "{path} asks for no secret");
            ensure!(send(request().bearer_auth("wrong horse battery")).await? == 401, "{path} takes a wrong secret");
            let foreign = request().bearer_auth(SECRET).header("origin", "https://elsewhere.example");
            ensure!(send(foreign).await? == 403, "{path} takes another site's page");
            let foreign = request().bearer_auth(SECRET).header("sec-fetch-site", "cross-site");
            ensure!(send(foreign).await? == 403, "{path} takes another site's form");
        }
        let fetch = |body: &'static str| {
            lab.http.post(lab.url("/fetch")).bearer_auth(SECRET).header("content-type", "application/json").body(body)
        };
        for body in [r#"{"url":"/etc/passwd"}"#, r#"{"url":"file:///etc/passwd"}"#, r#"{"url":"--help"}"#, "{}"] {
            ensure!(send(fetch(body)).await? == 400, "{body} was taken");
        }
        ensure!(send(fetch(r#"{"path":"/x"}"#)).await? >= 400);
        let without_length = lab.http.post(lab.url("/bundle")).bearer_auth(SECRET);
        let endless = reqwest::Body::from(Vec::new());
        ensure!(send(without_length.body(endless).header("transfer-encoding", "chunked")).await? >= 400);
        ensure!(lab.about().await?["update"]["phase"]["state"] != "installing");
        Ok(())
    });
}

fn an_upload_that_breaks_off_leaves_nothing() {
    case(CASE, async |case| {
        let lab = Lab::start(case, Duration::ZERO, config()).await?;
        let address = lab.device.page().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let begin = |length: u64| -> Result<std::net::TcpStream> {
            let mut stream = std::net::TcpStream::connect(&address)?;
            write!(
                stream,
                "POST /update/bundle HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {SECRET}\r\n\
                 Content-Length: {length}\r\n\r\n"
            )?;
            Ok(stream)
        };
        let mut stream = begin(1 << 20)?;
        stream.write_all(&[7; 300_000])?;
        lab.wait("it is received", |about| about["update"]["phase"]["percent"].as_u64() > Some(10)).await?;
        drop(stream);
        let phase = lab.wait_phase("failed").await?;
        ensure!(phase["failure"]["code"] == "interrupted", "{phase}");
        lab.ensure_nothing_is_left()?;
        // Larger than any update, and refused before a byte of it.
        let mut stream = begin(1 << 40)?;
        let mut answer = [0; 12];
        stream.set_read_timeout(Some(SOON))?;
        let read = tokio::task::spawn_blocking(move || stream.read(&mut answer).map(|_| answer)).await??;
        ensure!(read.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&read));
        // A daemon that died with an upload on finds and removes it.
        let upload = lab.rauc.state().join("upload");
        fs::create_dir_all(&upload)?;
        fs::write(upload.join("bundle.raucb"), b"half")?;
        let mut device = lab.device;
        device.start_again().await?;
        ensure!(!upload.join("bundle.raucb").exists(), "the upload of the last run is still there");
        Ok(())
    });
}

fn a_bundle_is_fetched_from_an_address() {
    case(CASE, async |case| {
        let server = TcpListener::bind("127.0.0.1:0")?;
        let address = server.local_addr()?;
        let url = format!("http://user:hidden-password@{address}/bundle.raucb");
        let lab = Lab::start(case, Duration::ZERO, config().with("update.url", url.as_str())).await?;
        let bundle = Arc::new(fs::read(lab.rauc.bundle(case, Key::Ours, NEWER, COMPATIBLE)?)?);
        std::thread::spawn(move || serve(&server, &bundle));
        ensure!(lab.about().await?["update"]["has_url"] == true);
        ensure!(lab.ask("/check").await? == 202);
        let about = lab.wait("the newer version is found", |about| about["update"]["available"] == NEWER).await?;
        ensure!(about["update"]["phase"]["state"] == "idle", "{about}");
        let fetch = async |body: String| -> Result<u16> {
            let request = lab.http.post(lab.url("/fetch")).bearer_auth(SECRET);
            Ok(request.header("content-type", "application/json").body(body).send().await?.status().as_u16())
        };
        ensure!(fetch("{}".into()).await? == 202);
        lab.wait_phase("installed").await?;
        ensure!(lab.rauc.is_written()? && lab.about().await?["update"]["available"].is_null());
        // Nobody listens there.
        ensure!(fetch(r#"{"url":"http://user:hidden-password@127.0.0.1:9/x.raucb"}"#.into()).await? == 202);
        let phase = lab.wait_phase("failed").await?;
        let code = phase["failure"]["code"].as_str().unwrap_or_default();
        ensure!(["unreachable", "not_accepted"].contains(&code), "{phase}");
        ensure!(!phase.to_string().contains("hidden-password"), "{phase}");
        ensure!(!lab.device.log().await?.contains("hidden-password"), "the log tells the address");
        ensure!(
            !lab.device.whole_status().await?.to_string().contains("hidden-password"),
            "the status tells the address"
        );
        Ok(())
    });
}

/// Answers every request with the bundle; ranges too, which a RAUC that streams asks for.
fn serve(server: &TcpListener, bundle: &[u8]) {
    for mut stream in server.incoming().flatten() {
        let mut head = [0; 4096];
        let length = stream.read(&mut head).unwrap_or(0);
        let is_head = head[..length].starts_with(b"HEAD");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bundle.len());
        let _ = stream.write_all(answer.as_bytes());
        if !is_head {
            let _ = stream.write_all(bundle);
        }
    }
}

fn a_call_is_waited_for_and_a_ring_goes_first() {
    case(CASE, async |case| {
        let lab = Lab::start(case, Duration::from_secs(6), config()).await?;
        let bundle = lab.rauc.bundle(case, Key::Ours, NEWER, COMPATIBLE)?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open_online(&format!("{}#secret={}", lab.device.page(), SECRET.replace(' ', "%20"))).await?;
        let Lab { rauc, device, http } = lab;
        let scene = Scene::with(device, browser, page).await?;
        scene.talk().await?;
        let lab = Lab { rauc, device: scene.device, http };
        ensure!(lab.send(&bundle).await? == 202);
        lab.wait_phase("waiting").await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        ensure!(lab.about().await?["update"]["phase"]["state"] == "waiting", "it did not wait for the end of the call");
        ensure!(!lab.rauc.is_written()?, "it was written during the call");
        scene.page.hears(STATION_HZ, SOON).await?;
        scene.page.click("#hang-up").await?;
        lab.wait_phase("installing").await?;
        let pressed = Instant::now();
        lab.device.press().await?;
        lab.device.wait_for(Activity::Ringing, Duration::from_secs(2)).await?;
        scene.page.wait_view(View::Ringing, SOON).await?;
        ensure!(lab.about().await?["update"]["phase"]["state"] == "installing", "the ring came after it");
        println!("rang {:.0?} after the press, during an installation", pressed.elapsed());
        lab.device.picture_moves(&scene.page, 3, SOON).await?;
        scene.page.click("#decline").await?;
        lab.wait_phase("installed").await?;
        Ok(())
    });
}

fn a_new_version_is_on_trial() {
    case(CASE, async |case| {
        let lab = Lab::start(case, Duration::ZERO, config()).await?;
        let bundle = lab.rauc.bundle(case, Key::Ours, NEWER, COMPATIBLE)?;
        ensure!(lab.send(&bundle).await? == 202);
        lab.wait_phase("installed").await?;
        let Lab { rauc, mut device, http } = lab;
        // The daemon alone is started again: that proves nothing, and undoes nothing.
        device.start_again().await?;
        let lab = Lab { rauc, device, http };
        let about = lab.about().await?;
        ensure!(about["update"]["phase"]["state"] == "installed" && about["update"]["undone"].is_null(), "{about}");
        // The machine starts the new version.
        lab.rauc.starts_again()?;
        let Lab { rauc, mut device, http } = lab;
        device.set_environment(rauc.environment(NEWER)?);
        device.start_again().await?;
        let lab = Lab { rauc, device, http };
        let about = lab.wait("it is on trial", |about| about["update"]["on_trial"] == true).await?;
        ensure!(about["image"] == NEWER && about["update"]["phase"]["state"] == "idle", "{about}");
        ensure!(rauc::self_test(case, &lab.device)?.0 == Some(0));
        // Twice as long as it takes to look again.
        tokio::time::sleep(Duration::from_secs(4)).await;
        ensure!(lab.about().await?["update"]["on_trial"] == true, "the daemon has decided what the image decides");
        lab.rauc.settles(&format!("{NEWER} A"), None)?;
        lab.wait("it is good", |about| about["update"]["on_trial"] == false).await?;
        Ok(())
    });
}

fn an_update_that_fell_back_is_told() {
    case(CASE, async |case| {
        // A camera that the new version can't open.
        let config = config().with("video.source", "v4l2").with("video.device", "/dev/video99");
        let lab = Lab::start(case, Duration::ZERO, config).await?;
        let (code, found) = rauc::self_test(case, &lab.device)?;
        ensure!(code == Some(1) && found.contains("/dev/video99"), "{found}");
        lab.rauc.starts_again()?;
        let Lab { rauc, mut device, http } = lab;
        device.start_again().await?;
        let lab = Lab { rauc, device, http };
        lab.rauc.settles(&format!("{RUNNING} A"), Some(&format!("{NEWER}\n{found}")))?;
        let about = lab.wait("it tells", |about| !about["update"]["undone"].is_null()).await?;
        let undone = &about["update"]["undone"];
        ensure!(undone["version"] == NEWER, "{undone}");
        ensure!(undone["why"][0].as_str().is_some_and(|why| why.starts_with("camera: failed")), "{undone}");
        let page = open_about(case, &lab, Screen::Phone).await?;
        page.1
            .wait_for("the page tells", SOON, "return document.querySelector('#update-undone').offsetHeight > 40")
            .await?;
        page.1.screenshot("update-undone-phone").await?;
        page.1.click("#update-dismiss").await?;
        lab.wait("it is understood", |about| about["update"]["undone"].is_null()).await?;
        let Lab { rauc, mut device, http } = lab;
        device.start_again().await?;
        let lab = Lab { rauc, device, http };
        let about = lab.wait("RAUC is found", |about| about["update"]["able"] == true).await?;
        ensure!(about["update"]["undone"].is_null(), "what was dismissed is told again: {about}");
        Ok(())
    });
}

async fn open_about(case: &Case, lab: &Lab, screen: Screen) -> Result<(Browser, Page)> {
    let browser = Browser::start_as(case, screen, Microphone::Granted).await?;
    let page = browser.open_online(&format!("{}#secret={}", lab.device.page(), SECRET.replace(' ', "%20"))).await?;
    page.open_about(SOON).await?;
    Ok((browser, page))
}

fn a_person_updates_the_station() {
    case(CASE, async |case| {
        for screen in [Screen::Phone, Screen::Desktop] {
            let lab = Lab::start(case, Duration::from_secs(4), config()).await?;
            let name = |state: &str| match screen {
                Screen::Phone => format!("update-{state}-phone"),
                Screen::Desktop => format!("update-{state}-desktop"),
            };
            let (_browser, page) = open_about(case, &lab, screen).await?;
            page.wait_update("idle", SETTLED).await?;
            let facts = page.text(".about-facts").await?;
            ensure!(facts.contains(RUNNING) && facts.contains("Slot A"), "{facts}");
            page.screenshot(&name("idle")).await?;
            page.choose_file("#update-file", &lab.rauc.bundle(case, Key::Ours, "1.0.0+1", COMPATIBLE)?).await?;
            page.wait_update("failed", SETTLED).await?;
            let help = page.text("#update-help").await?;
            ensure!(help.contains("1.0.0+1") && help.contains(RUNNING), "{help}");
            page.screenshot(&name("failed")).await?;
            page.choose_file("#update-file", &lab.rauc.bundle(case, Key::Ours, NEWER, COMPATIBLE)?).await?;
            page.wait_update("installing", SETTLED).await?;
            let moves = "const bar = document.querySelector('#update-bar'); return !bar.hidden && bar.value > 0";
            page.wait_for("the bar moves", SOON, moves).await?;
            page.screenshot(&name("installing")).await?;
            // Somebody rings: the page rings, and comes back to the card.
            lab.device.press().await?;
            page.wait_view(View::Ringing, SOON).await?;
            page.click("#decline").await?;
            page.wait_update("installed", SETTLED).await?;
            page.wait_for("it is shown", SOON, "return document.querySelector('#update-restart').offsetHeight > 0")
                .await?;
            page.screenshot(&name("installed")).await?;
            page.click("#update-restart").await?;
            page.wait_update("restarting", SETTLED).await?;
            ensure!(lab.rauc.runtime().join("restart").exists(), "nobody was asked for a restart");
            page.screenshot(&name("restarting")).await?;
            page.click("#about-back").await?;
            page.wait_view(View::Home, SOON).await?;
            page.screenshot(&name("home")).await?;
        }
        let device = Simulated::start(case, Config::default()).await?;
        let browser = Browser::start_as(case, Screen::Phone, Microphone::Granted).await?;
        let page = browser.open_online(&device.page()).await?;
        page.open_about(SOON).await?;
        let told = "return document.querySelector('#update-help').textContent.includes('package manager')";
        page.wait_for("a package is updated with the system", SOON, told).await?;
        if !page.run("return document.querySelector('#update-choose').hidden", vec![]).await?.as_bool().unwrap_or(false)
        {
            bail!("a daemon from a package offers an update");
        }
        page.screenshot("update-package-phone").await?;
        Ok(())
    });
}
