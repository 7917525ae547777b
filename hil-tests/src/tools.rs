//! Where the programs are that a case starts; each missing one is an error with its remedy.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The daemon: `DOORWAYD`, or what was built beside this program.
///
/// # Errors
/// When there is none.
pub fn doorwayd() -> Result<PathBuf> {
    ours("doorwayd", "DOORWAYD")
}

/// The companion on its own: `DOORWAY_SIGNALING`, or what was built beside this program.
///
/// # Errors
/// When there is none.
pub fn doorway_signaling() -> Result<PathBuf> {
    ours("doorway-signaling", "DOORWAY_SIGNALING")
}

/// The jig's agent: `DOORWAY_JIG`, or what was built beside this program.
///
/// # Errors
/// When there is none.
pub fn jig() -> Result<PathBuf> {
    ours("jig", "DOORWAY_JIG")
}

/// The program that only encrypts and sends: `DOORWAY_BARE_SENDER`, or what was built beside this program.
///
/// # Errors
/// When there is none.
pub fn bare_sender() -> Result<PathBuf> {
    ours("bare-sender", "DOORWAY_BARE_SENDER")
}

/// Where everything goes that can be made again: `DOORWAY_CACHE`, which the Makefile sets.
///
/// # Errors
/// When there is no home folder either.
pub fn cache() -> Result<PathBuf> {
    let cache = env::var_os("DOORWAY_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache/doorway")));
    cache.context("HOME is not set")
}

/// Chromium: `CHROMIUM`, or the first of its usual names in `PATH`.
///
/// # Errors
/// When there is none.
pub fn chromium() -> Result<PathBuf> {
    foreign("CHROMIUM", &["chromium", "chromium-browser", "google-chrome", "chrome"])
}

/// Chromium's WebDriver: `CHROMEDRIVER`, or `chromedriver` in `PATH`.
///
/// # Errors
/// When there is none.
pub fn chromedriver() -> Result<PathBuf> {
    foreign("CHROMEDRIVER", &["chromedriver"])
}

/// What installs certificates for Chromium: `certutil` in `PATH`.
///
/// # Errors
/// When there is none.
pub fn certutil() -> Result<PathBuf> {
    foreign("CERTUTIL", &["certutil"])
}

/// GStreamer's command line, which makes the recordings that need no encoder later.
///
/// # Errors
/// When there is none.
pub fn gst_launch() -> Result<PathBuf> {
    foreign("GST_LAUNCH", &["gst-launch-1.0"])
}

/// Go, which builds a receiver over pion: `GO`, or `go` in `PATH`.
///
/// # Errors
/// When there is none.
pub fn go() -> Result<PathBuf> {
    foreign("GO", &["go"])
}

/// The library that gives a process a clock of its own: `FAKETIME`, or where the distribution has it.
///
/// # Errors
/// When there is none.
pub fn faketime() -> Result<PathBuf> {
    if let Some(path) = env::var_os("FAKETIME") {
        return existing(PathBuf::from(path), "FAKETIME");
    }
    let folder = format!("/usr/lib/{}-linux-gnu/faketime", env::consts::ARCH);
    existing(Path::new(&folder).join("libfaketimeMT.so.1"), "the package libfaketime, which `make test` installs,")
}

fn ours(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return existing(PathBuf::from(path), variable);
    }
    // A test runs from target/PROFILE/deps, the figures from target/PROFILE.
    let this = env::current_exe().context("finding the folder of this program")?;
    let found = this.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "there is no {name} beside {}: build it first with `cargo build -p {}`, or say where it is in {variable}",
            this.display(),
            match name {
                "jig" | "bare-sender" => "doorway-hil-tests",
                package => package,
            },
        )
    })
}

fn foreign(variable: &str, names: &[&str]) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return existing(PathBuf::from(path), variable);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|candidate| candidate.is_file());
    match found {
        Some(path) => Ok(path),
        None => bail!("{} is not in PATH: `make test` installs it, or say where it is in {variable}", names[0]),
    }
}

fn existing(path: PathBuf, variable: &str) -> Result<PathBuf> {
    if Path::is_file(&path) {
        // The child may run in another folder.
        path.canonicalize().with_context(|| format!("resolving {}", path.display()))
    } else {
        bail!("{variable} names {}, which is no file", path.display())
    }
}
