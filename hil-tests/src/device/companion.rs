//! The companion on its own, as a process on this machine.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::free_port;
use crate::case::Case;
use crate::process::Process;
use crate::tools;
use crate::wait::{Look, until};

/// A running `doorway-signaling`.
#[derive(Debug)]
pub struct Companion {
    process: Process,
    listen: String,
    log: PathBuf,
    more: Vec<String>,
}

impl Companion {
    /// Starts it on a port of its own, with `more` arguments, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(case: &Case, more: &[&str]) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port()?);
        let log = case.fresh("companion", ".log");
        let more: Vec<String> = more.iter().map(|&argument| argument.to_owned()).collect();
        let process = spawn(&listen, &more, &log)?;
        let mut companion = Self { process, listen, log, more };
        companion.wait_until_ready().await?;
        Ok(companion)
    }

    /// What a daemon's `companion.connect` wants.
    pub fn socket(&self) -> String {
        format!("ws://{}/ws", self.listen)
    }

    /// The companion's process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops it and expects a clean end.
    ///
    /// # Errors
    /// When it does not end in time, or not with exit code 0.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.process.terminate(Duration::from_secs(5))?;
        ensure!(status.success(), "the companion was asked to end and ended with {status}");
        Ok(())
    }

    /// Starts it again on the same port.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = spawn(&self.listen, &self.more, &self.log)?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let process = &mut self.process;
        let url = format!("http://{}/healthz", self.listen);
        let http = reqwest::Client::builder().no_proxy().build().context("making the HTTP client")?;
        until("the companion answers", Duration::from_secs(10), async || {
            if let Some(status) = process.exited()? {
                return Ok(Look::NotYet(format!("it ended with {status}: {}", process.log())));
            }
            http.get(&url).send().await?.error_for_status()?;
            Ok(Look::Found(()))
        })
        .await
    }
}

fn spawn(listen: &str, more: &[String], log: &std::path::Path) -> Result<Process> {
    let mut command = Command::new(tools::doorway_signaling()?);
    command.arg("--listen").arg(listen).args(more);
    Process::start("doorway-signaling", command, log)
}
