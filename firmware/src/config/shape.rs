//! From text to tables and keys: what is no TOML, which keys there are not, and which values are of another kind.
//!
//! The parser stops at the first mistake. So what it does not take is blanked out, character by character so that all
//! else keeps its place, and it is asked again.

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::error::ConfigError;
use super::raw;

const REMEDY: &str = "compare with the documented file; every key with its unit stands there";

/// A file as it is written, and what of it could not be taken.
pub(super) struct Shape {
    pub(super) file: raw::File,
    pub(super) mistakes: Vec<ConfigError>,
    /// Where they are.
    spans: Vec<Range<usize>>,
}

/// Reads what can be read.
pub(super) fn read(path: &Path, text: &str) -> Shape {
    let (_, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What the rest means is anybody's guess.
        let mistakes = errors.iter().map(|error| mistake(path, text, error)).collect();
        return Shape { file: raw::File::default(), mistakes, spans: Vec::new() };
    }
    let mut shape = Shape { file: raw::File::default(), mistakes: Vec::new(), spans: Vec::new() };
    let mut rest = text.to_owned();
    loop {
        match toml::from_str(&rest) {
            Ok(file) => {
                shape.file = file;
                return shape;
            }
            Err(error) => {
                let span = error.span();
                shape.mistakes.push(mistake(path, text, &error));
                shape.spans.push(span.clone().unwrap_or(0..text.len()));
                let without = span.and_then(|span| without(&rest, &span));
                // A value over several lines, of which some are left now: the file has been read as far as it can be.
                let Some(without) = without.filter(|without| DeTable::parse(without).is_ok()) else { return shape };
                rest = without;
            }
        }
    }
}

impl Shape {
    /// Whether what is at `offset` of `text`, or in no place at all, can be judged: there is no other mistake in its
    /// table that it may follow from.
    pub(super) fn is_sound(&self, text: &str, offset: Option<usize>) -> bool {
        match offset {
            Some(offset) => self.spans.iter().all(|span| table_at(text, span.start) != table_at(text, offset)),
            None => self.spans.is_empty(),
        }
    }
}

fn mistake(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::at(path, text, error.span(), error.message().to_owned(), REMEDY)
}

/// `text` with the lines of `span` blanked out, and if it is a table's head, with all of that table. `None` when that
/// changes nothing.
fn without(text: &str, span: &Range<usize>) -> Option<String> {
    let start = text[..span.start].rfind('\n').map_or(0, |before| before + 1);
    let end_of = |line: usize| text[line..].find('\n').map_or(text.len(), |length| line + length);
    let mut end = end_of(span.end.max(start));
    if text[start..].trim_start().starts_with('[') {
        while end < text.len() && !text[end + 1..].trim_start_matches(' ').starts_with('[') {
            end = end_of(end + 1);
        }
    }
    let blank = |c: char| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) };
    let blanked: String = text[start..end].chars().map(blank).collect();
    (blanked != text[start..end]).then(|| format!("{}{blanked}{}", &text[..start], &text[end..]))
}

/// The first part of the name of the table that a place belongs to.
fn table_at(text: &str, offset: usize) -> &str {
    let line_end = text[offset..].find('\n').map_or(text.len(), |length| offset + length);
    let head = text[..line_end].lines().rfind(|line| line.trim_start().starts_with('['));
    let name = head.unwrap_or_default().trim_start().trim_start_matches('[');
    name.split(['.', ']']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blanked_leaves_everything_else_in_its_place() {
        let text = "[a]\nkey = \"門\"\n[[b]]\n  x = 1\ny = 2\n[c]\n";
        assert_eq!(without(text, &(4..7)).unwrap(), "[a]\n           \n[[b]]\n  x = 1\ny = 2\n[c]\n");
        let head = text.find("[[b]]").unwrap();
        assert_eq!(without(text, &(head..head + 5)).unwrap(), "[a]\nkey = \"門\"\n     \n       \n     \n[c]\n");
        assert_eq!(without("   \n", &(0..1)), None);
    }

    #[test]
    fn a_place_has_its_table() {
        let text = "x = 1\n[a]\nkey = 1\n[[b.c]]\n y = 2";
        let at = |part: &str| table_at(text, text.find(part).unwrap());
        assert_eq!([at("x ="), at("[a]"), at("key"), at("y = 2")], ["", "a", "a", "b"]);
    }
}
