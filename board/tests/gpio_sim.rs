//! The gpiochip backend against a real kernel's simulated GPIO chip (module gpio-sim). Needs root and that module, so
//! it runs in the virtual board: `cargo test -p doorway-board --test gpio_sim -- --ignored`.
#![cfg(feature = "gpiochip")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use doorway_board::{Board, BoardDescription, ButtonId, Edge, Event, RelayId, probe};

const LONG: Duration = Duration::from_secs(20);
/// Set in the child process that a test kills.
const CHILD: &str = "DOORWAY_GPIO_SIM_CHILD";

/// A chip with a button and a relay, whose line names begin with a prefix of its own.
struct Chip {
    config: PathBuf,
    device: PathBuf,
    prefix: String,
}

impl Chip {
    fn new(test: &str) -> Self {
        let prefix = format!("{test}-{}", std::process::id());
        let config = Path::new("/sys/kernel/config/gpio-sim").join(&prefix);
        let bank = config.join("bank0");
        fs::create_dir(&config).expect("root, with gpio-sim loaded and configfs mounted");
        fs::create_dir(&bank).unwrap();
        fs::write(bank.join("num_lines"), "8").unwrap();
        for (offset, name) in [(3, "call-button"), (5, "unlock-relay")] {
            let line = bank.join(format!("line{offset}"));
            fs::create_dir(&line).unwrap();
            fs::write(line.join("name"), format!("{prefix}-{name}")).unwrap();
        }
        fs::write(config.join("live"), "1").unwrap();
        let read = |path: PathBuf| fs::read_to_string(path).unwrap().trim().to_owned();
        let device =
            Path::new("/sys/devices/platform").join(read(config.join("dev_name"))).join(read(bank.join("chip_name")));
        // udev names the device node a moment later.
        let give_up = Instant::now() + LONG;
        while !probe().chips.iter().flat_map(|chip| &chip.lines).any(|line| line.name.starts_with(&prefix)) {
            assert!(Instant::now() < give_up, "the chip never appeared");
            thread::sleep(Duration::from_millis(20));
        }
        Self { config, device, prefix }
    }

    fn description(&self) -> BoardDescription {
        BoardDescription::parse(&description(&self.prefix), "test").unwrap()
    }

    fn pull(&self, up: bool) {
        let pull = if up { "pull-up" } else { "pull-down" };
        fs::write(self.device.join("sim_gpio3/pull"), pull).unwrap();
    }

    fn relay_is_high(&self) -> bool {
        fs::read_to_string(self.device.join("sim_gpio5/value")).unwrap().trim() == "1"
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        fs::write(self.config.join("live"), "0").ok();
        for folder in ["bank0/line3", "bank0/line5", "bank0", ""] {
            fs::remove_dir(self.config.join(folder)).ok();
        }
    }
}

fn description(prefix: &str) -> String {
    format!(
        "backend = \"gpiochip\"\n\
         [[button]]\nid = \"call\"\nrole = \"call\"\nline = \"{prefix}-call-button\"\nbias = \"none\"\nactive = \"low\"\n\
         [[relay]]\nid = \"door\"\nline = \"{prefix}-unlock-relay\"\nmax_pulse = \"60 s\"\n"
    )
}

fn open(chip: &Chip) -> (Board, mpsc::Receiver<Event>) {
    let (send, events) = mpsc::channel();
    let board = Board::open(&chip.description(), move |event| send.send(event).unwrap_or(())).unwrap();
    (board, events)
}

fn edge(events: &mpsc::Receiver<Event>) -> Edge {
    match events.recv_timeout(LONG).unwrap() {
        Event::Edge(edge) => edge,
        other @ (Event::ButtonsLost { .. } | Event::RelayCutOff { .. }) => {
            panic!("no edge but {other:?}")
        }
    }
}

fn door() -> RelayId {
    RelayId::new("door").unwrap()
}

#[test]
#[ignore = "needs root and the kernel module gpio-sim"]
fn a_press_is_an_edge_with_the_kernels_time() {
    let chip = Chip::new("press");
    chip.pull(true);
    let (mut board, events) = open(&chip);
    let call = ButtonId::new("call").unwrap();
    assert_eq!(board.is_pressed(&call), Ok(Some(false)));
    for pressed in [true, false, true] {
        let before = Instant::now();
        chip.pull(!pressed);
        let after = Instant::now();
        let edge = edge(&events);
        assert_eq!((edge.button.as_str(), edge.pressed, edge.missed), ("call", pressed, false));
        assert!(edge.at >= before - Duration::from_millis(1) && edge.at <= after, "not in between");
        assert_eq!(board.is_pressed(&call), Ok(Some(pressed)));
    }
}

#[test]
#[ignore = "needs root and the kernel module gpio-sim"]
fn more_edges_than_the_kernel_keeps_are_told_as_missed() {
    let chip = Chip::new("flood");
    chip.pull(true);
    let (send, events) = mpsc::channel();
    let (hold, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    // The owner breaks the rule not to block, so the kernel's queue fills.
    let board = Board::open(&chip.description(), move |event| {
        held.lock().unwrap().recv().unwrap_or(());
        send.send(event).unwrap_or(());
    })
    .unwrap();
    for _ in 0..500 {
        chip.pull(false);
        chip.pull(true);
    }
    drop(hold);
    let missed = (0..64).map(|_| edge(&events).missed).filter(|missed| *missed).count();
    assert!(missed >= 1);
    drop(board);
}

#[test]
#[ignore = "needs root and the kernel module gpio-sim"]
fn the_relays_line_moves_and_rests_when_the_board_is_dropped() {
    let chip = Chip::new("relay");
    let (board, _events) = open(&chip);
    assert!(!chip.relay_is_high());
    board.relay(&door()).unwrap().energise(LONG).unwrap();
    assert!(chip.relay_is_high());
    drop(board);
    assert!(!chip.relay_is_high());
    drop(open(&chip));
}

#[test]
#[ignore = "needs root and the kernel module gpio-sim"]
fn a_second_board_on_the_same_lines_is_refused_with_their_users_name() {
    let chip = Chip::new("twice");
    let (_board, _events) = open(&chip);
    let error = Board::open(&chip.description(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("in use by `doorway door`"), "{error}");
}

#[test]
#[ignore = "needs root and the kernel module gpio-sim"]
fn a_killed_process_leaves_the_relays_line_at_rest() {
    let chip = Chip::new("killed");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_child_that_is_killed"])
        .env(CHILD, &chip.prefix)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let wait_for = |high: bool| {
        let give_up = Instant::now() + LONG;
        while chip.relay_is_high() != high {
            assert!(Instant::now() < give_up, "the relay's line never became {high}");
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(true);
    // SIGKILL: no code of the child runs after this.
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for(false);
    drop(open(&chip));
}

#[test]
#[ignore = "is the child process of another test"]
fn the_child_that_is_killed() {
    let Ok(prefix) = std::env::var(CHILD) else {
        return;
    };
    let description = BoardDescription::parse(&description(&prefix), "child").unwrap();
    let board = Board::open(&description, |_| {}).unwrap();
    board.relay(&door()).unwrap().energise(Duration::from_secs(60)).unwrap();
    thread::sleep(Duration::from_secs(60));
}
