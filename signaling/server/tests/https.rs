//! HTTPS, what plain HTTP does beside it, and what a peer that misbehaves in the handshake experiences.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use doorway_signaling::{Companion, Settings};
use futures_util::{SinkExt, StreamExt};
use support::client_hello;
use support::https::{exchange, house, secured};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

const AUTHORITY: &[u8] = b"not looked into";

#[tokio::test]
async fn page_and_websocket_come_over_https() {
    let (house, client) = house(|settings| settings.authority = Some(Arc::from(AUTHORITY)));
    let page = client.get(&house, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>Doorway</title>"));
    let (mut socket, _) = tokio_tungstenite::client_async(
        format!("wss://localhost:{}/ws", house.address.port()),
        client.connect(&house).await,
    )
    .await
    .unwrap();
    socket.send(Message::text(client_hello("kitchen").to_string())).await.unwrap();
    let welcome = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(welcome.contains("\"welcome\""), "{welcome}");
    drop(socket);
    house.end().await;
}

#[tokio::test]
async fn plain_http_leads_to_https_and_offers_the_certificate_to_install() {
    let (tls, _client) = secured();
    let any = "127.0.0.1:0".parse().unwrap();
    let settings = Settings {
        listen: any,
        redirect: Some(any),
        tls: Some(tls),
        authority: Some(Arc::from(AUTHORITY)),
        ..Settings::default()
    };
    let companion = Companion::bind(settings).unwrap();
    let (https, http) = (companion.address(), companion.redirect().unwrap());
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(companion.run(async { drop(stopped.await) }));
    let get = async |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: doorway-7k3m.local\r\n");
        exchange(TcpStream::connect(http).await.unwrap(), &head, "").await
    };
    for path in ["/", "/?name=Hall", "/index.html", "/ws", "/claim", "/healthz"] {
        let answer = get(path).await;
        assert_eq!(answer.status, 307, "{path}");
        let location = format!("location: https://doorway-7k3m.local:{}{path}\r\n", https.port());
        assert!(format!("{}\r\n", answer.head).contains(&location), "{}", answer.head);
    }
    let certificate = get("/ca.crt").await;
    assert_eq!((certificate.status, certificate.body.as_bytes()), (200, AUTHORITY));
    assert!(certificate.head.contains("content-type: application/x-x509-ca-cert"), "{}", certificate.head);
    for (path, kind) in
        [("/certificate", "text/html"), ("/css/base.css", "text/css"), ("/js/certificate.js", "text/javascript")]
    {
        let answer = get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{}", answer.head);
        assert!(answer.head.contains("content-security-policy: default-src 'none'"), "{}", answer.head);
    }
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn the_certificate_is_had_over_https_too_where_there_is_one() {
    let (own, client) = house(|settings| settings.authority = Some(Arc::from(AUTHORITY)));
    assert_eq!(client.get(&own, "/ca.crt").await.body.as_bytes(), AUTHORITY);
    assert_eq!(client.get(&own, "/certificate").await.status, 200);
    own.end().await;
    let (bought, client) = house(|_| {});
    assert_eq!(client.get(&bought, "/ca.crt").await.status, 404);
    bought.end().await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let (house, client) = house(|_| {});
    let mut silent = TcpStream::connect(house.address).await.unwrap();
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    // The head of a record that never comes.
    slow.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    while house.handle.status().sockets < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let before = Instant::now();
    let mut rest = Vec::new();
    for stream in [&mut silent, &mut slow] {
        let _closed_or_reset = stream.read_to_end(&mut rest).await;
    }
    assert!(before.elapsed() < Duration::from_secs(12), "{:?}", before.elapsed());
    tokio::time::resume();
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!(client.get(&house, "/healthz").await.body, "ok\n");
    house.end().await;
}

#[tokio::test]
async fn what_is_no_handshake_ends_that_connection_and_no_other() {
    let (house, client) = house(|_| {});
    let nonsense: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0xff; 64],
        &[0x16, 0x03, 0x01, 0xff, 0xff],
        &[0x15, 3, 3, 0, 2, 2, 0],
    ];
    for bytes in nonsense {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        let _closed_or_reset = stream.read_to_end(&mut rest).await;
        // At most an alert.
        assert!(rest.len() < 16, "{rest:?}");
    }
    let mut big = TcpStream::connect(house.address).await.unwrap();
    let _sent_or_cut_off = big.write_all(&[0x16; 1024 * 1024]).await;
    drop(big);
    assert_eq!(client.get(&house, "/healthz").await.body, "ok\n");
    house.end().await;
}

#[tokio::test]
async fn handshakes_that_hang_leave_room_for_those_of_others() {
    let (house, client) = house(|_| {});
    let mut hanging = Vec::new();
    // All of loopback, which is limited in all only.
    for _ in 0..64 {
        hanging.push(TcpStream::connect(house.address).await.unwrap());
    }
    while house.handle.status().sockets < 64 {
        tokio::task::yield_now().await;
    }
    let mut too_many = TcpStream::connect(house.address).await.unwrap();
    let mut rest = Vec::new();
    // At once, not only when its own time is up.
    let _closed_or_reset = timeout(Duration::from_secs(5), too_many.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "{rest:?}");
    hanging.pop();
    while house.handle.status().sockets == 64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.get(&house, "/healthz").await.body, "ok\n");
    drop(hanging);
    house.end().await;
}

#[tokio::test]
async fn the_companion_closes_while_a_handshake_hangs() {
    let (house, _client) = house(|_| {});
    let _hanging = TcpStream::connect(house.address).await.unwrap();
    while house.handle.status().sockets == 0 {
        tokio::task::yield_now().await;
    }
    // Nothing waits for it: neither its own deadline nor that of closing.
    timeout(Duration::from_millis(1500), house.end()).await.unwrap();
}

#[tokio::test]
async fn what_needs_https_is_refused_without() {
    let any = "127.0.0.1:0".parse().unwrap();
    let refused = |settings: Settings| Companion::bind(settings).err().unwrap().to_string();
    let redirect = refused(Settings { listen: any, redirect: Some(any), ..Settings::default() });
    assert!(redirect.contains("serve HTTPS"), "{redirect}");
    let claim = Some(doorway_signaling::Claim::new(|_| Ok(())));
    let claim = refused(Settings { listen: any, claim, ..Settings::default() });
    assert!(claim.contains("over HTTPS only"), "{claim}");
}
