//! What strangers can send: each is refused for what it did, and everybody else notices nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use doorway_proto::control::{Event, MAX_CONTROL_BYTES};
use doorway_proto::ids::CallId;
use doorway_proto::signaling::{ClientMessage, ClientSignal, EndReason, Hello, MAX_FRAME_BYTES, Refusal};
use doorway_proto::state::Activity;
use hil_tests::case::case;
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::peer::odd::{self, Odd};
use hil_tests::peer::{Frame, Receiver, Socket, Want, client_hello, fresh_id};
use hil_tests::scene::{SOON, Scene};
use hil_tests::wait::{Look, until};
use tokio::io::AsyncWriteExt as _;

const CASE: Duration = Duration::from_secs(120);

/// The call goes on: the page still talks and its picture moves.
async fn undisturbed(scene: &Scene) -> Result<()> {
    let status = scene.device.status().await?;
    ensure!(status.activity == Activity::InCall, "the call was disturbed: {:?}", status.activity);
    scene.page.picture_moves(5, SOON).await?;
    Ok(())
}

#[test]
fn frames_that_are_no_messages_are_refused_and_a_call_goes_on() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let url = scene.device.socket();
        let first_frames = [
            "".to_owned(),
            "hello".to_owned(),
            "{".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            r#"{"type":"hello"}"#.to_owned(),
            r#"{"type":"signal","to":"front-door","signal":{"type":"watch"}}"#.to_owned(),
            format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)),
            serde_json::to_string(&client_hello(&fresh_id()))?.replace("\"version\"", "\"extra\":1,\"version\""),
        ];
        for frame in first_frames {
            let mut socket = Socket::open(&url).await?;
            socket.send_text(&frame).await?;
            let shown = frame.chars().take(60).collect::<String>();
            socket.expect_refusal(Refusal::Malformed).await.with_context(|| format!("first frame {shown}"))?;
        }
        let mut socket = Socket::open(&url).await?;
        socket.send_binary(vec![0xff; 100]).await?;
        socket.expect_refusal(Refusal::Malformed).await.context("a binary frame")?;
        let later_frames = [
            "",
            "{}",
            r#"{"type":"status","activity":"idle"}"#,
            r#"{"type":"signal","to":"../..","signal":{"type":"watch"}}"#,
        ];
        for frame in later_frames {
            let (mut socket, _) = Socket::enter(&url).await?;
            socket.send_text(frame).await?;
            socket.expect_refusal(Refusal::Malformed).await.with_context(|| format!("later frame {frame}"))?;
        }
        undisturbed(&scene).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn oversized_and_endless_frames_are_refused_and_a_call_goes_on() {
    case(CASE, async |case| {
        let scene = Scene::talking(case, Config::default()).await?;
        let url = scene.device.socket();
        for bytes in [MAX_FRAME_BYTES + 1, 8 * 1024 * 1024] {
            let (mut socket, _) = Socket::enter(&url).await?;
            // A good message but for its length. The companion may hang up in the middle of it.
            let message = serde_json::to_string(&ClientMessage::Ping {})?;
            let padding = " ".repeat(bytes - message.len());
            let _sent = socket.send_text(&format!("{message}{padding}")).await;
            let told = socket.expect_refusal(Refusal::Malformed).await;
            // Who is disconnected while still sending may not get to read why.
            let closed =
                bytes > 2 * MAX_FRAME_BYTES && socket.next(SOON).await.is_ok_and(|frame| frame == Frame::Closed);
            ensure!(told.is_ok() || closed, "{bytes} bytes were taken: {told:?}");
        }
        let (mut socket, _) = Socket::enter(&url).await?;
        for _ in 0..20_000 {
            if socket.send(&ClientMessage::Ping {}).await.is_err() {
                break;
            }
        }
        let mut refused = false;
        while let Ok(Frame::Message(message)) = socket.next(SOON).await {
            refused |= matches!(*message, doorway_proto::signaling::ToClient::Refused { code: Refusal::TooFast, .. });
        }
        ensure!(refused, "20,000 frames in a row were taken");
        undisturbed(&scene).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn another_version_and_a_taken_id_are_refused_by_name() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        let url = scene.device.socket();
        let Hello::Hello { room, id, resume, secret, role, .. } = client_hello(&fresh_id());
        let mut socket = Socket::open(&url).await?;
        socket.send(&Hello::Hello { version: 999, room, id, resume, secret, role }).await?;
        socket.expect_refusal(Refusal::Version).await?;
        let (first, id) = Socket::enter(&url).await?;
        let Hello::Hello { version, room, secret, role, .. } = client_hello(&id);
        let mut thief = Socket::open(&url).await?;
        thief.send(&Hello::Hello { version, room, id, resume: "a guess".to_owned(), secret, role }).await?;
        thief.expect_refusal(Refusal::IdTaken).await?;
        first.vanish();
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn signals_that_make_no_sense_end_only_their_senders_part() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        let url = scene.device.socket();
        let bad = Receiver::start(&url, "front-door", Want::BeRung).await?;
        scene.ring().await?;
        bad.wait_until("it is rung", SOON, |seen| seen.rings == 1 && seen.call.is_some()).await?;
        // A call that is not there, and candidates that are none: passed over or refused, but never fatal to others.
        let other = CallId::new("no-such-call")?;
        for signal in [
            ClientSignal::Accept { call: other.clone() },
            ClientSignal::HangUp { call: other.clone() },
            ClientSignal::Answer { call: other, answer: "v=0".to_owned() },
            ClientSignal::Candidate { call: bad.call()?, candidate: "candidate:nonsense".to_owned() },
        ] {
            bad.signal(signal).await?;
        }
        bad.signal(ClientSignal::Answer { call: bad.call()?, answer: "this is no SDP".to_owned() }).await?;
        bad.wait_until("its part is over", SOON, |seen| seen.ended == Some(EndReason::Malformed)).await?;
        scene.page.picture_moves(5, SOON).await?;
        scene.answer().await?;
        drop(bad);
        undisturbed(&scene).await?;
        scene.page.click("#hang-up").await?;
        scene.leave_nothing().await
    });
}

#[test]
fn garbage_on_the_data_channel_ends_only_its_senders_part() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        let garbage: [(&str, Vec<u8>, bool); 4] = [
            ("no JSON", b"open the door".to_vec(), false),
            ("an unknown request", br#"{"type":"reboot"}"#.to_vec(), false),
            ("binary", vec![0xff; 64], true),
            (
                "oversized",
                format!("{:width$}", r#"{"type":"accept"}"#, width = MAX_CONTROL_BYTES + 1).into_bytes(),
                false,
            ),
        ];
        for (what, bytes, binary) in garbage {
            let bad = rung_beside(&scene).await.with_context(|| format!("before {what}"))?;
            bad.send_on_channel(bytes, binary).await?;
            let told = bad.wait_until(what, SOON, |seen| {
                let malformed = |text: &String| matches!(serde_json::from_str(text), Ok(Event::Malformed { .. }));
                seen.control.iter().any(malformed) || seen.ended == Some(EndReason::Malformed)
            });
            told.await.with_context(|| format!("not told after {what}"))?;
            bad.wait_until("disconnected", SOON, |seen| seen.media_closed).await?;
            the_page_rings_on_alone(&scene, bad).await.with_context(|| format!("after {what}"))?;
        }
        scene.leave_nothing().await
    });
}

#[test]
fn a_message_far_over_the_limit_costs_its_sender_the_connection() {
    case(CASE, async |case| {
        let scene = Scene::quiet(case, Config::default()).await?;
        let bad = rung_beside(&scene).await?;
        bad.send_on_channel(vec![b' '; 60_000], false).await?;
        bad.wait_until("disconnected", SOON, |seen| seen.media_closed).await?;
        the_page_rings_on_alone(&scene, bad).await?;
        scene.leave_nothing().await
    });
}

/// Rings the page and, beside it, a client that means harm and has its media and its data channel up.
async fn rung_beside(scene: &Scene) -> Result<Receiver> {
    let bad = Receiver::start(&scene.device.socket(), "front-door", Want::BeRung).await?;
    scene.ring().await?;
    bad.wait_connected().await?;
    Ok(bad)
}

/// Only the page's connection is left, and it still rings and shows the visitor; then it declines.
async fn the_page_rings_on_alone(scene: &Scene, bad: Receiver) -> Result<()> {
    scene.device.wait_until("only the page's peer is left", SOON, |status| status.resources.peers == 1).await?;
    scene.page.picture_moves(5, SOON).await?;
    ensure!(scene.device.status().await?.activity == Activity::Ringing, "the ring was disturbed");
    drop(bad);
    scene.device.wait_until("the other one is gone", SOON, |status| status.companion.clients == 1).await?;
    scene.page.click("#decline").await?;
    scene.device.wait_for(Activity::Idle, SOON).await?;
    Ok(())
}

#[test]
fn a_secret_keeps_out_who_does_not_know_it() {
    case(CASE, async |case| {
        let config = Config::default().with("companion.secret", "correct horse battery");
        let device = Simulated::start(case, config).await?;
        let mut stranger = Socket::open(&device.socket()).await?;
        stranger.send(&client_hello(&fresh_id())).await?;
        stranger.expect_refusal(Refusal::Secret).await?;
        let browser = hil_tests::browser::Browser::start(case).await?;
        let page = browser.open(&device.page()).await?;
        page.wait_for("the page is refused", SOON, "return document.body.dataset.link === 'refused'").await?;
        let page = browser.open_online(&format!("{}?again#secret=correct%20horse%20battery", device.page())).await?;
        page.wait_for("the secret is gone from the address bar", SOON, "return !location.href.includes('horse')")
            .await?;
        let scene = Scene::with(device, browser, page).await?;
        scene.ring().await?;
        scene.page.click("#decline").await?;
        scene.leave_nothing().await
    });
}

/// How many odd clients come, and how many at a time.
const ODD: usize = 1000;
const AT_A_TIME: usize = 50;
/// What the heap may be larger afterwards, in KiB: pages that are in use here and there.
const SLACK_KIB: u64 = 2 * 1024;

#[test]
fn a_thousand_odd_clients_leave_no_memory_behind() {
    case(CASE, async |case| {
        let mut device = Simulated::start(case, Config::default()).await?;
        odd_clients(&device, AT_A_TIME).await?;
        let before = heap_kib(&device)?;
        for _ in 0..ODD / AT_A_TIME {
            odd_clients(&device, AT_A_TIME).await?;
        }
        the_heap_is_as_small_as(before, &device).await?;
        device.nothing_is_left().await?;
        device.stop().await
    });
}

async fn the_heap_is_as_small_as(before: u64, device: &Simulated) -> Result<()> {
    until("the heap is as small as before", SOON, async || {
        let now = heap_kib(device)?;
        Ok(Look::when(now <= before + SLACK_KIB, (), format!("{now} KiB, {before} KiB at the start")))
    })
    .await
}

/// Of WebRTC; as many at a time as the station has places for.
const ODD_CONNECTIONS: usize = 800;

#[test]
fn hundreds_of_odd_connections_leave_no_memory_behind() {
    case(CASE, async |case| {
        let mut device = Simulated::start(case, Config::default()).await?;
        good_connection(&device).await?;
        odd_connections(&device).await?;
        let before = heap_kib(&device)?;
        for _ in 0..ODD_CONNECTIONS / PLACES {
            odd_connections(&device).await?;
        }
        the_heap_is_as_small_as(before, &device).await?;
        device.nothing_is_left().await?;
        device.stop().await
    });
}

/// `max_peers` as it comes.
const PLACES: usize = 8;

/// What the first connection loads stays: the encoder's libraries and their tables. Some odd ones get that far, others do not.
async fn good_connection(device: &Simulated) -> Result<()> {
    let watcher = Receiver::start(&device.socket(), "front-door", Want::Watch).await?;
    watcher.wait_connected().await?;
    watcher.signal(ClientSignal::HangUp { call: watcher.call()? }).await?;
    device.wait_for(Activity::Idle, SOON).await?;
    Ok(())
}

/// As many clients as there are places, each of which leaves its connection in another state.
async fn odd_connections(device: &Simulated) -> Result<()> {
    let url = device.socket();
    let clients = (0..PLACES).map(async |index| {
        let odd = match index {
            0 => Odd::Silent,
            1 => Odd::Unreachable,
            2 => Odd::OtherCertificate,
            steps => Odd::GoneAfter(steps - 2),
        };
        odd::come(&url, "front-door", odd).await
    });
    futures_util::future::try_join_all(clients).await?;
    device.wait_for(Activity::Idle, SOON).await?;
    Ok(())
}

/// This many clients at the same time, none of which is a page: each of another kind than the one before.
async fn odd_clients(device: &Simulated, count: usize) -> Result<()> {
    let (url, host) = (device.socket(), device.place().origin.replace("http://", ""));
    let clients = (0..count).map(async |index| match index % 5 {
        0 => nonsense(&host, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await,
        1 => nonsense(&host, format!("GET /{} HTTP/1.1\r\n", "x".repeat(15_000)).as_bytes()).await,
        2 => {
            nonsense(
                &host,
                format!("POST /claim HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999\r\n\r\nx").as_bytes(),
            )
            .await
        }
        3 => {
            // As large as is taken, and no message.
            let mut socket = Socket::open(&url).await?;
            let _sent_or_cut_off = socket.send_text(&" ".repeat(MAX_FRAME_BYTES)).await;
            let _refused = socket.next(SOON).await;
            Ok(())
        }
        _ => {
            let (mut socket, _) = Socket::enter(&url).await?;
            let _sent_or_cut_off = socket.send_text(&"x".repeat(8 * 1024 * 1024)).await;
            let _refused = socket.next(SOON).await;
            Ok(())
        }
    });
    futures_util::future::try_join_all(clients).await?;
    Ok(())
}

/// Says something and goes.
async fn nonsense(host: &str, bytes: &[u8]) -> Result<()> {
    let mut stream = tokio::net::TcpStream::connect(host).await.context("connecting")?;
    let _sent_or_cut_off = stream.write_all(bytes).await;
    Ok(())
}

/// What of the daemon's memory is its heap and stacks.
fn heap_kib(device: &Simulated) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", device.pid())).context("reading its memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    line.trim().trim_end_matches("kB").trim().parse().with_context(|| format!("reading {line}"))
}
