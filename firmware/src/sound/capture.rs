//! The loop that fetches a microphone's sound and passes it on.

use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use super::BLOCK;
use super::device::{DeviceError, Microphone, report, supervise};
use super::level::Meter;
use super::shared::{DeviceHealth, Shared, Side};
use super::voice::VoiceInput;

/// Runs until `shared` says to stop.
pub(super) fn run<M: Microphone>(
    shared: &Shared,
    voice: &SyncSender<VoiceInput>,
    open: impl FnMut() -> Result<M, DeviceError>,
) {
    let mut meter = Meter::new();
    supervise(shared, Side::Microphone, voice, open, |microphone| {
        let mut works = false;
        let mut block = [0.0; BLOCK];
        while !shared.is_stopping() {
            let Some(captured_at) = microphone.read(&mut block)? else {
                continue;
            };
            shared.captured_blocks.fetch_add(1, Ordering::Relaxed);
            shared.set_level(Side::Microphone, meter.measure(&block));
            if voice.try_send(VoiceInput::Captured(block, captured_at)).is_err() {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            if !works {
                works = true;
                report(shared, Side::Microphone, voice, DeviceHealth::Working);
            }
        }
        Ok(())
    });
}
