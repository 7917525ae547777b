//! A child process that can't outlive its case: its log in a file, its end observed, its descendants known.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::os;

/// A running child; dropping it kills it and everything that it started.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    exited: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; what it prints goes to `log`, appended.
    ///
    /// # Errors
    /// When the program can't be started or the log can't be opened.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let out = File::options().create(true).append(true).open(log);
        let out = out.with_context(|| format!("opening the log {}", log.display()))?;
        let err = out.try_clone().context("duplicating the log's handle")?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        os::bind_to_us(&mut command);
        let child = command.spawn().with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), exited: None })
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it printed so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the operating system can't tell.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        if self.exited.is_none() {
            self.exited = self.child.try_wait().with_context(|| format!("asking for the end of {}", self.name))?;
        }
        Ok(self.exited)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("{} (process {}) still runs after {within:.1?}", self.name, self.pid());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end (`SIGTERM`) and waits.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.exited()? {
            return Ok(status);
        }
        os::signal(self.pid(), libc::SIGTERM).with_context(|| format!("asking {} to end", self.name))?;
        self.wait(within)
    }

    /// Kills it and all that it started, without a word of warning.
    ///
    /// # Errors
    /// When it survives that.
    pub fn kill(&mut self) -> Result<()> {
        if self.exited()?.is_some() {
            return Ok(());
        }
        let family = descendants(self.pid());
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.wait(Duration::from_secs(5))?;
        for pid in family {
            // Most are gone already, as their parent was their reason to live.
            let _gone = os::signal(pid, libc::SIGKILL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{} was left behind: {error:#}", self.name);
        }
    }
}

/// The processes that `pid` started, and those that these started.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(parent) = parent_of(child) {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// CPU time that each running thread of `pid` used so far, to the nanosecond, by the thread's name; threads of one name are
/// summed.
///
/// # Errors
/// When there is no such process, or its kernel has no `schedstat`.
pub fn cpu_time_by_thread(pid: u32) -> Result<BTreeMap<String, Duration>> {
    let mut threads = BTreeMap::new();
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    for task in tasks.with_context(|| format!("listing the threads of process {pid}"))?.flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default().trim().to_owned();
        // A thread that ended since it was listed has no file any more.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let time = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
        *threads.entry(name).or_default() += time.map(Duration::from_nanos).context("reading a schedstat")?;
    }
    ensure!(!threads.is_empty(), "the kernel has no /proc/PID/task/TID/schedstat (CONFIG_SCHED_INFO)");
    Ok(threads)
}

/// Memory of `pid` that is in RAM, in KiB.
///
/// # Errors
/// When there is no such process.
pub fn resident_kb(pid: u32) -> Result<u64> {
    memory_kb(pid, "VmRSS:")
}

/// The heap and the stacks of `pid` in RAM, in KiB: what of [`resident_kb`] is neither program nor library.
///
/// # Errors
/// When there is no such process.
pub fn heap_kb(pid: u32) -> Result<u64> {
    memory_kb(pid, "RssAnon:")
}

fn memory_kb(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.with_context(|| format!("reading the memory of process {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("finding {field}"))?;
    line.trim().trim_end_matches(" kB").parse().with_context(|| format!("reading {field} {line:?}"))
}

/// Raises the limit of open files for this process and those it starts from now on, and returns it.
///
/// # Errors
/// When the limit can't be read.
pub fn raise_open_files() -> Result<u64> {
    os::raise_open_files().context("raising the limit of open files (RLIMIT_NOFILE)")
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// The fields of `/proc/PID/stat` from the third (the state) on.
fn stat(pid: u32) -> Option<Vec<String>> {
    fields(Path::new(&format!("/proc/{pid}/stat")))
}

fn fields(stat: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(stat).ok()?;
    // The name is in parentheses and may itself have some.
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, log: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("shell", command, log).unwrap()
    }

    #[test]
    fn dropping_a_process_takes_its_children_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let process = shell("sleep 60 & sleep 60 & wait", &log);
        let deadline = Instant::now() + Duration::from_secs(5);
        let family = loop {
            let family = descendants(process.pid());
            if family.len() == 2 {
                break family;
            }
            assert!(Instant::now() < deadline, "{family:?}");
        };
        drop(process);
        // A killed orphan stays a zombie until init has collected it.
        let alive = |pid: &&u32| stat(**pid).is_some_and(|fields| fields[0] != "Z");
        while let Some(left) = family.iter().find(alive) {
            assert!(Instant::now() < deadline, "process {left} is left");
        }
    }

    #[test]
    fn what_it_printed_and_how_it_ended_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = shell("echo to out; echo to err >&2; exit 3", &folder.path().join("log"));
        assert_eq!(process.wait(Duration::from_secs(5)).unwrap().code(), Some(3));
        assert!(process.log().contains("to out") && process.log().contains("to err"));
    }

    #[test]
    fn cpu_time_and_memory_of_a_process_are_read() {
        let us = std::process::id();
        let used = || cpu_time_by_thread(us).unwrap().values().sum::<Duration>();
        let before = used();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {}
        assert!(used() > before + Duration::from_millis(50));
        let heap = heap_kb(us).unwrap();
        assert!(heap > 100 && resident_kb(us).unwrap() > heap);
    }
}
