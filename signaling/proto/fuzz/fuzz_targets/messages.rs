//! Any bytes into every parser; what one takes must come out as it went in.
//!
//! `cargo +nightly fuzz run messages fuzz/corpus/messages tests/corpus/*` in `signaling/proto`.

#![no_main]

use doorway_proto::control::{Event, Request};
use doorway_proto::rooms::read_hello;
use doorway_proto::signaling::{ClientMessage, Hello, StationMessage, ToClient, ToStation};
use libfuzzer_sys::fuzz_target;

macro_rules! reread {
    ($bytes:expr, $($kind:ty),*) => {
        $(if let Ok(once) = serde_json::from_slice::<$kind>($bytes) {
            let written = serde_json::to_vec(&once).expect("messages have string keys only");
            assert_eq!(serde_json::from_slice::<$kind>(&written).expect("what was written is read"), once);
        })*
    };
}

fuzz_target!(|bytes: &[u8]| {
    reread!(bytes, Hello, ClientMessage, StationMessage, ToClient, ToStation, Request, Event);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _read_or_refused = read_hello(text);
    }
});
