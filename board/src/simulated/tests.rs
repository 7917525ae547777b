use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::{Board, BoardDescription, Pattern};

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn board() -> (Board, Simulated, mpsc::Receiver<Event>) {
    board_of(&BoardDescription::named("simulated").unwrap())
}

fn board_of(description: &BoardDescription) -> (Board, Simulated, mpsc::Receiver<Event>) {
    let (send, events) = mpsc::channel();
    let board = Board::open(description, move |event| send.send(event).unwrap_or(())).unwrap();
    let simulated = board.simulated().unwrap().clone();
    (board, simulated, events)
}

fn call() -> ButtonId {
    ButtonId::new("call").unwrap()
}

fn door() -> RelayId {
    RelayId::new("door").unwrap()
}

#[test]
fn a_press_is_an_edge_at_its_time_and_the_level_follows() {
    let (mut board, simulated, events) = board();
    assert_eq!(board.is_pressed(&call()), Ok(Some(false)));
    let at = Instant::now();
    assert_eq!(simulated.set_pressed(&call(), true, at), Ok(true));
    let edge = Edge { button: call(), pressed: true, at, missed: false };
    assert_eq!(events.try_recv(), Ok(Event::Edge(edge)));
    assert_eq!(board.is_pressed(&call()), Ok(Some(true)));
    assert_eq!(simulated.buttons()[0], (call(), true));
}

#[test]
fn pressing_a_pressed_button_makes_no_edge() {
    let (_board, simulated, events) = board();
    simulated.set_pressed(&call(), true, Instant::now()).unwrap();
    assert_eq!(simulated.set_pressed(&call(), true, Instant::now()), Ok(false));
    assert_eq!(events.try_iter().count(), 1);
}

#[test]
fn an_unseen_move_is_told_by_the_next_edge() {
    let (mut board, simulated, events) = board();
    simulated.set_pressed_unseen(&call(), true).unwrap();
    assert!(events.try_recv().is_err());
    assert_eq!(board.is_pressed(&call()), Ok(Some(true)));
    simulated.set_pressed(&call(), false, Instant::now()).unwrap();
    simulated.set_pressed(&call(), true, Instant::now()).unwrap();
    let missed: Vec<bool> =
        events.try_iter().map(|event| matches!(event, Event::Edge(Edge { missed: true, .. }))).collect();
    assert_eq!(missed, [true, false]);
}

#[test]
fn an_unknown_button_lists_the_known_ones() {
    let (mut board, simulated, _events) = board();
    let unknown = ButtonId::new("bell").unwrap();
    let error = simulated.set_pressed(&unknown, true, Instant::now()).unwrap_err();
    assert!(error.to_string().contains("call, hang-up"), "{error}");
    assert_eq!(board.is_pressed(&unknown), Ok(None));
    assert!(board.relay(&RelayId::new("gate").unwrap()).is_none());
}

#[test]
fn a_relays_moves_are_seen_with_their_times() {
    let (board, simulated, _events) = board();
    assert!(simulated.relays()[0].moves.is_empty());
    let before = SystemTime::now();
    board.relay(&door()).unwrap().energise(LONG).unwrap();
    assert!(simulated.relays()[0].energised);
    board.relay(&door()).unwrap().release().unwrap();
    let relay = &simulated.relays()[0];
    assert!(!relay.energised);
    assert_eq!(relay.moves.iter().map(|step| step.energised).collect::<Vec<_>>(), [true, false]);
    assert!(relay.moves[0].at >= before && relay.moves[1].at_ms() >= relay.moves[0].at_ms());
}

#[test]
fn only_the_last_64_moves_are_kept() {
    let (board, simulated, _events) = board();
    let relay = board.relay(&door()).unwrap();
    for _ in 0..40 {
        relay.energise(LONG).unwrap();
        relay.release().unwrap();
    }
    let moves = simulated.relays()[0].moves.clone();
    assert_eq!(moves.len(), 64);
    assert!(!moves[63].energised);
}

#[test]
fn an_active_low_relay_rests_high_and_is_seen_as_released() {
    let text = "backend = \"simulated\"\n[[button]]\nid = \"call\"\nrole = \"call\"\nactive = \"high\"\n\
                [[relay]]\nid = \"door\"\nactive = \"low\"\nmax_pulse = \"5 s\"\n";
    let (mut board, simulated, _events) = board_of(&BoardDescription::parse(text, "test").unwrap());
    assert!(!simulated.relays()[0].energised);
    board.relay(&door()).unwrap().energise(LONG).unwrap();
    assert!(simulated.relays()[0].energised);
    simulated.set_pressed(&call(), true, Instant::now()).unwrap();
    assert_eq!(board.is_pressed(&call()), Ok(Some(true)));
}

#[test]
fn dropping_the_board_releases_the_relay_and_leaves_the_handle_usable() {
    let (board, simulated, _events) = board();
    board.relay(&door()).unwrap().energise(LONG).unwrap();
    drop(board);
    assert!(!simulated.relays()[0].energised);
    assert_eq!(simulated.brightness(), 0);
    assert_eq!(simulated.set_pressed(&call(), true, Instant::now()), Ok(true));
}

#[test]
fn a_broken_relay_is_an_error_to_whoever_opens_the_door() {
    let (board, simulated, _events) = board();
    simulated.break_relay(&door(), true).unwrap();
    assert!(board.relay(&door()).unwrap().energise(LONG).is_err());
    simulated.break_relay(&door(), false).unwrap();
    assert!(board.relay(&door()).unwrap().energise(LONG).is_ok());
}

#[test]
fn changes_are_told_and_the_board_may_be_looked_at_from_there() {
    let (board, simulated, _events) = board();
    let told = Arc::new(AtomicU32::new(0));
    let (count, seen) = (Arc::clone(&told), simulated.clone());
    simulated.on_change(move || {
        seen.relays();
        count.fetch_add(1, Ordering::SeqCst);
    });
    simulated.set_pressed(&call(), true, Instant::now()).unwrap();
    board.relay(&door()).unwrap().energise(LONG).unwrap();
    board.relay(&door()).unwrap().release().unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 3);
}

#[test]
fn the_lamp_is_as_bright_as_its_pattern() {
    let (board, simulated, _events) = board();
    board.indicator().unwrap().show(Pattern::TALKING);
    let give_up = Instant::now() + LONG;
    while simulated.brightness() != FULL {
        assert!(Instant::now() < give_up);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_board_is_made_safe_by_opening_its_relays_alone() {
    Board::make_safe(&BoardDescription::named("simulated").unwrap()).unwrap();
}
