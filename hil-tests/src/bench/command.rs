//! A command of the test computer's, as a description names it.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// How long a command may take: a managed switch thinks for seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program and its arguments; no shell reads them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct CommandLine(Vec<String>);

impl TryFrom<Vec<String>> for CommandLine {
    type Error = &'static str;

    fn try_from(parts: Vec<String>) -> Result<Self, Self::Error> {
        if parts.is_empty() { Err("a command has at least a program") } else { Ok(Self(parts)) }
    }
}

impl CommandLine {
    /// The program and its arguments.
    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }

    /// The program with its arguments, not yet started.
    pub(super) fn to_command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.0[0]);
        command.args(&self.0[1..]);
        command
    }

    /// Runs it to its end, which has to be a good one. `purpose` is what the description calls it.
    ///
    /// # Errors
    /// When it can't be started, takes too long or fails; with what it said.
    pub(super) async fn run(&self, purpose: &str) -> Result<()> {
        self.run_within(purpose, PATIENCE).await
    }

    async fn run_within(&self, purpose: &str, within: Duration) -> Result<()> {
        let shown = self.0.join(" ");
        // A file, as a program that it leaves behind would hold a pipe open.
        let mut said = tempfile::tempfile().context("making a file for what a command says")?;
        let mut command = tokio::process::Command::from(self.to_command());
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said.try_clone()?).kill_on_drop(true);
        let child = command.spawn();
        let mut child = child.with_context(|| format!("{purpose}: starting `{shown}` on this computer"))?;
        let Ok(ended) = tokio::time::timeout(within, child.wait()).await else {
            bail!("{purpose}: `{shown}` was not over after {within:.0?}");
        };
        let status = ended.with_context(|| format!("{purpose}: waiting for `{shown}`"))?;
        let mut text = Vec::new();
        said.seek(SeekFrom::Start(0)).and_then(|_| said.read_to_end(&mut text)).context("reading what it said")?;
        let text = String::from_utf8_lossy(&text);
        ensure!(status.success(), "{purpose}: `{shown}` ended with {status}; try it by hand. It said: {}", text.trim());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::block_on;

    fn command(parts: &[&str]) -> CommandLine {
        CommandLine::try_from(parts.iter().map(|&part| part.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_command_that_fails_is_told_with_its_purpose_and_what_it_said() {
        let failed = command(&["sh", "-c", "echo no such outlet >&2; exit 3"]);
        let error = block_on(failed.run("bench.power.off")).unwrap_err().to_string();
        assert!(error.contains("bench.power.off") && error.contains("no such outlet"), "{error}");
        let error = format!("{:#}", block_on(command(&["no-such-program"]).run("bench.power.on")).unwrap_err());
        assert!(error.contains("bench.power.on") && error.contains("no-such-program"), "{error}");
    }

    #[test]
    fn a_command_that_hangs_is_given_up() {
        let error = block_on(command(&["sleep", "60"]).run_within("bench.power.on", Duration::from_millis(100)));
        assert!(error.unwrap_err().to_string().contains("not over"));
    }

    #[test]
    fn a_command_may_leave_a_program_behind() {
        block_on(command(&["sh", "-c", "sleep 5 & exit 0"]).run_within("bench.power.on", Duration::from_secs(3)))
            .unwrap();
    }
}
