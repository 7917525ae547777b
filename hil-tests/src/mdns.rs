//! Asks a network for a name, as a phone does that is told `doorway.local`: multicast DNS (RFC 6762), one question.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::UdpSocket;

use crate::wait::{Look, until};

/// Where everybody listens who has a name.
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);
/// How long an answer may take before the question is asked again.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The IPv4 address of `name`, asked for from the interface that has the address `from`.
///
/// # Errors
/// When nobody answers within `within`.
pub async fn resolve(name: &str, from: &str, within: Duration) -> Result<Ipv4Addr> {
    let from: Ipv4Addr = from.parse().with_context(|| format!("reading the address {from}"))?;
    until(&format!("somebody answers to {name}"), within, async || {
        // From a port that is not 5353: such a question is answered to the one who asked (RFC 6762, section 6.7).
        let socket = UdpSocket::bind((from, 0)).await?;
        socket.send_to(&question(name), GROUP).await?;
        let mut answer = [0; 1500];
        let length = tokio::time::timeout(PATIENCE, socket.recv(&mut answer)).await.context("no answer")??;
        Ok(Look::Found(address(&answer[..length]).context("an answer without an address")?))
    })
    .await
}

/// A question for an A record in the class of the internet.
fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0x0d, 0x00, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).expect("labels are short"));
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The first address among the answers.
fn address(message: &[u8]) -> Result<Ipv4Addr> {
    // Type A, class IN with or without the bit that says 'forget the others', four bytes of time to live, length 4.
    let found = message
        .windows(14)
        .find(|record| record[..2] == [0, 1] && record[2] & 0x7f == 0 && record[3] == 1 && record[8..10] == [0, 4]);
    let found = found.context("no record of an address")?;
    ensure!(message[7] > 0, "no answers");
    Ok(Ipv4Addr::new(found[10], found[11], found[12], found[13]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_out_of_an_answer() {
        let mut answer = question("side-door.local");
        answer[2] = 0x84;
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0x80, 1, 0, 0, 0, 10, 0, 4, 10, 77, 0, 2]);
        assert_eq!(address(&answer).unwrap(), Ipv4Addr::new(10, 77, 0, 2));
        assert!(address(&question("side-door.local")).is_err());
    }
}
