use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{CompanionPlace, DEFAULT_NAME, DOCUMENTED};
use crate::https::CertificateSource;

const SHIPPED: &str = "# As the image ships it.\n[companion]\nlisten = \"[::]:443\"\nredirect = \"[::]:80\"\ntls = \"own\"\n\
    claim = true\n\n[[door]]\nid = \"door\"\n";

fn good(text: &str) -> Wishes {
    read(text.as_bytes(), SHIPPED).unwrap_or_else(|error| panic!("{error}\n in {text}"))
}

fn wrong(text: &str) -> String {
    read(text.as_bytes(), SHIPPED).expect_err(text).to_string()
}

#[test]
fn what_a_file_leaves_out_is_as_the_image_ships_it() {
    let wishes = good("[station]\nname = \"Gate\"\n[call]\nring_timeout = \"20 s\" # short\n");
    let (text, config) = wishes.config.unwrap();
    assert_eq!((config.name.as_str(), config.call.ring_timeout), ("Gate", Duration::from_secs(20)));
    let CompanionPlace::Inside(inside) = &config.companion else { panic!("{config:?}") };
    assert_eq!((inside.tls.clone(), inside.claim), (Some(CertificateSource::Own), true));
    assert_eq!(config.doors.len(), 1);
    assert!(text.contains("ring_timeout = \"20 s\" # short"), "{text}");
    assert_eq!(Config::parse(Path::new(NAME), &text).unwrap(), config, "the daemon reads the same");
    assert!(!wishes.has_secrets);
}

#[test]
fn what_a_file_says_goes_before_what_the_image_ships() {
    let (_, config) = good("[[door]]\nid = \"garage\"\n[companion]\nlisten = \"0.0.0.0:8443\"\n").config.unwrap();
    assert_eq!(config.doors.iter().map(|door| door.shown.id.as_str()).collect::<Vec<_>>(), ["garage"]);
    let CompanionPlace::Inside(inside) = &config.companion else { panic!("{config:?}") };
    assert_eq!((inside.listen, inside.claim), ("0.0.0.0:8443".parse().unwrap(), true));
    let inline = good("companion = { listen = \"0.0.0.0:8443\" }\n").config.unwrap().1;
    assert_eq!(inline.companion, config.companion);
}

#[test]
fn settings_of_the_image_that_do_not_go_with_the_file_are_left_out() {
    let (_, config) = good("[companion]\nconnect = \"ws://192.168.1.2:8080/ws\"\n").config.unwrap();
    assert!(matches!(config.companion, CompanionPlace::Elsewhere { .. }));
    let (_, config) = good("[companion]\ntls = \"off\"\nsecret = \"correct horse battery\"\n").config.unwrap();
    let CompanionPlace::Inside(inside) = &config.companion else { panic!("{config:?}") };
    assert_eq!((inside.tls.clone(), inside.redirect, inside.claim), (None, None, false));
}

#[test]
fn a_file_with_the_device_alone_leaves_the_configuration_as_it_is() {
    let wishes = good(
        "[device]\nhostname = \"gate\"\n[device.wifi]\nssid = \"Home\"\npassphrase = \"correct horse\"\ncountry = \"DE\"\n",
    );
    assert_eq!(wishes.config, None);
    assert_eq!(wishes.device.hostname.as_deref(), Some("gate"));
    assert!(wishes.has_secrets);
    assert_eq!(good("").config, None);
}

#[test]
fn neither_device_nor_passphrase_is_in_what_the_daemon_gets() {
    for text in [
        "[device]\nhostname = \"gate\"\n[device.wifi]\nssid = \"Home\"\npassphrase = \"correct horse\"\ncountry = \"DE\"\n[station]\nname = \"Gate\"\n",
        "device = { hostname = \"gate\", wifi = { ssid = \"Home\", passphrase = \"correct horse\", country = \"DE\" } }\nstation.name = \"Gate\"\n",
        "device.hostname = \"gate\"\ndevice.wifi.ssid = \"Home\"\ndevice.wifi.passphrase = \"correct horse\"\ndevice.wifi.country = \"DE\"\nstation.name = \"Gate\"\n",
        "[station]\nname = \"Gate\"\n[device.wifi]\nssid = \"Home\"\npassphrase = \"correct horse\"\ncountry = \"DE\"\n[device]\nhostname = \"gate\"\n",
    ] {
        let wishes = good(text);
        assert_eq!(wishes.device.hostname.as_deref(), Some("gate"));
        assert!(wishes.device.wifi.is_some() && wishes.has_secrets);
        let (text, config) = wishes.config.unwrap();
        assert_eq!(config.name, "Gate");
        for word in ["device", "wifi", "horse", "Home"] {
            assert!(!text.contains(word), "{word} is in {text}");
        }
    }
}

#[test]
fn a_file_of_an_editor_on_windows_is_the_same() {
    let unix = "[station]\nname = \"Gate\"\n\n[device]\nhostname = \"gate\"\n";
    let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    assert_eq!(good(&windows), good(unix));
    let error = wrong(&windows.replacen("name = ", "nmae = ", 1));
    assert!(error.starts_with("doorway.toml:2:1: unknown field `nmae`"), "{error}");
}

#[test]
fn a_mistake_has_the_line_of_the_file_as_it_was_written() {
    for (text, expected) in [
        ("[station]\nnmae = \"x\"\n", "doorway.toml:2:1: unknown field `nmae`"),
        ("[call]\nring_timeout = \"45\"\n", "doorway.toml:2:16: expected a duration"),
        // Found only with what the image ships, which has lines before and after.
        ("[companion]\nsecret = \"short\"\n[call]\nhold = \"30 ms\"\n", "doorway.toml:2:10: the secret is too short"),
        ("[companion]\nroom = \"home\"\n[local]\n\nlisten = \"0.0.0.0:9480\"\n", "doorway.toml:5:10: [local] listen"),
        ("[companion]\ntls = \"files\"\n", "doorway.toml:2:7: tls = \"files\" needs both"),
        ("[[door]]\nid = \"a\"\n[[door]]\nid = \"a\"\n", "doorway.toml:4:6: door a is there twice"),
        ("[device]\nhostname = \"a b\"\n", "doorway.toml:2:12: this is no name"),
        ("x = [\n", "doorway.toml:1:"),
    ] {
        let error = wrong(text);
        assert!(error.starts_with(expected), "{error}\n  but expected {expected}");
        assert!(error.contains("remedy: "), "{error}");
    }
}

#[test]
fn a_mistake_that_only_the_image_has_a_line_for_is_one_of_the_whole_file() {
    let error = wrong("[companion]\ntls = \"off\"\n");
    assert!(error.starts_with("doorway.toml: [::]:443 can be reached from the network"), "{error}");
}

#[test]
fn what_is_no_text_is_said_so() {
    let utf16: Vec<u8> = "\u{feff}[station]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, expected) in [
        (utf16, "is saved as UTF-16"),
        (b"name = \"T\xfcr\"".to_vec(), "is not saved as UTF-8"),
        (vec![b'#'; LIMIT + 1], "is larger than"),
    ] {
        let error = read(&bytes, SHIPPED).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("plain text in UTF-8"), "{error}");
    }
    let never_written = wrong("\0\0\0");
    assert!(never_written.starts_with("doorway.toml:1:"), "{never_written}");
}

#[test]
fn the_documented_file_is_good_on_a_card_too() {
    let (_, config) = good(
        &format!("{DOCUMENTED}[device]\nhostname = \"gate\"\n")
            .replace("listen = \"127.0.0.1:8080\"", "")
            .replace("tls = \"off\"", "")
            .replace("claim = false", ""),
    )
    .config
    .unwrap();
    assert_eq!(config.name, DEFAULT_NAME);
}

proptest! {
    #[test]
    fn any_bytes_are_wishes_or_a_mistake(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, SHIPPED);
    }

    #[test]
    fn any_settings_are_wishes_that_the_daemon_takes_or_a_mistake(
        text in "(\\[\\[?(station|companion|device|device.wifi|call|door|local)\\]?\\]\n((name|id|listen|secret|ssid|passphrase|country|hostname|hold|tls|connect|claim)( = )(\"[ -~]{0,14}\"|true|7)\n){0,4}){0,5}"
    ) {
        if let Ok(Wishes { config: Some((text, config)), .. }) = read(text.as_bytes(), SHIPPED) {
            prop_assert_eq!(Config::parse(Path::new(NAME), &text).map_err(|error| error.to_string()), Ok(config));
        }
    }

    #[test]
    fn a_line_of_the_merged_text_is_found_in_the_original(
        lines in proptest::collection::vec("[ab]{0,2}", 1..8), more in proptest::collection::vec((0usize..9, "[abc]{0,2}"), 0..6), pick in any::<prop::sample::Index>()
    ) {
        let mut merged = lines.clone();
        for (at, line) in more {
            merged.insert(at.min(merged.len()), line);
        }
        let picked = pick.index(merged.len());
        if let Some(number) = line_before(picked + 1, &merged.join("\n"), &lines.join("\n")) {
            prop_assert_eq!(&lines[number - 1], &merged[picked]);
        }
    }
}
