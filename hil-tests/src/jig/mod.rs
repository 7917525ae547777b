//! The jig: the hands, eyes and ears of a case on another computer.
//!
//! A small resident program, [`agent::serve`], reads one JSON object a line and answers with one. It runs inside a virtual
//! board behind a virtio-serial port, and on a bench's board at the end of an ssh connection. [`Jig`] is its other end, in
//! the test. Requests carry a number and may overlap: a program that runs for seconds holds up nothing else.

pub mod agent;
mod client;
pub mod colours;
mod lines;
mod program;

use serde::{Deserialize, Serialize};

pub use client::Jig;
pub use program::AgentProgram;

/// The version of these messages; both ends are built together, but a saved virtual board may hold an older agent.
pub const VERSION: u32 = 2;

/// What the test asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Who is there?
    Hello {},
    /// Runs a program to its end.
    Run {
        /// The program and its arguments.
        command: Vec<String>,
        /// After how many milliseconds it is killed.
        within_ms: u64,
    },
    /// Reads a file.
    Read {
        /// Its path.
        path: String,
    },
    /// Writes a file in one step: who reads it sees the old one or the new one.
    Write {
        /// Its path.
        path: String,
        /// What it holds, in base64.
        base64: String,
    },
    /// A GET over HTTP from this computer to itself.
    Get {
        /// The port on loopback.
        port: u16,
        /// The path, such as `/status`.
        path: String,
    },
    /// Moves a contact. Answered when the last step is over.
    Play {
        /// Its line.
        line: Wiring,
        /// Its movements.
        steps: Vec<Step>,
    },
    /// Begins to note every change of these lines, and forgets what was noted before. None: stops.
    Watch {
        /// They.
        lines: Vec<Wiring>,
    },
    /// What was noted since.
    Noted {},
    /// Whether a line is active now.
    Level {
        /// It.
        line: Wiring,
    },
    /// Reads both clocks, or sets the wall clock first.
    Clock {
        /// The wall clock to set, in nanoseconds since the Unix epoch.
        set_ns: Option<u64>,
    },
}

/// A line of the agent's computer, and how it is wired to the device.
///
/// On a line of gpio-sim a closed contact pulls to ground, whatever is said here; `active_low` is for reading it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wiring {
    /// Its name, or `LABEL:OFFSET` with the label of its GPIO chip: the lines of most USB expanders have no names.
    pub line: String,
    /// Whether low is active: a relay module that closes on low, an optocoupler that pulls low what it senses.
    #[serde(default)]
    pub active_low: bool,
    /// Whether an output is left alone, rather than driven, while it is not low: then it may be wired to a pull-up directly.
    #[serde(default)]
    pub open_drain: bool,
    /// The resistor inside the chip of a line that senses.
    #[serde(default)]
    pub bias: Bias,
}

impl Wiring {
    /// A line that is active while it is high.
    pub fn high(line: &str) -> Self {
        Self { line: line.to_owned(), active_low: false, open_drain: false, bias: Bias::None }
    }

    /// A line that is active while it is low.
    pub fn low(line: &str) -> Self {
        Self { active_low: true, ..Self::high(line) }
    }
}

/// A resistor inside a GPIO chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// None, or whatever the chip does by itself.
    #[default]
    None,
    /// To the supply.
    PullUp,
    /// To ground.
    PullDown,
}

/// A part of a contact's movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Whether the contact is closed.
    pub closed: bool,
    /// For how many microseconds before the next step.
    pub for_us: u64,
}

/// A line that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its name.
    pub line: String,
    /// Whether it is active now.
    pub active: bool,
    /// When it was seen, in microseconds of `CLOCK_MONOTONIC` over there.
    pub at_us: u64,
}

/// What the agent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tell {
    /// It is there.
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// A program has ended.
    Ran {
        /// Its exit code; none when a signal ended it.
        code: Option<i32>,
        /// What it printed.
        stdout: String,
        /// What it complained about.
        stderr: String,
    },
    /// The bytes of a file, in base64.
    Bytes {
        /// What it holds.
        base64: String,
    },
    /// An HTTP answer.
    Got {
        /// The status code.
        code: u16,
        /// The body.
        body: String,
    },
    /// Changes, oldest first.
    Changes {
        /// They.
        changes: Vec<Change>,
    },
    /// A line's level.
    Level {
        /// Whether it is active.
        active: bool,
    },
    /// Both clocks.
    Clock {
        /// The wall clock, in nanoseconds since the Unix epoch.
        wall_ns: u64,
        /// `CLOCK_MONOTONIC`, in microseconds.
        monotonic_us: u64,
    },
    /// Done; there is nothing to tell.
    Done {},
    /// It could not be done.
    Failed {
        /// Why.
        message: String,
    },
}

/// A line to the agent.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    id: u64,
    what: Ask,
}

/// A line from the agent.
#[derive(Debug, Serialize, Deserialize)]
struct Response {
    id: u64,
    what: Tell,
}
