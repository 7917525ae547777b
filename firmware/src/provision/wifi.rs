//! `wpa_supplicant.conf(5)` for one Wi-Fi. Pure.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA1, derive};

use crate::config::Wifi;

/// IEEE 802.11-2020, annex J.4.1: rounds, and bytes of the key.
const ROUNDS: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");
const KEY_BYTES: usize = 32;

/// The file that joins `wifi`. The name is written as its bytes, so that nothing in it can be taken for a setting, and the
/// passphrase as the key that follows from it, which opens this one Wi-Fi only.
pub(super) fn configuration(wifi: &Wifi) -> String {
    let mut text = String::from("# Written by `doorwayd provision`, from the boot partition's doorway.toml.\n");
    let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a String takes everything");
    line(format_args!("ctrl_interface=/run/wpa_supplicant"));
    line(format_args!("update_config=0"));
    line(format_args!("country={}", wifi.country));
    line(format_args!("network={{"));
    line(format_args!("\tssid={}", hex(wifi.ssid.as_bytes())));
    if wifi.hidden {
        line(format_args!("\tscan_ssid=1"));
    }
    match &wifi.passphrase {
        Some(passphrase) => {
            line(format_args!("\tkey_mgmt=WPA-PSK WPA-PSK-SHA256"));
            line(format_args!("\tieee80211w=1"));
            line(format_args!("\tpsk={}", hex(&key(passphrase, &wifi.ssid))));
        }
        None => line(format_args!("\tkey_mgmt=NONE")),
    }
    line(format_args!("}}"));
    text
}

fn key(passphrase: &str, ssid: &str) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    derive(PBKDF2_HMAC_SHA1, ROUNDS, ssid.as_bytes(), passphrase.as_bytes(), &mut key);
    key
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::key as derived;
    use super::*;

    fn wifi(ssid: &str, passphrase: Option<&str>, hidden: bool) -> Wifi {
        Wifi { ssid: ssid.into(), passphrase: passphrase.map(Into::into), country: "TW".into(), hidden }
    }

    #[test]
    fn the_key_is_that_of_the_standard() {
        // IEEE 802.11-2020, annex J.4.2.
        let key = |ssid, passphrase| hex(&derived(passphrase, ssid));
        assert_eq!(key("IEEE", "password"), "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e");
        assert_eq!(
            key("ThisIsASSID", "ThisIsAPassword"),
            "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"
        );
    }

    #[test]
    fn a_wifi_is_written_without_its_passphrase_and_its_name_can_be_no_setting() {
        let text = configuration(&wifi("Home\"\n}\nnetwork={", Some("correct horse"), false));
        assert!(!text.contains("horse"), "{text}");
        let ssid = hex("Home\"\n}\nnetwork={".as_bytes());
        assert!(text.contains(&format!("\n\tssid={ssid}\n\tkey_mgmt=WPA-PSK WPA-PSK-SHA256\n")), "{text}");
        assert!(text.contains("\ncountry=TW\n") && !text.contains("scan_ssid"), "{text}");
        assert_eq!(text.matches("network={").count(), 1);
    }

    #[test]
    fn an_open_and_a_hidden_wifi_are_what_they_are() {
        assert!(configuration(&wifi("Café", None, false)).contains("\n\tkey_mgmt=NONE\n"));
        assert!(configuration(&wifi("x", Some("correct horse"), true)).contains("\n\tscan_ssid=1\n"));
    }
}
