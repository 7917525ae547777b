//! Alone in its process, because it counts the process's threads and handles.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use doorwayd::sound::{Chime, Sound, SoundSettings, SoundSource};
use tokio::sync::mpsc::channel;

fn threads_and_handles() -> (usize, usize) {
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[test]
fn fifty_starts_and_stops_leave_no_thread_and_no_handle() {
    let folder = tempfile::tempdir().unwrap();
    let alsa = |name: &str| SoundSource::Alsa { capture: name.to_owned(), playback: name.to_owned() };
    let sources = [
        SoundSource::Test { tone_hz: 440.0, record: Some(folder.path().join("speaker.wav")) },
        alsa("null"),
        alsa("hw:CARD=NoSuchCard"),
        SoundSource::None,
    ];
    let before = threads_and_handles();
    let mut slowest = Duration::ZERO;
    for round in 0..50 {
        for source in &sources {
            let (sender, _events) = channel(16);
            let settings = SoundSettings {
                source: source.clone(),
                echo_cancellation: true,
                noise_suppression: true,
                automatic_gain: true,
            };
            let mut sound = Sound::start(settings, sender);
            sound.set_talking(true);
            sound.play_chime(Chime::Ringing);
            std::thread::sleep(Duration::from_millis(round % 5 * 8));
            let stopping = Instant::now();
            drop(sound);
            slowest = slowest.max(stopping.elapsed());
        }
    }
    assert_eq!(threads_and_handles(), before);
    assert!(slowest < Duration::from_millis(500), "stopping took {slowest:?}");
}
