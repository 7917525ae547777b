//! The least of an HTTP client: one GET, for asking this machine's own servers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest answer.
const MAX_ANSWER: u64 = 256 * 1024;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// What came with it.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body for a person, on one line.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .trim()
            .chars()
            .take(200)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// Who answers speaks something else.
    #[error("what answers there speaks no HTTP")]
    NotHttp,
}

/// Asks `address` for `path`. HTTP/1.0, so that the answer comes in one piece and ends with the connection.
///
/// # Errors
/// When nothing that is HTTP came within `limit`.
pub(crate) async fn get(address: SocketAddr, path: &str, limit: Duration) -> Result<Answer, HttpError> {
    let exchange = async { ask(TcpStream::connect(address).await?, path).await };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(HttpError::TimedOut(limit)))
}

/// As [`get`], over HTTPS and whatever the certificate: whether somebody serves is asked, not who.
///
/// # Errors
/// As [`get`].
pub(crate) async fn get_securely(address: SocketAddr, path: &str, limit: Duration) -> Result<Answer, HttpError> {
    let provider = doorway_signaling::provider();
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let exchange = async {
        let stream = TcpStream::connect(address).await?;
        ask(TlsConnector::from(Arc::new(config)).connect(name, stream).await?, path).await
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(HttpError::TimedOut(limit)))
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Result<Answer, HttpError> {
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    parse(&answer).ok_or(HttpError::NotHttp)
}

/// Takes every certificate, and still checks that the other side has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let (version, rest) = head.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok()?;
    version.starts_with("HTTP/1.").then(|| Answer { status, body: answer[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_body() {
        let answer = parse(b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nok\n").unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
        assert_eq!(parse(b"HTTP/1.1 503 \r\n\r\n").unwrap().status, 503);
        for nonsense in
            [&b""[..], b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2", b"\x15\x03\x01\x00\x02\x02\x46", b"HTTP/1.1 x\r\n\r\n"]
        {
            assert_eq!(parse(nonsense), None);
        }
    }
}
