//! An agent at the end of a program on this machine: the agent itself, or an ssh that leads to one.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Jig;

/// An agent behind the standard input and output of a program. Dropping it ends the program.
#[derive(Debug)]
pub struct AgentProgram {
    command: Vec<OsString>,
    jig: Jig,
    child: Mutex<Child>,
}

impl AgentProgram {
    /// Starts the program; the agent need not answer yet.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(command: &[impl AsRef<OsStr>]) -> Result<Self> {
        let command: Vec<_> = command.iter().map(|part| part.as_ref().to_owned()).collect();
        let (child, output, input) = spawn(&command)?;
        Ok(Self { command, jig: Jig::over(tokio::io::join(output, input)), child: Mutex::new(child) })
    }

    /// Starts the program again: the connection broke. Whoever has the agent goes on with it.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start_again(&self) -> Result<()> {
        let (child, output, input) = spawn(&self.command)?;
        self.jig.go_on_over(tokio::io::join(output, input));
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = child;
        Ok(())
    }

    /// The agent.
    pub fn jig(&self) -> &Jig {
        &self.jig
    }
}

fn spawn(command: &[OsString]) -> Result<(Child, ChildStdout, ChildStdin)> {
    let (program, arguments) = command.split_first().context("no command")?;
    let child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child = child.with_context(|| format!("starting {}", program.display()))?;
    let output = child.stdout.take().context("its output is a pipe")?;
    let input = child.stdin.take().context("its input is a pipe")?;
    Ok((child, output, input))
}
