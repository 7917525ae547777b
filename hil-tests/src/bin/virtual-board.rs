//! A virtual board that stands on a bench: `virtual-board COMMAND...`
//!
//! Runs the command in the board's network, with what a bench has instead of QEMU's controls: the folder
//! `DOORWAY_VIRTUAL_BOARD` has the port of its agent, `jig`, and what its console said, `console.log`. A shell is a way to look
//! around; `devices/bench-on-virtual.toml` is the bench.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use hil_tests::case::{Case, block_on};
use hil_tests::lab;
use hil_tests::virtual_board::{Image, SECRET, VirtualBoard};
use tokio::process::Command;

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("virtual-board COMMAND...")?;
    if let Some(obstacle) = lab::obstacle() {
        bail!(obstacle);
    }
    let image = Image::ready()?;
    lab::enter()?;
    let case = Case::new()?;
    let status = block_on(async {
        let board = VirtualBoard::restore(&case, &image).await?;
        board.let_go_of_the_agent();
        let mut command = Command::new(&program);
        command.args(arguments).env("DOORWAY_VIRTUAL_BOARD", board.folder());
        command.env("DOORWAY_VIRTUAL_BOARD_SECRET", SECRET);
        command.status().await.with_context(|| format!("starting {}", program.display()))
    })?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
