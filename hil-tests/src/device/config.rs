//! The configuration that a device is started with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

/// The daemon's configuration file, as the cases want it, with single keys changed by [`Config::with`].
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    table: Table,
}

impl Default for Config {
    /// A simulated board, a small test picture that a loaded machine can encode, a 440 Hz tone, loopback only.
    fn default() -> Self {
        let text = r#"
            station = { id = "front-door", name = "Front door" }
            board = { description = "simulated" }
            button = [{ id = "call", label = "Front door" }]
            door = [{ id = "door", label = "Front door", pulse = "1 s" }]
            call = { ring_timeout = "30 s", max_duration = "3 min", watch_limit = "3 min" }
            video = { source = "test", size = "640x360", rate = 30 }
            sound = { source = "test", tone_hz = 440 }
            network = { interfaces = ["lo"] }
        "#;
        Self { table: text.parse().expect("the text above is TOML") }
    }
}

impl Config {
    /// Sets one key, such as `video.source`; tables on the way are made.
    ///
    /// # Panics
    /// When a part of the path is a value already, which is a mistake in the case.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let mut parts: Vec<_> = path.split('.').collect();
        let key = parts.pop().expect("split yields at least one part");
        let mut table = &mut self.table;
        for part in parts {
            let entry = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
            table = entry.as_table_mut().unwrap_or_else(|| panic!("{part} in {path} is no table"));
        }
        table.insert(key.to_owned(), value.into());
        self
    }

    /// Reads a configuration file's text.
    ///
    /// # Errors
    /// When it is no TOML.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self { table: text.parse().context("reading the configuration")? })
    }

    /// The text of the file.
    ///
    /// # Errors
    /// When TOML can't express it.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(&self.table).context("writing the configuration as TOML")
    }

    /// The text at `path`, such as `station.id`.
    pub fn text(&self, path: &str) -> Option<&str> {
        path.split('.')
            .try_fold(None, |value: Option<&Value>, part| match value {
                None => self.table.get(part).map(Some),
                Some(value) => value.get(part).map(Some),
            })??
            .as_str()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_text()?).with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_where_its_path_says() {
        let config = Config::default().with("video.source", "v4l2").with("simulate.network.loss_percent", 5.0);
        assert_eq!(config.text("video.source"), Some("v4l2"));
        assert_eq!(config.text("video.size"), Some("640x360"));
        assert_eq!(config.text("video.nothing"), None);
        let text = config.to_text().unwrap();
        assert_eq!(Config::parse(&text).unwrap(), config);
        assert!(text.contains("[simulate.network]\nloss_percent = 5.0"), "{text}");
    }
}
