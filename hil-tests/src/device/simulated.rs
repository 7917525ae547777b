//! The daemon as a process on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::state::Activity;

use super::{Config, Device, Panel, Place, Status, free_port};
use crate::browser::Page;
use crate::case::Case;
use crate::process::Process;
use crate::tone::Sound;
use crate::wait::{Look, until};
use crate::{leaks, os, tools};

/// How long a start may take on a loaded machine.
const START: Duration = Duration::from_secs(15);

/// A running daemon with a simulated board.
#[derive(Debug)]
pub struct Simulated {
    process: Process,
    config_path: PathBuf,
    log: PathBuf,
    clock: Option<SkewedClock>,
    environment: Vec<(String, String)>,
    recording: PathBuf,
    page: String,
    local: String,
    http: reqwest::Client,
    baseline: leaks::Held,
}

impl Simulated {
    /// Starts a daemon with `config` on ports of its own and waits until it is ready to ring.
    ///
    /// A `companion.connect` in `config` is honoured; else the companion runs inside the daemon.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(case: &Case, config: Config) -> Result<Self> {
        Self::start_by(None, Vec::new(), case, config).await
    }

    /// As [`Simulated::start`], with further variables in its environment.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_in(environment: Vec<(String, String)>, case: &Case, config: Config) -> Result<Self> {
        Self::start_by(None, environment, case, config).await
    }

    /// As [`Simulated::start`], with a clock that [`Simulated::skew_clock`] can change.
    ///
    /// # Errors
    /// When it does not become ready, or libfaketime is missing.
    pub async fn start_with_own_clock(case: &Case, config: Config) -> Result<Self> {
        Self::start_by(Some(SkewedClock::new(&case.fresh("clock", ".rc"))?), Vec::new(), case, config).await
    }

    async fn start_by(
        clock: Option<SkewedClock>,
        environment: Vec<(String, String)>,
        case: &Case,
        config: Config,
    ) -> Result<Self> {
        let local = format!("127.0.0.1:{}", free_port()?);
        let recording = match config.text("sound.record") {
            Some(chosen) => PathBuf::from(chosen),
            None => case.fresh("speaker", ".wav"),
        };
        let mut config =
            config.with("local.listen", local.as_str()).with("sound.record", recording.to_string_lossy().as_ref());
        let page = match config.text("companion.connect") {
            Some(url) => url.replace("ws://", "http://").trim_end_matches("ws").to_owned(),
            None => {
                let free = format!("127.0.0.1:{}", free_port()?);
                let listen = config.text("companion.listen").map_or(free, str::to_owned);
                config = config.with("companion.listen", listen.as_str());
                // By the name that a certificate of the station's own has.
                match config.text("companion.tls") {
                    None | Some("off") => format!("http://{listen}/"),
                    Some(_) => format!("https://{}/", listen.replace("127.0.0.1", "localhost")),
                }
            }
        };
        let config_path = case.fresh("doorwayd", ".toml");
        config.write(&config_path)?;
        let log = config_path.with_extension("log");
        let http = local_http()?;
        let process = spawn(&config_path, &log, clock.as_ref(), &environment)?;
        let baseline = leaks::Held::default();
        let local = format!("http://{local}");
        let mut device = Self { process, config_path, log, clock, environment, recording, page, local, http, baseline };
        device.wait_until_ready().await?;
        device.baseline = leaks::Held::by(&device.status().await?)?;
        Ok(device)
    }

    /// Runs the daemon with `config` where it is expected to end by itself at once, and returns its exit code and
    /// what it printed.
    ///
    /// # Errors
    /// When it goes on running.
    pub fn run_to_its_end(case: &Case, config: &Config) -> Result<(Option<i32>, String)> {
        let config_path = case.fresh("doorwayd", ".toml");
        config.write(&config_path)?;
        let mut process = spawn(&config_path, &config_path.with_extension("log"), None, &[])?;
        let status = process.wait(START)?;
        Ok((status.code(), process.log()))
    }

    /// The address of the WebSocket.
    pub fn socket(&self) -> String {
        format!("{}ws", self.page.replacen("http", "ws", 1))
    }

    /// Where its page and its local endpoint are.
    pub fn place(&self) -> Place {
        let origin = self.page.trim_end_matches('/').to_owned();
        let local_port = self.local.rsplit(':').next().and_then(|port| port.parse().ok());
        Place {
            origin,
            secret: String::new(),
            local_port: local_port.expect("it was written from a port"),
            household: "127.0.0.1".to_owned(),
        }
    }

    /// The daemon's process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its configuration file.
    pub fn config_path(&self) -> &Path {
        &self.config_path
    }

    /// Its metrics as Prometheus reads them.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let answer = self.http.get(format!("{}/metrics", self.local)).send().await;
        Ok(answer.context("asking for the metrics")?.error_for_status()?.text().await?)
    }

    /// The simulated board.
    pub fn panel(&self) -> Panel {
        Panel::new(self.http.clone(), self.local.clone())
    }

    /// Sets the clock of a daemon that was started with its own: `ahead_s` seconds ahead of this machine's.
    ///
    /// # Errors
    /// When it has no clock of its own.
    pub fn skew_clock(&self, ahead_s: i64) -> Result<()> {
        self.clock.as_ref().context("the daemon was started with this machine's clock")?.set(ahead_s)
    }

    /// Kills the daemon as a power cut does.
    ///
    /// # Errors
    /// When it survives.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Stops it in its tracks: it does nothing more, and its connections stay open.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        os::signal(self.pid(), libc::SIGSTOP).context("freezing the daemon")
    }

    /// Changes its environment for the next start.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// What its local endpoint answers to `GET /status`, whole.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn whole_status(&self) -> Result<serde_json::Value> {
        Ok(self.http.get(format!("{}/status", self.local)).send().await?.error_for_status()?.json().await?)
    }

    /// Starts it again with the same configuration and ports.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = spawn(&self.config_path, &self.log, self.clock.as_ref(), &self.environment)?;
        self.wait_until_ready().await?;
        self.baseline = leaks::Held::by(&self.status().await?)?;
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let process = &mut self.process;
        let (http, url) = (&self.http, format!("{}/status", self.local));
        until("the daemon is ready to ring", START, async || {
            if let Some(status) = process.exited()? {
                return Ok(Look::NotYet(format!("it ended with {status}: {}", process.log())));
            }
            let text = http.get(&url).send().await?.error_for_status()?.text().await?;
            let status: Status = serde_json::from_str(&text).with_context(|| format!("reading {text}"))?;
            Ok(Look::when(status.companion.connected, (), "the station is not in its room yet"))
        })
        .await
    }
}

impl Device for Simulated {
    fn page(&self) -> String {
        self.page.clone()
    }

    async fn status(&self) -> Result<Status> {
        let answer = self.http.get(format!("{}/status", self.local)).send().await;
        let text = answer.context("asking for the status")?.error_for_status()?.text().await?;
        serde_json::from_str(&text).with_context(|| format!("reading the status {text}"))
    }

    async fn press(&self) -> Result<()> {
        self.panel().press("call").await
    }

    async fn picture_moves(&self, page: &Page, count: usize, within: Duration) -> Result<()> {
        page.picture_moves(count, within).await?;
        Ok(())
    }

    async fn speaker(&self, seconds: f64) -> Result<Sound> {
        Ok(Sound::read(&self.recording)?.last(seconds))
    }

    async fn log(&self) -> Result<String> {
        Ok(self.process.log())
    }

    async fn nothing_is_left(&self) -> Result<()> {
        self.wait_for(Activity::Idle, Duration::from_secs(10)).await?;
        until("nothing of the call is left", Duration::from_secs(20), async || {
            let held = leaks::Held::by(&self.status().await?)?;
            let left = held.beyond(&self.baseline);
            Ok(Look::when(left.is_empty(), (), left.join("\n")))
        })
        .await
    }

    async fn stop(&mut self) -> Result<()> {
        let status = self.process.terminate(Duration::from_secs(5))?;
        ensure!(status.success(), "the daemon was asked to end and ended with {status}");
        Ok(())
    }
}

/// A wall clock for one process, by libfaketime; the monotonic clock stays the machine's.
#[derive(Debug)]
struct SkewedClock {
    library: PathBuf,
    file: PathBuf,
}

impl SkewedClock {
    fn new(file: &Path) -> Result<Self> {
        let clock = Self { library: tools::faketime()?, file: file.to_owned() };
        clock.set(0)?;
        Ok(clock)
    }

    fn set(&self, ahead_s: i64) -> Result<()> {
        // Renamed into place: the daemon reads the file at every look at the clock.
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{ahead_s:+}"))
            .and_then(|()| fs::rename(&next, &self.file))
            .context("setting the clock")
    }

    fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    }
}

fn spawn(config: &Path, log: &Path, clock: Option<&SkewedClock>, environment: &[(String, String)]) -> Result<Process> {
    let mut command = Command::new(tools::doorwayd()?);
    command.arg("run").arg("--config").arg(config);
    command.env("STATE_DIRECTORY", config.with_extension("state"));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    if let Some(clock) = clock {
        clock.give_to(&mut command);
    }
    Process::start("doorwayd", command, log)
}

/// One connection per request: a kept one would count as a socket of the daemon.
fn local_http() -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(5));
    builder.build().context("making the HTTP client")
}
