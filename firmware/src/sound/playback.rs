//! The loop that keeps a speaker playing: the other side's voice and the chimes.
//!
//! Packets are decoded here, on the speaker's own thread, when the card has room for the next 10 ms. That is the
//! last moment, so a late packet still counts and no decoded sound waits in a queue; libopus decodes on the
//! stack in a fraction of a millisecond, so the thread stays free of allocation.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use super::chime::ChimePlayer;
use super::device::{DeviceError, Speaker, report, supervise};
use super::level::{Meter, rms_dbfs};
use super::playout::{Payload, Playout};
use super::shared::{DeviceHealth, Shared, Side};
use super::voice::VoiceInput;
use super::{BLOCK, Block};

/// The level from which on a visitor hears the other side.
const HEARD_DBFS: f32 = -50.0;

/// Packets on their way to the speaker's thread; with a full queue the newest is dropped and counted.
pub(super) const QUEUE: usize = 32;

/// A packet on its way from the event loop.
pub(super) struct Incoming {
    pub(super) conversation: u64,
    pub(super) sequence: u64,
    pub(super) timestamp: u64,
    pub(super) arrived: Instant,
    pub(super) payload: Payload,
}

/// Runs until `shared` says to stop.
pub(super) fn run<S: Speaker>(
    shared: &Shared,
    packets: &Receiver<Incoming>,
    voice: &SyncSender<VoiceInput>,
    wants_reference: bool,
    open: impl FnMut() -> Result<S, DeviceError>,
) {
    let mut mixer = match Mixer::new() {
        Ok(mixer) => mixer,
        Err(error) => {
            let reason = format!("the Opus decoder does not start: {error}");
            report(shared, Side::Speaker, voice, DeviceHealth::Missing { reason });
            return;
        }
    };
    supervise(shared, Side::Speaker, voice, open, |speaker| {
        // What came in while there was no speaker is old.
        while packets.try_recv().is_ok() {}
        mixer.playout.reset();
        let mut works = false;
        while !shared.is_stopping() {
            if !speaker.wait()? {
                continue;
            }
            let block = mixer.next_block(shared, packets);
            speaker.write(&block)?;
            shared.played_blocks.fetch_add(1, Ordering::Relaxed);
            if !works {
                works = true;
                report(shared, Side::Speaker, voice, DeviceHealth::Working);
            }
            if wants_reference && voice.try_send(VoiceInput::Played(block)).is_err() {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    });
}

/// Makes the block that the speaker plays next.
struct Mixer {
    playout: Playout,
    chimes: ChimePlayer,
    meter: Meter,
    conversation: Option<u64>,
}

impl Mixer {
    fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            playout: Playout::new(Instant::now())?,
            chimes: ChimePlayer::new(),
            meter: Meter::new(),
            conversation: None,
        })
    }

    fn next_block(&mut self, shared: &Shared, packets: &Receiver<Incoming>) -> Block {
        self.follow(shared.conversation());
        while let Ok(packet) = packets.try_recv() {
            // The first packets of a new conversation may be here before its number was looked at.
            if Some(packet.conversation) > self.conversation {
                self.follow(Some(packet.conversation));
            }
            if Some(packet.conversation) == self.conversation {
                self.playout.handle_packet(packet.sequence, packet.timestamp, packet.payload, packet.arrived);
            }
        }

        let mut block = [0.0; BLOCK];
        if let Some(conversation) = self.conversation
            && self.playout.fetch(Instant::now(), &mut block)
            && rms_dbfs(&block) > HEARD_DBFS
        {
            shared.note_heard(conversation);
        }
        if let Some(chime) = shared.take_chime() {
            self.chimes.start(chime);
        }
        self.chimes.mix_into(&mut block);
        for sample in &mut block {
            *sample = sample.clamp(-1.0, 1.0);
        }
        shared.set_level(Side::Speaker, self.meter.measure(&block));
        shared.note_playout(self.playout.counts(), self.playout.delay());
        block
    }

    fn follow(&mut self, conversation: Option<u64>) {
        if conversation != self.conversation {
            self.conversation = conversation;
            self.playout.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::codec::VoiceEncoder;
    use crate::sound::tone::Tone;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    fn loud_packet(conversation: u64, sequence: u64) -> Incoming {
        let mut encoder = VoiceEncoder::new().unwrap();
        let mut block = [0.0; BLOCK];
        let mut tone = Tone::new(440.0, 0.5);
        let data = loop {
            tone.fill(&mut block);
            if let Some(data) = encoder.encode(&block).unwrap() {
                break data;
            }
        };
        Incoming {
            conversation,
            sequence,
            timestamp: sequence * 960,
            // Long enough ago to be played at once.
            arrived: Instant::now().checked_sub(Duration::from_millis(100)).unwrap(),
            payload: Payload::new(&data).unwrap(),
        }
    }

    #[test]
    fn only_the_conversation_that_goes_on_is_heard() {
        let shared = Shared::new();
        let (sender, packets) = sync_channel(8);
        let mut mixer = Mixer::new().unwrap();
        shared.set_conversation(Some(2));
        sender.send(loud_packet(1, 0)).unwrap();
        assert_eq!(mixer.next_block(&shared, &packets), [0.0; BLOCK]);
        assert_eq!(shared.stats().heard_at, None);
        sender.send(loud_packet(2, 0)).unwrap();
        assert!(rms_dbfs(&mixer.next_block(&shared, &packets)) > -50.0);
        assert!(shared.stats().heard_at.is_some());
        shared.set_conversation(None);
        assert_eq!(mixer.next_block(&shared, &packets), [0.0; BLOCK]);
    }

    #[test]
    fn the_first_packets_of_a_conversation_are_kept() {
        let shared = Shared::new();
        let (sender, packets) = sync_channel(8);
        let mut mixer = Mixer::new().unwrap();
        // The packet overtakes the news that a conversation began.
        sender.send(loud_packet(1, 0)).unwrap();
        mixer.next_block(&shared, &packets);
        assert_eq!(mixer.conversation, Some(1));
    }

    #[test]
    fn chimes_are_mixed_in_and_never_exceed_full_scale() {
        let shared = Shared::new();
        let (_sender, packets) = sync_channel::<Incoming>(8);
        let mut mixer = Mixer::new().unwrap();
        shared.ask_for_chime(crate::sound::Chime::Refused);
        let mut loudest = 0.0_f32;
        for _ in 0..50 {
            let block = mixer.next_block(&shared, &packets);
            loudest = block.iter().fold(loudest, |most, sample| most.max(sample.abs()));
        }
        assert!((0.05..=1.0).contains(&loudest));
        assert!(shared.stats().speaker_dbfs > -40.0);
    }
}
