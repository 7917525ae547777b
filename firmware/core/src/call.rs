//! The call of one station with many clients: who is rung, who sees, who talks, when it is over.
//!
//! ```text
//! Idle ──watch──▶ Watched ──press──▶ Ringing ──accept──▶ Active
//!  └───────────────press────────────▶   ▲ a further press acknowledges and rings nobody twice
//!                     └────────────────accept────────────▲
//! ```
//! Every phase has a deadline and returns to idle: watchers by their limit, ringing by its timeout or soon after nobody
//! is left to ring, talking by the longest duration, the loss of the talker, or either end hanging up.

mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use self::state::{Call, Link, Peer, Phase};
use crate::ids::{ButtonId, CallId, ClientId};
use crate::indicator::{Moment, chime};
use crate::messages::{Action, Activity, EndReason, Record};
use crate::settings::{CallSettings, RingGroup};

/// The most clients that are remembered; further ones are not rung. A companion that names more is not to be trusted
/// with the station's memory.
const MOST_CLIENTS: usize = 256;

/// The station's side of all calls, one at a time.
#[derive(Debug)]
pub(crate) struct CallMachine {
    settings: CallSettings,
    groups: BTreeMap<ButtonId, RingGroup>,
    next: CallId,
    here: BTreeMap<ClientId, Arc<str>>,
    call: Option<Call>,
    closing: bool,
}

impl CallMachine {
    pub(crate) fn new(settings: CallSettings, groups: BTreeMap<ButtonId, RingGroup>, first: CallId) -> Self {
        Self { settings, groups, next: first, here: BTreeMap::new(), call: None, closing: false }
    }

    pub(crate) fn activity(&self) -> Activity {
        self.call.as_ref().map_or(Activity::Idle, Call::activity)
    }

    pub(crate) fn id(&self) -> Option<CallId> {
        self.call.as_ref().map(|call| call.id)
    }

    pub(crate) fn talker(&self) -> Option<&ClientId> {
        self.call.as_ref().and_then(Call::talker)
    }

    /// Everybody who has a part in the call, and whether media flows.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (&ClientId, bool)> {
        self.call.iter().flat_map(|call| &call.peers).map(|(client, peer)| (client, peer.link == Link::Connected))
    }

    /// Whether the one who talks is connected.
    pub(crate) fn is_talking(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.talker().is_some_and(|talker| call.is_connected(talker)))
    }

    /// Whether this client may open doors now: it talks with the visitor, over media that are up.
    pub(crate) fn may_unlock(&self, client: &ClientId, id: CallId) -> bool {
        self.id() == Some(id) && self.talker() == Some(client) && self.is_talking()
    }

    pub(crate) fn handle_press(&mut self, button: &ButtonId, now: Instant, out: &mut VecDeque<Action>) {
        if self.closing || !self.groups.contains_key(button) {
            return;
        }
        let Some(call) = &mut self.call else {
            self.begin(Some(button), now, out);
            return self.start_ringing(button, now, out);
        };
        match &call.phase {
            Phase::Watched => {
                out.push_back(Action::Record(Record::Pressed { call: call.id, button: button.clone() }));
                self.start_ringing(button, now, out);
            }
            Phase::Ringing { .. } => {
                out.extend(chime(Moment::PressedAgain).map(Action::Chime));
                if !call.buttons.contains(button) {
                    // The visitor corrects a choice, or tries the neighbours: whom the other button rings, rings too.
                    call.buttons.push(button.clone());
                    out.push_back(Action::Record(Record::Pressed { call: call.id, button: button.clone() }));
                    self.ring_missing(now, out);
                }
            }
            Phase::Active { talker, .. } => {
                out.push_back(Action::PressedAgain { client: talker.clone(), call: call.id });
            }
        }
    }

    pub(crate) fn handle_exit(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        self.end(EndReason::HungUp, now, out);
    }

    pub(crate) fn handle_here(&mut self, client: ClientId, name: Arc<str>, now: Instant, out: &mut VecDeque<Action>) {
        if self.here.len() >= MOST_CLIENTS && !self.here.contains_key(&client) {
            return;
        }
        self.here.insert(client.clone(), name);
        // A known client is here over a new connection: what was sent over the old one may be lost.
        match self.call.as_ref().and_then(|call| call.peers.get(&client)).map(|peer| peer.link) {
            None | Some(Link::Connected) => {}
            Some(Link::Invited { connect_by }) => {
                if let Some(call) = &self.call {
                    out.push_back(Action::ClosePeer { client: client.clone(), call: call.id });
                }
                self.offer_again(&client, connect_by, now, out);
            }
            Some(Link::Lost { back_by }) => self.offer_again(&client, back_by, now, out),
            Some(Link::Waiting) => {
                if let Some(call) = &self.call {
                    let ring = call.ring(call.peers.get(&client).and_then(|peer| peer.rung.as_ref()), now);
                    out.extend(ring.map(|ring| Action::Ring { client: client.clone(), call: call.id, ring }));
                }
            }
        }
        self.ring_missing(now, out);
    }

    pub(crate) fn handle_gone(&mut self, client: &ClientId, now: Instant, out: &mut VecDeque<Action>) {
        self.here.remove(client);
        let Some(call) = &mut self.call else { return };
        match call.peers.get(client).map(|peer| peer.link) {
            // The companion may be restarting; while media flow, only they tell of the client's end.
            None | Some(Link::Connected) => {}
            Some(Link::Invited { .. } | Link::Lost { .. } | Link::Waiting) => {
                call.drop_peer(client, None, out);
                self.after_loss(EndReason::ConnectionLost, now, out);
            }
        }
    }

    pub(crate) fn handle_companion_lost(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        // All at once: a place that becomes free must not ring somebody who is about to be gone, too.
        for client in std::mem::take(&mut self.here).into_keys() {
            self.handle_gone(&client, now, out);
        }
    }

    pub(crate) fn handle_rang(&mut self, client: &ClientId, id: CallId) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        let Some(peer) = call.peers.get_mut(client).filter(|peer| peer.rung.is_some()) else {
            return;
        };
        if !std::mem::replace(&mut peer.receipt, true) {
            call.receipts += 1;
        }
    }

    pub(crate) fn handle_watch(&mut self, client: ClientId, now: Instant, out: &mut VecDeque<Action>) {
        if self.closing {
            return out.push_back(Action::Refuse { client, reason: EndReason::StationClosing });
        }
        if !self.here.contains_key(&client) {
            return;
        }
        let Some(call) = &self.call else {
            self.begin(None, now, out);
            return self.invite(client, None, now, out);
        };
        if let Some(peer) = call.peers.get(&client) {
            return match peer.link {
                // It has an offer or the picture, or is the next to get one.
                Link::Invited { .. } | Link::Connected | Link::Waiting => {}
                Link::Lost { back_by } => self.offer_again(&client, back_by, now, out),
            };
        }
        let full = call.places_taken() >= self.settings.max_peers;
        if full || call.talker().is_some() {
            return out.push_back(Action::Refuse { client, reason: EndReason::Busy });
        }
        self.invite(client, None, now, out);
    }

    pub(crate) fn handle_accept(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        let Some(link) = call.peers.get(client).map(|peer| peer.link) else {
            return;
        };
        match call.phase {
            Phase::Watched | Phase::Ringing { .. } => {}
            Phase::Active { .. } => {
                // The talker says it again when it heard no answer: the first one may be lost.
                if call.talker() == Some(client) {
                    out.push_back(Action::Accepted { client: client.clone(), call: id });
                }
                return;
            }
        }
        let since = call.rang_since.unwrap_or(call.started);
        call.answered = Some(now);
        call.phase = Phase::Active { talker: client.clone(), until: now + self.settings.max_duration };
        out.push_back(Action::Accepted { client: client.clone(), call: id });
        let connect_by = Some(now + self.settings.connect_timeout);
        if link == Link::Connected {
            out.push_back(Action::AudioOn { client: client.clone(), call: id });
        }
        let others: Vec<ClientId> = call.peers.keys().filter(|other| *other != client).cloned().collect();
        for other in others {
            call.drop_peer(&other, Some(EndReason::AnsweredElsewhere), out);
        }
        match link {
            Link::Connected => {}
            Link::Invited { .. } => call.set_link(client, Link::Invited { connect_by }),
            Link::Lost { .. } | Link::Waiting => self.offer_again(client, connect_by, now, out),
        }
        out.extend(chime(Moment::Answered).map(Action::Chime));
        let after = now.saturating_duration_since(since);
        out.push_back(Action::Record(Record::Answered { call: id, client: client.clone(), after }));
    }

    pub(crate) fn handle_reconnect(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_ref().filter(|call| call.id == id) else {
            return;
        };
        let Some(peer) = call.peers.get(client).filter(|_| self.here.contains_key(client)) else {
            return;
        };
        let connect_by = match peer.link {
            // Who is rung has until it answers.
            Link::Connected if matches!(call.phase, Phase::Ringing { .. }) && peer.rung.is_some() => None,
            Link::Connected => Some(now + self.settings.connect_timeout),
            // Asking again and again does not put the deadline off.
            Link::Invited { connect_by } => connect_by,
            Link::Lost { back_by } => back_by,
            Link::Waiting => return,
        };
        if peer.link.has_peer() {
            if call.talker() == Some(client) {
                self.audio_off(out);
            }
            out.push_back(Action::ClosePeer { client: client.clone(), call: id });
        }
        if let Some(call) = &mut self.call {
            call.set_link(client, Link::Invited { connect_by });
        }
        out.push_back(Action::Invite { client: client.clone(), call: id, ring: None });
    }

    pub(crate) fn handle_decline(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        self.leave(client, id, EndReason::Declined, now, out);
    }

    pub(crate) fn handle_hang_up(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        self.leave(client, id, EndReason::HungUp, now, out);
    }

    pub(crate) fn handle_malformed(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        if !call.peers.contains_key(client) {
            return;
        }
        self.audio_off(out);
        if let Some(call) = &mut self.call {
            // It is not rung again in this call: it would send the same once more.
            call.remember_declined(client);
            call.drop_peer(client, Some(EndReason::Malformed), out);
        }
        self.after_loss(EndReason::Malformed, now, out);
    }

    pub(crate) fn handle_connected(&mut self, client: &ClientId, id: CallId, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        match call.peers.get(client).map(|peer| peer.link) {
            None | Some(Link::Connected | Link::Lost { .. } | Link::Waiting) => {}
            Some(Link::Invited { .. }) => {
                call.set_link(client, Link::Connected);
                if call.talker() == Some(client) {
                    out.push_back(Action::AudioOn { client: client.clone(), call: id });
                }
            }
        }
    }

    pub(crate) fn handle_lost(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        let Some(peer) = call.peers.get(client).filter(|peer| peer.link.has_peer()) else {
            return;
        };
        let rings = matches!(call.phase, Phase::Ringing { .. }) && peer.rung.is_some();
        let back_by = match peer.link {
            _ if rings => None,
            // Its time to connect runs on.
            Link::Invited { connect_by } => connect_by,
            Link::Connected | Link::Lost { .. } | Link::Waiting => Some(now + self.settings.reconnect_timeout),
        };
        if call.talker() == Some(client) {
            self.audio_off(out);
        }
        let Some(call) = &mut self.call else { return };
        if self.here.contains_key(client) {
            call.set_link(client, Link::Lost { back_by });
            return out.push_back(Action::ClosePeer { client: client.clone(), call: id });
        }
        call.drop_peer(client, Some(EndReason::ConnectionLost), out);
        self.after_loss(EndReason::ConnectionLost, now, out);
    }

    pub(crate) fn handle_shutdown(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        self.closing = true;
        self.end(EndReason::StationClosing, now, out);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        let due = call.due(self.settings.nobody_timeout).filter(|(due, _)| *due <= now);
        if let Some((_, reason)) = due {
            return self.end(reason, now, out);
        }
        let due_peer = |call: &Call| {
            call.peers.iter().find_map(|(client, peer)| {
                let (_, reason) = call.peer_due(peer).filter(|(due, _)| *due <= now)?;
                Some((client.clone(), reason))
            })
        };
        while let Some((client, reason)) = self.call.as_ref().and_then(due_peer) {
            if let Some(call) = &mut self.call {
                call.drop_peer(&client, Some(reason), out);
            }
            self.after_loss(reason, now, out);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let call = self.call.as_ref()?;
        let (whole, peer) = match call.phase {
            Phase::Watched => ("call: watched", "call: a watcher's limit"),
            Phase::Ringing { .. } => ("call: ringing", "call: a watcher connects"),
            Phase::Active { .. } => ("call: longest duration", "call: the talker connects"),
        };
        let whole = call.due(self.settings.nobody_timeout).map(|(due, _)| (due, whole));
        let peers = call.peers.values().filter_map(|p| call.peer_due(p)).map(|(due, _)| (due, peer));
        whole.into_iter().chain(peers).min_by_key(|(due, _)| *due)
    }

    fn begin(&mut self, button: Option<&ButtonId>, now: Instant, out: &mut VecDeque<Action>) {
        let id = self.next;
        self.next = id.next();
        self.call = Some(Call {
            id,
            phase: Phase::Watched,
            started: now,
            buttons: Vec::new(),
            rang_since: None,
            answered: None,
            receipts: 0,
            peers: BTreeMap::new(),
            declined: BTreeSet::new(),
            nobody_since: None,
        });
        out.push_back(Action::Record(Record::Started { call: id, button: button.cloned() }));
    }

    fn start_ringing(&mut self, button: &ButtonId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        call.phase = Phase::Ringing { until: now + self.settings.ring_timeout };
        call.rang_since = Some(now);
        call.buttons.push(button.clone());
        self.ring_missing(now, out);
        out.extend(chime(Moment::RingStarted).map(Action::Chime));
    }

    /// Rings everybody who is to be rung and is not yet: those who have an offer, then those who need one. Who finds no
    /// place is rung without a picture.
    fn ring_missing(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| matches!(call.phase, Phase::Ringing { .. })) else {
            return;
        };
        let mut uninvited = Vec::new();
        for (client, name) in &self.here {
            if call.declined.contains(client) {
                continue;
            }
            let pressed = |button: &&ButtonId| self.groups.get(*button).is_some_and(|group| group.rings(name));
            let Some(button) = call.buttons.iter().find(pressed).cloned() else {
                continue;
            };
            let Some(ring) = call.ring(Some(&button), now) else { return };
            let Some(peer) = call.peers.get_mut(client) else {
                uninvited.push((client.clone(), button));
                continue;
            };
            if peer.rung.is_some() {
                continue;
            }
            peer.rung = Some(button);
            let (client, id, link) = (client.clone(), call.id, peer.link);
            if matches!(link, Link::Invited { .. } | Link::Lost { .. }) {
                peer.link = Link::Invited { connect_by: None };
            }
            out.push_back(match link {
                Link::Lost { .. } => Action::Invite { client, call: id, ring: Some(ring) },
                Link::Invited { .. } | Link::Connected | Link::Waiting => Action::Ring { client, call: id, ring },
            });
        }
        self.offer_free_places(out);
        for (client, button) in uninvited {
            let Some(call) = &mut self.call else { return };
            if call.places_taken() < self.settings.max_peers || call.drop_a_watcher(out) {
                self.invite(client, Some(button), now, out);
            } else {
                self.ring_without_offer(client, button, now, out);
            }
        }
        if let Some(call) = &mut self.call {
            call.nobody_since = if call.rings_somebody() { None } else { call.nobody_since.or(Some(now)) };
        }
    }

    /// Who was rung without a picture gets one as soon as somebody else has left.
    fn offer_free_places(&mut self, out: &mut VecDeque<Action>) {
        while let Some(call) = self.call.as_mut().filter(|call| call.places_taken() < self.settings.max_peers) {
            let waits = |client: &ClientId, peer: &Peer| peer.link == Link::Waiting && self.here.contains_key(client);
            let Some((client, peer)) = call.peers.iter_mut().find(|(client, peer)| waits(client, peer)) else {
                return;
            };
            peer.link = Link::Invited { connect_by: None };
            out.push_back(Action::Invite { client: client.clone(), call: call.id, ring: None });
        }
    }

    fn ring_without_offer(&mut self, client: ClientId, rung: ButtonId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        let Some(ring) = call.ring(Some(&rung), now) else { return };
        let watch_until = now + self.settings.watch_limit;
        let peer = Peer { link: Link::Waiting, rung: Some(rung), receipt: false, watch_until };
        call.peers.insert(client.clone(), peer);
        out.push_back(Action::Ring { client, call: call.id, ring });
    }

    fn invite(&mut self, client: ClientId, rung: Option<ButtonId>, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        let ring = call.ring(rung.as_ref(), now);
        let connect_by = rung.is_none().then(|| now + self.settings.connect_timeout);
        let link = Link::Invited { connect_by };
        let watch_until = now + self.settings.watch_limit;
        call.peers.insert(client.clone(), Peer { link, rung, receipt: false, watch_until });
        out.push_back(Action::Invite { client, call: call.id, ring });
    }

    /// Sends a client without a peer a new offer; it is rung with it if it rings still.
    fn offer_again(
        &mut self,
        client: &ClientId,
        connect_by: Option<Instant>,
        now: Instant,
        out: &mut VecDeque<Action>,
    ) {
        let Some(call) = &mut self.call else { return };
        let ring = call.ring(call.peers.get(client).and_then(|peer| peer.rung.as_ref()), now);
        call.set_link(client, Link::Invited { connect_by });
        out.push_back(Action::Invite { client: client.clone(), call: call.id, ring });
    }

    /// A client wants no part, or no more part, in the call.
    fn leave(&mut self, client: &ClientId, id: CallId, told: EndReason, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        let Some(peer) = call.peers.get(client) else {
            return;
        };
        match call.phase {
            Phase::Watched => {
                call.drop_peer(client, Some(told), out);
                self.after_loss(EndReason::HungUp, now, out);
            }
            Phase::Ringing { .. } => {
                let was_rung = peer.rung.is_some();
                call.remember_declined(client);
                call.drop_peer(client, Some(told), out);
                self.ring_missing(now, out);
                if was_rung && self.call.as_ref().is_some_and(|call| !call.rings_somebody()) {
                    self.end(EndReason::Declined, now, out);
                }
            }
            Phase::Active { .. } => self.end(EndReason::HungUp, now, out),
        }
    }

    /// A client is out of the call without having declined: what becomes of the rest.
    fn after_loss(&mut self, reason: EndReason, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &self.call else { return };
        match call.phase {
            Phase::Watched | Phase::Active { .. } if call.peers.is_empty() => self.end(reason, now, out),
            Phase::Watched | Phase::Active { .. } => {}
            Phase::Ringing { .. } => self.ring_missing(now, out),
        }
    }

    fn audio_off(&mut self, out: &mut VecDeque<Action>) {
        if let (true, Some(call), Some(talker)) = (self.is_talking(), self.id(), self.talker()) {
            out.push_back(Action::AudioOff { client: talker.clone(), call });
        }
    }

    fn end(&mut self, reason: EndReason, now: Instant, out: &mut VecDeque<Action>) {
        self.audio_off(out);
        let Some(mut call) = self.call.take() else {
            return;
        };
        let clients: Vec<ClientId> = call.peers.keys().cloned().collect();
        for client in clients {
            call.drop_peer(&client, Some(reason), out);
        }
        out.extend(chime(Moment::Over { was: call.activity(), reason }).map(Action::Chime));
        out.push_back(Action::Record(call.closing_record(reason, now)));
    }
}
