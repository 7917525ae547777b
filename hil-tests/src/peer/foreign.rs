//! Receivers that somebody else wrote, each a program: an offer on its standard input, its answer on its standard output, and
//! from then on what it has received.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use doorway_proto::ids::{CallId, EndpointId};
use doorway_proto::signaling::{ClientMessage, ClientSignal, EndReason, StationSignal, ToClient};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::{Frame, Socket};
use crate::case::Case;
use crate::tools;

/// How long a program may think about an offer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longer than any case.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What a foreign receiver has received.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// RTP packets of the picture whose sequence number was new.
    pub packets: u64,
    /// Sequence numbers that have not come, of those before the latest.
    pub missing: i64,
    /// Packets whose sequence number had come before.
    pub again: u64,
    /// Ends of pictures, those that came again included.
    pub pictures: u64,
    /// Packets with nothing in them.
    pub padding: u64,
    /// Whether the data channel is open.
    pub channel: bool,
}

/// Builds the receiver over pion, with Debian's packages of it.
///
/// # Errors
/// When Go or pion is missing.
pub async fn pion(case: &Case) -> Result<PathBuf> {
    let path = case.fresh("go", "");
    let source = path.join("src/foreign");
    fs::create_dir_all(&source).context("making a folder for the receiver's source")?;
    for (name, text) in
        [("main.go", include_str!("../../foreign/pion/main.go")), ("go.mod", include_str!("../../foreign/pion/go.mod"))]
    {
        fs::write(source.join(name), text).context("writing the receiver's source")?;
    }
    let program = path.join("pion");
    let mut command = Command::new(tools::go()?);
    command.arg("build").arg("-o").arg(&program).arg(".").current_dir(&source);
    // Debian keeps Go's packages in folders of the old kind, and nothing is fetched.
    command.env("GO111MODULE", "off").env("GOPATH", format!("{}:/usr/share/gocode", path.display()));
    command.env("GOFLAGS", "").env("GOCACHE", tools::cache()?.join("go-build"));
    let built = command.output().await.context("starting go")?;
    let said = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success(), "the receiver over pion does not build; `.ci/install test` brings pion:\n{said}");
    Ok(program)
}

/// A running foreign receiver that watches; dropping it kills it.
#[derive(Debug)]
pub struct Foreign {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What became of it so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What it told last.
    pub counts: Counts,
    /// Why its part in the call is over.
    pub ended: Option<EndReason>,
    /// What went wrong with it.
    pub failed: Option<String>,
}

/// How a program of another library is given an offer, a line of JSON.
#[derive(Serialize)]
pub(crate) struct OfferLine<'a> {
    pub(crate) offer: &'a str,
}

/// How it answers.
#[derive(Deserialize)]
pub(crate) struct AnswerLine {
    pub(crate) answer: String,
}

impl Foreign {
    /// Enters the companion's room, asks to watch and has `program`, started with `arguments`, answer the offer.
    ///
    /// # Errors
    /// When there is no offer, or no answer to it.
    pub async fn watch(program: &Path, arguments: &[&str], socket_url: &str, station: &str) -> Result<Self> {
        let station = EndpointId::new(station)?;
        let (mut socket, _) = Socket::enter(socket_url).await?;
        let send = |signal| ClientMessage::Signal { to: station.clone(), signal };
        socket.send(&send(ClientSignal::Watch {})).await?;
        let (call, offer) = socket.wait_for("an offer", offered).await?;
        let (process, mut lines) = start(program, arguments, &offer).await?;
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.context("waiting for its answer")?;
        let line = line.context("reading its answer")?.context("it ended instead of answering")?;
        let AnswerLine { answer } = serde_json::from_str(&line).with_context(|| format!("reading {line}"))?;
        socket.send(&send(ClientSignal::Answer { call, answer })).await?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            if let Err(error) = follow(process, lines, socket, &noted).await {
                lock(&noted).failed = Some(format!("{error:#}"));
            }
        });
        Ok(Self { seen, task })
    }

    /// What became of it so far.
    pub fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn offered(message: ToClient) -> Option<(CallId, String)> {
    let ToClient::Signal { signal: StationSignal::Offer { call, offer }, .. } = message else { return None };
    Some((call, offer))
}

async fn start(program: &Path, arguments: &[&str], offer: &str) -> Result<(Child, Lines<BufReader<ChildStdout>>)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut process = command.spawn().with_context(|| format!("starting {}", program.display()))?;
    let mut input = process.stdin.take().context("its standard input")?;
    let lines = BufReader::new(process.stdout.take().context("its standard output")?).lines();
    let line = serde_json::to_string(&OfferLine { offer })?;
    input.write_all(format!("{line}\n").as_bytes()).await.context("writing the offer")?;
    Ok((process, lines))
}

/// Notes what the program and the companion say; the program lives as long as this goes on.
async fn follow(
    process: Child,
    mut lines: Lines<BufReader<ChildStdout>>,
    mut socket: Socket,
    seen: &Mutex<Seen>,
) -> Result<()> {
    let _lives_as_long = process;
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line.context("reading what it received")? else { bail!("it ended") };
                let counts = serde_json::from_str(&line).with_context(|| format!("reading {line}"))?;
                lock(seen).counts = counts;
            }
            frame = socket.next(NEVER) => match frame? {
                Frame::Message(message) => {
                    if let ToClient::Signal { signal: StationSignal::Ended { reason, .. }, .. } = *message {
                        lock(seen).ended = Some(reason);
                    }
                }
                Frame::Closed => bail!("the companion closed its connection"),
            },
        }
    }
}
