//! What all peers of a daemon have in common: crypto, the certificate, codecs, congestion control.

use std::time::Instant;

use doorway_proto::control::MAX_CONTROL_BYTES;
use str0m::bwe::Bitrate;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::media::Pt;
use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

use super::{PeerError, START_ESTIMATE};
use crate::H264_PROFILE_LEVEL_ID;

/// The header extension id of playout-delay, free in str0m's standard map.
const PLAYOUT_DELAY_ID: u8 = 5;
pub(super) const H264_PT: u8 = 102;
const H264_RTX_PT: u8 = 103;

/// Makes the [`Rtc`] of each peer. The DTLS certificate is made once, as it takes longer than anything else in an
/// offer.
pub struct PeerFactory {
    certificate: DtlsCert,
    profile_level_id: u32,
    enough: Bitrate,
}

impl PeerFactory {
    /// Installs the crypto provider for the process and makes the certificate. No way to a client is asked to carry more than
    /// `most_bps`, sound and repeats included.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn new(most_bps: u64) -> Result<Self, PeerError> {
        let provider: CryptoProvider = str0m::crypto::from_feature_flags();
        let certificate = provider
            .dtls_provider
            .generate_certificate()
            .ok_or_else(|| PeerError::Offer("the crypto library made no certificate".into()))?;
        provider.install_process_default();
        let profile_level_id =
            u32::from_str_radix(H264_PROFILE_LEVEL_ID, 16).expect("the profile-level-id is six hexadecimal digits");
        Ok(Self { certificate, profile_level_id, enough: Bitrate::bps(most_bps).max(START_ESTIMATE) })
    }

    pub(super) fn enough(&self) -> Bitrate {
        self.enough
    }

    pub(super) fn rtc(&self, now: Instant) -> Rtc {
        let mut config = RtcConfig::new()
            .set_dtls_cert(self.certificate.clone())
            .clear_codecs()
            // Redundant audio (RFC 2198) beside Opus' own FEC: a lost packet comes again with the next one.
            .enable_opus(true, true)
            // The station's own jitter buffer puts packets in order.
            .set_reordering_size_audio(0)
            // Above our own limit: SCTP breaks off without a word, and who sent too much is to be told so.
            .set_sctp_max_message_size(4 * MAX_CONTROL_BYTES as u32)
            .set_extension(PLAYOUT_DELAY_ID, Extension::PlayoutDelay)
            .enable_bwe(Some(START_ESTIMATE));
        // Constrained baseline alone, as the encoder makes it: every browser has it, and the SPS equals the SDP.
        config.codec_config().add_h264(
            Pt::new_with_value(H264_PT),
            Some(Pt::new_with_value(H264_RTX_PT)),
            true,
            self.profile_level_id,
        );
        let mut rtc = config.build(now);
        rtc.bwe().set_bitrate(Bitrate::ZERO, self.enough);
        rtc
    }
}

/// What the offer says of its H.264.
pub(super) fn h264_parameters() -> String {
    format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={H264_PROFILE_LEVEL_ID}")
}
