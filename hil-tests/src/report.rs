//! What a run of the suite leaves for people and for other programs: JUnit XML and one HTML page.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite, XmlString};

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Passed,
    /// Otherwise: why, and what the device logged.
    Failed {
        /// What was expected and seen.
        reason: String,
        /// The end of the device's journal.
        journal: String,
    },
    /// It was not tried.
    Ignored {
        /// Why not.
        reason: String,
    },
}

/// A number that a case measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is, such as `restore_s`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// One case of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The file that it stands in.
    pub topic: String,
    /// Its name, a sentence with underscores.
    pub name: String,
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub took: Duration,
    /// What it measured.
    pub figures: Vec<Figure>,
    /// Pictures of the page, in the report's folder.
    pub pictures: Vec<PathBuf>,
}

/// Writes `junit.xml` and `index.html` into `folder`; returns the page's path.
///
/// # Errors
/// When the folder can't be written.
pub fn write(folder: &Path, device: &str, outcomes: &[Outcome]) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let junit = junit(device, outcomes).to_string().context("writing JUnit XML")?;
    fs::write(folder.join("junit.xml"), junit).context("writing junit.xml")?;
    let page = folder.join("index.html");
    fs::write(&page, html(device, outcomes)).context("writing index.html")?;
    Ok(page)
}

fn junit(device: &str, outcomes: &[Outcome]) -> JUnit {
    let mut report = JUnit::new(format!("Doorway on {device}"));
    let mut suites: Vec<TestSuite> = Vec::new();
    for outcome in outcomes {
        let status = match &outcome.ending {
            Ending::Passed => TestCaseStatus::success(),
            Ending::Failed { reason, .. } => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(reason.clone());
                status
            }
            Ending::Ignored { reason } => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(reason.clone());
                status
            }
        };
        let mut case = TestCase::new(outcome.name.clone(), status);
        case.set_classname(outcome.topic.clone()).set_time(outcome.took);
        for figure in &outcome.figures {
            case.add_property((figure.name.clone(), format!("{} {}", figure.value, figure.unit)));
        }
        if let Ending::Failed { journal, .. } = &outcome.ending {
            case.set_system_out(XmlString::new(journal));
        }
        match suites.iter_mut().find(|suite| suite.name.as_str() == outcome.topic) {
            Some(suite) => _ = suite.add_test_case(case),
            None => {
                let mut suite = TestSuite::new(outcome.topic.clone());
                suite.add_test_case(case);
                suites.push(suite);
            }
        }
    }
    report.add_test_suites(suites);
    report
}

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884;vertical-align:top}td:last-child{white-space:nowrap}\
.passed{color:#1a7f37}.failed{color:#cf222e}.ignored{color:#8a6d00}pre{overflow:auto;font-size:.8rem;padding:.6rem;\
background:#8881;border-radius:.4rem}img{max-height:24rem;border-radius:.5rem;margin:.5rem .5rem 0 0}small{opacity:.7}";

fn html(device: &str, outcomes: &[Outcome]) -> String {
    let count = |matches: fn(&Ending) -> bool| outcomes.iter().filter(|outcome| matches(&outcome.ending)).count();
    let passed = count(|ending| matches!(ending, Ending::Passed));
    let failed = count(|ending| matches!(ending, Ending::Failed { .. }));
    let ignored = count(|ending| matches!(ending, Ending::Ignored { .. }));
    let took: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Doorway on {0}</title><style>{STYLE}</style><h1>Doorway on {0}</h1>\
         <p>{passed} passed, {failed} failed, {ignored} ignored, in {took:.0?}.</p>",
        escape(device)
    );
    let mut topic = "";
    for outcome in outcomes {
        if outcome.topic != topic {
            if !topic.is_empty() {
                page.push_str("</table>");
            }
            topic = &outcome.topic;
            let _ = write!(page, "<h2>{}</h2><table>", escape(topic));
        }
        let (class, word, reason) = match &outcome.ending {
            Ending::Passed => ("passed", "passed", ""),
            Ending::Failed { reason, .. } => ("failed", "failed", reason.as_str()),
            Ending::Ignored { reason } => ("ignored", "ignored", reason.as_str()),
        };
        let _ = write!(page, "<tr><td class=\"{class}\">{word}<td>{}", escape(&outcome.name.replace('_', " ")));
        if !reason.is_empty() {
            let _ = write!(page, "<br><small>{}</small>", escape(reason));
        }
        for Figure { name, value, unit } in &outcome.figures {
            // What has no unit is a count.
            let decimals = if unit.is_empty() { 0 } else { 3 };
            let _ = write!(page, "<br><small>{} {value:.decimals$} {}</small>", escape(name), escape(unit));
        }
        for picture in &outcome.pictures {
            let source = escape(&picture.to_string_lossy());
            let _ = write!(page, "<br><img src=\"{source}\" alt=\"what the page showed\">");
        }
        if let Ending::Failed { journal, .. } = &outcome.ending {
            let _ = write!(page, "<details><summary>journal</summary><pre>{}</pre></details>", escape(journal));
        }
        let _ = write!(page, "<td>{:.1} s", outcome.took.as_secs_f64());
    }
    page.push_str("</table></html>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let outcome = |name: &str, ending| Outcome {
            topic: "call".into(),
            name: name.into(),
            ending,
            took: Duration::from_millis(1500),
            figures: vec![Figure { name: "pulse".into(), value: 3.001, unit: "s".into() }],
            pictures: vec!["ringing.png".into()],
        };
        vec![
            outcome("it_rings", Ending::Passed),
            outcome("it_talks", Ending::Failed { reason: "a < b".into(), journal: "Jan 1 <oops> \u{1b}[31m".into() }),
            outcome("it_flies", Ending::Ignored { reason: "no wings".into() }),
        ]
    }

    #[test]
    fn people_find_every_case_with_its_reason() {
        let page = html("a board", &outcomes());
        for expected in
            ["1 passed, 1 failed, 1 ignored", "it talks", "a &lt; b", "&lt;oops&gt;", "no wings", "pulse 3.001 s"]
        {
            assert!(page.contains(expected), "no {expected} in {page}");
        }
    }

    #[test]
    fn programs_find_every_case_with_its_reason() {
        let text = junit("a board", &outcomes()).to_string().unwrap();
        for expected in ["tests=\"3\"", "failures=\"1\"", "skipped", "it_talks", "no wings", "1.500"] {
            assert!(text.contains(expected), "no {expected} in {text}");
        }
    }
}
