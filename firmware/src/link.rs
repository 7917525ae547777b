//! The way to the companion, inside the daemon or elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_core::backoff::Backoff;
use doorway_proto::SIGNALING_VERSION;
use doorway_proto::ids::RoomId;
use doorway_proto::signaling::{Hello, MAX_FRAME_BYTES, Refusal, Role, StationMessage, ToStation};
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

/// A connection that another one of this station replaces sooner than this was taken by a twin, not by a restart.
const SHORT_LIFE: Duration = Duration::from_secs(60);
/// How long a station keeps away from a twin, doubling from the first to the longest.
const FIRST_TRUCE: Duration = Duration::from_secs(5 * 60);
const LONGEST_TRUCE: Duration = Duration::from_secs(60 * 60);

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
        /// Why the companion does not take this station.
        trouble: watch::Receiver<Option<String>>,
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
    refused: Option<String>,
    /// Why there is no HTTPS.
    https_trouble: watch::Receiver<Option<String>>,
}

impl Inside {
    /// Comes into the room at once.
    pub fn new(
        companion: Handle,
        room: RoomId,
        state: watch::Receiver<Station>,
        renamed: Arc<Notify>,
        https_trouble: watch::Receiver<Option<String>>,
    ) -> Self {
        let station = Some(companion.attach_station(room.clone(), state.borrow().clone()));
        let (backoff, again_at) = (Backoff::new(), Instant::now());
        Self { companion, room, state, station, backoff, again_at, renamed, refused: None, https_trouble }
    }

    fn trouble(&self) -> Option<String> {
        let https = self.https_trouble.borrow().clone();
        let troubles: Vec<String> =
            [self.companion.trouble(), https, self.refused.clone()].into_iter().flatten().collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
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
            Some(ToStation::Refused { message, .. }) => {
                tracing::warn!(%message, "the companion refuses this station");
                self.refused = Some(refused(&message));
            }
            Some(message) => {
                if matches!(message, ToStation::Welcome { .. }) {
                    self.backoff.handle_up(now);
                    self.refused = None;
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
        let (tell, trouble) = watch::channel(None);
        tokio::spawn(keep_connected(outward, outgoing, events, tell));
        Self::Outward { to, from, trouble }
    }

    /// Why pages can't reach the companion inside, or the companion does not take this station, and what to do; `None`
    /// when there is no such trouble.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Inside(inside) => inside.trouble(),
            Self::Outward { trouble, .. } => trouble.borrow().clone(),
        }
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
    trouble: watch::Sender<Option<String>>,
) {
    let resume = resume(&outward);
    let mut backoff = Backoff::new();
    let mut twin = Twin::default();
    let mut said = false;
    loop {
        let welcomed = || {
            trouble.send_replace(None);
        };
        let why = connection(&outward, &resume, &mut outgoing, &events, &mut backoff, welcomed).await;
        let now = Instant::now();
        let mut wait = backoff.handle_down(now, rand::random());
        if let Over::Refused { code, lasted, message } = &why {
            tracing::warn!(%message, "the companion refuses this station");
            trouble.send_replace(Some(refused(message)));
            if *code == Refusal::Replaced
                && let Some(truce) = twin.handle_replaced(*lasted)
            {
                wait = truce;
                let station = outward.station.borrow().id.clone();
                let why = format!(
                    "another device comes in as this station, {station}, again and again: was its card copied? Give one \
                     of them another [station] id. This one keeps away for {} min",
                    truce.as_secs() / 60
                );
                tracing::warn!("{why}");
                trouble.send_replace(Some(why));
            }
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

fn refused(message: &str) -> String {
    format!("the companion refuses this station: {message}")
}

/// Notices another device with this station's identity. Each would replace the other for ever; so who was replaced soon
/// after it had come in itself keeps away, and the other one stays.
#[derive(Debug, Default)]
struct Twin {
    in_a_row: u32,
}

impl Twin {
    /// Another connection of this station took the place of one that had lasted so long: how long to keep away, if there
    /// is a twin.
    fn handle_replaced(&mut self, lasted: Duration) -> Option<Duration> {
        self.in_a_row = if lasted < SHORT_LIFE { self.in_a_row.saturating_add(1) } else { 1 };
        // The first time it may have been a restart of this very station.
        let truces = self.in_a_row.checked_sub(2)?;
        Some(FIRST_TRUCE.saturating_mul(1 << truces.min(8)).min(LONGEST_TRUCE))
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
    #[error("refused: {message}")]
    Refused {
        code: Refusal,
        /// Since its welcome; nothing when there was none.
        lasted: Duration,
        message: String,
    },
}

async fn connection(
    outward: &Outward,
    resume: &str,
    outgoing: &mut mpsc::Receiver<StationMessage>,
    events: &mpsc::Sender<LinkEvent>,
    backoff: &mut Backoff,
    welcome: impl Fn(),
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
    let mut welcomed_at: Option<Instant> = None;
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
                if let ToStation::Refused { code, message } = message {
                    let lasted = welcomed_at.map_or(Duration::ZERO, |at| heard.saturating_duration_since(at));
                    return Over::Refused { code, lasted, message };
                }
                if welcomed_at.is_none() {
                    welcomed_at = Some(heard);
                    backoff.handle_up(heard);
                    welcome();
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
                if welcomed_at.is_some() && socket.send(text(&StationMessage::Ping {})).await.is_err() {
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
            faults: station.faults,
        },
    }
}

fn text<T: serde::Serialize>(message: &T) -> Message {
    Message::text(serde_json::to_string(message).expect("messages have only string keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_restart_is_no_twin() {
        let mut twin = Twin::default();
        for lasted in [MINUTE * 500, MINUTE, MINUTE * 3] {
            assert_eq!(twin.handle_replaced(lasted), None);
        }
        assert_eq!(Twin::default().handle_replaced(Duration::ZERO), None);
    }

    /// Two stations with one identity, minute by minute as their truces say: how often either takes the other's place.
    #[test]
    fn two_with_one_identity_do_not_replace_each_other_for_ever() {
        let (mut twins, mut since) = ([Twin::default(), Twin::default()], Duration::ZERO);
        let (mut back_at, mut inside) = ([Duration::ZERO, Duration::from_secs(1)], None::<usize>);
        let mut replaced = 0;
        loop {
            // The next one that comes in.
            let comer = match inside {
                Some(inside) => 1 - inside,
                None => 0,
            };
            let now = back_at[comer];
            if now > Duration::from_secs(86_400) {
                break;
            }
            if let Some(loser) = inside {
                replaced += 1;
                let wait = twins[loser].handle_replaced(now.saturating_sub(since));
                back_at[loser] = now + wait.unwrap_or(Duration::from_millis(250));
            }
            (inside, since) = (Some(comer), now);
        }
        assert!(replaced < 100, "{replaced} times a day");
    }

    #[test]
    fn a_truce_grows_and_is_bounded() {
        let mut twin = Twin::default();
        twin.handle_replaced(MINUTE * 500);
        let truces: Vec<_> = (0..6).filter_map(|_| twin.handle_replaced(Duration::from_secs(1))).collect();
        assert_eq!(truces.iter().map(|truce| truce.as_secs() / 60).collect::<Vec<_>>(), [5, 10, 20, 40, 60, 60]);
        assert_eq!(twin.handle_replaced(MINUTE * 2), None, "the other one was away for long");
    }
}
