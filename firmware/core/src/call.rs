//! The call of one station with many clients: who is rung, who sees, who talks, when it is over.
//!
//! ```text
//! Idle ──watch──▶ Watched ──press──▶ Ringing ──accept, and media up──▶ Active
//!  └───────────────press────────────▶   ▲ a further press acknowledges and rings nobody twice
//!                     └────────────────accept, and media up────────────▲
//! ```
//! An accept alone takes the call from nobody: until the media of the one who accepted are up, the others ring on, and who
//! is first with both talks. A press rings the household whatever is on, unless somebody who was rung talks with the
//! visitor already.
//!
//! Every phase has a deadline and returns to idle: watchers by their limit, ringing by its timeout or soon after nobody
//! is left to ring, talking by the longest duration, the loss of the talker, or either end hanging up.

mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use self::state::{Call, Link, Peer, Phase};
use crate::ids::{ButtonId, CallId, ClientId};
use crate::indicator::{Moment, chime};
use crate::messages::{Action, Activity, EndReason, Fault, OpenedIn, Record, UnlockRefusal};
use crate::settings::{CallSettings, RingGroup};

/// The station's side of all calls, one at a time.
#[derive(Debug)]
pub(crate) struct CallMachine {
    settings: CallSettings,
    groups: BTreeMap<ButtonId, RingGroup>,
    next: CallId,
    here: BTreeMap<ClientId, Arc<str>>,
    /// The companion named more clients than are remembered.
    overfull: bool,
    call: Option<Call>,
    closing: bool,
}

impl CallMachine {
    pub(crate) fn new(settings: CallSettings, groups: BTreeMap<ButtonId, RingGroup>, first: CallId) -> Self {
        Self { settings, groups, next: first, here: BTreeMap::new(), overfull: false, call: None, closing: false }
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

    /// Whether somebody sees the visitor.
    pub(crate) fn is_seen(&self) -> bool {
        self.peers().any(|(_, connected)| connected)
    }

    /// Whether the companion named more clients than are rung.
    pub(crate) fn is_overfull(&self) -> bool {
        self.overfull
    }

    /// In what kind of call this client may open doors now, and its name: it talks with the visitor, over media that
    /// are up.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn opener(&self, client: &ClientId, id: CallId) -> Result<(OpenedIn, Arc<str>), UnlockRefusal> {
        let call = self.call.as_ref().filter(|call| call.id == id && call.talker() == Some(client));
        let peer = call.and_then(|call| call.peers.get(client)).filter(|peer| peer.link == Link::Connected);
        let (Some(call), Some(peer)) = (call, peer) else {
            return Err(UnlockRefusal::NotInCall);
        };
        let opened_in = if call.rang_since.is_some() { OpenedIn::RungCall } else { OpenedIn::CallWithoutRing };
        Ok((opened_in, Arc::clone(&peer.name)))
    }

    /// Whether a ring begins with it: a further press acknowledges one that is on.
    pub(crate) fn handle_press(&mut self, button: &ButtonId, now: Instant, out: &mut VecDeque<Action>) -> bool {
        if self.closing || !self.groups.contains_key(button) {
            return false;
        }
        let Some(call) = &mut self.call else {
            self.begin(Some(button), now, out);
            self.start_ringing(button, now, out);
            return true;
        };
        let kept_by = match &call.phase {
            Phase::Watched => {
                out.push_back(Action::Record(Record::Pressed { call: call.id, button: button.clone() }));
                self.start_ringing(button, now, out);
                return true;
            }
            Phase::Ringing { until } if now < *until => {
                out.extend(chime(Moment::PressedAgain).map(Action::Chime));
                if !call.buttons.contains(button) {
                    // The visitor corrects a choice, or tries the neighbours: whom the other button rings, rings too.
                    call.buttons.push(button.clone());
                    out.push_back(Action::Record(Record::Pressed { call: call.id, button: button.clone() }));
                    self.ring_missing(now, out);
                }
                return false;
            }
            // It rang out, and somebody who accepted has a little time left to connect.
            Phase::Ringing { .. } => EndReason::RingTimeout,
            Phase::Active { talker, .. } => {
                let talker = talker.clone();
                let is_connected = call.is_connected(&talker);
                if call.rang_since.is_some() && is_connected {
                    out.push_back(Action::PressedAgain { client: talker, call: call.id });
                    return false;
                }
                // Somebody talks whom nobody had called to the door, or who is cut off.
                if is_connected { EndReason::HungUp } else { EndReason::ConnectionLost }
            }
        };
        // None of these keeps a press from the household.
        self.end(kept_by, now, out);
        self.begin(Some(button), now, out);
        self.start_ringing(button, now, out);
        true
    }

    pub(crate) fn handle_exit(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        self.end(EndReason::HungUp, now, out);
    }

    pub(crate) fn handle_here(&mut self, client: ClientId, name: Arc<str>, now: Instant, out: &mut VecDeque<Action>) {
        if self.here.len() >= self.settings.max_clients && !self.here.contains_key(&client) {
            return self.set_overfull(true, out);
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
        if self.here.remove(client).is_some() {
            self.set_overfull(false, out);
        }
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
        self.set_overfull(false, out);
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
        if matches!(call.phase, Phase::Active { .. }) {
            // The talker says it again when it heard no answer: the first one may be lost.
            if call.talker() == Some(client) {
                out.push_back(Action::Accepted { client: client.clone(), call: id });
            }
            return;
        }
        let Some(peer) = call.peers.get_mut(client) else {
            return;
        };
        if std::mem::replace(&mut peer.accepted, true) {
            // Saying it again and again does not put its deadline off.
            return;
        }
        let connect_by = Some(now + self.settings.connect_timeout);
        match peer.link {
            Link::Connected => self.answer(client, now, out),
            Link::Invited { connect_by: by } => peer.link = Link::Invited { connect_by: by.or(connect_by) },
            Link::Lost { back_by } => self.offer_again(client, back_by.or(connect_by), now, out),
            Link::Waiting => self.offer_free_places(now, out),
        }
    }

    /// Who accepted, and whose media are up, talks; the others are told.
    fn answer(&mut self, client: &ClientId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        let id = call.id;
        let since = call.rang_since.unwrap_or(call.started);
        call.answered = Some(now);
        call.phase = Phase::Active { talker: client.clone(), until: now + self.settings.max_duration };
        out.push_back(Action::Accepted { client: client.clone(), call: id });
        out.push_back(Action::AudioOn { client: client.clone(), call: id });
        let others: Vec<ClientId> = call.peers.keys().filter(|other| *other != client).cloned().collect();
        for other in others {
            call.drop_peer(&other, Some(EndReason::AnsweredElsewhere), out);
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
            call.invite(client, connect_by);
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

    pub(crate) fn handle_connected(&mut self, client: &ClientId, id: CallId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        let Some(peer) = call.peers.get_mut(client) else {
            return;
        };
        match peer.link {
            Link::Connected | Link::Lost { .. } | Link::Waiting => return,
            Link::Invited { .. } => peer.link = Link::Connected,
        }
        let accepted = peer.accepted;
        match call.talker() {
            Some(talker) if talker == client => {
                out.push_back(Action::AudioOn { client: client.clone(), call: id });
            }
            None if accepted => self.answer(client, now, out),
            Some(_) | None => {}
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
            _ if rings && !peer.accepted => None,
            // Its time to connect runs on.
            Link::Invited { connect_by } => connect_by,
            Link::Connected | Link::Lost { .. } | Link::Waiting => Some(now + self.settings.reconnect_timeout),
        };
        if call.talker() == Some(client) {
            self.audio_off(out);
        }
        let Some(call) = &mut self.call else { return };
        if self.here.contains_key(client) {
            call.lose(client, back_by);
            return out.push_back(Action::ClosePeer { client: client.clone(), call: id });
        }
        let reason = call.peers.get(client).map_or(EndReason::ConnectionLost, Peer::loss);
        call.drop_peer(client, Some(reason), out);
        self.after_loss(reason, now, out);
    }

    /// Who is rung and has not accepted rings on without a picture: that somebody is at the door is worth knowing. For
    /// everybody else it is over.
    pub(crate) fn handle_handshake_failed(
        &mut self,
        client: &ClientId,
        id: CallId,
        now: Instant,
        out: &mut VecDeque<Action>,
    ) {
        let present = self.call.as_mut().filter(|call| call.id == id).and_then(|call| call.peers.get_mut(client));
        let Some(peer) = present.filter(|peer| peer.link.has_peer()) else { return };
        peer.unsecured = true;
        self.handle_lost(client, id, now, out);
        let left = self.call.as_mut().and_then(|call| call.peers.get_mut(client));
        if let Some(peer) = left
            && let Link::Lost { back_by: Some(back_by) } = &mut peer.link
        {
            *back_by = now;
            self.handle_timeout(now, out);
        }
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
                if call.peers.get(&client).is_some_and(|peer| peer.accepted) {
                    // It is not rung again in this call: it had its turn.
                    call.remember_declined(&client);
                }
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
            let Some(ring) = call.ring(Some(&button), now) else { break };
            let Some(peer) = call.peers.get_mut(client) else {
                uninvited.push((client.clone(), button));
                continue;
            };
            if peer.rung.is_some() {
                continue;
            }
            peer.rung = Some(button);
            let (client, id, link) = (client.clone(), call.id, peer.link);
            if let Link::Invited { connect_by: by } | Link::Lost { back_by: by } = link {
                peer.invite(by.filter(|_| peer.accepted));
            }
            out.push_back(match link {
                Link::Lost { .. } => Action::Invite { client, call: id, ring: Some(ring) },
                Link::Invited { .. } | Link::Connected | Link::Waiting => Action::Ring { client, call: id, ring },
            });
        }
        self.offer_free_places(now, out);
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

    /// Who was rung without a picture gets one as soon as somebody else has left. Whoever accepts needs one to talk: there
    /// are as many places again for them, so that those who hold one keep nobody from answering.
    fn offer_free_places(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        let Self { call: Some(call), here, settings, .. } = self else { return };
        loop {
            let taken = call.places_taken();
            let fits = |peer: &Peer| taken < if peer.accepted { 2 * settings.max_peers } else { settings.max_peers };
            let waits =
                |client: &ClientId, peer: &Peer| peer.link == Link::Waiting && here.contains_key(client) && fits(peer);
            let next = call.peers.iter_mut().filter(|(client, peer)| waits(client, peer));
            let Some((client, peer)) = next.min_by_key(|(_, peer)| !peer.accepted) else { return };
            peer.invite(peer.accepted.then(|| now + settings.connect_timeout));
            out.push_back(Action::Invite { client: client.clone(), call: call.id, ring: None });
        }
    }

    fn ring_without_offer(&mut self, client: ClientId, rung: ButtonId, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        let Some(ring) = call.ring(Some(&rung), now) else { return };
        let peer = new_peer(&self.here, &self.settings, &client, Link::Waiting, Some(rung), now);
        call.peers.insert(client.clone(), peer);
        out.push_back(Action::Ring { client, call: call.id, ring });
    }

    fn invite(&mut self, client: ClientId, rung: Option<ButtonId>, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &mut self.call else { return };
        let ring = call.ring(rung.as_ref(), now);
        let connect_by = rung.is_none().then(|| now + self.settings.connect_timeout);
        let peer = new_peer(&self.here, &self.settings, &client, Link::Invited { connect_by }, rung, now);
        call.peers.insert(client.clone(), peer);
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
        call.invite(client, connect_by);
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

    fn set_overfull(&mut self, overfull: bool, out: &mut VecDeque<Action>) {
        if std::mem::replace(&mut self.overfull, overfull) != overfull {
            out.push_back(Action::Fault { fault: Fault::TooManyClients, present: overfull });
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

fn new_peer(
    here: &BTreeMap<ClientId, Arc<str>>,
    settings: &CallSettings,
    client: &ClientId,
    link: Link,
    rung: Option<ButtonId>,
    now: Instant,
) -> Peer {
    let name = here.get(client).map_or_else(|| "".into(), Arc::clone);
    Peer {
        link,
        name,
        rung,
        accepted: false,
        unsecured: false,
        receipt: false,
        watch_until: now + settings.watch_limit,
    }
}
