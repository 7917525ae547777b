//! A client that receives a station's media and does nothing with it: cheap enough to have many of.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use doorway_proto::control::{Event, Request};
use doorway_proto::ids::{CallId, EndpointId};
use doorway_proto::signaling::{ClientMessage, ClientSignal, EndReason, StationSignal, ToClient};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::media::{Happened, Media};
use super::socket::{Frame, Socket};
use crate::wait::{Look, until};

/// What the receiver came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// To see the visitor though nobody pressed.
    Watch,
    /// To be rung.
    BeRung,
}

/// What a receiver has seen so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Media is encrypted and flows.
    pub connected: bool,
    /// Since when, in milliseconds since the Unix epoch.
    pub connected_at_ms: Option<f64>,
    /// When its first whole picture was there.
    pub picture_at_ms: Option<f64>,
    /// The data channel is open.
    pub channel_open: bool,
    /// The station said that the data channel is missing.
    pub channel_missing: bool,
    /// The call, once there is one.
    pub call: Option<CallId>,
    /// How often it was rung.
    pub rings: u32,
    /// Whole video frames.
    pub video_frames: u64,
    /// Audio packets.
    pub audio_packets: u64,
    /// Every message on the data channel, in order.
    pub control: Vec<String>,
    /// Why the call ended, by signaling or on the data channel.
    pub ended: Option<EndReason>,
    /// The media connection or the data channel was closed by the station.
    pub media_closed: bool,
    /// The WebSocket was closed by the companion.
    pub socket_closed: bool,
    /// Why the receiver gave up, when it did.
    pub failed: Option<String>,
}

enum Command {
    Channel { bytes: Vec<u8>, binary: bool },
    Signal(ClientSignal),
    Talk,
}

/// A running receiver; dropping it makes it vanish without a goodbye.
#[derive(Debug)]
pub struct Receiver {
    id: EndpointId,
    station: EndpointId,
    seen: Arc<Mutex<Seen>>,
    // Bounded; a case that sends more than this before the receiver's turn waits.
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Enters the companion's room and starts to do what it came for.
    ///
    /// # Errors
    /// When the companion refuses it.
    pub async fn start(socket_url: &str, station: &str, want: Want) -> Result<Self> {
        let station = EndpointId::new(station)?;
        let (mut socket, id) = Socket::enter(socket_url).await?;
        if want == Want::Watch {
            let message = ClientMessage::Signal { to: station.clone(), signal: ClientSignal::Watch {} };
            socket.send(&message).await?;
        }
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (commands, queue) = mpsc::channel(16);
        let run = Run { socket, media: None, station: station.clone(), seen: Arc::clone(&seen), queue };
        let failed = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            if let Err(error) = run.run().await {
                failed.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(format!("{error:#}"));
            }
        });
        Ok(Self { id, station, seen, commands, task })
    }

    /// Its id in the room.
    pub fn id(&self) -> &EndpointId {
        &self.id
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has seen something.
    ///
    /// # Errors
    /// When it has not after `within`.
    pub async fn wait_until(
        &self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&Seen) -> bool,
    ) -> Result<Seen> {
        until(&format!("receiver {}: {what}", self.id), within, async || {
            let seen = self.seen();
            let shown = format!("{seen:?}");
            Ok(Look::when(condition(&seen), seen, shown))
        })
        .await
    }

    /// Waits until media flows and the data channel is open.
    ///
    /// # Errors
    /// When they do not.
    pub async fn wait_connected(&self) -> Result<Seen> {
        let within = Duration::from_secs(10);
        self.wait_until("media flows and the data channel is open", within, |seen| {
            seen.connected && seen.channel_open && seen.video_frames > 0
        })
        .await
    }

    /// Asks something of the station on the data channel.
    ///
    /// # Errors
    /// When the receiver is over.
    pub async fn ask(&self, request: &Request) -> Result<()> {
        self.send_on_channel(serde_json::to_vec(request)?, false).await
    }

    /// Sends any bytes on the data channel.
    ///
    /// # Errors
    /// When the receiver is over.
    pub async fn send_on_channel(&self, bytes: Vec<u8>, binary: bool) -> Result<()> {
        self.command(Command::Channel { bytes, binary }).await
    }

    /// Says something to the station by way of the companion, about the call that it is in.
    ///
    /// # Errors
    /// When the receiver is over.
    pub async fn signal(&self, signal: ClientSignal) -> Result<()> {
        self.command(Command::Signal(signal)).await
    }

    /// Answers the ring and talks: it says what it hears, as often as it hears something.
    ///
    /// # Errors
    /// When the receiver is over.
    pub async fn talk(&self) -> Result<()> {
        self.command(Command::Talk).await?;
        self.ask(&Request::Accept {}).await
    }

    /// The call that it is in.
    ///
    /// # Errors
    /// When it is in none.
    pub fn call(&self) -> Result<CallId> {
        self.seen().call.context("the receiver is in no call")
    }

    /// The station that it belongs to.
    pub fn station(&self) -> &EndpointId {
        &self.station
    }

    async fn command(&self, command: Command) -> Result<()> {
        if self.commands.send(command).await.is_err() {
            bail!("the receiver is over: {:?}", self.seen().failed);
        }
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Run {
    socket: Socket,
    media: Option<Media>,
    station: EndpointId,
    seen: Arc<Mutex<Seen>>,
    queue: mpsc::Receiver<Command>,
}

/// This machine's clock, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64() * 1000.0
}

/// Longer than any call in a case: a receiver only ends with its owner or with an error.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

impl Run {
    async fn run(mut self) -> Result<()> {
        loop {
            let socket_open = !self.note(|seen| seen.socket_closed);
            let media = async {
                match &mut self.media {
                    Some(media) => media.wait().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                waited = media => waited?,
                frame = self.socket.next(NEVER), if socket_open => self.on_frame(frame?).await?,
                command = self.queue.recv() => match command {
                    Some(command) => self.on_command(command).await?,
                    None => return Ok(()),
                },
            }
            self.drain()?;
        }
    }

    fn note<T>(&self, write: impl FnOnce(&mut Seen) -> T) -> T {
        write(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn on_frame(&mut self, frame: Frame) -> Result<()> {
        match frame {
            Frame::Message(message) => match *message {
                ToClient::Signal { signal, .. } => self.on_signal(signal).await?,
                ToClient::Refused { code, message } => bail!("the companion refused: {code:?}, {message}"),
                ToClient::Welcome { .. }
                | ToClient::Station { .. }
                | ToClient::StationGone { .. }
                | ToClient::Undeliverable { .. }
                | ToClient::Pong {} => {}
            },
            Frame::Closed => self.note(|seen| seen.socket_closed = true),
        }
        Ok(())
    }

    async fn on_signal(&mut self, signal: StationSignal) -> Result<()> {
        match signal {
            StationSignal::Ring { call, offer, .. } => {
                self.note(|seen| seen.rings += 1);
                self.send(ClientSignal::Rang { call: call.clone() }).await?;
                if let Some(offer) = offer {
                    self.answer(call, &offer).await?;
                }
            }
            StationSignal::Offer { call, offer } => self.answer(call, &offer).await?,
            StationSignal::Candidate { candidate, .. } => {
                if let Some(media) = &mut self.media {
                    media.add_candidate(&candidate);
                }
            }
            StationSignal::Accepted { .. } => {}
            StationSignal::ChannelMissing { .. } => self.note(|seen| seen.channel_missing = true),
            StationSignal::Ended { reason, .. } => self.note(|seen| seen.ended = Some(reason)),
        }
        Ok(())
    }

    async fn answer(&mut self, call: CallId, offer: &str) -> Result<()> {
        let (media, answer) = Media::answer(offer).await?;
        self.media = Some(media);
        self.note(|seen| {
            seen.call = Some(call.clone());
            seen.ended = None;
            seen.media_closed = false;
            seen.connected_at_ms = None;
            seen.picture_at_ms = None;
        });
        self.send(ClientSignal::Answer { call, answer }).await
    }

    async fn send(&mut self, signal: ClientSignal) -> Result<()> {
        self.socket.send(&ClientMessage::Signal { to: self.station.clone(), signal }).await
    }

    async fn on_command(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Channel { bytes, binary } => match &mut self.media {
                Some(media) => {
                    media.send_text(&bytes, binary)?;
                }
                None => bail!("there is no data channel to send on"),
            },
            Command::Signal(signal) => self.send(signal).await?,
            Command::Talk => self.media.as_mut().context("there is nobody to talk to")?.talk(),
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        let Some(media) = &mut self.media else { return Ok(()) };
        let happened = media.drain()?;
        self.note(|seen| {
            for one in happened {
                match one {
                    Happened::Connected => {
                        seen.connected = true;
                        seen.connected_at_ms = Some(now_ms());
                    }
                    Happened::ChannelOpen => seen.channel_open = true,
                    Happened::VideoFrame => {
                        seen.video_frames += 1;
                        seen.picture_at_ms.get_or_insert_with(now_ms);
                    }
                    Happened::AudioPacket => seen.audio_packets += 1,
                    Happened::Closed => seen.media_closed = true,
                    Happened::ChannelText(text) => {
                        if let Ok(Event::Ended { reason }) = serde_json::from_str(&text) {
                            seen.ended = Some(reason);
                        }
                        seen.control.push(text);
                    }
                }
            }
        });
        if self.note(|seen| seen.media_closed) {
            self.media = None;
        }
        Ok(())
    }
}
