//! Whether those who check certificates by themselves hold the station's authority to what it says: OpenSSL, and NSS,
//! which Firefox has and Chromium takes installed authorities from. Both are brought by `.ci/install test`.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use doorwayd::identity::{Clock, Identity, Names, ServerCertificates};

const DAY: i64 = 24 * 3600;
/// Somewhen in 2027.
const NOW: i64 = 1_800_000_000;

/// An authority as a station offers it, and certificates of its key.
struct Station {
    folder: tempfile::TempDir,
    identity: Identity,
}

impl Station {
    /// At `gate.local`, 192.168.1.7 and fd12::7.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut identity, _) = Identity::load_or_make(folder.path(), None).unwrap();
        let names = names(&identity, "gate", &["192.168.1.7", "fd12::7"]);
        let offered = identity.authority.renew(&names, Clock { now: NOW, is_set: true }).unwrap().unwrap();
        std::fs::write(folder.path().join("ca.crt"), offered.der()).unwrap();
        run(folder.path(), "openssl", &["x509", "-inform", "der", "-in", "ca.crt", "-out", "ca.pem"]);
        Self { folder, identity }
    }

    /// A certificate of the authority's key for a machine that calls itself so and has this address: what the station
    /// shows, or a thief of its key would. Made at `made`.
    fn certificate(&self, hostname: &str, address: Option<&str>, made: i64) -> PathBuf {
        let names = names(&self.identity, hostname, address.as_slice());
        let mut server = ServerCertificates::new(&self.identity.authority).unwrap();
        server.renew(&self.identity.authority, &names, Clock { now: made, is_set: true }).unwrap();
        let wanted = server.certificates().iter().find(|found| found.address().is_some() == address.is_some()).unwrap();
        let path = self.folder.path().join(format!("{}.pem", rand::random::<u64>()));
        std::fs::write(&path, wanted.pem()).unwrap();
        path
    }

    /// What OpenSSL says to it at `now`, when it is shown for `-verify_hostname` or `-verify_ip`.
    fn openssl(&self, certificate: &Path, shown_for: [&str; 2], now: i64) -> Result<(), String> {
        let [kind, name] = shown_for;
        let (now, certificate) = (now.to_string(), certificate.to_str().unwrap());
        let purpose = ["-purpose", "sslserver", "-x509_strict", "-attime", &now];
        let arguments = [&["verify", "-CAfile", "ca.pem", kind, name], &purpose[..], &[certificate]].concat();
        let said = attempt(self.folder.path(), "openssl", &arguments);
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        if said.status.success() { Ok(()) } else { Err(text) }
    }

    /// What NSS says to it as a server's certificate at `now`.
    fn nss(&self, certificate: &Path, now: i64) -> Result<(), String> {
        let folder = self.folder.path();
        let store = folder.join("nss");
        let store = format!("sql:{}", store.display());
        if std::fs::create_dir(folder.join("nss")).is_ok() {
            run(folder, "certutil", &["-d", &store, "-N", "--empty-password"]);
            run(folder, "certutil", &["-d", &store, "-A", "-n", "doorway", "-t", "C,,", "-i", "ca.crt"]);
        }
        let name = certificate.file_name().unwrap().to_str().unwrap();
        run(folder, "certutil", &["-d", &store, "-A", "-n", name, "-t", ",,", "-a", "-i", name]);
        let at = nss_time(now);
        let said = attempt(folder, "certutil", &["-d", &store, "-V", "-n", name, "-u", "V", "-e", "-b", &at]);
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        if said.status.success() { Ok(()) } else { Err(text) }
    }
}

fn names(identity: &Identity, hostname: &str, addresses: &[&str]) -> Names {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Names::new(&identity.id, hostname, &addresses)
}

fn attempt(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}; `.ci/install test` brings it"))
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let output = attempt(folder, program, arguments);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `YYMMDDHHMMSSZ`.
fn nss_time(now: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(now).unwrap();
    let (year, month, day) = time.to_calendar_date();
    format!("{:02}{:02}{day:02}120000Z", year % 100, u8::from(month))
}

#[test]
fn openssl_and_nss_trust_the_station_by_its_names_and_addresses() {
    let station = Station::new();
    let by_name = station.certificate("gate", None, NOW);
    for name in ["gate.local", "gate.lan", "localhost"] {
        station.openssl(&by_name, ["-verify_hostname", name], NOW).unwrap();
    }
    station.nss(&by_name, NOW).unwrap();
    for address in ["192.168.1.7", "fd12::7"] {
        let by_address = station.certificate("gate", Some(address), NOW);
        station.openssl(&by_address, ["-verify_ip", address], NOW).unwrap();
        station.nss(&by_address, NOW).unwrap();
    }
}

#[test]
fn openssl_and_nss_let_it_vouch_for_no_other_device() {
    let station = Station::new();
    for address in ["192.168.1.1", "192.168.1.8", "10.0.0.1", "fd12::8"] {
        let forged = station.certificate("gate", Some(address), NOW);
        let said = station.openssl(&forged, ["-verify_ip", address], NOW).unwrap_err();
        assert!(said.contains("permitted subtree violation"), "{address}: {said}");
        let said = station.nss(&forged, NOW).unwrap_err();
        assert!(said.contains("not permitted to issue a certificate with this name"), "{address}: {said}");
    }
    for hostname in ["router", "gate2"] {
        let forged = station.certificate(hostname, None, NOW);
        let said = station.openssl(&forged, ["-verify_hostname", &format!("{hostname}.local")], NOW).unwrap_err();
        assert!(said.contains("permitted subtree violation"), "{hostname}: {said}");
        let said = station.nss(&forged, NOW).unwrap_err();
        assert!(said.contains("not permitted to issue a certificate with this name"), "{hostname}: {said}");
    }
}

#[test]
fn openssl_and_nss_trust_it_for_five_years() {
    let station = Station::new();
    for (days, holds) in [(0, true), (5 * 365 - 1, true), (5 * 365 + 2, false)] {
        let now = NOW + days * DAY;
        let shown = station.certificate("gate", None, now);
        assert_eq!(station.openssl(&shown, ["-verify_hostname", "gate.local"], now).is_ok(), holds, "day {days}");
        assert_eq!(station.nss(&shown, now).is_ok(), holds, "day {days}");
    }
}
