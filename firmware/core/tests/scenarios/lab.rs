//! A station in virtual time, driven as a shell drives it: every deadline is met, every action collected.

use std::time::{Duration, Instant};

use doorway_core::press::PressSettings;
use doorway_core::{
    Action, Activity, ButtonRole, ButtonSettings, CallId, CallSettings, ClientId, DoorSettings, EndReason, Input, Leg,
    Requester, RingGroup, Settings, Station, UnlockOutcome,
};

pub(crate) const FIRST_CALL: CallId = CallId(40);

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Buttons `call` (rings everybody), `flat` (rings the names `Kitchen` and `Hall`), `hang-up` and `exit`, which opens `door` from
/// the inside; doors `door` and `gate`; otherwise the defaults.
pub(crate) fn settings() -> Settings {
    let flat = RingGroup::Named(["Kitchen", "Hall"].map(String::from).into());
    let button = |id: &str, role| ButtonSettings { id: id.into(), role, press: PressSettings::default() };
    Settings {
        first_call: FIRST_CALL,
        buttons: vec![
            button("call", ButtonRole::Call(RingGroup::Everybody)),
            button("flat", ButtonRole::Call(flat)),
            button("hang-up", ButtonRole::HangUp),
            button("exit", ButtonRole::Exit),
        ],
        doors: vec![
            DoorSettings { exit_buttons: vec!["exit".into()], ..DoorSettings::new("door".into()) },
            DoorSettings::new("gate".into()),
        ],
        call: CallSettings::default(),
    }
}

pub(crate) struct Lab {
    pub(crate) station: Station,
    pub(crate) now: Instant,
    request: u32,
}

impl Lab {
    /// A station at rest whose buttons were read as released, with these clients in the room under their ids as names.
    pub(crate) fn with(clients: &[&str]) -> Self {
        Self::made_from(settings(), clients)
    }

    pub(crate) fn made_from(settings: Settings, clients: &[&str]) -> Self {
        let buttons: Vec<_> = settings.buttons.iter().map(|button| button.id.clone()).collect();
        let station = Station::new(settings).expect("the settings are sound");
        let mut lab = Self { station, now: Instant::now(), request: 0 };
        for button in buttons {
            lab.input(Input::ButtonLevel { button, pressed: false });
        }
        for client in clients {
            lab.here(client);
        }
        lab
    }

    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.station.poll_action()).collect()
    }

    pub(crate) fn input(&mut self, input: Input) -> Vec<Action> {
        self.station.handle_input(input, self.now);
        self.actions()
    }

    /// Lets time pass and meets every deadline on the way.
    pub(crate) fn pass(&mut self, duration: Duration) -> Vec<Action> {
        let end = self.now + duration;
        let mut actions = Vec::new();
        while let Some((due, _)) = self.station.poll_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.station.handle_timeout(self.now);
            actions.extend(self.actions());
        }
        self.now = end;
        actions
    }

    /// A press of 100 ms, and time enough for the next one to count.
    pub(crate) fn press(&mut self, button: &str) -> Vec<Action> {
        let edge = |pressed, at| Input::ButtonEdge { button: button.into(), pressed, at };
        let mut actions = self.input(edge(true, self.now));
        actions.extend(self.pass(ms(100)));
        actions.extend(self.input(edge(false, self.now)));
        actions.extend(self.pass(ms(400)));
        actions
    }

    pub(crate) fn here(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::ClientHere { client: client.into(), name: client.into() })
    }

    pub(crate) fn gone(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::ClientGone { client: client.into() })
    }

    pub(crate) fn watch(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::Watch { client: client.into() })
    }

    pub(crate) fn accept(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::Accept(self.leg(client)))
    }

    pub(crate) fn decline(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::Decline(self.leg(client)))
    }

    pub(crate) fn reconnect(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::Reconnect(self.leg(client)))
    }

    pub(crate) fn hang_up(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::HangUp(self.leg(client)))
    }

    pub(crate) fn connected(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::PeerConnected(self.leg(client)))
    }

    pub(crate) fn lost(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::PeerLost(self.leg(client)))
    }

    pub(crate) fn handshake_failed(&mut self, client: &str) -> Vec<Action> {
        self.input(Input::HandshakeFailed(self.leg(client)))
    }

    pub(crate) fn unlock(&mut self, client: &str, door: &str) -> Vec<Action> {
        self.request += 1;
        let requester = Requester::Participant { leg: self.leg(client), request: self.request };
        self.input(Input::Unlock { requester, door: door.into() })
    }

    pub(crate) fn acted(&mut self, door: &str, energised: bool) -> Vec<Action> {
        self.input(Input::RelayActed { door: door.into(), energised })
    }

    pub(crate) fn failed(&mut self, door: &str, energised: bool) -> Vec<Action> {
        self.input(Input::RelayFailed { door: door.into(), energised, message: "no current".to_owned() })
    }

    /// A client's part in the call that is on.
    pub(crate) fn leg(&self, client: &str) -> Leg {
        leg(client, self.call())
    }

    /// The call that is on, else the first one, which is over or never was.
    pub(crate) fn call(&self) -> CallId {
        self.station.call().map_or(FIRST_CALL, |call| call.id)
    }

    pub(crate) fn activity(&self) -> Activity {
        self.station.activity()
    }

    /// In a call: this client was rung, connected and accepted.
    pub(crate) fn talking(client: &str) -> Self {
        let mut lab = Self::with(&[client]);
        lab.press("call");
        lab.connected(client);
        lab.accept(client);
        lab
    }
}

/// The clients that are invited with a ring, in order.
pub(crate) fn rung(actions: &[Action]) -> Vec<&str> {
    select(actions, |action| match action {
        Action::Invite { leg, ring: Some(_) } => Some(leg.client.as_str()),
        _ => None,
    })
}

/// The clients that are rung without an offer.
pub(crate) fn rung_without_offer(actions: &[Action]) -> Vec<&str> {
    select(actions, |action| match action {
        Action::Ring { leg, .. } => Some(leg.client.as_str()),
        _ => None,
    })
}

/// The clients that are offered without a ring.
pub(crate) fn offered(actions: &[Action]) -> Vec<&str> {
    select(actions, |action| match action {
        Action::Invite { leg, ring: None } => Some(leg.client.as_str()),
        _ => None,
    })
}

pub(crate) fn ended(actions: &[Action]) -> Vec<(&str, EndReason)> {
    select(actions, |action| match action {
        Action::Ended { leg, reason } => Some((leg.client.as_str(), *reason)),
        _ => None,
    })
}

pub(crate) fn refused(actions: &[Action]) -> Vec<(&str, EndReason)> {
    select(actions, |action| match action {
        Action::Refuse { client, reason } => Some((client.as_str(), *reason)),
        _ => None,
    })
}

pub(crate) fn accepted(actions: &[Action]) -> Vec<&str> {
    select(actions, |action| match action {
        Action::Accepted(leg) => Some(leg.client.as_str()),
        _ => None,
    })
}

pub(crate) fn closed(actions: &[Action]) -> Vec<&str> {
    select(actions, |action| match action {
        Action::ClosePeer(leg) => Some(leg.client.as_str()),
        _ => None,
    })
}

/// Whether audio goes on (`true`) or off, in order.
pub(crate) fn audio(actions: &[Action]) -> Vec<(&str, bool)> {
    select(actions, |action| match action {
        Action::AudioOn(leg) => Some((leg.client.as_str(), true)),
        Action::AudioOff(leg) => Some((leg.client.as_str(), false)),
        _ => None,
    })
}

pub(crate) fn relay_moves(actions: &[Action]) -> Vec<(&str, bool)> {
    select(actions, |action| match action {
        Action::MoveRelay { door, energise } => Some((door.as_str(), *energise)),
        _ => None,
    })
}

pub(crate) fn outcomes(actions: &[Action]) -> Vec<&UnlockOutcome> {
    select(actions, |action| match action {
        Action::UnlockResult { outcome, .. } => Some(outcome),
        _ => None,
    })
}

pub(crate) fn client(name: &str) -> ClientId {
    name.into()
}

pub(crate) fn leg(client: &str, call: CallId) -> Leg {
    Leg { client: client.into(), call }
}

fn select<'a, T>(actions: &'a [Action], pick: impl Fn(&'a Action) -> Option<T>) -> Vec<T> {
    actions.iter().filter_map(pick).collect()
}
