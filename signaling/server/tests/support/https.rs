//! A companion that serves HTTPS with a certificate made for the test, and a client that knows it.

use std::net::IpAddr;
use std::sync::Arc;

use doorway_signaling::{OwnAuthority, Settings, ShowCertificate, Tls, provider};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::House;

#[derive(Debug)]
struct Always(Arc<sign::CertifiedKey>);

impl ShowCertificate for Always {
    fn certificate(&self, _name: Option<&str>, _address: IpAddr) -> Option<Arc<sign::CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// What a client has to know.
pub(crate) struct Client {
    connector: TlsConnector,
}

/// Of an answer, what the tests look at.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// An authority that is offered with this certificate, and whoever changes it.
pub(crate) fn own_authority(certificate: &[u8]) -> (watch::Sender<OwnAuthority>, watch::Receiver<OwnAuthority>) {
    watch::channel(OwnAuthority {
        certificate: Arc::from(certificate),
        vouches_for: vec!["doorway-7k3m.local".to_owned()],
        until: 1_800_000_000,
    })
}

/// A certificate for `localhost`, and the client that knows it.
pub(crate) fn secured() -> (Tls, Client) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&key).unwrap();
    let shown = sign::CertifiedKey::new(vec![cert.der().clone()], key);
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13]);
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    (Tls::new(Arc::new(Always(Arc::new(shown)))), Client { connector: TlsConnector::from(Arc::new(config)) })
}

/// A companion over HTTPS.
pub(crate) fn house(change: impl FnOnce(&mut Settings)) -> (House, Client) {
    let (tls, client) = secured();
    let house = House::with(|settings| {
        settings.tls = Some(tls);
        change(settings);
    });
    (house, client)
}

impl Client {
    pub(crate) async fn connect(&self, house: &House) -> TlsStream<TcpStream> {
        self.secure(TcpStream::connect(house.address).await.unwrap()).await
    }

    /// The handshake on a connection that is there.
    pub(crate) async fn secure(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        self.connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }

    pub(crate) async fn try_handshake(&self, stream: TcpStream, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
    }

    pub(crate) async fn get(&self, house: &House, path: &str) -> Answer {
        self.ask(house, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n"), "").await
    }

    /// Sends a head, without its last line, and a body.
    pub(crate) async fn ask(&self, house: &House, head: &str, body: &str) -> Answer {
        let stream = self.connect(house).await;
        exchange(stream, head, body).await
    }
}

/// One request on a connection that ends with its answer.
pub(crate) async fn exchange<S>(mut stream: S, head: &str, body: &str) -> Answer
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let request = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
