//! The serial console, read from the beginning of a case on.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use serde::Deserialize;

use super::command::CommandLine;
use crate::case::Case;
use crate::device::layers::Console;
use crate::process::Process;

/// `[bench.console]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ConsoleSource {
    /// A serial port of the test computer's.
    Port(SerialPort),
    /// A command that prints what comes.
    Command(CommandLine),
}

/// A serial port of the test computer's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SerialPort {
    path: PathBuf,
    baud: u32,
}

impl ConsoleSource {
    /// Begins to read.
    ///
    /// # Errors
    /// When the command can't be started.
    pub(super) fn listen(&self, case: &Case) -> Result<Listener> {
        let command = match self {
            Self::Command(command) => command.to_command(),
            Self::Port(SerialPort { path, baud }) => {
                let mut command = Command::new("sh");
                // `clocal`: three wires have no carrier to wait for.
                command.args(["-c", "stty -F \"$0\" \"$1\" raw -echo clocal && exec cat \"$0\""]);
                command.arg(path).arg(baud.to_string());
                command
            }
        };
        let process = Process::start("the console's reader", command, &case.fresh("console", ".log"))?;
        Ok(Listener { process: RefCell::new(process) })
    }
}

/// Somebody who reads the console.
#[derive(Debug)]
pub(super) struct Listener {
    process: RefCell<Process>,
}

#[async_trait(?Send)]
impl Console for Listener {
    async fn text(&self) -> Result<String> {
        let mut process = self.process.borrow_mut();
        let text = process.log();
        let ended = process.exited()?;
        ensure!(ended.is_none(), "bench.console: nobody reads it any more, the reader's end is: {text}");
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::case::block_on;
    use crate::wait::{Look, until};

    const SOON: Duration = Duration::from_secs(5);

    fn source(text: &str) -> ConsoleSource {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_the_console_said_since_the_case_began_is_there() {
        let case = Case::new().unwrap();
        let listener = source("command = ['sh', '-c', 'echo Booting Linux; sleep 60']").listen(&case).unwrap();
        let text = until("it has said something", SOON, async || {
            let text = listener.text().await?;
            Ok(Look::when(text.ends_with('\n'), text, "nothing"))
        });
        assert_eq!(block_on(text).unwrap(), "Booting Linux\n");
    }

    #[test]
    fn a_port_that_is_not_there_is_told() {
        let case = Case::new().unwrap();
        let listener = source("port = { path = '/dev/no-such-port', baud = 115200 }").listen(&case).unwrap();
        let error = until("it has failed", SOON, async || {
            let error = listener.text().await.err().map(|error| error.to_string());
            Ok(Look::when(error.is_some(), error, "it reads"))
        });
        let error = block_on(error).unwrap().unwrap();
        assert!(error.contains("/dev/no-such-port"), "{error}");
    }
}
