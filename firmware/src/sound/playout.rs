//! From packets to the sound of the next 10 ms: jitter buffer, decoder, concealment, correction of the delay.

use std::time::{Duration, Instant};

use opus::Channels;

use super::codec::{MAX_PACKET_SAMPLES, carries_fec, packet_samples};
use super::jitter::{Correction, Frame, JitterBuffer, JitterCounts, Packet};
use super::level::rms_dbfs;
use super::stretch;
use super::{BLOCK, Block, SAMPLE_RATE};

/// The largest packet that is taken: what fits into a datagram on every path.
pub(super) const MAX_PACKET_BYTES: usize = 1400;

/// Below this a concealed block was not worth hearing.
const SILENT_DBFS: f32 = -60.0;

/// An Opus packet in place, so that the sound card's thread neither allocates nor frees.
#[derive(Clone)]
pub(super) struct Payload {
    length: usize,
    bytes: [u8; MAX_PACKET_BYTES],
}

impl Payload {
    /// `None` when the packet is empty or larger than [`MAX_PACKET_BYTES`].
    pub(super) fn new(packet: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_PACKET_BYTES];
        bytes.get_mut(..packet.len())?.copy_from_slice(packet);
        (!packet.is_empty()).then_some(Self { length: packet.len(), bytes })
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} bytes", self.length)
    }
}

/// What was heard of the network's sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PlayoutCounts {
    /// Samples of network sound that were played, concealed ones included.
    pub(super) played: u64,
    /// Samples that were made up because their packet was not there.
    pub(super) concealed: u64,
    /// Those of them that were too quiet to be missed.
    pub(super) concealed_silent: u64,
    /// Packets that could not be read.
    pub(super) malformed: u64,
    /// What happened to packets.
    pub(super) jitter: JitterCounts,
}

/// Turns packets into a steady stream of blocks. Neither blocks nor allocates after it is made.
pub(super) struct Playout {
    jitter: JitterBuffer<Payload>,
    decoder: opus::Decoder,
    /// Decoded samples that wait to be played are `decoded[start..end]`.
    decoded: Box<[f32]>,
    start: usize,
    end: usize,
    counts: PlayoutCounts,
}

impl Playout {
    /// # Errors
    /// Says what libopus refused.
    pub(super) fn new(origin: Instant) -> Result<Self, opus::Error> {
        Ok(Self {
            jitter: JitterBuffer::new(origin),
            decoder: opus::Decoder::new(SAMPLE_RATE, Channels::Mono)?,
            decoded: vec![0.0; MAX_PACKET_SAMPLES + 3 * BLOCK].into_boxed_slice(),
            start: 0,
            end: 0,
            counts: PlayoutCounts::default(),
        })
    }

    /// Forgets the stream, for a new conversation. The counts go on.
    pub(super) fn reset(&mut self) {
        self.jitter.reset();
        self.start = 0;
        self.end = 0;
        if let Err(error) = self.decoder.reset_state() {
            tracing::debug!(%error, "the Opus decoder could not be reset");
        }
    }

    /// Takes in a packet that arrived at `arrived`.
    pub(super) fn handle_packet(&mut self, sequence: u64, timestamp: u64, payload: Payload, arrived: Instant) {
        let Some(samples) = packet_samples(payload.as_slice()) else {
            self.counts.malformed += 1;
            return;
        };
        let packet = Packet { sequence, timestamp, samples, has_fec: carries_fec(payload.as_slice()), payload };
        self.jitter.handle_packet(packet, arrived);
    }

    /// Fills `block` with the next 10 ms and says whether there was anything to play.
    pub(super) fn fetch(&mut self, now: Instant, block: &mut Block) -> bool {
        while self.buffered() < BLOCK {
            if !self.decode_next(now) {
                break;
            }
        }
        let ready = self.buffered().min(BLOCK);
        block[..ready].copy_from_slice(&self.decoded[self.start..self.start + ready]);
        block[ready..].fill(0.0);
        self.start += ready;
        self.counts.played += ready as u64;
        ready > 0
    }

    /// How late sound is played, see [`JitterBuffer::delay`].
    pub(super) fn delay(&self) -> Duration {
        self.jitter.delay()
    }

    pub(super) fn counts(&self) -> PlayoutCounts {
        PlayoutCounts { jitter: self.jitter.counts(), ..self.counts }
    }

    fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// Appends the next frame to what is decoded; `false` when there is none.
    fn decode_next(&mut self, now: Instant) -> bool {
        self.decoded.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let from = self.end;
        let room = &mut self.decoded[from..];

        match self.jitter.poll_frame(now, from) {
            Frame::Silence => false,
            Frame::Decode(packet) => {
                let result = self.decoder.decode_float(packet.payload.as_slice(), &mut room[..packet.samples], false);
                match result {
                    Ok(samples) => self.end = from + self.corrected(from, samples),
                    Err(_) => {
                        self.counts.malformed += 1;
                        self.conceal(from, packet.samples);
                    }
                }
                true
            }
            Frame::Recover { next, samples, skip } => {
                let packet = next.payload.as_slice();
                match self.decoder.decode_float(packet, &mut room[..samples], true) {
                    Ok(decoded) => {
                        room.copy_within(skip.min(decoded)..decoded, 0);
                        self.end = from + decoded.saturating_sub(skip);
                    }
                    Err(_) => self.conceal(from, samples - skip),
                }
                true
            }
            Frame::Conceal { samples } => {
                self.conceal(from, samples);
                true
            }
        }
    }

    /// Lets the decoder make up `samples` samples. Opus does so in steps of 2.5 ms; what a step is short of is
    /// silent.
    fn conceal(&mut self, from: usize, samples: usize) {
        const STEP: usize = 120;
        let made = &mut self.decoded[from..from + samples];
        made.fill(0.0);
        let whole = samples - samples % STEP;
        if whole > 0 && self.decoder.decode_float(&[], &mut made[..whole], false).is_err() {
            made.fill(0.0);
        }
        self.end = from + samples;
        self.counts.concealed += samples as u64;
        let mut heard = [0.0; BLOCK];
        for part in self.decoded[from..self.end].chunks(BLOCK) {
            heard[..part.len()].copy_from_slice(part);
            heard[part.len()..].fill(0.0);
            if rms_dbfs(&heard) < SILENT_DBFS {
                self.counts.concealed_silent += part.len() as u64;
            }
        }
    }

    /// Changes the length of the frame that was just decoded, if the delay asks for it; returns its length.
    fn corrected(&mut self, from: usize, samples: usize) -> usize {
        let frame = &mut self.decoded[from..];
        let corrected = match self.jitter.correction() {
            Correction::Keep => return samples,
            Correction::Shorten => stretch::shorten(frame, samples),
            Correction::Lengthen => stretch::lengthen(frame, samples),
        };
        if corrected != samples {
            self.jitter.handle_corrected(corrected as i64 - samples as i64);
        }
        corrected
    }
}

#[cfg(test)]
#[path = "playout_tests.rs"]
mod tests;
