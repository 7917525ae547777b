//! HTTPS: who shows a certificate, and how long a handshake may take.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::gate::Counted;

/// How long a handshake may take; a phone on a bad network needs a second or two.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// What a companion needs to serve HTTPS and `wss` rather than HTTP and `ws`.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// HTTPS with the certificate that `certificates` shows, which it may change while the companion runs.
    pub fn new(certificates: Arc<dyn ResolvesServerCert>) -> Self {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A handshake costs less than remembering all who have had one.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self(Arc::new(config))
    }

    pub(crate) async fn accept(&self, stream: Counted) -> io::Result<TlsStream<Counted>> {
        match timeout(HANDSHAKE_DEADLINE, TlsAcceptor::from(self.0.clone()).accept(stream)).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long")),
        }
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
