//! HTTPS: who shows a certificate, and how long a handshake may take.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::gate::Placed;

/// How long a handshake may take; a phone on a bad network needs a second or two.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Whoever has the certificates that are shown, and may change them while the companion runs.
pub trait ShowCertificate: fmt::Debug + Send + Sync {
    /// The one for who came to `address` of this machine and named it so, as browsers do who did not come by an address;
    /// `None` ends the handshake.
    fn certificate(&self, name: Option<&str>, address: IpAddr) -> Option<Arc<CertifiedKey>>;
}

/// What a companion needs to serve HTTPS and `wss` rather than HTTP and `ws`.
#[derive(Clone)]
pub struct Tls {
    /// But for the certificate.
    config: ServerConfig,
    certificates: Arc<dyn ShowCertificate>,
}

#[derive(Debug)]
struct ShownAt {
    address: IpAddr,
    certificates: Arc<dyn ShowCertificate>,
}

#[derive(Debug)]
struct Nothing;

impl Tls {
    /// HTTPS with what `certificates` shows.
    pub fn new(certificates: Arc<dyn ShowCertificate>) -> Self {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Nothing));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A handshake costs less than remembering all who have had one.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self { config, certificates }
    }

    /// The handshake of a connection, once it is its turn.
    pub(crate) async fn accept(&self, stream: Placed, turn: impl Future<Output = ()>) -> io::Result<TlsStream<Placed>> {
        let (address, certificates) = (stream.own_address()?, self.certificates.clone());
        let mut config = self.config.clone();
        config.cert_resolver = Arc::new(ShownAt { address, certificates });
        let handshake = async {
            turn.await;
            TlsAcceptor::from(Arc::new(config)).accept(stream).await
        };
        match timeout(HANDSHAKE_DEADLINE, handshake).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long")),
        }
    }
}

impl ResolvesServerCert for ShownAt {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificates.certificate(hello.server_name(), self.address)
    }
}

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// The cryptography of every TLS connection here; the process may have another default.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}
