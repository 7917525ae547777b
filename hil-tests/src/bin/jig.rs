//! The agent of the jig, on the computer that it serves: `jig [PORT]`. Or a bench's screen: `jig colours FRAMEBUFFER`.
//!
//! Without a port it speaks over its standard input and output, at the end of an ssh connection. A virtual board has it
//! behind a virtio-serial port.

use std::fs::File;
use std::io::{BufReader, stdin, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use hil_tests::jig::agent::serve;
use hil_tests::jig::colours;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(port) = arguments.next() else {
        return serve(BufReader::new(stdin()), stdout());
    };
    if port == "colours" {
        return colours::show(Path::new(&arguments.next().context("jig colours FRAMEBUFFER")?));
    }
    // Opened once: a port that is closed forgets what was sent to it meanwhile.
    let file = File::options().read(true).write(true).open(&port).with_context(|| format!("opening {port}"))?;
    loop {
        let handle = || file.try_clone().context("duplicating the port's handle");
        // It reads as ended while nobody is connected at the other end.
        serve(BufReader::new(handle()?), handle()?)?;
        std::thread::sleep(Duration::from_millis(20));
    }
}
