//! Receivers that somebody else wrote: what the station sends is read by other libraries than its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use doorway_proto::signaling::EndReason;
use hil_tests::case::case;
use hil_tests::device::{Config, Device, Simulated};
use hil_tests::peer::foreign::{self, Foreign};
use hil_tests::scene::SOON;
use hil_tests::wait::{Look, until};

const CASE: Duration = Duration::from_secs(120);
/// The first probes of the bandwidth estimate are over by then.
const SETTLED: Duration = Duration::from_secs(6);
/// Two rounds of the probes that a sender makes who sends less than he could.
const WATCHED: Duration = Duration::from_secs(12);
const RATE: f64 = 30.0;

#[test]
fn pion_gets_each_packet_of_the_picture_once() {
    case(CASE, async |case| {
        let program = foreign::pion(case).await?;
        let mut device = Simulated::start(case, Config::default()).await?;
        let mut receivers = Vec::new();
        for _ in 0..4 {
            receivers.push(Foreign::watch(&program, &[], &device.socket(), "front-door").await?);
        }
        for receiver in &receivers {
            receives(receiver).await?;
        }
        tokio::time::sleep(SETTLED).await;
        let before: Vec<_> = receivers.iter().map(Foreign::seen).collect();
        tokio::time::sleep(WATCHED).await;
        for (receiver, before) in receivers.iter().zip(before) {
            let after = receiver.seen();
            let seen = format!("{before:?}, {after:?} after {WATCHED:?}");
            ensure!(after.failed.is_none() && after.ended.is_none(), "{seen}");
            ensure!(after.counts.missing == before.counts.missing, "the picture has gaps: {seen}");
            ensure!(after.counts.again == before.counts.again, "packets came again that were there: {seen}");
            let rate = (after.counts.pictures - before.counts.pictures) as f64 / WATCHED.as_secs_f64();
            ensure!((rate - RATE).abs() < 1.5, "{rate:.1} pictures a second: {seen}");
        }
        drop(receivers);
        device.nothing_is_left().await?;
        device.stop().await
    });
}

#[test]
fn a_client_whose_certificate_is_of_a_kind_that_is_not_taken_is_told_so() {
    case(CASE, async |case| {
        let program = foreign::pion(case).await?;
        let mut device = Simulated::start(case, Config::default()).await?;
        let receiver = Foreign::watch(&program, &["rsa"], &device.socket(), "front-door").await?;
        until("the client is told", SOON, async || {
            let seen = receiver.seen();
            Ok(Look::when(seen.ended == Some(EndReason::HandshakeFailed), (), format!("{seen:?}")))
        })
        .await?;
        let log = device.log().await?;
        let said = log.lines().find(|line| line.contains("encryption could not be agreed on"));
        ensure!(said.is_some_and(|line| line.contains("INFO") && !line.contains("127.0.0.1")), "{said:?} in the log");
        drop(receiver);
        device.nothing_is_left().await?;
        device.stop().await
    });
}

async fn receives(receiver: &Foreign) -> Result<()> {
    until("the picture comes and the data channel is open", SOON, async || {
        let seen = receiver.seen();
        Ok(Look::when(seen.counts.pictures > 0 && seen.counts.channel, (), format!("{seen:?}")))
    })
    .await
}
