//! A connection that somebody else offers: a unit, or a viewer of another kind.

use std::net::SocketAddr;
use std::time::Instant;

use doorway_proto::ids::CallId;
use str0m::change::SdpOffer;

use super::{Peer, PeerError, PeerFactory, sdp};

impl Peer {
    /// Makes a peer out of an SDP offer, and the answer to it, with `local` as host candidates. Picture and sound go as the
    /// offer has lines for them; what it does not have is left out.
    ///
    /// # Errors
    /// When the offer does not parse, or takes neither H.264 nor Opus.
    pub fn answer(
        factory: &PeerFactory,
        call: CallId,
        offer: &str,
        local: &[SocketAddr],
        now: Instant,
    ) -> Result<(Self, String), PeerError> {
        let unreadable = || PeerError::Unanswerable("it can't be read".into());
        let mut peer = Self::new(factory.rtc(now), factory, call, local, now);
        let parsed = peer
            .guarded(|_| SdpOffer::from_sdp_string(offer))
            .ok_or_else(unreadable)?
            .map_err(|error| PeerError::Unanswerable(error.to_string()))?;
        peer.lines = sdp::names(offer);
        peer.video = sdp::line_of(offer, "video").map(Into::into);
        peer.sound = sdp::line_of(offer, "audio").map(Into::into);
        peer.awaits_channel = sdp::line_of(offer, "application").is_some();
        let answer = peer
            .guarded(|rtc| rtc.sdp_api().accept_offer(parsed))
            .ok_or_else(unreadable)?
            .map_err(|error| PeerError::Unanswerable(error.to_string()))?;
        peer.agree().map_err(|error| PeerError::Unanswerable(error.to_string()))?;
        Ok((peer, answer.to_sdp_string()))
    }
}
