//! One client's part in a call: how far its media are, whether it is rung, until when.

use std::sync::Arc;
use std::time::Instant;

use crate::ids::ButtonId;
use crate::messages::EndReason;

/// One client's part of the call.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) media: MediaState,
    /// What a person reads of this client.
    pub(crate) name: Arc<str>,
    /// The button that rings this client; `None` for one who only watches.
    pub(crate) rung: Option<ButtonId>,
    /// It said that it will talk: it does as soon as its media are up, if nobody else was faster.
    pub(crate) accepted: bool,
    /// The handshake of its latest connection failed.
    pub(crate) unsecured: bool,
    pub(crate) watch_until: Instant,
}

/// A client's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaState {
    /// The offer is sent. A client that is rung has until it accepts, then the time to connect.
    Invited { connect_by: Option<Instant> },
    /// Media flows.
    Connected,
    /// There is no peer, and its place is kept: it rings on without a picture, or has until then to come back.
    Lost { back_by: Option<Instant> },
    /// It rings without a picture, as all places are taken; the next that is free is its own.
    Waiting,
}

impl Participant {
    /// It gets a new offer, and has until then to connect.
    pub(crate) fn invite(&mut self, connect_by: Option<Instant>) {
        self.media = MediaState::Invited { connect_by };
        self.unsecured = false;
    }

    /// Why its part ends when it is not connected in time.
    pub(crate) fn loss(&self) -> EndReason {
        if self.unsecured { EndReason::HandshakeFailed } else { EndReason::ConnectionLost }
    }

    /// Until when this client may connect, having accepted.
    pub(crate) fn answer_by(&self) -> Option<Instant> {
        match self.media {
            MediaState::Invited { connect_by: by } | MediaState::Lost { back_by: by } => by.filter(|_| self.accepted),
            MediaState::Connected | MediaState::Waiting => None,
        }
    }
}

impl MediaState {
    /// Whether there is an offer, or a connection made from one.
    pub(crate) fn has_peer(self) -> bool {
        match self {
            Self::Invited { .. } | Self::Connected => true,
            Self::Lost { .. } | Self::Waiting => false,
        }
    }
}
