//! What goes into a [`Station`](crate::Station) and what comes out of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::{Requester, Way};
use crate::ids::{ButtonId, CallId, ClientId, DoorId, Leg};
use crate::indicator::{Chime, Indicator};

/// What happened, as the shell saw it. An input that names a call which is not the present one, or a button or door
/// that was not configured, changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A button's line changed. Feed all edges that wait before a timeout that is due at the same time: only then a
    /// short pulse is known to be short.
    ButtonEdge {
        /// The button.
        button: ButtonId,
        /// Whether the contact closed.
        pressed: bool,
        /// When, by the kernel's timestamp. An instant after `now` counts as `now`.
        at: Instant,
    },
    /// A button's level was read, at start or after the kernel dropped edges. The first level of all never counts as
    /// a press, as the button may have been held since long before.
    ButtonLevel {
        /// The button.
        button: ButtonId,
        /// Whether the contact is closed.
        pressed: bool,
    },
    /// A client came into the room, or came back over a new connection.
    ClientHere {
        /// The client.
        client: ClientId,
        /// What a person reads; ring groups list these names.
        name: Arc<str>,
    },
    /// A client left the room. Its media may go on.
    ClientGone {
        /// The client.
        client: ClientId,
    },
    /// The companion is out of reach: the same as `ClientGone` for every client.
    CompanionLost,
    /// The receipt for a ring.
    Rang(Leg),
    /// A client wants to see the visitor though nobody pressed.
    Watch {
        /// The client.
        client: ClientId,
    },
    /// A client wants to talk. It does once its media are up; until then the others ring on.
    Accept(Leg),
    /// A client does not want to; others may.
    Decline(Leg),
    /// A client's media connection broke off, as it sees it, and it wants another one for the same call.
    Reconnect(Leg),
    /// A client is done.
    HangUp(Leg),
    /// A client sent something that was not understood: its part ends.
    Malformed(Leg),
    /// The media connection of an invited client is up.
    PeerConnected(Leg),
    /// The media connection of a client is gone or could not be made. Not to be sent for a peer that was closed by
    /// [`Action::ClosePeer`].
    PeerLost(Leg),
    /// As [`Input::PeerLost`], of one that never was up: its encryption could not be agreed on, and another try would go the
    /// same way.
    HandshakeFailed(Leg),
    /// Somebody wants a door open. Answered by exactly one [`Action::UnlockResult`].
    Unlock {
        /// Who.
        requester: Requester,
        /// The door.
        door: DoorId,
    },
    /// A relay moved as told by [`Action::MoveRelay`].
    RelayActed {
        /// The door.
        door: DoorId,
        /// What it is now.
        energised: bool,
    },
    /// A relay could not be moved.
    RelayFailed {
        /// The door.
        door: DoorId,
        /// What it should have become.
        energised: bool,
        /// What went wrong, for the installer.
        message: String,
    },
    /// Something that the shell looks after (camera, sound, companion) is missing, or is back.
    Trouble {
        /// Whether something is missing.
        present: bool,
    },
    /// The station closes down: the call ends, doors are released, nothing new begins. Go on driving the station until
    /// [`Station::is_finished`](crate::Station::is_finished).
    Shutdown,
}

/// How a client is rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// The button that was pressed.
    pub button: ButtonId,
    /// How long it will ring from now.
    pub timeout: Duration,
}

/// What the shell has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a peer and send its offer: inside a ring, or alone when the client asked to watch or needs a new one.
    Invite {
        /// Which client, in which call; it has no peer at this moment.
        leg: Leg,
        /// Whether the client is rung with it.
        ring: Option<Ring>,
    },
    /// Ring a client that has an offer of this call already, or that gets one when a place is free.
    Ring {
        /// Which client, in which call.
        leg: Leg,
        /// How.
        ring: Ring,
    },
    /// Tell a client that it talks with the visitor: it accepted, and its media are up.
    Accepted(Leg),
    /// Tell a client that the call is over for it.
    Ended {
        /// Which client, in which call.
        leg: Leg,
        /// Why.
        reason: EndReason,
    },
    /// Tell a client that it cannot watch.
    Refuse {
        /// The client.
        client: ClientId,
        /// Why.
        reason: EndReason,
    },
    /// Tell a client that talks that the visitor pressed again.
    PressedAgain(Leg),
    /// Close a client's peer and forget it.
    ClosePeer(Leg),
    /// Let the visitor and this client hear each other.
    AudioOn(Leg),
    /// End that.
    AudioOff(Leg),
    /// A press passed the filter; its effects follow.
    PressAccepted {
        /// The button.
        button: ButtonId,
        /// When the contact closed.
        at: Instant,
        /// A ring begins with it; a further press acknowledges one that is on, and one that hangs up or opens begins
        /// nothing.
        rings: bool,
    },
    /// Turn the camera on, or off soon: whoever comes back at once should not wait for it.
    Video {
        /// Whether somebody is to see the visitor.
        on: bool,
    },
    /// Turn microphone and speaker on, or off once the last chime is over.
    Sound {
        /// Whether the visitor is to hear something, or to be heard.
        on: bool,
    },
    /// Play this to the visitor.
    Chime(Chime),
    /// Show this to the visitor.
    Indicator(Indicator),
    /// Tell the companion what the station does now.
    Activity(Activity),
    /// Move a relay, then report [`Input::RelayActed`] or [`Input::RelayFailed`].
    MoveRelay {
        /// The door.
        door: DoorId,
        /// Whether to energise it.
        energise: bool,
    },
    /// Tell whoever wanted a door open what became of it.
    UnlockResult {
        /// Who.
        requester: Requester,
        /// The door.
        door: DoorId,
        /// What became of it.
        outcome: UnlockOutcome,
    },
    /// A door's relay moved, whoever asked for it.
    DoorMoved {
        /// The door.
        door: DoorId,
        /// Whether it is energised.
        open: bool,
    },
    /// Something is wrong that an installer should know, or is right again.
    Fault {
        /// What.
        fault: Fault,
        /// Whether it is wrong now.
        present: bool,
    },
    /// What happened, for whoever keeps a history.
    Record(Record),
}

/// What a station is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Nobody rings, talks or watches.
    Idle,
    /// Somebody watches without having been rung.
    Watched,
    /// A visitor pressed and nobody has answered yet.
    Ringing,
    /// Somebody talks with the visitor.
    InCall,
}

/// Why a call is over for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Somebody hung up: this client, or the visitor by the button.
    HungUp,
    /// Another client answered first.
    AnsweredElsewhere,
    /// This client declined, or everybody who was rung did.
    Declined,
    /// Nobody answered in time.
    RingTimeout,
    /// The longest duration of a call or of a watch was reached.
    MaxDuration,
    /// The media connection was lost, or was not made in time.
    ConnectionLost,
    /// The encryption of the media could not be agreed on.
    HandshakeFailed,
    /// The station talks with somebody else, or has no place left.
    Busy,
    /// The station is closing down.
    StationClosing,
    /// The client sent something that the station did not understand.
    Malformed,
}

/// What became of a request for a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnlockOutcome {
    /// The relay has acted.
    Opened {
        /// How long it stays energised.
        pulse: Duration,
    },
    /// The door stays shut.
    Refused(UnlockRefusal),
    /// The relay could not be moved.
    Failed {
        /// A sentence for the installer.
        message: String,
    },
}

/// Why a door stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnlockRefusal {
    /// This client does not talk with the visitor.
    NotInCall,
    /// The station has no such door.
    NoSuchDoor,
    /// The door is open already.
    AlreadyOpen,
    /// Too many requests in too short a time.
    TooOften,
    /// Nobody pressed a button, and this door opens only in a call that was rung.
    NotRung,
    /// This door does not open for a requester of this kind.
    NotAllowed,
    /// The station is closing down.
    Closing,
}

/// What can be wrong with the door station itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A button is held for longer than anybody presses.
    ButtonStuck(ButtonId),
    /// A relay does not release; it is told to again and again.
    RelayStuck(DoorId),
    /// The companion named more clients than a station rings: the latest of them are not rung.
    TooManyClients,
}

/// What happened, for whoever keeps a history. Every call has one `Started` and, at its end, one `Ended` or one `Missed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A call began.
    Started {
        /// The call.
        call: CallId,
        /// The button; `None` when a client began to watch.
        button: Option<ButtonId>,
    },
    /// The visitor pressed while somebody watched, or pressed another button while it rang.
    Pressed {
        /// The call.
        call: CallId,
        /// The button.
        button: ButtonId,
    },
    /// A client confirmed that it rings, for the first time in this call.
    Rang {
        /// Which client, in which call.
        leg: Leg,
        /// How many have by now.
        receipts: usize,
        /// How long after the ring began.
        after: Duration,
    },
    /// Somebody answered.
    Answered {
        /// Which client, in which call.
        leg: Leg,
        /// How long it had rung, or been watched, until its media were up.
        after: Duration,
    },
    /// Somebody joined those who talk with the visitor.
    Joined {
        /// Which client, in which call.
        leg: Leg,
    },
    /// A door was opened: its relay has acted.
    DoorOpened {
        /// The door.
        door: DoorId,
        /// Who opened it.
        requester: Requester,
        /// What a person reads of the requester; may be empty.
        name: Arc<str>,
        /// By what right.
        way: Way,
    },
    /// A door stayed shut though somebody wanted it open.
    DoorRefused {
        /// The door, or what was taken for one.
        door: DoorId,
        /// Who wanted it open.
        requester: Requester,
        /// Why it stayed shut.
        reason: UnlockRefusal,
    },
    /// A call was answered, watched or declined, and is over.
    Ended {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
        /// From its start to its end.
        lasted: Duration,
        /// From the answer to the end.
        talked: Option<Duration>,
    },
    /// A visitor pressed and nobody answered or declined.
    Missed {
        /// The call.
        call: CallId,
        /// The button that was pressed first.
        button: ButtonId,
        /// Why it stopped ringing.
        reason: EndReason,
        /// How long it rang.
        rang: Duration,
        /// How many clients confirmed that they rang.
        receipts: usize,
    },
}
