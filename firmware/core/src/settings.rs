//! What the configuration decides about buttons, calls and doors.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ids::{ButtonId, CallId, DoorId};
use crate::press::PressSettings;

/// Everything that a [`Station`](crate::Station) is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The number of the first call: a random one.
    pub first_call: CallId,
    /// The buttons.
    pub buttons: Vec<ButtonSettings>,
    /// The doors.
    pub doors: Vec<DoorSettings>,
    /// Durations and bounds of a call.
    pub call: CallSettings,
}

/// A button.
#[derive(Debug, Clone)]
pub struct ButtonSettings {
    /// Its name.
    pub id: ButtonId,
    /// What a press does.
    pub role: ButtonRole,
    /// How a press is told from noise.
    pub press: PressSettings,
}

impl ButtonSettings {
    /// A call button that rings everybody.
    pub fn call(id: ButtonId) -> Self {
        Self { id, role: ButtonRole::Call(RingGroup::Everybody), press: PressSettings::default() }
    }
}

/// What a press does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ButtonRole {
    /// It rings a group.
    Call(RingGroup),
    /// It ends the call.
    HangUp,
    /// It opens from the inside the doors that name it (request to exit).
    Exit,
}

/// Whom a button rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RingGroup {
    /// Every client of the room.
    Everybody,
    /// The clients with these names, written exactly so.
    Named(BTreeSet<String>),
}

impl RingGroup {
    pub(crate) fn rings(&self, name: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorSettings {
    /// Its name.
    pub id: DoorId,
    /// How long its relay is energised, at most [`PULSE_CAP`](crate::door::PULSE_CAP). 3 s is time to push a door whose opener hums.
    pub pulse: Duration,
    /// How often it may be opened within [`openings_window`](Self::openings_window).
    pub max_openings: usize,
    /// Whether it opens for somebody who talks although nobody pressed a button. Off, so that nobody opens a door while
    /// nobody stands before it.
    pub open_without_ring: bool,
    /// The buttons that open it from the inside, at any time.
    pub exit_buttons: Vec<ButtonId>,
    /// Whether it opens for a code at the door.
    pub open_by_keypad: bool,
    /// Whether it opens for a program of the household. Off, so that a house that was taken over opens nothing.
    pub open_by_automation: bool,
    /// The time that [`max_openings`](Self::max_openings) is counted over. Ten in a minute let a family in, and keep
    /// a program from wearing out the opener.
    pub openings_window: Duration,
}

impl DoorSettings {
    /// A door with the defaults.
    pub fn new(id: DoorId) -> Self {
        Self {
            id,
            pulse: Duration::from_secs(3),
            open_without_ring: false,
            exit_buttons: Vec::new(),
            open_by_keypad: false,
            open_by_automation: false,
            max_openings: 10,
            openings_window: Duration::from_secs(60),
        }
    }
}

/// Durations and bounds of a call.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// How long it rings. 45 s assumes that somebody has to come from another floor.
    pub ring_timeout: Duration,
    /// How long it rings with nobody to ring. 10 s assumes a page that reloads or a companion that restarts: it is back
    /// by then and is rung.
    pub nobody_timeout: Duration,
    /// How long two may talk.
    pub max_duration: Duration,
    /// How long a client may watch at a time; the camera is not a surveillance camera.
    pub watch_limit: Duration,
    /// How long a media connection may take once somebody waits for it. 10 s assumes a relay on a slow phone network.
    pub connect_timeout: Duration,
    /// How long a client whose media broke off may take to ask for another connection, while the companion still has it.
    /// 6 s assumes that its page gives up 8 s after it noticed, which it does sooner than the station.
    pub reconnect_timeout: Duration,
    /// How many clients may have a peer at a time; each costs an encryption of every packet. Further ones ring without a
    /// picture, and get one when they accept.
    pub max_peers: usize,
    /// How many clients may talk with the visitor at a time.
    pub max_talkers: usize,
    /// How many clients are remembered, and rung. It has to be what the companion lets in: one that names more is not to be
    /// trusted with the station's memory.
    pub max_clients: usize,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            ring_timeout: Duration::from_secs(45),
            nobody_timeout: Duration::from_secs(10),
            max_duration: Duration::from_secs(10 * 60),
            watch_limit: Duration::from_secs(5 * 60),
            connect_timeout: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(6),
            max_peers: 8,
            max_talkers: 1,
            max_clients: 1024,
        }
    }
}

/// Why no station can be made from the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Two buttons share a name.
    #[error("two buttons are named {0}; give each its own name")]
    DuplicateButton(ButtonId),
    /// Two doors share a name.
    #[error("two doors are named {0}; give each its own name")]
    DuplicateDoor(DoorId),
    /// A door is to be left by a button that is none, or that is for something else.
    #[error("door {door} is left by {button}, which is no exit button")]
    NoExitButton {
        /// The door.
        door: DoorId,
        /// What it names.
        button: ButtonId,
    },
    /// A duration or bound that must not be zero.
    #[error("{0} must be more than nothing")]
    Zero(&'static str),
    /// A duration that cannot be meant.
    #[error("{0} must be at most a day")]
    TooLong(&'static str),
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let mut buttons = BTreeSet::new();
        if let Some(twice) = self.buttons.iter().find(|button| !buttons.insert(&button.id)) {
            return Err(SettingsError::DuplicateButton(twice.id.clone()));
        }
        let mut doors = BTreeSet::new();
        if let Some(twice) = self.doors.iter().find(|door| !doors.insert(&door.id)) {
            return Err(SettingsError::DuplicateDoor(twice.id.clone()));
        }
        let exits: BTreeSet<&ButtonId> =
            self.buttons.iter().filter(|button| button.role == ButtonRole::Exit).map(|button| &button.id).collect();
        for door in &self.doors {
            if let Some(button) = door.exit_buttons.iter().find(|button| !exits.contains(button)) {
                return Err(SettingsError::NoExitButton { door: door.id.clone(), button: button.clone() });
            }
        }
        let call = &self.call;
        let durations = [
            ("the ring timeout", call.ring_timeout),
            ("the timeout with nobody to ring", call.nobody_timeout),
            ("the longest call", call.max_duration),
            ("the longest watch", call.watch_limit),
            ("the time to connect", call.connect_timeout),
        ];
        let pulses = self.doors.iter().map(|door| ("a door's pulse", door.pulse));
        let presses = self.buttons.iter().map(|button| button.press);
        let presses = presses
            .flat_map(|press| [("a button's hold time", press.hold), ("a button's stuck time", press.stuck_after)]);
        let gaps = self.buttons.iter().map(|button| ("a button's gap", button.press.gap));
        let windows = self.doors.iter().map(|door| ("a door's window", door.openings_window));
        let not_zero = durations.into_iter().chain(pulses).chain(presses);
        for (name, duration) in not_zero.clone() {
            if duration.is_zero() {
                return Err(SettingsError::Zero(name));
            }
        }
        if let Some((name, _)) = not_zero.chain(gaps).chain(windows).find(|(_, d)| *d > LONGEST) {
            return Err(SettingsError::TooLong(name));
        }
        if call.max_peers == 0 {
            return Err(SettingsError::Zero("the number of peers"));
        }
        if call.max_talkers == 0 {
            return Err(SettingsError::Zero("the number of those who talk"));
        }
        if call.max_clients == 0 {
            return Err(SettingsError::Zero("the number of clients"));
        }
        if self.doors.iter().any(|door| door.max_openings == 0) {
            return Err(SettingsError::Zero("a door's openings"));
        }
        Ok(())
    }
}

/// Longer than anything that a station waits for; a longer duration could leave the range of the clock.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            first_call: CallId(1),
            buttons: vec![ButtonSettings::call("call".into())],
            doors: vec![DoorSettings::new("door".into())],
            call: CallSettings::default(),
        }
    }

    #[test]
    fn the_defaults_make_a_station() {
        assert_eq!(settings().check(), Ok(()));
    }

    #[test]
    fn a_name_is_used_once() {
        let mut twice = settings();
        twice.buttons.push(ButtonSettings::call("call".into()));
        assert_eq!(twice.check(), Err(SettingsError::DuplicateButton("call".into())));
        let mut twice = settings();
        twice.doors.push(DoorSettings::new("door".into()));
        assert_eq!(twice.check(), Err(SettingsError::DuplicateDoor("door".into())));
    }

    #[test]
    fn a_door_is_left_by_an_exit_button_only() {
        let mut settings = settings();
        settings.doors[0].exit_buttons = vec!["call".into()];
        let refused = SettingsError::NoExitButton { door: "door".into(), button: "call".into() };
        assert_eq!(settings.check(), Err(refused));
        settings.buttons[0].role = ButtonRole::Exit;
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn a_duration_of_nothing_is_refused() {
        let mut zero = settings();
        zero.call.ring_timeout = Duration::ZERO;
        assert_eq!(zero.check(), Err(SettingsError::Zero("the ring timeout")));
        let mut zero = settings();
        zero.doors[0].pulse = Duration::ZERO;
        assert_eq!(zero.check(), Err(SettingsError::Zero("a door's pulse")));
    }

    #[test]
    fn a_duration_that_leaves_the_clock_s_range_is_refused() {
        let mut long = settings();
        long.call.max_duration = Duration::MAX;
        assert_eq!(long.check(), Err(SettingsError::TooLong("the longest call")));
        let mut long = settings();
        long.doors[0].openings_window = Duration::MAX;
        assert_eq!(long.check(), Err(SettingsError::TooLong("a door's window")));
    }
}
