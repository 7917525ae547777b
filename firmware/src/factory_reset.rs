//! `doorwayd factory-reset-button`: asks the call buttons at power-on, before the daemon, whether everything is to be
//! forgotten. Forgetting is for the device image's unit; see [`doorway_core::factory_reset`] for what is asked.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use doorway_board::{Board, BoardDescription, BoardError, Event, FULL, Pattern, Role, Simulated};
use doorway_core::factory_reset::{FactoryReset, ResetLight, ResetSettings, ResetVerdict};

/// Twice as fast as any other blinking of the light.
const HOLD_ON: Pattern = Pattern::Blink { on: Duration::from_millis(70), off: Duration::from_millis(70) };

/// The board that `config` names. One that can't be used as a whole still may name it: a broken configuration is a reason
/// to reset.
pub fn board_named_in(config: &Path) -> Option<String> {
    let text = std::fs::read_to_string(config).ok()?;
    let table: toml::Table = text.parse().ok()?;
    table.get("board")?.get("description")?.as_str().map(str::to_owned)
}

/// Watches the call buttons of a board until there is a verdict. The relays are left alone.
///
/// After [`ResetVerdict::Reset`] the light stays steady, where the kernel leaves a line as it is when its owner ends.
///
/// # Errors
/// When the board can't be opened.
pub fn watch(
    description: &BoardDescription,
    settings: ResetSettings,
    simulated: impl FnOnce(Simulated),
) -> Result<ResetVerdict, BoardError> {
    let mut description = description.clone();
    description.relays.clear();
    description.buttons.retain(|button| button.role == Role::Call);
    if description.buttons.is_empty() {
        return Ok(ResetVerdict::NotAsked);
    }
    let (edges, told) = channel();
    let mut board = Board::open(&description, move |event| {
        // Nobody listens any more once there is a verdict.
        let _ = edges.send(event);
    })?;
    board.simulated().cloned().map(simulated);
    let mut reset = FactoryReset::new(settings, is_any_pressed(&mut board, &description)?, Instant::now());
    let mut shown = ResetLight::Off;
    while reset.verdict().is_none() {
        if shown != reset.light() {
            shown = reset.light();
            show(&board, shown);
        }
        let due = reset.poll_timeout().map_or(Duration::ZERO, |(due, _)| due.saturating_duration_since(Instant::now()));
        match told.recv_timeout(due) {
            // Whichever button it was, all together count: the level is read, so that no lost edge is missed.
            Ok(Event::Edge(_)) => reset.handle_level(is_any_pressed(&mut board, &description)?, Instant::now()),
            Ok(Event::ButtonsLost { .. } | Event::RelayCutOff { .. }) => {}
            Err(RecvTimeoutError::Timeout) => reset.handle_timeout(Instant::now()),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let verdict = reset.verdict().unwrap_or(ResetVerdict::NotAsked);
    show(&board, reset.light());
    if verdict == ResetVerdict::Reset {
        // A board that is given back is dark.
        std::mem::forget(board);
    }
    Ok(verdict)
}

fn is_any_pressed(board: &mut Board, description: &BoardDescription) -> Result<bool, BoardError> {
    let mut any = false;
    for button in &description.buttons {
        any |= board.is_pressed(&button.id)?.unwrap_or(false);
    }
    Ok(any)
}

fn show(board: &Board, light: ResetLight) {
    let Some(lamp) = board.indicator() else { return };
    lamp.show(match light {
        ResetLight::Off => Pattern::Off,
        ResetLight::Blinking => HOLD_ON,
        ResetLight::Steady => Pattern::Steady(FULL),
    });
}
