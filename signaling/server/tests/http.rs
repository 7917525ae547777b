//! The page and what protects it.

#![allow(clippy::unwrap_used)]

mod support;

use axum::Router;
use axum::routing::get;
use doorway_signaling::Secret;
use futures_util::StreamExt;
use reqwest::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, HeaderMap,
    IF_NONE_MATCH, ORIGIN, VARY,
};
use reqwest::{Client, Response, StatusCode};
use support::House;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

async fn fetch(url: String) -> Response {
    Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).unwrap_or_else(|| panic!("there is no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn the_page_is_served_and_kept_until_it_changes() {
    let house = House::new();
    let page = fetch(house.url("/")).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
    let etag = page.headers()[ETAG].clone();
    assert_eq!(fetch(house.url("/index.html")).await.bytes().await.unwrap(), page.bytes().await.unwrap());

    {
        let client = Client::builder().no_proxy().build().unwrap();
        let ask = async |etag| client.get(house.url("/")).header(IF_NONE_MATCH, etag).send().await.unwrap();
        let again = ask(etag.to_str().unwrap()).await;
        assert_eq!((again.status(), again.headers().get(ETAG)), (StatusCode::NOT_MODIFIED, Some(&etag)));
        assert_eq!(ask("\"other\"").await.status(), StatusCode::OK);
        let head = client.head(house.url("/")).send().await.unwrap();
        assert_eq!((head.status(), head.bytes().await.unwrap().len()), (StatusCode::OK, 0));
        assert_eq!(client.post(house.url("/")).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    for (file, media_type) in [
        ("/js/app.js", "text/javascript; charset=utf-8"),
        // A browser takes a service worker of no other type.
        ("/sw.js", "text/javascript; charset=utf-8"),
        ("/css/base.css", "text/css; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/icon.svg", "image/svg+xml"),
        ("/icon-192.png", "image/png"),
    ] {
        assert_eq!(fetch(house.url(file)).await.headers()[CONTENT_TYPE], media_type, "{file}");
    }
    house.end().await;
}

#[tokio::test]
async fn the_page_is_sent_packed_to_who_can_unpack_it() {
    let house = House::new();
    let client = Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, accepted: &str, known: &str| {
        let request = client.get(house.url(path)).header(ACCEPT_ENCODING, accepted).header(IF_NONE_MATCH, known);
        request.send().await.unwrap()
    };
    let mut etags = Vec::new();
    let mut sizes = Vec::new();
    for (accepted, encoding) in [("identity", None), ("gzip, deflate", Some("gzip")), ("gzip, br", Some("br"))] {
        let page = ask("/js/strings.js", accepted, "\"other\"").await;
        assert_eq!(page.headers().get(CONTENT_ENCODING).map(|name| name.to_str().unwrap()), encoding);
        assert_eq!(
            (text(page.headers(), "content-type"), &page.headers()[VARY]),
            ("text/javascript; charset=utf-8", &"accept-encoding".parse().unwrap())
        );
        let etag = text(page.headers(), "etag").to_owned();
        let again = ask("/js/strings.js", accepted, &etag).await;
        assert_eq!((again.status(), text(again.headers(), "etag")), (StatusCode::NOT_MODIFIED, &*etag));
        assert_eq!((again.headers().contains_key(VARY), again.headers().get(CONTENT_ENCODING)), (true, None));
        etags.push(etag);
        let told = text(page.headers(), "content-length").parse::<usize>().unwrap();
        sizes.push(page.bytes().await.unwrap().len());
        assert_eq!(sizes.last(), Some(&told));
    }
    assert!(sizes[2] < sizes[1] && sizes[1] * 5 < sizes[0] * 2, "{sizes:?}");
    // One form is not known to who has another.
    assert_eq!(ask("/js/strings.js", "br", &etags[1]).await.status(), StatusCode::OK);
    let picture = ask("/icon-192.png", "gzip, br", "\"other\"").await;
    assert_eq!((picture.headers().get(CONTENT_ENCODING), picture.headers().get(VARY)), (None, None));
    let head = client.head(house.url("/")).header(ACCEPT_ENCODING, "br").send().await.unwrap();
    assert!(head.headers().contains_key(CONTENT_LENGTH) && head.headers()[CONTENT_ENCODING] == "br");
    drop(client);
    house.end().await;
}

#[tokio::test]
async fn only_files_of_the_page_are_served() {
    let house = House::new();
    for path in ["/nothing.html", "/.gitkeep", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/index.html/"] {
        assert_eq!(fetch(house.url(path)).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    house.end().await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let routes = Router::new().route("/sim", get(async || "the panel"));
    let house = House::serving(|_| {}, routes);
    for path in ["/", "/healthz", "/nothing", "/ws", "/sim"] {
        let answer = fetch(house.url(path)).await;
        let headers = answer.headers();
        let policy = text(headers, "content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(text(headers, "x-content-type-options"), "nosniff");
        assert_eq!(text(headers, "referrer-policy"), "no-referrer");
        assert_eq!(text(headers, "cross-origin-opener-policy"), "same-origin");
        let permissions = text(headers, "permissions-policy");
        assert!(permissions.contains("microphone=(self)") && permissions.contains("camera=()"), "{permissions}");
    }
    assert_eq!(fetch(house.url("/healthz")).await.text().await.unwrap(), "ok\n");
    assert_eq!(fetch(house.url("/sim")).await.text().await.unwrap(), "the panel");
    house.end().await;
}

#[tokio::test]
async fn a_page_of_another_site_opens_no_websocket() {
    let house = House::new();
    let open = async |origin: &str| {
        let mut request = format!("ws://{}/ws", house.address).into_client_request().unwrap();
        request.headers_mut().insert(ORIGIN, origin.parse().unwrap());
        connect_async(request).await
    };
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        match open(origin).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), StatusCode::FORBIDDEN),
            other => panic!("{origin}: {other:?}"),
        }
    }
    let (ours, _) = open(&format!("http://{}", house.address)).await.unwrap();
    drop(ours);
    house.end().await;
}

#[tokio::test]
async fn on_loopback_a_foreign_host_name_is_misdirected() {
    let ask = async |house: &House| {
        let client = Client::builder().no_proxy().build().unwrap();
        client.get(house.url("/")).header(HOST, "door.example.org").send().await.unwrap().status()
    };
    let house = House::new();
    assert_eq!(ask(&house).await, StatusCode::MISDIRECTED_REQUEST);
    house.end().await;
    let proxied = House::with(|settings| {
        settings.hosts = vec!["door.example.org".to_owned()];
        settings.secret = Some(Secret::new("correct horse").unwrap());
    });
    assert_eq!(ask(&proxied).await, StatusCode::OK);
    proxied.end().await;
}

#[tokio::test]
async fn an_answer_that_never_ends_does_not_keep_the_companion_from_closing() {
    let endless = get(async || {
        let ticks = futures_util::stream::iter(["data: {}\n\n"]).chain(futures_util::stream::pending());
        axum::body::Body::from_stream(ticks.map(Ok::<_, std::convert::Infallible>))
    });
    let house = House::serving(|_| {}, Router::new().route("/sim/events", endless));
    let mut events = fetch(house.url("/sim/events")).await;
    assert_eq!(events.chunk().await.unwrap().unwrap(), "data: {}\n\n");
    house.stop().await;
    assert!(events.chunk().await.is_err());
}
