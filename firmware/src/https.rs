//! The certificate that the companion inside the daemon shows: the station's own, kept up to date, or files.

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorway_signaling::provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::durable;
use crate::identity::{Authority, Identity, IdentityError, ServerCertificate, state_folder};
use crate::net::local_addresses;

/// How often addresses, clock and files are looked at.
const LOOK: Duration = Duration::from_secs(60);
/// After the start more often: the network comes up, and the clock is set.
const LOOK_AT_START: Duration = Duration::from_secs(5);
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

/// The certificate that is shown at the moment.
pub struct Certificates {
    from: Supply,
    shown: Arc<Shown>,
    /// This machine's own name.
    hostname: String,
}

enum Supply {
    Own { authority: Box<Authority>, kept: PathBuf, current: Option<ServerCertificate> },
    Files { certificate: PathBuf, key: PathBuf, written: Option<SystemTime> },
}

struct Shown(Mutex<Arc<CertifiedKey>>);

impl Certificates {
    /// Loads or makes the certificate.
    ///
    /// # Errors
    /// When there is none that can be shown.
    pub fn new(source: CertificateSource) -> Result<Self, HttpsError> {
        let hostname = hostname();
        let mut from = match source {
            CertificateSource::Own => {
                let state = state_folder();
                let (identity, is_new) = Identity::load_or_make(&state, None)?;
                if is_new {
                    tracing::info!(device = %identity.id, "this device has its identity now");
                }
                let kept = state.join("identity").join("server.json");
                let current = durable::read(&kept).ok().flatten().and_then(|json| serde_json::from_slice(&json).ok());
                Supply::Own { authority: Box::new(identity.authority), kept, current }
            }
            CertificateSource::Files { certificate, key } => Supply::Files { certificate, key, written: None },
        };
        from.look(&hostname)?;
        let shown = Arc::new(Shown(Mutex::new(Arc::new(from.load()?))));
        Ok(Self { from, shown, hostname })
    }

    /// For whoever shows it.
    pub fn shown(&self) -> Arc<dyn ResolvesServerCert> {
        self.shown.clone()
    }

    /// The authority's certificate in DER, if it is one that nobody knows.
    pub fn authority(&self) -> Option<Arc<[u8]>> {
        match &self.from {
            Supply::Own { authority, .. } => Some(Arc::from(authority.der().as_ref())),
            Supply::Files { .. } => None,
        }
    }

    /// This machine's own names in its network.
    pub fn names(&self) -> Vec<String> {
        match &self.from {
            Supply::Own { authority, .. } => authority.names(&self.hostname, &[]),
            Supply::Files { .. } => vec![self.hostname.clone(), format!("{}.local", self.hostname)],
        }
    }

    /// Keeps the certificate up to date for as long as the daemon runs.
    pub async fn keep(mut self) {
        let start = tokio::time::Instant::now();
        loop {
            let pause = if start.elapsed() < STARTING { LOOK_AT_START } else { LOOK };
            tokio::time::sleep(pause).await;
            let renewed = match self.from.look(&self.hostname) {
                Ok(true) => self.from.load(),
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            match renewed {
                Ok(certificate) => {
                    *self.shown.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificate);
                    tracing::info!("HTTPS has a new certificate");
                }
                Err(error) => tracing::warn!("HTTPS goes on with its old certificate: {error}"),
            }
        }
    }
}

impl Supply {
    /// Whether there is something else to show.
    fn look(&mut self, hostname: &str) -> Result<bool, HttpsError> {
        match self {
            Self::Own { authority, kept, current } => {
                let names = authority.names(hostname, &own_addresses());
                let is_set = Path::new(CLOCK_IS_SET).exists();
                let at = match current {
                    Some(current) => current.renewal(authority, &names, now(), is_set),
                    None => Some(now()),
                };
                let Some(at) = at else { return Ok(false) };
                let issued = authority.issue(&names, at).map_err(IdentityError::from)?;
                let json = serde_json::to_vec(&issued).expect("all keys are strings");
                // Not kept, it is made anew at the next start: whoever made an exception for it has to make another.
                if let Err(error) = durable::write(kept, &json, 0o600, None) {
                    tracing::warn!(file = %kept.display(), "the certificate can't be kept: {error}");
                }
                *current = Some(issued);
                Ok(true)
            }
            Self::Files { certificate, written, .. } => {
                let of = fs::metadata(&*certificate).and_then(|metadata| metadata.modified()).ok();
                Ok(of.is_some() && std::mem::replace(written, of) != of)
            }
        }
    }

    fn load(&self) -> Result<CertifiedKey, HttpsError> {
        match self {
            Self::Own { current, kept, .. } => {
                let Some((certificate, key)) = current.as_ref().map(ServerCertificate::pems) else {
                    unreachable!("`look` has made one")
                };
                certified(certificate.as_bytes(), key.as_bytes()).map_err(|why| HttpsError::File {
                    path: kept.clone(),
                    why,
                    remedy: "remove it, and another one is made",
                })
            }
            Self::Files { certificate, key, .. } => load_files(certificate, key),
        }
    }
}

/// Reads a certificate and its key as they are named in a configuration.
///
/// # Errors
/// When one can't be read, or they do not belong together.
pub fn load_files(certificate: &Path, key: &Path) -> Result<CertifiedKey, HttpsError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| HttpsError::File {
            path: path.to_owned(),
            why: error.to_string(),
            remedy: "name a file in PEM that the daemon's user may read",
        })
    };
    certified(&read(certificate)?, &read(key)?).map_err(|why| HttpsError::File {
        path: certificate.to_owned(),
        why,
        remedy: "name the certificate with those between it and its authority, and its own key, both in PEM",
    })
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

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(…)")
    }
}

/// This machine's name, without a domain and as certificates have it.
fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_ascii_lowercase();
    let name = name.split('.').next().unwrap_or_default();
    let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { name.to_owned() } else { "doorway".to_owned() }
}

fn own_addresses() -> Vec<IpAddr> {
    local_addresses(&[], 0, true).iter().map(SocketAddr::ip).collect()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, certificate: &ServerCertificate) -> CertificateSource {
        let (certificate_path, key_path) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&certificate_path, certificate.pems().0).unwrap();
        fs::write(&key_path, certificate.pems().1).unwrap();
        CertificateSource::Files { certificate: certificate_path, key: key_path }
    }

    fn issued(state: &Path) -> ServerCertificate {
        let (identity, _) = Identity::load_or_make(state, None).unwrap();
        identity.authority.issue(&["localhost".into()], now()).unwrap()
    }

    #[test]
    fn a_certificate_of_ones_own_is_read_again_when_it_was_renewed() {
        let state = tempfile::tempdir().unwrap();
        let source = write(state.path(), "mine", &issued(state.path()));
        let mut certificates = Certificates::new(source).unwrap();
        assert_eq!(certificates.authority(), None);
        let before = certificates.from.load().unwrap();
        assert!(!certificates.from.look("x").unwrap(), "nothing has changed");
        write(state.path(), "mine", &issued(state.path()));
        let later = SystemTime::now() + Duration::from_secs(5);
        let file = fs::File::options().write(true).open(state.path().join("mine.pem")).unwrap();
        file.set_modified(later).unwrap();
        assert!(certificates.from.look("x").unwrap());
        assert_ne!(certificates.from.load().unwrap().cert, before.cert);
    }

    #[test]
    fn files_that_do_not_belong_together_are_named_with_a_remedy() {
        let state = tempfile::tempdir().unwrap();
        let one = issued(state.path());
        write(state.path(), "one", &one);
        write(state.path(), "two", &issued(state.path()));
        let path = |name: &str| state.path().join(name);
        load_files(&path("one.pem"), &path("one.key")).unwrap();
        fs::write(path("empty"), "").unwrap();
        for (certificate, key) in [
            ("one.pem", "two.key"),
            ("empty", "one.key"),
            ("one.pem", "empty"),
            ("none", "one.key"),
            ("one.pem", "none"),
        ] {
            let error = load_files(&path(certificate), &path(key)).unwrap_err().to_string();
            assert!(error.contains("can't be used for HTTPS") && error.contains("PEM"), "{certificate} {key}: {error}");
        }
    }

    #[test]
    fn the_stations_own_certificate_is_renewed_for_another_address_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let (identity, _) = Identity::load_or_make(state.path(), None).unwrap();
        let kept = state.path().join("server.json");
        let mut from = Supply::Own { authority: Box::new(identity.authority), kept: kept.clone(), current: None };
        assert!(from.look("doorway-7k3m").unwrap());
        let first = from.load().unwrap();
        assert!(!from.look("doorway-7k3m").unwrap());
        assert!(from.look("front-door").unwrap(), "the machine has another name");
        assert_ne!(from.load().unwrap().cert, first.cert);
        let Supply::Own { current, .. } = &from else { unreachable!() };
        assert!(serde_json::from_slice::<ServerCertificate>(&fs::read(kept).unwrap()).ok() == *current);
    }
}
