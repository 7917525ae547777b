//! The media side of a receiver: str0m over a UDP socket of its own, sans-IO inside, one step at a time outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Once;
use std::time::Instant;

use anyhow::{Context, Result};
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;

/// A connection to a station.
#[derive(Debug)]
pub(super) struct Media {
    rtc: Rtc,
    udp: UdpSocket,
    address: SocketAddr,
    channel: Option<ChannelId>,
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
    /// Takes a station's offer; the answer is returned beside the connection.
    pub(super) async fn answer(offer: &str) -> Result<(Self, String)> {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| str0m::crypto::from_feature_flags().install_process_default());
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("opening a UDP socket")?;
        let address = udp.local_addr().context("reading the UDP port")?;
        let mut rtc = Rtc::new(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").context("making a candidate")?);
        // Whoever means harm does not honour the station's limit either.
        let lines = offer.lines().filter(|line| !line.starts_with("a=max-message-size:"));
        let offer: String = lines.flat_map(|line| [line, "\r\n"]).collect();
        let offer = SdpOffer::from_sdp_string(&offer).context("reading the station's offer")?;
        let answer = rtc.sdp_api().accept_offer(offer).context("answering the station's offer")?;
        let media = Self { rtc, udp, address, channel: None, wake_at: Instant::now() };
        Ok((media, answer.to_sdp_string()))
    }

    pub(super) fn add_candidate(&mut self, line: &str) {
        // A name instead of an address needs no resolving: the station's checks reach us.
        if let Ok(candidate) = Candidate::from_sdp_string(line) {
            self.rtc.add_remote_candidate(candidate);
        }
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
                Output::Event(event) => happened.extend(self.understand(event)),
            }
        }
        happened.push(Happened::Closed);
        Ok(happened)
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
