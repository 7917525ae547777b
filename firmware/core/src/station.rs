//! The station: buttons, call, doors and light driven as one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::call::CallMachine;
use crate::door::{Door, Unlock};
use crate::ids::{ButtonId, CallId, ClientId, DoorId};
use crate::indicator::{Indicator, Scene, indicator};
use crate::messages::{Action, Activity, Fault, Input, UnlockOutcome, UnlockRefusal};
use crate::press::{PressEvent, PressFilter};
use crate::settings::{ButtonRole, Settings, SettingsError};

/// A door station's decisions. See the [crate] for its run loop.
///
/// Its memory is bounded by the settings, except for the actions, which the shell drains after each input.
#[derive(Debug)]
pub struct Station {
    buttons: BTreeMap<ButtonId, Button>,
    call: CallMachine,
    doors: Vec<Door>,
    stuck: BTreeSet<ButtonId>,
    trouble: bool,
    closing: bool,
    shown: Option<(Activity, Indicator)>,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Button {
    hangs_up: bool,
    filter: PressFilter,
}

/// A call as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Its number.
    pub id: CallId,
    /// Who talks with the visitor.
    pub talker: Option<ClientId>,
    /// Everybody who has a part in it, and whether its media are connected.
    pub peers: Vec<(ClientId, bool)>,
}

impl Station {
    /// A station at rest. The first actions tell its indicator and activity.
    ///
    /// # Errors
    /// When the settings contradict themselves.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let mut buttons = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for button in settings.buttons {
            let hangs_up = match button.role {
                ButtonRole::Call(group) => {
                    groups.insert(button.id.clone(), group);
                    false
                }
                ButtonRole::HangUp => true,
            };
            buttons.insert(button.id, Button { hangs_up, filter: PressFilter::new(button.press) });
        }
        let mut station = Self {
            buttons,
            call: CallMachine::new(settings.call, groups, settings.first_call),
            doors: settings.doors.into_iter().map(Door::new).collect(),
            stuck: BTreeSet::new(),
            trouble: false,
            closing: false,
            shown: None,
            actions: VecDeque::new(),
        };
        station.show();
        Ok(station)
    }

    /// Takes in what happened. What was due before comes into effect first.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        self.expire(now);
        let out = &mut self.actions;
        match input {
            Input::ButtonEdge { button, pressed, at } => {
                if let Some(found) = self.buttons.get_mut(&button) {
                    found.filter.handle_edge(pressed, at.min(now));
                }
                self.filtered(now);
            }
            Input::ButtonLevel { button, pressed } => {
                if let Some(found) = self.buttons.get_mut(&button) {
                    found.filter.handle_level(pressed, now);
                }
                self.filtered(now);
            }
            Input::ExitedByButton => self.call.handle_exit(now, out),
            Input::ClientHere { client, name } => self.call.handle_here(client, name, now, out),
            Input::ClientGone { client } => self.call.handle_gone(&client, now, out),
            Input::CompanionLost => self.call.handle_companion_lost(now, out),
            Input::Rang { client, call } => self.call.handle_rang(&client, call),
            Input::Watch { client } => self.call.handle_watch(client, now, out),
            Input::Accept { client, call } => self.call.handle_accept(&client, call, now, out),
            Input::Decline { client, call } => self.call.handle_decline(&client, call, now, out),
            Input::Reconnect { client, call } => self.call.handle_reconnect(&client, call, now, out),
            Input::HangUp { client, call } => self.call.handle_hang_up(&client, call, now, out),
            Input::Malformed { client, call } => self.call.handle_malformed(&client, call, now, out),
            Input::PeerConnected { client, call } => self.call.handle_connected(&client, call, now, out),
            Input::PeerLost { client, call } => self.call.handle_lost(&client, call, now, out),
            Input::HandshakeFailed { client, call } => self.call.handle_handshake_failed(&client, call, now, out),
            Input::Unlock { client, call, request, door } => {
                self.unlock(client, call, request, door, now);
            }
            Input::RelayActed { door, energised } => {
                if let Some(door) = self.doors.iter_mut().find(|known| known.id() == &door) {
                    door.handle_acted(energised, now, out);
                }
            }
            Input::RelayFailed { door, energised, message } => {
                if let Some(door) = self.doors.iter_mut().find(|known| known.id() == &door) {
                    door.handle_failed(energised, message, now, out);
                }
            }
            Input::Trouble { present } => self.trouble = present,
            Input::Shutdown => {
                self.closing = true;
                self.call.handle_shutdown(now, out);
                for door in &mut self.doors {
                    door.handle_shutdown(now, out);
                }
            }
        }
        self.show();
    }

    /// Lets time pass. Feed the button edges that wait first.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        for button in self.buttons.values_mut() {
            button.filter.handle_timeout(now);
        }
        self.filtered(now);
        self.show();
    }

    /// The next thing to do. Drain it after each input and timeout.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and why. While a call is on or a door is not shut there
    /// always is an instant.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let buttons = self.buttons.values().filter_map(|button| button.filter.poll_timeout());
        let doors = self.doors.iter().filter_map(Door::poll_timeout);
        self.call.poll_timeout().into_iter().chain(doors).chain(buttons).min_by_key(|(due, _)| *due)
    }

    /// What the station does.
    pub fn activity(&self) -> Activity {
        self.call.activity()
    }

    /// The call as it is now.
    pub fn call(&self) -> Option<CallView> {
        let peers = self.call.peers().map(|(client, connected)| (client.clone(), connected)).collect();
        Some(CallView { id: self.call.id()?, talker: self.call.talker().cloned(), peers })
    }

    /// Each door, and whether its relay was reported energised.
    pub fn doors(&self) -> impl Iterator<Item = (&DoorId, bool)> {
        self.doors.iter().map(|door| (door.id(), door.is_energised()))
    }

    /// What is wrong with the door station.
    pub fn faults(&self) -> impl Iterator<Item = Fault> {
        let relays = self.doors.iter().filter(|door| door.is_stuck());
        self.stuck
            .iter()
            .cloned()
            .map(Fault::ButtonStuck)
            .chain(relays.map(|door| Fault::RelayStuck(door.id().clone())))
            .chain(self.call.is_overfull().then_some(Fault::TooManyClients))
    }

    /// Whether the station has closed down and every relay was reported released: the process may end.
    pub fn is_finished(&self) -> bool {
        self.closing && self.activity() == Activity::Idle && self.doors.iter().all(Door::is_closed)
    }

    /// Call and doors only: a button's edges that wait may be older than what is due for it.
    fn expire(&mut self, now: Instant) {
        self.call.handle_timeout(now, &mut self.actions);
        for door in &mut self.doors {
            door.handle_timeout(now, &mut self.actions);
        }
    }

    fn filtered(&mut self, now: Instant) {
        let out = &mut self.actions;
        for (id, button) in &mut self.buttons {
            while let Some(event) = button.filter.poll_event() {
                match event {
                    PressEvent::Pressed { at } => {
                        let its_place = out.len();
                        let rings = if button.hangs_up {
                            self.call.handle_exit(now, out);
                            false
                        } else {
                            self.call.handle_press(id, now, out)
                        };
                        out.insert(its_place, Action::PressAccepted { button: id.clone(), at, rings });
                    }
                    PressEvent::Stuck => {
                        self.stuck.insert(id.clone());
                        out.push_back(Action::Fault { fault: Fault::ButtonStuck(id.clone()), present: true });
                    }
                    PressEvent::Freed => {
                        self.stuck.remove(id);
                        out.push_back(Action::Fault { fault: Fault::ButtonStuck(id.clone()), present: false });
                    }
                }
            }
        }
    }

    fn unlock(&mut self, client: ClientId, call: CallId, request: u32, door: DoorId, now: Instant) {
        let out = &mut self.actions;
        let known = self.doors.iter_mut().find(|known| known.id() == &door);
        let allowed =
            self.call.opener(&client, call).and_then(|opener| Ok((opener, known.ok_or(UnlockRefusal::NoSuchDoor)?)));
        match allowed {
            Ok(((opened_in, name), found)) => {
                found.handle_unlock(Unlock { client, call, request, door, name, opened_in }, now, out);
            }
            Err(reason) => {
                let outcome = UnlockOutcome::Refused(reason);
                out.push_back(Action::UnlockResult { client, call, request, door, outcome });
            }
        }
    }

    fn show(&mut self) {
        let scene = Scene {
            activity: self.activity(),
            connected: self.call.is_talking(),
            seen: self.call.is_seen(),
            fault: self.trouble || self.faults().next().is_some(),
            closing: self.closing,
        };
        let now = (scene.activity, indicator(scene));
        let before = self.shown.replace(now);
        if before.map(|(_, indicator)| indicator) != Some(now.1) {
            self.actions.push_back(Action::Indicator(now.1));
        }
        if before.map(|(activity, _)| activity) != Some(now.0) {
            self.actions.push_back(Action::Activity(now.0));
        }
    }
}
