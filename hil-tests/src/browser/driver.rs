//! chromedriver: one process per browser, ended together with all that it started.

use std::process::Command;

use anyhow::Result;

use crate::case::Case;
use crate::device::free_port;
use crate::process::Process;
use crate::tools;

/// A running chromedriver.
#[derive(Debug)]
pub(super) struct Driver {
    process: Process,
    port: u16,
}

impl Driver {
    pub(super) fn start(case: &Case) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(tools::chromedriver()?);
        command.arg(format!("--port={port}"));
        // Whatever the browser writes outside its profile stays in the case's folder too.
        command.env("HOME", case.folder()).env("TMPDIR", case.folder());
        let process = Process::start("chromedriver", command, &case.fresh("chromedriver", ".log"))?;
        Ok(Self { process, port })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills Chromium's processes and the driver.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }
}
