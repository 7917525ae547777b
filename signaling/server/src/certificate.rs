//! The certificate of an authority of our own, and what plain HTTP serves beside HTTPS: that certificate, and the way to
//! HTTPS for who has it.
//!
//! Installing it is what makes browsers trust the page, so it has to be had before they do.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    LOCATION,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Serialize;
use tokio::sync::watch;

use crate::fingerprint::Fingerprint;
use crate::guard::{is_address, is_this_machine};
use crate::page;
use crate::settings::Settings;

/// Where the certificate is, for `certificate.html`.
const CERTIFICATE: &str = "/ca.crt";
/// What it is, for the same.
const ABOUT: &str = "/certificate.json";
/// The page that says what to do with it.
const HELP: &str = "/certificate";
/// What only a browser that trusts us gets an answer from.
const TRUSTED: &str = "/trusted";

/// As the page needs it that comes over plain HTTP: it asks each of our addresses over HTTPS whether this browser trusts
/// us there. Those of IPv6 can't be written into a policy, so it allows all.
const LANDING_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' https:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// An authority of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAuthority {
    /// Its certificate in DER.
    pub certificate: Arc<[u8]>,
    /// The names and addresses that it vouches for.
    pub vouches_for: Vec<String>,
    /// When it runs out, in seconds since the Unix epoch.
    pub until: i64,
}

/// What `certificate.html` shows and needs.
#[derive(Serialize)]
struct About {
    fingerprint: String,
    words: String,
    vouches_for: Vec<String>,
    until: i64,
    /// Where HTTPS is: by the name that lasts, then by the address that this request came to.
    hosts: Vec<String>,
    port: u16,
}

/// The address of this machine that a connection came to.
#[derive(Clone, Copy)]
struct ReachedAt(Option<IpAddr>);

/// What the routes have to know.
#[derive(Clone)]
struct Shown {
    authority: Option<watch::Receiver<OwnAuthority>>,
    names: Arc<[String]>,
    hosts: Arc<[String]>,
    https_port: u16,
}

/// Beside the page over HTTPS.
pub(crate) fn secure(settings: &Settings, https_port: u16) -> Router {
    let trusted = async || (StatusCode::NO_CONTENT, [(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CACHE_CONTROL, "no-store")]);
    routes(&Shown::new(settings, https_port)).route(TRUSTED, get(trusted))
}

/// Everything that plain HTTP serves: the certificate with its page, which is what a browser sees first; the files that
/// this page needs; and else the way to HTTPS.
pub(crate) fn plain(settings: &Settings, https_port: u16) -> Router {
    let shown = Shown::new(settings, https_port);
    routes(&shown).fallback(async move |method: Method, uri: Uri, headers: HeaderMap| {
        let path = uri.path();
        if ["/css/", "/js/", "/icon"].iter().any(|start| path.starts_with(start)) {
            return page::serve(method, uri, headers).await;
        }
        if shown.authority.is_some() && method == Method::GET && ["/", "/index.html"].contains(&path) {
            let mut landing = page::asset("certificate.html", &headers);
            landing.headers_mut().insert(CONTENT_SECURITY_POLICY, LANDING_POLICY);
            return landing;
        }
        to_https(&shown, &uri, &headers)
    })
}

/// Routes that know where their connection came to.
pub(crate) fn reached_at(routes: Router, address: Option<IpAddr>) -> Router {
    routes.layer(Extension(ReachedAt(address)))
}

impl Shown {
    fn new(settings: &Settings, https_port: u16) -> Self {
        Self {
            authority: settings.authority.clone(),
            names: settings.names.clone().into(),
            hosts: settings.hosts.clone().into(),
            https_port,
        }
    }

    /// The name that the certificate has and that leads here wherever the station is.
    fn lasting_name(&self) -> Option<&String> {
        self.names.iter().find(|name| name.ends_with(".local"))
    }

    /// Where to go over HTTPS who came to `host`. A router's name for us, such as `doorway-7k3m.fritz.box`, is one that
    /// no certificate of ours can have: the browser would warn, and the station could not be set up from there.
    fn host_for<'a>(&'a self, host: &'a str) -> &'a str {
        let is = |known: &String| known.eq_ignore_ascii_case(host);
        let is_covered = is_address(host)
            || is_this_machine(host)
            || self.names.iter().any(is)
            || self.hosts.iter().any(is)
            || self.authority.is_none();
        if is_covered { host } else { self.lasting_name().map_or(host, String::as_str) }
    }

    fn about(&self, address: Option<IpAddr>) -> Option<About> {
        let authority = self.authority.as_ref()?.borrow().clone();
        let fingerprint = Fingerprint::of(&authority.certificate);
        let address = address.map(|address| match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        });
        Some(About {
            fingerprint: fingerprint.to_string(),
            words: fingerprint.words(),
            vouches_for: authority.vouches_for,
            until: authority.until,
            hosts: self.lasting_name().cloned().into_iter().chain(address).collect(),
            port: self.https_port,
        })
    }
}

fn routes(shown: &Shown) -> Router {
    let none = || (StatusCode::NOT_FOUND, "This companion has no certificate of its own to install.\n").into_response();
    let authority = shown.authority.clone();
    let certificate = async move || match &authority {
        Some(authority) => der_file(authority.borrow().certificate.to_vec()),
        None => none(),
    };
    let shown = shown.clone();
    let about = async move |reached: Option<Extension<ReachedAt>>| {
        let address = reached.and_then(|Extension(ReachedAt(address))| address);
        match shown.about(address) {
            Some(about) => ([(CACHE_CONTROL, "no-store")], Json(about)).into_response(),
            None => none(),
        }
    };
    Router::new()
        .route(CERTIFICATE, get(certificate))
        .route(ABOUT, get(about))
        .route(HELP, get(async |headers: HeaderMap| page::asset("certificate.html", &headers)))
}

/// A station's address may lose its HTTPS again, so no browser is to remember this.
fn to_https(shown: &Shown, uri: &Uri, headers: &HeaderMap) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let Some(host) = host else {
        return (StatusCode::BAD_REQUEST, "The request names no host.\n").into_response();
    };
    let host = shown.host_for(host.host());
    let port = if shown.https_port == 443 { String::new() } else { format!(":{}", shown.https_port) };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(location) = HeaderValue::from_str(&format!("https://{host}{port}{path}")) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

fn der_file(der: Vec<u8>) -> Response {
    let headers = [
        // The type at which phones offer to install it.
        (CONTENT_TYPE, "application/x-x509-ca-cert"),
        (CONTENT_DISPOSITION, "inline; filename=\"doorway-ca.crt\""),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, der).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(https_port: u16, has_authority: bool) -> Shown {
        let authority = OwnAuthority { certificate: Arc::from(*b"x"), vouches_for: Vec::new(), until: 0 };
        let settings = Settings {
            authority: has_authority.then(|| watch::channel(authority).1),
            names: vec!["doorway-7k3m".to_owned(), "doorway-7k3m.local".to_owned()],
            hosts: vec!["door.example.org".to_owned()],
            ..Settings::default()
        };
        Shown::new(&settings, https_port)
    }

    fn location(shown: &Shown, host: &str, uri: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        let answer = to_https(shown, &uri.parse().unwrap(), &headers);
        Some(answer.headers().get(LOCATION)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn plain_http_leads_to_the_same_place_over_https() {
        let to = |host, uri, port| location(&shown(port, true), host, uri).unwrap();
        assert_eq!(to("doorway-7k3m.local", "/?name=Hall", 443), "https://doorway-7k3m.local/?name=Hall");
        assert_eq!(to("Doorway-7K3M", "/", 443), "https://Doorway-7K3M/");
        assert_eq!(to("192.0.2.1:8080", "/", 8443), "https://192.0.2.1:8443/");
        assert_eq!(to("[fd00::1]:80", "/x", 443), "https://[fd00::1]/x");
        assert_eq!(to("localhost:80", "/", 443), "https://localhost/");
        assert_eq!(to("door.example.org", "/", 443), "https://door.example.org/");
        assert_eq!(location(&shown(443, true), "not a host", "/"), None);
    }

    #[test]
    fn a_name_that_the_certificate_can_not_have_leads_to_one_that_it_has() {
        let to = |host, has_authority| location(&shown(443, has_authority), host, "/x?y").unwrap();
        assert_eq!(to("doorway-7k3m.fritz.box", true), "https://doorway-7k3m.local/x?y");
        assert_eq!(to("intercom:80", true), "https://doorway-7k3m.local/x?y");
        // A certificate that was bought has the name that somebody gave it.
        assert_eq!(to("intercom.example.org", false), "https://intercom.example.org/x?y");
    }
}
