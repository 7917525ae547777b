//! What is checked of every request before it is answered, and the headers that every answer carries.
//!
//! A page of somebody else's in the same browser must not reach the companion: neither by opening a WebSocket to it
//! (browsers allow that across sites; the `Origin` gives it away) nor by giving its own name the companion's loopback
//! address (DNS rebinding; the `Host` gives it away).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, ORIGIN,
    REFERRER_POLICY, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tracing::debug;

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
             media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), hid=(), \
             midi=()",
        ),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// What a request says once or not at all (RFC 9110, section 5.3). Of two, a proxy may go by one and we by the other.
const SINGLE: [HeaderName; 8] = [
    HOST,
    ORIGIN,
    AUTHORIZATION,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    HeaderName::from_static("sec-fetch-site"),
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
];

/// The names under which the companion answers.
pub(crate) struct Guard {
    loopback_only: bool,
    hosts: Vec<String>,
    names: Vec<String>,
}

/// The middleware around the companion's routes.
pub(crate) async fn protect(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Refuses requests that can be read in two ways, and adds to every answer the headers that protect whoever reads it.
pub fn harden(routes: Router) -> Router {
    routes.layer(middleware::from_fn(async |request: Request, next: Next| {
        let mut response = match check_form(&request) {
            Ok(()) => next.run(request).await,
            Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
        };
        let headers = response.headers_mut();
        // A route may have a rule of its own.
        for (name, value) in HEADERS {
            headers.entry(name).or_insert(value);
        }
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }))
}

/// RFC 9112, sections 3.2 and 6.1.
fn check_form(request: &Request) -> Result<(), &'static str> {
    let headers = request.headers();
    if SINGLE.iter().any(|name| headers.get_all(name).iter().nth(1).is_some()) {
        return Err("A field that may be there once is there twice.\n");
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Err("The request has two lengths.\n");
    }
    let Some(host) = headers.get(HOST) else {
        return if request.version() < Version::HTTP_11 { Ok(()) } else { Err("The request names no host.\n") };
    };
    // A target in absolute form counts for more than the field, which everything here goes by.
    match request.uri().authority() {
        Some(target) if !host.as_bytes().eq_ignore_ascii_case(target.as_str().as_bytes()) => {
            Err("The request names two hosts.\n")
        }
        Some(_) | None => Ok(()),
    }
}

impl Guard {
    /// `hosts` are those of reverse proxies, `names` this machine's own.
    pub(crate) fn new(listen: IpAddr, hosts: Vec<String>, names: Vec<String>) -> Self {
        Self { loopback_only: listen.to_canonical().is_loopback(), hosts, names }
    }

    /// Whether a browser may open a WebSocket: only from a page that came from here. Other programs send no origin.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        let from_here = origins.next().is_none()
            && origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()).is_some_and(|origin| {
                authority(headers, HOST).is_some_and(|host| is_same_site(&origin, &host)) || self.is_ours(origin.host())
            });
        if from_here {
            return Ok(());
        }
        debug!("a WebSocket of another site's page was refused");
        Err((StatusCode::FORBIDDEN, "This page came from another site than the companion: open the companion's own.\n"))
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        if !self.loopback_only {
            return Ok(());
        }
        let Some(host) = authority(headers, HOST) else {
            return Err((StatusCode::BAD_REQUEST, "The request names no host.\n"));
        };
        if is_this_machine(host.host()) || self.is_ours(Some(host.host())) || self.is_named(host.host()) {
            return Ok(());
        }
        Err((
            StatusCode::MISDIRECTED_REQUEST,
            "The companion answers on this machine only: open it as localhost, or name its host in its settings.\n",
        ))
    }

    /// Whether a request was sent by a page that came from here, and from a name that only this machine can have: one
    /// of its own, or an address. What it asks for is to be had by no other page, whatever a name server says.
    pub(crate) fn check_own_page(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        self.check_origin(headers)?;
        let host = authority(headers, HOST);
        let is_safe_name = host.is_some_and(|host| {
            let host = host.host();
            is_this_machine(host) || is_address(host) || self.is_named(host) || self.is_ours(Some(host))
        });
        let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        // A page that came over plain HTTP may be anybody's.
        let is_secure = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
        if is_secure && is_safe_name && is_json {
            return Ok(());
        }
        debug!("a request that only our own page may send was refused");
        Err((
            StatusCode::FORBIDDEN,
            "Only the station's own page may ask for this: open it by the station's own name.\n",
        ))
    }

    fn is_named(&self, host: &str) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    fn is_ours(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host)))
    }
}

fn authority(headers: &HeaderMap, name: HeaderName) -> Option<Authority> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn is_same_site(origin: &Uri, host: &Authority) -> bool {
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        Some(_) | None => return false,
    };
    let (Some(name), port) = (origin.host(), origin.port_u16().unwrap_or(default_port)) else { return false };
    name.eq_ignore_ascii_case(host.host()) && port == host.port_u16().unwrap_or(default_port)
}

pub(crate) fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

pub(crate) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    fn guard(listen: &str) -> Guard {
        let names = vec!["doorway-7k3m".to_owned(), "doorway-7k3m.local".to_owned()];
        Guard::new(listen.parse().unwrap(), vec!["door.example.org".to_owned()], names)
    }

    #[test]
    fn a_websocket_is_opened_by_our_own_page_only() {
        let guard = guard("127.0.0.1");
        let taken = |host, origin| guard.check_origin(&headers(host, Some(origin))).is_ok();
        assert!(guard.check_origin(&headers("localhost:8080", None)).is_ok());
        assert!(taken("localhost:8080", "http://localhost:8080"));
        assert!(taken("LOCALHOST:8080", "http://localhost:8080"));
        assert!(taken("192.0.2.1", "http://192.0.2.1"));
        assert!(taken("192.0.2.1:443", "https://192.0.2.1"));
        assert!(taken("[::1]:8080", "http://[::1]:8080"));
        assert!(taken("127.0.0.1:8080", "https://door.example.org"), "a proxy may change the host");
        assert!(!taken("localhost:8080", "http://localhost:3000"), "another program of this machine");
        assert!(!taken("localhost:8080", "https://evil.example"));
        assert!(!taken("localhost:8080", "https://localhost"));
        for nonsense in ["null", "", "localhost:8080", "file:///", "ftp://localhost:8080", "http://"] {
            assert!(!taken("localhost:8080", nonsense), "{nonsense}");
        }
        let mut two = headers("localhost:8080", Some("http://localhost:8080"));
        two.append(ORIGIN, "https://evil.example".parse().unwrap());
        assert!(guard.check_origin(&two).is_err());
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_are_answered() {
        let guard = guard("::1");
        for ours in [
            "localhost",
            "localhost:8080",
            "a.localhost:1",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]:8080",
            "door.example.org",
            "Doorway-7K3M.local:8443",
        ] {
            assert!(guard.check_host(&headers(ours, None)).is_ok(), "{ours}");
        }
        for theirs in ["evil.example", "localhost.evil.example:8080", "192.0.2.1:8080", "127.0.0.1.evil.example", ""] {
            assert!(guard.check_host(&headers(theirs, None)).is_err(), "{theirs}");
        }
        assert!(guard.check_host(&HeaderMap::new()).is_err());
        assert!(self::guard("0.0.0.0").check_host(&headers("intercom.lan", None)).is_ok());
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let request = |uri: &str, fields: &[(&str, &str)]| {
            let mut request = Request::builder().uri(uri);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            check_form(&request.body(axum::body::Body::empty()).unwrap())
        };
        request("/", &[("host", "localhost")]).unwrap();
        request("http://LOCALHOST:80/", &[("host", "localhost:80")]).unwrap();
        request("/", &[]).unwrap_err();
        request("/", &[("host", "localhost"), ("host", "localhost")]).unwrap_err();
        request("http://evil.example/", &[("host", "localhost")]).unwrap_err();
        for name in SINGLE.iter().map(HeaderName::as_str).filter(|name| *name != "host") {
            request("/", &[("host", "localhost"), (name, "1")]).unwrap();
            request("/", &[("host", "localhost"), (name, "1"), (name, "1")]).unwrap_err();
        }
        let two_lengths = [("host", "localhost"), ("content-length", "1"), ("transfer-encoding", "chunked")];
        request("/", &two_lengths).unwrap_err();
    }

    #[test]
    fn what_only_our_own_page_may_ask_comes_by_a_name_that_nobody_else_can_have() {
        let guard = guard("0.0.0.0");
        let asks = |host: &str, origin: Option<&str>, kind: &str| {
            let mut headers = headers(host, origin);
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            guard.check_own_page(&headers).is_ok()
        };
        let json = "application/json";
        assert!(asks("doorway-7k3m.local", Some("https://doorway-7k3m.local"), json));
        assert!(asks("DOORWAY-7k3m", Some("https://doorway-7k3m"), json));
        assert!(asks("192.0.2.7:8443", Some("https://192.0.2.7:8443"), json));
        assert!(asks("[fd00::7]", Some("https://[fd00::7]"), json));
        assert!(asks("door.example.org", Some("https://door.example.org"), json));
        assert!(!asks("doorway-7k3m.local", None, json), "no page at all");
        assert!(!asks("doorway-7k3m.local", Some("https://evil.example"), json));
        assert!(!asks("192.0.2.7", Some("http://192.0.2.7"), json), "a page that came over plain HTTP");
        assert!(!asks("evil.example", Some("https://evil.example"), json), "a name that was made to lead here");
        assert!(!asks("doorway-7k3m.evil.example", Some("https://doorway-7k3m.evil.example"), json));
        assert!(!asks("192.0.2.7", Some("https://192.0.2.7"), "text/plain"), "what a form may send to any site");
    }
}
