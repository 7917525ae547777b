//! The least that sending a picture costs: encrypts a recording's packets for each receiver and sends them, nothing else.
//!
//! No ICE, no DTLS, no congestion control, no resending, no feedback: what a sender of WebRTC needs beyond this is its own.
//! The packets are RTP (RFC 3550) of H.264 (RFC 6184, packetization mode 1), protected with AEAD_AES_128_GCM (RFC 7714), as
//! [`AEAD_NAME`] says; those of one picture for one receiver go out in one system call where the kernel has generic
//! segmentation offload, as the daemon's do.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};

/// What the packets are protected with.
pub const AEAD_NAME: &str = "SRTP AEAD_AES_128_GCM";

/// The payload of the largest packet; with header, tag and UDP it fits what str0m makes of 1,150 bytes.
const MAX_PAYLOAD: usize = 1_100;
const RTP_HEADER: usize = 12;
const PAYLOAD_TYPE: u8 = 102;
/// The largest burst that one system call sends.
const MAX_BURST_BYTES: usize = 65_000;

/// Sends the recording in a loop at `rate` pictures a second to all `receivers` until it is killed.
///
/// # Errors
/// When the recording can't be read, or the socket fails.
pub fn run(recording: &Path, rate: u32, receivers: &[SocketAddr]) -> Result<()> {
    let file = std::fs::read(recording).with_context(|| format!("reading {}", recording.display()))?;
    let pictures: Vec<Vec<Vec<u8>>> = access_units(&file).into_iter().map(payloads).collect();
    ensure!(!pictures.is_empty(), "{} holds no H.264", recording.display());
    ensure!(rate > 0, "a rate of 0 pictures a second");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("opening a UDP socket")?;
    let state = UdpSocketState::new(UdpSockRef::from(&socket)).context("setting the UDP socket up")?;
    let mut streams: Vec<_> = (1..).zip(receivers).map(|(ssrc, to)| (Stream::new(ssrc), *to)).collect();
    let mut burst = Vec::with_capacity(MAX_BURST_BYTES);
    let start = Instant::now();
    for (number, payloads) in (0_u32..).zip(pictures.iter().cycle()) {
        sleep((start + Duration::from_secs(1) / rate * number).saturating_duration_since(Instant::now()));
        let timestamp = number.wrapping_mul(90_000 / rate);
        for (stream, to) in &mut streams {
            send(&socket, &state, stream, *to, payloads, timestamp, &mut burst)?;
        }
    }
    Ok(())
}

/// Sends one picture to one receiver. What the kernel has no room for is lost.
fn send(
    socket: &UdpSocket,
    state: &UdpSocketState,
    stream: &mut Stream,
    to: SocketAddr,
    payloads: &[Vec<u8>],
    timestamp: u32,
    burst: &mut Vec<u8>,
) -> Result<()> {
    let mut left = payloads.iter().enumerate().peekable();
    while left.peek().is_some() {
        burst.clear();
        let (mut segment, mut count) = (0, 0);
        // The kernel cuts a burst into equal datagrams, of which only the last may be shorter.
        while let Some((index, payload)) = left.peek() {
            let size = protected_size(payload);
            let fits = size <= segment && burst.len() + size <= MAX_BURST_BYTES && count < state.max_gso_segments();
            if count > 0 && !fits {
                break;
            }
            segment = segment.max(size);
            stream.protect(payload, timestamp, index + 1 == payloads.len(), burst)?;
            count += 1;
            left.next();
            if size < segment {
                break;
            }
        }
        let segment_size = (count > 1).then_some(segment);
        let transmit = Transmit { destination: to, ecn: None, contents: burst, segment_size, src_ip: None };
        let _lost_when_full = state.try_send(UdpSockRef::from(socket), &transmit);
    }
    Ok(())
}

fn protected_size(payload: &[u8]) -> usize {
    RTP_HEADER + payload.len() + AES_128_GCM.tag_len()
}

/// What one receiver is sent.
struct Stream {
    ssrc: u32,
    sequence: u64,
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Stream {
    fn new(ssrc: u32) -> Self {
        // Nobody listens who could be deceived: that it costs what it costs is all that matters.
        let byte = ssrc.to_le_bytes()[0];
        let key = UnboundKey::new(&AES_128_GCM, &[byte; 16]).expect("the key has the algorithm's length");
        Self { ssrc, sequence: 0, key: LessSafeKey::new(key), salt: [!byte; 12] }
    }

    /// Appends the protected packet with `payload` to `out`.
    fn protect(&mut self, payload: &[u8], timestamp: u32, last: bool, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(&[0x80, PAYLOAD_TYPE | u8::from(last) << 7]);
        out.extend_from_slice(&(self.sequence as u16).to_be_bytes());
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
        let nonce = self.nonce(self.sequence);
        let (header, body) = out[start..].split_at_mut(RTP_HEADER);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(&*header), body).context("encrypting")?;
        out.extend_from_slice(tag.as_ref());
        self.sequence += 1;
        Ok(())
    }

    /// RFC 7714, 8.1: two zero bytes, SSRC, rollover counter, sequence number, exclusive-or the salt.
    fn nonce(&self, sequence: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&self.ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&sequence.to_be_bytes()[2..]);
        nonce.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The access units of a byte stream, each as its NAL units.
fn access_units(stream: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut units: Vec<Vec<&[u8]>> = Vec::new();
    let mut has_slice = true;
    for nal in nal_units(stream) {
        let is_slice = matches!(nal[0] & 31, 1..=5);
        // `first_mb_in_slice` is 0 when its Exp-Golomb code is the single bit 1.
        let begins = if is_slice { nal.get(1).is_some_and(|byte| byte & 0x80 != 0) } else { true };
        if units.is_empty() || (has_slice && begins) {
            units.push(Vec::new());
            has_slice = false;
        }
        has_slice |= is_slice;
        if let Some(unit) = units.last_mut() {
            unit.push(nal);
        }
    }
    units
}

/// What lies between the start codes of a byte stream.
fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let codes: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends: Vec<usize> = codes.iter().skip(1).copied().chain([stream.len()]).collect();
    codes.into_iter().zip(ends).filter_map(|(start, end)| {
        // A start code of four bytes begins with a zero, and zeros may follow a NAL unit.
        let nal = &stream[start + 3..end];
        let length = nal.iter().rposition(|byte| *byte != 0)? + 1;
        Some(&nal[..length])
    })
}

/// The RTP payloads of an access unit: NAL units, and fragments (FU-A) of those that are too large.
fn payloads(nals: Vec<&[u8]>) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for nal in nals {
        if nal.len() <= MAX_PAYLOAD {
            payloads.push(nal.to_vec());
            continue;
        }
        let (indicator, kind) = (nal[0] & 0xe0 | 28, nal[0] & 31);
        let mut fragments = nal[1..].chunks(MAX_PAYLOAD - 2).peekable();
        let mut start = 0x80;
        while let Some(fragment) = fragments.next() {
            let end = if fragments.peek().is_none() { 0x40 } else { 0 };
            payloads.push([&[indicator, start | end | kind], fragment].concat());
            start = 0;
        }
    }
    payloads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_readable_for_who_has_the_key_and_nobody_else() {
        let mut stream = Stream::new(7);
        let mut packet = Vec::new();
        stream.protect(b"nothing to see", 3000, true, &mut packet).unwrap();
        assert_eq!(
            (packet[0], packet[1], packet.len()),
            (0x80, 0x80 | PAYLOAD_TYPE, protected_size(b"nothing to see"))
        );
        assert!(!packet.windows(7).any(|bytes| bytes == b"nothing"));
        let (header, body) = packet.split_at_mut(RTP_HEADER);
        let aad = || Aad::from(&*header);
        assert!(Stream::new(8).key.open_in_place(stream.nonce(0), aad(), &mut body.to_vec()).is_err());
        assert_eq!(stream.key.open_in_place(stream.nonce(0), aad(), body).unwrap(), b"nothing to see");
    }

    #[test]
    fn a_stream_is_cut_into_pictures_and_these_into_packets() {
        let slice = |first: bool, length: usize| {
            [&[0x41, if first { 0x9a } else { 0x4a }], vec![9; length].as_slice()].concat()
        };
        let nals: [&[u8]; 5] = [&[0x67, 1], &[0x68, 2], &slice(true, 10), &slice(false, 2500), &slice(true, 10)];
        let stream: Vec<u8> = nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect();
        let units = access_units(&stream);
        assert_eq!(units, [&nals[..4], &nals[4..]]);
        let sizes: Vec<_> = payloads(units[0].clone()).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 12, 1100, 1100, 307]);
        let fragments = payloads(vec![nals[3]]);
        let marks: Vec<_> = fragments.iter().map(|fragment| (fragment[0], fragment[1])).collect();
        assert_eq!(marks, [(0x5c, 0x81), (0x5c, 0x01), (0x5c, 0x41)]);
        let whole: Vec<u8> = fragments.iter().flat_map(|fragment| fragment[2..].to_vec()).collect();
        assert_eq!(whole, nals[3][1..]);
    }
}
