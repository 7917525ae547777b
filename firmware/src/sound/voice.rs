//! The visitor's voice on its way out: processing, encoding, the gate. Its own thread, because processing allocates.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::codec::VoiceEncoder;
use super::processing::Enhancements;
use super::shared::Shared;
use super::{BLOCK, Block, OpusPacket, SoundEvent};

/// What comes in, in the order in which it happened: the echo canceller lives on that order.
pub(super) enum VoiceInput {
    /// The microphone's next 10 ms and when their first sample was captured.
    Captured(Block, Instant),
    /// What the speaker was just given.
    Played(Block),
    /// Health should be passed on.
    HealthChanged,
}

/// 10 ms blocks that may wait for the thread; with a full queue the newest is dropped and counted.
pub(super) const QUEUE: usize = 32;

const BLOCK_DURATION: Duration = Duration::from_millis(10);

/// A hole between two blocks that is larger than this advances the timestamp.
const GAP: Duration = Duration::from_millis(20);

/// Runs until every sender is gone or `shared` says to stop.
pub(super) fn run(
    shared: &Shared,
    inputs: &Receiver<VoiceInput>,
    enhancements: Enhancements,
    events: &Sender<SoundEvent>,
) {
    let mut processor = enhancements.processor();
    let mut outgoing = match Outgoing::new() {
        Ok(outgoing) => outgoing,
        Err(error) => {
            tracing::error!(%error, "the Opus encoder does not start: the visitor cannot be heard");
            return;
        }
    };
    while !shared.is_stopping() {
        match inputs.recv_timeout(Duration::from_millis(100)) {
            Ok(VoiceInput::Captured(mut block, at)) => {
                processor.process(&mut block);
                if let Some(packet) = outgoing.handle_block(&block, at)
                    && shared.conversation().is_some()
                {
                    send_packet(shared, events, packet);
                }
            }
            Ok(VoiceInput::Played(block)) => processor.handle_played(&block),
            Ok(VoiceInput::HealthChanged) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        send_health(shared, events);
    }
}

/// Sound that nobody fetches is worthless a moment later: it is dropped, not kept.
fn send_packet(shared: &Shared, events: &Sender<SoundEvent>, packet: OpusPacket) {
    if let Err(TrySendError::Full(_)) = events.try_send(SoundEvent::Packet(packet)) {
        shared.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Health is never dropped: when the queue is full it is sent with the next input.
pub(super) fn send_health(shared: &Shared, events: &Sender<SoundEvent>) {
    let Some((microphone, speaker)) = shared.take_changed_health() else {
        return;
    };
    let event = SoundEvent::Health { microphone, speaker };
    if let Err(TrySendError::Full(_)) = events.try_send(event) {
        shared.keep_changed_health();
    }
}

/// Encodes blocks and gives the packets their timestamps.
struct Outgoing {
    encoder: VoiceEncoder,
    timestamp: u64,
    last_block: Option<Instant>,
    packet_timestamp: u64,
    packet_captured_at: Option<Instant>,
}

impl Outgoing {
    fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            encoder: VoiceEncoder::new()?,
            timestamp: 0,
            last_block: None,
            packet_timestamp: 0,
            packet_captured_at: None,
        })
    }

    fn handle_block(&mut self, block: &Block, at: Instant) -> Option<OpusPacket> {
        if let Some(last) = self.last_block.replace(at) {
            let gap = at.saturating_duration_since(last + BLOCK_DURATION);
            if gap >= GAP {
                // The card lost sound or was away: time went on, and so does the timestamp.
                let blocks = (gap.as_micros() + 5_000) / BLOCK_DURATION.as_micros();
                self.timestamp += blocks as u64 * BLOCK as u64;
                self.encoder.discard_partial();
            }
        }
        if self.encoder.at_packet_start() {
            self.packet_timestamp = self.timestamp;
            self.packet_captured_at = Some(at);
        }
        self.timestamp += BLOCK as u64;
        match self.encoder.encode(block) {
            Ok(data) => Some(OpusPacket {
                data: data?,
                timestamp: self.packet_timestamp,
                captured_at: self.packet_captured_at.unwrap_or(at),
            }),
            Err(error) => {
                tracing::debug!(%error, "a packet could not be encoded");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::shared::{DeviceHealth, Side};

    #[test]
    fn timestamps_count_samples_and_capture_time_is_the_first_blocks() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new().unwrap();
        let packets: Vec<OpusPacket> =
            (0..10).filter_map(|index| outgoing.handle_block(&[0.0; BLOCK], start + BLOCK_DURATION * index)).collect();
        assert_eq!(packets.len(), 5);
        for (index, packet) in packets.iter().enumerate() {
            assert_eq!(packet.timestamp, index as u64 * 960);
            assert_eq!(packet.captured_at, start + BLOCK_DURATION * 2 * index as u32);
        }
    }

    #[test]
    fn a_hole_in_the_capture_advances_the_timestamp() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new().unwrap();
        let mut at = start;
        for _ in 0..3 {
            outgoing.handle_block(&[0.0; BLOCK], at);
            at += BLOCK_DURATION;
        }
        at += Duration::from_millis(500);
        assert!(outgoing.handle_block(&[0.0; BLOCK], at).is_none());
        let packet = outgoing.handle_block(&[0.0; BLOCK], at + BLOCK_DURATION).unwrap();
        assert_eq!(packet.timestamp, 3 * 480 + 50 * 480);
        assert_eq!(packet.captured_at, at);
    }

    #[test]
    fn uneven_wake_ups_do_not_advance_the_timestamp() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new().unwrap();
        let mut newest = 0;
        for index in 0..100_u32 {
            let late = Duration::from_millis(u64::from(index % 3) * 7);
            let at = start + BLOCK_DURATION * index + late;
            if let Some(packet) = outgoing.handle_block(&[0.0; BLOCK], at) {
                newest = packet.timestamp;
            }
        }
        assert_eq!(newest, 49 * 960);
    }

    #[test]
    fn health_that_finds_the_queue_full_is_sent_later() {
        let shared = Shared::new();
        let (sender, mut events) = tokio::sync::mpsc::channel(1);
        shared.note_health(Side::Microphone, DeviceHealth::Working);
        shared.note_health(Side::Speaker, DeviceHealth::Working);
        send_health(&shared, &sender);
        shared.note_health(Side::Speaker, DeviceHealth::Absent);
        send_health(&shared, &sender);
        let told = |events: &mut tokio::sync::mpsc::Receiver<SoundEvent>| match events.try_recv() {
            Ok(SoundEvent::Health { speaker, .. }) => Some(speaker),
            Ok(SoundEvent::Packet(_)) | Err(_) => None,
        };
        assert_eq!(told(&mut events), Some(DeviceHealth::Working));
        assert_eq!(told(&mut events), None);
        send_health(&shared, &sender);
        assert_eq!(told(&mut events), Some(DeviceHealth::Absent));
    }
}
