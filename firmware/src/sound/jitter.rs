//! The jitter buffer: decides which packet is played when, and what fills in for one that is not there.
//!
//! Pure: it is told the time and never decodes. [`Playout`](super::playout::Playout) asks it for the next frame
//! at the last moment at which a frame is needed, so that a packet has as long as possible to come.
//!
//! The delay that it aims at is the 97th percentile of the packets' relative transit, plus 10 ms for the blocks
//! in which sound is fetched, plus the length of a packet once packets get lost, because the copy of a lost
//! packet rides in the next one. It starts at 30 ms and adapts by asking for shorter or longer frames.

use std::time::{Duration, Instant};

use super::transit::TransitWindow;
use super::{BLOCK, SAMPLE_RATE};

/// Packets that are held at most: a second at 20 ms. One that comes when it is full starts the buffer anew.
pub(super) const CAPACITY: u64 = 50;

/// What is waited for after the first packet: a loss right at the start is then recoverable.
const START_DELAY: i64 = ms(30);

/// The shortest and the longest delay that is aimed at.
const TARGET_RANGE: (i64, i64) = (ms(15), ms(200));

/// Room for the 10 ms blocks in which sound is fetched.
const HEADROOM: i64 = ms(10);

/// How far the delay may be below and above the target before it is corrected.
const SLACK_BELOW: i64 = ms(5);
const SLACK_ABOVE: i64 = ms(15);

/// Frames between two corrections of a delay that is too long; speech then runs at most a sixth too fast.
const SHORTEN_EVERY: u32 = 3;

/// Above this excess whole packets are dropped: a burst after a stall is not worth hearing out.
const HARD_EXCESS: i64 = ms(150);

/// How long a sound that broke off is concealed; then the peer is taken to pause.
const PAUSE_AFTER: i64 = ms(120);

/// A transit that is this far off means another source or another clock.
const SOURCE_CHANGED: i64 = ms(2000);

/// A packet that is this far behind belongs to another stream; a nearer one is late.
const MAX_BEHIND: u64 = 100;

/// The smoothed share of lost packets from which on the next packet is waited for.
const WAIT_FOR_FEC_FROM: f32 = 0.006;

/// A packet as the buffer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet<P> {
    /// The RTP sequence number, extended.
    pub(super) sequence: u64,
    /// The RTP timestamp; only its low 32 bits count, so it may be extended or not.
    pub(super) timestamp: u64,
    /// Its length in samples.
    pub(super) samples: usize,
    /// Whether it carries a copy of the one before.
    pub(super) has_fec: bool,
    /// What to decode.
    pub(super) payload: P,
}

/// What to play next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a, P> {
    /// Nothing: no packet has come yet, or the peer pauses.
    Silence,
    /// This packet.
    Decode(Packet<P>),
    /// The lost packet of `samples` before `next`, from the copy inside it, without its first `skip` samples.
    Recover { next: &'a Packet<P>, samples: usize, skip: usize },
    /// Something like what came before.
    Conceal { samples: usize },
}

/// How the next decoded frame should be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Correction {
    Keep,
    Shorten,
    Lengthen,
}

/// What happened to packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct JitterCounts {
    /// Lost packets that were recovered from the copy in the next one.
    pub(super) recovered: u64,
    /// Packets that came after their turn, or were skipped to catch up.
    pub(super) late: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cursor {
    sequence: u64,
    timestamp: i64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Holds nothing; after a pause it remembers where the stream goes on.
    Empty { next: Option<u64> },
    /// Holds packets and gathers the delay.
    Filling { since: Instant, cursor: Cursor },
    Playing {
        cursor: Cursor,
        /// Samples of concealment that no packet accounts for yet.
        stalled: i64,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct JitterBuffer<P> {
    slots: Vec<Option<(i64, Packet<P>)>>,
    /// For each slot the last sequence number seen, to tell a late packet from a duplicate.
    seen: Vec<Option<u64>>,
    state: State,
    transit: TransitWindow,
    origin: Instant,
    newest_timestamp: i64,
    packet_samples: i64,
    loss: f32,
    smoothed_delay: f32,
    frames_since_correction: u32,
    counts: JitterCounts,
}

impl<P> JitterBuffer<P> {
    /// `origin` is any instant near the stream's; times are counted from it.
    pub(super) fn new(origin: Instant) -> Self {
        Self {
            slots: (0..CAPACITY).map(|_| None).collect(),
            seen: vec![None; CAPACITY as usize],
            state: State::Empty { next: None },
            transit: TransitWindow::new(),
            origin,
            newest_timestamp: 0,
            packet_samples: ms(20),
            loss: 0.0,
            smoothed_delay: 0.0,
            frames_since_correction: 0,
            counts: JitterCounts::default(),
        }
    }

    /// Forgets the stream, not the counts.
    pub(super) fn reset(&mut self) {
        self.slots.fill_with(|| None);
        self.seen.fill(None);
        self.state = State::Empty { next: None };
        self.transit = TransitWindow::new();
        self.loss = 0.0;
        self.frames_since_correction = 0;
    }

    /// Takes in a packet that arrived at `arrived`.
    pub(super) fn handle_packet(&mut self, packet: Packet<P>, arrived: Instant) {
        if self.seen[slot(packet.sequence)] == Some(packet.sequence) {
            return;
        }
        let next = match self.state {
            State::Empty { next } => next.unwrap_or(packet.sequence),
            State::Filling { cursor, .. } | State::Playing { cursor, .. } => cursor.sequence,
        };
        let mut timestamp = self.unwrap_timestamp(packet.timestamp);
        let mut transit = self.samples_at(arrived) - timestamp;
        let behind = next.saturating_sub(packet.sequence);
        let ahead = packet.sequence.saturating_sub(next);
        let jumped = !self.transit.is_empty() && (transit - self.transit.minimum()).abs() > SOURCE_CHANGED;
        if behind >= MAX_BEHIND || ahead >= CAPACITY || (jumped && behind == 0) {
            // The peer restarted, or nobody fetched for a second.
            self.reset();
            timestamp = self.unwrap_timestamp(packet.timestamp);
            transit = self.samples_at(arrived) - timestamp;
        }
        if matches!(self.state, State::Empty { .. }) && transit - self.transit.minimum() > PAUSE_AFTER {
            // The peer's clock stood still while it paused: the old transits tell nothing about the new ones.
            self.transit = TransitWindow::new();
        }
        self.transit.record(transit);
        self.newest_timestamp = timestamp;
        self.seen[slot(packet.sequence)] = Some(packet.sequence);

        let own = Cursor { sequence: packet.sequence, timestamp };
        match &mut self.state {
            State::Empty { next } => {
                if next.is_some_and(|next| packet.sequence < next) {
                    self.counts.late += 1;
                    return;
                }
                self.state = State::Filling { since: arrived, cursor: own };
            }
            State::Filling { cursor, .. } => {
                if packet.sequence < cursor.sequence {
                    let newest = self.slots.iter().flatten().map(|(_, held)| held.sequence);
                    if newest.max().is_some_and(|newest| newest - packet.sequence >= CAPACITY) {
                        self.counts.late += 1;
                        return;
                    }
                    *cursor = own;
                }
            }
            State::Playing { cursor, .. } => {
                if packet.sequence < cursor.sequence {
                    self.counts.late += 1;
                    return;
                }
            }
        }
        self.packet_samples = packet.samples as i64;
        let here = slot(packet.sequence);
        self.slots[here] = Some((timestamp, packet));
    }

    /// Says what to play now, when `buffered` decoded samples are still to be played before it.
    pub(super) fn poll_frame(&mut self, now: Instant, buffered: usize) -> Frame<'_, P> {
        let (mut cursor, mut stalled) = match self.state {
            State::Empty { .. } => return Frame::Silence,
            State::Filling { since, cursor } => {
                let wait = self.target().clamp(START_DELAY, 2 * START_DELAY);
                if samples_between(since, now) < wait {
                    return Frame::Silence;
                }
                self.smoothed_delay = self.delay_of(cursor, now, buffered) as f32;
                (cursor, 0)
            }
            State::Playing { cursor, stalled } => (cursor, stalled),
        };
        let delay = self.delay_of(cursor, now, buffered);
        self.smoothed_delay += (delay as f32 - self.smoothed_delay) / 8.0;
        self.frames_since_correction = self.frames_since_correction.saturating_add(1);

        loop {
            let here = slot(cursor.sequence);
            if let Some((timestamp, _)) = &self.slots[here] {
                let gap = *timestamp - cursor.timestamp - stalled;
                if (1..PAUSE_AFTER).contains(&gap) {
                    // The peer left samples out without losing a packet (DTX).
                    let samples = gap.min(BLOCK as i64);
                    cursor.timestamp += samples;
                    self.state = State::Playing { cursor, stalled };
                    return Frame::Conceal { samples: samples as usize };
                }
                let Some((timestamp, packet)) = self.slots[here].take() else {
                    return Frame::Silence;
                };
                cursor =
                    Cursor { sequence: cursor.sequence.wrapping_add(1), timestamp: timestamp + packet.samples as i64 };
                stalled = 0;
                self.note_loss(false);
                let excess = self.delay_of(cursor, now, buffered) - self.target();
                if excess > HARD_EXCESS && self.slots[slot(cursor.sequence)].is_some() {
                    self.counts.late += 1;
                    self.smoothed_delay -= packet.samples as f32;
                    continue;
                }
                self.state = State::Playing { cursor, stalled };
                return Frame::Decode(packet);
            }

            if self.slots.iter().all(Option::is_none) {
                if stalled >= PAUSE_AFTER {
                    self.state = State::Empty { next: Some(cursor.sequence) };
                    return Frame::Silence;
                }
                stalled += BLOCK as i64;
                self.state = State::Playing { cursor, stalled };
                return Frame::Conceal { samples: BLOCK };
            }

            // Later packets are here. Numbers that no sound is missing for were padding, with which a peer probes its
            // bandwidth. They are taken to come first, as the packet just before the next is the one it has a copy of.
            let soundless = self.soundless_before_next(cursor);
            if soundless > 0 {
                cursor.sequence = cursor.sequence.wrapping_add(soundless);
                self.state = State::Playing { cursor, stalled };
                continue;
            }

            // This one is lost or very late. What was concealed while waiting for it counts as its beginning.
            let lost = self.packet_samples;
            cursor.sequence = cursor.sequence.wrapping_add(1);
            cursor.timestamp += lost;
            self.note_loss(true);
            let skip = stalled.min(lost);
            stalled -= skip;
            if skip == lost {
                continue;
            }
            self.state = State::Playing { cursor, stalled };
            return match &self.slots[slot(cursor.sequence)] {
                Some((_, next)) if next.has_fec => {
                    self.counts.recovered += 1;
                    Frame::Recover { next, samples: lost as usize, skip: skip as usize }
                }
                Some(_) | None => Frame::Conceal { samples: (lost - skip) as usize },
            };
        }
    }

    /// How many of the sequence numbers from the cursor to the next packet held carry no sound, by the timestamps.
    fn soundless_before_next(&self, cursor: Cursor) -> u64 {
        let held = self.slots.iter().flatten().filter(|(_, packet)| packet.sequence > cursor.sequence);
        let Some((timestamp, next)) = held.min_by_key(|(_, packet)| packet.sequence) else { return 0 };
        let numbers = next.sequence - cursor.sequence;
        let missing = (timestamp - cursor.timestamp).max(0) as u64;
        numbers.saturating_sub(missing.div_ceil(self.packet_samples.max(1) as u64))
    }

    /// How to change the frame that was just decoded.
    pub(super) fn correction(&self) -> Correction {
        let excess = self.smoothed_delay as i64 - self.target();
        if excess > SLACK_ABOVE && self.frames_since_correction >= SHORTEN_EVERY {
            Correction::Shorten
        } else if excess < -SLACK_BELOW && self.frames_since_correction >= 1 {
            Correction::Lengthen
        } else {
            Correction::Keep
        }
    }

    /// Is told that a frame became `samples` longer (shorter, when negative).
    pub(super) fn handle_corrected(&mut self, samples: i64) {
        self.smoothed_delay += samples as f32;
        self.frames_since_correction = 0;
    }

    /// By how much sound is played later than if the fastest packet of late were played at once.
    pub(super) fn delay(&self) -> Duration {
        match self.state {
            State::Empty { .. } | State::Filling { .. } => Duration::ZERO,
            State::Playing { .. } => {
                let samples = self.smoothed_delay.max(0.0);
                Duration::from_secs_f32(samples / SAMPLE_RATE as f32)
            }
        }
    }

    pub(super) fn counts(&self) -> JitterCounts {
        self.counts
    }

    fn target(&self) -> i64 {
        let fec = if self.loss > WAIT_FOR_FEC_FROM { self.packet_samples.min(ms(60)) } else { 0 };
        (self.transit.spread() + HEADROOM + fec).clamp(TARGET_RANGE.0, TARGET_RANGE.1)
    }

    fn delay_of(&self, cursor: Cursor, now: Instant, buffered: usize) -> i64 {
        self.samples_at(now) - self.transit.minimum() - (cursor.timestamp - buffered as i64)
    }

    fn note_loss(&mut self, lost: bool) {
        self.loss += (if lost { 1.0 } else { 0.0 } - self.loss) / 256.0;
    }

    fn unwrap_timestamp(&self, timestamp: u64) -> i64 {
        let low = timestamp as u32;
        if self.transit.is_empty() {
            return i64::from(low);
        }
        let step = low.wrapping_sub(self.newest_timestamp as u32) as i32;
        self.newest_timestamp + i64::from(step)
    }

    fn samples_at(&self, instant: Instant) -> i64 {
        samples_between(self.origin, instant)
    }
}

const fn ms(ms: i64) -> i64 {
    ms * (SAMPLE_RATE as i64 / 1000)
}

fn slot(sequence: u64) -> usize {
    (sequence % CAPACITY) as usize
}

fn samples_between(from: Instant, to: Instant) -> i64 {
    let samples = |span: Duration| (span.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000) as i64;
    match to.checked_duration_since(from) {
        Some(span) => samples(span),
        None => -samples(from.duration_since(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(sequence: u64) -> Packet<()> {
        Packet { sequence, timestamp: sequence * 960, samples: 960, has_fec: true, payload: () }
    }

    /// Fetches every 20 ms; packet `n` arrives at `n * 20 ms` unless told otherwise.
    struct Bench {
        buffer: JitterBuffer<()>,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let start = Instant::now();
            Self { buffer: JitterBuffer::new(start), start }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn arrive(&mut self, sequence: u64, ms: u64) {
            let at = self.at(ms);
            self.buffer.handle_packet(packet(sequence), at);
        }

        fn poll(&mut self, ms: u64) -> Frame<'_, ()> {
            let at = self.at(ms);
            self.buffer.poll_frame(at, 0)
        }

        fn expect_packet(&mut self, ms: u64, sequence: u64) {
            assert_eq!(self.poll(ms), Frame::Decode(packet(sequence)));
        }
    }

    #[test]
    fn the_first_packet_is_played_30_ms_after_it_came() {
        let mut bench = Bench::new();
        assert_eq!(bench.poll(0), Frame::Silence);
        bench.arrive(7, 0);
        bench.arrive(8, 20);
        assert_eq!(bench.poll(20), Frame::Silence);
        bench.expect_packet(30, 7);
        bench.expect_packet(50, 8);
    }

    #[test]
    fn packets_that_change_places_are_played_in_order() {
        let mut bench = Bench::new();
        bench.arrive(2, 21);
        bench.arrive(1, 22);
        bench.arrive(4, 60);
        bench.arrive(3, 61);
        for (ms, sequence) in [(60, 1), (80, 2), (100, 3), (120, 4)] {
            bench.expect_packet(ms, sequence);
        }
        assert_eq!(bench.buffer.counts(), JitterCounts::default());
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next() {
        let mut bench = Bench::new();
        bench.arrive(0, 0);
        bench.arrive(2, 40);
        bench.expect_packet(30, 0);
        assert_eq!(bench.poll(50), Frame::Recover { next: &packet(2), samples: 960, skip: 0 });
        bench.expect_packet(70, 2);
        assert_eq!(bench.buffer.counts().recovered, 1);
    }

    #[test]
    fn what_was_concealed_while_waiting_is_not_recovered_again() {
        let mut bench = Bench::new();
        bench.arrive(0, 0);
        bench.expect_packet(30, 0);
        assert_eq!(bench.poll(50), Frame::Conceal { samples: 480 });
        bench.arrive(2, 55);
        assert_eq!(bench.poll(60), Frame::Recover { next: &packet(2), samples: 960, skip: 480 });
        bench.expect_packet(70, 2);
    }

    #[test]
    fn the_first_of_two_lost_packets_is_concealed_and_the_second_recovered() {
        let mut bench = Bench::new();
        bench.arrive(0, 0);
        bench.arrive(3, 49);
        bench.expect_packet(30, 0);
        assert_eq!(bench.poll(50), Frame::Conceal { samples: 960 });
        assert!(matches!(bench.poll(70), Frame::Recover { skip: 0, .. }));
        bench.expect_packet(90, 3);
    }

    #[test]
    fn numbers_without_sound_are_passed_over() {
        let mut bench = Bench::new();
        let at_number = |sequence, frame: u64| Packet { timestamp: frame * 960, ..packet(sequence) };
        bench.arrive(0, 0);
        for (sequence, frame) in [(3, 1), (4, 2), (8, 3)] {
            let at = bench.at(frame * 20);
            bench.buffer.handle_packet(at_number(sequence, frame), at);
        }
        bench.expect_packet(30, 0);
        for (ms, sequence, frame) in [(50, 3, 1), (70, 4, 2), (90, 8, 3)] {
            assert_eq!(bench.poll(ms), Frame::Decode(at_number(sequence, frame)));
        }
        assert_eq!(bench.buffer.counts(), JitterCounts::default());
    }

    #[test]
    fn a_packet_that_is_lost_among_numbers_without_sound_is_recovered() {
        let mut bench = Bench::new();
        let next = Packet { timestamp: 2 * 960, ..packet(4) };
        bench.arrive(0, 0);
        let at = bench.at(40);
        bench.buffer.handle_packet(next.clone(), at);
        bench.expect_packet(30, 0);
        assert_eq!(bench.poll(50), Frame::Recover { next: &next, samples: 960, skip: 0 });
        assert_eq!(bench.poll(70), Frame::Decode(next));
    }

    #[test]
    fn a_packet_after_its_turn_is_late_and_a_second_copy_is_nothing() {
        let mut bench = Bench::new();
        bench.arrive(0, 0);
        bench.arrive(0, 5);
        bench.arrive(2, 40);
        bench.expect_packet(30, 0);
        assert!(matches!(bench.poll(50), Frame::Recover { .. }));
        bench.arrive(1, 55);
        bench.arrive(1, 56);
        bench.arrive(0, 57);
        bench.expect_packet(70, 2);
        assert_eq!(bench.buffer.counts().late, 1);
    }

    #[test]
    fn a_peer_that_pauses_is_concealed_briefly_and_then_silent() {
        let mut bench = Bench::new();
        bench.arrive(0, 0);
        bench.expect_packet(30, 0);
        let concealed = (5..100).filter(|step| bench.poll(step * 10) != Frame::Silence).count();
        assert_eq!(concealed, 12);
        bench.arrive(1, 1000);
        assert_eq!(bench.poll(1010), Frame::Silence);
        bench.expect_packet(1030, 1);
    }

    #[test]
    fn another_source_starts_anew() {
        let mut bench = Bench::new();
        for sequence in 0..10 {
            bench.arrive(sequence, sequence * 20);
        }
        bench.expect_packet(30, 0);
        let other = Packet { timestamp: 3_000_000_000, ..packet(40_000) };
        let at = bench.at(200);
        bench.buffer.handle_packet(other.clone(), at);
        assert_eq!(bench.poll(210), Frame::Silence);
        assert_eq!(bench.poll(230), Frame::Decode(other));
    }

    #[test]
    fn timestamps_may_wrap() {
        let mut bench = Bench::new();
        let near_wrap = u64::from(u32::MAX) - 959;
        for sequence in 0..4 {
            let wrapped = Packet { timestamp: (near_wrap + sequence * 960) & 0xffff_ffff, ..packet(sequence) };
            let at = bench.at(sequence * 20);
            bench.buffer.handle_packet(wrapped, at);
        }
        for sequence in 0..4 {
            let frame = bench.poll(30 + sequence * 20);
            assert!(matches!(frame, Frame::Decode(packet) if packet.sequence == sequence));
        }
    }

    #[test]
    fn a_burst_after_a_stall_is_not_heard_out() {
        let mut bench = Bench::new();
        for sequence in 0..3 {
            bench.arrive(sequence, sequence * 20);
        }
        for (ms, sequence) in [(30, 0), (50, 1), (70, 2)] {
            bench.expect_packet(ms, sequence);
        }
        for step in 9..100 {
            bench.poll(step * 10);
        }
        for sequence in 3..50 {
            bench.arrive(sequence, 1000);
        }
        let played = (0..50).filter(|step| matches!(bench.poll(1060 + step * 20), Frame::Decode(_))).count();
        assert!(played <= 18, "{played} packets of the burst were played");
        assert!(bench.buffer.counts().late >= 29);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Arrive { sequence: u64, timestamp: u64, samples: usize },
        Poll { buffered: usize },
        Correct(i64),
        Wait(u64),
        Reset,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let samples = prop::sample::select(vec![120_usize, 480, 960, 2880, 5760]);
        let plausible = (0_u64..200, samples.clone()).prop_map(|(sequence, samples)| Step::Arrive {
            sequence,
            timestamp: sequence * 960,
            samples,
        });
        let wild = (any::<u64>(), any::<u64>(), samples).prop_map(|(sequence, timestamp, samples)| Step::Arrive {
            sequence,
            timestamp,
            samples,
        });
        let step = prop_oneof![
            8 => plausible,
            1 => wild,
            8 => (0_usize..480).prop_map(|buffered| Step::Poll { buffered }),
            1 => (-480_i64..480).prop_map(Step::Correct),
            8 => (0_u64..40).prop_map(Step::Wait),
            1 => Just(Step::Reset),
        ];
        proptest::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_breaks_the_buffer(steps in steps()) {
            let start = Instant::now();
            let mut now = start;
            let mut buffer = JitterBuffer::new(start);
            let mut played_since_reset = std::collections::HashSet::new();
            let mut held = 0_usize;
            for step in steps {
                match step {
                    Step::Arrive { sequence, timestamp, samples } => {
                        let packet = Packet { sequence, timestamp, samples, has_fec: sequence % 2 == 0, payload: () };
                        buffer.handle_packet(packet, now);
                        if buffer.seen.iter().flatten().eq([&sequence]) {
                            // It started another stream, in which numbers may return.
                            played_since_reset.clear();
                        }
                        held = buffer.slots.iter().flatten().count();
                        prop_assert!(held <= CAPACITY as usize);
                    }
                    Step::Poll { buffered } => {
                        let paused = matches!(buffer.state, State::Empty { .. });
                        if paused {
                            prop_assert_eq!(held, 0);
                        }
                        match buffer.poll_frame(now, buffered) {
                            Frame::Silence => {}
                            Frame::Decode(packet) => {
                                prop_assert!(played_since_reset.insert(packet.sequence));
                            }
                            Frame::Recover { samples, skip, .. } => prop_assert!(skip < samples && samples <= 5760),
                            Frame::Conceal { samples } => prop_assert!((1..=5760).contains(&samples)),
                        }
                        held = buffer.slots.iter().flatten().count();
                        let _ = buffer.correction();
                    }
                    Step::Correct(samples) => buffer.handle_corrected(samples),
                    Step::Wait(ms) => now += Duration::from_millis(ms),
                    Step::Reset => {
                        buffer.reset();
                        held = 0;
                        played_since_reset.clear();
                    }
                }
            }
        }
    }
}
