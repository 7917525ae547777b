//! What a device is from its first start on: its id, its key, and the authority that vouches for its web page.
//!
//! One file, so that no power cut can leave halves that do not fit together.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::durable::{self, Folder, Owner};
use crate::service;

mod authority;
mod device_id;
mod names;
mod server;
mod validity;

pub use authority::{Authority, AuthorityCertificate};
pub use device_id::DeviceId;
pub use names::Names;
pub use server::{ServerCertificate, ServerCertificates};
pub use validity::{Clock, EARLIEST};

/// Where the state is when the service manager names no folder.
const STATE_FOLDER: &str = "/var/lib/doorway";
/// The identity's folder within it, and its file.
const FOLDER: &str = "identity";
const FILE: &str = "identity.json";
/// The authority's certificate at the moment, and what the page shows with its key: both can be made anew.
const AUTHORITY: &str = "authority.json";
const SERVER: &str = "server.json";
/// What could not be read is set aside for whoever wonders.
const BROKEN: &str = "identity.broken";

/// The folder for what the daemon keeps: as the unit says, or `/var/lib/doorway`.
pub fn state_folder() -> PathBuf {
    service::state_folder().unwrap_or_else(|| STATE_FOLDER.into())
}

/// What a device is.
pub struct Identity {
    /// Its id.
    pub id: DeviceId,
    /// Its key.
    pub key: KeyPair,
    /// Its own authority.
    pub authority: Authority,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The disk.
    #[error("the identity can't be {what} {path}: {source}; see that the disk is there, not full, and the daemon's")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cryptography.
    #[error("a key or certificate can't be made: {0}; that is a bug of Doorway: please report it")]
    Crypto(#[from] rcgen::Error),
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    device_id: String,
    device_key: String,
    authority_key: String,
    authority_certificate: String,
}

const VERSION: u32 = 1;

impl Identity {
    /// The identity in `state`; made if there is none yet, or none that can be read. Returns whether it is new.
    ///
    /// # Errors
    /// When the file can't be read or written. One that is there and merely unreadable is never replaced.
    pub fn load_or_make(state: &Path, owner: Option<Owner>) -> Result<(Self, bool), IdentityError> {
        let folder = state.join(FOLDER);
        let path = folder.join(FILE);
        let is_damaged = match read(state, FILE)? {
            Some(bytes) => {
                if let Some(identity) = Self::parse(state, &bytes) {
                    return Ok((identity, false));
                }
                true
            }
            None => false,
        };
        durable::folder(state, 0o700, owner).map_err(disk("given a folder", state))?;
        let shelf = Folder::open(state)
            .and_then(|state| state.make(FOLDER, 0o700, owner))
            .map_err(disk("given a folder", &folder))?;
        if is_damaged {
            let broken = folder.join(BROKEN);
            tracing::warn!(kept = %broken.display(), "the identity is damaged, and the device gets another: whoever \
                installed its certificate has to install the new one");
            shelf.rename(FILE, BROKEN).map_err(disk("set aside as", &broken))?;
        }
        let identity = Self::make()?;
        shelf.write(FILE, &identity.written(), 0o600, owner).map_err(disk("written to", &path))?;
        Ok((identity, true))
    }

    /// The identity in `state`; `None` if there is none, or none that makes sense.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn load(state: &Path) -> Result<Option<Self>, IdentityError> {
        Ok(read(state, FILE)?.and_then(|bytes| Self::parse(state, &bytes)))
    }

    fn make() -> Result<Self, IdentityError> {
        let id = DeviceId::random();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let authority = Authority::make(&id)?;
        Ok(Self { id, key, authority })
    }

    /// `None` unless every part is there and the certificate is that of the key.
    fn parse(state: &Path, bytes: &[u8]) -> Option<Self> {
        let written: Written =
            serde_json::from_slice(bytes).ok().filter(|written: &Written| written.version == VERSION)?;
        let id = DeviceId::parse(&written.device_id)?;
        let key = p256(&written.device_key)?;
        let mut authority = Authority::load(&id, &written.authority_key, written.authority_certificate)?;
        if let Some(kept) = read_json(state, AUTHORITY) {
            authority.resume(kept);
        }
        Some(Self { id, key, authority })
    }

    fn written(&self) -> Vec<u8> {
        let written = Written {
            version: VERSION,
            device_id: self.id.to_string(),
            device_key: self.key.serialize_pem(),
            authority_key: self.authority.key().serialize_pem(),
            authority_certificate: self.authority.first().to_owned(),
        };
        serde_json::to_vec_pretty(&written).expect("all keys are strings")
    }
}

/// A file of the identity's folder. Root reads it too, in a folder that is the daemon's.
fn read(state: &Path, file: &str) -> Result<Option<Vec<u8>>, IdentityError> {
    let found = || -> io::Result<Option<Vec<u8>>> {
        let state = match Folder::open(state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        match state.enter(FOLDER)? {
            Some(folder) => folder.read(file),
            None => Ok(None),
        }
    };
    found().map_err(disk("read from", &state.join(FOLDER).join(file)))
}

/// Keeps the authority's certificate of now.
///
/// # Errors
/// When the disk does not take it.
pub fn keep_authority(state: &Path, certificate: &AuthorityCertificate) -> Result<(), IdentityError> {
    write_json(&state.join(FOLDER).join(AUTHORITY), certificate)
}

/// The page's certificates in `state`; `None` when there are none of this authority.
pub fn server_certificates(state: &Path, authority: &Authority) -> Option<ServerCertificates> {
    read_json(state, SERVER).filter(|kept: &ServerCertificates| kept.are_of(authority))
}

/// Keeps the page's certificates.
///
/// # Errors
/// When the disk does not take them.
pub fn keep_server_certificates(state: &Path, certificates: &ServerCertificates) -> Result<(), IdentityError> {
    write_json(&state.join(FOLDER).join(SERVER), certificates)
}

/// What can't be read is made anew.
fn read_json<T: DeserializeOwned>(state: &Path, file: &str) -> Option<T> {
    read(state, file).ok().flatten().and_then(|json| serde_json::from_slice(&json).ok())
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), IdentityError> {
    let json = serde_json::to_vec_pretty(value).expect("all keys are strings");
    durable::write(path, &json, 0o600, None).map_err(disk("written to", path))
}

fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError + use<> {
    let path = path.to_owned();
    move |source| IdentityError::Disk { what, path, source }
}

/// A key of the one kind that is made here.
fn p256(pem: &str) -> Option<KeyPair> {
    KeyPair::from_pem(pem).ok().filter(|key| key.algorithm() == &PKCS_ECDSA_P256_SHA256)
}

/// Shows no key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(state: &Path) -> PathBuf {
        state.join(FOLDER).join(FILE)
    }

    #[test]
    fn an_identity_is_made_once_and_is_for_the_daemon_alone() {
        let state = tempfile::tempdir().unwrap();
        let (made, is_new) = Identity::load_or_make(state.path(), None).unwrap();
        assert!(is_new);
        let written = fs::read(file(state.path())).unwrap();
        let (loaded, is_new) = Identity::load_or_make(state.path(), None).unwrap();
        assert!(!is_new);
        assert_eq!((&loaded.id, loaded.authority.first()), (&made.id, made.authority.first()));
        assert_eq!(loaded.key.public_key_raw(), made.key.public_key_raw());
        assert_eq!(fs::read(file(state.path())).unwrap(), written, "a good identity is not written again");
        assert_eq!(fs::metadata(file(state.path())).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(state.path().join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!format!("{loaded:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_damaged_identity_is_set_aside_and_made_anew() {
        let state = tempfile::tempdir().unwrap();
        let other = Identity::make().unwrap();
        Identity::load_or_make(state.path(), None).unwrap();
        let good = fs::read(file(state.path())).unwrap();
        let mut swapped: Written = serde_json::from_slice(&good).unwrap();
        swapped.authority_key = other.authority.key().serialize_pem();
        let mut of_another: Written = serde_json::from_slice(&good).unwrap();
        of_another.device_id = other.id.to_string();
        let damaged = [
            Vec::new(),
            vec![0; good.len()],
            good[..good.len() / 2].to_vec(),
            serde_json::to_vec(&swapped).unwrap(),
            serde_json::to_vec(&of_another).unwrap(),
        ];
        for (index, bytes) in damaged.iter().enumerate() {
            fs::write(file(state.path()), bytes).unwrap();
            let (_, is_new) = Identity::load_or_make(state.path(), None).unwrap();
            assert!(is_new, "damage {index} was taken for an identity");
            assert_eq!(&fs::read(state.path().join(FOLDER).join(BROKEN)).unwrap(), bytes);
            assert!(!Identity::load_or_make(state.path(), None).unwrap().1, "it healed after damage {index}");
        }
    }

    #[test]
    fn an_identity_that_can_not_be_read_at_the_moment_is_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir_all(state.path().join(FOLDER)).unwrap();
        // A link to itself: there, and not to be read, whoever reads.
        std::os::unix::fs::symlink(FILE, file(state.path())).unwrap();
        let error = Identity::load_or_make(state.path(), None).unwrap_err().to_string();
        assert!(error.contains("identity.json") && error.contains("see that the disk"), "{error}");
        assert!(fs::symlink_metadata(file(state.path())).unwrap().is_symlink());
    }
}
