//! The kernel's GPIO character devices, through gpiocdev: any Linux board.
//!
//! Polarity is applied by the board, not by the kernel, so that it is one piece of code for all backends; `gpioinfo`
//! therefore shows every line as active-high. Debouncing is left to the core's filter, which needs every edge.
//!
//! What the kernel guarantees when this process dies: its descriptors are closed and the lines released. What a
//! released line does is the chip driver's choice: see [`WhenKilled`].

mod edges;
mod find;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin, StatefulOutputPin};
use gpiocdev::Request;
use gpiocdev::line::{EdgeDetection, EventClock, Value};

use crate::board::{BoardError, Parts};
use crate::description::{Bias, BoardDescription, Button, LampDrive, Line};
use crate::edge::EventSink;
use crate::gpiochip::edges::{EdgeThread, Watched};
use crate::gpiochip::find::{Found, Lookup};
use crate::killed::WhenKilled;
use crate::pin::{ButtonPin, LampPin, OnOff, PinError, Polarity, RelayPin};
use crate::probe::{ChipSeen, LineSeen};
use crate::sysfs_pwm::SysfsPwm;

/// Edges that the kernel keeps for us, per button. When the edge thread is late by more, the kernel drops the oldest,
/// which the next edge's `missed` tells.
const KERNEL_QUEUE: u32 = 64;

pub(crate) fn open(description: &BoardDescription, events: &EventSink) -> Result<Parts, BoardError> {
    let (chips, unreadable) = chips();
    let mut lookup = Lookup::new(&chips, &unreadable);

    // Every relay and button is found before anything is taken, and relays are taken first.
    let mut relay_lines = Vec::new();
    for relay in &description.relays {
        relay_lines.push(lookup.find(&format!("relay {}", relay.id), &relay.line)?);
    }
    let mut button_lines = Vec::new();
    for button in &description.buttons {
        button_lines.push(lookup.find(&format!("button {}", button.id), &button.line)?);
    }
    let mut relays = Vec::new();
    for (relay, found) in description.relays.iter().zip(&relay_lines) {
        let what = format!("relay {}", relay.id);
        relays.push(output(&format!("doorway {}", relay.id), &what, &relay.line, found, relay.active)?);
    }
    let lamp = match &description.indicator {
        None => None,
        Some(wiring) => Some(match &wiring.drive {
            LampDrive::OnOff(line) | LampDrive::SoftwarePwm(line) => {
                let found = lookup.find("indicator", line)?;
                let pin = output("doorway indicator", "indicator", line, &found, wiring.active)?;
                Box::new(OnOff { pin, active: wiring.active }) as LampPin
            }
            LampDrive::HardwarePwm { chip, channel } => {
                Box::new(SysfsPwm::open(Path::new("/sys/class/pwm"), *chip, *channel, wiring.active)?)
            }
        }),
    };
    let (buttons, watched) = open_buttons(&description.buttons, &button_lines)?;
    let edges = if watched.is_empty() {
        None
    } else {
        Some(Box::new(EdgeThread::start(watched, Arc::clone(events))?) as Box<dyn Send>)
    };
    let modules = Path::new("/sys/module");
    Ok(Parts {
        relays,
        buttons,
        lamp,
        edges,
        when_killed: WhenKilled::least_safe(relay_lines.iter().map(|found| WhenKilled::of_chip(&found.label, modules))),
        simulated: None,
    })
}

/// Every GPIO chip with its lines, and those that can't be read.
pub(crate) fn chips() -> (Vec<ChipSeen>, Vec<String>) {
    let mut unreadable = Vec::new();
    let paths = gpiocdev::chip::chips().unwrap_or_else(|error| {
        unreadable.push(format!("/dev: {error}"));
        Vec::new()
    });
    let mut chips = Vec::new();
    for path in paths {
        match chip(&path) {
            Ok(chip) => chips.push(chip),
            Err(error) => unreadable.push(format!(
                "{}: {error}; add this user to the group that owns it (`gpio` on most boards)",
                path.display()
            )),
        }
    }
    (chips, unreadable)
}

fn chip(path: &Path) -> gpiocdev::Result<ChipSeen> {
    let chip = gpiocdev::Chip::from_path(path)?;
    let info = chip.info()?;
    let mut lines = Vec::new();
    for line in chip.line_info_iter()? {
        let line = line?;
        let consumer = match (line.used, line.consumer.is_empty()) {
            (false, _) => None,
            (true, true) => Some("kernel".to_owned()),
            (true, false) => Some(line.consumer),
        };
        lines.push(LineSeen {
            offset: line.offset,
            name: line.name,
            consumer,
            output: line.direction == gpiocdev::line::Direction::Output,
        });
    }
    Ok(ChipSeen { path: path.to_owned(), name: info.name, label: info.label, lines })
}

/// A line of a request.
struct ChipLine {
    request: Arc<Request>,
    offset: u32,
    name: String,
}

impl ChipLine {
    fn read(&self) -> Result<bool, PinError> {
        match self.request.value(self.offset) {
            Ok(Value::Active) => Ok(true),
            Ok(Value::Inactive) => Ok(false),
            Err(error) => Err(PinError::new(&self.name, error)),
        }
    }

    fn write(&self, high: bool) -> Result<(), PinError> {
        self.request.set_value(self.offset, level(high)).map(|_| ()).map_err(|error| PinError::new(&self.name, error))
    }
}

impl ErrorType for ChipLine {
    type Error = PinError;
}

impl InputPin for ChipLine {
    fn is_high(&mut self) -> Result<bool, PinError> {
        self.read()
    }

    fn is_low(&mut self) -> Result<bool, PinError> {
        self.read().map(|high| !high)
    }
}

impl OutputPin for ChipLine {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.write(false)
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.write(true)
    }
}

impl StatefulOutputPin for ChipLine {
    fn is_set_high(&mut self) -> Result<bool, PinError> {
        self.read()
    }

    fn is_set_low(&mut self) -> Result<bool, PinError> {
        self.read().map(|high| !high)
    }
}

fn level(high: bool) -> Value {
    if high { Value::Active } else { Value::Inactive }
}

/// Takes an output over, inactive from its first instant: the request itself carries the level.
fn output(consumer: &str, what: &str, line: &Line, found: &Found, active: Polarity) -> Result<RelayPin, BoardError> {
    let request = Request::builder()
        .with_consumer(consumer_name(consumer))
        .on_chip(&found.chip)
        .with_line(found.offset)
        .as_output(level(active.is_high(false)))
        .request()
        .map_err(|error| refused(what, line, &error))?;
    Ok(Box::new(ChipLine { request: Arc::new(request), offset: found.offset, name: line.to_string() }))
}

/// One request per chip for all its buttons, so that one descriptor reports them in order.
fn open_buttons(buttons: &[Button], lines: &[Found]) -> Result<(Vec<ButtonPin>, Vec<Watched>), BoardError> {
    let mut chips: BTreeMap<&PathBuf, Vec<(&Button, u32)>> = BTreeMap::new();
    for (button, found) in buttons.iter().zip(lines) {
        chips.entry(&found.chip).or_default().push((button, found.offset));
    }
    let mut watched = Vec::new();
    for (chip, buttons) in chips {
        let mut builder = Request::builder();
        let queue = u32::try_from(buttons.len()).unwrap_or(u32::MAX).saturating_mul(KERNEL_QUEUE);
        builder.with_consumer("doorway buttons").with_kernel_event_buffer_size(queue).on_chip(chip);
        for (button, offset) in &buttons {
            builder
                .with_line(*offset)
                .as_input()
                .with_bias(match button.bias {
                    Bias::PullUp => gpiocdev::line::Bias::PullUp,
                    Bias::PullDown => gpiocdev::line::Bias::PullDown,
                    Bias::None => gpiocdev::line::Bias::Disabled,
                })
                .with_edge_detection(EdgeDetection::BothEdges)
                .with_event_clock(EventClock::Monotonic);
        }
        let request = builder.request().map_err(|error| {
            let names: Vec<&str> = buttons.iter().map(|(button, _)| button.id.as_str()).collect();
            refused(&format!("buttons {}", names.join(", ")), &buttons[0].0.line, &error)
        })?;
        watched.push(Watched::new(
            Arc::new(request),
            buttons.iter().map(|(button, offset)| (*offset, button.id.clone(), button.active)),
        ));
    }
    let pins = buttons
        .iter()
        .zip(lines)
        .map(|(button, found)| {
            let watched = watched
                .iter()
                .find(|watched| watched.has(&button.id))
                .expect("every button was put into its chip's request");
            Box::new(ChipLine {
                request: Arc::clone(watched.request()),
                offset: found.offset,
                name: button.line.to_string(),
            }) as ButtonPin
        })
        .collect();
    Ok((pins, watched))
}

/// The kernel cuts a consumer's name at 31 bytes and gpiocdev refuses longer ones; ids are ASCII.
fn consumer_name(name: &str) -> &str {
    name.get(..31).unwrap_or(name)
}

fn refused(what: &str, line: &Line, error: &gpiocdev::Error) -> BoardError {
    BoardError::Line {
        what: what.to_owned(),
        problem: format!("the kernel refuses line {line}: {error}"),
        remedy:
            "see `gpioinfo` for who holds it; a line of a kernel driver is freed in the device tree, and not every \
                 chip has a bias or edges"
                .into(),
    }
}
