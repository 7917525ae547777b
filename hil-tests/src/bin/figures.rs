//! Prints Doorway's figures, one JSON line each: `figures [--quick] [GROUP…]`.
//!
//! Without a group all are measured. `--quick` shows in a minute that the measurements work; its figures are marked
//! and are not for publishing. `figures --fill FIGURES DOCUMENT` puts a run's figures into a document's tables.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use hil_tests::case::block_on;
use hil_tests::figures::{Effort, Group, Report, fill};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, figures, document] = arguments.as_slice()
        && option == "--fill"
    {
        return match fill_in(Path::new(figures), Path::new(document)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("figures: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let effort = if arguments.iter().any(|argument| argument == "--quick") { Effort::Quick } else { Effort::Full };
    let mut groups = Vec::new();
    for argument in arguments.iter().filter(|argument| *argument != "--quick") {
        match Group::ALL.into_iter().find(|group| group.name() == argument) {
            Some(group) => groups.push(group),
            None => {
                let known: Vec<_> = Group::ALL.iter().map(|group| group.name()).collect();
                eprintln!("figures: there is no group {argument:?}; known are {}", known.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    if groups.is_empty() {
        groups.extend(Group::ALL);
    }
    let mut report = match Report::new(effort == Effort::Quick) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("figures: {error:#}");
            return ExitCode::from(2);
        }
    };
    // A group that fails does not take the others with it; the exit code tells that something is missing.
    let mut failed = false;
    for group in groups {
        if let Err(error) = block_on(group.measure(&mut report, effort)) {
            eprintln!("figures: {} failed: {error:?}", group.name());
            failed = true;
        }
    }
    ExitCode::from(u8::from(failed))
}

fn fill_in(figures: &Path, document: &Path) -> Result<()> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let filled = fill(&read(document)?, &read(figures)?)?;
    fs::write(document, filled).with_context(|| format!("writing {}", document.display()))
}
