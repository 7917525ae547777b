//! Opus: the station's voice is encoded here, and what a packet from the network holds is read here.

use std::sync::Arc;

use opus::{Application, Bitrate, Channels, Signal};

use super::{BLOCK, Block, SAMPLE_RATE};

/// Samples per packet that the station sends: 20 ms.
pub(super) const FRAME: usize = 2 * BLOCK;

/// The longest packet that Opus allows: 120 ms (RFC 6716, section 3.2.5).
pub(super) const MAX_PACKET_SAMPLES: usize = 5760;

/// The largest Opus frame (RFC 6716, section 3.2.1).
const MAX_FRAME_BYTES: usize = 1275;

/// Encodes 10 ms blocks into 20 ms packets.
#[derive(Debug)]
pub(super) struct VoiceEncoder {
    encoder: opus::Encoder,
    pending: [f32; FRAME],
    filled: usize,
}

impl VoiceEncoder {
    /// 32 kbit/s with in-band FEC sized for 10 % loss.
    ///
    /// Complexity 5 sounds as good on speech as 10 and costs 10 rather than 16 ms of CPU per second. The signal
    /// is declared to be voice because Opus carries FEC in its speech modes only.
    ///
    /// # Errors
    /// Says what libopus refused.
    pub(super) fn new() -> Result<Self, opus::Error> {
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(32_000))?;
        encoder.set_complexity(5)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(10)?;
        encoder.set_dtx(false)?;
        Ok(Self { encoder, pending: [0.0; FRAME], filled: 0 })
    }

    /// Takes 10 ms in; every second one completes a packet.
    ///
    /// # Errors
    /// Says what libopus refused; the next block starts a new packet.
    pub(super) fn encode(&mut self, block: &Block) -> Result<Option<Arc<[u8]>>, opus::Error> {
        self.pending[self.filled..self.filled + BLOCK].copy_from_slice(block);
        self.filled += BLOCK;
        if self.filled < FRAME {
            return Ok(None);
        }
        self.filled = 0;
        let mut packet = [0; MAX_FRAME_BYTES];
        let length = self.encoder.encode_float(&self.pending, &mut packet)?;
        Ok(Some(Arc::from(&packet[..length])))
    }

    /// Forgets a half-filled packet, because what comes next does not follow it.
    pub(super) fn discard_partial(&mut self) {
        self.filled = 0;
    }

    /// Whether the next block begins a packet.
    pub(super) fn at_packet_start(&self) -> bool {
        self.filled == 0
    }
}

/// How many samples at 48 kHz a packet lasts; `None` for what is no Opus packet (RFC 6716, section 3.1).
pub(super) fn packet_samples(packet: &[u8]) -> Option<usize> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        0..=11 => [480, 960, 1920, 2880][usize::from(toc >> 3 & 3)],
        12..=15 => [480, 960][usize::from(toc >> 3 & 1)],
        _ => [120, 240, 480, 960][usize::from(toc >> 3 & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames).filter(|samples| (1..=MAX_PACKET_SAMPLES).contains(samples))
}

/// Whether the packet carries a coarse copy of the one before it (LBRR, RFC 6716, section 4.2.3).
///
/// Without one libopus quietly conceals where recovery was asked for, so it is read here to count honestly.
/// Packets with an explicit frame count (code 3) are said to have none.
pub(super) fn carries_fec(packet: &[u8]) -> bool {
    let Some(toc) = packet.first() else {
        return false;
    };
    if toc & 0x80 != 0 {
        return false;
    }
    let first_frame = match toc & 3 {
        0 | 1 => 1,
        2 if packet.get(1).is_some_and(|length| *length >= 252) => 3,
        2 => 2,
        _ => return false,
    };
    let Some(header) = packet.get(first_frame) else {
        return false;
    };
    let frame_samples = packet_samples(&packet[..1]).unwrap_or(0) / if toc & 3 == 0 { 1 } else { 2 };
    let silk_frames = (frame_samples / 960).max(1);
    let stereo = toc & 4 != 0;
    let middle = header >> (7 - silk_frames) & 1 == 1;
    let side = stereo && silk_frames <= 3 && header >> (6 - 2 * silk_frames.min(3)) & 1 == 1;
    middle || side
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::tone::BreathingTone;
    use proptest::prelude::*;

    pub(crate) fn packets(count: usize) -> Vec<Arc<[u8]>> {
        let mut encoder = VoiceEncoder::new().unwrap();
        let mut tone = BreathingTone::new(440.0, 0.3);
        let mut block = [0.0; BLOCK];
        let mut packets = Vec::new();
        while packets.len() < count {
            tone.fill(&mut block);
            packets.extend(encoder.encode(&block).unwrap());
        }
        packets
    }

    #[test]
    fn every_second_block_makes_a_packet_of_20_ms() {
        let mut encoder = VoiceEncoder::new().unwrap();
        assert!(encoder.encode(&[0.0; BLOCK]).unwrap().is_none());
        let packet = encoder.encode(&[0.0; BLOCK]).unwrap().unwrap();
        assert_eq!(packet_samples(&packet), Some(FRAME));
    }

    #[test]
    fn a_discarded_half_packet_does_not_return() {
        let mut encoder = VoiceEncoder::new().unwrap();
        assert!(encoder.encode(&[0.0; BLOCK]).unwrap().is_none());
        encoder.discard_partial();
        assert!(encoder.at_packet_start());
        assert!(encoder.encode(&[0.0; BLOCK]).unwrap().is_none());
    }

    #[test]
    fn the_station_sends_fec_with_its_packets() {
        let packets = packets(250);
        let with_fec = packets[50..].iter().filter(|packet| carries_fec(packet)).count();
        assert!(with_fec > 180, "{with_fec} of 200 packets");
    }

    #[test]
    fn the_bitrate_stays_near_32_kbit() {
        let bytes: usize = packets(250).iter().map(|packet| packet.len()).sum();
        assert!((10_000..26_000).contains(&bytes), "{bytes} bytes in 5 s");
    }

    #[test]
    fn what_is_no_packet_has_no_length() {
        assert_eq!(packet_samples(&[]), None);
        assert_eq!(packet_samples(&[3]), None);
        assert_eq!(packet_samples(&[3, 0]), None);
        assert!(!carries_fec(&[]));
        assert!(!carries_fec(&[0]));
    }

    proptest! {
        #[test]
        fn lengths_agree_with_libopus(packet in proptest::collection::vec(any::<u8>(), 1..40)) {
            let libopus = opus::packet::get_nb_samples(&packet, 48_000).ok().filter(|n| *n > 0);
            prop_assert_eq!(packet_samples(&packet), libopus);
            let _ = carries_fec(&packet);
        }
    }
}
