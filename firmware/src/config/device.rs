//! `[device]`: what the boot partition's file says of the board itself.

use toml::Spanned;

use super::{Check, raw};

/// The board itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Its name in the network; `None` for the one that follows from its id.
    pub hostname: Option<String>,
    /// The Wi-Fi to join.
    pub wifi: Option<Wifi>,
}

/// A Wi-Fi.
#[derive(Clone, PartialEq, Eq)]
pub struct Wifi {
    /// Its name, 1 to 32 bytes.
    pub ssid: String,
    /// 8 to 63 characters of ASCII; `None` for an open network.
    pub passphrase: Option<String>,
    /// Where the station is, as ISO 3166 has it: what may be sent on which channel is the law's.
    pub country: String,
    /// Whether it does not tell its name by itself.
    pub hidden: bool,
}

/// Hides the passphrase.
impl std::fmt::Debug for Wifi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let has_passphrase = self.passphrase.is_some();
        f.debug_struct("Wifi").field("has_passphrase", &has_passphrase).finish_non_exhaustive()
    }
}

impl Check<'_> {
    pub(super) fn device(&self, raw: Option<Spanned<raw::Device>>) -> Device {
        let raw = raw.map(Spanned::into_inner).unwrap_or_default();
        let hostname = raw.hostname.map(|name| self.hostname(name));
        let wifi = raw.wifi.map(|wifi| self.wifi(wifi.into_inner()));
        Device { hostname, wifi }
    }

    /// RFC 1123, section 2.1, one label of it.
    fn hostname(&self, raw: Spanned<String>) -> String {
        let name = raw.get_ref();
        let fits = (1..=63).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.bytes().all(|byte| byte.is_ascii_digit())
            && !name.eq_ignore_ascii_case("localhost");
        if !fits {
            let remedy = "take letters, digits and '-', such as \"front-door\"; \".local\" is added by the network";
            self.wrong(&raw, "this is no name for a device".into(), remedy);
        }
        raw.into_inner().to_ascii_lowercase()
    }

    fn wifi(&self, raw: raw::Wifi) -> Wifi {
        if !(1..=32).contains(&raw.ssid.get_ref().len()) {
            let remedy = "write it as the router shows it";
            self.wrong(&raw.ssid, "the name of a Wi-Fi has 1 to 32 bytes".into(), remedy);
        }
        if let Some(passphrase) = &raw.passphrase {
            let text = passphrase.get_ref();
            if !(8..=63).contains(&text.len()) || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                let message = "the passphrase of a Wi-Fi has 8 to 63 letters, digits and signs of ASCII".into();
                let remedy = "write it as the router shows it, or leave it out for an open network";
                self.wrong(passphrase, message, remedy);
            }
        }
        let country = raw.country.get_ref().to_ascii_uppercase();
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let remedy = "take the two letters of ISO 3166, such as \"DE\" or \"TW\"";
            self.wrong(&raw.country, "this is no country".into(), remedy);
        }
        Wifi {
            ssid: raw.ssid.into_inner(),
            passphrase: raw.passphrase.map(Spanned::into_inner),
            country,
            hidden: raw.hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    const WIFI: &str = "[device.wifi]\nssid = \"Home\"\npassphrase = \"correct horse\"\ncountry = \"de\"\n";

    fn parse(text: &str) -> Result<super::Device, String> {
        let parsed = Config::parse_with_device(Path::new("doorway.toml"), text);
        parsed.map(|(_, device)| device).map_err(|error| error.to_string())
    }

    #[test]
    fn a_device_has_a_name_and_a_wifi() {
        let device = parse(&format!("[device]\nhostname = \"Front-Door\"\n{WIFI}")).unwrap();
        assert_eq!(device.hostname.as_deref(), Some("front-door"));
        let wifi = device.wifi.clone().unwrap();
        assert_eq!((wifi.ssid.as_str(), wifi.country.as_str(), wifi.hidden), ("Home", "DE", false));
        assert!(!format!("{device:?}").contains("horse") && !format!("{device:?}").contains("Home"), "{device:?}");
        assert_eq!(parse("").unwrap(), super::Device::default());
    }

    #[test]
    fn a_mistake_is_said_with_its_line_and_no_passphrase_is_shown() {
        let wifi = |change: &str, into: &str| WIFI.replace(change, into);
        for (text, expected) in [
            ("[device]\nhostname = \"front door\"\n".to_owned(), "doorway.toml:2:12: this is no name"),
            ("[device]\nhostname = \"-a\"\n".to_owned(), "doorway.toml:2:12: this is no name"),
            ("[device]\nhostname = \"1234\"\n".to_owned(), "doorway.toml:2:12: this is no name"),
            ("[device]\nhostname = \"localhost\"\n".to_owned(), "doorway.toml:2:12: this is no name"),
            ("[device]\nname = \"a\"\n".to_owned(), "doorway.toml:2:1: unknown field `name`"),
            (wifi("Home", ""), "doorway.toml:2:8: the name of a Wi-Fi"),
            (wifi("Home", &"x".repeat(33)), "doorway.toml:2:8: the name of a Wi-Fi"),
            (wifi("correct horse", "horse"), "doorway.toml:3:14: the passphrase of a Wi-Fi"),
            (wifi("correct horse", "horsehörse"), "doorway.toml:3:14: the passphrase of a Wi-Fi"),
            (wifi("\"correct horse\"", "12345678"), "doorway.toml:3:14: a secret or passphrase is a text"),
            (wifi("\"de\"", "\"Germany\""), "doorway.toml:4:11: this is no country"),
            (wifi("country = \"de\"\n", ""), "doorway.toml:1:1: missing field `country`"),
        ] {
            let error = parse(&text).expect_err(&text);
            assert!(error.starts_with(expected), "{error}\n  but expected {expected}");
            assert!(!error.contains("horse") && !error.contains("12345678"), "{error}");
        }
    }

    #[test]
    fn the_daemon_itself_takes_no_device() {
        let error = Config::parse(Path::new("doorway.toml"), "[device]\nhostname = \"a\"\n").unwrap_err().to_string();
        assert!(error.contains("[device] is for `doorwayd provision`"), "{error}");
    }
}
