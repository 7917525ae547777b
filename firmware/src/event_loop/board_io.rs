//! The board's buttons, relays and light, as the engine speaks of them.

use doorway_board::{Board, Button, ButtonId, Pattern, PinError, RelayId, Role, Simulated};
use doorway_core::DoorId;
use doorway_core::indicator::Indicator;

/// The board of the station.
pub(super) struct BoardIo {
    board: Board,
    buttons: Vec<Button>,
}

impl BoardIo {
    pub(super) fn new(board: Board, buttons: Vec<Button>) -> Self {
        Self { board, buttons }
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    pub(super) fn simulated(&self) -> Option<&Simulated> {
        self.board.simulated()
    }

    /// Every button with its level, as far as it can be read.
    pub(super) fn levels(&mut self) -> Vec<(doorway_core::ButtonId, bool)> {
        let buttons: Vec<ButtonId> = self.buttons.iter().map(|button| button.id.clone()).collect();
        buttons.iter().filter_map(|button| self.level(button)).collect()
    }

    pub(super) fn level(&mut self, button: &ButtonId) -> Option<(doorway_core::ButtonId, bool)> {
        match self.board.is_pressed(button) {
            Ok(pressed) => Some((doorway_core::ButtonId::new(button.as_str()), pressed?)),
            Err(error) => {
                tracing::warn!(%button, %error, "a button's level could not be read");
                None
            }
        }
    }

    pub(super) fn buttons(&self) -> usize {
        self.buttons.len()
    }

    /// What a button is for.
    pub(super) fn role(&self, id: &ButtonId) -> Role {
        self.buttons.iter().find(|button| button.id == *id).map_or(Role::Call, |button| button.role)
    }

    /// Whether each button can be read.
    ///
    /// # Errors
    /// The first that can't, and why.
    pub(super) fn check_buttons(&mut self) -> Result<(), (ButtonId, PinError)> {
        for button in &self.buttons {
            self.board.is_pressed(&button.id).map_err(|error| (button.id.clone(), error))?;
        }
        Ok(())
    }

    /// Moves a door's relay.
    ///
    /// # Errors
    /// Why it does not follow, for the installer.
    pub(super) fn move_relay(&self, door: &DoorId, energise: bool) -> Result<(), String> {
        let relay = RelayId::new(door.as_str())
            .ok()
            .and_then(|id| self.board.relay(&id))
            .ok_or_else(|| "the board description has no such relay".to_owned())?;
        if energise {
            // The core ends the pulse; the board's own cap is for the case that it can't.
            relay.energise(relay.max_pulse()).map(|_| ()).map_err(|error| error.to_string())
        } else {
            relay.release().map_err(|error| error.to_string())
        }
    }

    pub(super) fn show(&self, indicator: Indicator) {
        let Some(lamp) = self.board.indicator() else { return };
        lamp.show(match indicator {
            Indicator::Off => Pattern::Off,
            Indicator::Ready => Pattern::READY,
            Indicator::Watched => Pattern::WATCHED,
            Indicator::Ringing => Pattern::RINGING,
            Indicator::Connecting => Pattern::CONNECTING,
            Indicator::Talking => Pattern::TALKING,
            Indicator::Fault => Pattern::FAULT,
        });
    }
}
