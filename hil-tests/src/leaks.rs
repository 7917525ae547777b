//! What a daemon holds, and what of it is left after a call.

use std::fs;

use anyhow::{Context, Result};

use crate::device::{Resources, Status};

/// What a daemon holds at one moment, by its own account and by the kernel's.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pipelines: u64,
    peers: u64,
    threads: Vec<String>,
    handles: Vec<String>,
}

impl Held {
    /// What the daemon of this status holds.
    ///
    /// # Errors
    /// When its process is gone.
    pub fn by(status: &Status) -> Result<Self> {
        let (threads, handles) = of_process(status.pid)?;
        let Resources { pipelines, peers, .. } = status.resources;
        Ok(Self { pipelines, peers, threads, handles })
    }

    /// What the daemon of this status holds on another computer, where its threads and handles were listed.
    pub fn elsewhere(status: &Status, threads: Vec<String>, handles: Vec<String>) -> Self {
        let Resources { pipelines, peers, .. } = status.resources;
        Self { pipelines, peers, threads, handles }
    }

    /// What is held here and was not held in `baseline`, a sentence each.
    pub fn beyond(&self, baseline: &Self) -> Vec<String> {
        let mut left = Vec::new();
        if self.pipelines > baseline.pipelines {
            left.push(format!("{} pipelines, {} at the start", self.pipelines, baseline.pipelines));
        }
        if self.peers > baseline.peers {
            left.push(format!("{} peers, {} at the start", self.peers, baseline.peers));
        }
        let kinds = [("sockets", true), ("other handles", false)];
        for (kind, socket) in kinds {
            let pick = |all: &[String]| all.iter().filter(|h| h.starts_with("socket") == socket).cloned().collect();
            let (now, before): (Vec<_>, Vec<_>) = (pick(&self.handles), pick(&baseline.handles));
            more(kind, &now, &before, &mut left);
        }
        more("threads", &self.threads, &baseline.threads, &mut left);
        left
    }
}

fn more(kind: &str, now: &[String], before: &[String], left: &mut Vec<String>) {
    if now.len() <= before.len() {
        return;
    }
    // Which ones are new is only a hint, as numbers and names are used again.
    let mut unmatched: Vec<_> = before.iter().collect();
    let new = now.iter().filter(|name| match unmatched.iter().position(|other| other == name) {
        Some(place) => {
            unmatched.swap_remove(place);
            false
        }
        None => true,
    });
    let new: Vec<_> = new.map(String::as_str).collect();
    left.push(format!("{} {kind}, {} at the start; new: {}", now.len(), before.len(), new.join(", ")));
}

/// The names of the threads and the targets of the open handles of a process.
fn of_process(pid: u32) -> Result<(Vec<String>, Vec<String>)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.with_context(|| format!("reading the threads of process {pid}"))?;
    let threads = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let handles = fs::read_dir(format!("/proc/{pid}/fd"));
    let handles = handles.with_context(|| format!("reading the handles of process {pid}"))?;
    let handles = handles.flatten().filter_map(|handle| fs::read_link(handle.path()).ok());
    Ok((
        threads.map(|name| name.trim().to_owned()).collect(),
        handles.map(|target| target.to_string_lossy().into_owned()).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(threads: &[&str], handles: &[&str]) -> Held {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Held { pipelines: 0, peers: 0, threads: owned(threads), handles: owned(handles) }
    }

    #[test]
    fn what_is_left_is_named() {
        let before = held(&["main"], &["socket:[1]", "/dev/null"]);
        let after = held(&["main", "encoder"], &["socket:[2]", "/dev/null", "/dev/video0"]);
        let left = after.beyond(&before).join("\n");
        assert!(left.contains("encoder") && left.contains("/dev/video0"), "{left}");
        assert!(!left.contains("sockets"), "{left}");
        assert!(before.beyond(&after).is_empty());
    }

    #[test]
    fn the_kernel_knows_our_own_handles() {
        let (threads, handles) = of_process(std::process::id()).unwrap();
        assert!(!threads.is_empty() && handles.len() > 2);
    }
}
