//! The UDP socket: bursts go out with generic segmentation offload and come in with generic receive offload, where
//! the kernel has them.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use str0m::net::Transmit as PeerTransmit;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What the kernel is asked to hold: two keyframes at the highest bitrate for eight peers.
const BUFFER_BYTES: usize = 1 << 20;
/// The largest burst that one system call sends: a UDP datagram's limit before segmentation.
const MAX_BURST_BYTES: usize = 65_000;
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error(
    "UDP port {port} can't be opened for calls: {source}; choose another [network] udp_port, or 0 for any free one"
)]
pub struct SocketError {
    port: u16,
    source: io::Error,
}

/// The socket of all peers, IPv6 and IPv4 at once where the kernel has both.
pub struct PeerSocket {
    io: UdpSocket,
    state: UdpSocketState,
    port: u16,
    ipv6: bool,
    burst: Burst,
}

/// Datagrams of one destination and one size that wait to go out together.
#[derive(Default)]
struct Burst {
    data: Vec<u8>,
    route: Option<(SocketAddr, SocketAddr)>,
    segment: usize,
    count: usize,
    /// A shorter datagram ends a burst: the kernel cuts all but the last to the same size.
    closed: bool,
}

/// The datagrams of one read, borrowed from the buffers.
pub struct Datagrams {
    buffers: Vec<Vec<u8>>,
    metas: [RecvMeta; BATCH_SIZE],
    count: usize,
}

impl Datagrams {
    /// Buffers for one read of a socket.
    pub fn new() -> Self {
        Self {
            buffers: (0..READS).map(|_| vec![0; RECEIVE_BUFFER_BYTES]).collect(),
            metas: [RecvMeta::default(); BATCH_SIZE],
            count: 0,
        }
    }

    /// Each datagram with its source and, where the kernel says it, the local address that it came to.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, Option<std::net::IpAddr>, &[u8])> {
        self.metas.iter().take(self.count).zip(&self.buffers).flat_map(|(meta, buffer)| {
            let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            let local = meta.dst_ip.map(|ip| ip.to_canonical());
            buffer[..meta.len].chunks(meta.stride.max(1)).map(move |datagram| (source, local, datagram))
        })
    }
}

impl Default for Datagrams {
    fn default() -> Self {
        Self::new()
    }
}

/// One read takes at most so many bursts, so that the loop stays fair and the buffers small.
const READS: usize = 4;

impl PeerSocket {
    /// Opens the socket on all addresses with `port`, 0 for any free one.
    ///
    /// # Errors
    /// When the port is taken or the kernel refuses.
    pub fn bind(port: u16) -> Result<Self, SocketError> {
        let failed = |source| SocketError { port, source };
        let (socket, ipv6) = match open(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into()) {
            Ok(socket) => (socket, true),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(failed(error)),
            Err(_) => (open(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into()).map_err(failed)?, false),
        };
        let state = UdpSocketState::new(UdpSockRef::from(&socket)).map_err(failed)?;
        let io = UdpSocket::from_std(socket.into()).map_err(failed)?;
        let port = io.local_addr().map_err(failed)?.port();
        Ok(Self { io, state, port, ipv6, burst: Burst::default() })
    }

    /// The port that was opened.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether peers can be reached by IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.ipv6
    }

    /// Queues a datagram; it goes out with the next [`Self::flush`], or before when a burst is full.
    pub fn send(&mut self, transmit: &PeerTransmit) {
        let route = (transmit.source, transmit.destination);
        let size = transmit.contents.len();
        let fits = self.burst.route == Some(route)
            && !self.burst.closed
            && size <= self.burst.segment
            && self.burst.count < self.state.max_gso_segments()
            && self.burst.data.len() + size <= MAX_BURST_BYTES;
        if !fits {
            self.flush();
            self.burst.route = Some(route);
            self.burst.segment = size;
        }
        self.burst.closed = size < self.burst.segment;
        self.burst.count += 1;
        self.burst.data.extend_from_slice(&transmit.contents);
    }

    /// Sends what is queued. What the kernel has no room for is dropped, as the network would: str0m repairs it.
    pub fn flush(&mut self) {
        let Some((source, destination)) = self.burst.route.take() else { return };
        let transmit = Transmit {
            destination: self.on_socket(destination),
            ecn: None,
            contents: &self.burst.data,
            segment_size: (self.burst.count > 1).then_some(self.burst.segment),
            src_ip: (!source.ip().is_unspecified()).then(|| self.on_socket(source).ip()),
        };
        // Not through the runtime's readiness: nobody waits for a full socket buffer.
        if let Err(error) = self.state.try_send(UdpSockRef::from(&self.io), &transmit) {
            tracing::trace!(kind = ?error.kind(), "a burst was not sent");
        }
        self.burst.data.clear();
        self.burst.count = 0;
        self.burst.closed = false;
    }

    /// Waits until a datagram has come; for ever when the runtime is shutting down.
    pub async fn has_come(&self) {
        if self.io.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Reads what has come; false when there is nothing more.
    pub fn receive(&self, into: &mut Datagrams) -> bool {
        into.count = 0;
        let Datagrams { buffers, metas, count } = into;
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let read = self.io.try_io(Interest::READABLE, || {
            self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut metas[..READS])
        });
        match read {
            Ok(read) => {
                *count = read;
                read > 0
            }
            Err(_) => false,
        }
    }

    /// An IPv4 address as a dual-stack socket wants it.
    fn on_socket(&self, address: SocketAddr) -> SocketAddr {
        match address {
            SocketAddr::V4(v4) if self.ipv6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            SocketAddr::V4(_) | SocketAddr::V6(_) => address,
        }
    }
}

fn open(domain: Domain, address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    // The kernel caps these by its own limits.
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use str0m::net::Protocol as PeerProtocol;

    fn transmit(from: &PeerSocket, to: SocketAddr, size: usize) -> PeerTransmit {
        PeerTransmit {
            proto: PeerProtocol::Udp,
            source: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), from.port()),
            destination: to,
            contents: vec![size as u8; size].into(),
        }
    }

    #[tokio::test]
    async fn a_burst_arrives_as_the_datagrams_that_were_sent() {
        let mut sender = PeerSocket::bind(0).unwrap();
        let receiver = PeerSocket::bind(0).unwrap();
        let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), receiver.port());
        let sizes = [100, 100, 100, 60, 100, 200];
        for size in sizes {
            sender.send(&transmit(&sender, to, size));
        }
        sender.flush();
        let mut datagrams = Datagrams::new();
        let mut seen = Vec::new();
        while seen.len() < sizes.len() {
            receiver.has_come().await;
            while receiver.receive(&mut datagrams) {
                for (source, local, data) in datagrams.iter() {
                    assert_eq!(source, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), sender.port()));
                    assert_eq!(local, Some(Ipv4Addr::LOCALHOST.into()));
                    assert!(data.iter().all(|byte| usize::from(*byte) == data.len()));
                    seen.push(data.len());
                }
            }
        }
        assert_eq!(seen, sizes);
    }

    #[tokio::test]
    async fn a_taken_port_is_said_with_a_remedy() {
        let first = PeerSocket::bind(0).unwrap();
        let error = PeerSocket::bind(first.port()).err().unwrap().to_string();
        assert!(error.contains(&first.port().to_string()) && error.contains("udp_port"), "{error}");
    }
}
