//! One thread that waits for the edges of all buttons and passes them on.

use std::collections::HashMap;
use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gpiocdev::Request;
use gpiocdev::line::{EdgeEvent, EdgeKind};

use crate::clock::KernelClock;
use crate::edge::{Edge, Event, EventSink, Sequence};
use crate::id::ButtonId;
use crate::pin::Polarity;
use crate::sys::{Readiness, wait_readable};

/// Edges read in one call.
const BATCH: usize = 64;

/// One chip's buttons.
pub(super) struct Watched {
    request: Arc<Request>,
    buttons: Decoder,
}

impl Watched {
    pub(super) fn new(request: Arc<Request>, buttons: impl Iterator<Item = (u32, ButtonId, Polarity)>) -> Self {
        Self { request, buttons: Decoder::new(buttons) }
    }

    pub(super) fn request(&self) -> &Arc<Request> {
        &self.request
    }

    pub(super) fn has(&self, id: &ButtonId) -> bool {
        self.buttons.ids().any(|known| known == id)
    }
}

/// Runs until it is dropped, which ends and joins the thread.
pub(super) struct EdgeThread {
    /// Closing this end wakes the thread for good.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl EdgeThread {
    pub(super) fn start(watched: Vec<Watched>, events: EventSink) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let clock = KernelClock::calibrate();
        let thread = thread::Builder::new()
            .name("buttons".into())
            .stack_size(64 * 1024)
            .spawn(move || run(watched, &stopped, clock, &events))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for EdgeThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn run(mut watched: Vec<Watched>, stopped: &io::PipeReader, clock: KernelClock, events: &EventSink) {
    loop {
        let mut descriptors: Vec<_> = vec![stopped.as_fd()];
        descriptors.extend(watched.iter().map(|watched| watched.request.as_fd()));
        let ready = match wait_readable(&descriptors) {
            Ok(ready) => ready,
            Err(error) => {
                for lost in watched {
                    report_lost(&lost, error.to_string(), events);
                }
                return;
            }
        };
        let (stop, ready) = ready.split_first().expect("the pipe was asked for");
        if *stop != Readiness::Quiet {
            return;
        }
        // A chip that is gone would wake us for ever: it is reported and left out.
        let mut ready = ready.iter();
        watched.retain_mut(|one| {
            let result = match ready.next().copied().unwrap_or(Readiness::Quiet) {
                Readiness::Quiet => Ok(()),
                Readiness::Readable => read(one, clock, events),
                Readiness::Gone => Err("the chip is gone".to_owned()),
            };
            match result {
                Ok(()) => true,
                Err(reason) => {
                    report_lost(one, reason, events);
                    false
                }
            }
        });
    }
}

fn read(watched: &mut Watched, clock: KernelClock, events: &EventSink) -> Result<(), String> {
    let mut buffer = watched.request.new_edge_event_buffer(BATCH);
    loop {
        let event = buffer.read_event().map_err(|error| error.to_string())?;
        if let Some(edge) = watched.buttons.decode(&event, clock, Instant::now()) {
            events(Event::Edge(edge));
        }
        if buffer.is_empty() {
            return Ok(());
        }
    }
}

fn report_lost(watched: &Watched, reason: String, events: &EventSink) {
    events(Event::ButtonsLost { buttons: watched.buttons.ids().cloned().collect(), reason });
}

/// Turns the kernel's events of one chip into edges of buttons.
struct Decoder {
    buttons: HashMap<u32, Decoded>,
}

struct Decoded {
    id: ButtonId,
    active: Polarity,
    sequence: Sequence,
}

impl Decoder {
    fn new(buttons: impl Iterator<Item = (u32, ButtonId, Polarity)>) -> Self {
        Self {
            buttons: buttons
                .map(|(offset, id, active)| {
                    let sequence = Sequence::default();
                    (offset, Decoded { id, active, sequence })
                })
                .collect(),
        }
    }

    fn ids(&self) -> impl Iterator<Item = &ButtonId> {
        self.buttons.values().map(|button| &button.id)
    }

    fn decode(&mut self, event: &EdgeEvent, clock: KernelClock, now: Instant) -> Option<Edge> {
        let button = self.buttons.get_mut(&event.offset)?;
        Some(Edge {
            button: button.id.clone(),
            pressed: button.active.is_active(event.kind == EdgeKind::Rising),
            at: clock.instant(Duration::from_nanos(event.timestamp_ns), now),
            missed: button.sequence.missed_before(event.line_seqno),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::monotonic_now;

    fn decoder() -> Decoder {
        let call = (17, ButtonId::new("call").unwrap(), Polarity::Low);
        let exit = (4, ButtonId::new("exit").unwrap(), Polarity::High);
        Decoder::new([call, exit].into_iter())
    }

    fn event(offset: u32, kind: EdgeKind, line_seqno: u32) -> EdgeEvent {
        EdgeEvent {
            timestamp_ns: u64::try_from(monotonic_now().as_nanos()).unwrap(),
            kind,
            offset,
            seqno: 0,
            line_seqno,
        }
    }

    fn decode(decoder: &mut Decoder, event: &EdgeEvent) -> (String, bool, bool) {
        let edge = decoder.decode(event, KernelClock::calibrate(), Instant::now()).unwrap();
        (edge.button.to_string(), edge.pressed, edge.missed)
    }

    #[test]
    fn a_falling_line_presses_a_button_to_ground_and_releases_one_to_the_supply() {
        let mut decoder = decoder();
        let (falling, rising) = (EdgeKind::Falling, EdgeKind::Rising);
        assert_eq!(decode(&mut decoder, &event(17, falling, 1)), ("call".into(), true, false));
        assert_eq!(decode(&mut decoder, &event(17, rising, 2)), ("call".into(), false, false));
        assert_eq!(decode(&mut decoder, &event(4, rising, 1)), ("exit".into(), true, false));
        assert_eq!(decode(&mut decoder, &event(4, falling, 2)), ("exit".into(), false, false));
    }

    #[test]
    fn gaps_are_counted_for_each_line() {
        let mut decoder = decoder();
        decode(&mut decoder, &event(17, EdgeKind::Falling, 1));
        assert!(decode(&mut decoder, &event(17, EdgeKind::Rising, 9)).2);
        assert!(!decode(&mut decoder, &event(4, EdgeKind::Rising, 1)).2);
    }

    #[test]
    fn an_edge_has_the_time_of_the_interrupt_and_not_of_its_reading() {
        let clock = KernelClock::calibrate();
        let mut event = event(17, EdgeKind::Falling, 1);
        let late = Instant::now() + Duration::from_secs(2);
        event.timestamp_ns += 1_500_000_000;
        let at = decoder().decode(&event, clock, late).unwrap().at;
        let error = (late - at).abs_diff(Duration::from_millis(500));
        assert!(error < Duration::from_millis(50), "{error:?}");
    }

    #[test]
    fn an_event_of_a_line_that_is_not_ours_is_no_edge() {
        let event = event(5, EdgeKind::Rising, 1);
        assert_eq!(decoder().decode(&event, KernelClock::calibrate(), Instant::now()), None);
    }

    #[test]
    fn the_thread_sleeps_until_it_is_dropped_and_then_is_gone() {
        let (send, ended) = std::sync::mpsc::channel::<Event>();
        let events: EventSink = Arc::new(move |event| send.send(event).unwrap_or(()));
        let thread = EdgeThread::start(Vec::new(), events).unwrap();
        let waiting = ended.recv_timeout(Duration::from_millis(50));
        assert_eq!(waiting, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "it runs");
        drop(thread);
        // The thread owned the only sender.
        assert_eq!(ended.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}
