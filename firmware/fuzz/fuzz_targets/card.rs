//! Any bytes as a card's `doorway.toml`; what is taken over is a configuration that the daemon reads the same.
//!
//! `cargo +nightly fuzz run card fuzz/corpus/card tests/corpus/card` in `firmware`.

#![no_main]

use std::path::Path;

use doorwayd::config::Config;
use doorwayd::provision::file::{self, Wishes};
use libfuzzer_sys::fuzz_target;

const SHIPPED: &str = "[companion]\nlisten = \"[::]:443\"\nredirect = \"[::]:80\"\ntls = \"own\"\nclaim = true\n";

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Wishes { config: Some((text, config)), .. }) = file::read(bytes, SHIPPED) {
        assert_eq!(Config::parse(Path::new(file::NAME), &text).ok(), Some(config), "{text}");
    }
});
