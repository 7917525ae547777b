//! The page's files, embedded into the binary.

use std::fmt::Write;

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::compressed::{Compressed, Encoding};

#[derive(RustEmbed)]
#[folder = "../web/static/"]
struct Files;

/// Whatever no route took: a file of the page, `index.html` for `/`.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    asset(uri.path().trim_start_matches('/'), &headers)
}

/// One file of the page by its path within the folder, such as `sim.html`; empty for `index.html`. `headers` are the
/// request's: who has the file already is told so, and who can unpack it gets it packed.
///
/// A browser keeps files but asks whether they changed each time it needs them: a new release shows at once.
pub fn asset(path: &str, headers: &HeaderMap) -> Response {
    let path = if path.is_empty() { "index.html" } else { path };
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    let Some(file) = Files::get(path).filter(|_| !is_hidden) else {
        return (StatusCode::NOT_FOUND, "There is no such page.\n").into_response();
    };
    let forms = Compressed::of(path);
    let packed = forms.and_then(|forms| forms.for_client(headers));
    let etag = etag(&file, packed.map(|(encoding, _)| encoding));
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| lists(known, &etag));
    let mut answer = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = HeaderValue::from_str(&content_type(&file)).expect("a media type is ASCII");
        let body = packed.map_or_else(|| Body::from(file.data), |(_, bytes)| Body::from(bytes));
        ([(CONTENT_TYPE, content_type)], body).into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, HeaderValue::from_str(&etag).expect("an ETag is hexadecimal"));
    if forms.is_some() {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some((encoding, _)) = packed.filter(|_| !is_known) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    answer
}

fn content_type(file: &EmbeddedFile) -> String {
    let media_type = file.metadata.mimetype();
    let charset = if media_type.starts_with("text/") { "; charset=utf-8" } else { "" };
    format!("{media_type}{charset}")
}

/// A strong one: what is packed otherwise has another (RFC 9110, 8.8.3).
fn etag(file: &EmbeddedFile, packed: Option<Encoding>) -> String {
    let hash = file.metadata.sha256_hash();
    let mut etag = String::from("\"");
    for byte in &hash[..16] {
        write!(etag, "{byte:02x}").expect("a String takes everything");
    }
    if let Some(encoding) = packed {
        etag.push('-');
        etag.push_str(encoding.name());
    }
    etag + "\""
}

fn lists(known: &HeaderValue, etag: &str) -> bool {
    known.to_str().is_ok_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == etag)
    })
}
