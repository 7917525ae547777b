//! The agent's side: does what is asked on the computer that it runs on.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::lines::Line;
use super::{Ask, Change, Request, Response, Step, Tell, VERSION, Wiring};
use crate::os;

/// How often watched lines are read: a tenth of what a pulse may be off.
const WATCH_PERIOD: Duration = Duration::from_micros(500);
/// Changes that are kept; beyond that a test has forgotten to stop, and the oldest stay.
const MAX_CHANGES: usize = 10_000;
/// How long an HTTP answer may take.
const HTTP_PATIENCE: Duration = Duration::from_secs(10);

/// Answers what comes in over `input` until it ends.
///
/// # Errors
/// When the other end can't be read.
pub fn serve(input: impl BufRead, output: impl Write + Send + 'static) -> Result<()> {
    let output = Arc::new(Mutex::new(output));
    let bench = Arc::new(Bench::default());
    for line in input.lines() {
        let line = line.context("reading a request")?;
        let Ok(Request { id, what }) = serde_json::from_str(&line) else {
            // Half a line is what a test that was killed leaves behind.
            continue;
        };
        let (output, bench) = (output.clone(), bench.clone());
        let answer = move || {
            let what = bench.answer(what).unwrap_or_else(|error| Tell::Failed { message: format!("{error:#}") });
            let mut text = serde_json::to_string(&Response { id, what }).expect("answers have string keys only");
            text.push('\n');
            let mut output = lock(&output);
            // Nobody listens any more.
            let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
        };
        thread::Builder::new().name("jig".into()).spawn(answer).context("starting a thread")?;
    }
    Ok(())
}

/// What outlives a request.
#[derive(Default)]
struct Bench {
    /// What was used once stays taken: a wired contact opens when its line is given back, and nobody can take a line twice.
    lines: Mutex<HashMap<Wiring, Arc<Mutex<Line>>>>,
    changes: Arc<Mutex<Vec<Change>>>,
    /// The present watch; one that finds another number here ends.
    watch: Arc<AtomicU64>,
}

impl Bench {
    fn answer(&self, ask: Ask) -> Result<Tell> {
        match ask {
            Ask::Hello {} => Ok(Tell::Hello { version: VERSION }),
            Ask::Run { command, within_ms } => run(&command, Duration::from_millis(within_ms)),
            Ask::Read { path } => {
                let bytes = fs::read(&path).with_context(|| format!("reading {path}"))?;
                Ok(Tell::Bytes { base64: BASE64.encode(bytes) })
            }
            Ask::Write { path, base64 } => write(&path, &base64),
            Ask::Get { port, path } => get(port, &path),
            Ask::Play { line, steps } => self.play(&line, &steps),
            Ask::Watch { lines } => self.watch(lines),
            Ask::Noted {} => Ok(Tell::Changes { changes: std::mem::take(&mut *lock(&self.changes)) }),
            Ask::Level { line } => Ok(Tell::Level { active: lock(&*self.line(&line)?).is_active()? }),
            Ask::Clock { set_ns } => {
                if let Some(ns) = set_ns {
                    os::set_wall_clock(ns).context("setting the clock")?;
                }
                Ok(Tell::Clock { wall_ns: os::wall_clock_ns(), monotonic_us: os::monotonic_us() })
            }
        }
    }

    fn line(&self, wiring: &Wiring) -> Result<Arc<Mutex<Line>>> {
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.get(wiring) {
            return Ok(line.clone());
        }
        let line = Arc::new(Mutex::new(Line::find(wiring)?));
        lines.insert(wiring.clone(), line.clone());
        Ok(line)
    }

    fn play(&self, wiring: &Wiring, steps: &[Step]) -> Result<Tell> {
        let line = self.line(wiring)?;
        os::be_prompt();
        let mut due = Instant::now();
        for step in steps {
            lock(&line).set_closed(step.closed)?;
            due += Duration::from_micros(step.for_us);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(Tell::Done {})
    }

    fn watch(&self, wirings: Vec<Wiring>) -> Result<Tell> {
        let mut lines = Vec::new();
        for wiring in wirings {
            let line = self.line(&wiring)?;
            let active = lock(&line).is_active()?;
            lines.push((wiring.line, line, active));
        }
        let number = self.watch.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.changes).clear();
        if lines.is_empty() {
            return Ok(Tell::Done {});
        }
        let (changes, watch) = (self.changes.clone(), self.watch.clone());
        let note = move || {
            os::be_prompt();
            let mut due = Instant::now();
            while watch.load(Ordering::Relaxed) == number {
                for (name, line, before) in &mut lines {
                    let Ok(active) = lock(line).is_active() else { continue };
                    if active != *before {
                        *before = active;
                        let mut changes = lock(&changes);
                        if changes.len() < MAX_CHANGES {
                            changes.push(Change { line: name.clone(), active, at_us: os::monotonic_us() });
                        }
                    }
                }
                due = (due + WATCH_PERIOD).max(Instant::now());
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        };
        thread::Builder::new().name("jig-watch".into()).spawn(note).context("starting a thread")?;
        Ok(Tell::Done {})
    }
}

fn run(command: &[String], within: Duration) -> Result<Tell> {
    let Some((program, arguments)) = command.split_first() else { bail!("no command") };
    let mut child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let deadline = Instant::now() + within;
    let status = loop {
        if let Some(status) = child.try_wait().context("waiting for its end")? {
            break status;
        }
        if Instant::now() >= deadline {
            os::signal_group(child.id(), libc::SIGKILL).context("killing what takes too long")?;
            break child.wait().context("waiting for its end")?;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let text = |reader: JoinHandle<String>| reader.join().unwrap_or_default();
    Ok(Tell::Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) })
}

/// A full pipe would hold the program up.
fn read_aside(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn write(path: &str, base64: &str) -> Result<Tell> {
    let bytes = BASE64.decode(base64).context("reading base64")?;
    let part = format!("{path}.part");
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, path)).with_context(|| format!("writing {path}"))?;
    Ok(Tell::Done {})
}

/// HTTP/1.0, so that the answer ends with the connection.
fn get(port: u16, path: &str) -> Result<Tell> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connecting")?;
    stream.set_read_timeout(Some(HTTP_PATIENCE)).context("setting a timeout")?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").context("asking")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("reading the answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).context("no status code")?;
    Ok(Tell::Got { code, body: body.to_owned() })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Lines(Sender<String>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn ask(what: Ask) -> Tell {
        let (sender, answers) = channel();
        let request = serde_json::to_string(&Request { id: 7, what }).unwrap();
        serve(format!("{{\"id\":1,\"wha\n{request}\n").as_bytes(), Lines(sender)).unwrap();
        let answer: Response = serde_json::from_str(&answers.recv().unwrap()).unwrap();
        assert_eq!(answer.id, 7);
        answer.what
    }

    #[test]
    fn half_a_line_is_skipped_and_the_next_one_answered() {
        assert_eq!(ask(Ask::Hello {}), Tell::Hello { version: VERSION });
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_children() {
        let command = ["sh", "-c", "echo begun; sleep 60 & wait"].map(str::to_owned).into();
        let told = ask(Ask::Run { command, within_ms: 300 });
        assert_eq!(told, Tell::Ran { code: None, stdout: "begun\n".into(), stderr: String::new() });
    }

    #[test]
    fn a_line_that_is_not_there_is_named() {
        let Tell::Failed { message } = ask(Ask::Level { line: Wiring::high("no-such-line") }) else {
            panic!("it was found")
        };
        assert!(message.contains("no-such-line"), "{message}");
    }
}
