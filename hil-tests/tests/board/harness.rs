//! Runs cases on a virtual board: each in a lab of its own, on a board that was just restored.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use hil_tests::browser::{Browser, Microphone, Screen};
use hil_tests::case::{Case, case};
use hil_tests::device::{Board, Device, Lines};
use hil_tests::lab;
use hil_tests::scene::Scene;
use hil_tests::virtual_board::{Architecture, Image, VirtualBoard};
use libtest_mimic::{Arguments, Failed, Trial};

/// How long a case may take unless it says otherwise.
pub(crate) const CASE: Duration = Duration::from_secs(240);
/// How long an emulated board may take for what a person waits for.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// The secret of the companion, from `virtual/guest/doorway.toml`.
const SECRET: &str = "virtual-board-secret";

/// A case: a sentence, and what it does with a bench.
pub(crate) type BoardCase = (&'static str, fn(&Image));

/// What a case has at hand. The board keeps running as long as this lives.
pub(crate) struct Bench {
    /// The emulated machine.
    pub(crate) machine: VirtualBoard,
    /// The device in it.
    pub(crate) board: Board,
}

impl Bench {
    /// A board that is able to ring.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn new(case: &Case, image: &Image) -> Result<Self> {
        let machine = VirtualBoard::restore(case, image).await?;
        let jig = machine.jig().clone();
        let address = format!("{}:8080", lab::BOARD);
        let board = Board::new(jig.clone(), jig, Lines::default(), &address, SECRET).await?;
        Ok(Self { machine, board })
    }

    /// A board that is able to ring, and a page that is open.
    ///
    /// # Errors
    /// When they do not find each other.
    pub(crate) async fn with_page(case: &Case, image: &Image) -> Result<(VirtualBoard, Scene<Board>)> {
        let Self { machine, board } = Self::new(case, image).await?;
        let browser = Browser::start_trusting(case, &board.origin(), Screen::Phone, Microphone::Granted).await?;
        let page = browser.open_online(&board.page()).await?;
        Ok((machine, Scene::with(board, browser, page).await?))
    }
}

/// Runs one case in a lab of its own.
pub(crate) fn on_a_board(image: &Image, within: Duration, body: impl AsyncFnOnce(&Case, &Image) -> Result<()>) {
    lab::enter().expect("the obstacle was looked for before");
    case(within, async |case| body(case, image).await.context("on the virtual board"));
}

/// Runs the cases that the command line names.
pub(crate) fn run(topics: &[(&'static str, &'static [BoardCase])]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two emulated processors and a browser fill a small machine.
    arguments.test_threads = Some(1);
    let obstacle = lab::obstacle();
    if let Some(reason) = &obstacle {
        eprintln!("board: every case is ignored: {reason}");
    }
    let image: Arc<OnceLock<Result<Image, String>>> = Arc::default();
    let mut trials = Vec::new();
    for (topic, cases) in topics {
        for (name, body) in *cases {
            let image = image.clone();
            let trial = Trial::test(format!("{topic}::{name}"), move || {
                // Made by the first case that runs, so that listing the cases builds nothing.
                let made =
                    image.get_or_init(|| Image::ready(Architecture::Amd64).map_err(|error| format!("{error:#}")));
                body(made.as_ref().map_err(Failed::from)?);
                Ok(())
            });
            trials.push(trial.with_ignored_flag(obstacle.is_some()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
