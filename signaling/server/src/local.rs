//! A station in the companion's own process.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use doorway_proto::ids::RoomId;
use doorway_proto::rooms::{Content, Source};
use doorway_proto::signaling::{StationMessage, ToStation};
use doorway_proto::state::Station;

use crate::hub::{Hub, Line};
use crate::outbox::{Cost, Ending, Urgent};

/// A station's connection without a socket, under the same rules as any other. Dropping it is leaving.
pub struct LocalStation {
    line: Line,
    ended: bool,
}

impl LocalStation {
    pub(crate) fn new(hub: &Arc<Hub>, room: RoomId, station: Station) -> Self {
        let line = hub.connect(Cost::Nominal, Source(0));
        line.change(|rooms, id, now| rooms.handle_own_station(id, room, station, now));
        Self { line, ended: false }
    }

    /// Says something. Never waits: when it returns, the message is on its way to whom it concerns.
    pub fn send(&self, message: StationMessage) {
        self.line.numbers().frames_in.increment(1);
        self.line.change(|rooms, id, now| rooms.handle_station_message(id, message, now));
    }

    /// The next message: first `welcome`, or `refused` and then `None`. `None` when the companion has closed; attach
    /// again to come back. Safe to drop in the middle, as in `select!`.
    pub async fn receive(&mut self) -> Option<ToStation> {
        poll_fn(|cx| {
            while !self.ended {
                match self.line.outbox.poll_urgent(cx) {
                    Poll::Ready(Urgent::Check) => continue,
                    Poll::Ready(Urgent::End(ending)) => {
                        self.ended = true;
                        return Poll::Ready(match ending {
                            Ending::Refused(refused) => {
                                Some(ToStation::Refused { code: refused.code, message: refused.message })
                            }
                            Ending::GoingAway => None,
                        });
                    }
                    Poll::Pending => {}
                }
                let Some(message) = self.line.outbox.pop() else { return Poll::Pending };
                self.line.numbers().frames_out.increment(1);
                match message.content() {
                    Content::Station(message) => return Poll::Ready(Some(message.clone())),
                    Content::Client(_) => continue,
                }
            }
            Poll::Ready(None)
        })
        .await
    }
}
