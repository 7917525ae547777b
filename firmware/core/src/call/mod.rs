//! The call of one station with many clients: who is rung, who sees, who talks, when it is over.
//!
//! ```text
//! Idle ──watch──▶ Watched ──press──▶ Ringing ──accept, and media up──▶ Active
//!  └───────────────press────────────▶   ▲ a further press acknowledges and rings nobody twice
//!                     └────────────────accept, and media up────────────▲
//! ```
//! An accept alone takes the call from nobody: until the media of the one who accepted are up, the others ring on, and who
//! is first with both talks. Others join as far as the settings let more than one talk. A press rings the household whatever
//! is on, unless somebody who was rung talks with the visitor already.
//!
//! Every phase has a deadline and returns to idle: watchers by their limit, ringing by its timeout or soon after nobody
//! is left to ring, talking by the longest duration, the loss of all who talk, or the last of them or the visitor hanging up.

mod participant;
mod ring_plan;
mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use self::participant::{MediaState, Participant};
use self::ring_plan::RingPlan;
use self::state::{Call, Phase};
use crate::access::Talks;
use crate::ids::{ButtonId, CallId, ClientId, Leg};
use crate::indicator::{Moment, chime};
use crate::messages::{Action, Activity, EndReason, Fault, Record};
use crate::settings::{CallSettings, RingGroup};

/// The station's side of all calls, one at a time.
#[derive(Debug)]
pub(crate) struct CallMachine {
    settings: CallSettings,
    plan: RingPlan,
    next: CallId,
    here: BTreeMap<ClientId, Arc<str>>,
    /// The companion named more clients than are remembered.
    overfull: bool,
    call: Option<Call>,
    closing: bool,
    /// What the shell was told last of camera and sound.
    video: bool,
    sound: bool,
}

impl CallMachine {
    pub(crate) fn new(settings: CallSettings, groups: BTreeMap<ButtonId, RingGroup>, first: CallId) -> Self {
        let plan = RingPlan::new(groups);
        Self {
            settings,
            plan,
            next: first,
            here: BTreeMap::new(),
            overfull: false,
            call: None,
            closing: false,
            video: false,
            sound: false,
        }
    }

    pub(crate) fn activity(&self) -> Activity {
        self.call.as_ref().map_or(Activity::Idle, Call::activity)
    }

    pub(crate) fn id(&self) -> Option<CallId> {
        self.call.as_ref().map(|call| call.id)
    }

    /// Whoever talks with the visitor, connected or about to be again.
    pub(crate) fn talkers(&self) -> impl Iterator<Item = &ClientId> {
        self.call.iter().flat_map(Call::talkers)
    }

    /// Everybody who has a part in the call, and whether media flows.
    pub(crate) fn participants(&self) -> impl Iterator<Item = (&ClientId, bool)> {
        let all = self.call.iter().flat_map(|call| &call.participants);
        all.map(|(client, participant)| (client, participant.media == MediaState::Connected))
    }

    /// Whether somebody hears the visitor and is heard.
    pub(crate) fn is_heard(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.heard().next().is_some())
    }

    /// Whether somebody sees the visitor.
    pub(crate) fn is_seen(&self) -> bool {
        self.participants().any(|(_, connected)| connected)
    }

    /// Whether the companion named more clients than are rung.
    pub(crate) fn is_overfull(&self) -> bool {
        self.overfull
    }

    /// This client's part in the talk with the visitor, if it has one, over media that are up.
    pub(crate) fn opener(&self, leg: &Leg) -> Option<Talks> {
        let call = self.call.as_ref().filter(|call| call.id == leg.call)?;
        call.heard().find(|talker| **talker == leg.client)?;
        let participant = call.participants.get(&leg.client)?;
        Some(Talks { name: Arc::clone(&participant.name), was_rung: call.rang_since.is_some() })
    }

    /// Whether a ring begins with it: a further press acknowledges one that is on.
    pub(crate) fn handle_press(&mut self, button: &ButtonId, now: Instant, out: &mut VecDeque<Action>) -> bool {
        if self.closing || !self.plan.is_call_button(button) {
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
                // The visitor waits on, and whoever is not there yet has the whole time again to come back.
                call.nobody_since = call.nobody_since.map(|_| now);
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
            Phase::Active { .. } => {
                let heard: Vec<Leg> = call.heard().map(|talker| call.leg(talker)).collect();
                if call.rang_since.is_some() && !heard.is_empty() {
                    out.extend(heard.into_iter().map(Action::PressedAgain));
                    return false;
                }
                // Somebody talks whom nobody had called to the door, or who is cut off.
                if heard.is_empty() { EndReason::ConnectionLost } else { EndReason::HungUp }
            }
        };
        // None of these keeps a press from the household.
        self.end(kept_by, now, out);
        self.begin(Some(button), now, out);
        self.start_ringing(button, now, out);
        true
    }

    /// The visitor ends the call.
    pub(crate) fn handle_hang_up_button(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        self.end(EndReason::HungUp, now, out);
    }

    pub(crate) fn handle_here(&mut self, client: ClientId, name: Arc<str>, now: Instant, out: &mut VecDeque<Action>) {
        if self.here.len() >= self.settings.max_clients && !self.here.contains_key(&client) {
            return self.set_overfull(true, out);
        }
        self.here.insert(client.clone(), name);
        // A known client is here over a new connection: what was sent over the old one may be lost.
        match self.call.as_ref().and_then(|call| call.participants.get(&client)).map(|known| known.media) {
            None => {}
            Some(MediaState::Invited { connect_by }) => {
                if let Some(call) = &self.call {
                    out.push_back(Action::ClosePeer(call.leg(&client)));
                }
                self.offer_again(&client, connect_by, now, out);
            }
            Some(MediaState::Lost { back_by }) => self.offer_again(&client, back_by, now, out),
            // The ring may be what was lost, though media flow.
            Some(MediaState::Connected | MediaState::Waiting) => {
                if let Some(call) = &self.call {
                    let ring = call.ring(call.participants.get(&client).and_then(|known| known.rung.as_ref()), now);
                    out.extend(ring.map(|ring| Action::Ring { leg: call.leg(&client), ring }));
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
        match call.participants.get(client).map(|known| known.media) {
            // The companion may be restarting; while media flow, only they tell of the client's end.
            None | Some(MediaState::Connected) => {}
            Some(MediaState::Invited { .. } | MediaState::Lost { .. } | MediaState::Waiting) => {
                call.remove(client, None, out);
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

    pub(crate) fn handle_rang(&mut self, leg: Leg, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        let is_rung = call.participants.get(&leg.client).is_some_and(|participant| participant.rung.is_some());
        let Some(rang_since) = call.rang_since.filter(|_| is_rung) else {
            return;
        };
        if call.remember_receipt(&leg.client) {
            let after = now.saturating_duration_since(rang_since);
            out.push_back(Action::Record(Record::Rang { leg, receipts: call.receipts.len(), after }));
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
        if let Some(participant) = call.participants.get(&client) {
            return match participant.media {
                // It has an offer or the picture, or is the next to get one.
                MediaState::Invited { .. } | MediaState::Connected | MediaState::Waiting => {}
                MediaState::Lost { back_by } => self.offer_again(&client, back_by, now, out),
            };
        }
        let may_see = match call.phase {
            Phase::Watched | Phase::Ringing { .. } => true,
            // Nobody looks on while others talk; whoever may join them sees the visitor first.
            Phase::Active { .. } => call.participants.len() < self.settings.max_talkers,
        };
        if !may_see || call.places_taken() >= self.settings.max_peers {
            return out.push_back(Action::Refuse { client, reason: EndReason::Busy });
        }
        self.invite(client, None, now, out);
    }

    pub(crate) fn handle_accept(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        let client = &leg.client;
        if call.is_talker(client) {
            // It says so again when it heard no answer: the first one may be lost.
            return out.push_back(Action::Accepted(leg.clone()));
        }
        let Some(participant) = call.participants.get_mut(client) else {
            return;
        };
        if std::mem::replace(&mut participant.accepted, true) {
            // Saying it again and again does not put its deadline off.
            return;
        }
        let connect_by = Some(now + self.settings.connect_timeout);
        match participant.media {
            MediaState::Connected => self.begin_to_talk(client, now, out),
            MediaState::Invited { connect_by: by } => {
                participant.media = MediaState::Invited { connect_by: by.or(connect_by) };
            }
            MediaState::Lost { back_by } => self.offer_again(client, back_by.or(connect_by), now, out),
            MediaState::Waiting => self.offer_free_places(now, out),
        }
    }

    /// Who accepted, and whose media are up, talks; the others are told once no more may.
    fn begin_to_talk(&mut self, client: &ClientId, now: Instant, out: &mut VecDeque<Action>) {
        let max_talkers = self.settings.max_talkers;
        let Some(call) = self.call.as_mut().filter(|call| call.has_room(max_talkers)) else { return };
        let leg = call.leg(client);
        let is_first = match &mut call.phase {
            Phase::Active { talkers, .. } => {
                talkers.insert(client.clone());
                false
            }
            Phase::Watched | Phase::Ringing { .. } => {
                let until = now + self.settings.max_duration;
                call.phase = Phase::Active { talkers: [client.clone()].into(), until };
                call.answered = Some(now);
                true
            }
        };
        out.push_back(Action::Accepted(leg.clone()));
        if !std::mem::replace(&mut self.sound, true) {
            out.push_back(Action::Sound { on: true });
        }
        out.push_back(Action::AudioOn(leg.clone()));
        let has_room = call.has_room(max_talkers);
        let told = |(other, participant): (&ClientId, &Participant)| {
            // Who accepted as well is about to join.
            let stays = call.is_talker(other) || has_room && participant.accepted;
            (!stays).then(|| other.clone())
        };
        let others: Vec<ClientId> = call.participants.iter().filter_map(told).collect();
        for other in others {
            call.remove(&other, Some(EndReason::AnsweredElsewhere), out);
        }
        if !is_first {
            return out.push_back(Action::Record(Record::Joined { leg }));
        }
        out.extend(chime(Moment::Answered).map(Action::Chime));
        let after = now.saturating_duration_since(call.rang_since.unwrap_or(call.started));
        out.push_back(Action::Record(Record::Answered { leg, after }));
    }

    pub(crate) fn handle_reconnect(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        let client = &leg.client;
        let Some(participant) = call.participants.get(client).filter(|_| self.here.contains_key(client)) else {
            return;
        };
        let connect_by = match participant.media {
            // Who is rung has until it answers.
            MediaState::Connected if matches!(call.phase, Phase::Ringing { .. }) && participant.rung.is_some() => None,
            MediaState::Connected => Some(now + self.settings.connect_timeout),
            // Asking again and again does not put the deadline off.
            MediaState::Invited { connect_by } => connect_by,
            MediaState::Lost { back_by } => back_by,
            MediaState::Waiting => return,
        };
        if participant.media.has_peer() {
            call.audio_off(client, out);
            out.push_back(Action::ClosePeer(leg.clone()));
        }
        call.invite(client, connect_by);
        out.push_back(Action::Invite { leg: leg.clone(), ring: None });
    }

    pub(crate) fn handle_decline(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        self.leave(leg, EndReason::Declined, now, out);
    }

    pub(crate) fn handle_hang_up(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        self.leave(leg, EndReason::HungUp, now, out);
    }

    pub(crate) fn handle_malformed(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        if !call.participants.contains_key(&leg.client) {
            return;
        }
        // It is not rung again in this call: it would send the same once more.
        call.remember_declined(&leg.client);
        call.remove(&leg.client, Some(EndReason::Malformed), out);
        self.after_loss(EndReason::Malformed, now, out);
    }

    pub(crate) fn handle_connected(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        let Some(participant) = call.participants.get_mut(&leg.client) else {
            return;
        };
        match participant.media {
            MediaState::Connected | MediaState::Lost { .. } | MediaState::Waiting => return,
            MediaState::Invited { .. } => participant.media = MediaState::Connected,
        }
        let accepted = participant.accepted;
        if call.is_talker(&leg.client) {
            out.push_back(Action::AudioOn(leg.clone()));
        } else if accepted {
            self.begin_to_talk(&leg.client, now, out);
        }
    }

    pub(crate) fn handle_lost(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        let client = &leg.client;
        let Some(participant) = call.participants.get(client).filter(|known| known.media.has_peer()) else {
            return;
        };
        let rings = matches!(call.phase, Phase::Ringing { .. }) && participant.rung.is_some();
        let back_by = match participant.media {
            _ if rings && !participant.accepted => None,
            // Its time to connect runs on.
            MediaState::Invited { connect_by } => connect_by,
            MediaState::Connected | MediaState::Lost { .. } | MediaState::Waiting => {
                Some(now + self.settings.reconnect_timeout)
            }
        };
        if self.here.contains_key(client) {
            call.audio_off(client, out);
            call.lose(client, back_by);
            return out.push_back(Action::ClosePeer(leg.clone()));
        }
        let reason = participant.loss();
        call.remove(client, Some(reason), out);
        self.after_loss(reason, now, out);
    }

    /// Who is rung and has not accepted rings on without a picture: that somebody is at the door is worth knowing. For
    /// everybody else it is over.
    pub(crate) fn handle_handshake_failed(&mut self, leg: &Leg, now: Instant, out: &mut VecDeque<Action>) {
        let present = self
            .call
            .as_mut()
            .filter(|call| call.id == leg.call)
            .and_then(|call| call.participants.get_mut(&leg.client));
        let Some(participant) = present.filter(|known| known.media.has_peer()) else { return };
        participant.unsecured = true;
        self.handle_lost(leg, now, out);
        let left = self.call.as_mut().and_then(|call| call.participants.get_mut(&leg.client));
        if let Some(participant) = left
            && let MediaState::Lost { back_by: Some(back_by) } = &mut participant.media
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
        let due_participant = |call: &Call| {
            call.participants.iter().find_map(|(client, participant)| {
                let (_, reason) = call.participant_due(client, participant).filter(|(due, _)| *due <= now)?;
                Some((client.clone(), reason))
            })
        };
        while let Some((client, reason)) = self.call.as_ref().and_then(due_participant) {
            if let Some(call) = &mut self.call {
                if call.participants.get(&client).is_some_and(|participant| participant.accepted) {
                    // It is not rung again in this call: it had its turn.
                    call.remember_declined(&client);
                }
                call.remove(&client, Some(reason), out);
            }
            self.after_loss(reason, now, out);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let call = self.call.as_ref()?;
        let (whole, one) = match call.phase {
            Phase::Watched => ("call: watched", "call: a watcher's limit"),
            Phase::Ringing { .. } => ("call: ringing", "call: a watcher connects"),
            Phase::Active { .. } => ("call: longest duration", "call: somebody who talks connects"),
        };
        let whole = call.due(self.settings.nobody_timeout).map(|(due, _)| (due, whole));
        let ones = call.participants.iter().filter_map(|(client, known)| call.participant_due(client, known));
        whole.into_iter().chain(ones.map(|(due, _)| (due, one))).min_by_key(|(due, _)| *due)
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
            receipts: BTreeSet::new(),
            participants: BTreeMap::new(),
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
        self.set_sound(true, out);
        out.extend(chime(Moment::RingStarted).map(Action::Chime));
    }

    /// Rings everybody who is to be rung and is not yet: those who have an offer, then those who need one. Who finds no
    /// place is rung without a picture.
    fn ring_missing(&mut self, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| matches!(call.phase, Phase::Ringing { .. })) else {
            return;
        };
        let mut uninvited = Vec::new();
        let pressed = call.buttons.clone();
        for (client, button) in self.plan.rung(&pressed, &self.here) {
            if call.declined.contains(client) {
                continue;
            }
            let Some(ring) = call.ring(Some(button), now) else { break };
            let leg = call.leg(client);
            let Some(participant) = call.participants.get_mut(client) else {
                uninvited.push((client.clone(), button.clone()));
                continue;
            };
            if participant.rung.is_some() {
                continue;
            }
            participant.rung = Some(button.clone());
            let media = participant.media;
            if let MediaState::Invited { connect_by: by } | MediaState::Lost { back_by: by } = media {
                participant.invite(by.filter(|_| participant.accepted));
            }
            out.push_back(match media {
                MediaState::Lost { .. } => Action::Invite { leg, ring: Some(ring) },
                MediaState::Invited { .. } | MediaState::Connected | MediaState::Waiting => Action::Ring { leg, ring },
            });
        }
        self.offer_free_places(now, out);
        for (client, button) in uninvited {
            let Some(call) = &mut self.call else { return };
            if call.places_taken() < self.settings.max_peers || call.remove_watcher(out) {
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
            let waits = |(client, known): &(&ClientId, &mut Participant)| {
                let places = if known.accepted { 2 * settings.max_peers } else { settings.max_peers };
                known.media == MediaState::Waiting && here.contains_key(*client) && taken < places
            };
            let next = call.participants.iter_mut().filter(waits).min_by_key(|(_, known)| !known.accepted);
            let Some((client, participant)) = next else { return };
            participant.invite(participant.accepted.then(|| now + settings.connect_timeout));
            let client = client.clone();
            out.push_back(Action::Invite { leg: call.leg(&client), ring: None });
        }
    }

    fn ring_without_offer(&mut self, client: ClientId, rung: ButtonId, now: Instant, out: &mut VecDeque<Action>) {
        let participant = self.participant(&client, MediaState::Waiting, Some(rung), now);
        let Some(call) = &mut self.call else { return };
        let Some(ring) = call.ring(participant.rung.as_ref(), now) else { return };
        out.push_back(Action::Ring { leg: call.leg(&client), ring });
        call.participants.insert(client, participant);
    }

    fn invite(&mut self, client: ClientId, rung: Option<ButtonId>, now: Instant, out: &mut VecDeque<Action>) {
        let connect_by = rung.is_none().then(|| now + self.settings.connect_timeout);
        let participant = self.participant(&client, MediaState::Invited { connect_by }, rung, now);
        let Some(call) = &mut self.call else { return };
        let ring = call.ring(participant.rung.as_ref(), now);
        out.push_back(Action::Invite { leg: call.leg(&client), ring });
        call.participants.insert(client, participant);
        // The camera starts behind the first ring, and beside the others.
        self.tend_video(out);
    }

    fn participant(&self, client: &ClientId, media: MediaState, rung: Option<ButtonId>, now: Instant) -> Participant {
        Participant {
            media,
            name: self.here.get(client).map_or_else(|| "".into(), Arc::clone),
            rung,
            accepted: false,
            unsecured: false,
            watch_until: now + self.settings.watch_limit,
        }
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
        let ring = call.ring(call.participants.get(client).and_then(|known| known.rung.as_ref()), now);
        call.invite(client, connect_by);
        out.push_back(Action::Invite { leg: call.leg(client), ring });
    }

    /// A client wants no part, or no more part, in the call.
    fn leave(&mut self, leg: &Leg, told: EndReason, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call) else {
            return;
        };
        let client = &leg.client;
        let Some(participant) = call.participants.get(client) else {
            return;
        };
        match call.phase {
            Phase::Watched => {
                call.remove(client, Some(told), out);
                self.after_loss(EndReason::HungUp, now, out);
            }
            Phase::Ringing { .. } => {
                let was_rung = participant.rung.is_some();
                call.remember_declined(client);
                call.remove(client, Some(told), out);
                self.ring_missing(now, out);
                if was_rung && self.call.as_ref().is_some_and(|call| !call.rings_somebody()) {
                    self.end(EndReason::Declined, now, out);
                }
            }
            Phase::Active { .. } => {
                let is_last = call.talkers().all(|talker| talker == client);
                if is_last {
                    return self.end(EndReason::HungUp, now, out);
                }
                call.remove(client, Some(told), out);
            }
        }
    }

    /// A client is out of the call without having declined: what becomes of the rest.
    fn after_loss(&mut self, reason: EndReason, now: Instant, out: &mut VecDeque<Action>) {
        let Some(call) = &self.call else { return };
        let is_over = match &call.phase {
            Phase::Watched => call.participants.is_empty(),
            Phase::Active { talkers, .. } => talkers.is_empty(),
            Phase::Ringing { .. } => {
                self.ring_missing(now, out);
                false
            }
        };
        if is_over {
            self.end(reason, now, out);
        }
    }

    /// Camera on while somebody sees the visitor or is about to; nobody films the door for a page that only says that it
    /// watches.
    pub(crate) fn tend_video(&mut self, out: &mut VecDeque<Action>) {
        let on = self.call.as_ref().is_some_and(|call| match call.phase {
            Phase::Watched => self.is_seen(),
            Phase::Ringing { .. } | Phase::Active { .. } => {
                call.participants.values().any(|known| known.media.has_peer())
            }
        });
        if std::mem::replace(&mut self.video, on) != on {
            out.push_back(Action::Video { on });
        }
    }

    fn set_sound(&mut self, on: bool, out: &mut VecDeque<Action>) {
        if std::mem::replace(&mut self.sound, on) != on {
            out.push_back(Action::Sound { on });
        }
    }

    fn set_overfull(&mut self, overfull: bool, out: &mut VecDeque<Action>) {
        if std::mem::replace(&mut self.overfull, overfull) != overfull {
            out.push_back(Action::Fault { fault: Fault::TooManyClients, present: overfull });
        }
    }

    fn end(&mut self, reason: EndReason, now: Instant, out: &mut VecDeque<Action>) {
        let Some(mut call) = self.call.take() else {
            return;
        };
        let was = call.activity();
        let clients: Vec<ClientId> = call.participants.keys().cloned().collect();
        for client in clients {
            call.remove(&client, Some(reason), out);
        }
        out.extend(chime(Moment::Over { was, reason }).map(Action::Chime));
        self.set_sound(false, out);
        out.push_back(Action::Record(call.closing_record(reason, now)));
    }
}
