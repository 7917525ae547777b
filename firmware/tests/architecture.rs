//! Holds what ARCHITECTURE.md says of the crates: who may depend on whom, and that the pure ones are pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Our crates, and those of ours that each may depend on, in whatever way.
const ARROWS: [(&str, &[&str]); 7] = [
    ("doorway-board", &[]),
    ("doorway-core", &[]),
    ("doorway-engine", &["doorway-core", "doorway-proto"]),
    ("doorway-hil-tests", &["doorway-proto"]),
    ("doorway-proto", &[]),
    ("doorway-signaling", &["doorway-proto"]),
    ("doorwayd", &["doorway-board", "doorway-core", "doorway-engine", "doorway-proto", "doorway-signaling"]),
];

/// The pure crates, and all that they may depend on outside their tests.
const PURE: [(&str, &[&str]); 3] = [
    ("doorway-core", &["thiserror"]),
    ("doorway-engine", &["doorway-core", "doorway-proto", "rand", "serde_json", "str0m", "thiserror", "tracing"]),
    ("doorway-proto", &["schemars", "serde", "serde_json", "thiserror"]),
];

/// What the engine may mention all the same: addresses, and numbers from a seed.
const ALLOWED_IN_ENGINE: [&str; 2] = ["rand", "std::net"];
/// And what it may not mention of those.
const NO_SOCKETS: [&str; 4] = ["UdpSocket", "TcpStream", "TcpListener", "rand::random"];

/// What a pure crate never mentions.
const IMPURE: [&str; 10] = [
    "Instant::now",
    "SystemTime",
    "elapsed",
    "rand",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
];

/// What a pure crate's tests may mention all the same: they need an instant to start from.
const ALLOWED_IN_TESTS: &str = "Instant::now";

#[test]
fn each_crate_depends_on_those_of_ours_that_it_may_and_no_other() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let placed: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, placed, "a crate came or went: decide what it may depend on");
    for (name, allowed) in ARROWS {
        for dependency in packages[name].dependencies.iter().filter(|d| ours.contains(d.name.as_str())) {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{name} depends on {}, which it must not",
                dependency.name
            );
        }
    }
}

#[test]
fn the_pure_crates_depend_on_nothing_but_their_allow_list() {
    let packages = packages();
    for (name, allowed) in PURE {
        for dependency in packages[name].dependencies.iter().filter(|dependency| !dependency.for_tests) {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{name} is pure and may not depend on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn the_pure_crates_never_read_a_clock_and_do_no_io() {
    let packages = packages();
    for (name, _) in PURE {
        let sources = rust_files(&packages[name].folder.join("src"));
        assert!(!sources.is_empty(), "{name} has no sources");
        for source in sources {
            let text = fs::read_to_string(&source).expect("a source is readable text");
            let mut found = impurities(&text);
            if name == "doorway-engine" {
                found.retain(|(_, word)| !ALLOWED_IN_ENGINE.contains(word));
                let mentioned = NO_SOCKETS.into_iter().filter(|word| text.contains(word));
                found.extend(mentioned.map(|word| (0, word)));
            }
            assert!(found.is_empty(), "{} is pure but mentions {found:?}", source.display());
        }
    }
}

#[test]
fn what_is_impure_is_found() {
    let pure = "//! Never calls Instant::now.\nfn f(now: Instant) {} /// as tokio does\nlet grand = strands;\n";
    assert_eq!(impurities(pure), []);
    for (line, word) in [
        ("let now = std::time::Instant::now();", "Instant::now"),
        ("use std::time::SystemTime;", "SystemTime"),
        ("let age = start.elapsed();", "elapsed"),
        ("let n: u64 = rand::random();", "rand"),
        ("use std::{env, fs};", "std::fs"),
        ("use std::net::UdpSocket;", "std::net"),
        ("std::thread::sleep(second);", "std::thread"),
        ("tokio::spawn(task);", "tokio"),
    ] {
        assert!(impurities(line).iter().any(|(_, found)| *found == word), "{word} was not found in {line:?}");
    }
    let tests = "fn f() {}\n#[cfg(test)]\nmod tests {\n    let now = Instant::now();\n    std::fs::read(path);\n}\n";
    assert_eq!(impurities(tests), [(5, "std::fs")]);
}

struct Package {
    folder: PathBuf,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    for_tests: bool,
}

/// The workspace's packages by name, as their manifests declare them.
fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--no-deps", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    packages.iter().map(|package| (text(&package["name"]), read_package(package))).collect()
}

fn read_package(package: &Value) -> Package {
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
    let read =
        |dependency: &Value| Dependency { name: text(&dependency["name"]), for_tests: dependency["kind"] == "dev" };
    Package {
        folder: manifest.parent().expect("a manifest lies in a folder").to_owned(),
        dependencies: dependencies.iter().map(read).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines, counted from one, that mention what a pure crate must not, outside comments. STYLE puts tests last, so
/// everything below `#[cfg(test)]` counts as tests.
fn impurities(source: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut in_tests = false;
    for (number, line) in source.lines().enumerate() {
        in_tests |= line.trim() == "#[cfg(test)]";
        let code = line.split("//").next().unwrap_or_default();
        for word in IMPURE {
            if mentions(code, word) && !(in_tests && word == ALLOWED_IN_TESTS) {
                found.push((number + 1, word));
            }
        }
    }
    found
}

/// Whether `word` stands in `code` as a whole word, also as part of a braced import (`use std::{fs, net}`).
fn mentions(code: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let whole = code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    });
    let imported = word.strip_prefix("std::").is_some_and(|module| {
        let list = code.split_once("std::{").map(|(_, list)| list);
        list.is_some_and(|list| list.split(|c| !part_of_word(c)).any(|name| name == module))
    });
    whole || imported
}
