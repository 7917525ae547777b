//! The lines that are printed, and what each of them ran on.

use std::fs;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::browser::Latency;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    figure: String,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p95: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<usize>,
    /// What was measured with what, in a sentence.
    input: String,
}

impl Line {
    /// A single value.
    pub fn value(figure: impl Into<String>, unit: &'static str, value: f64, input: impl Into<String>) -> Self {
        let value = Some(rounded(value));
        Self { figure: figure.into(), unit, value, p50: None, p95: None, n: None, input: input.into() }
    }

    /// The spread of a latency.
    pub fn spread(figure: impl Into<String>, latency: &Latency, input: impl Into<String>) -> Self {
        Self {
            figure: figure.into(),
            unit: "ms",
            value: None,
            p50: Some(rounded(latency.percentile(50.0))),
            p95: Some(rounded(latency.percentile(95.0))),
            n: Some(latency.count()),
            input: input.into(),
        }
    }
}

/// Where the lines go.
#[derive(Debug)]
pub struct Report {
    ran_on: RanOn,
}

#[derive(Debug, Clone, Serialize)]
struct RanOn {
    commit: String,
    profile: String,
    machine: String,
    quick: bool,
}

#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    line: &'a Line,
    #[serde(flatten)]
    ran_on: &'a RanOn,
}

impl Report {
    /// Finds out what the figures run on.
    ///
    /// # Errors
    /// When the folder of this program can't be found.
    pub fn new(quick: bool) -> Result<Self> {
        // What is measured was built into the folder of this program, which cargo names after the profile.
        let this = std::env::current_exe().context("finding the folder of this program")?;
        let profile = this.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        let ran_on =
            RanOn { commit: checked_out(), profile: profile.to_string_lossy().into_owned(), machine: machine(), quick };
        Ok(Self { ran_on })
    }

    /// Notes the commit that the daemon tells; one that does not know it leaves what is checked out.
    pub fn built_from(&mut self, commit: &str) {
        if !commit.is_empty() && commit != "unknown" {
            commit.clone_into(&mut self.ran_on.commit);
        }
    }

    /// Prints a figure at once: what was measured stays measured when a later figure fails.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn add(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(&Printed { line, ran_on: &self.ran_on }).context("writing a figure")?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).context("printing a figure")
    }
}

/// Tells on standard error what is being done.
pub(super) fn progress(text: &str) {
    eprintln!("figures: {text}");
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The commit that lies in the folder of the sources, with `-dirty` when files differ from it.
fn checked_out() -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let answer = git.output().ok().filter(|output| output.status.success());
    answer.map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let cpu = field("Model").or_else(|| field("model name")).unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kb = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let memory_kb = memory_kb.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{cpu}, {cores} cores, {:.0} GB, Linux {}, load {} at the start",
        memory_kb.unwrap_or_default() as f64 / 1024.0 / 1024.0,
        kernel.trim(),
        load.split_whitespace().next().unwrap_or("unknown"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_figure_and_what_it_ran_on() {
        let ran_on = RanOn { commit: "abc".into(), profile: "release".into(), machine: machine(), quick: false };
        let latency = Latency::of(vec![1.0, 2.0, 3.0]).unwrap();
        let line = Line::spread("press_to_ring_ms", &latency, "three presses");
        let value = serde_json::to_value(Printed { line: &line, ran_on: &ran_on }).unwrap();
        assert_eq!(value["figure"], "press_to_ring_ms");
        assert_eq!((&value["p50"], &value["n"]), (&serde_json::json!(2.0), &serde_json::json!(3)));
        assert!(value.get("value").is_none() && value["machine"].as_str().unwrap().contains("cores"));
    }
}
