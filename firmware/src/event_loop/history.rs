//! What becomes of the engine's events: status, metrics, lines in the log.

use std::time::SystemTime;

use doorway_core::{EndReason, Fault, Leg, Record, Requester, UnlockOutcome, UnlockRefusal, Way};
use doorway_engine::{Event, Timing};

use super::EventLoop;
use crate::metrics;
use crate::status::{Opening, epoch_ms};

impl EventLoop {
    pub(super) fn keep(&mut self, event: &Event) {
        match event {
            Event::PressAccepted(button) => {
                self.panel_stale = true;
                metrics::press();
                tracing::info!(%button, "a button was pressed");
            }
            Event::Record(record) => self.record(record),
            Event::Unlock { door, outcome } => {
                metrics::unlock(outcome);
                if let UnlockOutcome::Failed { message } = outcome {
                    tracing::error!(%door, %message, "a door did not open");
                }
            }
            Event::Fault { fault, present } => log_fault(fault, *present),
            Event::Took(timing, took) => match timing {
                Timing::PressToRing => metrics::ring(*took),
                Timing::PressToReceipt => metrics::receipt(*took),
                Timing::PressToConnected => metrics::peer_connected(*took),
                Timing::PressToPicture => metrics::first_picture(*took),
                Timing::AnswerToSound => metrics::first_sound(*took),
            },
            Event::Peers(count) => metrics::peers(*count),
        }
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::DoorOpened { door, requester, name, way } => {
                let leg = participant(requester);
                let opening = Opening {
                    at_ms: epoch_ms(SystemTime::now()),
                    client: leg.map(|leg| leg.client.to_string()),
                    name: name.to_string(),
                    call: leg.map(|leg| leg.call.to_string()),
                    way: way_name(*way),
                };
                self.opened.insert(door.clone(), opening);
            }
            Record::Rang { .. } => metrics::receipts(),
            Record::Answered { after, .. } => metrics::answered(*after),
            Record::Ended { reason, lasted, .. } => metrics::call_ended(reason_name(*reason), *lasted),
            Record::Missed { rang, .. } => metrics::call_ended("missed", *rang),
            Record::Started { .. } | Record::Pressed { .. } | Record::Joined { .. } | Record::DoorRefused { .. } => {}
        }
        log(record);
    }
}

fn log_fault(fault: &Fault, present: bool) {
    match (fault, present) {
        (Fault::ButtonStuck(button), true) => {
            tracing::warn!(%button, "a button is stuck; check it for dirt and its wires for a short");
        }
        (Fault::ButtonStuck(button), false) => tracing::info!(%button, "a button is free again"),
        (Fault::RelayStuck(door), true) => tracing::error!(%door, "a relay does not release; trying on"),
        (Fault::RelayStuck(door), false) => tracing::info!(%door, "a relay released"),
        (Fault::TooManyClients, true) => tracing::warn!("there are more clients than are rung"),
        (Fault::TooManyClients, false) => tracing::info!("every client is rung again"),
    }
}

fn log(record: &Record) {
    match record {
        Record::Started { call, button: Some(button) } => tracing::info!(%call, %button, "the call rings"),
        Record::Started { call, button: None } => tracing::info!(%call, "somebody watches"),
        Record::Pressed { call, button } => tracing::info!(%call, %button, "pressed during the call"),
        Record::Rang { leg, receipts, after } => {
            tracing::debug!(call = %leg.call, client = %leg.client, receipts, ?after, "a client rings");
        }
        Record::Answered { leg, after } => {
            tracing::info!(call = %leg.call, client = %leg.client, ?after, "answered");
        }
        Record::Joined { leg } => tracing::info!(call = %leg.call, client = %leg.client, "joined the talk"),
        Record::DoorOpened { door, requester, name, way } => {
            let leg = participant(requester);
            let (call, client) = (leg.map(|leg| leg.call.to_string()), leg.map(|leg| leg.client.to_string()));
            tracing::info!(%door, call, client, way = way_name(*way), "a door was opened");
            tracing::debug!(%door, %name, "who opened it");
        }
        Record::DoorRefused { door, requester, reason } => {
            let client = participant(requester).map(|leg| leg.client.to_string());
            tracing::debug!(%door, client, reason = refusal_name(*reason), "a door stays shut");
        }
        Record::Ended { call, reason, lasted, talked } => {
            tracing::info!(%call, reason = reason_name(*reason), ?lasted, ?talked, "the call ended");
        }
        Record::Missed { call, button, reason, rang, receipts } => {
            tracing::info!(%call, %button, reason = reason_name(*reason), ?rang, receipts, "missed");
        }
    }
}

fn participant(requester: &Requester) -> Option<&Leg> {
    match requester {
        Requester::Participant { leg, .. } => Some(leg),
        Requester::ExitButton(_) | Requester::Keypad { .. } | Requester::Automation { .. } => None,
    }
}

fn way_name(way: Way) -> &'static str {
    match way {
        Way::RungCall => "rung_call",
        Way::CallWithoutRing => "call_without_ring",
        Way::ExitButton => "exit_button",
        Way::Keypad => "keypad",
        Way::Automation => "automation",
    }
}

fn refusal_name(reason: UnlockRefusal) -> &'static str {
    match reason {
        UnlockRefusal::NotInCall => "not_in_call",
        UnlockRefusal::NoSuchDoor => "no_such_door",
        UnlockRefusal::AlreadyOpen => "already_open",
        UnlockRefusal::TooOften => "too_often",
        UnlockRefusal::NotRung => "not_rung",
        UnlockRefusal::NotAllowed => "not_allowed",
        UnlockRefusal::Closing => "closing",
    }
}

fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::HungUp => "hung_up",
        EndReason::AnsweredElsewhere => "answered_elsewhere",
        EndReason::Declined => "declined",
        EndReason::RingTimeout => "ring_timeout",
        EndReason::MaxDuration => "max_duration",
        EndReason::ConnectionLost => "connection_lost",
        EndReason::HandshakeFailed => "handshake_failed",
        EndReason::Busy => "busy",
        EndReason::StationClosing => "station_closing",
        EndReason::Malformed => "malformed",
    }
}
