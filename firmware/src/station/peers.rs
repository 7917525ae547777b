//! All connections of the station over its one socket: who is connected, what came in, when something is due.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_core::{ClientId, Leg};
use doorway_proto::control::Event as ControlEvent;
use str0m::Input;
use str0m::net::{Protocol, Receive, Transmit};

use super::wire::call_id;
use crate::net::{Datagrams, Impairment, ImpairmentSettings, PeerSocket, local_addresses};
use crate::peer::{Peer, PeerError, PeerEvent, PeerFactory, PeerOutput};

/// How often new addresses are looked for while somebody is connected.
const ADDRESS_CHECK: Duration = Duration::from_secs(2);

/// How many reads of the socket one turn of the loop takes, so that a flood of datagrams does not keep it from a press.
const READS_PER_TURN: usize = 16;

/// How often one peer is drained before the others get their turn: far above a keyframe's packets.
const MAX_OUTPUTS: usize = 4096;

/// What is due within this time is done now: str0m puts a microsecond between the packets of a picture, and the
/// runtime's timer would make a millisecond of each.
const AT_ONCE: Duration = Duration::from_micros(500);

/// The station's connections.
pub struct Peers {
    factory: PeerFactory,
    socket: PeerSocket,
    datagrams: Datagrams,
    interfaces: Vec<String>,
    addresses: Vec<SocketAddr>,
    addresses_checked: Instant,
    slots: Vec<Slot>,
    inbound: Option<Impairment<Datagram>>,
    outbound: Option<Impairment<Transmit>>,
    /// What happened and was not yet taken. Bounded by what one read of the socket can bring.
    events: VecDeque<(Leg, PeerEvent)>,
}

struct Slot {
    leg: Leg,
    peer: Peer,
    timeout: Instant,
}

struct Datagram {
    source: SocketAddr,
    local: Option<IpAddr>,
    data: Vec<u8>,
}

impl Peers {
    /// No connections yet, over `socket`.
    pub fn new(
        factory: PeerFactory,
        socket: PeerSocket,
        interfaces: Vec<String>,
        impairment: ImpairmentSettings,
        now: Instant,
    ) -> Self {
        let outbound = ImpairmentSettings { seed: impairment.seed.wrapping_add(1), ..impairment };
        Self {
            factory,
            socket,
            datagrams: Datagrams::new(),
            interfaces,
            addresses: Vec::new(),
            addresses_checked: now,
            slots: Vec::new(),
            inbound: Impairment::new(impairment),
            outbound: Impairment::new(outbound),
            events: VecDeque::new(),
        }
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nobody is connected or invited.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Each connection's client and whether it is up.
    pub fn iter(&self) -> impl Iterator<Item = (&ClientId, bool)> {
        self.slots.iter().map(|slot| (&slot.leg.client, slot.peer.is_connected()))
    }

    /// Makes a connection for a client, in place of an older one, and gives the offer for it.
    ///
    /// # Errors
    /// When no offer can be made.
    pub fn invite(&mut self, leg: &Leg, now: Instant) -> Result<String, PeerError> {
        self.close(&leg.client, now);
        self.addresses = self.list_addresses();
        self.addresses_checked = now;
        let (peer, offer) = Peer::offer(&self.factory, call_id(leg.call), &self.addresses, now)?;
        self.slots.push(Slot { leg: leg.clone(), peer, timeout: now });
        Ok(offer)
    }

    /// Takes a client's SDP answer.
    ///
    /// # Errors
    /// When the answer is no use; the client should be told and dropped.
    pub fn handle_answer(&mut self, leg: &Leg, answer: &str, now: Instant) -> Result<(), PeerError> {
        let Some(slot) = self.slot(&leg.client).filter(|slot| slot.leg == *leg) else { return Ok(()) };
        slot.peer.handle_answer(answer, now)?;
        slot.timeout = now;
        Ok(())
    }

    /// Takes a client's candidate.
    pub fn handle_candidate(&mut self, leg: &Leg, candidate: &str, now: Instant) {
        if let Some(slot) = self.slot(&leg.client).filter(|slot| slot.leg == *leg) {
            slot.peer.handle_candidate(candidate);
            slot.timeout = now;
        }
    }

    /// Tells a client something over its data channel; false when that can't be done.
    pub fn send_control(&mut self, client: &ClientId, event: &ControlEvent, now: Instant) -> bool {
        let Some(slot) = self.slot(client) else { return false };
        slot.timeout = now;
        slot.peer.send_control(event)
    }

    /// Sends a picture to everybody who can decode it.
    pub fn send_picture(&mut self, data: &Arc<[u8]>, keyframe: bool, captured_at: Instant, now: Instant) {
        for slot in &mut self.slots {
            slot.peer.send_picture(data, keyframe, captured_at);
            slot.timeout = now;
        }
    }

    /// Sends a packet of the visitor's voice to one client.
    pub fn send_sound(
        &mut self,
        client: &ClientId,
        data: &Arc<[u8]>,
        timestamp: u64,
        captured_at: Instant,
        now: Instant,
    ) {
        if let Some(slot) = self.slot(client) {
            slot.peer.send_sound(data, timestamp, captured_at);
            slot.timeout = now;
        }
    }

    /// Whether somebody connected waits for its first keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        self.slots.iter().any(|slot| slot.peer.is_connected() && slot.peer.awaits_keyframe())
    }

    /// Ends a client's connection with a goodbye.
    pub fn close(&mut self, client: &ClientId, now: Instant) {
        let Some(index) = self.slots.iter().position(|slot| slot.leg.client == *client) else { return };
        let mut slot = self.slots.swap_remove(index);
        // What was told last over the data channel goes out before the goodbye.
        for closing in [false, true] {
            if closing {
                slot.peer.close();
            }
            for _ in 0..MAX_OUTPUTS {
                match slot.peer.poll_output() {
                    PeerOutput::Transmit(transmit) => {
                        transmit_or_delay(&mut self.socket, &mut self.outbound, transmit, now)
                    }
                    PeerOutput::Event(_) => {}
                    PeerOutput::Timeout(_) => break,
                }
            }
        }
        self.socket.flush();
        self.events.retain(|(of, _)| of.client != *client);
    }

    /// Waits until a datagram has come.
    pub async fn readable(&self) {
        if self.socket.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Reads some of what has come; the rest has its turn after everything else that waits.
    pub fn handle_readable(&mut self, now: Instant) {
        let here = self.here();
        for _ in 0..READS_PER_TURN {
            if !self.socket.receive(&mut self.datagrams) {
                return;
            }
            for (source, local, data) in self.datagrams.iter() {
                match &mut self.inbound {
                    None => dispatch(&mut self.slots, here, (source, local, data), now),
                    Some(line) => line.handle_item(Datagram { source, local, data: data.to_vec() }, now),
                }
            }
        }
    }

    /// Does what is due: timers, delayed datagrams, new addresses. Then sends all that the peers have to send.
    pub fn handle_timeout(&mut self, now: Instant) {
        let here = self.here();
        while let Some(datagram) = self.inbound.as_mut().and_then(|line| line.poll_item(now)) {
            dispatch(&mut self.slots, here, (datagram.source, datagram.local, &datagram.data), now);
        }
        while let Some(transmit) = self.outbound.as_mut().and_then(|line| line.poll_item(now)) {
            self.socket.send(&transmit);
        }
        for slot in &mut self.slots {
            if slot.timeout <= now {
                drain(slot, &mut self.socket, &mut self.outbound, &mut self.events, now);
            }
        }
        self.socket.flush();
    }

    /// Addresses that came up since the last look, as candidates for each client that has to be told.
    pub fn new_candidates(&mut self, now: Instant) -> Vec<(Leg, String)> {
        if self.slots.is_empty() || now < self.addresses_checked + ADDRESS_CHECK {
            return Vec::new();
        }
        self.addresses_checked = now;
        let addresses = self.list_addresses();
        let new: Vec<SocketAddr> = addresses.iter().filter(|a| !self.addresses.contains(a)).copied().collect();
        self.addresses = addresses;
        let mut candidates = Vec::new();
        for address in new {
            tracing::debug!("a new address is offered to the clients of the call");
            for slot in &mut self.slots {
                if let Some(candidate) = slot.peer.add_local_address(address) {
                    candidates.push((slot.leg.clone(), candidate));
                    slot.timeout = now;
                }
            }
        }
        candidates
    }

    /// What happened since the last time, oldest first.
    pub fn poll_event(&mut self) -> Option<(Leg, PeerEvent)> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] or [`Self::new_candidates`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let peers = self.slots.iter().map(|slot| slot.timeout).min();
        let addresses = (!self.slots.is_empty()).then(|| self.addresses_checked + ADDRESS_CHECK);
        let lines = [
            self.inbound.as_ref().and_then(Impairment::poll_timeout),
            self.outbound.as_ref().and_then(Impairment::poll_timeout),
        ];
        lines.into_iter().chain([peers, addresses]).flatten().min()
    }

    /// Where a datagram came to when the kernel does not say.
    fn here(&self) -> SocketAddr {
        let unspecified = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.socket.port());
        self.addresses.first().copied().unwrap_or(unspecified)
    }

    fn list_addresses(&self) -> Vec<SocketAddr> {
        local_addresses(&self.interfaces, self.socket.port(), self.socket.has_ipv6())
    }

    fn slot(&mut self, client: &ClientId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.leg.client == *client)
    }
}

/// Hands a datagram to the peer that it belongs to; what is neither STUN, DTLS nor RTP is nobody's.
fn dispatch(
    slots: &mut [Slot],
    here: SocketAddr,
    (source, local, data): (SocketAddr, Option<IpAddr>, &[u8]),
    now: Instant,
) {
    let destination = local.map_or(here, |ip| SocketAddr::new(ip, here.port()));
    let Ok(receive) = Receive::new(Protocol::Udp, source, destination, data) else { return };
    let input = Input::Receive(now, receive);
    let Some(slot) = slots.iter_mut().find(|slot| slot.peer.accepts(&input)) else { return };
    if let Input::Receive(_, receive) = input {
        slot.peer.handle_receive(receive, data, now);
        slot.timeout = now;
    }
}

/// Takes everything out of a peer until it waits for a time that lies ahead.
fn drain(
    slot: &mut Slot,
    socket: &mut PeerSocket,
    outbound: &mut Option<Impairment<Transmit>>,
    events: &mut VecDeque<(Leg, PeerEvent)>,
    now: Instant,
) {
    slot.peer.handle_timeout(now);
    for _ in 0..MAX_OUTPUTS {
        match slot.peer.poll_output() {
            PeerOutput::Transmit(transmit) => transmit_or_delay(socket, outbound, transmit, now),
            PeerOutput::Event(event) => events.push_back((slot.leg.clone(), event)),
            PeerOutput::Timeout(at) if at <= now + AT_ONCE => slot.peer.handle_timeout(at.max(now)),
            PeerOutput::Timeout(at) => {
                slot.timeout = at;
                return;
            }
        }
    }
    // The rest has its turn after the other peers.
    slot.timeout = now;
}

fn transmit_or_delay(
    socket: &mut PeerSocket,
    outbound: &mut Option<Impairment<Transmit>>,
    transmit: Transmit,
    now: Instant,
) {
    match outbound {
        None => socket.send(&transmit),
        Some(line) => line.handle_item(transmit, now),
    }
}
