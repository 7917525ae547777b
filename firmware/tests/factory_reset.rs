//! The watch over a board's call buttons at power-on, with a simulated board and a shorter wait.

use std::thread;
use std::time::{Duration, Instant};

use doorway_board::{BoardDescription, ButtonId, Simulated};
use doorway_core::factory_reset::{ResetSettings, ResetVerdict};
use doorwayd::factory_reset::watch;

const SETTINGS: ResetSettings = ResetSettings {
    hold: Duration::from_millis(300),
    let_go_within: Duration::from_millis(600),
    bounce: Duration::from_millis(20),
};

fn press(board: &Simulated, button: &str, pressed: bool) {
    board.set_pressed(&ButtonId::new(button).expect("an id"), pressed, Instant::now()).expect("the board has it");
}

/// The button is down at power-on, and let go after `held`, if at all.
fn verdict_of(held: Option<Duration>, button: &'static str) -> ResetVerdict {
    let description = BoardDescription::find("simulated").expect("built in");
    let finger = move |board: Simulated| {
        press(&board, button, true);
        thread::spawn(move || {
            if let Some(held) = held {
                thread::sleep(held);
                press(&board, button, false);
            }
        });
    };
    watch(&description, SETTINGS, finger).expect("a simulated board opens")
}

#[test]
fn a_call_button_that_is_held_and_let_go_resets() {
    assert_eq!(verdict_of(Some(Duration::from_millis(500)), "call"), ResetVerdict::Reset);
}

#[test]
fn one_that_is_let_go_too_soon_or_never_does_not() {
    assert_eq!(verdict_of(Some(Duration::from_millis(100)), "call"), ResetVerdict::LetGo);
    assert_eq!(verdict_of(None, "call"), ResetVerdict::Stuck);
}

#[test]
fn nobody_who_presses_nothing_waits() {
    let description = BoardDescription::find("simulated").expect("built in");
    let began = Instant::now();
    assert_eq!(watch(&description, SETTINGS, |_| {}).expect("it opens"), ResetVerdict::NotAsked);
    assert!(began.elapsed() < SETTINGS.hold, "{:?}", began.elapsed());
}
