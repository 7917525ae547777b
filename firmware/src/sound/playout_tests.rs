//! A talker, a bad network and a speaker in virtual time.

use super::*;
use crate::sound::codec::VoiceEncoder;
use crate::sound::tone::{BreathingTone, purity};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

const TONE_HZ: f32 = 440.0;
const SECONDS: u64 = 30;

/// What a network does to packets.
#[derive(Debug, Clone, Copy)]
struct Network {
    seed: u64,
    /// Each packet's chance to be lost, in percent.
    loss_percent: u64,
    /// A loss takes this many packets in a row.
    burst: u64,
    /// Up to this is added to each packet's delay.
    jitter_ms: u64,
    /// The talker's clock is faster by this.
    drift_ppm: i64,
}

const CLEAN: Network = Network { seed: 1, loss_percent: 0, burst: 1, jitter_ms: 0, drift_ppm: 0 };

/// What came out at the speaker.
#[derive(Debug)]
struct Heard {
    samples: Vec<f32>,
    /// From the first packet's arrival to the first sound.
    first_after: Duration,
    /// The delay each second.
    delays_ms: Vec<f32>,
    counts: PlayoutCounts,
}

impl Heard {
    fn concealed_percent(&self) -> f64 {
        100.0 * self.counts.concealed as f64 / self.counts.played as f64
    }

    /// The delay once things have settled.
    fn settled_delay_ms(&self) -> f32 {
        let late = &self.delays_ms[self.delays_ms.len() / 2..];
        late.iter().sum::<f32>() / late.len() as f32
    }

    /// The share of 50 ms windows that hold the tone and hardly anything else, in percent; its pauses left out.
    fn pure_percent(&self) -> f64 {
        let windows: Vec<&[f32]> = self.samples[48_000..]
            .chunks_exact(2400)
            .filter(|window| window.iter().map(|sample| sample * sample).sum::<f32>() > 100.0)
            .collect();
        let pure = windows.iter().filter(|window| {
            let best = (-2..=2).map(|step| purity(window, TONE_HZ + step as f32 * 2.0));
            best.fold(0.0, f64::max) > 0.9
        });
        100.0 * pure.count() as f64 / windows.len() as f64
    }
}

/// 30 s of a tone, encoded once for all tests.
fn talk() -> &'static [Arc<[u8]>] {
    static PACKETS: OnceLock<Vec<Arc<[u8]>>> = OnceLock::new();
    PACKETS.get_or_init(|| {
        let mut encoder = VoiceEncoder::new().unwrap();
        let mut tone = BreathingTone::new(TONE_HZ, 0.3);
        let mut block = [0.0; BLOCK];
        (0..SECONDS * 100)
            .filter_map(|_| {
                tone.fill(&mut block);
                encoder.encode(&block).unwrap()
            })
            .collect()
    })
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // xorshift64* (Vigna, 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

fn listen(network: Network) -> Heard {
    let start = Instant::now();
    let mut random = Random(network.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut lost_until = 0;
    let mut arrivals: Vec<(Duration, u64)> = Vec::new();
    for sequence in 0..talk().len() as u64 {
        let jitter = Duration::from_micros(random.below(network.jitter_ms * 1000 + 1));
        if random.below(100 * network.burst) < network.loss_percent {
            lost_until = sequence + network.burst;
        }
        if sequence < lost_until {
            continue;
        }
        let drift = sequence as i64 * 20 * network.drift_ppm / 1000;
        let sent = (sequence as i64 * 20_000 - drift) as u64;
        arrivals.push((Duration::from_micros(sent + 5_000) + jitter, sequence));
    }
    arrivals.sort();

    let mut playout = Playout::new(start).unwrap();
    let first_arrival = arrivals[0].0;
    let mut arrivals = arrivals.into_iter().peekable();
    let mut heard = Heard {
        samples: Vec::new(),
        first_after: Duration::MAX,
        delays_ms: Vec::new(),
        counts: PlayoutCounts::default(),
    };
    let mut block = [0.0; BLOCK];
    for step in 0..SECONDS * 100 - 20 {
        let now = Duration::from_micros(step * 10_000 + 3_000);
        while let Some((at, sequence)) = arrivals.next_if(|(at, _)| *at <= now) {
            let payload = Payload::new(&talk()[sequence as usize]).unwrap();
            playout.handle_packet(sequence, sequence * 960, payload, start + at);
        }
        if playout.fetch(start + now, &mut block) && heard.first_after == Duration::MAX {
            heard.first_after = now - first_arrival;
        }
        heard.samples.extend_from_slice(&block);
        if step % 100 == 99 {
            heard.delays_ms.push(playout.delay().as_secs_f32() * 1000.0);
        }
    }
    heard.counts = playout.counts();
    heard
}

#[test]
fn a_clean_network_is_heard_soon_whole_and_with_little_delay() {
    let heard = listen(CLEAN);
    assert!(heard.first_after <= Duration::from_millis(40), "{:?}", heard.first_after);
    assert_eq!(heard.counts.concealed, 0);
    assert_eq!(heard.counts.jitter, JitterCounts::default());
    assert!(heard.settled_delay_ms() <= 30.0, "{:?}", heard.delays_ms);
    assert!(heard.pure_percent() > 99.0, "{}", heard.pure_percent());
}

#[test]
fn losses_are_recovered_rather_than_concealed() {
    for (loss_percent, most_concealed) in [(2, 0.5), (5, 1.0), (10, 2.5)] {
        for seed in 1..=4 {
            let network = Network { seed, loss_percent, ..CLEAN };
            let heard = listen(network);
            let concealed = heard.concealed_percent();
            assert!(concealed <= most_concealed, "{network:?}: {concealed} %");
            let lost = talk().len() as u64 * loss_percent / 100;
            assert!(heard.counts.jitter.recovered > lost / 2, "{network:?}: {heard:?}", heard = heard.counts);
            assert!(heard.settled_delay_ms() <= 60.0, "{network:?}: {:?}", heard.delays_ms);
        }
    }
}

#[test]
fn jitter_is_covered_by_as_much_delay_as_it_needs() {
    for (jitter_ms, most_delay_ms) in [(10, 45.0), (30, 65.0), (60, 100.0)] {
        for seed in 1..=3 {
            let network = Network { seed, jitter_ms, ..CLEAN };
            let heard = listen(network);
            let concealed = heard.concealed_percent();
            assert!(concealed <= 1.0, "{network:?}: {concealed} %");
            let delay_ms = heard.settled_delay_ms();
            assert!(delay_ms <= most_delay_ms, "{network:?}: {delay_ms} ms");
            assert!(heard.pure_percent() > 95.0, "{network:?}: {} %", heard.pure_percent());
        }
    }
}

#[test]
fn loss_and_jitter_together_stay_below_the_bar() {
    for (loss_percent, most_concealed) in [(2, 1.0), (5, 1.5), (10, 3.0)] {
        for jitter_ms in [10, 30] {
            for seed in 1..=3 {
                let network = Network { seed, loss_percent, jitter_ms, ..CLEAN };
                let heard = listen(network);
                let concealed = heard.concealed_percent();
                assert!(concealed <= most_concealed, "{network:?}: {concealed} %");
                let delay_ms = heard.settled_delay_ms();
                assert!(delay_ms <= 90.0, "{network:?}: {delay_ms} ms");
            }
        }
    }
}

#[test]
fn a_burst_of_losses_is_concealed_no_longer_than_it_lasts() {
    for seed in 1..=3 {
        let network = Network { seed, loss_percent: 5, burst: 4, ..CLEAN };
        let heard = listen(network);
        // Of four packets in a row the last can be recovered.
        let concealed = heard.concealed_percent();
        assert!(concealed <= 6.0, "{network:?}: {concealed} %");
        assert!(heard.settled_delay_ms() <= 120.0, "{network:?}: {:?}", heard.delays_ms);
    }
}

#[test]
fn clocks_that_differ_neither_starve_nor_pile_up() {
    for drift_ppm in [-300, 300] {
        let heard = listen(Network { drift_ppm, ..CLEAN });
        let concealed = heard.concealed_percent();
        assert!(concealed <= 0.3, "{drift_ppm} ppm: {concealed} %");
        let most = heard.delays_ms.iter().copied().fold(0.0, f32::max);
        assert!(most <= 40.0, "{drift_ppm} ppm: {:?}", heard.delays_ms);
        assert!(heard.pure_percent() > 98.0, "{}", heard.pure_percent());
    }
}

#[test]
fn a_new_conversation_begins_without_the_old_ones_sound() {
    let start = Instant::now();
    let mut playout = Playout::new(start).unwrap();
    let mut block = [0.0; BLOCK];
    for sequence in 0..10 {
        let payload = Payload::new(&talk()[sequence as usize]).unwrap();
        playout.handle_packet(sequence, sequence * 960, payload, start);
    }
    assert!(playout.fetch(start + Duration::from_millis(70), &mut block));
    playout.reset();
    assert!(!playout.fetch(start + Duration::from_millis(80), &mut block));
    assert_eq!(block, [0.0; BLOCK]);
}

#[test]
fn a_loss_that_was_half_concealed_goes_on_with_its_second_half() {
    let start = Instant::now();
    let mut playout = Playout::new(start).unwrap();
    let arrive = |playout: &mut Playout, sequence: u64, ms| {
        let payload = Payload::new(&talk()[sequence as usize]).unwrap();
        let at = start + Duration::from_millis(ms);
        playout.handle_packet(sequence, sequence * 960, payload, at);
    };
    let mut block = [0.0; BLOCK];
    arrive(&mut playout, 100, 0);
    for ms in [30, 40, 50] {
        assert!(playout.fetch(start + Duration::from_millis(ms), &mut block));
    }
    arrive(&mut playout, 102, 55);
    playout.fetch(start + Duration::from_millis(60), &mut block);

    let mut decoder = opus::Decoder::new(SAMPLE_RATE, Channels::Mono).unwrap();
    let mut frame = [0.0; 2 * BLOCK];
    decoder.decode_float(&talk()[100], &mut frame, false).unwrap();
    decoder.decode_float(&[], &mut frame[..BLOCK], false).unwrap();
    decoder.decode_float(&talk()[102], &mut frame, true).unwrap();
    assert_eq!(block, frame[BLOCK..]);
    assert_eq!(playout.counts().jitter.recovered, 1);
    assert_eq!(playout.counts().concealed, BLOCK as u64);
}

#[test]
fn oversized_and_empty_packets_are_no_payload() {
    assert!(Payload::new(&[]).is_none());
    assert!(Payload::new(&[0; MAX_PACKET_BYTES]).is_some());
    assert!(Payload::new(&[0; MAX_PACKET_BYTES + 1]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_packets_break_nothing(
        packets in proptest::collection::vec(
            (0_u64..80, proptest::collection::vec(any::<u8>(), 1..60), 0_u64..30),
            1..120,
        ),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut playout = Playout::new(start).unwrap();
        let mut block = [0.0; BLOCK];
        for (sequence, bytes, wait_ms) in packets {
            if let Some(payload) = Payload::new(&bytes) {
                playout.handle_packet(sequence, sequence * 960, payload, now);
            }
            now += Duration::from_millis(wait_ms);
            playout.fetch(now, &mut block);
            prop_assert!(block.iter().all(|sample| sample.is_finite()));
            prop_assert!(playout.buffered() <= MAX_PACKET_SAMPLES + BLOCK);
        }
    }
}
