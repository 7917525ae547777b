//! `[companion]`: inside the daemon or elsewhere, over HTTP or HTTPS, with which secret.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use doorway_signaling::Secret;
use toml::Spanned;

use super::{Check, raw};
use crate::https::CertificateSource;

/// Where the companion is.
#[derive(Clone, PartialEq, Eq)]
pub enum CompanionPlace {
    /// Inside the daemon.
    Inside(CompanionInside),
    /// A `doorway-signaling` somewhere else.
    Elsewhere {
        /// `ws://HOST:PORT/ws`.
        url: String,
        /// What endpoints have to know.
        secret: Option<String>,
    },
}

/// The companion inside the daemon.
#[derive(Clone, PartialEq, Eq)]
pub struct CompanionInside {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What clients have to know.
    pub secret: Option<String>,
    /// Names under which a reverse proxy serves it.
    pub hosts: Vec<String>,
    /// The certificate for HTTPS; HTTP without.
    pub tls: Option<CertificateSource>,
    /// Where plain HTTP leads to HTTPS.
    pub redirect: Option<SocketAddr>,
    /// Whether, while there is no secret, whoever opens the page first chooses it.
    pub claim: bool,
}

/// Hides the secret.
impl std::fmt::Debug for CompanionPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inside(CompanionInside { listen, secret, tls, claim, .. }) => f
                .debug_struct("Inside")
                .field("listen", listen)
                .field("has_secret", &secret.is_some())
                .field("tls", tls)
                .field("claim", claim)
                .finish(),
            Self::Elsewhere { url, secret } => {
                f.debug_struct("Elsewhere").field("url", url).field("has_secret", &secret.is_some()).finish()
            }
        }
    }
}

impl Check<'_> {
    pub(super) fn companion(&self, raw: &raw::Companion) -> CompanionPlace {
        let secret = raw.secret.as_ref().map(|secret| secret.get_ref().clone());
        if let Some(spanned) = &raw.secret
            && let Err(error) = Secret::new(spanned.get_ref())
        {
            self.wrong(spanned, error.to_string(), error.remedy());
        }
        if let Some(hosts) = raw.hosts.as_ref().filter(|hosts| !hosts.get_ref().is_empty() && secret.is_none()) {
            let remedy = "add secret = \"…\" to [companion]";
            self.wrong(hosts, "a reverse proxy lets others in, but there is no secret".into(), remedy);
        }
        let tls = self.tls(raw);
        let claim = raw.claim.as_ref().filter(|claim| *claim.get_ref());
        if let Some(url) = &raw.connect {
            if raw.listen.is_some() || raw.redirect.is_some() || tls.is_some() || claim.is_some() {
                let remedy = "keep connect for a companion elsewhere, or listen, tls, redirect and claim for one inside \
                              the daemon";
                let message = "[companion] has connect, and settings of a companion inside the daemon too";
                self.wrong(url, message.into(), remedy);
            }
            if !url.get_ref().starts_with("ws://") {
                let remedy = "write it as ws://HOST:PORT/ws";
                self.wrong(url, "connect is no WebSocket address".into(), remedy);
            }
            return CompanionPlace::Elsewhere { url: url.get_ref().clone(), secret };
        }
        if tls.is_none() {
            let remedy = "add tls = \"own\" to [companion], or leave this out";
            if let Some(redirect) = &raw.redirect {
                self.wrong(redirect, "redirect leads to HTTPS, and tls is off".into(), remedy);
            }
            if let Some(claim) = claim {
                self.wrong(claim, "a station is claimed over HTTPS only, and tls is off".into(), remedy);
            }
        }
        let default = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8080);
        let listen = raw.listen.as_ref().and_then(|listen| self.address(listen)).unwrap_or(default);
        if let Some(spanned) = raw.listen.as_ref().filter(|_| !listen.ip().is_loopback())
            && secret.is_none()
            && claim.is_none()
        {
            let message = format!("{listen} can be reached from the network, but there is no secret");
            self.wrong(spanned, message, "add secret = \"…\" to [companion], or listen on 127.0.0.1");
        }
        CompanionPlace::Inside(CompanionInside {
            listen,
            secret,
            hosts: raw.hosts.as_ref().map(|hosts| hosts.get_ref().clone()).unwrap_or_default(),
            tls,
            redirect: raw.redirect.as_ref().and_then(|redirect| self.address(redirect)),
            claim: claim.is_some(),
        })
    }

    fn tls(&self, raw: &raw::Companion) -> Option<CertificateSource> {
        let kind = raw.tls.as_ref().map_or(raw::Tls::Off, |tls| *tls.get_ref());
        let (certificate, key) = (raw.certificate.as_ref(), raw.key.as_ref());
        match kind {
            raw::Tls::Off | raw::Tls::Own => {
                if let Some(file) = certificate.or(key) {
                    let remedy = "add tls = \"files\" to [companion], or leave certificate and key out";
                    self.wrong(file, "a certificate is named, but tls is not \"files\"".into(), remedy);
                }
                (kind == raw::Tls::Own).then_some(CertificateSource::Own)
            }
            raw::Tls::Files => {
                if certificate.is_none() || key.is_none() {
                    let message = "tls = \"files\" needs both certificate and key".into();
                    let remedy = "add certificate = \"….pem\" and key = \"….pem\", or take tls = \"own\"";
                    self.wrong(raw.tls.as_ref().expect("`files` was read from it"), message, remedy);
                }
                let path =
                    |named: Option<&Spanned<PathBuf>>| named.map(|path| path.get_ref().clone()).unwrap_or_default();
                Some(CertificateSource::Files { certificate: path(certificate), key: path(key) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn inside(text: &str) -> CompanionInside {
        match Config::parse(Path::new("doorway.toml"), text).unwrap().companion {
            CompanionPlace::Inside(inside) => inside,
            CompanionPlace::Elsewhere { .. } => panic!("it is inside"),
        }
    }

    #[test]
    fn a_station_that_nobody_has_set_up_may_listen_where_it_can_be_claimed() {
        let inside =
            inside("[companion]\nlisten = \"[::]:443\"\nredirect = \"[::]:80\"\ntls = \"own\"\nclaim = true\n");
        assert_eq!((inside.tls, inside.claim, inside.secret), (Some(CertificateSource::Own), true, None));
        assert_eq!(inside.redirect, Some("[::]:80".parse().unwrap()));
    }

    #[test]
    fn what_does_not_go_together_is_said_with_its_line() {
        for (text, expected) in [
            ("secret = \"tooshort7\"", "doorway.toml:2:10: the secret is too short"),
            ("secret = \"aaaaaaaaaaaa\"", "doorway.toml:2:10: the secret is too easy to guess"),
            ("secret = \"password1234\"", "doorway.toml:2:10: the secret is too easy to guess"),
            ("tls = \"files\"", "doorway.toml:2:7: tls = \"files\" needs both"),
            ("tls = \"files\"\nkey = \"k.pem\"", "doorway.toml:2:7: tls = \"files\" needs both"),
            ("tls = \"own\"\nkey = \"k.pem\"", "doorway.toml:3:7: a certificate is named"),
            ("tls = \"on\"", "doorway.toml:2:7: unknown variant `on`"),
            ("redirect = \"0.0.0.0:80\"", "doorway.toml:2:12: redirect leads to HTTPS"),
            ("claim = true", "doorway.toml:2:9: a station is claimed over HTTPS only"),
            ("connect = \"ws://a/ws\"\ntls = \"own\"", "doorway.toml:2:11: [companion] has connect"),
            ("connect = \"ws://a/ws\"\nlisten = \"127.0.0.1:1\"", "doorway.toml:2:11: [companion] has connect"),
        ] {
            let error = Config::parse(Path::new("doorway.toml"), &format!("[companion]\n{text}\n")).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}\n  but expected {expected}");
        }
    }
}
