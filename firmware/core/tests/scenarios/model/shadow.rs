//! What a shell can know of the station, and what it must never see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::{MOST_PEERS, OPENS_WITHOUT_RING};
use doorway_core::press::PressSettings;
use doorway_core::{
    Action, Activity, ButtonId, CallId, ClientId, DoorId, EndReason, Fault, Input, OpenedIn, Record, UnlockOutcome,
    UnlockRefusal,
};

/// What a shell can know.
#[derive(Default)]
pub(super) struct Shadow {
    pub(super) closing: bool,
    pub(super) here: BTreeSet<ClientId>,
    pub(super) call: Option<Part>,
    /// The calls that were answered.
    pub(super) answered: BTreeSet<CallId>,
    /// The calls whose last record was written.
    pub(super) recorded: BTreeSet<CallId>,
    pub(super) activity: Option<Activity>,
    pub(super) doors: BTreeMap<DoorId, Relay>,
    pub(super) requests: BTreeMap<u32, (ClientId, CallId, DoorId, Instant)>,
    pub(super) levels: BTreeMap<ButtonId, Vec<(Instant, bool)>>,
    pub(super) pressed: BTreeMap<ButtonId, Instant>,
    /// Everybody has to be rung by what was pressed just now.
    pub(super) must_ring: bool,
    pub(super) seen: BTreeMap<&'static str, usize>,
}

/// The call as its messages tell it.
pub(super) struct Part {
    pub(super) id: CallId,
    pub(super) rang: bool,
    pub(super) invited: BTreeMap<ClientId, Invited>,
    /// Peers, and whether they are connected.
    pub(super) peers: BTreeMap<ClientId, bool>,
    pub(super) accepted: BTreeSet<ClientId>,
    /// Who is not rung again in this call: it declined, sent nonsense, or accepted and did not connect in time.
    pub(super) refused: BTreeSet<ClientId>,
    pub(super) talker: Option<ClientId>,
    pub(super) audio: Option<ClientId>,
}

#[derive(Default)]
pub(super) struct Invited {
    pub(super) rung: bool,
    /// Until when it rings, as it was told.
    pub(super) rings_until: Option<Instant>,
    /// It was given an offer, and so a place.
    pub(super) offered: bool,
    /// It left the room since, so nobody has to tell it anything.
    pub(super) left: bool,
}

#[derive(Default)]
pub(super) struct Relay {
    pub(super) energised: bool,
    pub(super) commands: VecDeque<bool>,
    pub(super) told: Option<(bool, Instant)>,
    pub(super) reported_released: bool,
}

impl Shadow {
    pub(super) fn level(&mut self, button: &ButtonId, at: Instant, pressed: bool) {
        let levels = self.levels.entry(button.clone()).or_default();
        let at = levels.last().map_or(at, |(latest, _)| at.max(*latest));
        levels.push((at, pressed));
    }

    pub(super) fn comes(&mut self, client: ClientId) {
        if let Some(call) = self.call.as_mut().filter(|call| call.peers.contains_key(&client)) {
            call.invited.entry(client.clone()).and_modify(|invited| invited.left = false);
        }
        self.here.insert(client);
    }

    pub(super) fn left(&mut self, leaves: impl Fn(&ClientId) -> bool) {
        if let Some(call) = &mut self.call {
            call.invited.iter_mut().filter(|(client, _)| leaves(client)).for_each(|(_, invited)| invited.left = true);
        }
    }

    pub(super) fn connect(&mut self, client: &ClientId, id: CallId) {
        if let Some(call) = self.call.as_mut().filter(|call| call.id == id)
            && let Some(connected) = call.peers.get_mut(client)
        {
            *connected = true;
        }
    }

    /// A client that has a part in the ring wants none of it. One that left before its media were up has none.
    pub(super) fn refuses(&mut self, client: &ClientId, id: CallId, activity: Activity) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == id) else {
            return;
        };
        let Some(invited) = call.invited.get(client) else {
            return;
        };
        let takes_part = !invited.left || call.peers.contains_key(client);
        if takes_part && activity == Activity::Ringing {
            call.refused.insert(client.clone());
        }
    }

    /// A press reaches everybody of its group, unless one who was rung talks with the visitor.
    pub(super) fn check_press(&mut self, now: Instant) {
        if !std::mem::take(&mut self.must_ring) || self.closing {
            return;
        }
        let call = self.call.as_ref().expect("a press begins a call");
        assert!(call.rang, "a press rings, whatever was on");
        if call.talker.as_ref().is_some_and(|talker| call.peers.get(talker) == Some(&true)) {
            return;
        }
        for client in self.here.iter().filter(|client| !call.refused.contains(*client)) {
            let rings = |part: &Invited| part.rung && part.rings_until.is_some_and(|until| now < until);
            assert!(call.invited.get(client).is_some_and(rings), "{client} is not rung by a press");
        }
    }

    pub(super) fn accepts(&mut self, client: &ClientId, id: CallId) {
        if let Some(call) = self.call.as_mut().filter(|call| call.id == id && call.invited.contains_key(client)) {
            call.accepted.insert(client.clone());
        }
    }

    fn see(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// The call that an action is about; it must name an invited client of the present one.
    fn part(&mut self, client: &ClientId, id: CallId) -> &mut Part {
        let call = self.call.as_mut().expect("there is a call");
        assert_eq!(call.id, id, "an action of another call");
        assert!(call.invited.contains_key(client), "{client} was not invited");
        call
    }

    pub(super) fn call_is_over(&mut self) {
        let Some(call) = self.call.take() else { return };
        assert!(call.peers.is_empty(), "peers stay after the call: {:?}", call.peers);
        assert_eq!(call.audio, None, "sound stays on after the call");
        assert!(self.recorded.contains(&call.id), "the call was not recorded");
        let untold: Vec<_> = call.invited.iter().filter(|(_, invited)| !invited.left).collect();
        assert!(untold.is_empty(), "somebody was not told: {:?}", untold.iter().map(|(c, _)| c).collect::<Vec<_>>());
    }

    pub(super) fn act(&mut self, action: Action, input: Option<&Input>, now: Instant) {
        match action {
            Action::Invite { client, call: id, ring } => {
                assert!(self.here.contains(&client), "{client} is not here to be invited");
                let call = self.call.as_mut().expect("there is a call");
                assert_eq!(call.id, id);
                assert!(!(ring.is_some() && call.refused.contains(&client)), "{client} is rung after it declined");
                assert_eq!(call.peers.insert(client.clone(), false), None, "{client} has a peer already");
                let again = call.invited.get(&client).is_some_and(|before| before.offered && !before.left);
                let before = call.invited.get(&client).filter(|before| before.rung && !before.left);
                let rung = ring.is_some() || before.is_some();
                let rings_until =
                    ring.map(|ring| now + ring.timeout).or_else(|| before.and_then(|before| before.rings_until));
                call.invited.insert(client, Invited { rung, rings_until, offered: true, left: false });
                if again && matches!(input, Some(Input::Reconnect { .. })) {
                    self.see("reconnected");
                }
            }
            Action::Ring { client, call: id, ring } => {
                assert!(self.here.contains(&client), "{client} is not here to be rung");
                let call = self.call.as_mut().expect("there is a call");
                assert_eq!(call.id, id);
                assert!(!call.refused.contains(&client), "{client} is rung after it declined");
                let has_place = |(client, part): &(&ClientId, &Invited)| {
                    call.peers.contains_key(*client) || part.offered && !part.left
                };
                let places_are_taken = call.invited.iter().filter(has_place).count() >= MOST_PEERS;
                let rings_until = Some(now + ring.timeout);
                if call.peers.contains_key(&client) {
                    let invited = call.invited.get_mut(&client).expect("it has a peer");
                    assert!(!std::mem::replace(&mut invited.rung, true), "{client} is rung twice");
                    invited.rings_until = rings_until;
                    self.see("rung without a new offer");
                } else {
                    assert!(places_are_taken, "{client} is rung without an offer, and there is a place");
                    call.invited.insert(client, Invited { rung: true, rings_until, offered: false, left: false });
                    self.see("rung without an offer");
                }
            }
            Action::Accepted { client, call } => {
                let part = self.part(&client, call);
                let again = part.talker.replace(client.clone());
                let up = part.peers.get(&client) == Some(&true);
                assert!(up || again.is_some(), "an accept counts before its media are up");
                assert!(again.is_none_or(|talker| talker == client), "two were accepted");
                match self.answered.insert(call) {
                    true => self.see("accepted"),
                    false => self.see("accepted again"),
                }
            }
            Action::Ended { client, call, reason } => {
                let call = self.part(&client, call);
                call.invited.remove(&client);
                let without_media = matches!(reason, EndReason::ConnectionLost | EndReason::HandshakeFailed);
                let had_its_turn = without_media && call.accepted.remove(&client);
                if had_its_turn || reason == EndReason::Malformed {
                    call.refused.insert(client.clone());
                }
                if call.talker.as_ref() == Some(&client) {
                    call.talker = None;
                }
                self.see(match reason {
                    EndReason::HungUp => "hung up",
                    EndReason::AnsweredElsewhere => "answered elsewhere",
                    EndReason::Declined => "declined",
                    EndReason::RingTimeout => "ring timeout",
                    EndReason::MaxDuration => "max duration",
                    EndReason::ConnectionLost => "connection lost",
                    EndReason::HandshakeFailed => "handshake failed",
                    EndReason::Busy => "place taken",
                    EndReason::StationClosing => "station closing",
                    EndReason::Malformed => "malformed",
                });
            }
            Action::Refuse { client, reason } => {
                assert!(matches!(input, Some(Input::Watch { client: asked }) if *asked == client));
                assert!(matches!(reason, EndReason::Busy | EndReason::StationClosing));
                self.see("refused");
            }
            Action::PressedAgain { client, call } => {
                assert_eq!(self.part(&client, call).talker, Some(client));
                self.see("pressed again");
            }
            Action::ClosePeer { client, call: id } => {
                let call = self.call.as_mut().expect("there is a call");
                assert_eq!(call.id, id);
                assert!(call.peers.remove(&client).is_some(), "{client} has no peer to close");
                assert_ne!(call.audio, Some(client), "a peer is closed while its sound is on");
            }
            Action::AudioOn { client, call } => {
                let call = self.part(&client, call);
                assert_eq!(call.talker.as_ref(), Some(&client), "only the talker is heard");
                assert_eq!(call.peers.get(&client), Some(&true), "sound without a connection");
                assert_eq!(call.audio.replace(client), None);
            }
            Action::AudioOff { client, call } => {
                assert_eq!(self.part(&client, call).audio.take(), Some(client))
            }
            Action::PressAccepted { button, at, .. } => self.press_accepted(&button, at),
            Action::Chime(_) | Action::Indicator(_) => {}
            Action::Activity(activity) => self.activity = Some(activity),
            Action::MoveRelay { door, energise } => self.relay_told(&door, energise, input, now),
            Action::UnlockResult { client, call, request, door, outcome } => {
                let asked = self.requests.remove(&request).expect("one answer for each request");
                assert_eq!((asked.0, asked.1, &asked.2), (client, call, &door));
                if matches!(outcome, UnlockOutcome::Opened { .. }) {
                    let acted = Input::RelayActed { door, energised: true };
                    assert_eq!(input, Some(&acted), "told before the relay has acted");
                }
                self.see(match outcome {
                    UnlockOutcome::Opened { .. } => "opened",
                    UnlockOutcome::Failed { .. } => "failed to open",
                    UnlockOutcome::Refused(UnlockRefusal::NotInCall) => "not in call",
                    UnlockOutcome::Refused(UnlockRefusal::NoSuchDoor) => "no such door",
                    UnlockOutcome::Refused(UnlockRefusal::AlreadyOpen) => "already open",
                    UnlockOutcome::Refused(UnlockRefusal::TooOften) => "too often",
                    UnlockOutcome::Refused(UnlockRefusal::NotRung) => "not rung",
                });
            }
            Action::DoorMoved { .. } => {}
            Action::Fault { fault, .. } => self.see(match fault {
                Fault::ButtonStuck(_) => "button stuck",
                Fault::RelayStuck(_) => "relay stuck",
                Fault::TooManyClients => panic!("all clients of the model fit"),
            }),
            Action::Record(record) => self.record(record, input),
        }
    }

    /// The edges must show that the contact closed then and stayed closed for the hold time.
    fn press_accepted(&mut self, button: &ButtonId, at: Instant) {
        let PressSettings { hold, gap, .. } = PressSettings::default();
        let levels = &self.levels[button];
        let closing = levels.iter().rposition(|(time, _)| *time <= at).expect("an edge");
        assert_eq!(levels[closing], (at, true), "no contact closed then");
        if let Some((next, _)) = levels.get(closing + 1) {
            assert!(*next >= at + hold, "the contact changed before the hold time was over");
        }
        if let Some(before) = self.pressed.insert(button.clone(), at) {
            assert!(at >= before + gap, "two presses closer than the gap");
            let released = levels.iter().any(|(time, pressed)| *time >= before && *time <= at && !pressed);
            assert!(released, "one physical press counts twice");
        }
        self.must_ring = button.as_str() == "call";
        self.see("press");
    }

    fn relay_told(&mut self, door: &DoorId, energise: bool, input: Option<&Input>, now: Instant) {
        if energise {
            let Some(Input::Unlock { client, call: id, door: asked, .. }) = input else {
                panic!("{door} opens though nobody asked")
            };
            assert_eq!(door, asked);
            assert!(!self.closing, "{door} opens while the station closes down");
            let call = self.part(client, *id);
            assert_eq!(call.talker.as_ref(), Some(client), "only the talker opens doors");
            assert_eq!(call.peers.get(client), Some(&true), "only over live media");
            assert!(call.rang || door.as_str() == OPENS_WITHOUT_RING, "{door} opens though nobody pressed");
        }
        let relay = self.doors.get_mut(door).expect("a configured door");
        if energise {
            assert!(relay.reported_released, "{door} opens before it was released");
        }
        relay.told = Some((energise, now));
        relay.reported_released = false;
        relay.commands.push_back(energise);
    }

    fn record(&mut self, record: Record, input: Option<&Input>) {
        match record {
            Record::Started { call: id, button } => {
                self.call_is_over();
                self.call = Some(Part {
                    id,
                    rang: button.is_some(),
                    invited: BTreeMap::new(),
                    peers: BTreeMap::new(),
                    accepted: BTreeSet::new(),
                    refused: BTreeSet::new(),
                    talker: None,
                    audio: None,
                });
            }
            Record::Pressed { call: id, .. } => {
                let call = self.call.as_mut().expect("there is a call");
                assert_eq!(call.id, id);
                call.rang = true;
            }
            Record::DoorOpened { door, opened_in, .. } => {
                assert_eq!(input, Some(&Input::RelayActed { door, energised: true }));
                self.see(match opened_in {
                    OpenedIn::RungCall => "opened in a call that was rung",
                    OpenedIn::CallWithoutRing => "opened without a ring",
                });
            }
            Record::Answered { call, client, .. } => {
                assert!(self.answered.contains(&call));
                assert_eq!(self.part(&client, call).talker, Some(client));
            }
            Record::Ended { call, talked, .. } => {
                assert_eq!(talked.is_some(), self.answered.contains(&call));
                assert!(self.recorded.insert(call), "a call ends twice");
            }
            Record::Missed { call, .. } => {
                assert!(!self.answered.contains(&call), "an answered call is not missed");
                assert!(self.recorded.insert(call), "a call ends twice");
                self.see("missed");
            }
        }
    }
}
