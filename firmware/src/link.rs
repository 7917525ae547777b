//! The way to the companion, inside the daemon or elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_core::backoff::Backoff;
use doorway_proto::SIGNALING_VERSION;
use doorway_proto::ids::{EndpointId, RoomId};
use doorway_proto::signaling::{Hello, MAX_FRAME_BYTES, Role, StationMessage, ToStation};
use doorway_proto::state::Station;
use doorway_signaling::{Handle, LocalStation};
use futures_util::{SinkExt as _, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, mpsc, watch};
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::net::has_address;

/// Messages that wait for the companion. When it takes none, further ones are dropped: what they tell is either old by
/// then or told anew after the reconnect.
const QUEUE: usize = 256;

/// A companion that says nothing for so long is gone; it is pinged at a third of this.
const SILENCE_LIMIT: Duration = Duration::from_secs(9);

/// What the station hears of its companion.
#[derive(Debug)]
pub enum LinkEvent {
    /// The companion said something; the first thing is always its welcome.
    Message(ToStation),
    /// The companion is out of reach; the link goes on trying.
    Down,
}

/// The station's end of the link. Dropping it leaves the room.
pub enum Link {
    /// To the companion in this process: nothing is written or read.
    Inside(Box<Inside>),
    /// Over queues to the task that keeps a WebSocket to a companion elsewhere.
    Outward {
        /// To the companion.
        to: mpsc::Sender<StationMessage>,
        /// From the companion.
        from: mpsc::Receiver<LinkEvent>,
    },
}

/// The link to a companion in this process. It comes in again when the companion has put it out.
pub struct Inside {
    companion: Handle,
    room: RoomId,
    state: watch::Receiver<Station>,
    station: Option<LocalStation>,
    backoff: Backoff,
    again_at: Instant,
    /// The station got another name, and the others learn it when it comes in anew.
    renamed: Arc<Notify>,
}

impl Inside {
    /// Comes into the room at once.
    pub fn new(companion: Handle, room: RoomId, state: watch::Receiver<Station>, renamed: Arc<Notify>) -> Self {
        let station = Some(companion.attach_station(room.clone(), state.borrow().clone()));
        Self { companion, room, state, station, backoff: Backoff::new(), again_at: Instant::now(), renamed }
    }

    async fn event(&mut self) -> LinkEvent {
        let station = match &mut self.station {
            Some(station) => station,
            None => {
                tokio::time::sleep_until(self.again_at.into()).await;
                let state = self.state.borrow().clone();
                self.station.insert(self.companion.attach_station(self.room.clone(), state))
            }
        };
        let received = tokio::select! {
            biased;
            () = self.renamed.notified() => {
                self.station = None;
                self.again_at = Instant::now();
                return LinkEvent::Down;
            }
            received = station.receive() => received,
        };
        let now = Instant::now();
        match received {
            Some(ToStation::Refused { message, .. }) => tracing::warn!(%message, "the companion refuses this station"),
            Some(message) => {
                if matches!(message, ToStation::Welcome { .. }) {
                    self.backoff.handle_up(now);
                }
                return LinkEvent::Message(message);
            }
            None => {}
        }
        self.station = None;
        self.again_at = now + self.backoff.handle_down(now, rand::random());
        LinkEvent::Down
    }
}

/// What an outward link needs to know.
pub struct Outward {
    /// `ws://HOST:PORT/ws`.
    pub url: String,
    /// What endpoints have to know.
    pub secret: Option<String>,
    /// The room to enter.
    pub room: RoomId,
    /// The station as it is now: what each hello tells.
    pub station: watch::Receiver<Station>,
}

impl Link {
    /// A link to a companion elsewhere, which is looked for again and again.
    pub fn outward(outward: Outward) -> Self {
        let (to, outgoing) = mpsc::channel(QUEUE);
        let (events, from) = mpsc::channel(QUEUE);
        tokio::spawn(keep_connected(outward, outgoing, events));
        Self::Outward { to, from }
    }

    /// Sends a message without waiting. One to a companion elsewhere is dropped while that is out of reach or does not
    /// keep up.
    pub fn send(&self, message: StationMessage) {
        match self {
            Self::Inside(inside) => {
                if let Some(station) = &inside.station {
                    station.send(message);
                }
            }
            Self::Outward { to, .. } => {
                if to.try_send(message).is_err() {
                    tracing::debug!("a message was dropped: the companion does not take it");
                }
            }
        }
    }

    /// The next thing that happens on the link. Safe to drop in the middle, as in `select!`.
    pub async fn event(&mut self) -> LinkEvent {
        match self {
            Self::Inside(inside) => inside.event().await,
            Self::Outward { from, .. } => match from.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            },
        }
    }
}

async fn keep_connected(
    outward: Outward,
    mut outgoing: mpsc::Receiver<StationMessage>,
    events: mpsc::Sender<LinkEvent>,
) {
    let resume = resume(&outward);
    let mut backoff = Backoff::new();
    let mut said = false;
    loop {
        let why = connection(&outward, &resume, &mut outgoing, &events, &mut backoff).await;
        let wait = backoff.handle_down(Instant::now(), rand::random());
        if let Over::Refused(message) = &why {
            tracing::warn!(%message, "the companion refuses this station");
        } else if !std::mem::replace(&mut said, true) {
            tracing::warn!(reason = %why, "the companion is out of reach; trying again until it is back");
        }
        if matches!(why, Over::WasUp(_)) {
            said = false;
        }
        if events.send(LinkEvent::Down).await.is_err() || outgoing.is_closed() {
            return;
        }
        // What was queued for the lost connection is told anew by the next hello.
        while outgoing.try_recv().is_ok() {}
        tokio::time::sleep(wait).await;
    }
}

/// What proves to the companion that a station which comes back is the same one. It stays over a restart of the daemon,
/// so that a station whose power was cut replaces its ghost at once; nobody else knows the machine's id.
fn resume(outward: &Outward) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_else(|_| rand::random::<u128>().to_string());
    let station = outward.station.borrow().id.clone();
    let digest = Sha256::digest(format!("doorway resume\n{}\n{}\n{station}", machine.trim(), outward.room));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("no connection: {0}")]
    NotReached(String),
    #[error("the connection ended: {0}")]
    WasUp(String),
    #[error("refused: {0}")]
    Refused(String),
}

async fn connection(
    outward: &Outward,
    resume: &str,
    outgoing: &mut mpsc::Receiver<StationMessage>,
    events: &mpsc::Sender<LinkEvent>,
    backoff: &mut Backoff,
) -> Over {
    let config =
        WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES));
    let connecting = tokio_tungstenite::connect_async_with_config(&outward.url, Some(config), true);
    let mut socket = match tokio::time::timeout(SILENCE_LIMIT, connecting).await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(error)) => return Over::NotReached(error.to_string()),
        Err(_) => return Over::NotReached("no answer in time".into()),
    };
    if let Err(error) = socket.send(text(&hello(outward, resume))).await {
        return Over::NotReached(error.to_string());
    }
    let MaybeTlsStream::Plain(stream) = socket.get_ref() else {
        return Over::NotReached("only ws:// is spoken".into());
    };
    let address = stream.local_addr().map(|address| address.ip()).ok();
    let mut heard = Instant::now();
    let mut welcomed = false;
    let mut ping = tokio::time::interval(SILENCE_LIMIT / 3);
    loop {
        tokio::select! {
            message = outgoing.recv() => {
                let Some(message) = message else {
                    let _ = socket.close(None).await;
                    return Over::WasUp("the station closes down".into());
                };
                if let Err(error) = socket.send(text(&message)).await {
                    return Over::WasUp(error.to_string());
                }
            }
            frame = socket.next() => {
                heard = Instant::now();
                let message = match frame {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str::<ToStation>(&text) {
                        Ok(message) => message,
                        Err(error) => {
                            tracing::debug!(%error, "a message of the companion was not understood");
                            continue;
                        }
                    },
                    Some(Ok(Message::Close(_))) | None => return Over::WasUp("closed by the companion".into()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => continue,
                    Some(Err(error)) => return Over::WasUp(error.to_string()),
                };
                if let ToStation::Refused { message, .. } = message {
                    return Over::Refused(message);
                }
                if !std::mem::replace(&mut welcomed, true) {
                    backoff.handle_up(heard);
                    tracing::info!("the companion is connected");
                }
                if events.send(LinkEvent::Message(message)).await.is_err() {
                    return Over::WasUp("the station closes down".into());
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE_LIMIT {
                    return Over::WasUp("silent for too long".into());
                }
                // The connection of an address that went would be silent for as long, and a call does not wait for that.
                if address.is_some_and(|address| !has_address(address)) {
                    return Over::WasUp("this machine has another address".into());
                }
                if welcomed && socket.send(text(&StationMessage::Ping {})).await.is_err() {
                    return Over::WasUp("closed by the companion".into());
                }
            }
        }
    }
}

fn hello(outward: &Outward, resume: &str) -> Hello {
    let station = outward.station.borrow().clone();
    Hello::Hello {
        version: SIGNALING_VERSION,
        room: outward.room.clone(),
        id: station.id,
        resume: resume.to_owned(),
        secret: outward.secret.clone(),
        role: Role::Station {
            name: station.name,
            buttons: station.buttons,
            doors: station.doors,
            activity: station.activity,
            media: station.media,
        },
    }
}

fn text<T: serde::Serialize>(message: &T) -> Message {
    Message::text(serde_json::to_string(message).expect("messages have only string keys"))
}

/// The endpoint of a client, as the core names it.
pub fn endpoint(client: &doorway_core::ClientId) -> EndpointId {
    EndpointId::new(client.as_str()).expect("the core knows only clients that the companion named")
}
