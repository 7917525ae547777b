//! A recording for measurements without an encoder.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::report::progress;
use crate::case::Case;
use crate::process::Process;
use crate::tools;

/// Its pictures a second.
pub(super) const RATE: u32 = 30;
/// What the recording is.
pub(super) const WHAT: &str = "1280x720 at 30 frames a second and 2 Mbit/s, H.264 constrained baseline, IDR each 10 s";

/// Makes 20 s of H.264 in byte-stream form: moving enough to fill its bitrate, the same on every machine.
pub(super) fn make(case: &Case) -> Result<PathBuf> {
    progress("making the recording");
    let path = case.fresh("recording", ".h264");
    let mut command = Command::new(tools::gst_launch()?);
    // A clean test pattern compresses to almost nothing; coarse noise, enlarged, fills any bitrate with real data.
    command.args(["-q", "videotestsrc", "num-buffers=600", "pattern=snow", "!"]);
    command.args(["video/x-raw,format=I420,width=80,height=46,framerate=30/1", "!", "videoscale", "!"]);
    command.args(["video/x-raw,format=I420,width=1280,height=720", "!"]);
    command.args(["x264enc", "bitrate=2000", "pass=cbr", "tune=zerolatency", "speed-preset=ultrafast"]);
    command.args(["key-int-max=300", "bframes=0", "byte-stream=true", "!"]);
    command.args(["video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au", "!", "filesink"]);
    command.arg(format!("location={}", path.display()));
    let mut process = Process::start("gst-launch-1.0", command, &path.with_extension("log"))?;
    let status = process.wait(Duration::from_secs(180))?;
    ensure!(status.success(), "no recording, {status}: {}", process.log());
    let bytes = std::fs::metadata(&path)?.len();
    let mbit_per_s = bytes as f64 * 8.0 / 20.0 / 1e6;
    ensure!((1.6..2.4).contains(&mbit_per_s), "the recording has {mbit_per_s:.2} Mbit/s: {}", process.log());
    Ok(path)
}
