//! Lines of text as frames of three connections in turn; nothing is sent to who was closed, and nothing too large.
//!
//! `cargo +nightly fuzz run rooms` in `signaling/proto`.

#![no_main]

use std::collections::BTreeSet;
use std::time::Instant;

use doorway_proto::rooms::{ConnectionId, Limits, Output, Rooms, Source, read_hello};
use doorway_proto::signaling::MAX_FRAME_BYTES;
use libfuzzer_sys::fuzz_target;

const OPENINGS: [&str; 3] = [
    r#"{"type":"hello","version":1,"room":"a","id":"c","resume":"r","role":{"kind":"client"}}"#,
    r#"{"type":"hello","version":1,"room":"a","id":"s","resume":"r","role":{"kind":"station","name":"","buttons":[],"doors":[],"activity":"idle","media":{"camera":{"state":"absent"},"microphone":{"state":"absent"},"speaker":{"state":"absent"}}}}"#,
    "",
];

fuzz_target!(|frames: &str| {
    let now = Instant::now();
    let mut rooms = Rooms::new(Limits::default());
    let mut open = BTreeSet::new();
    for (number, opening) in (0..).zip(OPENINGS) {
        let connection = ConnectionId(number);
        rooms.handle_connected(connection, Source(number), now);
        open.insert(connection);
        if let Ok(hello) = read_hello(opening) {
            rooms.handle_hello(connection, hello, now);
        }
    }
    for (number, frame) in (0..3).cycle().zip(frames.lines()) {
        let connection = ConnectionId(number);
        match read_hello(frame) {
            Ok(hello) => rooms.handle_hello(connection, hello, now),
            Err(_) => rooms.handle_frame(connection, frame, now),
        }
        while let Some((to, output)) = rooms.poll_output() {
            assert!(open.contains(&to));
            match output {
                Output::Send { message, .. } => assert!(message.text().len() <= MAX_FRAME_BYTES),
                Output::Close(_) => drop(open.remove(&to)),
                Output::Check => {}
            }
        }
    }
});
