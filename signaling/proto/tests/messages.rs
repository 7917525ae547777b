//! Every message is read as it was written, and nothing else is read at all.
//!
//! `corpus/KIND/valid-*.json` are messages of all variants, `hostile-*.json` must not be taken. The fuzz target starts
//! from the same files.

#[path = "support/kinds.rs"]
mod kinds;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use doorway_proto::rooms::read_hello;
use kinds::{KINDS, Kind};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The files of a kind: whether it is valid, its name, its bytes.
fn corpus(kind: &Kind) -> Vec<(bool, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind.name);
    fs::read_dir(&folder)
        .expect("every kind has a corpus")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            let is_valid = name.starts_with("valid-");
            assert!(is_valid || name.starts_with("hostile-"), "{name}");
            (is_valid, format!("{}/{name}", kind.name), fs::read(path).expect("a readable file"))
        })
        .collect()
}

#[test]
fn valid_messages_are_written_as_they_were_read_and_hostile_ones_are_not_read() {
    for kind in &KINDS {
        for (is_valid, name, bytes) in corpus(kind) {
            match (kind.reread)(&bytes) {
                Some(written) => {
                    assert!(is_valid, "{name} was taken");
                    let read: Value = serde_json::from_slice(&bytes).expect("what is taken is JSON");
                    assert_eq!(written, read, "{name}");
                }
                None => assert!(!is_valid, "{name} was not taken"),
            }
        }
    }
}

#[test]
fn an_unknown_field_is_refused_wherever_it_stands() {
    for kind in &KINDS {
        for (_, name, bytes) in corpus(kind).into_iter().filter(|(is_valid, ..)| *is_valid) {
            let message: Value = serde_json::from_slice(&bytes).expect("a valid message is JSON");
            let mut objects = Vec::new();
            list_objects(&message, String::new(), &mut objects);
            assert!(!objects.is_empty());
            for pointer in objects {
                let mut changed = message.clone();
                changed.pointer_mut(&pointer).expect("it was found there")["unknown"] = json!(1);
                assert_eq!(
                    (kind.reread)(changed.to_string().as_bytes()),
                    None,
                    "{name} with an unknown field at '{pointer}'"
                );
            }
        }
    }
}

#[test]
fn the_corpus_has_every_type_of_every_kind() {
    for kind in &KINDS {
        let schema = serde_json::to_value((kind.schema)()).expect("a schema is JSON");
        let known: BTreeSet<_> = schema["oneOf"]
            .as_array()
            .expect("every kind is an enum")
            .iter()
            .map(|variant| variant["properties"]["type"]["const"].as_str().expect("a tag").to_owned())
            .collect();
        let valid = corpus(kind).into_iter().filter(|(is_valid, ..)| *is_valid);
        let seen: BTreeSet<_> = valid
            .map(|(_, _, bytes)| {
                serde_json::from_slice::<Value>(&bytes).expect("JSON")["type"].as_str().expect("a tag").to_owned()
            })
            .collect();
        assert_eq!(seen, known, "{}", kind.name);
    }
}

fn list_objects(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                list_objects(value, format!("{pointer}/{key}"), found);
            }
            found.push(pointer);
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                list_objects(value, format!("{pointer}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Arbitrary bytes, and valid messages with some bytes changed, cut out or doubled.
fn nearly_messages() -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<Vec<u8>> = KINDS.iter().flat_map(corpus).map(|(_, _, bytes)| bytes).collect();
    let mangled =
        (prop::sample::select(seeds), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..6));
    let mangled = mangled.prop_map(|(mut bytes, changes)| {
        for (index, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                _ => bytes.extend_from_within(at..),
            }
        }
        bytes
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..200), 4 => mangled]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic_and_what_is_read_stays_the_same(bytes in nearly_messages()) {
        for kind in &KINDS {
            if let Some(once) = (kind.reread)(&bytes) {
                prop_assert_eq!((kind.reread)(once.to_string().as_bytes()), Some(once));
            }
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _read_or_refused = read_hello(text);
        }
    }
}
