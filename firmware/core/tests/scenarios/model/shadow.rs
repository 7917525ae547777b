//! What a shell can know of the station, and what it must never see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::{MOST_PEERS, OPENS_WITHOUT_RING};
use doorway_core::indicator::Chime;
use doorway_core::press::PressSettings;
use doorway_core::{
    Action, Activity, ButtonId, CallId, ClientId, DoorId, EndReason, Fault, Input, Leg, Record, Requester,
    UnlockOutcome, UnlockRefusal, Way,
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
    pub(super) requests: BTreeMap<u32, (Leg, DoorId, Instant)>,
    /// Presses of the exit button whose door has not answered.
    pub(super) exits: usize,
    pub(super) max_talkers: usize,
    pub(super) video: bool,
    pub(super) sound: bool,
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
    /// Who confirmed that it rings.
    pub(super) receipts: BTreeSet<ClientId>,
    pub(super) talkers: BTreeSet<ClientId>,
    pub(super) audio: BTreeSet<ClientId>,
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
            // While media flow, only they tell of somebody's end.
            call.talkers.retain(|talker| !leaves(talker) || call.peers.get(talker) == Some(&true));
        }
    }

    pub(super) fn connect(&mut self, leg: &Leg) {
        if let Some(call) = self.call.as_mut().filter(|call| call.id == leg.call)
            && let Some(connected) = call.peers.get_mut(&leg.client)
        {
            *connected = true;
        }
    }

    /// A client that has a part in the ring wants none of it. One that left before its media were up has none.
    pub(super) fn refuses(&mut self, Leg { client, call: id }: &Leg, activity: Activity) {
        let Some(call) = self.call.as_mut().filter(|call| call.id == *id) else {
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
        if call.talkers.iter().any(|talker| call.peers.get(talker) == Some(&true)) {
            return;
        }
        for client in self.here.iter().filter(|client| !call.refused.contains(*client)) {
            let rings = |part: &Invited| part.rung && part.rings_until.is_some_and(|until| now < until);
            assert!(call.invited.get(client).is_some_and(rings), "{client} is not rung by a press");
        }
    }

    pub(super) fn accepts(&mut self, leg: &Leg) {
        if let Some(call) =
            self.call.as_mut().filter(|call| call.id == leg.call && call.invited.contains_key(&leg.client))
        {
            call.accepted.insert(leg.client.clone());
        }
    }

    fn see(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// The call that an action is about; it must name an invited client of the present one.
    fn part(&mut self, leg: &Leg) -> &mut Part {
        let call = self.call.as_mut().expect("there is a call");
        assert_eq!(call.id, leg.call, "an action of another call");
        assert!(call.invited.contains_key(&leg.client), "{} was not invited", leg.client);
        call
    }

    pub(super) fn call_is_over(&mut self) {
        let Some(call) = self.call.take() else { return };
        assert!(call.peers.is_empty(), "peers stay after the call: {:?}", call.peers);
        assert!(call.audio.is_empty(), "sound stays on after the call");
        assert!(self.recorded.contains(&call.id), "the call was not recorded");
        let untold: Vec<_> = call.invited.iter().filter(|(_, invited)| !invited.left).collect();
        assert!(untold.is_empty(), "somebody was not told: {:?}", untold.iter().map(|(c, _)| c).collect::<Vec<_>>());
    }

    pub(super) fn act(&mut self, action: Action, input: Option<&Input>, now: Instant) {
        match action {
            Action::Invite { leg: Leg { client, call: id }, ring } => {
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
                if again && matches!(input, Some(Input::Reconnect(_))) {
                    self.see("reconnected");
                }
            }
            Action::Ring { leg: Leg { client, call: id }, ring } => {
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
                    let came_anew = matches!(input, Some(Input::ClientHere { client: here, .. }) if *here == client);
                    assert!(!std::mem::replace(&mut invited.rung, true) || came_anew, "{client} is rung twice");
                    invited.rings_until = rings_until;
                    self.see("rung without a new offer");
                } else {
                    assert!(places_are_taken, "{client} is rung without an offer, and there is a place");
                    call.invited.insert(client, Invited { rung: true, rings_until, offered: false, left: false });
                    self.see("rung without an offer");
                }
            }
            Action::Accepted(leg) => {
                let max_talkers = self.max_talkers;
                let part = self.part(&leg);
                let again = !part.talkers.insert(leg.client.clone());
                let up = part.peers.get(&leg.client) == Some(&true);
                assert!(up || again, "an accept counts before its media are up");
                assert!(part.talkers.len() <= max_talkers, "more talk than may");
                match (self.answered.insert(leg.call), again) {
                    (true, _) => self.see("accepted"),
                    (false, true) => self.see("accepted again"),
                    (false, false) => self.see("joined"),
                }
            }
            Action::Ended { leg, reason } => {
                let call = self.part(&leg);
                let client = leg.client;
                call.invited.remove(&client);
                let without_media = matches!(reason, EndReason::ConnectionLost | EndReason::HandshakeFailed);
                let had_its_turn = without_media && call.accepted.remove(&client);
                if had_its_turn || reason == EndReason::Malformed {
                    call.refused.insert(client.clone());
                }
                call.talkers.remove(&client);
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
            Action::PressedAgain(leg) => {
                assert!(self.part(&leg).talkers.contains(&leg.client));
                self.see("pressed again");
            }
            Action::ClosePeer(Leg { client, call: id }) => {
                let call = self.call.as_mut().expect("there is a call");
                assert_eq!(call.id, id);
                assert!(call.peers.remove(&client).is_some(), "{client} has no peer to close");
                assert!(!call.audio.contains(&client), "a peer is closed while its sound is on");
            }
            Action::AudioOn(leg) => {
                let call = self.part(&leg);
                assert!(call.talkers.contains(&leg.client), "only who talks is heard");
                assert_eq!(call.peers.get(&leg.client), Some(&true), "sound without a connection");
                assert!(call.audio.insert(leg.client), "sound is on already");
                assert!(self.sound, "somebody is heard by nobody");
            }
            Action::AudioOff(leg) => assert!(self.part(&leg).audio.remove(&leg.client), "sound is off already"),
            Action::PressAccepted { button, at, .. } => self.press_accepted(&button, at),
            Action::Video { on } => assert_ne!(std::mem::replace(&mut self.video, on), on, "the camera is so already"),
            Action::Sound { on } => assert_ne!(std::mem::replace(&mut self.sound, on), on, "sound is so already"),
            Action::Chime(chime) => {
                assert!(self.sound || chime == Chime::Silent, "{chime:?} is played into nothing");
            }
            Action::Indicator(_) => {}
            Action::Activity(activity) => self.activity = Some(activity),
            Action::MoveRelay { door, energise } => self.relay_told(&door, energise, input, now),
            Action::UnlockResult { requester, door, outcome } => {
                match requester {
                    Requester::Participant { leg, request } => {
                        let asked = self.requests.remove(&request).expect("one answer for each request");
                        assert_eq!((asked.0, &asked.1), (leg, &door));
                    }
                    Requester::ExitButton(button) => {
                        assert_eq!((button.as_str(), door.as_str()), ("exit", "door"));
                        self.exits = self.exits.checked_sub(1).expect("one answer for each press");
                        let left = matches!(outcome, UnlockOutcome::Opened { .. });
                        self.see(if left { "left" } else { "not left" });
                    }
                    Requester::Keypad { .. } | Requester::Automation { .. } => panic!("the model has none"),
                }
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
                    UnlockOutcome::Refused(UnlockRefusal::NotAllowed) => panic!("the model asks for nothing like it"),
                    UnlockOutcome::Refused(UnlockRefusal::Closing) => "not while closing",
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
        self.exits += usize::from(button.as_str() == "exit");
        self.see("press");
    }

    fn relay_told(&mut self, door: &DoorId, energise: bool, input: Option<&Input>, now: Instant) {
        if energise {
            assert!(!self.closing, "{door} opens while the station closes down");
            if let Some(Input::Unlock { requester, door: asked }) = input {
                assert_eq!(door, asked);
                let Requester::Participant { leg, .. } = requester else { panic!("nobody else asks") };
                let call = self.part(leg);
                assert!(call.talkers.contains(&leg.client), "only who talks opens doors");
                assert_eq!(call.peers.get(&leg.client), Some(&true), "only over live media");
                assert!(call.rang || door.as_str() == OPENS_WITHOUT_RING, "{door} opens though nobody pressed");
            } else {
                // The exit button's, at once or behind the pulse that was on.
                assert!(door.as_str() == "door" && self.exits > 0, "{door} opens though nobody asked");
            }
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
                    receipts: BTreeSet::new(),
                    talkers: BTreeSet::new(),
                    audio: BTreeSet::new(),
                });
            }
            Record::Pressed { call: id, .. } => {
                let call = self.call.as_mut().expect("there is a call");
                assert_eq!(call.id, id);
                call.rang = true;
            }
            Record::Rang { leg, receipts, .. } => {
                let part = self.part(&leg);
                assert!(part.receipts.insert(leg.client), "a receipt counts twice");
                assert_eq!(part.receipts.len(), receipts);
                self.see("rang");
            }
            Record::DoorOpened { door, requester, way, .. } => {
                assert_eq!(input, Some(&Input::RelayActed { door, energised: true }));
                assert_eq!(matches!(requester, Requester::ExitButton(_)), way == Way::ExitButton);
                self.see(match way {
                    Way::RungCall => "opened in a call that was rung",
                    Way::CallWithoutRing => "opened without a ring",
                    Way::ExitButton => "opened from the inside",
                    Way::Keypad | Way::Automation => panic!("the model has none"),
                });
            }
            Record::DoorRefused { .. } => self.see("refused a door"),
            Record::Answered { leg, .. } => {
                assert!(self.answered.contains(&leg.call));
                assert!(self.part(&leg).talkers.contains(&leg.client));
            }
            Record::Joined { leg } => {
                let part = self.part(&leg);
                assert!(part.talkers.contains(&leg.client) && part.talkers.len() > 1);
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
