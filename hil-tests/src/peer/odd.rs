//! Clients that begin a WebRTC connection and do not end it as they should.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use doorway_proto::ids::EndpointId;
use doorway_proto::signaling::{ClientMessage, ClientSignal, StationSignal, ToClient};

use super::Socket;
use super::media::{Happened, Media};

/// How long one goes on that waits for the end.
const LONGEST: Duration = Duration::from_secs(2);

/// What is odd about a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// It takes the offer and does not answer.
    Silent,
    /// It answers, and is reached by no datagram.
    Unreachable,
    /// Its certificate is not the one that its answer announces.
    OtherCertificate,
    /// It is gone after so many steps, in the middle of ICE or DTLS; one that is connected by then hangs up.
    GoneAfter(usize),
}

/// Asks to watch, is odd, and vanishes without a goodbye.
///
/// # Errors
/// When the companion or the station does not take it at all.
pub async fn come(socket_url: &str, station: &str, odd: Odd) -> Result<()> {
    let station = EndpointId::new(station)?;
    let (mut socket, _) = Socket::enter(socket_url).await?;
    let send = |signal| ClientMessage::Signal { to: station.clone(), signal };
    socket.send(&send(ClientSignal::Watch {})).await?;
    let (call, offer) = socket
        .wait_for("an offer", |message| match message {
            ToClient::Signal { signal: StationSignal::Offer { call, offer }, .. } => Some((call, offer)),
            ToClient::Welcome { .. }
            | ToClient::Refused { .. }
            | ToClient::Station { .. }
            | ToClient::StationGone { .. }
            | ToClient::Signal { .. }
            | ToClient::Undeliverable { .. }
            | ToClient::Pong {} => None,
        })
        .await?;
    let (mut media, answer) = Media::answer(&offer).await?;
    let answer = if odd == Odd::OtherCertificate { with_other_certificate(&answer)? } else { answer };
    if odd != Odd::Silent {
        socket.send(&send(ClientSignal::Answer { call: call.clone(), answer })).await?;
    }
    let steps = match odd {
        Odd::Silent | Odd::Unreachable => 0,
        Odd::OtherCertificate => usize::MAX,
        Odd::GoneAfter(steps) => steps,
    };
    let live = async {
        for _ in 0..steps {
            // What the station does about it is nothing that this client complains of.
            let Ok(happened) = media.drain() else { return false };
            if happened.iter().any(|one| matches!(one, Happened::Connected)) {
                return true;
            }
            if happened.iter().any(|one| matches!(one, Happened::Closed)) {
                return false;
            }
            if media.wait().await.is_err() {
                return false;
            }
        }
        false
    };
    if odd == Odd::OtherCertificate {
        let mut told = pin!(socket.wait_for("the end", |message| {
            matches!(message, ToClient::Signal { signal: StationSignal::Ended { .. }, .. }).then_some(())
        }));
        // It goes on with its handshake for as long as nobody tells it.
        let all = async {
            tokio::select! {
                told = &mut told => told,
                _ = live => told.await,
            }
        };
        return tokio::time::timeout(LONGEST, all).await.context("waiting to be told of the certificate")?;
    }
    if let Ok(true) = tokio::time::timeout(LONGEST, live).await {
        socket.send(&send(ClientSignal::HangUp { call })).await?;
    }
    Ok(())
}

fn with_other_certificate(answer: &str) -> Result<String> {
    const LINE: &str = "a=fingerprint:sha-256 ";
    let (before, rest) = answer.split_once(LINE).context("the answer has no fingerprint")?;
    let (_, after) = rest.split_once("\r\n").context("the fingerprint has no end")?;
    Ok(format!("{before}{LINE}{}\r\n{after}", ["AB"; 32].join(":")))
}
