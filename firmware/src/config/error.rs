//! What is wrong with a configuration, where, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The keys whose values nobody is shown.
const SECRETS: [&str; 2] = ["secret", "passphrase"];

/// One mistake: `FILE:LINE:COLUMN: what is wrong`, the line, and a remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    position: Option<(usize, usize)>,
    line: Option<String>,
    message: String,
    remedy: String,
}

impl ConfigError {
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        Self {
            file: file.to_owned(),
            position: None,
            line: None,
            message: format!("can't be read: {error}"),
            remedy: "name another file with --config, or copy the documented one from the package".into(),
        }
    }

    /// A mistake of the file as a whole.
    pub(crate) fn whole(file: &Path, message: String, remedy: &str) -> Self {
        Self { file: file.to_owned(), position: None, line: None, message, remedy: remedy.into() }
    }

    /// The same mistake in a text in which the lines have other numbers; of a line that it does not have, of the whole.
    pub(crate) fn moved(mut self, text: &str, number_of: impl Fn(usize) -> Option<usize>) -> Self {
        self.position = self.position.and_then(|(line, column)| Some((number_of(line)?, column)));
        // The line may be none of this text's.
        let line = self.position.and_then(|(line, _)| text.lines().nth(line - 1));
        self.line = self.line.filter(|shown| line.is_some_and(|line| line.trim_end() == shown));
        self
    }

    pub(super) fn at(file: &Path, text: &str, span: Option<Range<usize>>, message: String, remedy: &str) -> Self {
        let position = span.map(|span| position(text, span.start));
        let line = position.and_then(|(line, _)| text.lines().nth(line - 1)).map(str::trim_end);
        // A secret is shown to nobody, the journal included; the parser's own words may quote it.
        let secret = line.is_some_and(|line| SECRETS.iter().any(|key| line.contains(key)));
        let quotes = secret && message.contains("invalid type");
        Self {
            file: file.to_owned(),
            position,
            line: line.filter(|_| !secret).map(str::to_owned),
            message: if quotes { "a secret or passphrase is a text between quotation marks".into() } else { message },
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(line), Some((number, _))) = (&self.line, self.position) {
            write!(f, "\n  {number} | {line}")?;
        }
        write!(f, "\n  remedy: {}", self.remedy)
    }
}

impl std::error::Error for ConfigError {}

/// The line and column, both from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}
