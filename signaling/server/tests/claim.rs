//! A station that nobody has set up: who may do so, when, and what is possible before.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use doorway_signaling::{Claim, Household, Settings};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::https::{self, Answer, Client};
use support::{House, client_hello, station_hello};
use tokio::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const SECRET: &str = "correct horse battery";

/// What was kept, one after the other.
type Kept = Arc<Mutex<Vec<Household>>>;

fn house(change: impl FnOnce(&mut Settings)) -> (House, Client, Kept) {
    let kept = Kept::default();
    let shelf = kept.clone();
    let claim = Claim::new(move |household: &Household| {
        shelf.lock().unwrap().push(household.clone());
        Ok(())
    });
    let (house, client) = https::house(|settings| {
        settings.claim = Some(claim);
        settings.names = vec!["doorway-7k3m.local".to_owned()];
        change(settings);
    });
    (house, client, kept)
}

/// The head of a claim as the station's own page sends it.
const OWN: &str = "POST /claim HTTP/1.1\r\nHost: doorway-7k3m.local\r\nOrigin: https://doorway-7k3m.local\r\n\
    Content-Type: application/json\r\n";

fn good() -> String {
    json!({"name": "Front door", "secret": SECRET}).to_string()
}

async fn state(house: &House, client: &Client) -> String {
    let answer = client.get(house, "/claim").await;
    assert_eq!(answer.status, 200);
    serde_json::from_str::<Value>(&answer.body).unwrap()["state"].as_str().unwrap().to_owned()
}

fn problem(answer: &Answer) -> String {
    serde_json::from_str::<Value>(&answer.body).unwrap()["problem"].as_str().unwrap().to_owned()
}

/// What the companion says to a hello.
async fn says(house: &House, client: &Client, hello: Value) -> Value {
    let address = format!("wss://localhost:{}/ws", house.address.port());
    let (mut socket, _) = tokio_tungstenite::client_async(address, client.connect(house).await).await.unwrap();
    socket.send(Message::text(hello.to_string())).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
    serde_json::from_str(&answer).unwrap()
}

fn with_secret(mut hello: Value, secret: &str) -> Value {
    hello["secret"] = json!(secret);
    hello
}

#[tokio::test]
async fn nobody_comes_in_before_the_station_is_set_up_and_then_only_with_the_secret() {
    let (house, client, kept) = house(|_| {});
    assert_eq!(state(&house, &client).await, "open");
    for hello in [
        client_hello("a"),
        station_hello("b"),
        with_secret(client_hello("c"), ""),
        with_secret(client_hello("d"), SECRET),
    ] {
        let answer = says(&house, &client, hello).await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("refused"), &json!("unclaimed")), "{answer}");
    }
    assert_eq!(house.handle.status().counts.clients, 0);

    let answer = client.ask(&house, OWN, &good()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let household = kept.lock().unwrap()[0].clone();
    assert_eq!((household.name.as_str(), household.secret.expose()), ("Front door", SECRET));
    assert_eq!(state(&house, &client).await, "done");

    assert_eq!(says(&house, &client, client_hello("a")).await["code"], "secret");
    assert_eq!(says(&house, &client, with_secret(client_hello("a"), SECRET)).await["type"], "welcome");
    house.end().await;
}

#[tokio::test]
async fn a_station_is_set_up_once() {
    let (house, client, kept) = house(|_| {});
    let mine = json!({"name": "Mine", "secret": "an attacker's secret"}).to_string();
    let good = good();
    let both = tokio::join!(client.ask(&house, OWN, &good), client.ask(&house, OWN, &mine));
    let mut taken = [both.0.status, both.1.status];
    taken.sort_unstable();
    assert_eq!(taken, [200, 409]);
    let late = client.ask(&house, OWN, &mine).await;
    assert_eq!((late.status, problem(&late).as_str()), (409, "done"));
    assert_eq!(kept.lock().unwrap().len(), 1);
    house.end().await;
}

#[tokio::test]
async fn an_hour_after_the_start_it_is_too_late() {
    let (house, client, kept) = house(|_| {});
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(59 * 60)).await;
    tokio::time::resume();
    assert_eq!(state(&house, &client).await, "open");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2 * 60)).await;
    tokio::time::resume();
    assert_eq!(state(&house, &client).await, "late");
    let late = client.ask(&house, OWN, &good()).await;
    assert_eq!((late.status, problem(&late).as_str()), (409, "late"));
    assert!(kept.lock().unwrap().is_empty());
    assert_eq!(says(&house, &client, client_hello("a")).await["code"], "unclaimed");
    house.end().await;
}

#[tokio::test]
async fn pages_from_elsewhere_set_nothing_up() {
    let (house, client, kept) = house(|_| {});
    let json = "Content-Type: application/json\r\n";
    for (what, headers) in [
        ("another site", format!("Host: doorway-7k3m.local\r\nOrigin: https://evil.example\r\n{json}")),
        ("no page", format!("Host: doorway-7k3m.local\r\n{json}")),
        ("a hidden origin", format!("Host: doorway-7k3m.local\r\nOrigin: null\r\n{json}")),
        ("plain HTTP", format!("Host: doorway-7k3m.local\r\nOrigin: http://doorway-7k3m.local\r\n{json}")),
        (
            "a form",
            "Host: doorway-7k3m.local\r\nOrigin: https://doorway-7k3m.local\r\nContent-Type: text/plain\r\n".to_owned(),
        ),
    ] {
        let answer = client.ask(&house, &format!("POST /claim HTTP/1.1\r\n{headers}"), &good()).await;
        assert_eq!(answer.status, 403, "{what}");
    }
    // A name server that makes its own name lead here is found out before that.
    let rebound = format!("POST /claim HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://evil.example\r\n{json}");
    assert_eq!(client.ask(&house, &rebound, &good()).await.status, 421);
    assert!(kept.lock().unwrap().is_empty());
    assert_eq!(state(&house, &client).await, "open");
    house.end().await;
}

#[tokio::test]
async fn what_is_not_good_enough_is_said_and_whoever_floods_waits() {
    let (house, client, kept) = house(|_| {});
    let ask = async |host: u8, body: &str| {
        https::exchange(client.secure(house.stream_from(host).await).await, OWN, body).await
    };
    let large = json!({"name": "x".repeat(3000), "secret": SECRET}).to_string();
    assert_eq!(ask(66, &large).await.status, 413);
    for (body, expected) in [
        ("nonsense".to_owned(), "malformed"),
        (json!({"name": "Door", "secret": "too short"}).to_string(), "secret_short"),
        (json!({"name": "Door", "secret": "aaaaaaaaaaaaaaa"}).to_string(), "secret_simple"),
        (json!({"name": " ", "secret": SECRET}).to_string(), "name"),
        (json!({"name": "Door", "secret": "x".repeat(12)}).to_string(), "secret_simple"),
        (good(), "too_often"),
    ] {
        let answer = ask(66, &body).await;
        assert_eq!(problem(&answer), expected);
        assert_eq!(answer.status == 429, expected == "too_often");
    }
    assert!(kept.lock().unwrap().is_empty());
    assert_eq!(ask(7, &good()).await.status, 200, "others do not wait for who floods");
    house.end().await;
}

#[tokio::test]
async fn with_a_secret_in_its_settings_there_is_nothing_to_claim() {
    let (house, client, _kept) =
        house(|settings| settings.secret = Some(doorway_signaling::Secret::new("one from the file").unwrap()));
    assert_eq!(client.get(&house, "/claim").await.status, 404);
    assert_eq!(says(&house, &client, client_hello("a")).await["code"], "secret");
    house.end().await;
}

#[test]
fn of_the_corpus_the_valid_claims_are_read_and_no_others() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/claim");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read = Household::parse(&std::fs::read(&path).unwrap());
        assert_eq!(read.is_some(), name.starts_with("valid-"), "{name}");
        seen += 1;
    }
    assert!(seen > 10);
}
