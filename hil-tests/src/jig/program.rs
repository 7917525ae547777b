//! An agent at the end of a program on this machine: the agent itself, or an ssh that leads to one.

use std::ffi::{OsStr, OsString};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::Jig;

/// How long a program may take until the agent at its other end answers, before it is started again.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Between the end of a program and its next start: a device that starts refuses connections at once.
const PAUSE: Duration = Duration::from_millis(500);
/// Of what a program says, so much is kept: the first lines, which name the cause.
const MAX_SAID: usize = 2000;

/// An agent behind the standard input and output of a program. Dropping it ends the program.
#[derive(Debug)]
pub struct AgentProgram {
    command: Vec<OsString>,
    jig: Jig,
    child: Mutex<Child>,
    /// What it says on its standard error: this time or, as long as it says nothing, the last.
    said: Arc<Mutex<String>>,
}

impl AgentProgram {
    /// Starts the program; the agent need not answer yet.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(command: &[impl AsRef<OsStr>]) -> Result<Self> {
        let command: Vec<_> = command.iter().map(|part| part.as_ref().to_owned()).collect();
        let said = Arc::default();
        let (child, output, input) = spawn(&command, &said)?;
        Ok(Self { command, jig: Jig::over(tokio::io::join(output, input)), child: Mutex::new(child), said })
    }

    /// Starts the program again: the connection broke. Whoever has the agent goes on with it.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start_again(&self) -> Result<()> {
        let (child, output, input) = spawn(&self.command, &self.said)?;
        self.jig.go_on_over(tokio::io::join(output, input));
        *lock(&self.child) = child;
        Ok(())
    }

    /// Waits until the agent answers, and starts the program again as often as that takes.
    ///
    /// # Errors
    /// When no agent answers within `within`, with what the program said, or it is another version.
    pub async fn reach(&self, within: Duration) -> Result<()> {
        let start = Instant::now();
        let mut attempt = start;
        loop {
            if self.jig.answers().await? {
                return Ok(());
            }
            let ended = lock(&self.child).try_wait().context("asking for the program's end")?;
            if start.elapsed() >= within {
                bail!("no agent answered within {within:.0?}: {}", self.complaint(ended));
            }
            if ended.is_some() || attempt.elapsed() >= ATTEMPT {
                tokio::time::sleep(PAUSE).await;
                self.start_again()?;
                attempt = Instant::now();
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The agent.
    pub fn jig(&self) -> &Jig {
        &self.jig
    }

    fn complaint(&self, ended: Option<ExitStatus>) -> String {
        let command: Vec<_> = self.command.iter().map(|part| part.to_string_lossy()).collect();
        let state = ended.map_or_else(|| "runs".to_owned(), |status| format!("ended with {status}"));
        let said = lock(&self.said).trim().to_owned();
        let said = if said.is_empty() { " and says nothing".to_owned() } else { format!(" and said: {said}") };
        format!("`{}` {state}{said}. Try it by hand: it has to wait for requests without a word", command.join(" "))
    }
}

fn spawn(command: &[OsString], said: &Arc<Mutex<String>>) -> Result<(Child, ChildStdout, ChildStdin)> {
    let (program, arguments) = command.split_first().context("no command")?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.with_context(|| format!("starting {}", program.display()))?;
    let output = child.stdout.take().context("its output is a pipe")?;
    let input = child.stdin.take().context("its input is a pipe")?;
    tokio::spawn(listen(child.stderr.take().context("its complaints are a pipe")?, said.clone()));
    Ok((child, output, input))
}

/// Keeps the beginning of what is said; the rest is read too, as a full pipe would hold the program up.
async fn listen(mut complaints: ChildStderr, said: Arc<Mutex<String>>) {
    let mut bytes = [0; 1024];
    let mut first = true;
    while let Ok(count @ 1..) = complaints.read(&mut bytes).await {
        let mut said = lock(&said);
        if std::mem::take(&mut first) {
            said.clear();
        }
        if said.len() < MAX_SAID {
            said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::VERSION;
    use super::*;
    use crate::case::block_on;

    #[test]
    fn an_agent_that_can_t_be_reached_is_told_with_what_the_program_said() {
        block_on(async {
            let program = AgentProgram::start(&["sh", "-c", "echo no route to host >&2; exit 255"]).unwrap();
            let error = program.reach(Duration::from_secs(1)).await.unwrap_err().to_string();
            assert!(error.contains("no route to host") && error.contains("by hand"), "{error}");
        });
    }

    #[test]
    fn a_program_that_was_killed_is_started_again_and_its_agent_goes_on() {
        block_on(async {
            let agent = format!(
                "n=0; while read line; do n=$((n + 1)); \
                 echo \"{{\\\"id\\\":$n,\\\"what\\\":{{\\\"tell\\\":\\\"hello\\\",\\\"version\\\":{VERSION}}}}}\"; done"
            );
            let program = AgentProgram::start(&["sh", "-c", &agent]).unwrap();
            let jig = program.jig().clone();
            program.reach(Duration::from_secs(5)).await.unwrap();
            lock(&program.child).start_kill().unwrap();
            while jig.answers().await.unwrap() {}
            program.reach(Duration::from_secs(5)).await.unwrap();
            assert!(jig.answers().await.unwrap(), "the clone did not go on");
        });
    }

    #[test]
    fn an_agent_of_another_version_is_not_waited_for() {
        block_on(async {
            let old = r#"read line; echo '{"id":1,"what":{"tell":"hello","version":0}}'; sleep 60"#;
            let program = AgentProgram::start(&["sh", "-c", old]).unwrap();
            let error = program.reach(Duration::from_secs(60)).await.unwrap_err().to_string();
            assert!(error.contains("version 0"), "{error}");
        });
    }
}
