//! What every backend hands over: boxed embedded-hal pins with one error type.
//!
//! High and low are electrical, as embedded-hal means them. Which of the two presses a button or energises a relay is
//! [`Polarity`], and it is applied in one place for all backends ([`Relay`](crate::Relay), [`Board`](crate::Board)).

use embedded_hal::digital::{self, InputPin, StatefulOutputPin};
use embedded_hal::pwm::{self, SetDutyCycle};

/// A pin did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PinError {
    line: String,
    what: String,
}

impl PinError {
    pub(crate) fn new(line: impl Into<String>, what: impl ToString) -> Self {
        Self { line: line.into(), what: what.to_string() }
    }
}

impl digital::Error for PinError {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}

impl pwm::Error for PinError {
    fn kind(&self) -> pwm::ErrorKind {
        pwm::ErrorKind::Other
    }
}

/// The electrical level at which a line counts as active: pressed, energised, lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// Active at the supply's level (3.3 V on a Raspberry Pi).
    High,
    /// Active at ground.
    Low,
}

impl Polarity {
    /// Whether the line must be high to be in this state.
    pub(crate) fn is_high(self, active: bool) -> bool {
        match self {
            Polarity::High => active,
            Polarity::Low => !active,
        }
    }

    /// Whether a line at this level is active.
    pub(crate) fn is_active(self, high: bool) -> bool {
        match self {
            Polarity::High => high,
            Polarity::Low => !high,
        }
    }
}

pub(crate) type ButtonPin = Box<dyn InputPin<Error = PinError> + Send>;
pub(crate) type RelayPin = Box<dyn StatefulOutputPin<Error = PinError> + Send>;
pub(crate) type LampPin = Box<dyn SetDutyCycle<Error = PinError> + Send>;

/// A lamp on a plain output: lit from half brightness on, since a line has no levels in between.
pub(crate) struct OnOff {
    pub(crate) pin: RelayPin,
    pub(crate) active: Polarity,
}

impl pwm::ErrorType for OnOff {
    type Error = PinError;
}

impl SetDutyCycle for OnOff {
    fn max_duty_cycle(&self) -> u16 {
        1000
    }

    fn set_duty_cycle(&mut self, duty: u16) -> Result<(), PinError> {
        let high = self.active.is_high(duty >= 500);
        self.pin.set_state(high.into())
    }
}
