//! A program that aborts on panic runs no destructor: its panic hook has to release the relays. In a file of its own,
//! because the hook belongs to the whole process.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use doorway_board::{Board, BoardDescription, RelayId, release_relays_on_panic};

#[test]
fn the_panic_hook_releases_every_relay_before_anything_unwinds() {
    let board = Board::open(&BoardDescription::named("simulated").unwrap(), |_| {}).unwrap();
    let door = RelayId::new("door").unwrap();
    board.relay(&door).unwrap().energise(Duration::from_secs(10)).unwrap();
    release_relays_on_panic();
    release_relays_on_panic();

    // Another thread panics: the board is not dropped, so only the hook can have moved the relay.
    std::thread::spawn(|| panic!("somewhere else")).join().unwrap_err();

    assert!(!board.relay(&door).unwrap().is_energised());
    let relays = board.simulated().unwrap().relays();
    assert!(!relays[0].energised);
    assert_eq!(relays[0].moves.len(), 2);
}
