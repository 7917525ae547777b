//! One WebSocket: hello, frames in, outbox out, signs of life, goodbye.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use doorway_proto::rooms::{self, Outgoing, Refused, read_hello};
use doorway_proto::signaling::{Hello, MAX_FRAME_BYTES, Refusal};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tracing::debug;

use crate::entry::{Denied, Entry};
use crate::gate::Visitor;
use crate::hub::{Hub, Line};
use crate::numbers::label;
use crate::outbox::{Cost, Ending, Urgent};
use crate::source::Source;

/// How long an endpoint may take for its hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
/// How often an endpoint is asked for a sign of life.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How many times it may fail to give one.
const PINGS_MISSED: u32 = 2;
/// How long it has when somebody else wants its id.
const CHECK_DEADLINE: Duration = Duration::from_secs(3);
/// How long a goodbye may take.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(1);
/// After a frame that can't be read to its end, the endpoint gets this long to read why it is closed.
const UNREAD_PAUSE: Duration = Duration::from_millis(250);

/// A connection allocates this at once, idle or not. Most frames are smaller.
const READ_BUFFER_BYTES: usize = 1024;
/// Messages of a burst share a system call up to this size.
const WRITE_BUFFER_BYTES: usize = 8 * 1024;
/// A frame a little too large is read to its end, so that its sender can be told; a larger one is cut off.
const READ_LIMIT_BYTES: usize = 2 * MAX_FRAME_BYTES;

/// What a conversation needs beside its socket.
pub(crate) struct Reception {
    pub(crate) hub: Arc<Hub>,
    pub(crate) entry: Arc<Entry>,
    /// Who connects, for their place.
    pub(crate) visitor: Visitor,
    /// Who connects, for what they may do.
    pub(crate) source: Source,
    /// The source for the rooms.
    pub(crate) number: rooms::Source,
}

/// Answers the handshake; the conversation goes on in a task of its own.
pub(crate) fn accept(upgrade: WebSocketUpgrade, reception: Reception) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + READ_LIMIT_BYTES)
        .max_message_size(READ_LIMIT_BYTES)
        .max_frame_size(READ_LIMIT_BYTES)
        .on_failed_upgrade(|error| debug!("a WebSocket handshake failed: {error}"))
        .on_upgrade(move |socket| serve(socket, reception))
}

async fn serve(socket: WebSocket, reception: Reception) {
    let line = reception.hub.connect(Cost::Text, reception.number);
    let connection = line.id.0;
    let mut wire = Wire { socket, unflushed: false };
    let farewell = converse(&mut wire, &line, &reception).await;
    // The others learn at once; the goodbye may take its time.
    drop(line);
    debug!(connection, "a WebSocket closes: {farewell:?}");
    part(wire.socket, farewell).await;
}

/// How a conversation ended.
#[derive(Debug)]
enum Farewell {
    /// The other side closed.
    Theirs,
    /// The other side is gone without a word.
    Lost,
    /// We close. With `unread`, the rest of a frame is still on its way to us and can't be read.
    Ours { ending: Ending, unread: bool },
}

enum Event {
    Frame(Message),
    Unreadable,
    Lost,
    Urgent(Urgent),
    Timer,
}

/// Whether the endpoint lives, since its hello.
struct Life {
    heard: bool,
    missed: u32,
}

async fn converse(wire: &mut Wire, line: &Line, reception: &Reception) -> Farewell {
    let timer = sleep_until(Instant::now() + HELLO_DEADLINE);
    tokio::pin!(timer);
    let mut welcomed: Option<Life> = None;
    let mut unread = false;
    loop {
        let event = poll_fn(|cx| match wire.poll(line, cx) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| Event::Timer),
        })
        .await;
        if let (Event::Frame(_), Some(life)) = (&event, &mut welcomed) {
            *life = Life { heard: true, missed: 0 };
        }
        match event {
            Event::Frame(Message::Text(text)) => {
                line.numbers().frames_in.increment(1);
                if welcomed.is_some() {
                    line.change(|rooms, id, now| rooms.handle_frame(id, &text, now));
                    continue;
                }
                match admit(&text, reception) {
                    Ok(hello) => line.change(|rooms, id, now| rooms.handle_hello(id, hello, now)),
                    Err(refused) => line.refuse(refused),
                }
                welcomed = Some(Life { heard: true, missed: 0 });
                timer.as_mut().reset(Instant::now() + PING_INTERVAL);
            }
            Event::Frame(Message::Binary(_)) => {
                line.refuse(Refused::malformed("a binary frame came, but messages are JSON texts"));
            }
            Event::Frame(Message::Ping(_) | Message::Pong(_)) => {
                line.change(|rooms, id, now| rooms.handle_empty_frame(id, now));
            }
            Event::Frame(Message::Close(_)) => return Farewell::Theirs,
            Event::Lost => return Farewell::Lost,
            Event::Unreadable => {
                unread = true;
                let why = format!("a frame is no WebSocket text, or longer than {MAX_FRAME_BYTES} bytes");
                line.refuse(Refused::malformed(why));
            }
            Event::Urgent(Urgent::End(ending)) => return Farewell::Ours { ending, unread },
            Event::Urgent(Urgent::Check) => {
                if welcomed.replace(Life { heard: false, missed: PINGS_MISSED - 1 }).is_some() && !wire.ping() {
                    return Farewell::Lost;
                }
                timer.as_mut().reset(Instant::now() + CHECK_DEADLINE);
            }
            Event::Timer => {
                let Some(life) = &mut welcomed else {
                    let why = format!("no hello came in {} seconds", HELLO_DEADLINE.as_secs());
                    line.refuse(Refused::new(Refusal::TooSlow, why));
                    continue;
                };
                life.missed = if life.heard { 0 } else { life.missed + 1 };
                life.heard = false;
                if life.missed >= PINGS_MISSED || !wire.ping() {
                    return Farewell::Lost;
                }
                timer.as_mut().reset(Instant::now() + PING_INTERVAL);
            }
        }
    }
}

/// Reads the hello and checks its secret.
fn admit(text: &str, Reception { entry, visitor, source, .. }: &Reception) -> Result<Hello, Refused> {
    let hello = read_hello(text)?;
    let Hello::Hello { secret, .. } = &hello;
    entry.check(secret.as_deref(), *source).map_err(Denied::refused)?;
    if visitor.promote() {
        return Ok(hello);
    }
    Err(Refused::full("the companion has as many connections as it may: try again when one is closed"))
}

async fn part(mut socket: WebSocket, farewell: Farewell) {
    let goodbye = async {
        match farewell {
            Farewell::Theirs => socket.close().await,
            Farewell::Lost => Ok(()),
            Farewell::Ours { ending, unread } => explain(&mut socket, ending, unread).await,
        }
    };
    match timeout(GOODBYE_DEADLINE, goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!("a WebSocket closed without a goodbye: {error}"),
        Err(_) => debug!("a WebSocket did not close in time"),
    }
}

async fn explain(socket: &mut WebSocket, ending: Ending, unread: bool) -> Result<(), axum::Error> {
    let (code, reason) = match ending {
        Ending::Refused(refused) => {
            socket.send(Message::Text(refused.to_frame().into())).await?;
            (close_code::POLICY, label(refused.code))
        }
        Ending::GoingAway => (close_code::AWAY, "closing"),
    };
    let reason = Utf8Bytes::from_static(reason);
    socket.send(Message::Close(Some(CloseFrame { code, reason }))).await?;
    if unread {
        sleep(UNREAD_PAUSE).await;
        return Ok(());
    }
    // Closing a socket with something unread resets it, and the refusal might be lost.
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

/// A WebSocket that is written to and read from by one task, neither waiting for the other.
struct Wire {
    socket: WebSocket,
    unflushed: bool,
}

impl Wire {
    fn poll(&mut self, line: &Line, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(urgent) = line.outbox.poll_urgent(cx) {
            return Poll::Ready(Event::Urgent(urgent));
        }
        if self.write(line, cx).is_err() {
            return Poll::Ready(Event::Lost);
        }
        self.socket.poll_next_unpin(cx).map(|frame| match frame {
            Some(Ok(message)) => Event::Frame(message),
            Some(Err(error)) if is_bad_frame(&error) => Event::Unreadable,
            Some(Err(_)) | None => Event::Lost,
        })
    }

    /// Hands over what the outbox has, as far as the socket takes it.
    fn write(&mut self, line: &Line, cx: &mut Context<'_>) -> Result<(), axum::Error> {
        while let Poll::Ready(ready) = self.socket.poll_ready_unpin(cx) {
            ready?;
            let Some(message) = line.outbox.pop() else { break };
            line.numbers().frames_out.increment(1);
            self.socket.start_send_unpin(text_frame(message))?;
            self.unflushed = true;
        }
        if self.unflushed
            && let Poll::Ready(flushed) = self.socket.poll_flush_unpin(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Whether the socket still takes it.
    fn ping(&mut self) -> bool {
        self.unflushed = true;
        self.socket.start_send_unpin(Message::Ping(Bytes::new())).is_ok()
    }
}

/// Shares the text with all other connections that send it.
fn text_frame(message: Outgoing) -> Message {
    let text = Utf8Bytes::try_from(Bytes::from_owner(message)).expect("the text of a message is a `str`");
    Message::Text(text)
}

/// Whether the other side sent what it must not, rather than that the connection broke.
fn is_bad_frame(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    match source {
        Some(WsError::Protocol(protocol)) => *protocol != ProtocolError::ResetWithoutClosingHandshake,
        Some(error) => matches!(error, WsError::Capacity(_) | WsError::Utf8(_)),
        None => false,
    }
}
