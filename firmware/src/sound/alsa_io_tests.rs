use super::*;
use crate::sound::tone::{Tone, purity};

const MONO: Layout = Layout { float: false, channels: 1 };

#[test]
fn samples_survive_the_way_through_every_layout() {
    let mut block = [0.0; BLOCK];
    Tone::new(440.0, 0.9).fill(&mut block);
    for float in [false, true] {
        for channels in [1, 2, 6] {
            let layout = Layout { float, channels };
            let mut bytes = vec![0; BLOCK * layout.frame_bytes()];
            layout.write_block(&block, &mut bytes);
            let mut back = [0.0; BLOCK];
            layout.read_block(&bytes, &mut Downmix::new(), &mut back);
            for (sent, received) in block.iter().zip(&back) {
                assert!((sent - received).abs() < 1e-4, "{layout:?}");
            }
        }
    }
}

#[test]
fn sound_beyond_full_scale_is_clipped_not_wrapped() {
    let mut bytes = vec![0; BLOCK * MONO.frame_bytes()];
    MONO.write_block(&[1.5; BLOCK], &mut bytes);
    let mut back = [0.0; BLOCK];
    MONO.read_block(&bytes, &mut Downmix::new(), &mut back);
    assert!(back.iter().all(|sample| *sample > 0.99));
}

#[test]
fn the_loudest_channel_is_taken() {
    let stereo = Layout { float: false, channels: 2 };
    let frame = |loud: i16| [0, loud].into_iter().flat_map(i16::to_ne_bytes);
    let bytes: Vec<u8> = (0..BLOCK).flat_map(|at| frame(if at % 2 == 0 { 3000 } else { -3000 })).collect();
    let mut block = [0.0; BLOCK];
    stereo.read_block(&bytes, &mut Downmix::new(), &mut block);
    assert!((block[0] * 32_768.0 - 3000.0).abs() < 0.5);
}

/// ALSA's `null` PCM runs the same code as a card, and is always ready.
#[test]
fn the_null_card_delivers_at_real_time_and_silent() {
    let shared = Arc::new(Shared::new());
    let mut microphone = AlsaMicrophone::open("null", &shared).unwrap();
    let mut block = [1.0; BLOCK];
    let start = Instant::now();
    let mut blocks = 0;
    while blocks < 50 {
        if let Some(captured_at) = microphone.read(&mut block).unwrap() {
            blocks += 1;
            assert!(captured_at <= Instant::now());
        }
    }
    assert!(start.elapsed() >= Duration::from_millis(350), "{:?}", start.elapsed());
    assert_eq!(block, [0.0; BLOCK]);
    assert_eq!(shared.stats().capture_xruns, 0);
}

/// `tee` writes to a file what its slave plays.
#[test]
fn what_is_given_to_the_speaker_reaches_the_card() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("played.raw");
    let name = format!("tee:null,'{}',raw", path.display());
    let shared = Arc::new(Shared::new());
    let mut speaker = AlsaSpeaker::open(&name, &shared).unwrap();
    let mut tone = Tone::new(440.0, 0.5);
    let mut block = [0.0; BLOCK];
    let layout = speaker.card.layout;
    for _ in 0..50 {
        assert!(speaker.wait().unwrap());
        tone.fill(&mut block);
        speaker.write(&block).unwrap();
    }
    drop(speaker);
    let bytes = std::fs::read(&path).unwrap();
    let mut samples = Vec::new();
    for chunk in bytes.chunks_exact(BLOCK * layout.frame_bytes()) {
        layout.read_block(chunk, &mut Downmix::new(), &mut block);
        samples.extend_from_slice(&block);
    }
    assert_eq!(samples.len(), 52 * BLOCK, "50 blocks after two of silence");
    assert_eq!(samples[..2 * BLOCK], [0.0; 2 * BLOCK]);
    assert!(purity(&samples[2 * BLOCK..], 440.0) > 0.99);
    assert_eq!(shared.stats().playback_xruns, 0);
}

#[test]
fn a_card_that_takes_frames_of_a_digital_cable_only_is_opened_by_the_name_that_encodes() {
    assert_eq!(iec958_name("plughw:CARD=vc4hdmi0,DEV=0").as_deref(), Some("sysdefault:CARD=vc4hdmi0"));
    assert_eq!(iec958_name("hw:0,0"), None);
    assert!(!wants_iec958("null"), "it takes everything");
}

#[test]
fn a_name_that_alsa_does_not_know_is_told_with_a_remedy() {
    let shared = Arc::new(Shared::new());
    for name in ["no_such_pcm", "a\0b", "hw:CARD=NoSuchCard"] {
        let error = AlsaMicrophone::open(name, &shared).err().unwrap();
        assert!(error.0.contains("[sound]") || error.0.contains("connect"), "{error}");
    }
}

#[test]
#[ignore = "needs a sound card whose `default` has a microphone and a speaker"]
fn a_real_card_keeps_time_without_xruns() {
    let shared = Arc::new(Shared::new());
    let mut microphone = AlsaMicrophone::open("default", &shared).unwrap();
    let mut speaker = AlsaSpeaker::open("default", &shared).unwrap();
    let start = Instant::now();
    let mut captured = 0;
    let mut block = [0.0; BLOCK];
    while start.elapsed() < Duration::from_secs(5) {
        if speaker.wait().unwrap() {
            speaker.write(&[0.0; BLOCK]).unwrap();
        }
        captured += usize::from(microphone.read(&mut block).unwrap().is_some());
    }
    assert!((480..=520).contains(&captured), "{captured} blocks in 5 s");
    assert_eq!(shared.stats().capture_xruns, 0);
}
