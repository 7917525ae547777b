//! Other people's programs beside the daemon: whatever is executable in the folder `DOORWAY_FIGURES_PEERS`.
//!
//! What such a program has to do is told in `hil-tests/docs/peers.md`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::cpu::{Spent, named};
use super::report::progress;
use super::{Effort, Line, Report, megabytes, recording};
use crate::peer::foreign::{AnswerLine, OfferLine};
use crate::peer::{Offering, PictureCount};
use crate::process::{heap_kb, resident_kb};
use crate::wait::{Look, until};

/// How long a program may think about an offer, and until its first picture is there.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn measure(report: &mut Report, effort: Effort, recording: &Path, receivers: &[usize]) -> Result<()> {
    let Some(folder) = std::env::var_os("DOORWAY_FIGURES_PEERS") else { return Ok(()) };
    for program in executables(Path::new(&folder))? {
        for count in receivers {
            let name = name_of(&program);
            let measured = one(report, effort, &program, recording, *count).await;
            measured.with_context(|| format!("measuring {name} with {count} receivers"))?;
        }
    }
    Ok(())
}

async fn one(report: &mut Report, effort: Effort, program: &Path, recording: &Path, count: usize) -> Result<()> {
    let name = name_of(program);
    progress(&format!("CPU and memory of {name} with {count} receivers"));
    let mut sender = Sender::start(program, recording)?;
    let mut receivers = Vec::new();
    for _ in 0..count {
        receivers.push(sender.receiver().await?);
    }
    for receiver in &receivers {
        until("its picture arrives", PATIENCE, async || {
            let state = format!("connected: {}, no picture", receiver.is_connected());
            Ok(Look::when(receiver.frames() > 0, (), state))
        })
        .await?;
    }
    tokio::time::sleep(Duration::from_secs(effort.pick(5, 1))).await;
    let before: Vec<_> = receivers.iter().map(PictureCount::frames).collect();
    let spent = Spent::by(sender.pid()?, Duration::from_secs(effort.pick(40, 5))).await?;
    let pictures = receivers.iter().zip(before).map(|(receiver, before)| receiver.frames() - before);
    let least = pictures.min().unwrap_or_default() as f64 / spent.wall().as_secs_f64();
    ensure!(least > 28.0, "a receiver got {least:.1} pictures a second");
    let input = format!("{}, sent by {name} to {count} receivers that offered, {least:.1} a second", recording::WHAT);
    report.add(&Line::value(named(&format!("cpu_{name}"), count, "s_per_min"), "s/min", spent.per_minute(), &input))?;
    let input = format!("{input}; {:.1} MB of it heap and stacks", megabytes(heap_kb(sender.pid()?)?));
    let resident = megabytes(resident_kb(sender.pid()?)?);
    report.add(&Line::value(named(&format!("rss_{name}"), count, "mb"), "MB", resident, input))
}

/// The programs of a folder, by name.
fn executables(folder: &Path) -> Result<Vec<PathBuf>> {
    use std::os::unix::fs::PermissionsExt as _;
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path().canonicalize()?;
        let metadata = path.metadata()?;
        if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name_of(program: &Path) -> String {
    program.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A running program, and the two lines that each receiver costs.
struct Sender {
    process: Child,
    offers: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Sender {
    fn start(program: &Path, recording: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg(recording).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let offers = process.stdin.take().context("its standard input")?;
        let answers = BufReader::new(process.stdout.take().context("its standard output")?).lines();
        Ok(Self { process, offers, answers })
    }

    fn pid(&self) -> Result<u32> {
        self.process.id().context("it has ended")
    }

    async fn receiver(&mut self) -> Result<PictureCount> {
        let offering = Offering::new().await?;
        let line = serde_json::to_string(&OfferLine { offer: &offering.sdp })?;
        self.offers.write_all(format!("{line}\n").as_bytes()).await.context("writing the offer")?;
        let answer =
            tokio::time::timeout(PATIENCE, self.answers.next_line()).await.context("waiting for its answer")?;
        let answer = answer.context("reading its answer")?.context("it ended instead of answering")?;
        let AnswerLine { answer } =
            serde_json::from_str(&answer).with_context(|| format!("reading its answer {answer}"))?;
        offering.receive(&answer)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn what_is_executable_in_the_folder_is_a_peer() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("README"), "no program").unwrap();
        let found = [program(folder.path(), "b.sh", ""), program(folder.path(), "a", "")];
        let names: Vec<_> = executables(folder.path()).unwrap().iter().map(|path| name_of(path)).collect();
        assert_eq!((names, found.len()), (vec!["a".to_owned(), "b".to_owned()], 2));
    }

    #[tokio::test]
    async fn an_offer_is_a_line_and_so_is_its_answer() {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"read line; case "$line" in '{"offer":"v=0'*'a=candidate'*) echo '{"answer":"v=0"}';; esac"#;
        let mut sender = Sender::start(&program(folder.path(), "sender", script), Path::new("recording")).unwrap();
        let error = sender.receiver().await.unwrap_err();
        assert!(format!("{error:#}").contains("the answer"), "{error:#}");
        let mut silent = Sender::start(&program(folder.path(), "silent", "exit 0"), Path::new("recording")).unwrap();
        let error = silent.receiver().await.unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains("ended instead of answering") || said.contains("writing the offer"), "{said}");
    }
}
