//! The media side of a receiver: str0m over a UDP socket of its own, sans-IO inside, one step at a time outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Once};
use std::time::Instant;

use anyhow::{Context, Result};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaData, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;

/// A connection to a station.
#[derive(Debug)]
pub(super) struct Media {
    rtc: Rtc,
    udp: UdpSocket,
    address: SocketAddr,
    channel: Option<ChannelId>,
    /// Whether it talks: it says what it hears.
    talks: bool,
    wake_at: Instant,
}

/// What happened in a step.
#[derive(Debug)]
pub(super) enum Happened {
    Connected,
    ChannelOpen,
    ChannelText(String),
    VideoFrame,
    AudioPacket,
    Closed,
}

impl Media {
    async fn new(config: impl FnOnce() -> RtcConfig) -> Result<Self> {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| str0m::crypto::from_feature_flags().install_process_default());
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("opening a UDP socket")?;
        let address = udp.local_addr().context("reading the UDP port")?;
        let mut rtc = config().build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").context("making a candidate")?);
        Ok(Self { rtc, udp, address, channel: None, talks: false, wake_at: Instant::now() })
    }

    /// Offers to receive a picture in H.264, for a sender that answers; [`Media::take_answer`] goes on.
    pub(super) async fn offer() -> Result<(Self, String, SdpPendingOffer)> {
        let mut media = Self::new(|| RtcConfig::new().clear_codecs().enable_h264(true)).await?;
        let mut changes = media.rtc.sdp_api();
        changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = changes.apply().context("an offer of one line")?;
        Ok((media, offer.to_sdp_string(), pending))
    }

    /// Takes the answer to the offer that it made.
    pub(super) fn take_answer(&mut self, pending: SdpPendingOffer, answer: &str) -> Result<()> {
        let answer = SdpAnswer::from_sdp_string(answer).context("reading the answer")?;
        self.rtc.sdp_api().accept_answer(pending, answer).context("taking the answer")
    }

    /// Takes a station's offer; the answer is returned beside the connection.
    pub(super) async fn answer(offer: &str) -> Result<(Self, String)> {
        let mut media = Self::new(RtcConfig::new).await?;
        // Whoever means harm does not honour the station's limit either.
        let lines = offer.lines().filter(|line| !line.starts_with("a=max-message-size:"));
        let offer: String = lines.flat_map(|line| [line, "\r\n"]).collect();
        let offer = SdpOffer::from_sdp_string(&offer).context("reading the station's offer")?;
        let answer = media.rtc.sdp_api().accept_offer(offer).context("answering the station's offer")?;
        Ok((media, answer.to_sdp_string()))
    }

    pub(super) fn add_candidate(&mut self, line: &str) {
        // A name instead of an address needs no resolving: the station's checks reach us.
        if let Ok(candidate) = Candidate::from_sdp_string(line) {
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// Talks from now on: each packet of the station's sound goes back to it.
    pub(super) fn talk(&mut self) {
        self.talks = true;
    }

    /// Sends a text on the data channel; false when it is not open.
    pub(super) fn send_text(&mut self, text: &[u8], binary: bool) -> Result<bool> {
        let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else { return Ok(false) };
        channel.write(binary, text).context("writing on the data channel")
    }

    /// Waits for a packet or the next deadline, and handles it. Safe to cancel: what was not yet received is
    /// received next time.
    pub(super) async fn wait(&mut self) -> Result<()> {
        let mut buffer = [0; 2000];
        let deadline = tokio::time::Instant::from_std(self.wake_at);
        match tokio::time::timeout_at(deadline, self.udp.recv_from(&mut buffer)).await {
            Ok(Ok((length, source))) => {
                self.receive(&buffer[..length], source)?;
                // Whatever else has arrived is taken in the same turn.
                for _ in 0..64 {
                    match self.udp.try_recv_from(&mut buffer) {
                        Ok((length, source)) => self.receive(&buffer[..length], source)?,
                        Err(_) => break,
                    }
                }
            }
            // A station that ended answers with 'port unreachable'; its silence is what counts.
            Ok(Err(_)) => {}
            Err(_) => self.rtc.handle_input(Input::Timeout(Instant::now())).context("handling a deadline")?,
        }
        Ok(())
    }

    fn receive(&mut self, packet: &[u8], source: SocketAddr) -> Result<()> {
        let Ok(contents) = packet.try_into() else { return Ok(()) };
        let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(Instant::now(), receive)).context("handling a packet")
    }

    /// Sends what is due and tells what happened, until there is nothing left to do at this moment.
    pub(super) fn drain(&mut self) -> Result<Vec<Happened>> {
        let mut happened = Vec::new();
        while self.rtc.is_alive() {
            let output = match self.rtc.poll_output() {
                // The station's goodbye came while there was still something to send.
                Err(error) if error.to_string().contains("connection closed") => {
                    self.rtc.disconnect();
                    happened.push(Happened::Closed);
                    return Ok(happened);
                }
                output => output.context("driving the connection")?,
            };
            match output {
                Output::Timeout(at) => {
                    self.wake_at = at;
                    return Ok(happened);
                }
                Output::Transmit(packet) => {
                    // A full socket buffer loses packets as a network does.
                    let _sent = self.udp.try_send_to(&packet.contents, packet.destination);
                }
                Output::Event(event) => {
                    if let Event::MediaData(data) = &event
                        && self.talks
                        && data.params.spec().codec.is_audio()
                    {
                        self.say(data)?;
                    }
                    happened.extend(self.understand(event));
                }
            }
        }
        happened.push(Happened::Closed);
        Ok(happened)
    }

    fn say(&mut self, heard: &MediaData) -> Result<()> {
        let Some(writer) = self.rtc.writer(heard.mid) else { return Ok(()) };
        writer.write(heard.pt, Instant::now(), heard.time, Arc::clone(&heard.data)).context("sending sound")
    }

    #[allow(clippy::wildcard_enum_match_arm)] // str0m's own events; most are none of a receiver's business.
    fn understand(&mut self, event: Event) -> Option<Happened> {
        match event {
            Event::Connected => Some(Happened::Connected),
            Event::ChannelOpen(id, _) => {
                self.channel = Some(id);
                Some(Happened::ChannelOpen)
            }
            Event::ChannelData(data) => Some(Happened::ChannelText(String::from_utf8_lossy(&data.data).into_owned())),
            Event::MediaData(data) if data.params.spec().codec.is_video() => Some(Happened::VideoFrame),
            Event::MediaData(_) => Some(Happened::AudioPacket),
            Event::ChannelClose(_) | Event::Closed => Some(Happened::Closed),
            _ => None,
        }
    }
}
