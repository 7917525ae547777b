//! The core's words and the wire's: the same meanings, kept apart so that neither crate needs the other.

use std::time::Duration;

use doorway_core as core;
use doorway_proto::control::{UnlockOutcome, UnlockRefusal};
use doorway_proto::ids::{ButtonId, CallId, DoorId, EndpointId};
use doorway_proto::signaling::EndReason;
use doorway_proto::state::{Activity, StationFault};

/// A call's number as the wire has it.
pub(crate) fn call_id(call: core::CallId) -> CallId {
    CallId::new(call.to_string()).expect("sixteen hexadecimal digits are an id")
}

/// A client's name.
pub(crate) fn client_id(id: &EndpointId) -> core::ClientId {
    core::ClientId::new(id.as_str())
}

/// A client's name as the wire has it.
pub(crate) fn endpoint(client: &core::ClientId) -> EndpointId {
    EndpointId::new(client.as_str()).expect("it came from an endpoint's id")
}

/// A client's part in a call of this station, as it names it; none when it is no call of ours.
pub(crate) fn leg(client: &core::ClientId, call: &CallId) -> Option<core::Leg> {
    Some(core::Leg { client: client.clone(), call: call.as_str().parse().ok()? })
}

/// A door's name as the wire has it.
pub(crate) fn door_id(door: &core::DoorId) -> DoorId {
    DoorId::new(door.as_str()).expect("the configuration or the message that named it checked the id")
}

pub(crate) fn fault(fault: core::Fault) -> StationFault {
    match fault {
        core::Fault::ButtonStuck(button) => StationFault::ButtonStuck {
            button: ButtonId::new(button.as_str()).expect("the configuration checked the button's id"),
        },
        core::Fault::RelayStuck(door) => StationFault::RelayStuck { door: door_id(&door) },
        core::Fault::TooManyClients => StationFault::TooManyClients {},
    }
}

pub(crate) fn activity(activity: core::Activity) -> Activity {
    match activity {
        core::Activity::Idle => Activity::Idle,
        core::Activity::Watched => Activity::Watched,
        core::Activity::Ringing => Activity::Ringing,
        core::Activity::InCall => Activity::InCall,
    }
}

pub(crate) fn end_reason(reason: core::EndReason) -> EndReason {
    match reason {
        core::EndReason::HungUp => EndReason::HungUp,
        core::EndReason::AnsweredElsewhere => EndReason::AnsweredElsewhere,
        core::EndReason::Declined => EndReason::Declined,
        core::EndReason::RingTimeout => EndReason::RingTimeout,
        core::EndReason::MaxDuration => EndReason::MaxDuration,
        core::EndReason::ConnectionLost => EndReason::ConnectionLost,
        core::EndReason::HandshakeFailed => EndReason::HandshakeFailed,
        core::EndReason::Busy => EndReason::Busy,
        core::EndReason::StationClosing => EndReason::StationClosing,
        core::EndReason::Malformed => EndReason::Malformed,
    }
}

pub(crate) fn unlock_outcome(outcome: core::UnlockOutcome) -> UnlockOutcome {
    match outcome {
        core::UnlockOutcome::Opened { pulse } => UnlockOutcome::Opened { pulse_ms: millis(pulse) },
        core::UnlockOutcome::Refused(reason) => UnlockOutcome::Refused {
            reason: match reason {
                core::UnlockRefusal::NotInCall => UnlockRefusal::NotInCall,
                core::UnlockRefusal::NoSuchDoor => UnlockRefusal::NoSuchDoor,
                core::UnlockRefusal::AlreadyOpen => UnlockRefusal::AlreadyOpen,
                core::UnlockRefusal::TooOften => UnlockRefusal::TooOften,
                core::UnlockRefusal::NotRung => UnlockRefusal::NotRung,
                // Only told to what is inside the house; a client meets neither.
                core::UnlockRefusal::NotAllowed | core::UnlockRefusal::Closing => UnlockRefusal::NotInCall,
            },
        },
        core::UnlockOutcome::Failed { message } => UnlockOutcome::Failed { message },
    }
}

/// Whole milliseconds, for a message.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
