//! The authority of a device: what whoever installs it trusts.
//!
//! It can vouch for this device and for nothing else: its certificate names the device's own names and addresses, and
//! browsers hold it to that (RFC 5280, section 4.2.1.10). So it is made anew when the device gets another name or
//! address, and in time before it runs out, always with the same key and subject: who has installed an earlier one
//! goes on trusting what that one allows.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::names::Names;
use super::validity::{Clock, DAY, EARLIEST, Validity, made_after};
use super::{DeviceId, p256};

/// Five years; in the last of them there is a new one beside it to install.
const VALIDITY: Validity = Validity { after: (5 * 365 + 1) * DAY, renew: 365 * DAY };

/// The addresses that one vouches for at most: those of now, and the last before them. An address that a device goes
/// back to, as with a cable that is plugged in and out, makes no new one each time.
const MAX_ADDRESSES: usize = 8;

/// The authority of a device.
pub struct Authority {
    id: DeviceId,
    key: KeyPair,
    /// The certificate that came with the key: proof that the two belong together.
    first: String,
    current: Option<AuthorityCertificate>,
}

/// Its certificate, as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityCertificate {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    made: i64,
    certificate: String,
}

impl Authority {
    pub(super) fn make(id: &DeviceId) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let names = Names::new(id, &id.hostname(), &[]);
        let first = certificate(id, &key, &names.lasting(), &[], EARLIEST)?;
        Ok(Self { id: id.clone(), key, first, current: None })
    }

    /// `None` when the certificate is not one of this device and this key.
    pub(super) fn load(id: &DeviceId, key: &str, first: String) -> Option<Self> {
        let key = p256(key)?;
        is_of(id, &key, &first).then(|| Self { id: id.clone(), key, first, current: None })
    }

    /// Takes up the certificate that was kept; one of another device or key is none.
    pub(super) fn resume(&mut self, kept: AuthorityCertificate) {
        if is_of(&self.id, &self.key, &kept.certificate) {
            self.current = Some(kept);
        }
    }

    /// The certificate that vouches for the device as it was last seen; `None` before HTTPS was served for the first
    /// time.
    pub fn certificate(&self) -> Option<&AuthorityCertificate> {
        self.current.as_ref()
    }

    /// Makes its certificate anew if that does not vouch for all of `names`, or runs out. Returns the new one, to be
    /// kept.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn renew(&mut self, names: &Names, clock: Clock) -> Result<Option<&AuthorityCertificate>, rcgen::Error> {
        let lasting = names.lasting();
        let earlier = self.current.as_ref();
        let is_over = earlier.is_none_or(|earlier| VALIDITY.is_over(earlier.made, clock));
        let vouches = |earlier: &AuthorityCertificate| {
            earlier.names == lasting && names.addresses().iter().all(|address| earlier.addresses.contains(address))
        };
        if !is_over && earlier.is_some_and(vouches) {
            return Ok(None);
        }
        let mut addresses = names.addresses().to_vec();
        let before = earlier.filter(|_| !is_over).map_or(&[][..], |earlier| &earlier.addresses);
        addresses.extend(before.iter().filter(|address| !names.addresses().contains(address)));
        addresses.truncate(MAX_ADDRESSES.max(names.addresses().len()));
        let made = made_after(earlier.map(|earlier| earlier.made), clock);
        let certificate = certificate(&self.id, &self.key, &lasting, &addresses, made)?;
        Ok(Some(self.current.insert(AuthorityCertificate { names: lasting, addresses, made, certificate })))
    }

    /// Of whom the certificates are that it signs; the same in each certificate of its own.
    pub(super) fn parameters(&self) -> CertificateParams {
        parameters(&self.id)
    }

    pub(super) fn key(&self) -> &KeyPair {
        &self.key
    }

    pub(super) fn id(&self) -> &DeviceId {
        &self.id
    }

    pub(super) fn first(&self) -> &str {
        &self.first
    }
}

impl AuthorityCertificate {
    /// As it is installed.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("it was made here, or checked when loaded")
    }

    /// The names and addresses that it vouches for.
    pub fn vouches_for(&self) -> Vec<String> {
        self.names.iter().cloned().chain(self.addresses.iter().map(IpAddr::to_string)).collect()
    }

    /// When it runs out, in seconds since the Unix epoch.
    pub fn until(&self) -> i64 {
        VALIDITY.end(self.made)
    }
}

fn is_of(id: &DeviceId, key: &KeyPair, pem: &str) -> bool {
    CertificateDer::from_pem_slice(pem.as_bytes()).is_ok_and(|certificate| {
        let mentions = |part: &[u8]| certificate.windows(part.len()).any(|found| found == part);
        mentions(key.public_key_raw()) && mentions(common_name(id).as_bytes())
    })
}

fn common_name(id: &DeviceId) -> String {
    format!("Doorway {}", id.name())
}

fn parameters(id: &DeviceId) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name(id));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Neither programs nor mail: systems that have one store for all would take its word for them too.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters
}

/// In PEM.
fn certificate(
    id: &DeviceId,
    key: &KeyPair,
    names: &[String],
    addresses: &[IpAddr],
    made: i64,
) -> Result<String, rcgen::Error> {
    let mut parameters = parameters(id);
    parameters.serial_number = Some(serial());
    VALIDITY.apply(made, &mut parameters);
    let host = |address: IpAddr| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
    };
    let named = names.iter().map(|name| match name.parse() {
        Ok(address) => host(address),
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    let permitted_subtrees = named.chain(addresses.iter().copied().map(host)).collect();
    parameters.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    Ok(parameters.self_signed(key)?.pem())
}

/// Random: a browser that has seen another certificate of this number refuses both.
pub(super) fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    // A positive number of the full length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
