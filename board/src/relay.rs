//! A relay that can't stay energised: capped here, whatever its owner does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::edge::{Event, EventSink};
use crate::id::RelayId;
use crate::pin::{PinError, Polarity, RelayPin};

/// How long the watchdog waits before it tries again to release a relay whose pin refused.
const RETRY: Duration = Duration::from_millis(100);

/// A relay did not move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// The pin could not be driven or read.
    #[error("relay {relay}: {error}; it was told to release")]
    Pin {
        /// Which relay.
        relay: RelayId,
        /// What the backend said.
        error: PinError,
    },
    /// The pin took the order but reads back otherwise: a short, or another program drives it.
    #[error(
        "relay {relay}: its line does not follow; look for a short, a wrong `active`, or another program that drives it"
    )]
    DoesNotFollow {
        /// Which relay.
        relay: RelayId,
    },
}

/// A door strike's relay, or a light's, or a gate's.
///
/// Every pulse ends at the latest at the board description's `max_pulse`, measured from the moment the relay was
/// energised: a watchdog thread of its own releases it even when the owner's loop hangs. It is released when this
/// value is dropped, also by an unwinding panic; for an aborting one see [`release_relays_on_panic`].
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    watchdog: Option<JoinHandle<()>>,
}

impl Relay {
    /// Takes over the pin, releases it, and starts the watchdog.
    pub(crate) fn new(
        id: RelayId,
        pin: RelayPin,
        active: Polarity,
        max_pulse: Duration,
        events: EventSink,
    ) -> Result<Self, RelayError> {
        let shared = Arc::new(Shared {
            id,
            active,
            max_pulse,
            events,
            coil: Mutex::new(Coil { pin, pulse: None, closing: false }),
            changed: Condvar::new(),
        });
        shared.drive(&mut shared.coil(), false)?;
        register(&shared);
        let watched = Arc::clone(&shared);
        let watchdog = thread::Builder::new()
            .name("relay-watchdog".into())
            .stack_size(64 * 1024)
            .spawn(move || watched.watch())
            .map_err(|error| RelayError::Pin { relay: shared.id.clone(), error: PinError::new("(watchdog)", error) })?;
        Ok(Self { shared, watchdog: Some(watchdog) })
    }

    /// The name in the board description.
    pub fn id(&self) -> &RelayId {
        &self.shared.id
    }

    /// The longest pulse, from the board description.
    pub fn max_pulse(&self) -> Duration {
        self.shared.max_pulse
    }

    /// Energises the relay, for at most `for_at_most`; returns when the watchdog will release it if nobody does before.
    ///
    /// The line has been read back when this returns, so that a door may be reported as open. Asking again during a
    /// pulse moves its end, but never beyond `max_pulse` from when the pulse began: repeating can't hold a door open.
    ///
    /// # Errors
    /// When the pin refuses or does not follow. The relay is then told to release.
    pub fn energise(&self, for_at_most: Duration) -> Result<Instant, RelayError> {
        let mut coil = self.shared.coil();
        let now = Instant::now();
        let since = coil.pulse.map_or(now, |pulse| pulse.since);
        let until = (now + for_at_most.min(self.shared.max_pulse)).min(since + self.shared.max_pulse);
        // The end is set before the pin moves, so that no failure in between can leave an energised relay unwatched.
        coil.pulse = Some(Pulse { since, until });
        self.shared.changed.notify_all();
        match self.shared.drive(&mut coil, true) {
            Ok(()) => Ok(until),
            Err(error) => {
                self.shared.release(&mut coil).ok();
                Err(error)
            }
        }
    }

    /// Releases the relay now.
    ///
    /// # Errors
    /// When the pin refuses or does not follow. The watchdog keeps trying.
    pub fn release(&self) -> Result<(), RelayError> {
        let mut coil = self.shared.coil();
        self.shared.release(&mut coil)
    }

    /// Whether a pulse is running (or could not be ended).
    pub fn is_energised(&self) -> bool {
        self.shared.coil().pulse.is_some()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        {
            let mut coil = self.shared.coil();
            coil.closing = true;
            if let Err(error) = self.shared.release(&mut coil) {
                tracing::error!(%error, "relay could not be released while closing the board");
            }
            self.shared.changed.notify_all();
        }
        if let Some(watchdog) = self.watchdog.take() {
            // It panics only if the owner's event function did; the relay is released by now.
            watchdog.join().ok();
        }
    }
}

/// Installs, once, a panic hook that releases every relay of the process before the previous hook runs.
///
/// Unwinding drops the board and needs no hook, but with `panic = "abort"` no destructor runs. Opening a board calls
/// this by itself in a program that was built to abort.
pub fn release_relays_on_panic() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            release_all();
            previous(info);
        }));
    });
}

struct Shared {
    id: RelayId,
    active: Polarity,
    max_pulse: Duration,
    events: EventSink,
    coil: Mutex<Coil>,
    changed: Condvar,
}

struct Coil {
    pin: RelayPin,
    pulse: Option<Pulse>,
    closing: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pulse {
    since: Instant,
    until: Instant,
}

impl Shared {
    /// A panic elsewhere must not keep the door from being closed, so a poisoned lock is used all the same: every
    /// holder sets the pulse before it moves the pin.
    fn coil(&self) -> MutexGuard<'_, Coil> {
        self.coil.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drive(&self, coil: &mut Coil, energised: bool) -> Result<(), RelayError> {
        let high = self.active.is_high(energised);
        let pin = &mut coil.pin;
        let follows = pin.set_state(high.into()).and_then(|()| pin.is_set_high());
        match follows {
            Ok(seen) if seen == high => Ok(()),
            Ok(_) => Err(RelayError::DoesNotFollow { relay: self.id.clone() }),
            Err(error) => Err(RelayError::Pin { relay: self.id.clone(), error }),
        }
    }

    /// Ends the pulse, or leaves it due so that the watchdog tries again.
    fn release(&self, coil: &mut Coil) -> Result<(), RelayError> {
        let result = self.drive(coil, false);
        coil.pulse = match result {
            Ok(()) => None,
            Err(_) => Some(Pulse {
                since: coil.pulse.map_or_else(Instant::now, |pulse| pulse.since),
                until: Instant::now() + RETRY,
            }),
        };
        self.changed.notify_all();
        result
    }

    fn watch(&self) {
        let mut coil = self.coil();
        let mut told = false;
        while !coil.closing {
            let Some(pulse) = coil.pulse else {
                told = false;
                coil = self.changed.wait(coil).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = pulse.until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                coil = self.changed.wait_timeout(coil, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let result = self.release(&mut coil);
            if told {
                continue;
            }
            told = true;
            // The owner's function may ask this relay something, so it is called without the lock.
            drop(coil);
            match result {
                Ok(()) => {
                    tracing::warn!(relay = %self.id, "watchdog released the relay: its owner did not in time")
                }
                Err(error) => {
                    tracing::error!(%error, "watchdog can't release the relay; it keeps trying")
                }
            }
            (self.events)(Event::RelayCutOff { relay: self.id.clone() });
            coil = self.coil();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("id", &self.id)
            .field("active", &self.active)
            .field("max_pulse", &self.max_pulse)
            .finish_non_exhaustive()
    }
}

/// Every relay of this process, for the panic hook.
static RELAYS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

fn register(shared: &Arc<Shared>) {
    let mut relays = RELAYS.lock().unwrap_or_else(PoisonError::into_inner);
    relays.retain(|relay| relay.strong_count() > 0);
    relays.push(Arc::downgrade(shared));
}

fn release_all() {
    // Never waits for ever: the panicking thread itself may hold a lock.
    let Some(relays) = try_lock_for(&RELAYS, Duration::from_millis(20)) else {
        return;
    };
    for shared in relays.iter().filter_map(Weak::upgrade) {
        if let Some(mut coil) = try_lock_for(&shared.coil, Duration::from_millis(20)) {
            shared.release(&mut coil).ok();
        }
    }
}

fn try_lock_for<T>(mutex: &Mutex<T>, at_most: Duration) -> Option<MutexGuard<'_, T>> {
    let give_up = Instant::now() + at_most;
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) if Instant::now() < give_up => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(std::sync::TryLockError::WouldBlock) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use embedded_hal::digital::{ErrorType, OutputPin, StatefulOutputPin};

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// Longer than any test may take, on a machine however busy.
    const LONG: Duration = Duration::from_secs(60);

    /// What a fake relay pin shows to the test that made it.
    #[derive(Default)]
    struct Wire {
        high: AtomicBool,
        refuses: AtomicBool,
        stuck: AtomicBool,
    }

    struct FakePin(Arc<Wire>);

    impl ErrorType for FakePin {
        type Error = PinError;
    }

    impl OutputPin for FakePin {
        fn set_low(&mut self) -> Result<(), PinError> {
            self.set(false)
        }

        fn set_high(&mut self) -> Result<(), PinError> {
            self.set(true)
        }
    }

    impl FakePin {
        fn set(&mut self, high: bool) -> Result<(), PinError> {
            if self.0.refuses.load(Ordering::SeqCst) {
                return Err(PinError::new("fake", "refuses"));
            }
            if !self.0.stuck.load(Ordering::SeqCst) {
                self.0.high.store(high, Ordering::SeqCst);
            }
            Ok(())
        }
    }

    impl StatefulOutputPin for FakePin {
        fn is_set_high(&mut self) -> Result<bool, PinError> {
            Ok(self.0.high.load(Ordering::SeqCst))
        }

        fn is_set_low(&mut self) -> Result<bool, PinError> {
            Ok(!self.0.high.load(Ordering::SeqCst))
        }
    }

    impl Wire {
        fn high(&self) -> bool {
            self.high.load(Ordering::SeqCst)
        }
    }

    fn relay(active: Polarity, max_pulse: Duration) -> (Relay, Arc<Wire>, mpsc::Receiver<Event>) {
        let wire = Arc::new(Wire::default());
        // A line that was left active by whoever had it before.
        wire.high.store(active.is_high(true), Ordering::SeqCst);
        let (send, events) = mpsc::channel();
        let relay = Relay::new(
            RelayId::new("door").unwrap(),
            Box::new(FakePin(Arc::clone(&wire))),
            active,
            max_pulse,
            Arc::new(move |event| send.send(event).unwrap_or(())),
        )
        .unwrap();
        (relay, wire, events)
    }

    fn cut_off() -> Event {
        Event::RelayCutOff { relay: RelayId::new("door").unwrap() }
    }

    #[test]
    fn opening_the_board_releases_a_relay_that_was_left_energised() {
        let (_relay, wire, _events) = relay(Polarity::High, LONG);
        assert!(!wire.high());
        let (_relay, wire, _events) = relay(Polarity::Low, LONG);
        assert!(wire.high());
    }

    #[test]
    fn a_relay_moves_with_its_polarity() {
        for active in [Polarity::High, Polarity::Low] {
            let (relay, wire, _events) = relay(active, LONG);
            relay.energise(LONG).unwrap();
            assert_eq!(wire.high(), active == Polarity::High);
            assert!(relay.is_energised());
            relay.release().unwrap();
            assert_eq!(wire.high(), active == Polarity::Low);
            assert!(!relay.is_energised());
        }
    }

    #[test]
    fn the_watchdog_releases_when_the_owner_hangs_and_says_so() {
        let (relay, wire, events) = relay(Polarity::High, LONG);
        relay.energise(20 * MS).unwrap();
        assert!(wire.high());
        // This thread is the owner and does nothing: it hangs.
        assert_eq!(events.recv_timeout(LONG).unwrap(), cut_off());
        assert!(!wire.high());
        assert!(!relay.is_energised());
    }

    #[test]
    fn no_pulse_is_longer_than_the_boards_cap() {
        let (relay, wire, events) = relay(Polarity::High, 30 * MS);
        let asked = Instant::now();
        let until = relay.energise(LONG).unwrap();
        assert!(until <= Instant::now() + 30 * MS);
        events.recv_timeout(LONG).unwrap();
        assert!(!wire.high());
        assert!(asked.elapsed() >= 30 * MS);
    }

    #[test]
    fn asking_again_and_again_can_not_hold_the_door_open() {
        let (relay, wire, _events) = relay(Polarity::High, LONG);
        let first = relay.energise(LONG).unwrap();
        for _ in 0..100 {
            assert!(relay.energise(LONG).unwrap() <= first);
        }
        assert!(wire.high());
    }

    #[test]
    fn asking_again_may_shorten_or_lengthen_a_pulse_within_the_cap() {
        let (relay, _wire, _events) = relay(Polarity::High, LONG);
        let short = relay.energise(LONG / 4).unwrap();
        let longer = relay.energise(LONG / 2).unwrap();
        assert!(longer > short);
        assert!(relay.energise(LONG / 4).unwrap() < longer);
    }

    #[test]
    fn a_new_pulse_after_a_release_has_the_whole_cap_again() {
        let (relay, _wire, _events) = relay(Polarity::High, LONG);
        let first = relay.energise(LONG).unwrap();
        relay.release().unwrap();
        thread::sleep(2 * MS);
        assert!(relay.energise(LONG).unwrap() > first);
    }

    #[test]
    fn a_dropped_relay_is_released() {
        let (relay, wire, _events) = relay(Polarity::High, LONG);
        relay.energise(LONG).unwrap();
        drop(relay);
        assert!(!wire.high());
    }

    #[test]
    fn a_panic_of_the_owner_releases_the_relay() {
        let (relay, wire, _events) = relay(Polarity::High, LONG);
        relay.energise(LONG).unwrap();
        let result = catch_unwind(AssertUnwindSafe(move || -> Infallible {
            let _held = relay;
            panic!("the owner broke");
        }));
        assert!(result.is_err());
        assert!(!wire.high());
    }

    #[test]
    fn a_relay_that_does_not_follow_is_an_error_and_no_open_door() {
        let (relay, wire, _events) = relay(Polarity::High, LONG);
        wire.stuck.store(true, Ordering::SeqCst);
        let error = relay.energise(LONG).unwrap_err();
        assert!(matches!(error, RelayError::DoesNotFollow { .. }), "{error}");
        assert!(!relay.is_energised());
    }

    #[test]
    fn the_watchdog_keeps_trying_to_release_a_pin_that_refuses() {
        let (relay, wire, events) = relay(Polarity::High, LONG);
        relay.energise(LONG).unwrap();
        wire.refuses.store(true, Ordering::SeqCst);
        assert!(relay.release().is_err());
        assert!(relay.is_energised() && wire.high());
        assert_eq!(events.recv_timeout(LONG).unwrap(), cut_off());
        wire.refuses.store(false, Ordering::SeqCst);
        let give_up = Instant::now() + LONG;
        while wire.high() && Instant::now() < give_up {
            thread::sleep(MS);
        }
        assert!(!wire.high());
        // One failure is one event, however many tries it took.
        assert!(events.try_recv().is_err());
    }

    #[test]
    fn dropping_leaves_no_watchdog_behind() {
        let (relay, _wire, _events) = relay(Polarity::High, LONG);
        let shared = Arc::downgrade(&relay.shared);
        drop(relay);
        assert_eq!(shared.strong_count(), 0);
    }
}
