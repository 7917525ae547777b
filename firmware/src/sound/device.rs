//! What a microphone and a speaker are to the rest, and how one that is missing is waited for.

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use super::Block;
use super::shared::{DeviceHealth, Shared, Side};
use super::voice::VoiceInput;

/// How long a device may keep its thread waiting before the thread looks whether it should stop.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// Between two attempts to open a device that is missing.
const RETRY: Duration = Duration::from_secs(1);

/// A device that cannot be used: a sentence for the installer, remedy included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct DeviceError(pub(super) String);

/// Something that delivers sound at its own pace.
pub(super) trait Microphone {
    /// Waits for the next 10 ms, at most for [`POLL`]; says when their first sample was captured.
    fn read(&mut self, block: &mut Block) -> Result<Option<Instant>, DeviceError>;
}

/// Something that takes sound at its own pace.
pub(super) trait Speaker {
    /// Waits until there is room for 10 ms, at most for [`POLL`]; says whether there is.
    fn wait(&mut self) -> Result<bool, DeviceError>;

    /// Plays 10 ms; called when [`Speaker::wait`] said that there is room.
    fn write(&mut self, block: &Block) -> Result<(), DeviceError>;
}

/// Opens a device and runs it, again and again until `shared` says to stop.
///
/// `run` returns without an error only when it was told to stop.
pub(super) fn supervise<D>(
    shared: &Shared,
    side: Side,
    voice: &SyncSender<VoiceInput>,
    mut open: impl FnMut() -> Result<D, DeviceError>,
    mut run: impl FnMut(&mut D) -> Result<(), DeviceError>,
) {
    while !shared.is_stopping() {
        let Err(error) = open().and_then(|mut device| run(&mut device)) else {
            return;
        };
        let health = DeviceHealth::Missing { reason: error.to_string() };
        report(shared, side, voice, health);
        let retry_at = Instant::now() + RETRY;
        while !shared.is_stopping() {
            match retry_at.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                Some(_) | None => break,
            }
        }
    }
}

/// Notes the health of a device and wakes the thread that passes it on.
pub(super) fn report(shared: &Shared, side: Side, voice: &SyncSender<VoiceInput>, health: DeviceHealth) {
    if shared.note_health(side, health) {
        // When the queue is full the thread is awake and finds the news by itself.
        let _ = voice.try_send(VoiceInput::HealthChanged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    /// Works, is unplugged, is not found, works again.
    #[test]
    fn a_device_that_vanishes_is_missing_until_it_is_back() {
        let shared = Arc::new(Shared::new());
        let (voice, _inputs) = sync_channel(8);
        let mut told = Vec::new();
        let mut openings = 0;
        let mut seen = Vec::new();
        let start = Instant::now();
        shared.note_health(Side::Microphone, DeviceHealth::Absent);
        supervise(
            &shared,
            Side::Speaker,
            &voice,
            || {
                openings += 1;
                seen.extend(shared.take_changed_health().map(|(_, speaker)| speaker));
                if openings == 2 { Err(DeviceError("not found".to_owned())) } else { Ok(openings) }
            },
            |opening| {
                report(&shared, Side::Speaker, &voice, DeviceHealth::Working);
                told.extend(shared.take_changed_health().map(|(_, speaker)| speaker));
                if *opening == 1 {
                    return Err(DeviceError("unplugged".to_owned()));
                }
                shared.stop();
                Ok(())
            },
        );
        let missing = |reason: &str| DeviceHealth::Missing { reason: reason.to_owned() };
        assert_eq!(openings, 3);
        assert_eq!(told, [DeviceHealth::Working, DeviceHealth::Working]);
        assert_eq!(seen, [missing("unplugged"), missing("not found")]);
        assert!(start.elapsed() >= 2 * RETRY);
    }

    #[test]
    fn waiting_for_a_missing_device_ends_at_once_when_told_to_stop() {
        let shared = Arc::new(Shared::new());
        let for_thread = shared.clone();
        let thread = thread::spawn(move || {
            let (voice, _inputs) = sync_channel(8);
            supervise(
                &for_thread,
                Side::Microphone,
                &voice,
                || Err::<(), _>(DeviceError("none".to_owned())),
                |()| Ok(()),
            );
        });
        thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        shared.stop();
        thread.thread().unpark();
        thread.join().unwrap();
        assert!(start.elapsed() < RETRY / 2);
    }
}
