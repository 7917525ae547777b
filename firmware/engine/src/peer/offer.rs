//! A connection that the station offers.

use std::net::SocketAddr;
use std::time::Instant;

use doorway_proto::CONTROL_CHANNEL;
use doorway_proto::ids::CallId;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};

use super::{Peer, PeerError, PeerFactory, rtc, sdp};

impl Peer {
    /// Makes a peer and the SDP offer for it, with `local` as host candidates.
    ///
    /// # Errors
    /// When str0m can't make an offer.
    pub fn offer(
        factory: &PeerFactory,
        call: CallId,
        local: &[SocketAddr],
        now: Instant,
    ) -> Result<(Self, String), PeerError> {
        let mut peer = Self::new(factory.rtc(now), factory, call, local, now);
        let mut changes = peer.rtc.sdp_api();
        // Sound and the channel first: a browser that can't show the picture rejects its line, and where that is the first
        // one it takes the whole connection down. Two streams rather than one: a browser holds the picture back for lip
        // sync only within a stream.
        let sound = changes.add_media(
            MediaKind::Audio,
            Direction::SendRecv,
            Some("visitor-sound".into()),
            Some("sound".into()),
            None,
        );
        changes.add_channel(CONTROL_CHANNEL.into());
        let video = changes.add_media(
            MediaKind::Video,
            Direction::SendOnly,
            Some("visitor-picture".into()),
            Some("picture".into()),
            None,
        );
        let (offer, pending) = changes.apply().ok_or_else(|| PeerError::Offer("nothing to negotiate".into()))?;
        let offer = offer.to_sdp_string();
        peer.pending = Some(pending);
        peer.lines = sdp::names(&offer);
        (peer.video, peer.sound) = (Some(video), Some(sound));
        Ok((peer, offer))
    }

    /// Takes the client's SDP answer.
    ///
    /// # Errors
    /// When it does not parse, does not fit, or is the second one.
    pub fn handle_answer(&mut self, sdp: &str, now: Instant) -> Result<(), PeerError> {
        let unreadable = || PeerError::Answer("it can't be read".into());
        let whole = sdp::complete(sdp, &self.lines, rtc::H264_PT, &rtc::h264_parameters());
        let answer = self
            .guarded(|_| SdpAnswer::from_sdp_string(&whole))
            .ok_or_else(unreadable)?
            .map_err(|error| PeerError::Answer(error.to_string()))?;
        // An answer to an offer that this one replaced is late, not wrong; each offer has its own names for its lines. A
        // line that is rejected may come without its name.
        if ![self.video, self.sound].iter().flatten().any(|mid| sdp.contains(&format!("a=mid:{mid}"))) {
            return Err(PeerError::OtherOffer);
        }
        let pending = self.pending.take().ok_or(PeerError::AlreadyAnswered)?;
        self.guarded(|rtc| rtc.sdp_api().accept_answer(pending, answer))
            .ok_or_else(unreadable)?
            .map_err(|error| PeerError::Answer(error.to_string()))?;
        self.last_heard = now;
        self.agree()
    }
}
