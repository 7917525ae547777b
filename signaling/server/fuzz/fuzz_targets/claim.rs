//! Any bytes as a claim; what is taken has a name and a secret that a companion takes.
//!
//! `cargo +nightly fuzz run claim fuzz/corpus/claim tests/corpus/claim` in `signaling/server`.

#![no_main]

use doorway_signaling::{Household, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(Household { name, secret }) = Household::parse(bytes) {
        assert!((1..=64).contains(&name.chars().count()) && name.trim() == name);
        assert!(secret.expose().chars().count() >= 12 && Secret::new(secret.expose()).is_ok());
    }
});
