//! The authority of a device, and the certificates that it gives the device's web page.
//!
//! Whoever installs the authority trusts it with nothing but this house: it can vouch for names and addresses that only
//! mean something in a local network, and browsers hold it to that (RFC 5280, section 4.2.1.10).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::{DeviceId, p256};

/// The earliest time that it can be while this runs, in seconds since the Unix epoch: 1 January 2026. A board without a
/// clock of its own believes in 1970 until it has asked the network.
pub const EARLIEST: i64 = 1_767_225_600;

const DAY: i64 = 24 * 3600;
/// A certificate begins before it is made, for clients whose clock is behind, or whose station's clock is ahead.
const BEFORE: i64 = 30 * DAY;
/// Together with that, shorter than the 398 days that browsers allow at most.
const AFTER: i64 = 366 * DAY;
/// It is renewed when less is left.
const RENEW: i64 = 60 * DAY;

/// The domains of local networks, below which the device's name is added to its certificate: multicast DNS (RFC 6762),
/// home networks (RFC 8375), private use, and what many routers take.
const LOCAL_DOMAINS: [&str; 4] = ["local", "home.arpa", "internal", "lan"];

/// The addresses of local networks: loopback, private (RFC 1918), link-local, shared (RFC 6598, which mesh VPNs use).
const LOCAL_V4: [(Ipv4Addr, u8); 6] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];
/// Loopback, and unique local addresses (RFC 4193). A link-local one can't be written into an address bar.
const LOCAL_V6: [(Ipv6Addr, u8); 2] = [(Ipv6Addr::LOCALHOST, 128), (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)];

/// The authority of a device.
pub struct Authority {
    id: DeviceId,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    pub(super) fn make(id: &DeviceId) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let made = parameters(id).self_signed(&key)?;
        Ok(Self { id: id.clone(), key, certificate: made.der().clone(), pem: made.pem() })
    }

    /// `None` when the certificate is not one of this device and this key.
    pub(super) fn load(id: &DeviceId, key: KeyPair, pem: String) -> Option<Self> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let mentions = |part: &[u8]| certificate.windows(part.len()).any(|found| found == part);
        let fits = mentions(key.public_key_raw()) && mentions(common_name(id).as_bytes());
        fits.then(|| Self { id: id.clone(), key, certificate, pem })
    }

    /// Its certificate, to be installed by those who are to trust it.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The same as text.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn key(&self) -> &KeyPair {
        &self.key
    }

    /// What a certificate for a device of this name and these addresses would vouch for.
    pub fn names(&self, hostname: &str, addresses: &[IpAddr]) -> Vec<String> {
        let mut names = vec!["localhost".to_owned()];
        // Of names without a domain, the authority may vouch for the device's own only.
        if hostname == self.id.hostname() {
            names.push(hostname.to_owned());
        }
        names.extend(LOCAL_DOMAINS.map(|domain| format!("{hostname}.{domain}")));
        let mut local: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        local.extend(addresses.iter().filter(|address| is_local(address)));
        local.sort_unstable();
        local.dedup();
        names.extend(local.iter().map(IpAddr::to_string));
        names
    }

    /// A certificate with a key of its own. `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn issue(&self, names: &[String], now: i64) -> Result<ServerCertificate, rcgen::Error> {
        let made = now.max(EARLIEST);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, self.id.name());
        parameters.subject_alt_names = names
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => Ia5String::try_from(name.as_str()).map(SanType::DnsName),
            })
            .collect::<Result<_, _>>()?;
        parameters.serial_number = Some(serial());
        parameters.not_before = at(made - BEFORE);
        parameters.not_after = at(made + AFTER);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let of_authority = self::parameters(&self.id);
        let certificate: Certificate = parameters.signed_by(&key, &Issuer::from_params(&of_authority, &self.key))?;
        Ok(ServerCertificate {
            authority: self.fingerprint(),
            names: names.to_vec(),
            made,
            key: key.serialize_pem(),
            certificate: certificate.pem(),
        })
    }

    fn fingerprint(&self) -> String {
        Sha256::digest(&self.certificate).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A certificate of the web page with its key, as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerCertificate {
    authority: String,
    names: Vec<String>,
    made: i64,
    key: String,
    certificate: String,
}

impl ServerCertificate {
    /// Its certificate and key, both as PEM.
    pub fn pems(&self) -> (&str, &str) {
        (&self.certificate, &self.key)
    }

    /// When another one has to be issued for these names: the instant to make it at, if so.
    ///
    /// A clock that went back is believed only once it `is_set` by the network: before, it is that of a board that
    /// has just come up, and a certificate made by it would be out of date for everybody.
    pub fn renewal(&self, of: &Authority, names: &[String], now: i64, is_set: bool) -> Option<i64> {
        let went_back = now < self.made - DAY;
        let known = if is_set { now } else { now.max(self.made) };
        let is_other = self.authority != of.fingerprint() || self.names != names || !self.is_whole();
        let is_old = known > self.made + AFTER - RENEW;
        (is_other || is_old || (went_back && is_set)).then_some(known)
    }

    fn is_whole(&self) -> bool {
        p256(&self.key).is_some() && CertificateDer::from_pem_slice(self.certificate.as_bytes()).is_ok()
    }
}

fn common_name(id: &DeviceId) -> String {
    format!("Doorway {}", id.name())
}

/// Those of the authority's certificate: the same each time, but for the serial number.
fn parameters(id: &DeviceId) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name(id));
    parameters.serial_number = Some(serial());
    // Whatever a clock says, it is valid.
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2049, 12, 31);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let domains = ["localhost".to_owned(), id.hostname()].into_iter().chain(LOCAL_DOMAINS.map(str::to_owned));
    let mut permitted_subtrees: Vec<GeneralSubtree> = domains.map(GeneralSubtree::DnsName).collect();
    let networks = LOCAL_V4.map(|(network, bits)| CidrSubnet::from_addr_prefix(network.into(), bits));
    permitted_subtrees.extend(networks.map(GeneralSubtree::IpAddress));
    let networks = LOCAL_V6.map(|(network, bits)| CidrSubnet::from_addr_prefix(network.into(), bits));
    permitted_subtrees.extend(networks.map(GeneralSubtree::IpAddress));
    parameters.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    parameters
}

/// Random: a browser that has seen another certificate of this number refuses both.
fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    // A positive number of the full length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn is_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => LOCAL_V4.iter().any(|(network, bits)| {
            let shift = 32 - u32::from(*bits);
            address.to_bits() >> shift == network.to_bits() >> shift
        }),
        IpAddr::V6(address) => LOCAL_V6.iter().any(|(network, bits)| {
            let shift = 128 - u32::from(*bits);
            address.to_bits() >> shift == network.to_bits() >> shift
        }),
    }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a time of this millennium is representable")
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
