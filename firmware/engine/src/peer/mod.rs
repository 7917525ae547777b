//! One WebRTC connection of the station with a client: sans-IO over str0m.
//!
//! To a client the station offers: video out, sound both ways, and the data channel for
//! [`control`](doorway_proto::control). Whoever brings an offer of its own gets an answer. The caller feeds datagrams and
//! time, then drains [`Peer::poll_output`] until it answers with a timeout that lies ahead.

use std::any::Any;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_proto::control::{Event as ControlEvent, Request};
use doorway_proto::{CONTROL_CHANNEL, ids::CallId};
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpPendingOffer;
use str0m::channel::ChannelId;
use str0m::error::RtcError;
use str0m::format::Codec;
use str0m::media::{Frequency, MediaTime, Mid, Pt};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, Input, Output, Rtc};

mod allowance;
mod answer;
mod control;
mod offer;
mod rtc;
mod sdp;
mod undeclared;

use allowance::Allowance;
pub use rtc::PeerFactory;
use undeclared::Undeclared;

/// How long a peer may be silent before it counts as lost. A browser sends consent checks (RFC 7675) every 2.5 s and
/// receiver reports every second.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(6);

/// How long a client may take to open the data channel once the connection is up. Browsers take two round trips.
pub const CHANNEL_LIMIT: Duration = Duration::from_secs(5);

/// A drained output of [`Peer::poll_output`].
#[derive(Debug)]
pub enum PeerOutput {
    /// Send this datagram.
    Transmit(Transmit),
    /// Tell the station.
    Event(PeerEvent),
    /// Nothing more for now; call [`Peer::handle_timeout`] at this instant.
    Timeout(Instant),
}

/// What happened on a connection.
#[derive(Debug)]
pub enum PeerEvent {
    /// ICE and DTLS are up: a keyframe is wanted for the first picture.
    Connected,
    /// The client lost so much that it needs a keyframe (PLI or FIR).
    KeyframeWanted,
    /// A packet of the client's microphone.
    Sound(SoundPacket),
    /// The client asks for something.
    Request(Request),
    /// The client sent what is no [`Request`]; the text says what was wrong, for the client.
    Malformed(String),
    /// What the way to the client carries, in bits per second.
    Estimate(u64),
    /// The connection is up, and the data channel has not opened within [`CHANNEL_LIMIT`].
    ChannelMissing,
    /// The connection is over before it was up: DTLS did not agree on keys, or the client's certificate is not the one
    /// that its answer announced. Nothing follows.
    HandshakeFailed,
    /// The connection is over, by the client's goodbye, by silence or by an error. Nothing follows.
    Lost,
}

/// One Opus packet as it arrived.
#[derive(Debug, Clone)]
pub struct SoundPacket {
    /// The RTP sequence number, extended to 64 bits.
    pub sequence: u64,
    /// The RTP timestamp, extended, in 48 kHz.
    pub timestamp: u64,
    /// The Opus packet.
    pub data: Arc<[u8]>,
    /// When it came in.
    pub arrived: Instant,
}

/// Why a client's signaling was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The SDP answer does not parse or does not fit the offer.
    #[error("the SDP answer does not fit the offer: {0}")]
    Answer(String),
    /// The answer is to an older offer; the peer waits on.
    #[error("the answer is to another offer")]
    OtherOffer,
    /// An answer came twice.
    #[error("the offer was answered already")]
    AlreadyAnswered,
    /// The offer could not be made.
    #[error("no offer could be made for the peer: {0}")]
    Offer(String),
    /// An offer does not parse, or has nothing for this station.
    #[error("the SDP offer can't be answered: {0}")]
    Unanswerable(String),
}

/// One connection, from the offer to its end.
pub struct Peer {
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    /// The names of the offer's lines.
    lines: Vec<String>,
    video: Option<Mid>,
    sound: Option<Mid>,
    video_pt: Option<Pt>,
    sound_pt: Option<Pt>,
    undeclared: Undeclared,
    channel: Option<ChannelId>,
    /// There is a line for the data channel.
    awaits_channel: bool,
    /// Until when the data channel has to be open.
    channel_due: Option<Instant>,
    call: CallId,
    connected: bool,
    lost: bool,
    /// Nothing of the `Rtc` may be used any more.
    broken: bool,
    /// What was in the encoder's queue before this peer came can't be decoded: wait for the first keyframe.
    awaits_keyframe: bool,
    /// The zero of the video's RTP time.
    video_epoch: Instant,
    last_heard: Instant,
    allowance: Allowance,
    /// What a way carries that needs no more probing.
    enough: Bitrate,
    /// The way is not known to carry that.
    scarce: bool,
    /// What has to be handed out before anything of str0m.
    news: Option<PeerEvent>,
}

impl Peer {
    /// A connection whose lines are known, and nothing of what is agreed on.
    fn new(mut rtc: Rtc, factory: &PeerFactory, call: CallId, local: &[SocketAddr], now: Instant) -> Self {
        for address in local {
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        Self {
            rtc,
            pending: None,
            lines: Vec::new(),
            video: None,
            sound: None,
            video_pt: None,
            sound_pt: None,
            undeclared: Undeclared::new(now),
            channel: None,
            awaits_channel: true,
            channel_due: None,
            call,
            connected: false,
            lost: false,
            broken: false,
            awaits_keyframe: true,
            video_epoch: now,
            last_heard: now,
            allowance: Allowance::new(control::REQUEST_BURST, control::REQUESTS_PER_SECOND, now),
            enough: factory.enough(),
            scarce: true,
            news: None,
        }
    }

    /// Looks up what was agreed on for each line.
    ///
    /// # Errors
    /// When it is nothing.
    fn agree(&mut self) -> Result<(), PeerError> {
        self.video_pt = self.video.and_then(|mid| self.payload_type(mid, Codec::H264));
        self.sound_pt = self.sound.and_then(|mid| self.payload_type(mid, Codec::Opus));
        let redundant = self.rtc.codec_config().iter().find(|params| Some(params.pt()) == self.sound_pt);
        let payload_types = self.sound_pt.into_iter().chain(redundant.and_then(|params| params.red()));
        if let Some(sound) = self.sound {
            self.undeclared.agree(sound, payload_types);
        }
        if self.video_pt.is_none() && self.sound_pt.is_none() {
            return Err(PeerError::Answer("it takes neither H.264 nor Opus".into()));
        }
        Ok(())
    }

    /// Takes a candidate of the client, `candidate:…`.
    ///
    /// What can't be used is passed over: a `.local` name needs no resolving, as the browser's own checks reach the
    /// station and show its address.
    pub fn handle_candidate(&mut self, candidate: &str) {
        self.guarded(|rtc| {
            if let Ok(candidate) = Candidate::from_sdp_string(candidate) {
                rtc.add_remote_candidate(candidate);
            }
        });
    }

    /// Adds an address that came up during the call; the text is what the client has to be told.
    pub fn add_local_address(&mut self, address: SocketAddr) -> Option<String> {
        let candidate = Candidate::host(address, Protocol::Udp).ok()?;
        self.rtc.add_local_candidate(candidate).map(Candidate::to_sdp_string)
    }

    /// Whether a datagram belongs to this connection.
    pub fn accepts(&self, receive: &Input<'_>) -> bool {
        !self.lost && self.rtc.accepts(receive)
    }

    /// Feeds a datagram that this connection accepts; `datagram` is what `receive` was made from.
    pub fn handle_receive(&mut self, receive: Receive<'_>, datagram: &[u8], now: Instant) {
        self.last_heard = now;
        let (source, destination) = (receive.source, receive.destination);
        self.feed(receive, now);
        if self.expects_source(datagram, now)
            && let Ok(receive) = Receive::new(Protocol::Udp, source, destination, datagram)
        {
            self.feed(receive, now);
        }
    }

    /// Whether the datagram's source is expected from now on, and was not before.
    fn expects_source(&mut self, datagram: &[u8], now: Instant) -> bool {
        if self.broken {
            return false;
        }
        let Self { undeclared, rtc, .. } = self;
        let done = catch_unwind(AssertUnwindSafe(|| undeclared.expect(rtc, datagram, now)));
        self.survive(done).unwrap_or(false)
    }

    fn feed(&mut self, receive: Receive<'_>, now: Instant) {
        if let Some(Err(error)) = self.guarded(|rtc| rtc.handle_input(Input::Receive(now, receive))) {
            tracing::debug!(%error, "a datagram ended the connection");
            self.fail(&error);
        }
    }

    /// Moves time on.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.connected && now >= self.last_heard + SILENCE_LIMIT {
            self.end(PeerEvent::Lost);
            return;
        }
        // What is said first at the end stays said.
        if !self.lost && self.channel_due.take_if(|due| *due <= now).is_some() {
            self.news = Some(PeerEvent::ChannelMissing);
        }
        if let Some(Err(error)) = self.guarded(|rtc| rtc.handle_input(Input::Timeout(now))) {
            // A handshake whose packets are lost has not failed.
            tracing::debug!(%error, "time ended the connection");
            self.end(PeerEvent::Lost);
        }
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        self.connected && !self.lost
    }

    /// Whether the next picture that this peer can use is a keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        self.video_pt.is_some() && self.awaits_keyframe
    }

    /// Sends an access unit (Annex B) that was captured at `captured_at`. Shared, not copied.
    pub fn send_picture(&mut self, data: &Arc<[u8]>, keyframe: bool, captured_at: Instant) {
        let (Some(video), Some(pt)) = (self.video, self.video_pt) else { return };
        if !self.is_connected() || (self.awaits_keyframe && !keyframe) {
            return;
        }
        self.awaits_keyframe = false;
        let micros = captured_at.saturating_duration_since(self.video_epoch).as_micros();
        let time = MediaTime::new((micros * 9 / 100) as u64, Frequency::NINETY_KHZ);
        let written = self.guarded(|rtc| {
            // Zero playout delay tells the browser to show a picture as soon as it is whole.
            let writer = rtc.writer(video)?.playout_delay(MediaTime::ZERO, MediaTime::ZERO);
            Some(writer.write(pt, captured_at, time, Arc::clone(data)))
        });
        if let Some(Some(Err(error))) = written {
            tracing::debug!(%error, "a picture was not sent");
        }
    }

    /// Sends an Opus packet with its timestamp in 48 kHz.
    pub fn send_sound(&mut self, data: &Arc<[u8]>, timestamp: u64, captured_at: Instant) {
        let (Some(sound), Some(pt)) = (self.sound, self.sound_pt) else { return };
        if !self.is_connected() {
            return;
        }
        let time = MediaTime::new(timestamp, Frequency::FORTY_EIGHT_KHZ);
        let written = self.guarded(|rtc| Some(rtc.writer(sound)?.write(pt, captured_at, time, Arc::clone(data))));
        if let Some(Some(Err(error))) = written {
            tracing::debug!(%error, "a sound packet was not sent");
        }
    }

    /// Says goodbye: what is left in [`Self::poll_output`] is the DTLS close.
    pub fn close(&mut self) {
        self.lost = true;
        self.guarded(|rtc| {
            if rtc.close().is_err() {
                rtc.disconnect();
            }
        });
    }

    /// Hands out what is to be sent and what happened, until a timeout.
    pub fn poll_output(&mut self) -> PeerOutput {
        loop {
            if let Some(news) = self.news.take() {
                return PeerOutput::Event(news);
            }
            if self.broken {
                return PeerOutput::Timeout(self.last_heard + SILENCE_LIMIT);
            }
            let Some(output) = self.guarded(Rtc::poll_output) else { continue };
            match output {
                Ok(Output::Transmit(transmit)) => return PeerOutput::Transmit(transmit),
                Ok(Output::Event(event)) => {
                    if let Some(event) = self.take_event(event) {
                        return PeerOutput::Event(event);
                    }
                }
                Ok(Output::Timeout(at)) => {
                    if !self.is_connected() {
                        return PeerOutput::Timeout(at);
                    }
                    let silence = self.last_heard + SILENCE_LIMIT;
                    return PeerOutput::Timeout(self.channel_due.into_iter().fold(at.min(silence), Instant::min));
                }
                Err(error) => {
                    tracing::debug!(%error, "the connection failed");
                    if self.lost {
                        return PeerOutput::Timeout(self.last_heard + SILENCE_LIMIT);
                    }
                    self.fail(&error);
                }
            }
        }
    }

    fn take_event(&mut self, event: Event) -> Option<PeerEvent> {
        if self.lost {
            return None;
        }
        // str0m's events are a foreign enum that grows.
        #[allow(clippy::wildcard_enum_match_arm)]
        match event {
            Event::Connected => {
                self.connected = true;
                let awaited = self.awaits_channel && self.channel.is_none();
                self.channel_due = awaited.then(|| self.last_heard + CHANNEL_LIMIT);
                Some(PeerEvent::Connected)
            }
            Event::KeyframeRequest(_) => Some(PeerEvent::KeyframeWanted),
            Event::MediaData(media) if Some(media.mid) == self.sound => {
                self.undeclared.handle_sound(media.network_time);
                Some(PeerEvent::Sound(SoundPacket {
                    sequence: **media.seq_range.start(),
                    timestamp: media.time.rebase(Frequency::FORTY_EIGHT_KHZ).numer(),
                    data: media.data,
                    arrived: media.network_time,
                }))
            }
            Event::ChannelOpen(id, label) if label == CONTROL_CHANNEL => {
                self.channel = Some(id);
                self.channel_due = None;
                let hello = ControlEvent::Hello { version: doorway_proto::CONTROL_VERSION, call: self.call.clone() };
                self.send_control(&hello);
                None
            }
            Event::ChannelData(data) if Some(data.id) == self.channel => Some(self.read_request(&data.data)),
            Event::ChannelClose(id) if Some(id) == self.channel => {
                self.channel = None;
                None
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                self.probe_while_scarce(estimate);
                Some(PeerEvent::Estimate(estimate.as_u64()))
            }
            Event::Closed => {
                self.end(PeerEvent::Lost);
                None
            }
            _ => None,
        }
    }

    /// Probes for more only while the way is not known to carry enough. A probe is filled with packets that were sent before
    /// (RFC 4588); some receivers hand those out a second time, and everybody pays for them.
    fn probe_while_scarce(&mut self, estimate: Bitrate) {
        let enough = self.enough;
        let scarce = if self.scarce { estimate <= enough } else { estimate < enough * SCARCE_AGAIN };
        if scarce != std::mem::replace(&mut self.scarce, scarce) {
            let desired = if scarce { enough } else { Bitrate::ZERO };
            self.guarded(|rtc| rtc.bwe().set_bitrate(Bitrate::ZERO, desired));
        }
    }

    /// Ends the connection over an error of str0m.
    // str0m's errors are a foreign enum that grows.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn fail(&mut self, error: &RtcError) {
        let handshake = !self.connected
            && match error {
                // One whose packets are lost has not failed; the library tells it by its words alone.
                RtcError::Dtls(error) => !error.to_string().contains("timeout"),
                // A certificate that is not the announced one is said as an error of the SDP.
                RtcError::RemoteSdp(_) => true,
                _ => false,
            };
        self.end(if handshake { PeerEvent::HandshakeFailed } else { PeerEvent::Lost });
    }

    fn end(&mut self, farewell: PeerEvent) {
        if !self.lost {
            self.news = Some(farewell);
            self.close();
        }
    }

    /// Lets str0m work on what a stranger sent. Should it panic, this connection is over and nothing else.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Rtc) -> T) -> Option<T> {
        if self.broken {
            return None;
        }
        // A broken `Rtc` is never looked into again.
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut self.rtc)));
        self.survive(done)
    }

    fn survive<T>(&mut self, done: Result<T, Box<dyn Any + Send>>) -> Option<T> {
        if done.is_err() {
            tracing::error!("the connection to a client failed inside the WebRTC library; it is dropped");
            self.broken = true;
            if !self.lost {
                self.news = Some(PeerEvent::Lost);
            }
            self.lost = true;
        }
        done.ok()
    }

    fn payload_type(&self, mid: Mid, codec: Codec) -> Option<Pt> {
        let remote = self.rtc.media(mid)?.remote_pts();
        self.rtc
            .codec_config()
            .iter()
            .find(|params| params.spec().codec == codec && remote.contains(&params.pt()))
            .map(|params| params.pt())
    }
}

/// What a way is taken to carry before it is known.
const START_ESTIMATE: Bitrate = Bitrate::mbps(3);
/// At which part of what is enough probing begins again: an estimate that sways about it would probe without end.
const SCARCE_AGAIN: f64 = 0.9;
