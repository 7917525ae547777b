//! Random edges, clients, companions and relays against the whole station, beside a shadow that knows the rules.
//!
//! The shadow sees only what a shell sees: what it put in and what came out. It holds, after every single action:
//! - a relay is energised only for somebody who talks in a live call, and in one that was rung unless its door may do
//!   without, or for its exit button; it is released within the cap, told again and again until it reports so, and every request for a door gets
//!   exactly one answer;
//! - a call is answered at most once, over media that are up, and nobody is told of a call that they were not invited to;
//! - a press is accepted only where the edges show a contact that was held, and rings everybody, whatever is on;
//! - while something is on there is a deadline, no deadline repeats itself, and time alone brings everything to rest.

mod shadow;
mod step;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use doorway_core::door::{PULSE_CAP, REPORT_TIMEOUT};
use doorway_core::{
    Activity, ButtonId, CallId, CallSettings, ClientId, DoorId, DoorSettings, Fault, Input, Leg, Requester, Settings,
    Station,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use self::shadow::{Relay, Shadow};
use self::step::{Report, Step, Which, Who, Word, day};
use crate::lab::{FIRST_CALL, ms, secs, settings};

const CLIENTS: [&str; 4] = ["Attic", "Cellar", "Hall", "Kitchen"];
const BUTTONS: [&str; 4] = ["call", "flat", "hang-up", "exit"];
const DOORS: [&str; 3] = ["door", "gate", "garage"];
const MOST_PEERS: usize = 2;
const OPENS_WITHOUT_RING: &str = "gate";

/// How late the model's shell may be.
const LATE: Duration = ms(500);

/// Longer than any chain of deadlines.
const REST: Duration = secs(20 * 60);

fn model_settings(max_talkers: usize) -> Settings {
    Settings {
        doors: vec![
            DoorSettings {
                pulse: secs(1),
                max_openings: 2,
                exit_buttons: vec!["exit".into()],
                ..DoorSettings::new("door".into())
            },
            DoorSettings { pulse: secs(3600), open_without_ring: true, ..DoorSettings::new(OPENS_WITHOUT_RING.into()) },
        ],
        call: CallSettings { max_peers: MOST_PEERS, max_talkers, ..CallSettings::default() },
        ..settings()
    }
}

struct Model {
    station: Station,
    now: Instant,
    previous: CallId,
    requests: u32,
    shadow: Shadow,
}

impl Model {
    fn new(max_talkers: usize) -> Self {
        let station = Station::new(model_settings(max_talkers)).expect("the settings are sound");
        let doors = DOORS.map(|door| (door.into(), Relay { reported_released: true, ..Relay::default() }));
        let shadow = Shadow { doors: doors.into(), max_talkers, ..Shadow::default() };
        let mut model = Self { station, now: Instant::now(), previous: CallId(0), requests: 0, shadow };
        model.drain(None);
        model
    }

    fn run(steps: Vec<Step>, max_talkers: usize) -> BTreeMap<&'static str, usize> {
        let mut model = Self::new(max_talkers);
        for step in steps {
            model.step(step);
            model.check();
        }
        model.come_to_rest();
        model.shadow.seen
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass(duration) => self.pass(ms(duration)),
            Step::Late(duration) => {
                self.now += ms(duration);
                self.expire();
            }
            Step::Edge { button, pressed, age_ms } => self.edge(BUTTONS[button], pressed, ms(age_ms)),
            Step::Level { button, pressed } => {
                let button: ButtonId = BUTTONS[button].into();
                self.shadow.level(&button, self.now, pressed);
                self.input(Input::ButtonLevel { button, pressed });
            }
            Step::Noise { button, pulses, width_ms } => {
                for _ in 0..pulses {
                    self.edge(BUTTONS[button], true, Duration::ZERO);
                    self.pass(ms(width_ms));
                    self.edge(BUTTONS[button], false, Duration::ZERO);
                    self.pass(ms(1));
                }
            }
            Step::Press(button) => {
                self.edge(BUTTONS[button], true, Duration::ZERO);
                self.pass(ms(50));
                self.edge(BUTTONS[button], false, Duration::ZERO);
                self.pass(ms(50));
            }
            Step::Talk(client) => {
                self.step(Step::Here(client));
                self.step(Step::Press(0));
                self.connect_and_accept(client);
            }
            Step::TalkUnrung(client) => {
                self.step(Step::Here(client));
                self.step(Step::Watch(Who::Client(client)));
                self.connect_and_accept(client);
            }
            Step::Open(door) => {
                self.step(Step::Unlock(Who::Talker, Which::Present, door));
                while !self.shadow.doors[&DoorId::from(DOORS[door])].commands.is_empty() {
                    self.step(Step::Relay(door, Report::Acted));
                }
            }
            Step::WatchAll => {
                for client in 0..CLIENTS.len() {
                    self.step(Step::Here(client));
                    self.step(Step::Watch(Who::Client(client)));
                }
            }
            Step::Here(client) => {
                let name = CLIENTS[client];
                self.shadow.comes(name.into());
                self.input(Input::ClientHere { client: name.into(), name: name.into() });
            }
            Step::Gone(client) => {
                let client: ClientId = CLIENTS[client].into();
                self.shadow.here.remove(&client);
                self.shadow.left(|other| *other == client);
                self.input(Input::ClientGone { client });
            }
            Step::CompanionLost => {
                self.shadow.here.clear();
                self.shadow.left(|_| true);
                self.input(Input::CompanionLost);
            }
            Step::Watch(who) => {
                let client = self.who(who);
                self.input(Input::Watch { client });
            }
            Step::Tell(word, who, which) => self.tell(word, who, which),
            Step::Unlock(who, which, door) => {
                let (leg, door) = (self.leg(who, which), DoorId::from(DOORS[door]));
                self.requests += 1;
                let request = self.requests;
                self.shadow.requests.insert(request, (leg.clone(), door.clone(), self.now));
                self.input(Input::Unlock { requester: Requester::Participant { leg, request }, door });
            }
            Step::Relay(door, report) => self.relay(&DOORS[door].into(), report),
            Step::Rogue { door, energised, failed } => {
                let door = DoorId::from(DOORS[door]);
                // No rule helps against a board that says 'released' of a relay which is energised.
                let lie = self.shadow.doors[&door].energised && !energised && !failed;
                if !lie {
                    self.report(door, energised, failed);
                }
            }
            Step::Trouble(present) => self.input(Input::Trouble { present }),
            Step::Shutdown => {
                self.shadow.closing = true;
                self.input(Input::Shutdown);
                assert_eq!(self.station.activity(), Activity::Idle, "closing down ends the call at once");
            }
        }
    }

    fn connect_and_accept(&mut self, client: usize) {
        for word in [Word::Connected, Word::Accept] {
            self.step(Step::Tell(word, Who::Client(client), Which::Present));
        }
    }

    fn edge(&mut self, button: &str, pressed: bool, age: Duration) {
        let button = ButtonId::from(button);
        let at = self.now.checked_sub(age).expect("the clock started long before the model");
        self.shadow.level(&button, at, pressed);
        self.input(Input::ButtonEdge { button, pressed, at });
    }

    fn tell(&mut self, word: Word, who: Who, which: Which) {
        let leg = self.leg(who, which);
        let input = match word {
            Word::Rang => Input::Rang(leg),
            Word::Accept => {
                self.shadow.accepts(&leg);
                Input::Accept(leg)
            }
            Word::Decline => {
                self.shadow.refuses(&leg, self.station.activity());
                Input::Decline(leg)
            }
            Word::Reconnect => Input::Reconnect(leg),
            Word::HangUp => {
                self.shadow.refuses(&leg, self.station.activity());
                Input::HangUp(leg)
            }
            Word::Malformed => Input::Malformed(leg),
            Word::Connected => {
                self.shadow.connect(&leg);
                Input::PeerConnected(leg)
            }
            Word::Lost => Input::PeerLost(leg),
            Word::HandshakeFailed => Input::HandshakeFailed(leg),
        };
        self.input(input);
    }

    fn relay(&mut self, door: &DoorId, report: Report) {
        let relay = self.shadow.doors.get_mut(door).expect("the model knows all doors");
        let Some(energise) = relay.commands.pop_front() else {
            return;
        };
        let failed = match report {
            Report::Acted => false,
            Report::Failed | Report::FailedButMoved => true,
        };
        match report {
            Report::Acted | Report::FailedButMoved => relay.energised = energise,
            Report::Failed => {}
        }
        self.report(door.clone(), energise, failed);
    }

    fn report(&mut self, door: DoorId, energised: bool, failed: bool) {
        if failed {
            return self.input(Input::RelayFailed { door, energised, message: "no current".to_owned() });
        }
        let relay = self.shadow.doors.get_mut(&door).expect("the model knows all doors");
        relay.reported_released = !energised;
        self.input(Input::RelayActed { door, energised });
    }

    fn leg(&self, who: Who, which: Which) -> Leg {
        Leg { client: self.who(who), call: self.which(which) }
    }

    fn who(&self, who: Who) -> ClientId {
        let talker = || self.shadow.call.as_ref().and_then(|call| call.talkers.last().cloned());
        match who {
            Who::Client(client) => CLIENTS[client].into(),
            Who::Talker => talker().unwrap_or(CLIENTS[0].into()),
        }
    }

    fn which(&self, which: Which) -> CallId {
        match which {
            Which::Present => self.station.call().map_or(self.previous, |call| call.id),
            Which::Previous => self.previous,
            Which::Foreign => CallId(u64::MAX / 2),
        }
    }

    fn input(&mut self, input: Input) {
        self.station.handle_input(input.clone(), self.now);
        self.drain(Some(&input));
    }

    /// Meets every deadline on the way.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((due, _)) = self.station.poll_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.expire();
        }
        self.now = end;
    }

    fn expire(&mut self) {
        self.station.handle_timeout(self.now);
        self.drain(None);
        if let Some((due, reason)) = self.station.poll_timeout() {
            assert!(due > self.now, "the deadline '{reason}' repeats itself");
        }
        self.check();
    }

    fn drain(&mut self, input: Option<&Input>) {
        while let Some(action) = self.station.poll_action() {
            self.shadow.act(action, input, self.now);
        }
        self.shadow.check_press(self.now);
        match self.station.call() {
            Some(call) => {
                self.previous = call.id;
                assert_eq!(Some(call.id), self.shadow.call.as_ref().map(|call| call.id));
            }
            None => self.shadow.call_is_over(),
        }
    }

    fn check(&self) {
        let activity = self.station.activity();
        assert_eq!(self.shadow.activity, Some(activity), "the companion was told otherwise");
        let deadline = self.station.poll_timeout();
        assert!(activity == Activity::Idle || deadline.is_some(), "{activity:?} without a deadline");
        for (door, relay) in &self.shadow.doors {
            let Some((energise, told_at)) = relay.told else {
                continue;
            };
            let age = self.now - told_at;
            if energise {
                assert!(age <= PULSE_CAP + LATE, "the relay of {door} is energised for {age:?}");
                assert!(deadline.is_some(), "{door} is open without a deadline");
            } else if !relay.reported_released {
                assert!(age <= REPORT_TIMEOUT + LATE, "the relay of {door} was not told again to release");
                assert!(deadline.is_some(), "{door} may be open without a deadline");
            }
        }
        for (leg, door, asked_at) in self.shadow.requests.values() {
            assert!(self.now - *asked_at <= REPORT_TIMEOUT + LATE, "{} waits for an answer about {door}", leg.client);
        }
        let seen =
            |up_only: bool| self.shadow.call.iter().flat_map(|call| call.peers.values()).any(|up| *up || !up_only);
        assert_eq!(self.shadow.video, seen(activity == Activity::Watched), "camera while {activity:?}");
        assert_eq!(self.shadow.sound, matches!(activity, Activity::Ringing | Activity::InCall));
        if let (Some(call), Some(view)) = (&self.shadow.call, self.station.call()) {
            assert!(call.peers.len() <= 2 * MOST_PEERS, "more than those that accept can add");
            assert!(view.talkers.iter().eq(&call.talkers), "{:?} talk, {:?} were told", view.talkers, call.talkers);
            let connected = |peers: Vec<(&ClientId, bool)>| -> Vec<ClientId> {
                peers.into_iter().filter(|(_, connected)| *connected).map(|(client, _)| client.clone()).collect()
            };
            assert_eq!(
                connected(view.participants.iter().map(|(client, connected)| (client, *connected)).collect()),
                connected(call.peers.iter().map(|(client, connected)| (client, *connected)).collect()),
            );
        }
    }

    /// Relays work again, everybody else stays silent.
    fn come_to_rest(&mut self) {
        let end = self.now + REST;
        while self.now < end {
            for door in DOORS {
                while !self.shadow.doors[&DoorId::from(door)].commands.is_empty() {
                    self.relay(&door.into(), Report::Acted);
                }
            }
            self.pass(ms(500));
            self.check();
            if self.station.poll_timeout().is_none() && self.shadow.doors.values().all(|d| d.commands.is_empty()) {
                break;
            }
        }
        assert_eq!(self.station.activity(), Activity::Idle);
        assert_eq!(self.station.poll_timeout(), None, "something is still awaited");
        assert!(self.shadow.requests.is_empty(), "a request was never answered");
        assert_eq!(self.shadow.exits, 0, "a press of the exit button came to nothing");
        assert!(self.station.doors().all(|(_, open)| !open));
        for (door, relay) in &self.shadow.doors {
            assert!(!relay.energised, "the relay of {door} stays energised");
        }
        assert!(!self.station.faults().any(|fault| matches!(fault, Fault::RelayStuck(_))));
        assert_eq!(self.station.is_finished(), self.shadow.closing);
        let calls = self.shadow.recorded.len() as u64;
        assert!(
            (0..calls).all(|n| self.shadow.recorded.contains(&CallId(FIRST_CALL.0 + n))),
            "a call has no last record"
        );
    }
}

proptest! {
    #![proptest_config(Config { max_shrink_iters: 20_000, ..Config::default() })]

    #[test]
    fn the_station_keeps_its_rules_whatever_happens(steps in day()) {
        Model::run(steps, 1);
    }

    #[test]
    fn it_keeps_them_where_three_may_talk(steps in day()) {
        Model::run(steps, 3);
    }
}

#[test]
fn the_model_comes_by_everything_that_it_is_to_judge() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..300 {
        let steps = day().new_tree(&mut runner).expect("a day").current();
        for max_talkers in [1, 3] {
            for (what, times) in Model::run(steps.clone(), max_talkers) {
                *seen.entry(what).or_default() += times;
            }
        }
    }
    for what in [
        "accepted",
        "already open",
        "answered elsewhere",
        "button stuck",
        "connection lost",
        "handshake failed",
        "declined",
        "failed to open",
        "hung up",
        "joined",
        "left",
        "not left",
        "malformed",
        "max duration",
        "missed",
        "no such door",
        "not in call",
        "not rung",
        "opened",
        "opened in a call that was rung",
        "opened from the inside",
        "opened without a ring",
        "place taken",
        "press",
        "pressed again",
        "rang",
        "refused",
        "refused a door",
        "relay stuck",
        "reconnected",
        "ring timeout",
        "rung without a new offer",
        "rung without an offer",
        "station closing",
        "too often",
    ] {
        assert!(seen.get(what).is_some_and(|times| *times > 5), "'{what}' is too rare: {seen:?}");
    }
}
