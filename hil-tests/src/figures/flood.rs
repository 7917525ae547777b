//! How long a new page and a ring take while one hostile host does what it can.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use doorway_proto::ids::EndpointId;
use doorway_proto::signaling::{ClientMessage, ClientSignal, Hello, Role, StationSignal, ToClient};
use doorway_proto::state::Activity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use toml::{Table, Value};

use super::report::progress;
use super::{Effort, Line, Report};
use crate::browser::Latency;
use crate::case::{Case, block_on};
use crate::device::{Config, Device, Simulated};
use crate::peer::{Socket, client_hello, connect_from, fresh_id, now_ms};
use crate::scene::SOON;

// Each address of loopback stands for a host.
const HOSTILE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
const KITCHEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
const PHONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 8);

const SECRET: &str = "correct horse battery";
/// What a page asks for before it opens its WebSocket, as far as it waits for it.
const OF_THE_PAGE: [&str; 3] = ["/", "/css/base.css", "/js/app.js"];
/// So many tasks flood at the same time.
const AT_A_TIME: usize = 16;
/// So many connections are held by each of them.
const HELD: usize = 40;
/// Between two presses: a faster one is taken for the same.
const GAP: Duration = Duration::from_millis(400);
/// A flood is at its height after this long.
const RISE: Duration = Duration::from_secs(2);

/// What the hostile host does, over and over.
#[derive(Debug, Clone, Copy)]
enum Flood {
    /// It guesses the household's secret.
    Guesses,
    /// It connects, and holds the connections in whatever way it can.
    Connections,
    /// It knows the secret, and has the station begin one call after another.
    Calls,
}

impl Flood {
    const ALL: [Self; 3] = [Self::Guesses, Self::Connections, Self::Calls];

    fn name(self) -> &'static str {
        match self {
            Self::Guesses => "guesses",
            Self::Connections => "connections",
            Self::Calls => "calls",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Guesses => "guesses the secret over ever new WebSockets",
            Self::Connections => {
                "connects without end, and sends nothing, half a request, or one whose answer it does not read"
            }
            Self::Calls => "knows the secret, and watches, accepts and hangs up as fast as it may",
        }
    }

    /// Goes on until something is refused; `done` counts.
    async fn run(self, to: SocketAddr, done: &Cell<usize>) -> Result<()> {
        match self {
            Self::Guesses => guess(to, done).await,
            Self::Connections => hold(to, done).await,
            Self::Calls => call(to, done).await,
        }
    }
}

pub(super) async fn measure(report: &mut Report, effort: Effort) -> Result<()> {
    let times = effort.pick(40, 4);
    for flood in Flood::ALL {
        progress(&format!("{times} new pages and rings beside a flood of {}", flood.name()));
        let case = Case::new()?;
        let mut button = Table::new();
        button.insert("id".to_owned(), "call".into());
        button.insert("label".to_owned(), "Kitchen".into());
        // Who floods is not asked to decline.
        button.insert("rings".to_owned(), Value::Array(vec!["Kitchen".into()]));
        let config = Config::default().with("companion.secret", SECRET).with("button", vec![Value::Table(button)]);
        let mut device = Simulated::start(&case, config).await?;
        report.built_from(&device.status().await?.commit);
        let address = device.place().origin.trim_start_matches("http://").parse().context("the page's address")?;
        let mut kitchen = enter(address, KITCHEN, "Kitchen").await?;
        let attack = Attack::begin(flood, address);
        tokio::time::sleep(RISE).await;
        let (mut pages, mut rings) = (Vec::new(), Vec::new());
        for _ in 0..times {
            pages.push(new_page(address).await.context("a new page")?);
            rings.push(ring(&device, &mut kitchen).await.context("a ring")?);
            tokio::time::sleep(GAP).await;
        }
        let attacks = attack.end()?;
        ensure!(attacks > times, "the flood was none: {attacks} times");
        let input = format!("one host {}, {attacks} times in all, on the same two cores", flood.what());
        report.add(&Line::spread(
            format!("new_page_beside_{}_ms", flood.name()),
            &Latency::of(pages)?,
            format!("{input}; from another host, until the page's files and the welcome were there"),
        ))?;
        report.add(&Line::spread(
            format!("press_to_ring_beside_{}_ms", flood.name()),
            &Latency::of(rings)?,
            format!("{input}; from the contact, 30 ms of hold time in it, until another host had the ring's message"),
        ))?;
        drop(kitchen);
        device.stop().await?;
    }
    Ok(())
}

/// A flood on a thread of its own.
struct Attack {
    stop: oneshot::Sender<()>,
    floods: thread::JoinHandle<usize>,
}

impl Attack {
    fn begin(flood: Flood, to: SocketAddr) -> Self {
        let (stop, stopped) = oneshot::channel();
        let floods = thread::spawn(move || {
            block_on(async {
                let done = Cell::new(0);
                let one = async || loop {
                    // What was refused is tried again at once.
                    let _refused = flood.run(to, &done).await;
                    tokio::task::yield_now().await;
                };
                let all = futures_util::future::join_all((0..AT_A_TIME).map(|_| one()));
                tokio::select! {
                    _ = stopped => {}
                    _ = all => {}
                }
                done.get()
            })
        });
        Self { stop, floods }
    }

    /// How often it was done.
    fn end(self) -> Result<usize> {
        let _it_ended_already = self.stop.send(());
        self.floods.join().map_err(|_| anyhow::anyhow!("the flood panicked"))
    }
}

async fn guess(to: SocketAddr, done: &Cell<usize>) -> Result<()> {
    loop {
        let mut socket = Socket::open_from(HOSTILE, to).await?;
        socket.send(&hello("Hostile", "a wrong one indeed")).await?;
        count(done);
        socket.next(SOON).await?;
    }
}

async fn hold(to: SocketAddr, done: &Cell<usize>) -> Result<()> {
    let mut held = VecDeque::new();
    for round in 0.. {
        let mut stream = connect_from(HOSTILE, to).await?;
        let sent: &[u8] = match round % 3 {
            0 => b"",
            1 => b"GET / HTTP/1.1\r\nHost: local",
            _ => b"GET /js/strings.js HTTP/1.1\r\nHost: localhost\r\n\r\n",
        };
        // It may be closed by now; it is held all the same.
        let _closed_already = stream.write_all(sent).await;
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
        count(done);
    }
    Ok(())
}

async fn call(to: SocketAddr, done: &Cell<usize>) -> Result<()> {
    let mut socket = enter(to, HOSTILE, "Hostile").await?;
    loop {
        socket.send(&to_station(ClientSignal::Watch {})?).await?;
        let offered = socket
            .wait_for("an offer, or that the station is busy with others of this kind", |message| {
                let ToClient::Signal { signal, .. } = message else { return None };
                if let StationSignal::Offer { call, .. } = signal {
                    return Some(Some(call));
                }
                matches!(signal, StationSignal::Ended { call: None, .. }).then_some(None)
            })
            .await?;
        if let Some(call) = offered {
            socket.send(&to_station(ClientSignal::Accept { call: call.clone() })?).await?;
            socket.send(&to_station(ClientSignal::HangUp { call })?).await?;
            count(done);
        }
    }
}

fn count(done: &Cell<usize>) {
    done.set(done.get() + 1);
}

/// As a page comes in: its files, then its WebSocket until the welcome. Milliseconds.
async fn new_page(address: SocketAddr) -> Result<f64> {
    let begun = Instant::now();
    for path in OF_THE_PAGE {
        let mut stream = connect_from(PHONE, address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        ensure!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "no {path}: {:?}",
            String::from_utf8_lossy(&answer).lines().next()
        );
    }
    enter(address, PHONE, "Phone").await?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

/// A press, and the kitchen declines. Milliseconds from the contact.
async fn ring(device: &Simulated, kitchen: &mut Socket) -> Result<f64> {
    device.press().await?;
    let (call, rung_at) = kitchen
        .wait_for("a ring", |message| {
            let ToClient::Signal { signal: StationSignal::Ring { call, .. }, .. } = message else { return None };
            Some((call, now_ms()))
        })
        .await?;
    let pressed = device.status().await?.marks.pressed_ms.context("no contact closed")?;
    kitchen.send(&to_station(ClientSignal::Decline { call })?).await?;
    device.wait_until("it rings no more", SOON, |status| status.activity != Activity::Ringing).await?;
    Ok(rung_at - pressed)
}

async fn enter(to: SocketAddr, from: Ipv4Addr, name: &str) -> Result<Socket> {
    let mut socket = Socket::open_from(from, to).await?;
    socket.send(&hello(name, SECRET)).await?;
    socket.wait_for("a welcome", |message| matches!(message, ToClient::Welcome { .. }).then_some(())).await?;
    Ok(socket)
}

fn hello(its_name: &str, its_secret: &str) -> Hello {
    let mut hello = client_hello(&fresh_id());
    let Hello::Hello { secret, role, .. } = &mut hello;
    *secret = Some(its_secret.to_owned());
    *role = Role::Client { name: its_name.to_owned() };
    hello
}

fn to_station(signal: ClientSignal) -> Result<ClientMessage> {
    Ok(ClientMessage::Signal { to: EndpointId::new("front-door")?, signal })
}
