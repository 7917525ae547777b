//! Puts measured figures into the tables of a document, so that it never tells others than were measured.
//!
//! A table's row that begins with a figure's name in backquotes has its values in the cells behind: the value with its unit, or
//! p50, p95 and n. All other cells and all prose stay. The commit stands behind `Commit: `.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Deserialize)]
struct Measured {
    figure: String,
    unit: String,
    value: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    n: Option<usize>,
    commit: String,
    quick: bool,
}

impl Measured {
    /// The cells behind the name.
    fn cells(&self) -> Result<Vec<String>> {
        match (self.value, self.p50, self.p95, self.n) {
            (Some(value), ..) => Ok(vec![format!("{} {}", short(value), self.unit)]),
            (None, Some(p50), Some(p95), Some(n)) => Ok(vec![short(p50), short(p95), n.to_string()]),
            (None, ..) => bail!("{} has neither a value nor a spread", self.figure),
        }
    }
}

/// The document with the figures of `lines`, which are one JSON object each, as `figures` prints them.
///
/// # Errors
/// When a row names a figure that was not measured, or the lines are of a quick run or of several commits.
pub fn fill(document: &str, lines: &str) -> Result<String> {
    let measured: Result<Vec<Measured>, _> = lines.lines().map(serde_json::from_str).collect();
    let measured = measured.context("reading the figures")?;
    let commit = &measured.first().context("there are no figures")?.commit;
    if let Some(other) = measured.iter().find(|one| one.commit != *commit || one.quick || one.commit.contains("dirty"))
    {
        bail!("{} is of commit {}{}", other.figure, other.commit, if other.quick { ", of a quick run" } else { "" });
    }
    let by_name: BTreeMap<&str, &Measured> = measured.iter().map(|one| (one.figure.as_str(), one)).collect();
    let mut filled = String::new();
    for line in document.lines() {
        if let Some(name) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` |")).map(|(name, _)| name) {
            let one = by_name.get(name).with_context(|| format!("{name} was not measured"))?;
            let mut cells: Vec<String> = line.split('|').map(str::to_owned).collect();
            for (cell, text) in cells.iter_mut().skip(2).zip(one.cells()?) {
                *cell = format!(" {text} ");
            }
            filled.push_str(&cells.join("|"));
        } else if line.starts_with("Commit: ") {
            filled.push_str(&format!("Commit: {commit}"));
        } else {
            filled.push_str(line);
        }
        filled.push('\n');
    }
    Ok(filled)
}

/// Three digits that mean something, as a person would round.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"figure":"a_mb","unit":"MB","value":13.727,"commit":"abc","quick":false,"input":""}
{"figure":"b_ms","unit":"ms","p50":5.25,"p95":104.6,"n":40,"commit":"abc","quick":false,"input":""}"#;
    const DOCUMENT: &str =
        "Text.\nCommit: old\n| figure | value | bar |\n| `a_mb` | 1 MB | ≤ 20 |\n| `b_ms` | – | – | – | ≤ 9 | why |\n";

    #[test]
    fn rows_get_what_was_measured_and_keep_the_rest() {
        let filled = "Text.\nCommit: abc\n| figure | value | bar |\n| `a_mb` | 13.7 MB | ≤ 20 |\n| `b_ms` | 5.25 | 105 | 40 | ≤ 9 | why |\n";
        assert_eq!(fill(DOCUMENT, LINES).unwrap(), filled);
        assert_eq!(fill(filled, LINES).unwrap(), filled);
    }

    #[test]
    fn a_row_without_a_measurement_and_runs_that_do_not_count_are_refused() {
        let told = |lines: &str| format!("{:#}", fill(DOCUMENT, lines).unwrap_err());
        assert!(told(LINES.lines().next().unwrap()).contains("b_ms was not measured"));
        assert!(told(&LINES.replacen("abc", "def", 1)).contains("commit"));
        assert!(told(&LINES.replace("false", "true")).contains("quick"));
        assert!(told(&LINES.replace("abc", "abc-dirty")).contains("dirty"));
    }
}
