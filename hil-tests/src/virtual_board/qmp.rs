//! QEMU's own protocol (QMP): JSON over a socket.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines, ReadHalf, WriteHalf};
use tokio::net::UnixStream;

use crate::wait::{Look, until};

/// How long a command may take; those that go on in the background answer at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a state takes to be written or read.
const TRANSFER: Duration = Duration::from_secs(120);

/// A connection to a machine.
#[derive(Debug)]
pub(super) struct Qmp {
    lines: Lines<BufReader<ReadHalf<UnixStream>>>,
    writing: WriteHalf<UnixStream>,
}

impl Qmp {
    /// Greets QEMU.
    pub(super) async fn over(stream: UnixStream) -> Result<Self> {
        let (reading, writing) = tokio::io::split(stream);
        let mut qmp = Self { lines: BufReader::new(reading).lines(), writing };
        ensure!(qmp.next().await?.get("QMP").is_some(), "no greeting from QEMU");
        qmp.run("qmp_capabilities", json!({})).await?;
        Ok(qmp)
    }

    /// Runs a command and returns what it returns.
    pub(super) async fn run(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let text = json!({ "execute": command, "arguments": arguments }).to_string();
        self.writing.write_all(text.as_bytes()).await.context("speaking with QEMU")?;
        loop {
            let mut answer = self.next().await?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            // Events come in between.
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    pub(super) async fn wait_for_state(&mut self) -> Result<()> {
        until("the state is read", TRANSFER, async || {
            let status = self.run("query-status", json!({})).await?["status"].take();
            Ok(Look::when(status != "inmigrate", (), status))
        })
        .await
    }

    pub(super) async fn wait_until_saved(&mut self) -> Result<()> {
        until("the state is written", TRANSFER, async || {
            let migration = self.run("query-migrate", json!({})).await?;
            if migration["status"] == "failed" {
                bail!("the state can't be written: {migration}");
            }
            Ok(Look::when(migration["status"] == "completed", (), migration))
        })
        .await
    }

    async fn next(&mut self) -> Result<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.context("QEMU does not answer")?;
        let line = line.context("listening to QEMU")?.context("QEMU is gone")?;
        serde_json::from_str(&line).with_context(|| format!("reading {line}"))
    }
}
