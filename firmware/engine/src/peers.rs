//! All connections of the station: who is connected, what came in, what goes out, when something is due.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_core::{ClientId, Leg};
use doorway_proto::control::Event as ControlEvent;
use str0m::Input;
use str0m::net::{Protocol, Receive, Transmit};

use crate::impairment::{Impairment, ImpairmentSettings};
use crate::paths::HostAddresses;
use crate::peer::{Peer, PeerError, PeerEvent, PeerFactory, PeerOutput};
use crate::wire::call_id;

/// How many outputs one peer has in a turn before the others get theirs: far above a keyframe's packets.
const MAX_OUTPUTS: usize = 4096;

/// What is due within this time is done now: str0m puts a microsecond between the packets of a picture, and a
/// runtime's timer would make a millisecond of each.
const AT_ONCE: Duration = Duration::from_micros(500);

/// The station's connections.
pub(crate) struct Peers {
    factory: PeerFactory,
    host: HostAddresses,
    slots: Vec<Slot>,
    inbound: Option<Impairment<Datagram>>,
    outbound: Option<Impairment<Transmit>>,
    /// What connections say that are closed already. Bounded by what a goodbye takes, for each of the places.
    farewells: VecDeque<Transmit>,
}

struct Slot {
    leg: Leg,
    peer: Peer,
    timeout: Instant,
    /// Outputs that it may have in this turn; none before its time was moved on.
    outputs_left: usize,
}

struct Datagram {
    source: SocketAddr,
    local: Option<IpAddr>,
    data: Vec<u8>,
}

/// What comes out of the connections.
pub(crate) enum PeersOutput {
    Transmit(Transmit),
    Event(Leg, PeerEvent),
}

impl Peers {
    /// No connections yet; clients reach the station at `port` of its addresses.
    pub(crate) fn new(factory: PeerFactory, port: u16, impairment: ImpairmentSettings) -> Self {
        let outbound = ImpairmentSettings { seed: impairment.seed.wrapping_add(1), ..impairment };
        Self {
            factory,
            host: HostAddresses::new(port),
            slots: Vec::new(),
            inbound: Impairment::new(impairment),
            outbound: Impairment::new(outbound),
            farewells: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Makes a connection for a client, in place of an older one, and gives the offer for it.
    ///
    /// # Errors
    /// When no offer can be made.
    pub(crate) fn invite(&mut self, leg: &Leg, now: Instant) -> Result<String, PeerError> {
        self.close(&leg.client, now);
        let (peer, offer) = Peer::offer(&self.factory, call_id(leg.call), self.host.all(), now)?;
        self.slots.push(Slot { leg: leg.clone(), peer, timeout: now, outputs_left: 0 });
        Ok(offer)
    }

    /// Takes a client's SDP answer.
    ///
    /// # Errors
    /// When the answer is no use; the client should be told and dropped.
    pub(crate) fn handle_answer(&mut self, leg: &Leg, answer: &str, now: Instant) -> Result<(), PeerError> {
        let Some(slot) = self.slot(&leg.client).filter(|slot| slot.leg == *leg) else { return Ok(()) };
        slot.peer.handle_answer(answer, now)?;
        slot.timeout = now;
        Ok(())
    }

    /// Takes a client's candidate.
    pub(crate) fn handle_candidate(&mut self, leg: &Leg, candidate: &str, now: Instant) {
        if let Some(slot) = self.slot(&leg.client).filter(|slot| slot.leg == *leg) {
            slot.peer.handle_candidate(candidate);
            slot.timeout = now;
        }
    }

    /// Tells a client something over its data channel; false when that can't be done.
    pub(crate) fn send_control(&mut self, client: &ClientId, event: &ControlEvent, now: Instant) -> bool {
        let Some(slot) = self.slot(client) else { return false };
        slot.timeout = now;
        slot.peer.send_control(event)
    }

    /// Tells everybody something.
    pub(crate) fn send_control_to_all(&mut self, event: &ControlEvent, now: Instant) {
        for slot in &mut self.slots {
            slot.timeout = now;
            slot.peer.send_control(event);
        }
    }

    /// Sends a picture to everybody who can decode it.
    pub(crate) fn send_picture(&mut self, data: &Arc<[u8]>, keyframe: bool, captured_at: Instant, now: Instant) {
        for slot in &mut self.slots {
            slot.peer.send_picture(data, keyframe, captured_at);
            slot.timeout = now;
        }
    }

    /// Sends a packet of the visitor's voice to one client.
    pub(crate) fn send_sound(
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

    /// Whether somebody is connected.
    pub(crate) fn is_anybody_connected(&self) -> bool {
        self.slots.iter().any(|slot| slot.peer.is_connected())
    }

    /// Whether somebody connected waits for its first keyframe.
    pub(crate) fn awaits_keyframe(&self) -> bool {
        self.slots.iter().any(|slot| slot.peer.is_connected() && slot.peer.awaits_keyframe())
    }

    /// Ends a client's connection with a goodbye.
    pub(crate) fn close(&mut self, client: &ClientId, now: Instant) {
        let Some(index) = self.slots.iter().position(|slot| slot.leg.client == *client) else { return };
        let mut slot = self.slots.swap_remove(index);
        // What was told last over the data channel goes out before the goodbye.
        for closing in [false, true] {
            if closing {
                slot.peer.close();
            }
            for _ in 0..MAX_OUTPUTS {
                match slot.peer.poll_output() {
                    PeerOutput::Transmit(transmit) => match &mut self.outbound {
                        None => self.farewells.push_back(transmit),
                        Some(line) => line.handle_item(transmit, now),
                    },
                    PeerOutput::Event(_) => {}
                    PeerOutput::Timeout(_) => break,
                }
            }
        }
    }

    /// Takes what came out of the socket, with the local address that the kernel says it came to.
    pub(crate) fn handle_datagram(&mut self, source: SocketAddr, local: Option<IpAddr>, data: &[u8], now: Instant) {
        match &mut self.inbound {
            None => self.dispatch(source, local, data, now),
            Some(line) => line.handle_item(Datagram { source, local, data: data.to_vec() }, now),
        }
    }

    /// Hands a datagram to the peer that it belongs to; what is neither STUN, DTLS nor RTP is nobody's.
    fn dispatch(&mut self, source: SocketAddr, local: Option<IpAddr>, data: &[u8], now: Instant) {
        let destination = self.host.destination(local);
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, data) else { return };
        let input = Input::Receive(now, receive);
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.peer.accepts(&input)) else { return };
        if let Input::Receive(_, receive) = input {
            slot.peer.handle_receive(receive, data, now);
            slot.timeout = now;
        }
    }

    /// Takes the station's present addresses; the new ones are candidates that each client has to be told.
    pub(crate) fn handle_addresses(&mut self, addresses: Vec<SocketAddr>, now: Instant) -> Vec<(Leg, String)> {
        let mut candidates = Vec::new();
        for address in self.host.handle_addresses(addresses) {
            for slot in &mut self.slots {
                if let Some(candidate) = slot.peer.add_local_address(address) {
                    candidates.push((slot.leg.clone(), candidate));
                    slot.timeout = now;
                }
            }
        }
        candidates
    }

    /// Lets time pass: what is due has its turn in [`Self::poll_output`].
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(datagram) = self.inbound.as_mut().and_then(|line| line.poll_item(now)) {
            self.dispatch(datagram.source, datagram.local, &datagram.data, now);
        }
        for slot in self.slots.iter_mut().filter(|slot| slot.timeout <= now) {
            slot.peer.handle_timeout(now);
            slot.outputs_left = MAX_OUTPUTS;
        }
    }

    /// What has to go out and what happened, until nobody whose time was moved on has anything more.
    pub(crate) fn poll_output(&mut self, now: Instant) -> Option<PeersOutput> {
        if let Some(transmit) = self.farewells.pop_front() {
            return Some(PeersOutput::Transmit(transmit));
        }
        for slot in &mut self.slots {
            while slot.outputs_left > 0 {
                slot.outputs_left -= 1;
                match slot.peer.poll_output() {
                    PeerOutput::Transmit(transmit) => match &mut self.outbound {
                        None => return Some(PeersOutput::Transmit(transmit)),
                        Some(line) => line.handle_item(transmit, now),
                    },
                    PeerOutput::Event(event) => return Some(PeersOutput::Event(slot.leg.clone(), event)),
                    PeerOutput::Timeout(at) if at <= now + AT_ONCE => slot.peer.handle_timeout(at.max(now)),
                    PeerOutput::Timeout(at) => {
                        slot.timeout = at;
                        slot.outputs_left = 0;
                    }
                }
            }
        }
        self.outbound.as_mut().and_then(|line| line.poll_item(now)).map(PeersOutput::Transmit)
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let peers = self.slots.iter().map(|slot| (slot.timeout, "peers: a connection's timer"));
        let lines = [
            self.inbound.as_ref().and_then(Impairment::poll_timeout),
            self.outbound.as_ref().and_then(Impairment::poll_timeout),
        ];
        let lines = lines.into_iter().flatten().map(|due| (due, "peers: the bad network"));
        peers.chain(lines).min_by_key(|(due, _)| *due)
    }

    fn slot(&mut self, client: &ClientId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.leg.client == *client)
    }
}
