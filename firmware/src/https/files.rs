//! A certificate and its key in files that somebody else renews, one after the other.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::{HttpsError, Shelf, certified};

/// What of a file is another when it was written anew or replaced: inode, size, seconds and nanoseconds of its time.
type Stamp = (u64, u64, i64, i64);

pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// Both as they were when they were taken up.
    taken: Option<[Option<Stamp>; 2]>,
    /// What was wrong with them when that was last said.
    said: Option<String>,
}

impl Files {
    pub(super) fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self { certificate, key, taken: None, said: None }
    }

    /// What is to be shown, when it is something else. As long as the two do not belong together they are tried again,
    /// and what was shown before stays.
    pub(super) fn look(&mut self) -> Option<Shelf> {
        // Before they are read: a change meanwhile is seen at the next look.
        let stamps = [&self.certificate, &self.key].map(|path| stamp(path));
        if self.taken == Some(stamps) {
            self.said = None;
            return None;
        }
        match load_files(&self.certificate, &self.key) {
            Ok(certificate) => {
                self.taken = Some(stamps);
                self.said = None;
                Some(Shelf { by_name: Some(Arc::new(certificate)), by_address: Vec::new() })
            }
            Err(error) => {
                let error = error.to_string();
                if self.said.as_ref() != Some(&error) {
                    tracing::warn!("{}: {error}. They are tried again", self.consequence());
                    self.said = Some(error);
                }
                None
            }
        }
    }

    pub(super) fn are_in_trouble(&self) -> bool {
        self.said.is_some()
    }

    fn consequence(&self) -> &'static str {
        if self.taken.is_some() { "HTTPS goes on with its old certificate" } else { "HTTPS has no certificate yet" }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
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

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Issued, KeyPair, generate_simple_self_signed};
    use rustls::pki_types::CertificateDer;

    use super::*;

    fn issued() -> Issued<KeyPair> {
        generate_simple_self_signed(["door.example.org".to_owned()]).unwrap()
    }

    /// Written beside and renamed, as those do who renew certificates.
    fn put(folder: &Path, name: &str, pem: &str) {
        fs::write(folder.join("new"), pem).unwrap();
        fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }

    fn files(folder: &Path) -> Files {
        Files::new(folder.join("mine.pem"), folder.join("mine.key"))
    }

    fn shown(shelf: Option<Shelf>) -> Option<Vec<CertificateDer<'static>>> {
        shelf.map(|shelf| shelf.by_name.unwrap().cert.clone())
    }

    #[test]
    fn certificate_and_key_that_are_renewed_one_after_the_other_are_taken_up_together() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (issued(), issued());
        put(folder.path(), "mine.pem", &old.cert.pem());
        put(folder.path(), "mine.key", &old.signing_key.serialize_pem());
        let mut files = files(folder.path());
        assert_eq!(shown(files.look()), Some(vec![old.cert.der().clone()]));
        assert!(files.look().is_none() && !files.are_in_trouble(), "nothing has changed");
        put(folder.path(), "mine.pem", &new.cert.pem());
        for _ in 0..3 {
            assert!(files.look().is_none() && files.are_in_trouble(), "they do not belong together yet");
        }
        put(folder.path(), "mine.key", &new.signing_key.serialize_pem());
        assert_eq!(shown(files.look()), Some(vec![new.cert.der().clone()]));
        assert!(files.look().is_none() && !files.are_in_trouble());
        // The key first, too.
        put(folder.path(), "mine.key", &old.signing_key.serialize_pem());
        assert!(files.look().is_none() && files.are_in_trouble());
        put(folder.path(), "mine.pem", &old.cert.pem());
        assert_eq!(shown(files.look()), Some(vec![old.cert.der().clone()]));
    }

    #[test]
    fn files_that_come_after_the_daemon_are_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path());
        assert!(files.look().is_none() && files.are_in_trouble());
        let issued = issued();
        put(folder.path(), "mine.pem", &issued.cert.pem());
        put(folder.path(), "mine.key", &issued.signing_key.serialize_pem());
        assert!(files.look().is_some() && !files.are_in_trouble());
    }

    #[test]
    fn a_certificate_that_is_taken_back_ends_the_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let old = issued();
        put(folder.path(), "mine.pem", &old.cert.pem());
        put(folder.path(), "mine.key", &old.signing_key.serialize_pem());
        let mut files = files(folder.path());
        files.look().unwrap();
        put(folder.path(), "mine.pem", "nonsense");
        assert!(files.look().is_none() && files.are_in_trouble());
        put(folder.path(), "mine.pem", &old.cert.pem());
        let _same = files.look();
        assert!(!files.are_in_trouble());
    }

    #[test]
    fn files_that_do_not_belong_together_are_named_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["one", "two"] {
            let issued = issued();
            put(folder.path(), &format!("{name}.pem"), &issued.cert.pem());
            put(folder.path(), &format!("{name}.key"), &issued.signing_key.serialize_pem());
        }
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
}
