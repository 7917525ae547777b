//! Sound as the event loop sees it, without a sound card.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use doorwayd::sound::{
    Chime, DeviceHealth, OpusPacket, ReceivedPacket, SAMPLE_RATE, Sound, SoundEvent, SoundSettings, SoundSource,
};
use tokio::sync::mpsc::{Receiver, channel};

fn settings(source: SoundSource) -> SoundSettings {
    SoundSettings { source, echo_cancellation: true, noise_suppression: true, automatic_gain: true }
}

fn test_source(record: Option<&Path>) -> SoundSource {
    SoundSource::Test { tone_hz: 440.0, record: record.map(Path::to_owned) }
}

fn alsa(name: &str) -> SoundSource {
    SoundSource::Alsa { capture: name.to_owned(), playback: name.to_owned() }
}

/// Waits for an event that `wanted` turns into something.
fn wait_for<T>(
    events: &mut Receiver<SoundEvent>,
    limit: Duration,
    mut wanted: impl FnMut(SoundEvent) -> Option<T>,
) -> Option<T> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match events.try_recv() {
            Ok(event) => {
                if let Some(found) = wanted(event) {
                    return Some(found);
                }
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    None
}

fn next_packet(events: &mut Receiver<SoundEvent>) -> Option<OpusPacket> {
    wait_for(events, Duration::from_secs(5), |event| match event {
        SoundEvent::Packet(packet) => Some(packet),
        SoundEvent::Health { .. } => None,
    })
}

fn next_health(events: &mut Receiver<SoundEvent>) -> Option<(DeviceHealth, DeviceHealth)> {
    wait_for(events, Duration::from_secs(5), |event| match event {
        SoundEvent::Health { microphone, speaker } => Some((microphone, speaker)),
        SoundEvent::Packet(_) => None,
    })
}

/// The share of `samples`' power at `frequency_hz`.
fn purity(samples: &[f32], frequency_hz: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency_hz / f64::from(SAMPLE_RATE);
    let (mut real, mut imaginary, mut power) = (0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let sample = f64::from(*sample);
        real += sample * (step * index as f64).cos();
        imaginary += sample * (step * index as f64).sin();
        power += sample * sample;
    }
    2.0 * (real * real + imaginary * imaginary) / (samples.len() as f64 * power.max(1e-12))
}

fn decode(packets: &[OpusPacket]) -> Vec<f32> {
    let mut decoder = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).unwrap();
    let mut samples = Vec::new();
    for packet in packets {
        let mut frame = [0.0; 960];
        assert_eq!(decoder.decode_float(&packet.data, &mut frame, false).unwrap(), 960);
        samples.extend_from_slice(&frame);
    }
    samples
}

#[test]
fn the_tone_of_the_test_microphone_arrives_in_the_packets() {
    let (sender, mut events) = channel(64);
    let mut sound = Sound::start(settings(test_source(None)), sender);
    assert_eq!(next_health(&mut events), Some((DeviceHealth::Working, DeviceHealth::Working)));
    sound.set_talking(true);
    let packets: Vec<OpusPacket> = (0..40).filter_map(|_| next_packet(&mut events)).collect();
    assert_eq!(packets.len(), 40);
    for pair in packets.windows(2) {
        let step = pair[1].timestamp - pair[0].timestamp;
        assert!(step >= 960 && step.is_multiple_of(480), "{step}");
        assert!(pair[1].captured_at > pair[0].captured_at);
    }
    let samples = decode(&packets);
    assert!(purity(&samples[9600..], 440.0) > 0.9);
    let stats = sound.stats();
    assert!(stats.running);
    assert!((-16.0..-14.0).contains(&stats.microphone_dbfs), "{stats:?}");
}

#[test]
fn nothing_is_sent_before_somebody_talks_and_nothing_after() {
    let (sender, mut events) = channel(64);
    let mut sound = Sound::start(settings(test_source(None)), sender);
    let packet_within = |events: &mut Receiver<SoundEvent>, ms| {
        wait_for(events, Duration::from_millis(ms), |event| match event {
            SoundEvent::Packet(packet) => Some(packet),
            SoundEvent::Health { .. } => None,
        })
    };
    assert!(packet_within(&mut events, 200).is_none());
    sound.set_talking(true);
    assert!(packet_within(&mut events, 2000).is_some());
    sound.set_talking(false);
    std::thread::sleep(Duration::from_millis(50));
    while events.try_recv().is_ok() {}
    assert!(packet_within(&mut events, 200).is_none());
}

#[test]
fn what_the_household_says_is_heard_at_the_speaker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speaker.wav");
    let (household_sender, mut household) = channel(64);
    let mut talker = Sound::start(settings(test_source(None)), household_sender);
    let (sender, _events) = channel(64);
    let mut station = Sound::start(settings(test_source(Some(&path))), sender);
    let queue = station.receiver();
    talker.set_talking(true);

    let mut sequence = 0;
    let mut relay = |household: &mut Receiver<SoundEvent>, ms| {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            if let Some(packet) = next_packet(household) {
                queue.push(ReceivedPacket {
                    sequence,
                    timestamp: packet.timestamp & 0xffff_ffff,
                    data: &packet.data,
                    arrived: Instant::now(),
                });
                sequence += 1;
            }
        }
    };
    relay(&mut household, 200);
    assert_eq!(station.stats().received, 0, "the gate is shut");
    station.set_talking(true);
    let opened = std::time::SystemTime::now();
    relay(&mut household, 1500);
    let stats = station.stats();
    let heard_after = stats.heard_at.unwrap().duration_since(opened).unwrap();
    assert!(heard_after < Duration::from_millis(500), "{heard_after:?}");
    assert!(stats.speaker_dbfs > -20.0, "{stats:?}");
    assert!(stats.received >= 50, "{stats:?}");
    station.set_talking(false);
    relay(&mut household, 300);
    assert_eq!(station.stats().heard_at, None);
    drop(station);

    let file = std::fs::read(&path).unwrap();
    let samples: Vec<f32> = file[44..]
        .chunks_exact(2)
        .map(|bytes| f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0)
        .collect();
    let loud: Vec<f32> = samples
        .chunks_exact(480)
        .filter(|block| block.iter().any(|sample| sample.abs() > 0.05))
        .flatten()
        .copied()
        .collect();
    assert!(loud.len() > 48_000, "{} samples of sound", loud.len());
    assert!(purity(&loud[4800..9600], 440.0) > 0.9);
    assert!(samples[samples.len() - 4800..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_chime_is_heard_at_the_station_without_a_conversation() {
    let (sender, _events) = channel(64);
    let sound = Sound::start(settings(test_source(None)), sender);
    sound.play_chime(Chime::Accepted);
    let deadline = Instant::now() + Duration::from_secs(3);
    while sound.stats().speaker_dbfs < -40.0 {
        assert!(Instant::now() < deadline, "no chime: {:?}", sound.stats());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sound.stats().heard_at, None);
}

#[test]
fn a_card_that_is_not_there_is_missing_with_a_remedy_and_replaced_by_nothing() {
    let (sender, mut events) = channel(64);
    let mut sound = Sound::start(settings(alsa("hw:CARD=NoSuchCard")), sender);
    sound.set_talking(true);
    let (microphone, speaker) = next_health(&mut events).unwrap();
    for health in [microphone, speaker] {
        let DeviceHealth::Missing { reason } = health else {
            panic!("{health:?}");
        };
        assert!(reason.contains("connect") || reason.contains("probe"), "{reason}");
    }
    let packet = wait_for(&mut events, Duration::from_millis(300), |event| match event {
        SoundEvent::Packet(packet) => Some(packet),
        SoundEvent::Health { .. } => None,
    });
    assert_eq!(packet, None);
    assert!(!sound.stats().running);
    let dropped = Instant::now();
    drop(sound);
    assert!(dropped.elapsed() < Duration::from_millis(500), "{:?}", dropped.elapsed());
}

#[test]
fn alsas_null_card_carries_a_call_at_real_time() {
    let (sender, mut events) = channel(64);
    let mut sound = Sound::start(settings(alsa("null")), sender);
    assert_eq!(next_health(&mut events), Some((DeviceHealth::Working, DeviceHealth::Working)));
    sound.set_talking(true);
    let start = Instant::now();
    let packets: Vec<OpusPacket> = (0..50).filter_map(|_| next_packet(&mut events)).collect();
    assert_eq!(packets.len(), 50);
    assert!(start.elapsed() >= Duration::from_millis(800), "{:?}", start.elapsed());
    assert_eq!(sound.stats().capture_xruns, 0);
}

#[test]
fn a_station_without_sound_says_so_and_takes_packets_quietly() {
    let (sender, mut events) = channel(4);
    let mut sound = Sound::start(settings(SoundSource::None), sender);
    assert_eq!(next_health(&mut events), Some((DeviceHealth::Absent, DeviceHealth::Absent)));
    sound.set_talking(true);
    for sequence in 0..200 {
        sound.receiver().push(ReceivedPacket {
            sequence,
            timestamp: sequence * 960,
            data: &[0xf8, 0xff, 0xfe],
            arrived: Instant::now(),
        });
    }
    sound.play_chime(Chime::Ringing);
    assert!(!sound.stats().running);
}

#[test]
fn a_loop_that_stands_still_loses_packets_but_not_the_health() {
    let (sender, mut events) = channel(1);
    let mut sound = Sound::start(settings(test_source(None)), sender);
    sound.set_talking(true);
    std::thread::sleep(Duration::from_millis(400));
    assert!(sound.stats().dropped > 0);
    assert!(next_health(&mut events).is_some());
    assert!(next_packet(&mut events).is_some());
}
