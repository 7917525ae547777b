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

/// What the companion's endpoints have to know where it can be reached from other computers.
const SECRET: &str = "companion-of-the-tests";

/// A `doorway-signaling`.
#[derive(Debug)]
pub struct Companion {
    process: Option<Process>,
    listen: String,
    /// What its endpoints have to know; empty on loopback.
    secret: &'static str,
    log: PathBuf,
    more: Vec<String>,
}

impl Companion {
    /// Starts it on a port of loopback's, with `more` arguments, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(case: &Case, more: &[&str]) -> Result<Self> {
        let mut companion = Self::prepare(case, "127.0.0.1")?;
        companion.secret = "";
        companion.more = more.iter().map(|&argument| argument.to_owned()).collect();
        companion.serve().await?;
        Ok(companion)
    }

    /// One for other computers, at an address of this machine's. [`Companion::serve`] starts it.
    ///
    /// # Errors
    /// When no port is free.
    pub fn prepare(case: &Case, address: &str) -> Result<Self> {
        let listen = format!("{address}:{}", free_port()?);
        Ok(Self { process: None, listen, secret: SECRET, log: case.fresh("companion", ".log"), more: Vec::new() })
    }

    /// What a daemon's `companion.connect` wants.
    pub fn socket(&self) -> String {
        format!("ws://{}/ws", self.listen)
    }

    /// A daemon's table `companion`.
    pub fn as_config(&self) -> toml::Table {
        let keys = [("connect", self.socket()), ("secret", self.secret.to_owned())];
        keys.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
    }

    /// Scheme, host and port of the page that it serves.
    pub fn origin(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The address of the page, with the secret.
    pub fn page(&self) -> String {
        format!("{}/#secret={}", self.origin(), self.secret)
    }

    /// The companion's process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the companion does not run")?.pid())
    }

    /// Stops it and expects a clean end.
    ///
    /// # Errors
    /// When it does not end in time, or not with exit code 0.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.process.as_mut().context("the companion does not run")?;
        let status = process.terminate(Duration::from_secs(5))?;
        ensure!(status.success(), "the companion was asked to end and ended with {status}");
        Ok(())
    }

    /// Starts it, again or for the first time, and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn serve(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.kill()?;
        }
        let mut command = Command::new(tools::doorway_signaling()?);
        command.arg("--listen").arg(&self.listen).args(&self.more);
        if !self.secret.is_empty() {
            command.env("DOORWAY_SECRET", self.secret);
        }
        let process = self.process.insert(Process::start("doorway-signaling", command, &self.log)?);
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
