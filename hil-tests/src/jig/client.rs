//! The test's end of the jig.
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else is answered is unexpected, and said so")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};

use super::{Ask, Change, Request, Response, Step, Tell, VERSION, Wiring};

/// How long an answer may take beyond what was asked to take time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that wait to be written; a test asks one thing at a time, or a few.
const QUEUE: usize = 16;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Tell>>>>;

type Requests = mpsc::Sender<(Ask, oneshot::Sender<Tell>)>;

/// A connection to an agent. Clones share it.
#[derive(Debug, Clone)]
pub struct Jig {
    requests: Arc<Mutex<Requests>>,
}

/// What a program did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Jig {
    /// Speaks with the agent at the other end of a stream.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Self { requests: Arc::new(Mutex::new(connect(stream))) }
    }

    /// Goes on over another stream: the computer at the other end was started anew. Clones go on too.
    pub fn go_on_over(&self, stream: impl AsyncRead + AsyncWrite + Send + 'static) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = connect(stream);
    }

    /// Waits until the agent answers: a board may be starting.
    ///
    /// # Errors
    /// When it does not within `within`, or is another version.
    pub async fn wait_for(&self, within: Duration) -> Result<()> {
        let start = std::time::Instant::now();
        while !self.answers().await? {
            ensure!(start.elapsed() < within, "no agent answered within {within:.0?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Whether the agent answers within a second. What was said before anybody listened is lost, so it is to be asked again.
    ///
    /// # Errors
    /// When it is another version.
    pub async fn answers(&self) -> Result<bool> {
        match tokio::time::timeout(Duration::from_secs(1), self.ask(Ask::Hello {}, PATIENCE)).await {
            Ok(Ok(Tell::Hello { version })) => {
                ensure!(
                    version == VERSION,
                    "the agent speaks version {version}, this test {VERSION}: install the one that was built with it"
                );
                Ok(true)
            }
            Ok(Ok(other)) => bail!("the agent greets with {other:?}"),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    /// Runs a program to its end, whatever its exit code is.
    ///
    /// # Errors
    /// When it can't be started or takes too long.
    pub async fn run(&self, command: &[&str], within: Duration) -> Result<Ran> {
        let ask = Ask::Run {
            command: command.iter().map(|&part| part.to_owned()).collect(),
            within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
        };
        match self.ask(ask, within + PATIENCE).await? {
            Tell::Ran { code, stdout, stderr } => Ok(Ran { code, stdout, stderr }),
            other => unexpected(other),
        }
    }

    /// Runs a shell script that has to succeed, and returns what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub async fn sh(&self, script: &str) -> Result<String> {
        let Ran { code, stdout, stderr } = self.run(&["sh", "-c", script], Duration::from_secs(60)).await?;
        ensure!(code == Some(0), "`{script}` ended with {code:?}: {stdout}{stderr}");
        Ok(stdout)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn read(&self, path: &str) -> Result<Vec<u8>> {
        match self.ask(Ask::Read { path: path.to_owned() }, PATIENCE).await? {
            Tell::Bytes { base64 } => BASE64.decode(base64).context("reading base64"),
            other => unexpected(other),
        }
    }

    /// Writes a file in one step.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let ask = Ask::Write { path: path.to_owned(), base64: BASE64.encode(bytes) };
        self.done(ask, PATIENCE).await
    }

    /// Copies a file of this computer there.
    ///
    /// # Errors
    /// When it can't be read here or written there.
    pub async fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let bytes = std::fs::read(from).with_context(|| format!("reading {}", from.display()))?;
        self.write(to, &bytes).await
    }

    /// A GET from that computer to itself; the body of an answer that is good.
    ///
    /// # Errors
    /// When nobody answers, or not with 200.
    pub async fn get(&self, port: u16, path: &str) -> Result<String> {
        match self.ask(Ask::Get { port, path: path.to_owned() }, PATIENCE).await? {
            Tell::Got { code: 200, body } => Ok(body),
            Tell::Got { code, body } => bail!("{path} was answered with {code}: {body}"),
            other => unexpected(other),
        }
    }

    /// Moves a contact; returns when the last step is over.
    ///
    /// # Errors
    /// When there is no such line.
    pub async fn play(&self, line: &Wiring, steps: &[Step]) -> Result<()> {
        let takes = steps.iter().map(|step| Duration::from_micros(step.for_us)).sum::<Duration>();
        self.done(Ask::Play { line: line.clone(), steps: steps.to_vec() }, takes + PATIENCE).await
    }

    /// Begins to note changes of these lines.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn watch(&self, lines: &[Wiring]) -> Result<()> {
        self.done(Ask::Watch { lines: lines.to_vec() }, PATIENCE).await
    }

    /// What was noted since the last time.
    ///
    /// # Errors
    /// When the agent is gone.
    pub async fn noted(&self) -> Result<Vec<Change>> {
        match self.ask(Ask::Noted {}, PATIENCE).await? {
            Tell::Changes { changes } => Ok(changes),
            other => unexpected(other),
        }
    }

    /// Whether a line is active.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn is_active(&self, line: &Wiring) -> Result<bool> {
        match self.ask(Ask::Level { line: line.clone() }, PATIENCE).await? {
            Tell::Level { active } => Ok(active),
            other => unexpected(other),
        }
    }

    /// The wall clock there, since the Unix epoch, and its monotonic clock.
    ///
    /// # Errors
    /// When the agent is gone.
    pub async fn clock(&self) -> Result<(Duration, Duration)> {
        self.ask_clock(None).await
    }

    /// Sets the wall clock there.
    ///
    /// # Errors
    /// When the agent may not.
    pub async fn set_clock(&self, since_epoch: Duration) -> Result<()> {
        self.ask_clock(Some(u64::try_from(since_epoch.as_nanos()).context("a time of this century")?)).await?;
        Ok(())
    }

    async fn ask_clock(&self, set_ns: Option<u64>) -> Result<(Duration, Duration)> {
        match self.ask(Ask::Clock { set_ns }, PATIENCE).await? {
            Tell::Clock { wall_ns, monotonic_us } => {
                Ok((Duration::from_nanos(wall_ns), Duration::from_micros(monotonic_us)))
            }
            other => unexpected(other),
        }
    }

    async fn done(&self, ask: Ask, within: Duration) -> Result<()> {
        match self.ask(ask, within).await? {
            Tell::Done {} => Ok(()),
            other => unexpected(other),
        }
    }

    async fn ask(&self, ask: Ask, within: Duration) -> Result<Tell> {
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        requests.send((ask, answer)).await.context("the connection to the jig is gone")?;
        let told = tokio::time::timeout(within, answered).await;
        told.with_context(|| format!("the jig did not answer within {within:.0?}"))?
            .context("the connection to the jig is gone")
    }
}

fn unexpected<T>(tell: Tell) -> Result<T> {
    match tell {
        Tell::Failed { message } => bail!("{message}"),
        other => bail!("the jig answered with {other:?}"),
    }
}

fn connect(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Requests {
    let (requests, asked) = mpsc::channel(QUEUE);
    tokio::spawn(converse(stream, asked));
    requests
}

async fn converse(stream: impl AsyncRead + AsyncWrite, mut asked: mpsc::Receiver<(Ask, oneshot::Sender<Tell>)>) {
    let (reading, mut writing) = tokio::io::split(stream);
    let mut lines = BufReader::new(reading).lines();
    let waiting: Waiting = Waiting::default();
    let mut id = 0;
    loop {
        tokio::select! {
            request = asked.recv() => {
                let Some((what, answer)) = request else { return };
                id += 1;
                waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
                let mut text = serde_json::to_string(&Request { id, what }).expect("requests have string keys only");
                text.push('\n');
                if writing.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                // What a saved board had left in its port is half a line.
                let Ok(Response { id, what }) = serde_json::from_str(&line) else { continue };
                if let Some(answer) = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                    let _ = answer.send(what);
                }
            }
        }
    }
}
