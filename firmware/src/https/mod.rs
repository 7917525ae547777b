//! The certificates that the companion inside the daemon shows: the station's own, kept up to date, or files.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorway_signaling::{OwnAuthority, ShowCertificate, provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::identity::{Clock, IdentityError};

mod files;
mod own;

use files::Files;
pub use files::load_files;
use own::Own;

/// How often addresses, clock and files are looked at.
const LOOK: Duration = Duration::from_secs(60);
/// After the start more often: the network comes up, and the clock is set. And while something is not as it should be.
const LOOK_OFTEN: Duration = Duration::from_secs(5);
const STARTING: Duration = Duration::from_secs(120);
/// There since the clock has been set by the network (systemd-timesyncd(8)).
const CLOCK_IS_SET: &str = "/run/systemd/timesync/synchronized";

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// The station's own authority.
    Own,
    /// Files that somebody else keeps up to date.
    Files {
        /// The certificate and those between it and its authority, PEM.
        certificate: PathBuf,
        /// Its key, PEM.
        key: PathBuf,
    },
}

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// The station's own identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A certificate that can't be kept, or a file that can't be read.
    #[error("{path} can't be used for HTTPS: {why}; {remedy}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// The certificates that are shown at the moment.
pub struct Certificates {
    from: Supply,
    shown: Arc<Shown>,
}

enum Supply {
    Own(Box<Own>),
    Files(Files),
}

/// The one for who comes by a name, and those of addresses.
#[derive(Default)]
struct Shelf {
    by_name: Option<Arc<CertifiedKey>>,
    by_address: Vec<(IpAddr, Arc<CertifiedKey>)>,
}

#[derive(Default)]
struct Shown(Mutex<Shelf>);

impl Certificates {
    /// Loads or makes the certificates. Files that can't be used are looked at again: they may be in the middle of their
    /// renewal, and until then nobody gets through the handshake.
    ///
    /// # Errors
    /// When the station has no identity.
    pub fn new(source: CertificateSource) -> Result<Self, HttpsError> {
        let mut from = match source {
            CertificateSource::Own => Supply::Own(Box::new(Own::load(hostname())?)),
            CertificateSource::Files { certificate, key } => Supply::Files(Files::new(certificate, key)),
        };
        let shown = Arc::new(Shown::default());
        match &mut from {
            Supply::Own(own) => {
                own.look(clock(), &own::addresses())?;
                shown.put(own.shelf()?);
            }
            Supply::Files(files) => {
                if let Some(shelf) = files.look() {
                    shown.put(shelf);
                }
            }
        }
        Ok(Self { from, shown })
    }

    /// For whoever shows them.
    pub fn shown(&self) -> Arc<dyn ShowCertificate> {
        self.shown.clone()
    }

    /// The authority, if it is one that nobody knows.
    pub fn authority(&self) -> Option<watch::Receiver<OwnAuthority>> {
        match &self.from {
            Supply::Own(own) => Some(own.authority()),
            Supply::Files(_) => None,
        }
    }

    /// This machine's own names in its network.
    pub fn names(&self) -> Vec<String> {
        match &self.from {
            Supply::Own(own) => own.names(),
            Supply::Files(_) => vec![hostname(), format!("{}.local", hostname())],
        }
    }

    /// Keeps the certificates up to date for as long as the daemon runs.
    pub async fn keep(mut self) {
        let start = tokio::time::Instant::now();
        let mut trouble = false;
        loop {
            let often = start.elapsed() < STARTING || trouble;
            tokio::time::sleep(if often { LOOK_OFTEN } else { LOOK }).await;
            let shelf = match &mut self.from {
                Supply::Own(own) => match own
                    .look(clock(), &own::addresses())
                    .and_then(|is_new| if is_new { own.shelf().map(Some) } else { Ok(None) })
                {
                    Ok(shelf) => {
                        trouble = false;
                        shelf
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut trouble, true) {
                            tracing::warn!("HTTPS goes on with its old certificate: {error}");
                        }
                        None
                    }
                },
                Supply::Files(files) => {
                    let shelf = files.look();
                    trouble = files.are_in_trouble();
                    shelf
                }
            };
            if let Some(shelf) = shelf {
                self.shown.put(shelf);
                tracing::info!("HTTPS has a new certificate");
            }
        }
    }
}

impl Shown {
    fn put(&self, shelf: Shelf) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shelf;
    }
}

impl ShowCertificate for Shown {
    fn certificate(&self, name: Option<&str>, address: IpAddr) -> Option<Arc<CertifiedKey>> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = shelf.by_address.iter().find(|(known, _)| name.is_none() && *known == address);
        of_address.map(|(_, certificate)| certificate.clone()).or_else(|| shelf.by_name.clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(…)")
    }
}

fn certified(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if chain.is_empty() {
        return Err("there is no certificate in it".into());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("its key can't be read: {error}"))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| error.to_string())
}

/// This machine's name, without a domain and as certificates have it.
fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_ascii_lowercase();
    let name = name.split('.').next().unwrap_or_default();
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { name.to_owned() } else { "doorway".to_owned() }
}

fn clock() -> Clock {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX));
    Clock { now, is_set: Path::new(CLOCK_IS_SET).exists() }
}
