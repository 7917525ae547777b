//! Certificates as a browser sees them: checked by rustls' client against the authority.

use std::sync::Arc;
use std::time::Duration;

use doorway_signaling::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use super::*;

/// Somewhen in 2027.
const NOW: i64 = 1_800_000_000;

fn authority() -> Authority {
    Authority::make(&DeviceId::parse("7K3M90ABCDEF").unwrap()).unwrap()
}

/// What a client that installed the authority says to a certificate that is shown for `name` at `now`.
fn verify(authority: &Authority, certificate: &ServerCertificate, name: &str, now: i64) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let shown = CertificateDer::from_pem_slice(certificate.pems().0.as_bytes()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()));
    verifier.verify_server_cert(&shown, &[], &ServerName::try_from(name).unwrap(), &[], now).map(drop)
}

#[test]
fn whoever_installed_the_authority_trusts_the_page_by_all_its_names() {
    let authority = authority();
    let addresses = ["192.168.1.7", "fd12::7", "100.100.1.7"].map(|address| address.parse().unwrap());
    let certificate = authority.issue(&authority.names("doorway-7k3m", &addresses), NOW).unwrap();
    for name in [
        "localhost",
        "doorway-7k3m",
        "doorway-7k3m.local",
        "doorway-7k3m.lan",
        "doorway-7k3m.home.arpa",
        "127.0.0.1",
        "::1",
        "192.168.1.7",
        "fd12::7",
        "100.100.1.7",
    ] {
        verify(&authority, &certificate, name, NOW).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for other in ["doorway-aaaa.local", "example.org", "192.168.1.8"] {
        verify(&authority, &certificate, other, NOW).unwrap_err();
    }
    verify(&self::authority(), &certificate, "localhost", NOW).unwrap_err();
}

#[test]
fn a_name_of_ones_own_is_vouched_for_below_the_local_domains() {
    let authority = authority();
    let names = authority.names("front-door", &["203.0.113.7".parse().unwrap()]);
    assert!(names.contains(&"front-door.local".to_owned()));
    assert!(!names.contains(&"front-door".to_owned()) && !names.contains(&"203.0.113.7".to_owned()), "{names:?}");
    let certificate = authority.issue(&names, NOW).unwrap();
    verify(&authority, &certificate, "front-door.local", NOW).unwrap();
}

#[test]
fn the_authority_can_vouch_for_nobody_outside_of_the_house() {
    let authority = authority();
    for outside in ["example.org", "bank", "local.example.org", "203.0.113.7", "2001:db8::7"] {
        let certificate = authority.issue(&[outside.to_owned(), "localhost".to_owned()], NOW).unwrap();
        let error = verify(&authority, &certificate, outside, NOW).unwrap_err();
        assert!(format!("{error:?}").contains("NameConstraintViolation"), "{outside}: {error:?}");
    }
}

#[test]
fn a_certificate_is_short_and_begins_before_it_is_made() {
    let authority = authority();
    let certificate = authority.issue(&authority.names("doorway-7k3m", &[]), NOW).unwrap();
    let at = |days: i64| verify(&authority, &certificate, "localhost", NOW + days * DAY);
    at(-29).unwrap();
    at(365).unwrap();
    assert!(matches!(at(-31), Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }))));
    assert!(matches!(at(367), Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))));
    const { assert!((BEFORE + AFTER) / DAY <= 397) };
}

#[test]
fn a_board_that_believes_in_1970_makes_a_certificate_of_today() {
    let authority = authority();
    let certificate = authority.issue(&authority.names("doorway-7k3m", &[]), 7).unwrap();
    verify(&authority, &certificate, "localhost", EARLIEST).unwrap();
    verify(&authority, &certificate, "localhost", EARLIEST + 300 * DAY).unwrap();
}

#[test]
fn a_certificate_is_renewed_in_time_and_for_other_names() {
    let authority = authority();
    let names = authority.names("doorway-7k3m", &[]);
    let certificate = authority.issue(&names, NOW).unwrap();
    let renewal = |days: i64, is_set| certificate.renewal(&authority, &names, NOW + days * DAY, is_set);
    assert_eq!(renewal(0, true), None);
    assert_eq!(renewal(305, true), None);
    assert_eq!(renewal(307, true), Some(NOW + 307 * DAY));
    let others = authority.names("doorway-7k3m", &["10.0.0.7".parse().unwrap()]);
    assert_eq!(certificate.renewal(&authority, &others, NOW, true), Some(NOW));
    assert_eq!(certificate.renewal(&self::authority(), &names, NOW, true), Some(NOW), "by another authority");
    let torn = ServerCertificate { key: String::new(), ..certificate.clone() };
    assert_eq!(torn.renewal(&authority, &names, NOW, true), Some(NOW));
}

#[test]
fn a_clock_that_is_not_set_yet_takes_nothing_back() {
    let authority = authority();
    let names = authority.names("doorway-7k3m", &[]);
    let certificate = authority.issue(&names, NOW).unwrap();
    let (unset, others) = (7, authority.names("doorway-7k3m", &["10.0.0.7".parse().unwrap()]));
    assert_eq!(certificate.renewal(&authority, &names, unset, false), None);
    // What has to be made anew is of the time that has certainly come.
    assert_eq!(certificate.renewal(&authority, &others, unset, false), Some(NOW));
    // A clock that was far ahead is put right by the network.
    assert_eq!(certificate.renewal(&authority, &names, NOW - 90 * DAY, true), Some(NOW - 90 * DAY));
}
