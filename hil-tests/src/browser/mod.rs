//! Chromium, driven by WebDriver, and what is measured inside its page.

mod driver;
mod page;
mod probe;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::tone::Sound;
use crate::tools;
use crate::wait::{Look, until};

use driver::Driver;

pub use page::{Page, View};
pub use probe::{ClockReading, FrameCount, Latency, PageTone, RingSeen};

/// What the fake microphone of every browser hears.
pub const MICROPHONE_HZ: f64 = 1000.0;

/// Which of a person's devices the browser plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// 390 × 844 points with touch.
    Phone,
    /// 1280 × 800 points.
    Desktop,
}

/// What becomes of the page's wish for a microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Microphone {
    /// Granted; it hears [`MICROPHONE_HZ`].
    Granted,
    /// The person says no.
    Refused,
}

/// A running Chromium with one page and a profile of its own. Dropping it ends it without a goodbye to anybody.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    driver: Driver,
    pictures: PathBuf,
}

impl Browser {
    /// A phone with a working microphone.
    ///
    /// # Errors
    /// When Chromium or its driver is missing or does not start.
    pub async fn start(case: &Case) -> Result<Self> {
        Self::start_as(case, Screen::Phone, Microphone::Granted).await
    }

    /// Starts Chromium with a fresh profile.
    ///
    /// # Errors
    /// When Chromium or its driver is missing or does not start.
    pub async fn start_as(case: &Case, screen: Screen, microphone: Microphone) -> Result<Self> {
        Self::start_with(case, screen, microphone, Vec::new()).await
    }

    /// As [`Browser::start_as`], for a page of `origin`, which may use the microphone as if it came over HTTPS.
    ///
    /// # Errors
    /// When Chromium or its driver is missing or does not start.
    pub async fn start_trusting(case: &Case, origin: &str, screen: Screen, microphone: Microphone) -> Result<Self> {
        let trust = format!("--unsafely-treat-insecure-origin-as-secure={origin}");
        Self::start_with(case, screen, microphone, vec![trust]).await
    }

    /// Gives every browser of the case a certificate authority that it trusts, from a file in DER, as a person installs it.
    ///
    /// # Errors
    /// When `certutil` is missing or refuses.
    pub fn install_authority(case: &Case, certificate: &Path) -> Result<()> {
        // Where Chromium looks, below the home that its driver gives it.
        let store = case.folder().join(".pki/nssdb");
        std::fs::create_dir_all(&store).context("making the browsers' certificate store")?;
        let certutil = tools::certutil()?;
        let run = |arguments: &[&str]| -> Result<()> {
            let mut command = Command::new(&certutil);
            command.arg("-d").arg(format!("sql:{}", store.display())).args(arguments);
            let done = command.output().context("starting certutil")?;
            ensure!(done.status.success(), "certutil failed: {}", String::from_utf8_lossy(&done.stderr));
            Ok(())
        };
        run(&["-N", "--empty-password"])?;
        run(&["-A", "-n", "doorway", "-t", "C,,", "-i", &certificate.to_string_lossy()])
    }

    /// Installs the authority of the station whose plain HTTP is at `origin`.
    ///
    /// # Errors
    /// When the station does not give its certificate, or as [`Browser::install_authority`].
    pub async fn install_authority_of(case: &Case, origin: &str) -> Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer = http.get(format!("{origin}/ca.crt")).send().await.context("asking for the certificate")?;
        let path = case.fresh("authority", ".crt");
        std::fs::write(&path, answer.error_for_status()?.bytes().await?)?;
        Self::install_authority(case, &path)
    }

    async fn start_with(case: &Case, screen: Screen, microphone: Microphone, more: Vec<String>) -> Result<Self> {
        let tone = case.folder().join("microphone.wav");
        if !tone.exists() {
            Sound::speech_like(MICROPHONE_HZ, 2).write(&tone)?;
        }
        let profile = case.fresh("profile", "");
        let driver = Driver::start(case)?;
        let mut flags = flags(&profile, &tone, screen, microphone);
        flags.extend(more);
        let capabilities = capabilities(&flags, screen)?;
        let client = until("Chromium is there", Duration::from_secs(20), async || {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            let client = builder.capabilities(capabilities.clone()).connect(&driver.url()).await;
            Ok(Look::Found(client.context("starting Chromium")?))
        })
        .await?;
        Ok(Self { client, driver, pictures: case.folder().to_owned() })
    }

    /// Opens `url`.
    ///
    /// # Errors
    /// When the page does not load.
    pub async fn open(&self, url: &str) -> Result<Page> {
        self.client.goto(url).await.with_context(|| format!("opening {url}"))?;
        Ok(Page::new(self.client.clone(), self.pictures.clone()))
    }

    /// Opens a device's page and waits until it is connected to the companion.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn open_online(&self, url: &str) -> Result<Page> {
        let page = self.open(url).await?;
        page.wait_online(Duration::from_secs(10)).await?;
        Ok(page)
    }

    /// The window that [`Page`]s speak of now.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn window(&self) -> Result<WindowHandle> {
        self.client.window().await.context("asking for the window")
    }

    /// Opens another window, of which [`Page`]s speak from now on.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn open_window(&self) -> Result<WindowHandle> {
        let window = self.client.new_window(false).await.context("opening a window")?.handle;
        self.switch_to(&window).await?;
        Ok(window)
    }

    /// Lets [`Page`]s speak of `window` from now on.
    ///
    /// # Errors
    /// When it was closed.
    pub async fn switch_to(&self, window: &WindowHandle) -> Result<()> {
        self.client.switch_to_window(window.clone()).await.context("switching to a window")
    }

    /// Kills the browser as a battery that runs empty does: no socket is closed by the page itself.
    ///
    /// # Errors
    /// When it survives.
    pub fn kill(mut self) -> Result<()> {
        self.driver.kill()
    }

    /// Closes the browser as a person does.
    ///
    /// # Errors
    /// When the driver fails.
    pub async fn close(self) -> Result<()> {
        self.client.clone().close().await.context("closing Chromium")
    }
}

fn flags(profile: &Path, tone: &Path, screen: Screen, microphone: Microphone) -> Vec<String> {
    let mut flags: Vec<String> = [
        "--headless=new",
        // Tests run as root in containers; all they open is this machine's own page.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--use-fake-device-for-media-stream",
        "--allow-loopback-in-peer-connection",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-background-networking",
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--disable-quic",
        "--no-default-browser-check",
        "--no-first-run",
        "--password-store=basic",
    ]
    .map(str::to_owned)
    .into();
    flags.push(format!("--user-data-dir={}", profile.display()));
    flags.push(format!("--use-file-for-fake-audio-capture={}", tone.display()));
    flags.push(match microphone {
        Microphone::Granted => "--use-fake-ui-for-media-stream".to_owned(),
        Microphone::Refused => "--deny-permission-prompts".to_owned(),
    });
    flags.push(match screen {
        Screen::Phone => "--window-size=500,900".to_owned(),
        Screen::Desktop => "--window-size=1280,800".to_owned(),
    });
    flags
}

fn capabilities(flags: &[String], screen: Screen) -> Result<Map<String, Value>> {
    let mut options = json!({ "args": flags, "binary": tools::chromium()?.to_string_lossy() });
    if screen == Screen::Phone {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0, "touch": true } });
    }
    let capabilities = json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "script": 10_000, "pageLoad": 20_000 },
    });
    capabilities.as_object().cloned().context("the capabilities are an object")
}
