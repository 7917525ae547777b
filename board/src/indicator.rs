//! The lamp in the button, driven through time by a thread of its own.
//!
//! A thread rather than the owner's loop: a breathing lamp changes 25 times a second, which the loop that moves media
//! should not wake for. It sleeps without end while the pattern is steady.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::pattern::{FULL, Pattern};
use crate::pin::LampPin;

/// Shows one [`Pattern`] at a time; dark when dropped.
#[derive(Debug)]
pub struct Indicator {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Indicator {
    /// Takes over the lamp, dark.
    pub(crate) fn new(lamp: LampPin) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let shown = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("indicator".into()).stack_size(64 * 1024).spawn(move || shown.drive(lamp))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Shows `pattern` from its beginning. Showing what is shown already changes nothing.
    pub fn show(&self, pattern: Pattern) {
        let mut order = self.shared.order();
        if order.pattern != pattern {
            order.pattern = pattern;
            order.since = Instant::now();
            self.shared.changed.notify_all();
        }
    }

    /// What is shown.
    pub fn pattern(&self) -> Pattern {
        self.shared.order().pattern
    }
}

impl Drop for Indicator {
    fn drop(&mut self) {
        self.shared.order().closing = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    order: Mutex<Order>,
    changed: Condvar,
}

#[derive(Debug)]
struct Order {
    pattern: Pattern,
    since: Instant,
    closing: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { pattern: Pattern::Off, since: Instant::now(), closing: false }
    }
}

impl Shared {
    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drive(&self, mut lamp: LampPin) {
        let mut failing = false;
        let mut light = |level: u16| {
            let result = lamp.set_duty_cycle_fraction(level, FULL);
            // A dark lamp is no reason to stop ringing: said once, then tried again at the next change.
            if let (Err(error), false) = (&result, failing) {
                tracing::warn!(%error, "the indicator can't be driven");
            }
            failing = result.is_err();
        };
        let mut shown = None;
        let mut order = self.order();
        while !order.closing {
            let elapsed = order.since.elapsed();
            let level = order.pattern.level_at(elapsed);
            if shown != Some(level) {
                light(level);
                shown = Some(level);
            }
            order = match order.pattern.next_change(elapsed) {
                None => self.changed.wait(order).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.changed.wait_timeout(order, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        light(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use embedded_hal::pwm::{ErrorType, SetDutyCycle};

    use super::*;
    use crate::pin::PinError;

    struct FakeLamp(mpsc::Sender<u16>);

    impl ErrorType for FakeLamp {
        type Error = PinError;
    }

    impl SetDutyCycle for FakeLamp {
        fn max_duty_cycle(&self) -> u16 {
            100
        }

        fn set_duty_cycle(&mut self, duty: u16) -> Result<(), PinError> {
            self.0.send(duty).unwrap_or(());
            Ok(())
        }
    }

    fn indicator() -> (Indicator, mpsc::Receiver<u16>) {
        let (send, levels) = mpsc::channel();
        (Indicator::new(Box::new(FakeLamp(send))).unwrap(), levels)
    }

    fn next(levels: &mpsc::Receiver<u16>) -> u16 {
        levels.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn a_lamp_is_dark_first_then_steady_then_dark_when_dropped() {
        let (indicator, levels) = indicator();
        assert_eq!(next(&levels), 0);
        indicator.show(Pattern::TALKING);
        assert_eq!(next(&levels), 100);
        assert_eq!(indicator.pattern(), Pattern::TALKING);
        drop(indicator);
        assert_eq!(next(&levels), 0);
        assert!(levels.recv().is_err(), "the thread and its lamp are gone");
    }

    #[test]
    fn a_blink_goes_on_by_itself() {
        let (indicator, levels) = indicator();
        assert_eq!(next(&levels), 0);
        let ms = Duration::from_millis(5);
        indicator.show(Pattern::Blink { on: ms, off: ms });
        for _ in 0..3 {
            assert_eq!(next(&levels), 100);
            assert_eq!(next(&levels), 0);
        }
    }

    #[test]
    fn showing_the_same_pattern_again_does_not_restart_it() {
        let (indicator, _levels) = indicator();
        indicator.show(Pattern::RINGING);
        let since = indicator.shared.order().since;
        indicator.show(Pattern::RINGING);
        assert_eq!(indicator.shared.order().since, since);
    }
}
