//! Sound whose source the answer did not announce and whose packets say no MID: it belongs to the media line that its
//! payload type fits (RFC 8843, section 9.2).

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Mid, Pt};
use str0m::rtp::Ssrc;

use super::allowance::Allowance;

/// While sound comes, no other source is taken for it: a forged datagram would cut it off.
const SILENT: Duration = Duration::from_secs(1);
/// How many sources are taken at once, and how many more each second: str0m remembers a little of each to the end.
const SOURCE_BURST: f64 = 200.0;
const SOURCES_PER_SECOND: f64 = 20.0;

/// The source that was taken for the client's sound, and what is known of others.
pub(super) struct Undeclared {
    /// The media line of the client's sound.
    mid: Option<Mid>,
    payload_types: Vec<Pt>,
    taken: Option<Ssrc>,
    allowance: Allowance,
    /// The last source that str0m knew.
    known: Option<Ssrc>,
    heard_at: Option<Instant>,
}

impl Undeclared {
    /// Nothing is agreed on yet, and nothing is taken.
    pub(super) fn new(now: Instant) -> Self {
        let allowance = Allowance::new(SOURCE_BURST, SOURCES_PER_SECOND, now);
        Self { mid: None, payload_types: Vec::new(), taken: None, allowance, known: None, heard_at: None }
    }

    /// Notes the media line of the client's sound and the payload types that were agreed on for it.
    pub(super) fn agree(&mut self, mid: Mid, payload_types: impl Iterator<Item = Pt>) {
        self.mid = Some(mid);
        self.payload_types = payload_types.collect();
    }

    /// Notes that sound came, whatever its source.
    pub(super) fn handle_sound(&mut self, now: Instant) {
        self.heard_at = Some(now);
    }

    /// Looks at a datagram that `rtc` has had; true when its source is expected from now on and it has to be given again.
    pub(super) fn expect(&mut self, rtc: &mut Rtc, datagram: &[u8], now: Instant) -> bool {
        let (Some(mid), Some((payload_type, ssrc))) = (self.mid, rtp_source(datagram)) else { return false };
        if self.known == Some(ssrc) || !self.payload_types.iter().any(|known| **known == payload_type) {
            return false;
        }
        let mut streams = rtc.direct_api();
        if streams.stream_rx(&ssrc).is_some() {
            self.known = Some(ssrc);
            return false;
        }
        let is_heard = self.heard_at.is_some_and(|heard_at| now.saturating_duration_since(heard_at) < SILENT);
        if is_heard || !self.allowance.take(now) {
            return false;
        }
        if let Some(before) = self.taken.replace(ssrc) {
            streams.remove_stream_rx(before);
        }
        streams.expect_stream_rx(ssrc, None, mid, None);
        self.known = Some(ssrc);
        true
    }
}

/// Payload type and source of an RTP packet, which SRTP leaves readable. RTCP on the same port (RFC 5761) is none.
fn rtp_source(datagram: &[u8]) -> Option<(u8, Ssrc)> {
    let header = datagram.first_chunk::<12>()?;
    let payload_type = header[1] & 0x7f;
    if header[0] >> 6 != 2 || (64..96).contains(&payload_type) {
        return None;
    }
    let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    Some((payload_type, ssrc.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtp_has_a_source() {
        let rtp = [0x80, 0x80 | 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(rtp_source(&rtp), Some((111, 7.into())));
        let receiver_report = [0x80, 201, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(rtp_source(&receiver_report), None);
        assert_eq!(rtp_source(&rtp[..11]), None);
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0];
        assert_eq!(rtp_source(&stun), None);
    }
}
