//! `doorwayd certificate`: what is to be compared before somebody trusts a certificate that came over plain HTTP.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use doorway_signaling::Fingerprint;
use time::OffsetDateTime;

use crate::identity::{AuthorityCertificate, Identity};

/// The certificate of a station's own authority, in words.
pub struct Described {
    device: String,
    fingerprint: Fingerprint,
    certificate: AuthorityCertificate,
}

/// The one whose identity is in the folder `state`.
///
/// # Errors
/// When there is none, or it may not be read.
pub fn describe(state: &Path) -> anyhow::Result<Described> {
    let identity = Identity::load(state)?
        .with_context(|| format!("{} holds no identity: name the daemon's state with --state", state.display()))?;
    let certificate = identity
        .authority
        .certificate()
        .context("the station has not served HTTPS with tls = \"own\" yet, so there is no certificate to install")?;
    let fingerprint = Fingerprint::of(&certificate.der());
    Ok(Described { device: identity.id.name(), fingerprint, certificate: certificate.clone() })
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = OffsetDateTime::from_unix_timestamp(self.certificate.until()).map_err(|_| fmt::Error)?.date();
        writeln!(f, "certificate  Doorway {}", self.device)?;
        writeln!(f, "words        {}", self.fingerprint.words())?;
        writeln!(f, "SHA-256      {}", self.fingerprint)?;
        writeln!(f, "vouches for  {}", self.certificate.vouches_for().join(" "))?;
        write!(f, "until        {until}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Clock, Names, keep_authority};

    #[test]
    fn what_is_offered_is_shown_and_before_that_is_said_why_not() {
        let state = tempfile::tempdir().unwrap();
        let error = |state: &Path| describe(state).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error(state.path()).contains("holds no identity"), "{}", error(state.path()));
        let (mut identity, _) = Identity::load_or_make(state.path(), None).unwrap();
        assert!(error(state.path()).contains("has not served HTTPS"), "{}", error(state.path()));
        let names = Names::new(&identity.id, "gate", &["192.168.1.7".parse().unwrap()]);
        let clock = Clock { now: 1_800_000_000, is_set: true };
        keep_authority(state.path(), identity.authority.renew(&names, clock).unwrap().unwrap()).unwrap();
        let described = describe(state.path()).unwrap().to_string();
        let fingerprint = Fingerprint::of(&identity.authority.certificate().unwrap().der());
        for part in [&fingerprint.words(), &fingerprint.to_string(), "gate.local", "192.168.1.7", "2032-01-15"] {
            assert!(described.contains(part), "{part}: {described}");
        }
    }
}
