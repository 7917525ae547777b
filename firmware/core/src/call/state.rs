//! What is known of one call: its phase, who takes part, and when each of them is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::participant::{MediaState, Participant};
use crate::ids::{ButtonId, CallId, ClientId, Leg};
use crate::messages::{Action, Activity, EndReason, Record, Ring};

/// The most clients that a call remembers of those who declined, and of those who confirmed that they ring. Clients that come
/// under ever new names would fill the memory; the one above this number may be rung again, and does not count.
const MAX_REMEMBERED: usize = 1024;

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
    /// Who confirmed that it rings.
    pub(crate) receipts: BTreeSet<ClientId>,
    pub(crate) participants: BTreeMap<ClientId, Participant>,
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
    /// One client or more talk with the visitor.
    Active {
        talkers: BTreeSet<ClientId>,
        until: Instant,
    },
}

impl Call {
    pub(crate) fn activity(&self) -> Activity {
        match self.phase {
            Phase::Watched => Activity::Watched,
            Phase::Ringing { .. } => Activity::Ringing,
            Phase::Active { .. } => Activity::InCall,
        }
    }

    pub(crate) fn leg(&self, client: &ClientId) -> Leg {
        Leg { client: client.clone(), call: self.id }
    }

    /// Whoever talks with the visitor, connected or about to be again.
    pub(crate) fn talkers(&self) -> impl Iterator<Item = &ClientId> {
        let talkers = match &self.phase {
            Phase::Watched | Phase::Ringing { .. } => None,
            Phase::Active { talkers, .. } => Some(talkers),
        };
        talkers.into_iter().flatten()
    }

    /// Whether it talks with the visitor, connected or about to be again.
    pub(crate) fn is_talker(&self, client: &ClientId) -> bool {
        self.talkers().any(|talker| talker == client)
    }

    /// Whoever hears the visitor and is heard.
    pub(crate) fn heard(&self) -> impl Iterator<Item = &ClientId> {
        self.talkers().filter(|talker| self.is_connected(talker))
    }

    pub(crate) fn is_connected(&self, client: &ClientId) -> bool {
        self.participants.get(client).is_some_and(|participant| participant.media == MediaState::Connected)
    }

    /// Whether one more may begin to talk.
    pub(crate) fn has_room(&self, max_talkers: usize) -> bool {
        self.talkers().count() < max_talkers
    }

    pub(crate) fn rings_somebody(&self) -> bool {
        self.participants.values().any(|participant| participant.rung.is_some())
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
        if let Some(participant) = self.participants.get_mut(client) {
            participant.media = MediaState::Lost { back_by };
        }
    }

    pub(crate) fn invite(&mut self, client: &ClientId, connect_by: Option<Instant>) {
        if let Some(participant) = self.participants.get_mut(client) {
            participant.invite(connect_by);
        }
    }

    pub(crate) fn remember_declined(&mut self, client: &ClientId) {
        if self.declined.len() < MAX_REMEMBERED {
            self.declined.insert(client.clone());
        }
    }

    /// Whether it is the first of this client.
    pub(crate) fn remember_receipt(&mut self, client: &ClientId) -> bool {
        self.receipts.len() < MAX_REMEMBERED && self.receipts.insert(client.clone())
    }

    /// Takes a client out of the call: tells it, where there is something to tell, and closes its peer.
    pub(crate) fn remove(&mut self, client: &ClientId, told: Option<EndReason>, out: &mut VecDeque<Action>) {
        let is_heard = self.heard().any(|talker| talker == client);
        let Some(participant) = self.participants.remove(client) else {
            return;
        };
        let leg = self.leg(client);
        if is_heard {
            out.push_back(Action::AudioOff(leg.clone()));
        }
        if let Phase::Active { talkers, .. } = &mut self.phase {
            talkers.remove(client);
        }
        if let Some(reason) = told {
            out.push_back(Action::Ended { leg: leg.clone(), reason });
        }
        if participant.media.has_peer() {
            out.push_back(Action::ClosePeer(leg));
        }
    }

    /// Shuts the way between the visitor and this client, if it is open.
    pub(crate) fn audio_off(&self, client: &ClientId, out: &mut VecDeque<Action>) {
        if self.heard().any(|talker| talker == client) {
            out.push_back(Action::AudioOff(self.leg(client)));
        }
    }

    /// How many clients have a picture, or are about to.
    pub(crate) fn places_taken(&self) -> usize {
        self.participants.values().filter(|participant| participant.media != MediaState::Waiting).count()
    }

    /// Makes a place for somebody who is to be rung, where somebody only watches.
    pub(crate) fn remove_watcher(&mut self, out: &mut VecDeque<Action>) -> bool {
        let watcher = self.participants.iter().find(|(_, participant)| participant.rung.is_none());
        let Some(watcher) = watcher.map(|(client, _)| client.clone()) else { return false };
        self.remove(&watcher, Some(EndReason::Busy), out);
        true
    }

    /// When this client's part ends by itself, and why.
    pub(crate) fn participant_due(&self, client: &ClientId, participant: &Participant) -> Option<(Instant, EndReason)> {
        let connect = match participant.media {
            MediaState::Invited { connect_by: by } | MediaState::Lost { back_by: by } => {
                by.map(|by| (by, participant.loss()))
            }
            MediaState::Connected | MediaState::Waiting => None,
        };
        let only_watches = match self.phase {
            Phase::Watched => true,
            Phase::Ringing { .. } => false,
            Phase::Active { .. } => !self.is_talker(client),
        };
        let watch = only_watches.then_some((participant.watch_until, EndReason::MaxDuration));
        [connect, watch].into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// When the whole call ends by itself, and why.
    pub(crate) fn due(&self, nobody_timeout: Duration) -> Option<(Instant, EndReason)> {
        match self.phase {
            Phase::Watched => None,
            Phase::Ringing { until } => {
                let nobody = self.nobody_since.map(|since| since + nobody_timeout);
                // Who accepted in time is not cut off while it connects.
                let answered = self.participants.values().filter_map(Participant::answer_by).max();
                let until = answered.map_or(until, |by| by.max(until));
                Some((nobody.map_or(until, |due| due.min(until)), EndReason::RingTimeout))
            }
            Phase::Active { until, .. } => Some((until, EndReason::MaxDuration)),
        }
    }

    /// The last record of this call.
    pub(crate) fn closing_record(&self, reason: EndReason, now: Instant) -> Record {
        let since = |start: Instant| now.saturating_duration_since(start);
        match (self.buttons.first(), self.rang_since, self.answered) {
            (Some(button), Some(rang_since), None) if reason != EndReason::Declined => Record::Missed {
                call: self.id,
                button: button.clone(),
                reason,
                rang: since(rang_since),
                receipts: self.receipts.len(),
            },
            (_, _, answered) => {
                Record::Ended { call: self.id, reason, lasted: since(self.started), talked: answered.map(since) }
            }
        }
    }
}
