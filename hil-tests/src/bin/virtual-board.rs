//! A virtual board that stands on a bench: `virtual-board COMMAND...`
//!
//! Runs the command in the board's network, with what a bench has instead of QEMU's controls. In the folder
//! `DOORWAY_VIRTUAL_BOARD` are the port of its agent, `jig`; what its console said, `console.log`; and its power switch, `power`,
//! a socket that takes a line, `on` or `off`, and answers `done`. A shell is a way to look around;
//! `devices/bench-on-virtual.toml` is the bench.

use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use hil_tests::case::{Case, block_on};
use hil_tests::device::layers::Power as _;
use hil_tests::lab;
use hil_tests::virtual_board::{Architecture, Image, SECRET, VirtualBoard};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("virtual-board COMMAND...")?;
    if let Some(obstacle) = lab::obstacle() {
        bail!(obstacle);
    }
    let image = Image::ready(Architecture::Amd64)?;
    lab::enter()?;
    let case = Case::new()?;
    let status = block_on(async {
        let board = VirtualBoard::restore(&case, &image).await?;
        board.let_go_of_the_agent();
        let mut command = Command::new(&program);
        command.args(arguments).env("DOORWAY_VIRTUAL_BOARD", board.folder());
        command.env("DOORWAY_VIRTUAL_BOARD_SECRET", SECRET);
        let switch = board.folder().join("power");
        let mut child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        tokio::select! {
            ended = child.wait() => ended.context("waiting for its end"),
            failed = serve_power(&board, &switch) => Err(failed.err().context("the switch is there for good")?),
        }
    })?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// One hand at a time is at the switch.
async fn serve_power(board: &Rc<VirtualBoard>, switch: &Path) -> Result<()> {
    let listener = UnixListener::bind(switch).with_context(|| format!("making {}", switch.display()))?;
    loop {
        let (hand, _) = listener.accept().await.context("waiting at the power switch")?;
        if let Err(error) = switch_power(board, hand).await {
            eprintln!("virtual-board: power: {error:#}");
        }
    }
}

async fn switch_power(board: &Rc<VirtualBoard>, hand: UnixStream) -> Result<()> {
    let mut hand = BufReader::new(hand);
    let mut order = String::new();
    hand.read_line(&mut order).await?;
    match order.trim() {
        "on" => {
            board.give().await?;
            board.let_go_of_the_agent();
        }
        "off" => board.cut().await?,
        other => bail!("on or off, not {other:?}"),
    }
    hand.write_all(b"done\n").await?;
    Ok(())
}
