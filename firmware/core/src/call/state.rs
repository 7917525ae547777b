//! What is known of one call: its phase, its peers, and when each of them is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{ButtonId, CallId, ClientId};
use crate::messages::{Action, Activity, EndReason, Record, Ring};

/// The most clients whose declining is remembered in a call. Clients that come under ever new names would fill the
/// memory; the one above this number may be rung again.
const MOST_DECLINED: usize = 256;

/// One call, from the first press or watch to its end.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) phase: Phase,
    pub(crate) started: Instant,
    /// The buttons that were pressed, each once, in their order.
    pub(crate) buttons: Vec<ButtonId>,
    pub(crate) rang_since: Option<Instant>,
    pub(crate) answered: Option<Instant>,
    pub(crate) receipts: usize,
    pub(crate) peers: BTreeMap<ClientId, Peer>,
    /// Who declined and is not rung again in this call.
    pub(crate) declined: BTreeSet<ClientId>,
    /// Since when it rings with nobody to ring.
    pub(crate) nobody_since: Option<Instant>,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// Nobody pressed; each watcher has its own deadline.
    Watched,
    Ringing {
        until: Instant,
    },
    /// The talker is the only peer.
    Active {
        talker: ClientId,
        until: Instant,
    },
}

/// One client's part of the call.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) link: Link,
    /// What a person reads of this client.
    pub(crate) name: Arc<str>,
    /// The button that rings this client; `None` for one who only watches.
    pub(crate) rung: Option<ButtonId>,
    /// It said that it will talk: it does as soon as its media are up, if nobody else was faster.
    pub(crate) accepted: bool,
    /// The handshake of its latest connection failed.
    pub(crate) unsecured: bool,
    pub(crate) receipt: bool,
    pub(crate) watch_until: Instant,
}

/// A client's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// The offer is sent. A client that is rung has until it accepts, then the time to connect.
    Invited { connect_by: Option<Instant> },
    /// Media flows.
    Connected,
    /// There is no peer, and its place is kept: it rings on without a picture, or has until then to come back.
    Lost { back_by: Option<Instant> },
    /// It rings without a picture, as all places are taken; the next that is free is its own.
    Waiting,
}

impl Peer {
    /// It gets a new offer, and has until then to connect.
    pub(crate) fn invite(&mut self, connect_by: Option<Instant>) {
        self.link = Link::Invited { connect_by };
        self.unsecured = false;
    }

    /// Why its part ends when it is not connected in time.
    pub(crate) fn loss(&self) -> EndReason {
        if self.unsecured { EndReason::HandshakeFailed } else { EndReason::ConnectionLost }
    }

    /// Until when this client may connect, having accepted.
    pub(crate) fn answer_by(&self) -> Option<Instant> {
        match self.link {
            Link::Invited { connect_by: by } | Link::Lost { back_by: by } => by.filter(|_| self.accepted),
            Link::Connected | Link::Waiting => None,
        }
    }
}

impl Link {
    /// Whether there is an offer, or a connection made from one.
    pub(crate) fn has_peer(self) -> bool {
        match self {
            Self::Invited { .. } | Self::Connected => true,
            Self::Lost { .. } | Self::Waiting => false,
        }
    }
}

impl Call {
    pub(crate) fn activity(&self) -> Activity {
        match self.phase {
            Phase::Watched => Activity::Watched,
            Phase::Ringing { .. } => Activity::Ringing,
            Phase::Active { .. } => Activity::InCall,
        }
    }

    pub(crate) fn talker(&self) -> Option<&ClientId> {
        match &self.phase {
            Phase::Watched | Phase::Ringing { .. } => None,
            Phase::Active { talker, .. } => Some(talker),
        }
    }

    pub(crate) fn is_connected(&self, client: &ClientId) -> bool {
        self.peers.get(client).is_some_and(|peer| peer.link == Link::Connected)
    }

    pub(crate) fn rings_somebody(&self) -> bool {
        self.peers.values().any(|peer| peer.rung.is_some())
    }

    /// How a client is rung that `button` rings; `None` when it does not ring now.
    pub(crate) fn ring(&self, button: Option<&ButtonId>, now: Instant) -> Option<Ring> {
        match (&self.phase, button) {
            (Phase::Ringing { until }, Some(button)) if *until > now => {
                Some(Ring { button: button.clone(), timeout: until.saturating_duration_since(now) })
            }
            (Phase::Watched | Phase::Active { .. } | Phase::Ringing { .. }, _) => None,
        }
    }

    pub(crate) fn lose(&mut self, client: &ClientId, back_by: Option<Instant>) {
        if let Some(peer) = self.peers.get_mut(client) {
            peer.link = Link::Lost { back_by };
        }
    }

    pub(crate) fn invite(&mut self, client: &ClientId, connect_by: Option<Instant>) {
        if let Some(peer) = self.peers.get_mut(client) {
            peer.invite(connect_by);
        }
    }

    pub(crate) fn remember_declined(&mut self, client: &ClientId) {
        if self.declined.len() < MOST_DECLINED {
            self.declined.insert(client.clone());
        }
    }

    /// Takes a client out of the call: tells it, where there is something to tell, and closes its peer.
    pub(crate) fn drop_peer(&mut self, client: &ClientId, told: Option<EndReason>, out: &mut VecDeque<Action>) {
        let Some(peer) = self.peers.remove(client) else {
            return;
        };
        if let Some(reason) = told {
            out.push_back(Action::Ended { client: client.clone(), call: self.id, reason });
        }
        if peer.link.has_peer() {
            out.push_back(Action::ClosePeer { client: client.clone(), call: self.id });
        }
    }

    /// How many clients have a picture, or are about to.
    pub(crate) fn places_taken(&self) -> usize {
        self.peers.values().filter(|peer| peer.link != Link::Waiting).count()
    }

    /// Makes a place for somebody who is to be rung, where somebody only watches.
    pub(crate) fn drop_a_watcher(&mut self, out: &mut VecDeque<Action>) -> bool {
        let watcher = self.peers.iter().find(|(_, peer)| peer.rung.is_none()).map(|(client, _)| client.clone());
        let Some(watcher) = watcher else { return false };
        self.drop_peer(&watcher, Some(EndReason::Busy), out);
        true
    }

    /// When this client's part ends by itself, and why.
    pub(crate) fn peer_due(&self, peer: &Peer) -> Option<(Instant, EndReason)> {
        let connect = match peer.link {
            Link::Invited { connect_by: by } | Link::Lost { back_by: by } => by.map(|by| (by, peer.loss())),
            Link::Connected | Link::Waiting => None,
        };
        let watch = match self.phase {
            Phase::Watched => Some((peer.watch_until, EndReason::MaxDuration)),
            Phase::Ringing { .. } | Phase::Active { .. } => None,
        };
        [connect, watch].into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// When the whole call ends by itself, and why.
    pub(crate) fn due(&self, nobody_timeout: Duration) -> Option<(Instant, EndReason)> {
        match self.phase {
            Phase::Watched => None,
            Phase::Ringing { until } => {
                let nobody = self.nobody_since.map(|since| since + nobody_timeout);
                // Who accepted in time is not cut off while it connects.
                let answered = self.peers.values().filter_map(Peer::answer_by).max();
                let until = answered.map_or(until, |by| by.max(until));
                Some((nobody.map_or(until, |due| due.min(until)), EndReason::RingTimeout))
            }
            Phase::Active { until, .. } => Some((until, EndReason::MaxDuration)),
        }
    }

    /// The call log's last line of this call.
    pub(crate) fn closing_record(&self, reason: EndReason, now: Instant) -> Record {
        let since = |start: Instant| now.saturating_duration_since(start);
        match (self.buttons.first(), self.rang_since, self.answered) {
            (Some(button), Some(rang_since), None) if reason != EndReason::Declined => Record::Missed {
                call: self.id,
                button: button.clone(),
                reason,
                rang: since(rang_since),
                receipts: self.receipts,
            },
            (_, _, answered) => {
                Record::Ended { call: self.id, reason, lasted: since(self.started), talked: answered.map(since) }
            }
        }
    }
}
