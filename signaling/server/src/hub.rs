//! The rooms and everybody's outbox, under one lock.
//!
//! A lock rather than a task of its own: what a connection says is in the other one's outbox before the next
//! instruction, without a turn of the scheduler in between, and the station of this process can speak without
//! waiting. The lock is never held across an await.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use doorway_proto::rooms::{ConnectionId, Counts, Limits, Output, Refused, Rooms, Source};
use doorway_proto::signaling::Refusal;
use tracing::{debug, info, warn};

use crate::numbers::{Numbers, label};
use crate::outbox::{Cost, Ending, Outbox};

/// The log tells of refusals for lack of room no more often than this.
const TELL_FULL_EVERY: Duration = Duration::from_secs(60);

pub(crate) struct Hub {
    queue_bytes: usize,
    pub(crate) numbers: Numbers,
    state: Mutex<State>,
}

struct State {
    rooms: Rooms,
    outboxes: HashMap<ConnectionId, Arc<Outbox>>,
    connected: u64,
    closed: bool,
    told_full_at: Option<Instant>,
}

/// One connection's end in the hub; dropping it takes the connection out.
pub(crate) struct Line {
    hub: Arc<Hub>,
    pub(crate) id: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
}

impl Hub {
    pub(crate) fn new(limits: Limits, queue_bytes: usize) -> Self {
        let rooms = Rooms::new(limits);
        let state = State { rooms, outboxes: HashMap::new(), connected: 0, closed: false, told_full_at: None };
        Self { queue_bytes, numbers: Numbers::new(), state: Mutex::new(state) }
    }

    /// A new connection. Once the companion closes down, one that has ended already.
    pub(crate) fn connect(self: &Arc<Self>, cost: Cost, source: Source) -> Line {
        let outbox = Arc::new(Outbox::new(self.queue_bytes, cost));
        let mut state = self.lock();
        state.connected += 1;
        let id = ConnectionId(state.connected);
        if state.closed {
            outbox.end(Ending::GoingAway);
        } else {
            state.outboxes.insert(id, outbox.clone());
            state.rooms.handle_connected(id, source, now());
        }
        Line { hub: self.clone(), id, outbox }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().rooms.counts()
    }

    /// Everybody is told to go, and who comes from now on as well.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for outbox in std::mem::take(&mut state.outboxes).into_values() {
            outbox.end(Ending::GoingAway);
        }
    }

    fn change(&self, input: impl FnOnce(&mut Rooms, Instant)) {
        let mut guard = self.lock();
        let State { rooms, outboxes, told_full_at, .. } = &mut *guard;
        let before = rooms.counts();
        input(rooms, now());
        while let Some((connection, output)) = rooms.poll_output() {
            let Some(outbox) = outboxes.get(&connection) else { continue };
            match output {
                Output::Send { message, from } => {
                    if let Err(waited) = outbox.push(message) {
                        rooms.handle_backlog(connection, from, waited);
                    }
                }
                Output::Check => outbox.check(),
                Output::Close(refused) => {
                    self.numbers.refused(refused.code);
                    if refused.code == Refusal::Full {
                        tell_full(&refused, told_full_at);
                    }
                    debug!(connection = connection.0, code = label(refused.code), "an endpoint is refused");
                    outbox.end(Ending::Refused(refused));
                    outboxes.remove(&connection);
                }
            }
        }
        let after = rooms.counts();
        if after != before {
            self.numbers.counts(after);
        }
        if after.stations != before.stations {
            info!(stations = after.stations, "a station came or left");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// One input for the rooms. When it returns, what follows from it is in the outboxes.
    pub(crate) fn change(&self, input: impl FnOnce(&mut Rooms, ConnectionId, Instant)) {
        self.hub.change(|rooms, now| input(rooms, self.id, now));
    }

    pub(crate) fn refuse(&self, refused: Refused) {
        self.change(|rooms, id, _| rooms.handle_refused(id, refused));
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.hub.numbers
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.hub.change(|rooms, _| rooms.handle_gone(self.id));
        self.hub.lock().outboxes.remove(&self.id);
    }
}

/// Somebody of the household may be kept out.
fn tell_full(refused: &Refused, told_at: &mut Option<Instant>) {
    let now = now();
    if told_at.is_none_or(|at| now.saturating_duration_since(at) >= TELL_FULL_EVERY) {
        *told_at = Some(now);
        warn!(why = %refused.message, "an endpoint is refused: there is no place left; it comes in when one is free");
    }
}

/// Tokio's clock, which tests can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
