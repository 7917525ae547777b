//! The floor of the CPU figures: `bare-sender RECORDING RATE RECEIVER…`. See [`hil_tests::bare_sender`].

use std::path::PathBuf;

use anyhow::{Context, Result};
use hil_tests::bare_sender;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "bare-sender RECORDING RATE RECEIVER…";
    let recording = PathBuf::from(arguments.next().context(usage)?);
    let rate = arguments.next().and_then(|text| text.parse().ok()).context(usage)?;
    let receivers: Result<Vec<_>, _> = arguments.map(|text| text.parse()).collect();
    bare_sender::run(&recording, rate, &receivers.context(usage)?)
}
