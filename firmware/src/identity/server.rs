//! The certificates that a device's page shows, which its authority vouches for.
//!
//! One for its names, and one for each address: who comes by the name is shown the same one whatever address the device
//! has, so that neither an installed authority nor an exception that somebody made in a browser is lost by another
//! address. They have one key.

use std::net::IpAddr;

use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::authority::serial;
use super::names::Names;
use super::validity::{BEFORE, Clock, DAY, Validity, made_after};
use super::{Authority, p256};

/// With what comes before, shorter than the 398 days that browsers allow at most.
const VALIDITY: Validity = Validity { after: 366 * DAY, renew: 60 * DAY };
const _: () = assert!((BEFORE + VALIDITY.after) / DAY <= 397);

/// Those of addresses that the device had once are kept up to this many in all.
const MAX: usize = 16;

/// The certificates of a page with their key, as they are kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerCertificates {
    /// The hash of the authority's key.
    authority: String,
    key: String,
    certificates: Vec<ServerCertificate>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerCertificate {
    names: Vec<String>,
    made: i64,
    certificate: String,
}

impl ServerCertificates {
    /// None yet, with a key.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn new(authority: &Authority) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?.serialize_pem();
        Ok(Self { authority: hash_of_key(authority), key, certificates: Vec::new() })
    }

    /// Whether these are this authority's, and can be read.
    pub fn are_of(&self, authority: &Authority) -> bool {
        let is_whole = |one: &ServerCertificate| CertificateDer::from_pem_slice(one.certificate.as_bytes()).is_ok();
        self.authority == hash_of_key(authority) && p256(&self.key).is_some() && self.certificates.iter().all(is_whole)
    }

    /// Has the authority issue what is missing or runs out. Returns whether there was something.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn renew(&mut self, authority: &Authority, names: &Names, clock: Clock) -> Result<bool, rcgen::Error> {
        let addresses = names.addresses().iter().map(|address| vec![address.to_string()]);
        let mut is_new = false;
        // The last one that is asked for comes to the front, so that the names' is the first.
        for wanted in addresses.chain([names.lasting()]) {
            let index = self.certificates.iter().position(|found| found.names == wanted);
            let found = index.map(|index| self.certificates.remove(index));
            let made = found.as_ref().map(|found| found.made);
            let kept = found.filter(|found| !VALIDITY.is_over(found.made, clock));
            is_new |= kept.is_none();
            let certificate = match kept {
                Some(kept) => kept,
                None => self.issue(authority, wanted, made_after(made, clock))?,
            };
            self.certificates.insert(0, certificate);
        }
        self.certificates.truncate(MAX.max(names.addresses().len() + 1));
        Ok(is_new)
    }

    /// The names', then those of addresses; in PEM.
    pub fn certificates(&self) -> &[ServerCertificate] {
        &self.certificates
    }

    /// Their key in PEM.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn issue(&self, authority: &Authority, names: Vec<String>, made: i64) -> Result<ServerCertificate, rcgen::Error> {
        let key = KeyPair::from_pem(&self.key)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, authority.id().name());
        parameters.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => Ia5String::try_from(name.as_str()).map(SanType::DnsName),
            })
            .collect::<Result<_, _>>()?;
        parameters.serial_number = Some(serial());
        VALIDITY.apply(made, &mut parameters);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let of_authority = authority.parameters();
        let signed = parameters.signed_by(&key, &Issuer::from_params(&of_authority, authority.key()))?;
        Ok(ServerCertificate { names, made, certificate: signed.pem() })
    }
}

impl ServerCertificate {
    /// In PEM.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// The address that it is for; `None` when it is for names.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.names[..] {
            [address] => address.parse().ok(),
            _ => None,
        }
    }
}

fn hash_of_key(authority: &Authority) -> String {
    let hash = Sha256::digest(authority.key().public_key_raw());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
