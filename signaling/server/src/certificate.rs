//! What is served over plain HTTP beside HTTPS: the way there, and the certificate of the station's own authority.
//!
//! Installing that certificate is what makes browsers trust the page, so it has to be had before they do.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HOST, LOCATION};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::page;

/// Where the certificate is, for `certificate.html`.
const CERTIFICATE: &str = "/ca.crt";
/// The page that says what to do with it.
const HELP: &str = "/certificate";

/// The routes of an authority's certificate, in DER; without one only the page that says so.
pub(crate) fn routes(authority: Option<Arc<[u8]>>) -> Router {
    let certificate = async move || match authority.as_deref() {
        Some(der) => der_file(der.to_vec()),
        None => (StatusCode::NOT_FOUND, "This companion has no certificate of its own to install.\n").into_response(),
    };
    Router::new()
        .route(CERTIFICATE, get(certificate))
        .route(HELP, get(async |headers: HeaderMap| page::asset("certificate.html", &headers)))
}

/// Everything that plain HTTP serves: those routes, the files that the help page needs, and else the way to `https`.
pub(crate) fn plain(authority: Option<Arc<[u8]>>, https_port: u16) -> Router {
    routes(authority).fallback(async move |method: Method, uri: Uri, headers: HeaderMap| {
        let path = uri.path();
        if ["/css/", "/js/", "/icon"].iter().any(|start| path.starts_with(start)) {
            return page::serve(method, uri, headers).await;
        }
        to_https(&uri, &headers, https_port)
    })
}

/// A station's address may lose its HTTPS again, so no browser is to remember this.
fn to_https(uri: &Uri, headers: &HeaderMap, port: u16) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let Some(host) = host else {
        return (StatusCode::BAD_REQUEST, "The request names no host.\n").into_response();
    };
    let host = host.host();
    let port = if port == 443 { String::new() } else { format!(":{port}") };
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

    fn location(host: &str, uri: &str, port: u16) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        let answer = to_https(&uri.parse().unwrap(), &headers, port);
        Some(answer.headers().get(LOCATION)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn plain_http_leads_to_the_same_place_over_https() {
        let to = |host, uri, port| location(host, uri, port).unwrap();
        assert_eq!(to("doorway-7k3m.local", "/?name=Hall", 443), "https://doorway-7k3m.local/?name=Hall");
        assert_eq!(to("192.0.2.1:8080", "/", 8443), "https://192.0.2.1:8443/");
        assert_eq!(to("[fd00::1]:80", "/x", 443), "https://[fd00::1]/x");
        assert_eq!(location("not a host", "/", 443), None);
    }
}
