//! HTTPS, what plain HTTP does beside it, and what a peer that misbehaves in the handshake experiences.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use doorway_signaling::{Companion, Fingerprint, Settings, ShowCertificate, Tls};
use futures_util::{SinkExt, StreamExt};
use support::client_hello;
use support::https::{exchange, house, own_authority, secured};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

const AUTHORITY: &[u8] = b"not looked into";

#[tokio::test]
async fn page_and_websocket_come_over_https() {
    let (house, client) = house(|settings| settings.authority = Some(own_authority(AUTHORITY).1));
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
async fn plain_http_offers_the_certificate_to_install_first_and_leads_to_https() {
    let (tls, _client) = secured();
    let any = "127.0.0.1:0".parse().unwrap();
    let settings = Settings {
        listen: any,
        redirect: Some(any),
        tls: Some(tls),
        authority: Some(own_authority(AUTHORITY).1),
        names: vec!["doorway-7k3m.local".to_owned()],
        ..Settings::default()
    };
    let mut companion = Companion::new(settings).unwrap();
    companion.listen().unwrap();
    let (https, http) = (companion.address(), companion.redirect().unwrap());
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(companion.run(async { drop(stopped.await) }));
    let ask = async |method: &str, path: &str| {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: doorway-7k3m.fritz.box\r\n");
        exchange(TcpStream::connect(http).await.unwrap(), &head, "").await
    };
    let get = async |path: &str| ask("GET", path).await;
    for path in ["/", "/?name=Hall", "/index.html"] {
        let answer = get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.contains("certificate-get"), "{path}");
        // It asks our addresses over HTTPS whether this browser trusts them.
        assert!(answer.head.contains("connect-src 'self' https:;"), "{}", answer.head);
        assert_eq!(answer.head.matches("content-security-policy").count(), 1, "{}", answer.head);
    }
    assert_eq!(ask("POST", "/").await.status, 307);
    for path in ["/ws", "/claim", "/healthz", "/sim?x=y", "/trusted"] {
        let answer = get(path).await;
        assert_eq!(answer.status, 307, "{path}");
        let location = format!("location: https://doorway-7k3m.local:{}{path}\r\n", https.port());
        assert!(format!("{}\r\n", answer.head).contains(&location), "{}", answer.head);
    }
    let certificate = get("/ca.crt").await;
    assert_eq!((certificate.status, certificate.body.as_bytes()), (200, AUTHORITY));
    assert!(certificate.head.contains("content-type: application/x-x509-ca-cert"), "{}", certificate.head);
    let about: serde_json::Value = serde_json::from_str(&get("/certificate.json").await.body).unwrap();
    let fingerprint = Fingerprint::of(AUTHORITY);
    assert_eq!(about["fingerprint"], fingerprint.to_string());
    assert_eq!(about["words"], fingerprint.words());
    assert_eq!(about["hosts"], serde_json::json!(["doorway-7k3m.local", "127.0.0.1"]));
    assert_eq!(about["port"], https.port());
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
    let (own, client) = house(|settings| settings.authority = Some(own_authority(AUTHORITY).1));
    assert_eq!(client.get(&own, "/ca.crt").await.body.as_bytes(), AUTHORITY);
    assert_eq!(client.get(&own, "/certificate").await.status, 200);
    own.end().await;
    let (bought, client) = house(|_| {});
    assert_eq!(client.get(&bought, "/ca.crt").await.status, 404);
    assert_eq!(client.get(&bought, "/certificate.json").await.status, 404);
    bought.end().await;
}

#[tokio::test]
async fn with_a_bought_certificate_plain_http_leads_on_at_once() {
    let (tls, _client) = secured();
    let any = "127.0.0.1:0".parse().unwrap();
    let settings = Settings { listen: any, redirect: Some(any), tls: Some(tls), ..Settings::default() };
    let mut companion = Companion::new(settings).unwrap();
    companion.listen().unwrap();
    let (https, http) = (companion.address(), companion.redirect().unwrap());
    let running = tokio::spawn(companion.run(std::future::pending()));
    let head = "GET /?name=Hall HTTP/1.1\r\nHost: door.example.org\r\n";
    let answer = exchange(TcpStream::connect(http).await.unwrap(), head, "").await;
    assert_eq!(answer.status, 307);
    assert!(answer.head.contains(&format!("location: https://door.example.org:{}/?name=Hall", https.port())));
    running.abort();
}

#[tokio::test]
async fn a_certificate_that_is_made_anew_is_the_one_to_install() {
    let (renew, authority) = own_authority(b"the first");
    let (house, client) = house(|settings| settings.authority = Some(authority));
    assert_eq!(client.get(&house, "/ca.crt").await.body, "the first");
    renew.send_modify(|authority| authority.certificate = Arc::from(*b"the second"));
    assert_eq!(client.get(&house, "/ca.crt").await.body, "the second");
    let about = client.get(&house, "/certificate.json").await.body;
    assert!(about.contains(&Fingerprint::of(b"the second").words()), "{about}");
    house.end().await;
}

#[tokio::test]
async fn a_page_over_plain_http_may_ask_whether_this_browser_trusts_us() {
    let (house, client) = house(|settings| settings.authority = Some(own_authority(AUTHORITY).1));
    let head = "GET /trusted HTTP/1.1\r\nHost: localhost\r\nOrigin: http://doorway-7k3m.local\r\n";
    let answer = client.ask(&house, head, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
    // And nothing else of ours.
    assert!(!client.get(&house, "/").await.head.contains("access-control"));
    house.end().await;
}

/// What a handshake was asked for.
#[derive(Debug, Default)]
struct Asked(std::sync::Mutex<Vec<(Option<String>, std::net::IpAddr)>>);

impl ShowCertificate for Asked {
    fn certificate(&self, name: Option<&str>, address: std::net::IpAddr) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.lock().unwrap().push((name.map(str::to_owned), address));
        None
    }
}

#[tokio::test]
async fn a_certificate_is_chosen_by_the_name_that_was_asked_for_or_the_address_that_was_reached() {
    let asked = Arc::new(Asked::default());
    let tls = Tls::new(asked.clone());
    let (house, client) = house(|settings| {
        settings.listen = "[::]:0".parse().unwrap();
        settings.secret = Some(doorway_signaling::Secret::new("correct horse battery").unwrap());
        settings.tls = Some(tls);
    });
    for name in ["doorway-7k3m.local", "127.0.0.7"] {
        let stream = TcpStream::connect(("127.0.0.7", house.address.port())).await.unwrap();
        client.try_handshake(stream, name).await.unwrap_err();
    }
    let reached: std::net::IpAddr = "127.0.0.7".parse().unwrap();
    assert_eq!(*asked.0.lock().unwrap(), [(Some("doorway-7k3m.local".to_owned()), reached), (None, reached)]);
    house.end().await;
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
    let refused = |settings: Settings| Companion::new(settings).err().unwrap().to_string();
    let redirect = refused(Settings { listen: any, redirect: Some(any), ..Settings::default() });
    assert!(redirect.contains("serve HTTPS"), "{redirect}");
    let claim = Some(doorway_signaling::Claim::new(|_| Ok(())));
    let claim = refused(Settings { listen: any, claim, ..Settings::default() });
    assert!(claim.contains("over HTTPS only"), "{claim}");
}
