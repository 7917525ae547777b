//! A companion on a free port of loopback, endpoints that talk to it, and the proof that nothing of it is left.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used)]

pub(crate) mod https;

use std::net::SocketAddr;
use std::sync::mpsc::RecvTimeoutError;

use axum::Router;
use doorway_proto::ids::{EndpointId, RoomId};
use doorway_proto::signaling::{Refusal, StationMessage, ToStation};
use doorway_proto::state::{Activity, Health, MediaHealth, Station};
use doorway_signaling::{Companion, Handle, LocalStation, Settings};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    stop: oneshot::Sender<()>,
    _watchdog: Watchdog,
    running: JoinHandle<()>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::serving(change, Router::new())
    }

    pub(crate) fn serving(change: impl FnOnce(&mut Settings), routes: Router) -> Self {
        Self::run(change, |companion| companion.merge(routes))
    }

    /// With routes for the household alone.
    pub(crate) fn private(change: impl FnOnce(&mut Settings), routes: Router) -> Self {
        Self::run(change, |companion| companion.merge_private(routes))
    }

    fn run(change: impl FnOnce(&mut Settings), complete: impl FnOnce(Companion) -> Companion) -> Self {
        let mut settings = Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
        change(&mut settings);
        let mut companion = complete(Companion::new(settings).unwrap());
        companion.listen().unwrap();
        let (address, handle) = (companion.address(), companion.handle());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(companion.run(async { drop(stopped.await) }));
        Self { address, handle, stop, running, _watchdog: Watchdog::new() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A connection of another host: each address of loopback but the first stands for one.
    pub(crate) async fn stream_from(&self, host: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// A socket of another host that has said nothing yet.
    pub(crate) async fn connect_from(&self, host: u8) -> Endpoint {
        let stream = MaybeTlsStream::Plain(self.stream_from(host).await);
        let (socket, _) = client_async(format!("ws://{}/ws", self.address), stream).await.unwrap();
        Endpoint { socket }
    }

    /// Waits until so many sockets are open.
    pub(crate) async fn until_sockets(&self, expected: usize) {
        while self.handle.status().sockets != expected {
            tokio::task::yield_now().await;
        }
    }

    /// A socket that has said nothing yet.
    pub(crate) async fn connect(&self) -> Endpoint {
        let (socket, _) = connect_async(format!("ws://{}/ws", self.address)).await.unwrap();
        Endpoint { socket }
    }

    /// A client that was welcomed; its welcome was read.
    pub(crate) async fn client(&self, id: &str) -> Endpoint {
        let mut endpoint = self.connect().await;
        endpoint.say(client_hello(id)).await;
        assert_eq!(endpoint.hears().await["type"], "welcome");
        endpoint
    }

    /// A station that was welcomed; its welcome was read.
    pub(crate) async fn station(&self, id: &str) -> Endpoint {
        let mut endpoint = self.connect().await;
        endpoint.say(station_hello(id)).await;
        assert_eq!(endpoint.hears().await["type"], "welcome");
        endpoint
    }

    /// A station of this process that was welcomed; its welcome was read.
    pub(crate) async fn local_station(&self, id: &str) -> LocalStation {
        let mut local = self.handle.attach_station(home(), station(id));
        assert!(matches!(local.receive().await, Some(ToStation::Welcome { .. })));
        local
    }

    /// Stops the companion: no socket of it may be left.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
        assert_eq!(self.handle.status().sockets, 0, "a socket is counted as open");
        assert_eq!(sockets_of(self.address.port()), Vec::<String>::new(), "the system knows a socket");
    }

    /// Stops the companion: no socket and no task may be left.
    pub(crate) async fn end(self) {
        self.stop().await;
        let metrics = tokio::runtime::Handle::current().metrics();
        for _ in 0..1000 {
            if metrics.num_alive_tasks() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{} tasks are left", metrics.num_alive_tasks());
    }
}

pub(crate) struct Endpoint {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Endpoint {
    pub(crate) async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn hears(&mut self) -> Value {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// That a refusal comes and nothing after it.
    pub(crate) async fn expect_refusal(mut self) -> Refusal {
        let refused = loop {
            let message = self.hears().await;
            if message["type"] == "refused" {
                break message;
            }
        };
        assert!(refused["message"].as_str().unwrap().len() > 10, "{refused}");
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => break assert_eq!(frame.reason.as_str(), refused["code"]),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no close but {other:?}"),
            }
        }
        assert!(self.socket.next().await.is_none());
        serde_json::from_value(refused["code"].clone()).unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        match self.socket.get_ref() {
            MaybeTlsStream::Plain(stream) => stream.local_addr().unwrap().port(),
            _ => unreachable!("there is no TLS in these tests"),
        }
    }
}

pub(crate) fn client_hello(id: &str) -> Value {
    json!({"type": "hello", "version": 1, "room": "home", "id": id, "resume": format!("resume-{id}"),
        "role": {"kind": "client", "name": format!("{id}'s tablet")}})
}

pub(crate) fn station_hello(id: &str) -> Value {
    json!({"type": "hello", "version": 1, "room": "home", "id": id, "resume": format!("resume-{id}"),
        "role": {"kind": "station", "name": "Front door", "buttons": [], "doors": [], "activity": "idle",
            "media": media()}})
}

pub(crate) fn home() -> RoomId {
    RoomId::new("home").unwrap()
}

pub(crate) fn id(id: &str) -> EndpointId {
    EndpointId::new(id).unwrap()
}

pub(crate) fn station(id: &str) -> Station {
    let (buttons, doors) = (Vec::new(), Vec::new());
    Station {
        id: self::id(id),
        name: "Front door".to_owned(),
        buttons,
        doors,
        activity: Activity::Idle,
        media: media(),
        faults: Vec::new(),
    }
}

pub(crate) fn media() -> MediaHealth {
    MediaHealth { camera: Health::Working {}, microphone: Health::Working {}, speaker: Health::Working {} }
}

/// A ring with an offer of this text.
pub(crate) fn ring(to: &str, offer: &str) -> Value {
    json!({"type": "signal", "to": to, "signal": {"type": "ring", "call": "c1",
        "button": {"id": "call", "label": "Front door"}, "offer": offer, "timeout_ms": 45_000, "pressed_at_ms": 1}})
}

pub(crate) fn station_message(message: Value) -> StationMessage {
    serde_json::from_value(message).unwrap()
}

/// Ends a test that waits for what never comes. In real time: the tests play with Tokio's.
struct Watchdog {
    _held: std::sync::mpsc::Sender<()>,
}

impl Watchdog {
    fn new() -> Self {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let (_held, released) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if released.recv_timeout(std::time::Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} has waited for a minute");
                std::process::exit(1);
            }
        });
        Self { _held }
    }
}

/// Tokio's clock, stopped: it moves by [`advance`](Self::advance) only, while sockets go on.
pub(crate) struct StoppedClock {
    _held: std::sync::mpsc::Sender<()>,
}

impl StoppedClock {
    pub(crate) fn new() -> Self {
        tokio::time::pause();
        // A paused clock jumps to the next timer whenever nothing else is to be done, unless a blocking task runs.
        let (_held, release) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || release.recv());
        Self { _held }
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        // Timers fire up to a millisecond late.
        tokio::time::advance(std::time::Duration::from_secs(seconds) + std::time::Duration::from_millis(5)).await;
    }
}

impl Drop for StoppedClock {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}

/// The sockets of a local port that are open or not closed by their owner, as the system lists them.
pub(crate) fn sockets_of(port: u16) -> Vec<String> {
    const ESTABLISHED: &str = "01";
    const CLOSE_WAIT: &str = "08";
    const LISTEN: &str = "0A";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{port:04X}");
    let is_held = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[1].ends_with(&port) && [ESTABLISHED, CLOSE_WAIT, LISTEN].contains(&fields[3])
    };
    table.lines().skip(1).filter(is_held).map(str::to_owned).collect()
}
