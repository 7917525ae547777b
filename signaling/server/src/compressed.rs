//! The page's files as they were compressed at build time, and which form a browser is sent.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;

/// A file of the page in its compressed forms.
pub(crate) struct Compressed {
    path: &'static str,
    brotli: &'static [u8],
    gzip: &'static [u8],
}

static FILES: &[Compressed] = &include!(concat!(env!("OUT_DIR"), "/compressed.rs"));

/// How a file is packed, by its name in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// As `Content-Encoding` has it (RFC 9110, 8.4.1; RFC 7932).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

impl Compressed {
    /// The compressed forms of a file of the page; `None` for what is no text.
    pub(crate) fn of(path: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.path == path)
    }

    /// The smallest form that the client takes; `None` when it wants the file as it is.
    pub(crate) fn for_client(&self, headers: &HeaderMap) -> Option<(Encoding, &'static [u8])> {
        if takes(headers, Encoding::Brotli) {
            Some((Encoding::Brotli, self.brotli))
        } else if takes(headers, Encoding::Gzip) {
            Some((Encoding::Gzip, self.gzip))
        } else {
            None
        }
    }
}

/// Whether `Accept-Encoding` names it, with another weight than 0 (RFC 9110, 12.5.3). `*` is no name: who can unpack says
/// what.
fn takes(headers: &HeaderMap, encoding: Encoding) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding.name()));
            let refused = parts.any(|part| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
            });
            named && !refused
        })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn chosen(accepted: &[&str]) -> Option<Encoding> {
        let mut headers = HeaderMap::new();
        for value in accepted {
            headers.append(ACCEPT_ENCODING, value.parse().unwrap());
        }
        Compressed::of("index.html").unwrap().for_client(&headers).map(|(encoding, _)| encoding)
    }

    #[test]
    fn the_smallest_form_that_a_client_can_unpack_is_sent() {
        assert_eq!(chosen(&["gzip, deflate, br, zstd"]), Some(Encoding::Brotli));
        assert_eq!(chosen(&["gzip, deflate"]), Some(Encoding::Gzip), "what Chromium asks for over plain HTTP");
        assert_eq!(chosen(&["deflate", "GZIP;q=0.5"]), Some(Encoding::Gzip));
        assert_eq!(chosen(&["br;q=0, gzip;q=0.1"]), Some(Encoding::Gzip));
        for plain in [&[][..], &["identity"], &["*"], &["br; q=0.000"], &["broccoli, gzipper"], &[";;,,=q"]] {
            assert_eq!(chosen(plain), None, "{plain:?}");
        }
    }

    #[test]
    fn each_form_unpacks_to_the_file_and_saves_something() {
        assert!(FILES.len() > 30, "{}", FILES.len());
        for file in FILES {
            let whole = std::fs::read(format!("../web/static/{}", file.path)).unwrap();
            let mut from_brotli = Vec::new();
            brotli::BrotliDecompress(&mut &*file.brotli, &mut from_brotli).unwrap();
            let mut from_gzip = Vec::new();
            GzDecoder::new(file.gzip).read_to_end(&mut from_gzip).unwrap();
            assert!(from_brotli == whole && from_gzip == whole, "{}", file.path);
            assert!(file.brotli.len() < whole.len() && file.gzip.len() < whole.len(), "{}", file.path);
        }
        assert!(Compressed::of("icon-192.png").is_none());
    }
}
