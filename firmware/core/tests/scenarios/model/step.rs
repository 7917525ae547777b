//! What may happen at the door, and how often.

use proptest::prelude::*;

use super::{BUTTONS, CLIENTS, DOORS, LATE};

/// How long time passes at a stroke, in milliseconds: up to eleven seconds often, longer than the long deadlines seldom.
const PASSES: [u64; 11] = [1, 10, 40, 400, 1000, 3000, 11_000, 31_000, 46_000, 301_000, 601_000];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Pass(u64),
    /// Time passes while the shell is busy elsewhere.
    Late(u64),
    Edge {
        button: usize,
        pressed: bool,
        age_ms: u64,
    },
    Level {
        button: usize,
        pressed: bool,
    },
    Noise {
        button: usize,
        pulses: u64,
        width_ms: u64,
    },
    Press(usize),
    /// A whole call up to the talk, unless something is on that prevents it.
    Talk(usize),
    /// A call up to the talk that nobody rang, unless something is on that prevents it.
    TalkUnrung(usize),
    /// The talker asks for a door, and its relay acts.
    Open(usize),
    /// Everybody comes and watches.
    WatchAll,
    Here(usize),
    Gone(usize),
    CompanionLost,
    Watch(Who),
    Tell(Word, Who, Which),
    Unlock(Who, Which, usize),
    /// The shell gets round to the oldest command of a relay.
    Relay(usize, Report),
    /// A report that no command asked for, or of one that was forgotten.
    Rogue {
        door: usize,
        energised: bool,
        failed: bool,
    },
    Trouble(bool),
    Shutdown,
}

/// What a client, or its peer, says about a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    Rang,
    Accept,
    Decline,
    Reconnect,
    HangUp,
    Malformed,
    Connected,
    Lost,
    HandshakeFailed,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    Client(usize),
    Talker,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    Present,
    Previous,
    Foreign,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Report {
    Acted,
    Failed,
    /// The relay moved, but the board thinks that it did not.
    FailedButMoved,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let button = 0..BUTTONS.len();
    let client = 0..CLIENTS.len();
    let door = 0..DOORS.len();
    let who = || prop_oneof![3 => (0..CLIENTS.len()).prop_map(Who::Client), 2 => Just(Who::Talker)];
    let which = || prop_oneof![8 => Just(Which::Present), 1 => Just(Which::Previous), 1 => Just(Which::Foreign)];
    let pass = prop_oneof![8 => prop::sample::select(&PASSES[..7]), 1 => prop::sample::select(&PASSES[7..])];
    let word = prop_oneof![
        1 => Just(Word::Rang),
        5 => Just(Word::Accept),
        2 => Just(Word::Decline),
        1 => Just(Word::Reconnect),
        1 => Just(Word::HangUp),
        1 => Just(Word::Malformed),
        8 => Just(Word::Connected),
        1 => Just(Word::Lost),
        1 => Just(Word::HandshakeFailed),
    ];
    let report = prop_oneof![6 => Just(Report::Acted), 2 => Just(Report::Failed), 1 => Just(Report::FailedButMoved)];
    prop_oneof![
        20 => pass.prop_map(Step::Pass),
        3 => (1..=LATE.as_millis() as u64).prop_map(Step::Late),
        6 => (button.clone(), any::<bool>(), 0..60u64)
            .prop_map(|(button, pressed, age_ms)| Step::Edge { button, pressed, age_ms }),
        2 => (button.clone(), any::<bool>()).prop_map(|(button, pressed)| Step::Level { button, pressed }),
        2 => (button.clone(), 1..20u64, 1..29u64)
            .prop_map(|(button, pulses, width_ms)| Step::Noise { button, pulses, width_ms }),
        9 => prop_oneof![5 => Just(0usize), 3 => Just(1), 1 => Just(2), 1 => Just(3)].prop_map(Step::Press),
        4 => client.clone().prop_map(Step::Talk),
        2 => client.clone().prop_map(Step::TalkUnrung),
        6 => (0..2usize).prop_map(Step::Open),
        1 => Just(Step::WatchAll),
        10 => client.clone().prop_map(Step::Here),
        4 => client.prop_map(Step::Gone),
        1 => Just(Step::CompanionLost),
        6 => who().prop_map(Step::Watch),
        36 => (word, who(), which()).prop_map(|(word, who, which)| Step::Tell(word, who, which)),
        20 => (who(), which(), door.clone()).prop_map(|(who, which, door)| Step::Unlock(who, which, door)),
        20 => (door.clone(), report).prop_map(|(door, report)| Step::Relay(door, report)),
        1 => (door, any::<bool>(), any::<bool>())
            .prop_map(|(door, energised, failed)| Step::Rogue { door, energised, failed }),
        1 => any::<bool>().prop_map(Step::Trouble),
    ]
}

/// A day at the door; one in eight ends with the station closing down while whatever was going on goes on.
pub(super) fn day() -> impl Strategy<Value = Vec<Step>> {
    let closing = prop_oneof![7 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (prop::collection::vec(step(), 1..300), closing).prop_map(|(mut steps, closing)| {
        if let Some(index) = closing {
            steps.insert(index.index(steps.len()), Step::Shutdown);
        }
        steps
    })
}
