//! The authority as those see it who installed it. What OpenSSL and NSS say is in `tests/authority.rs`.

use std::sync::Arc;
use std::time::Duration;

use doorway_signaling::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{Error, RootCertStore};

use super::*;
use crate::identity::ServerCertificates;

/// Somewhen in 2027.
const NOW: i64 = 1_800_000_000;
const SET: Clock = Clock { now: NOW, is_set: true };

fn id() -> DeviceId {
    DeviceId::parse("7K3M90ABCDEF").unwrap()
}

fn names(hostname: &str, addresses: &[&str]) -> Names {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Names::new(&id(), hostname, &addresses)
}

/// An authority that vouches for a device in the house.
fn authority(names: &Names) -> Authority {
    let mut authority = Authority::make(&id()).unwrap();
    assert!(authority.renew(names, SET).unwrap().is_some());
    authority
}

/// What a client that installed `trusted` says to the certificate that `authority` gives `names`, shown for `name`.
fn verify(trusted: &AuthorityCertificate, authority: &Authority, names: &Names, name: &str) -> Result<(), Error> {
    verify_at(trusted, authority, names, name, SET.now)
}

fn verify_at(
    trusted: &AuthorityCertificate,
    authority: &Authority,
    names: &Names,
    name: &str,
    now: i64,
) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let mut server = ServerCertificates::new(authority).unwrap();
    server.renew(authority, names, Clock { now, is_set: true }).unwrap();
    let address: Option<IpAddr> = name.parse().ok();
    let of_address = server.certificates().iter().find(|found| address.is_some() && found.address() == address);
    let shown = of_address.unwrap_or(&server.certificates()[0]);
    let shown = CertificateDer::from_pem_slice(shown.pem().as_bytes()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.try_into().unwrap()));
    verifier.verify_server_cert(&shown, &[], &ServerName::try_from(name).unwrap(), &[], now).map(drop)
}

fn is_name_violation(result: Result<(), Error>) -> bool {
    result.is_err_and(|error| format!("{error:?}").contains("NameConstraintViolation"))
}

#[test]
fn whoever_installed_it_trusts_the_page_by_all_its_names_and_addresses() {
    let names = names("doorway-7k3m", &["192.168.1.7", "fd12::7", "100.100.1.7"]);
    let authority = authority(&names);
    let trusted = authority.certificate().unwrap().clone();
    let mut seen = 0;
    for name in trusted.vouches_for() {
        verify(&trusted, &authority, &names, &name).unwrap_or_else(|error| panic!("{name}: {error}"));
        seen += 1;
    }
    assert_eq!(seen, 11);
    let other = self::authority(&names);
    verify(other.certificate().unwrap(), &authority, &names, "localhost").unwrap_err();
}

#[test]
fn it_can_vouch_for_this_device_and_for_nothing_else() {
    let own = names("front-door", &["192.168.1.7", "fd12::7"]);
    let mut authority = authority(&own);
    let trusted = authority.certificate().unwrap().clone();
    // Whoever took its key has it vouch for others: their router, a neighbour, the next device, the Internet.
    for others in ["192.168.1.1", "192.168.1.8", "10.0.0.1", "fd12::1"] {
        let stolen = names("front-door", &[others]);
        assert!(is_name_violation(verify(&trusted, &authority, &stolen, others)), "{others}");
    }
    for others in ["router", "front-do0r", "doorway-aaaa"] {
        let stolen = names(others, &[]);
        assert!(is_name_violation(verify(&trusted, &authority, &stolen, &format!("{others}.local"))), "{others}");
    }
    authority.renew(&names("dev", &[]), SET).unwrap().unwrap();
    assert!(!authority.certificate().unwrap().vouches_for().contains(&"dev".to_owned()), "a domain of the Internet");
}

#[test]
fn another_address_makes_another_certificate_of_the_same_key_and_the_earlier_one_goes_on() {
    let (before, after) = (names("doorway-7k3m", &["192.168.1.7"]), names("doorway-7k3m", &["192.168.1.9"]));
    let mut authority = authority(&before);
    let earlier = authority.certificate().unwrap().clone();
    assert!(authority.renew(&before, SET).unwrap().is_none(), "nothing has changed");
    let later = authority.renew(&after, SET).unwrap().unwrap().clone();
    for trusted in [&earlier, &later] {
        verify(trusted, &authority, &after, "doorway-7k3m.local").unwrap();
        verify(trusted, &authority, &before, "192.168.1.7").unwrap();
    }
    verify(&later, &authority, &after, "192.168.1.9").unwrap();
    assert!(is_name_violation(verify(&earlier, &authority, &after, "192.168.1.9")));
    assert!(authority.renew(&before, SET).unwrap().is_none(), "an address that it goes back to makes none");
}

#[test]
fn it_does_not_gather_addresses_without_end() {
    let mut authority = authority(&names("doorway-7k3m", &[]));
    for host in 1..=20 {
        authority.renew(&names("doorway-7k3m", &[&format!("10.0.0.{host}")]), SET).unwrap().unwrap();
    }
    let vouched = authority.certificate().unwrap().vouches_for();
    assert!(vouched.contains(&"10.0.0.20".to_owned()) && vouched.contains(&"10.0.0.13".to_owned()), "{vouched:?}");
    assert!(!vouched.contains(&"10.0.0.12".to_owned()), "{vouched:?}");
}

#[test]
fn it_holds_for_five_years_and_is_renewed_a_year_before() {
    let names = names("doorway-7k3m", &["192.168.1.7"]);
    let mut authority = authority(&names);
    let earlier = authority.certificate().unwrap().clone();
    assert_eq!((earlier.until() - NOW) / (365 * DAY), 5);
    let at = |days: i64| Clock { now: NOW + days * DAY, is_set: true };
    assert!(authority.renew(&names, at(4 * 365)).unwrap().is_none());
    let later = authority.renew(&names, at(4 * 365 + 3)).unwrap().unwrap().clone();
    // In the year that both hold, the page is trusted by either.
    for trusted in [&earlier, &later] {
        verify_at(trusted, &authority, &names, "192.168.1.7", NOW + 4 * 366 * DAY).unwrap();
    }
    assert_eq!((later.until() - earlier.until()) / DAY, 4 * 365 + 3);
}

#[test]
fn one_of_a_board_that_believes_in_1970_is_made_anew_once_the_clock_is_set() {
    let names = names("doorway-7k3m", &[]);
    let mut authority = Authority::make(&id()).unwrap();
    let early = authority.renew(&names, Clock { now: 7, is_set: false }).unwrap().unwrap().clone();
    verify_at(&early, &authority, &names, "localhost", EARLIEST + DAY).unwrap();
    let years = |years: i64| Clock { now: EARLIEST + years * 365 * DAY, is_set: true };
    assert!(authority.renew(&names, years(3)).unwrap().is_none());
    assert_eq!(authority.renew(&names, years(20)).unwrap().unwrap().until(), VALIDITY.end(years(20).now));
    // A clock that was far ahead is put right by the network, and by nothing else.
    assert!(authority.renew(&names, Clock { now: NOW, is_set: false }).unwrap().is_none());
    assert_eq!(authority.renew(&names, SET).unwrap().unwrap().until(), VALIDITY.end(NOW));
}

#[test]
fn whoever_installed_one_that_vouched_for_the_whole_house_goes_on_and_gets_no_other_like_it() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut wide = parameters(&id());
    wide.not_after = rcgen::date_time_ymd(2049, 12, 31);
    let networks = ["10.0.0.0", "192.168.0.0"].map(|network| network.parse().unwrap());
    let networks = networks.map(|network| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(network, 8)));
    let mut permitted_subtrees = networks.to_vec();
    permitted_subtrees.extend(
        ["localhost", "local", "lan", "home.arpa", "internal"].map(|name| GeneralSubtree::DnsName(name.into())),
    );
    permitted_subtrees.push(GeneralSubtree::DnsName(id().hostname()));
    permitted_subtrees
        .push(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(std::net::Ipv4Addr::LOCALHOST.into(), 8)));
    permitted_subtrees
        .push(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(std::net::Ipv6Addr::LOCALHOST.into(), 128)));
    wide.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    let first = wide.self_signed(&key).unwrap().pem();
    let mut authority = Authority::load(&id(), &key.serialize_pem(), first.clone()).unwrap();
    assert!(authority.certificate().is_none(), "it is not offered any more");
    let names = names("doorway-7k3m", &["192.168.1.7"]);
    assert!(!authority.renew(&names, SET).unwrap().unwrap().vouches_for().contains(&"local".to_owned()));
    let installed = AuthorityCertificate { names: vec![], addresses: vec![], made: NOW, certificate: first };
    for name in ["doorway-7k3m.local", "192.168.1.7"] {
        verify(&installed, &authority, &names, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn one_of_another_key_is_not_taken_up() {
    let names = names("doorway-7k3m", &[]);
    let other = authority(&names).certificate().unwrap().clone();
    let mut authority = Authority::make(&id()).unwrap();
    authority.resume(other);
    assert!(authority.certificate().is_none());
}
