//! A WebSocket to the companion that sends whatever a case wants sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use doorway_proto::SIGNALING_VERSION;
use doorway_proto::ids::{EndpointId, RoomId};
use doorway_proto::signaling::{Hello, Refusal, Role, ToClient};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(5);

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A message of the companion.
    Message(Box<ToClient>),
    /// The connection is over.
    Closed,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Opens the WebSocket and says nothing.
    ///
    /// # Errors
    /// When nobody listens or the upgrade is refused.
    pub async fn open(url: &str) -> Result<Self> {
        let (stream, _) = connect_async(url).await.with_context(|| format!("opening the WebSocket {url}"))?;
        Ok(Self { stream })
    }

    /// Opens it at `to` from one of this machine's own addresses.
    ///
    /// # Errors
    /// When nobody listens or the upgrade is refused.
    pub async fn open_from(from: Ipv4Addr, to: SocketAddr) -> Result<Self> {
        let stream = MaybeTlsStream::Plain(connect_from(from, to).await?);
        let (stream, _) = client_async(format!("ws://{to}/ws"), stream).await.context("opening the WebSocket")?;
        Ok(Self { stream })
    }

    /// Opens it and enters the room `home` as a client.
    ///
    /// # Errors
    /// When the companion refuses.
    pub async fn enter(url: &str) -> Result<(Self, EndpointId)> {
        Self::enter_room(url, "home").await
    }

    /// As [`enter`](Self::enter), into another room.
    ///
    /// # Errors
    /// When it does not connect, or no welcome comes.
    pub async fn enter_room(url: &str, name: &str) -> Result<(Self, EndpointId)> {
        let mut socket = Self::open(url).await?;
        let id = fresh_id();
        let mut hello = client_hello(&id);
        let Hello::Hello { room, .. } = &mut hello;
        *room = RoomId::new(name)?;
        socket.send(&hello).await?;
        match socket.next(SOON).await? {
            Frame::Message(message) if matches!(*message, ToClient::Welcome { .. }) => Ok((socket, id)),
            other @ (Frame::Message(_) | Frame::Closed) => bail!("instead of a welcome there came {other:?}"),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, message: &impl Serialize) -> Result<()> {
        self.send_text(&serde_json::to_string(message)?).await
    }

    /// Sends any text.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) -> Result<()> {
        self.stream.send(Message::text(text)).await.context("sending on the WebSocket")
    }

    /// Sends any bytes as a binary frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.stream.send(Message::binary(bytes)).await.context("sending on the WebSocket")
    }

    /// The next message, or the end.
    ///
    /// # Errors
    /// When nothing comes within `within`, or something that is no message.
    pub async fn next(&mut self, within: Duration) -> Result<Frame> {
        loop {
            let next = tokio::time::timeout(within, self.stream.next()).await;
            // A connection that is reset is as much over as one that is closed.
            let Some(Ok(frame)) = next.context("nothing came on the WebSocket")? else { return Ok(Frame::Closed) };
            match frame {
                Message::Text(text) => {
                    let message = serde_json::from_str(&text).with_context(|| format!("reading {text}"))?;
                    return Ok(Frame::Message(Box::new(message)));
                }
                Message::Close(_) => return Ok(Frame::Closed),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Waits for a message that `pick` wants, passing over all others.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn wait_for<T>(&mut self, what: &str, mut pick: impl FnMut(ToClient) -> Option<T>) -> Result<T> {
        let waiting = async {
            loop {
                match self.next(SOON).await? {
                    Frame::Message(message) => {
                        if let Some(found) = pick(*message) {
                            return Ok(found);
                        }
                    }
                    Frame::Closed => bail!("the companion closed the connection instead of {what}"),
                }
            }
        };
        match tokio::time::timeout(SOON, waiting).await {
            Ok(found) => found,
            Err(_) => bail!("waited {SOON:.0?} for {what}"),
        }
    }

    /// Expects to be refused with `code` and then to be disconnected.
    ///
    /// # Errors
    /// When something else happens.
    pub async fn expect_refusal(&mut self, code: Refusal) -> Result<()> {
        loop {
            match self.next(SOON).await.with_context(|| format!("waiting to be refused with {code:?}"))? {
                Frame::Message(message) => {
                    let ToClient::Refused { code: given, message } = *message else { continue };
                    ensure!(given == code, "refused with {given:?} ({message}) instead of {code:?}");
                    ensure!(message.len() > 10, "the refusal has no sentence for a person: {message:?}");
                    break;
                }
                Frame::Closed => bail!("disconnected without being told {code:?}"),
            }
        }
        ensure!(self.next(SOON).await? == Frame::Closed, "not disconnected after the refusal {code:?}");
        Ok(())
    }

    /// Ends as a program that crashes does: without a close frame.
    pub fn vanish(self) {
        drop(self.stream);
    }
}

/// A connection from one of this machine's own addresses: on loopback each stands for a host.
///
/// # Errors
/// When nobody listens.
pub async fn connect_from(from: Ipv4Addr, to: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4().context("making a socket")?;
    socket.bind((from, 0).into()).with_context(|| format!("binding to {from}"))?;
    socket.connect(to).await.with_context(|| format!("connecting from {from} to {to}"))
}

/// The hello of a client in the room `home`.
pub fn client_hello(id: &EndpointId) -> Hello {
    Hello::Hello {
        version: SIGNALING_VERSION,
        room: RoomId::new("home").expect("'home' is an id"),
        id: id.clone(),
        resume: format!("resume-of-{id}"),
        secret: None,
        role: Role::Client { name: "Test".to_owned() },
    }
}

/// An id that no other endpoint of this program has.
pub fn fresh_id() -> EndpointId {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    EndpointId::new(format!("peer-{}-{number}", std::process::id())).expect("digits and dashes are an id")
}
