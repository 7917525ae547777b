//! A Raspberry Pi's registers, through rppal; the one file that names it.
//!
//! rppal is no longer maintained (since July 2025), and a pin that was set through the registers stays as it is when the
//! process is killed. The `gpiochip` backend has neither problem; this one is for kernels without /dev/gpiochip0 and for
//! lamps with software PWM.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};
use embedded_hal::pwm::{self, SetDutyCycle};
use rppal::gpio::{self, Gpio, Trigger};

use crate::board::{BoardError, Parts};
use crate::clock::KernelClock;
use crate::description::{Bias, BoardDescription, Button, LampDrive, Line};
use crate::edge::{Edge, Event, EventSink, Sequence};
use crate::killed::WhenKilled;
use crate::pin::{ButtonPin, LampPin, OnOff, PinError, Polarity, RelayPin};
use crate::sysfs_pwm::SysfsPwm;

/// Software PWM's frequency: without visible flicker, and few enough wake-ups.
const PWM_HZ: f64 = 200.0;

pub(crate) fn open(description: &BoardDescription, events: &EventSink) -> Result<Parts, BoardError> {
    let gpio = Gpio::new().map_err(|error| BoardError::Line {
        what: "backend rpi".into(),
        problem: format!("the GPIO registers can't be used: {error}"),
        remedy: "run on a Raspberry Pi as a member of the group `gpio`, or use another backend".into(),
    })?;
    let mut relays = Vec::new();
    for relay in &description.relays {
        let pin = output(&gpio, &format!("relay {}", relay.id), &relay.line, relay.active)?;
        relays.push(Box::new(RpiPin { pin, line: relay.line.clone() }) as RelayPin);
    }
    let clock = KernelClock::calibrate();
    let mut buttons = Vec::new();
    for button in &description.buttons {
        buttons.push(input(&gpio, button, clock, events)?);
    }
    let lamp = description.indicator.as_ref().map(|wiring| lamp(&gpio, &wiring.drive, wiring.active)).transpose()?;
    Ok(Parts {
        relays,
        buttons,
        lamp,
        edges: None,
        when_killed: WhenKilled::StaysEnergised {
            why: "the rpi backend writes the SoC's registers, which nobody resets".into(),
            remedy: "use the gpiochip backend, or a relay driver that times out by itself".into(),
        },
        simulated: None,
    })
}

fn pin(gpio: &Gpio, what: &str, line: &Line) -> Result<gpio::Pin, BoardError> {
    let number = line.raspberry_pi_gpio().expect("the description was checked for this backend");
    gpio.get(number).map_err(|error| BoardError::Line {
        what: what.to_owned(),
        problem: error.to_string(),
        remedy: "choose another of GPIO0 to GPIO27".into(),
    })
}

/// An output that is inactive from its first instant and stays a driven, inactive output when it is given back: an
/// input would leave the relay to its pull.
fn output(gpio: &Gpio, what: &str, line: &Line, active: Polarity) -> Result<gpio::OutputPin, BoardError> {
    let pin = pin(gpio, what, line)?;
    let mut pin = if active.is_high(false) { pin.into_output_high() } else { pin.into_output_low() };
    pin.set_reset_on_drop(false);
    Ok(pin)
}

fn input(gpio: &Gpio, button: &Button, clock: KernelClock, events: &EventSink) -> Result<ButtonPin, BoardError> {
    let what = format!("button {}", button.id);
    let pin = pin(gpio, &what, &button.line)?;
    let mut pin = match button.bias {
        Bias::PullUp => pin.into_input_pullup(),
        Bias::PullDown => pin.into_input_pulldown(),
        Bias::None => pin.into_input(),
    };
    let refused = |error: gpio::Error| BoardError::Line {
        what: what.clone(),
        problem: format!("line {} reports no edges: {error}", button.line),
        remedy: "see `gpioinfo` for who holds it".into(),
    };
    // The asynchronous interrupt is requested on a thread that keeps its error to itself, and a bell that is dead in
    // silence is the worst; the synchronous one is requested here, and given up again by the asynchronous one.
    pin.set_interrupt(Trigger::Both, None).map_err(refused)?;
    let (id, active, events) = (button.id.clone(), button.active, Arc::clone(events));
    let mut sequence = Sequence::default();
    pin.set_async_interrupt(Trigger::Both, None, move |event| {
        events(Event::Edge(Edge {
            button: id.clone(),
            pressed: active.is_active(event.trigger == Trigger::RisingEdge),
            at: clock.instant(event.timestamp, Instant::now()),
            missed: sequence.missed_before(event.seqno),
        }));
    })
    .map_err(refused)?;
    Ok(Box::new(RpiPin { pin, line: button.line.clone() }))
}

fn lamp(gpio: &Gpio, drive: &LampDrive, active: Polarity) -> Result<LampPin, BoardError> {
    Ok(match drive {
        LampDrive::OnOff(line) => {
            let pin = output(gpio, "indicator", line, active)?;
            let pin = Box::new(RpiPin { pin, line: line.clone() });
            Box::new(OnOff { pin, active })
        }
        LampDrive::SoftwarePwm(line) => {
            let pin = output(gpio, "indicator", line, active)?;
            Box::new(SoftwarePwm { pin, line: line.clone(), active })
        }
        LampDrive::HardwarePwm { chip, channel } => {
            Box::new(SysfsPwm::open(Path::new("/sys/class/pwm"), *chip, *channel, active)?)
        }
    })
}

/// rppal's own embedded-hal pins can't fail; the board's can. This only changes the error type.
struct RpiPin<P> {
    pin: P,
    line: Line,
}

impl<P> RpiPin<P> {
    fn infallible<T>(&self, result: Result<T, Infallible>) -> Result<T, PinError> {
        result.map_err(|never| PinError::new(self.line.to_string(), never))
    }
}

impl<P> ErrorType for RpiPin<P> {
    type Error = PinError;
}

impl<P: InputPin<Error = Infallible>> InputPin for RpiPin<P> {
    fn is_high(&mut self) -> Result<bool, PinError> {
        let result = self.pin.is_high();
        self.infallible(result)
    }

    fn is_low(&mut self) -> Result<bool, PinError> {
        let result = self.pin.is_low();
        self.infallible(result)
    }
}

impl<P: OutputPin<Error = Infallible>> OutputPin for RpiPin<P> {
    fn set_low(&mut self) -> Result<(), PinError> {
        let result = self.pin.set_low();
        self.infallible(result)
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        let result = self.pin.set_high();
        self.infallible(result)
    }
}

impl<P: StatefulOutputPin<Error = Infallible>> StatefulOutputPin for RpiPin<P> {
    fn is_set_high(&mut self) -> Result<bool, PinError> {
        let result = self.pin.is_set_high();
        self.infallible(result)
    }

    fn is_set_low(&mut self) -> Result<bool, PinError> {
        let result = self.pin.is_set_low();
        self.infallible(result)
    }
}

/// A lamp that rppal's thread dims.
struct SoftwarePwm {
    pin: gpio::OutputPin,
    line: Line,
    active: Polarity,
}

impl pwm::ErrorType for SoftwarePwm {
    type Error = PinError;
}

impl SetDutyCycle for SoftwarePwm {
    fn max_duty_cycle(&self) -> u16 {
        1000
    }

    fn set_duty_cycle(&mut self, duty: u16) -> Result<(), PinError> {
        let lit = f64::from(duty.min(1000)) / 1000.0;
        let high = match self.active {
            Polarity::High => lit,
            Polarity::Low => 1.0 - lit,
        };
        let result = if high <= 0.0 || high >= 1.0 {
            // A constant level needs no thread.
            let result = self.pin.clear_pwm();
            self.pin.write((high >= 1.0).into());
            result
        } else {
            self.pin.set_pwm_frequency(PWM_HZ, high)
        };
        result.map_err(|error| PinError::new(self.line.to_string(), error))
    }
}
