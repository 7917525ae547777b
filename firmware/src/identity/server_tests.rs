//! What is issued when, and what stays.

use super::*;
use crate::identity::DeviceId;
use crate::identity::validity::EARLIEST;

/// Somewhen in 2027.
const NOW: i64 = 1_800_000_000;
const SET: Clock = Clock { now: NOW, is_set: true };

fn names(addresses: &[&str]) -> Names {
    let id = DeviceId::parse("7K3M90ABCDEF").unwrap();
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Names::new(&id, &id.hostname(), &addresses)
}

fn authority() -> Authority {
    Authority::make(&DeviceId::parse("7K3M90ABCDEF").unwrap()).unwrap()
}

fn pem_of(certificates: &ServerCertificates, address: Option<&str>) -> Option<String> {
    let address = address.map(|address| address.parse().unwrap());
    certificates.certificates().iter().find(|found| found.address() == address).map(|found| found.pem().to_owned())
}

#[test]
fn another_address_adds_a_certificate_and_changes_none() {
    let authority = authority();
    let mut server = ServerCertificates::new(&authority).unwrap();
    assert!(server.renew(&authority, &names(&["192.168.1.7"]), SET).unwrap());
    let (key, by_name, by_address) =
        (server.key().to_owned(), pem_of(&server, None), pem_of(&server, Some("192.168.1.7")));
    assert!(by_name.is_some() && by_address.is_some());
    assert!(!server.renew(&authority, &names(&["192.168.1.7"]), SET).unwrap(), "nothing has changed");
    assert!(server.renew(&authority, &names(&["192.168.1.9", "10.0.0.7"]), SET).unwrap());
    assert_eq!((server.key(), pem_of(&server, None)), (key.as_str(), by_name.clone()));
    assert!(!server.renew(&authority, &names(&["192.168.1.7"]), SET).unwrap(), "it goes back");
    assert_eq!((pem_of(&server, None), pem_of(&server, Some("192.168.1.7"))), (by_name.clone(), by_address));
    assert_eq!(Some(server.certificates()[0].pem()), by_name.as_deref(), "the names' comes first");
}

#[test]
fn certificates_of_addresses_are_not_gathered_without_end() {
    let authority = authority();
    let mut server = ServerCertificates::new(&authority).unwrap();
    for host in 1..=30 {
        server.renew(&authority, &names(&[&format!("10.0.0.{host}")]), SET).unwrap();
    }
    assert_eq!(server.certificates().len(), MAX);
    assert!(pem_of(&server, None).is_some() && pem_of(&server, Some("10.0.0.30")).is_some());
}

#[test]
fn they_are_renewed_in_time_with_the_same_key() {
    let authority = authority();
    let mut server = ServerCertificates::new(&authority).unwrap();
    server.renew(&authority, &names(&[]), SET).unwrap();
    let key = server.key().to_owned();
    let mut renews = |days: i64, is_set: bool| {
        server.renew(&authority, &names(&[]), Clock { now: NOW + days * DAY, is_set }).unwrap()
    };
    assert!(!renews(305, true));
    assert!(renews(307, true));
    assert!(!renews(308, true));
    // Before the network has set it, a clock that went back is that of a board that has just come up.
    assert!(!renews(-NOW / DAY, false));
    assert!(renews(0, true), "a clock that was far ahead is put right");
    assert_eq!(server.key(), key);
}

#[test]
fn a_board_that_believes_in_1970_makes_one_of_a_time_that_has_come() {
    let authority = authority();
    let mut server = ServerCertificates::new(&authority).unwrap();
    server.renew(&authority, &names(&[]), Clock { now: 7, is_set: false }).unwrap();
    assert_eq!(server.certificates()[0].made, EARLIEST);
}

#[test]
fn those_of_another_authority_and_torn_ones_are_not_taken_up() {
    let authority = authority();
    let mut server = ServerCertificates::new(&authority).unwrap();
    server.renew(&authority, &names(&[]), SET).unwrap();
    assert!(server.are_of(&authority) && !server.are_of(&self::authority()));
    let torn = ServerCertificates { key: String::new(), ..server.clone() };
    assert!(!torn.are_of(&authority));
    server.certificates[0].certificate.clear();
    assert!(!server.are_of(&authority));
}
