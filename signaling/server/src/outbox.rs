//! What waits to go out on one connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use doorway_proto::rooms::{Outgoing, Refused};
use tokio::time::{Duration, Instant};

/// What waits to go out on one connection. Bounded: nothing is dropped from it, but a connection whose outbox is full
/// is closed, as an endpoint that misses a message would go on with a wrong picture of its room.
#[derive(Debug)]
pub(crate) struct Outbox {
    capacity: usize,
    cost: Cost,
    waiting: Mutex<Waiting>,
}

/// What a message takes of the capacity.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cost {
    /// The length of its text, for sockets.
    Text,
    /// The same for each, for a receiver in this process, which needs no text.
    Nominal,
}

/// What does not wait for its turn.
#[derive(Debug)]
pub(crate) enum Urgent {
    /// Find out whether the endpoint is still there.
    Check,
    /// Close. What still waits is dropped.
    End(Ending),
}

/// How a conversation ends from our side.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Refused(Refused),
    /// The companion closes down.
    GoingAway,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<(Instant, Outgoing)>,
    cost: usize,
    check: bool,
    ending: Option<Ending>,
    waker: Option<Waker>,
}

/// What a message costs beside its text, so that many small ones are bounded too.
const COST_OF_ONE: usize = 64;

impl Outbox {
    pub(crate) fn new(capacity: usize, cost: Cost) -> Self {
        Self { capacity, cost, waiting: Mutex::default() }
    }

    /// Puts a message into the queue.
    ///
    /// # Errors
    /// When there is no room for it: how long the oldest one has waited.
    pub(crate) fn push(&self, message: Outgoing) -> Result<(), Duration> {
        let mut waiting = self.lock();
        let cost = waiting.cost + self.cost_of(&message);
        if cost > self.capacity {
            return Err(waiting.messages.front().map_or(Duration::ZERO, |(since, _)| since.elapsed()));
        }
        waiting.cost = cost;
        waiting.messages.push_back((Instant::now(), message));
        wake(waiting);
        Ok(())
    }

    pub(crate) fn check(&self) {
        let mut waiting = self.lock();
        waiting.check = true;
        wake(waiting);
    }

    /// The first ending counts.
    pub(crate) fn end(&self, ending: Ending) {
        let mut waiting = self.lock();
        waiting.messages = VecDeque::new();
        waiting.cost = 0;
        waiting.ending.get_or_insert(ending);
        wake(waiting);
    }

    /// Pending registers for messages as well: call it before [`pop`](Self::pop).
    pub(crate) fn poll_urgent(&self, cx: &mut Context<'_>) -> Poll<Urgent> {
        let mut waiting = self.lock();
        if let Some(ending) = &waiting.ending {
            return Poll::Ready(Urgent::End(ending.clone()));
        }
        if std::mem::take(&mut waiting.check) {
            return Poll::Ready(Urgent::Check);
        }
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none @ None => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(crate) fn pop(&self) -> Option<Outgoing> {
        let mut waiting = self.lock();
        let (_, message) = waiting.messages.pop_front()?;
        waiting.cost -= self.cost_of(&message);
        if waiting.messages.is_empty() {
            // Most connections idle most of the time: they keep no memory for a queue.
            waiting.messages = VecDeque::new();
        }
        Some(message)
    }

    fn cost_of(&self, message: &Outgoing) -> usize {
        match self.cost {
            Cost::Text => COST_OF_ONE + message.text().len(),
            Cost::Nominal => COST_OF_ONE,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut waiting: MutexGuard<'_, Waiting>) {
    let waker = waiting.waker.take();
    drop(waiting);
    if let Some(waker) = waker {
        waker.wake();
    }
}
