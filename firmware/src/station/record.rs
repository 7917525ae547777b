//! What becomes of the core's records: marks in the status, metrics, lines in the log.

use std::time::{Instant, SystemTime};

use doorway_core::{EndReason, Leg, Record, Requester, UnlockRefusal, Way};

use super::Station;
use crate::metrics;
use crate::status::{Opening, epoch_ms};

impl Station {
    /// What is told of it in status, metrics and log.
    pub(super) fn keep(&mut self, record: &Record, now: Instant) {
        match record {
            Record::Answered { .. } => self.answered_at = Some(now),
            Record::Rang { receipts, .. } => {
                self.marks.receipts = u32::try_from(*receipts).unwrap_or(u32::MAX);
                metrics::receipts();
                if self.marks.first_receipt_ms.is_none() {
                    self.marks.first_receipt_ms = Some(epoch_ms(SystemTime::now()));
                    metrics::receipt(now.saturating_duration_since(self.press_at));
                }
            }
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
            Record::Started { .. }
            | Record::Pressed { .. }
            | Record::Joined { .. }
            | Record::DoorRefused { .. }
            | Record::Ended { .. }
            | Record::Missed { .. } => {}
        }
        log(record);
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
            metrics::answered(*after);
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
            metrics::call_ended(reason_name(*reason), *lasted);
            tracing::info!(%call, reason = reason_name(*reason), ?lasted, ?talked, "the call ended");
        }
        Record::Missed { call, button, reason, rang, receipts } => {
            metrics::call_ended("missed", *rang);
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
