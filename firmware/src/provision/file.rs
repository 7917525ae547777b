//! The boot partition's `doorway.toml`: what it asks for, or what is wrong with it. Pure.
//!
//! It is a whole configuration, with a table `[device]` more. What it leaves out is as the image ships it, not as an
//! earlier file had it: whoever reads the card knows the station. A file with nothing but `[device]` leaves the
//! configuration as it is.

use std::path::Path;

use toml_edit::{DocumentMut, Item, TableLike};

use crate::config::{Config, ConfigError, Device};
use crate::run::Misfit;

/// The name that messages give the file.
pub const NAME: &str = "doorway.toml";

/// The largest file that is read.
pub const LIMIT: usize = 64 * 1024;

/// Settings of a companion inside the daemon, which a file that names one elsewhere does not have.
const OF_COMPANION_INSIDE: [&str; 7] = ["listen", "hosts", "tls", "certificate", "key", "redirect", "claim"];
/// Settings that need HTTPS, which a file that turns it off does not have.
const OF_TLS: [&str; 2] = ["redirect", "claim"];

/// What a file asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wishes {
    /// The text of the daemon's configuration, and what it says; `None` leaves the present one.
    pub config: Option<(String, Config)>,
    /// The board itself.
    pub device: Device,
    /// Whether it holds what nobody who finds the card is to read.
    pub has_secrets: bool,
}

/// Reads a file. `shipped` is the configuration that the image ships.
///
/// # Errors
/// What is wrong with it, where, and what to do.
pub fn read(bytes: &[u8], shipped: &str) -> Result<Wishes, ConfigError> {
    let path = Path::new(NAME);
    let text = decode(bytes)?;
    // First by itself: what is wrong with its syntax stands in it.
    Config::check_keys(path, &text)?;
    let mut document: DocumentMut = text.parse().map_err(|_| unreadable("is no TOML"))?;
    let has_secrets = names(&document, &["companion", "secret"]) || names(&document, &["device", "wifi", "passphrase"]);
    let is_device_only = document.iter().all(|(key, _)| key == "device");
    let mut shipped: DocumentMut = shipped.parse().unwrap_or_default();
    drop_what_does_not_go_with(&document, &mut shipped);
    add_missing(document.as_table_mut(), shipped.as_table());
    let merged = document.to_string();
    let (config, device) = Config::parse_with_device(path, &merged)
        .map_err(|error| error.moved(&text, |line| line_before(line, &merged, &text)))?;
    document.remove("device");
    let config = (!is_device_only).then(|| (document.to_string(), config));
    Ok(Wishes { config, device, has_secrets })
}

/// Whether a file that can't be read may hold secrets.
pub fn mentions_secrets(bytes: &[u8]) -> bool {
    let mentions = |key: &[u8]| bytes.windows(key.len()).any(|found| found == key);
    mentions(b"secret") || mentions(b"passphrase")
}

/// The mistakes of settings that the board does not fit to, with their places in the file.
pub fn misplaced(bytes: &[u8], misfits: Vec<Misfit>) -> ConfigError {
    let text = decode(bytes).unwrap_or_default();
    Config::misfits_in(Path::new(NAME), &text, misfits)
}

/// Text as editors on Windows write it, too: with a byte-order mark, with CR LF.
fn decode(bytes: &[u8]) -> Result<String, ConfigError> {
    if bytes.len() > LIMIT {
        return Err(unreadable("is larger than a configuration can be"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(unreadable("is saved as UTF-16"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("is not saved as UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n"))
}

fn unreadable(what: &str) -> ConfigError {
    ConfigError::whole(Path::new(NAME), what.to_owned(), "save it as plain text in UTF-8")
}

fn names(document: &DocumentMut, path: &[&str]) -> bool {
    let mut item = document.as_item();
    for key in path {
        match item.get(key) {
            Some(inner) => item = inner,
            None => return false,
        }
    }
    true
}

fn drop_what_does_not_go_with(document: &DocumentMut, shipped: &mut DocumentMut) {
    let said = |key: &str| document.get("companion").and_then(|companion| companion.get(key));
    let dropped: &[&str] = if said("connect").is_some() {
        &OF_COMPANION_INSIDE
    } else if said("tls").and_then(Item::as_str) == Some("off") {
        &OF_TLS
    } else {
        &[]
    };
    if let Some(companion) = shipped.get_mut("companion").and_then(Item::as_table_like_mut) {
        for key in dropped {
            companion.remove(key);
        }
    }
}

/// What `shipped` has and `table` has not. Lists are taken whole from either.
fn add_missing(table: &mut dyn TableLike, shipped: &dyn TableLike) {
    for (key, item) in shipped.iter() {
        match table.get_mut(key) {
            None => drop(table.insert(key, item.clone())),
            Some(present) => {
                if let (Some(present), Some(item)) = (present.as_table_like_mut(), item.as_table_like()) {
                    add_missing(present, item);
                }
            }
        }
    }
}

/// The line of `original` that is line `line` of `merged`, both from 1; `merged` has all of its lines in their order, and
/// more in between.
fn line_before(line: usize, merged: &str, original: &str) -> Option<usize> {
    let mut expected = original.lines().enumerate().peekable();
    for (index, text) in merged.lines().enumerate() {
        let found = expected.next_if(|(_, original)| *original == text);
        if index + 1 == line {
            return found.map(|(number, _)| number + 1);
        }
    }
    None
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
