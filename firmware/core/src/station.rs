//! The station: buttons, call, doors and light driven as one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::access::{Access, Grant, Requester, Way};
use crate::call::CallMachine;
use crate::door::Door;
use crate::ids::{ButtonId, CallId, ClientId, DoorId};
use crate::indicator::{Indicator, Scene, indicator};
use crate::messages::{Action, Activity, Fault, Input, Record, UnlockOutcome, UnlockRefusal};
use crate::press::{PressEvent, PressFilter};
use crate::settings::{ButtonRole, DoorSettings, Settings, SettingsError};

/// A door station's decisions. See the [crate] for its run loop.
///
/// Its memory is bounded by the settings, except for the actions, which the shell drains after each input.
#[derive(Debug)]
pub struct Station {
    buttons: BTreeMap<ButtonId, Button>,
    call: CallMachine,
    doors: Vec<Entrance>,
    stuck: BTreeSet<ButtonId>,
    trouble: bool,
    closing: bool,
    shown: Option<(Activity, Indicator)>,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Button {
    press: Press,
    filter: PressFilter,
}

/// What a press does.
#[derive(Debug, Clone, Copy)]
enum Press {
    Rings,
    HangsUp,
    Opens,
}

#[derive(Debug)]
struct Entrance {
    access: Access,
    door: Door,
}

/// A call as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Its number.
    pub id: CallId,
    /// Whoever talks with the visitor.
    pub talkers: Vec<ClientId>,
    /// Everybody who has a part in it, and whether its media are connected.
    pub participants: Vec<(ClientId, bool)>,
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
            let press = match button.role {
                ButtonRole::Call(group) => {
                    groups.insert(button.id.clone(), group);
                    Press::Rings
                }
                ButtonRole::HangUp => Press::HangsUp,
                ButtonRole::Exit => Press::Opens,
            };
            buttons.insert(button.id, Button { press, filter: PressFilter::new(button.press) });
        }
        let mut station = Self {
            buttons,
            call: CallMachine::new(settings.call, groups, settings.first_call),
            doors: settings.doors.iter().map(Entrance::new).collect(),
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
            Input::ClientHere { client, name } => self.call.handle_here(client, name, now, out),
            Input::ClientGone { client } => self.call.handle_gone(&client, now, out),
            Input::CompanionLost => self.call.handle_companion_lost(now, out),
            Input::Rang(leg) => self.call.handle_rang(leg, now, out),
            Input::Watch { client } => self.call.handle_watch(client, now, out),
            Input::Accept(leg) => self.call.handle_accept(&leg, now, out),
            Input::Decline(leg) => self.call.handle_decline(&leg, now, out),
            Input::Reconnect(leg) => self.call.handle_reconnect(&leg, now, out),
            Input::HangUp(leg) => self.call.handle_hang_up(&leg, now, out),
            Input::Malformed(leg) => self.call.handle_malformed(&leg, now, out),
            Input::PeerConnected(leg) => self.call.handle_connected(&leg, now, out),
            Input::PeerLost(leg) => self.call.handle_lost(&leg, now, out),
            Input::HandshakeFailed(leg) => self.call.handle_handshake_failed(&leg, now, out),
            Input::Unlock { requester, door } => self.unlock(requester, door, now),
            Input::RelayActed { door, energised } => {
                if let Some(known) = self.doors.iter_mut().find(|known| known.door.id() == &door) {
                    known.door.handle_acted(energised, now, out);
                }
            }
            Input::RelayFailed { door, energised, message } => {
                if let Some(known) = self.doors.iter_mut().find(|known| known.door.id() == &door) {
                    known.door.handle_failed(energised, message, now, out);
                }
            }
            Input::Trouble { present } => self.trouble = present,
            Input::Shutdown => {
                self.closing = true;
                self.call.handle_shutdown(now, out);
                for known in &mut self.doors {
                    known.door.handle_shutdown(now, out);
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
        let doors = self.doors.iter().filter_map(|known| known.door.poll_timeout());
        self.call.poll_timeout().into_iter().chain(doors).chain(buttons).min_by_key(|(due, _)| *due)
    }

    /// What the station does.
    pub fn activity(&self) -> Activity {
        self.call.activity()
    }

    /// The call as it is now.
    pub fn call(&self) -> Option<CallView> {
        let participants = self.call.participants().map(|(client, connected)| (client.clone(), connected)).collect();
        Some(CallView { id: self.call.id()?, talkers: self.call.talkers().cloned().collect(), participants })
    }

    /// Each door, and whether its relay was reported energised.
    pub fn doors(&self) -> impl Iterator<Item = (&DoorId, bool)> {
        self.doors.iter().map(|known| (known.door.id(), known.door.is_energised()))
    }

    /// What is wrong with the door station.
    pub fn faults(&self) -> impl Iterator<Item = Fault> {
        let relays = self.doors.iter().map(|known| &known.door).filter(|door| door.is_stuck());
        self.stuck
            .iter()
            .cloned()
            .map(Fault::ButtonStuck)
            .chain(relays.map(|door| Fault::RelayStuck(door.id().clone())))
            .chain(self.call.is_overfull().then_some(Fault::TooManyClients))
    }

    /// Whether the station has closed down and every relay was reported released: the process may end.
    pub fn is_finished(&self) -> bool {
        self.closing && self.activity() == Activity::Idle && self.doors.iter().all(|known| known.door.is_closed())
    }

    /// Call and doors only: a button's edges that wait may be older than what is due for it.
    fn expire(&mut self, now: Instant) {
        self.call.handle_timeout(now, &mut self.actions);
        for known in &mut self.doors {
            known.door.handle_timeout(now, &mut self.actions);
        }
    }

    fn filtered(&mut self, now: Instant) {
        let mut exits = Vec::new();
        let out = &mut self.actions;
        for (id, button) in &mut self.buttons {
            while let Some(event) = button.filter.poll_event() {
                match event {
                    PressEvent::Pressed { at } => {
                        let its_place = out.len();
                        let rings = match button.press {
                            Press::Rings => self.call.handle_press(id, now, out),
                            Press::HangsUp => {
                                self.call.handle_hang_up_button(now, out);
                                false
                            }
                            Press::Opens => {
                                exits.push(id.clone());
                                false
                            }
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
        for button in exits {
            let left = self.doors.iter().filter(|known| known.access.is_left_by(&button));
            let doors: Vec<DoorId> = left.map(|known| known.door.id().clone()).collect();
            for door in doors {
                self.unlock(Requester::ExitButton(button.clone()), door, now);
            }
        }
    }

    fn unlock(&mut self, requester: Requester, door: DoorId, now: Instant) {
        if let Err(reason) = self.open(&requester, &door, now) {
            let (outcome, refused) = (UnlockOutcome::Refused(reason), requester.clone());
            let record = Record::DoorRefused { door: door.clone(), requester: refused, reason };
            self.actions.push_back(Action::UnlockResult { requester, door, outcome });
            self.actions.push_back(Action::Record(record));
        }
    }

    fn open(&mut self, requester: &Requester, door: &DoorId, now: Instant) -> Result<(), UnlockRefusal> {
        let talks = match requester {
            Requester::Participant { leg, .. } => Some(self.call.opener(leg).ok_or(UnlockRefusal::NotInCall)?),
            Requester::ExitButton(_) | Requester::Keypad { .. } | Requester::Automation { .. } if self.closing => {
                return Err(UnlockRefusal::Closing);
            }
            Requester::ExitButton(_) | Requester::Keypad { .. } | Requester::Automation { .. } => None,
        };
        let known = self.doors.iter_mut().find(|known| known.door.id() == door).ok_or(UnlockRefusal::NoSuchDoor)?;
        let way = known.access.way(requester, talks.as_ref())?;
        let grant = Grant::new(door.clone(), requester.clone(), talks.as_ref(), way);
        if !known.door.is_closed() {
            return match way {
                Way::ExitButton => known.door.handle_grant_behind(grant, now),
                Way::RungCall | Way::CallWithoutRing | Way::Keypad | Way::Automation => Err(UnlockRefusal::AlreadyOpen),
            };
        }
        known.access.count(way, now)?;
        known.door.handle_grant(grant, now, &mut self.actions);
        Ok(())
    }

    /// What follows from all of it: camera, light, and what the companion is told.
    fn show(&mut self) {
        self.call.tend_video(&mut self.actions);
        let scene = Scene {
            activity: self.activity(),
            connected: self.call.is_heard(),
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

impl Entrance {
    fn new(settings: &DoorSettings) -> Self {
        Self { access: Access::new(settings), door: Door::new(settings) }
    }
}
