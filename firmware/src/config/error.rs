//! What is wrong with a configuration, where, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The keys whose values nobody is shown.
const SECRETS: [&str; 2] = ["secret", "passphrase"];

/// All mistakes of a file, in its order: `FILE:LINE:COLUMN: what is wrong`, the line, and a remedy for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    /// At least one.
    mistakes: Vec<Mistake>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    position: Option<(usize, usize)>,
    line: Option<String>,
    message: String,
    remedy: String,
}

impl ConfigError {
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let remedy = "name another file with --config, or copy the documented one from the package";
        Self::whole(file, format!("can't be read: {error}"), remedy)
    }

    /// A mistake of the file as a whole.
    pub(crate) fn whole(file: &Path, message: String, remedy: &str) -> Self {
        let mistake = Mistake { position: None, line: None, message, remedy: remedy.into() };
        Self { file: file.to_owned(), mistakes: vec![mistake] }
    }

    /// All of them as one; `None` when there are none.
    pub(crate) fn together(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let all = errors.into_iter().reduce(|mut first, other| {
            first.mistakes.extend(other.mistakes);
            first
        });
        all.map(|mut all| {
            all.mistakes.sort_by_key(|mistake| mistake.position.unwrap_or((usize::MAX, 0)));
            all
        })
    }

    /// The same mistakes in a text in which the lines have other numbers; of a line that it does not have, of the whole.
    pub(crate) fn moved(mut self, text: &str, number_of: impl Fn(usize) -> Option<usize>) -> Self {
        for mistake in &mut self.mistakes {
            mistake.position = mistake.position.and_then(|(line, column)| Some((number_of(line)?, column)));
            // The line may be none of this text's.
            let line = mistake.position.and_then(|(line, _)| text.lines().nth(line - 1));
            let is_there = |shown: &String| line.is_some_and(|line| line.trim_end() == shown);
            mistake.line = mistake.line.take().filter(is_there);
        }
        self
    }

    pub(super) fn at(file: &Path, text: &str, span: Option<Range<usize>>, message: String, remedy: &str) -> Self {
        let position = span.map(|span| position(text, span.start));
        let line = position.and_then(|(line, _)| text.lines().nth(line - 1)).map(str::trim_end);
        // A secret is shown to nobody, the journal included; the parser's own words may quote it.
        let secret = line.is_some_and(|line| SECRETS.iter().any(|key| line.contains(key)));
        let quotes = secret && message.contains("invalid type");
        let mistake = Mistake {
            position,
            line: line.filter(|_| !secret).map(str::to_owned),
            message: if quotes { "a secret or passphrase is a text between quotation marks".into() } else { message },
            remedy: remedy.into(),
        };
        Self { file: file.to_owned(), mistakes: vec![mistake] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}{mistake}", self.file.display())?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
