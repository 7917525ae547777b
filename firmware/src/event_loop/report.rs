//! What the loop tells about itself: the status, and the panel of a simulated board.

use std::time::{Instant, SystemTime};

use doorway_board::Role;
use doorway_core::Fault;
use doorway_core::indicator::{Chime, Indicator};
use doorway_proto::state::{Activity, Station as StationState};

use super::EventLoop;
use crate::local::{Panel, PanelButton, PanelMove, PanelRelay, Question};
use crate::metrics;
use crate::status::{
    CallStatus, CompanionStatus, DoorStatus, Marks, PeerStatus, Resources, StationName, Status, epoch_ms,
};
use crate::video;

impl EventLoop {
    pub(super) fn answer(&mut self, question: Question, now: Instant) {
        match question {
            Question::Status(answer) => {
                let status = self.status();
                metrics::state(&status);
                metrics::media(&self.media.totals());
                // Whoever asked may have gone.
                let _ = answer.send(Box::new(status));
            }
            Question::SelfTest(answer) => self.begin_self_test(answer, now),
        }
    }

    fn status(&self) -> Status {
        let state = self.state.borrow();
        let call = self.engine.call().map(|call| CallStatus {
            id: call.id.to_string(),
            talkers: call.talkers.iter().map(ToString::to_string).collect(),
            peers: call
                .participants
                .into_iter()
                .map(|(client, connected)| PeerStatus { client: client.to_string(), connected })
                .collect(),
        });
        let (faults, buttons_lost) = self.engine.faults();
        let faults = faults.map(|fault| match fault {
            Fault::ButtonStuck(button) => format!("button {button} is stuck"),
            Fault::RelayStuck(door) => format!("the relay of door {door} does not release"),
            Fault::TooManyClients => "there are more pages than are rung; close those that nobody uses".to_owned(),
        });
        let trouble = self.link.trouble();
        let (clients, connected) = self.engine.room();
        let image = self.updates.image();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("DOORWAY_COMMIT").unwrap_or("unknown"),
            image_version: image.version,
            slot: image.slot,
            update: self.updates.status(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            pid: std::process::id(),
            station: StationName { id: state.id.to_string(), name: state.name.clone() },
            activity: state.activity,
            call,
            media: self.media.health().clone(),
            video: self.media.video_status(),
            sound: self.media.sound_status(),
            companion: CompanionStatus { connected, clients, trouble: trouble.clone() },
            doors: self
                .engine
                .doors()
                .map(|(id, open)| DoorStatus { id: id.to_string(), open, opened: self.opened.get(id).cloned() })
                .collect(),
            faults: faults.chain(buttons_lost.map(str::to_owned)).chain(trouble).collect(),
            resources: Resources::of_this_process(video::live_pipelines(), self.engine.peers()),
            marks: Marks::of(self.engine.marks(), Instant::now(), SystemTime::now()),
        }
    }

    /// Tells the panel of a simulated board what it shows now.
    pub(super) fn refresh_panel(&self) {
        let Some(board) = self.board.simulated() else { return };
        let sound = self.media.sound_status();
        let state = self.state.borrow();
        let buttons = board.buttons().into_iter().map(|(id, pressed)| PanelButton {
            label: label(&state, id.as_str()),
            role: role_name(self.board.role(&id)),
            id: id.to_string(),
            pressed,
        });
        let relays = board.relays().into_iter().map(|relay| PanelRelay {
            label: label(&state, relay.id.as_str()),
            id: relay.id.to_string(),
            energised: relay.energised,
            moves: relay
                .moves
                .iter()
                .map(|step| PanelMove { at_ms: epoch_ms(step.at), energised: step.energised })
                .collect(),
        });
        let panel = Panel {
            station: state.name.clone(),
            buttons: buttons.collect(),
            relays: relays.collect(),
            indicator: indicator_name(self.indicator),
            chime: self.chime,
            // Whole decibels, so that silence is no news.
            microphone_dbfs: sound.microphone_dbfs.round(),
            speaker_dbfs: sound.speaker_dbfs.round(),
            activity: activity_name(state.activity),
        };
        drop(state);
        self.panel.send_if_modified(|shown| {
            let changed = *shown != panel;
            *shown = panel;
            changed
        });
    }
}

/// What people read of a button or door.
fn label(state: &StationState, id: &str) -> String {
    let button = state.buttons.iter().find(|button| button.id.as_str() == id).map(|button| &button.label);
    let door = state.doors.iter().find(|door| door.id.as_str() == id).map(|door| &door.label);
    button.or(door).cloned().unwrap_or_else(|| id.to_owned())
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Call => "call",
        Role::HangUp => "hang_up",
        Role::Exit => "exit",
    }
}

fn indicator_name(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::Off => "off",
        Indicator::Ready => "ready",
        Indicator::Watched => "watched",
        Indicator::Ringing => "ringing",
        Indicator::Connecting => "connecting",
        Indicator::Talking => "talking",
        Indicator::Fault => "fault",
    }
}

fn activity_name(activity: Activity) -> &'static str {
    match activity {
        Activity::Idle => "idle",
        Activity::Watched => "watched",
        Activity::Ringing => "ringing",
        Activity::InCall => "in_call",
    }
}

pub(super) fn chime_name(chime: Chime) -> &'static str {
    match chime {
        Chime::Silent => "silent",
        Chime::Ringing | Chime::PressAcknowledged => "ringing",
        Chime::Accepted => "accepted",
        Chime::Ended => "ended",
        Chime::Refused => "refused",
    }
}
