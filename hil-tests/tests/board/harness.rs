//! Runs cases on a virtual board: each in a lab of its own, on a board that was just restored.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hil_tests::browser::{Browser, Microphone, Page, Screen};
use hil_tests::case::{Case, case};
use hil_tests::device::{Board, Device, Lines};
use hil_tests::report::{self, Ending, Figure, Outcome};
use hil_tests::scene::Scene;
use hil_tests::virtual_board::{Architecture, Image, VirtualBoard};
use hil_tests::{lab, tools};
use libtest_mimic::{Arguments, Failed, Trial};

/// How long a case may take unless it says otherwise.
pub(crate) const CASE: Duration = Duration::from_secs(240);
/// How long an emulated board may take for what a person waits for.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// How far off a pulse may look on an emulated machine whose host has other things to do. How exact it is on a quiet one, the
/// report's figures say.
pub(crate) const PULSE_SLACK: Duration = Duration::from_millis(250);
/// The secret of the companion, from `virtual/guest/doorway.toml`.
const SECRET: &str = "virtual-board-secret";
/// Only cases of [`Pace::Quick`] run when it is set.
const QUICK: &str = "HIL_QUICK";

/// Whether a case belongs to what every change has to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It does.
    Quick,
    /// It takes a minute or more.
    Slow,
}

/// A case: a sentence, its pace, and what it does.
pub(crate) type BoardCase = (&'static str, Pace, fn(&Image));

/// What a case leaves for the report besides its ending.
#[derive(Default)]
struct Notes {
    figures: Vec<Figure>,
    pictures: Vec<PathBuf>,
    journal: String,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
}

/// Runs one case in a lab of its own, on a board that was able to ring a moment ago.
pub(crate) fn on_a_board(
    image: &Image,
    within: Duration,
    body: impl AsyncFnOnce(&Case, &mut VirtualBoard) -> Result<()>,
) {
    lab::enter().expect("the obstacle was looked for before");
    case(within + CASE, async |case| {
        let start = Instant::now();
        let mut machine = VirtualBoard::restore(case, image).await?;
        figure("restore", start.elapsed().as_secs_f64(), "s");
        let outcome = tokio::time::timeout(within, body(case, &mut machine)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("the case was not over after {within:.0?}")));
        if outcome.is_err() {
            let journal = machine.jig().sh("journalctl --no-pager --boot --lines=200").await;
            let journal = journal.unwrap_or_else(|error| format!("there is no journal: {error:#}"));
            eprintln!("--- the board's journal ---\n{journal}");
            NOTES.with_borrow_mut(|notes| notes.journal = journal);
        }
        outcome
    });
}

/// Runs one case on a board and a page that is open.
pub(crate) fn with_a_household(image: &Image, body: impl AsyncFnOnce(Scene<Board>) -> Result<()>) {
    on_a_board(image, CASE, async |case, machine| body(with_page(case, machine).await?).await);
}

/// A device that is able to ring.
pub(crate) async fn board(machine: &VirtualBoard) -> Result<Board> {
    let address = format!("{}:8080", lab::BOARD);
    Board::new(machine.jig().clone(), machine.jig().clone(), Lines::default(), &address, SECRET).await
}

/// A device that is able to ring, and a page that is open.
pub(crate) async fn with_page(case: &Case, machine: &VirtualBoard) -> Result<Scene<Board>> {
    let board = board(machine).await?;
    let browser = Browser::start_trusting(case, &board.origin(), Screen::Phone, Microphone::Granted).await?;
    let page = browser.open_online(&board.page()).await?;
    Scene::with(board, browser, page).await
}

/// Puts a number into the report.
pub(crate) fn figure(name: &str, value: f64, unit: &str) {
    let figure = Figure { name: name.to_owned(), value, unit: unit.to_owned() };
    NOTES.with_borrow_mut(|notes| notes.figures.push(figure));
}

/// Puts what the page shows into the report.
pub(crate) async fn picture(page: &Page, name: &str) -> Result<()> {
    let taken = page.screenshot(name).await?;
    let folder = report_folder()?;
    std::fs::create_dir_all(&folder).context("making the report's folder")?;
    let file = PathBuf::from(format!("{name}.png"));
    std::fs::copy(&taken, folder.join(&file)).context("copying a picture")?;
    NOTES.with_borrow_mut(|notes| notes.pictures.push(file));
    Ok(())
}

/// Runs the cases that the command line names, and writes the report.
pub(crate) fn run(topics: &'static [(&'static str, &'static [BoardCase])]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two emulated processors and a browser fill a small machine.
    arguments.test_threads = Some(1);
    let obstacle = lab::obstacle();
    if let Some(reason) = &obstacle {
        eprintln!("board: every case is ignored: {reason}");
    }
    let quick = std::env::var_os(QUICK).is_some();
    let image: Arc<OnceLock<Result<Image, String>>> = Arc::default();
    let outcomes: Arc<Mutex<Vec<Outcome>>> = Arc::default();
    let mut trials = Vec::new();
    for (topic, cases) in topics {
        for (name, pace, body) in *cases {
            let left_out =
                (quick && *pace == Pace::Slow).then(|| "it takes a minute or more: `make hil` runs it".into());
            let ignored = obstacle.clone().or(left_out);
            if let Some(reason) = &ignored {
                let ending = Ending::Ignored { reason: reason.clone() };
                lock(&outcomes).push(outcome(topic, name, ending, Duration::ZERO));
            }
            let (image, outcomes) = (image.clone(), outcomes.clone());
            let trial = Trial::test(format!("{topic}::{name}"), move || {
                // Made by the first case that runs, so that listing the cases builds nothing.
                let ready = || Image::ready(Architecture::chosen()?);
                let made = image.get_or_init(|| ready().map_err(|error| format!("{error:#}")));
                let start = Instant::now();
                let ended = made
                    .as_ref()
                    .map_err(|reason| format!("there is no board: {reason}"))
                    .and_then(|image| catch_unwind(AssertUnwindSafe(|| body(image))).map_err(|panic| said(&*panic)));
                let journal = NOTES.with_borrow(|notes| notes.journal.clone());
                let ending = match &ended {
                    Ok(()) => Ending::Passed,
                    Err(reason) => Ending::Failed { reason: reason.clone(), journal },
                };
                lock(&outcomes).push(outcome(topic, name, ending, start.elapsed()));
                ended.map_err(Failed::from)
            });
            trials.push(trial.with_ignored_flag(ignored.is_some()));
        }
    }
    let listing = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !listing {
        let mut outcomes = lock(&outcomes).clone();
        let order: Vec<_> =
            topics.iter().flat_map(|(topic, cases)| cases.iter().map(|case| (*topic, case.0))).collect();
        outcomes.sort_by_key(|outcome| order.iter().position(|place| *place == (&*outcome.topic, &*outcome.name)));
        match write_report(&outcomes) {
            Ok(page) => println!("report: {}", page.display()),
            Err(error) => eprintln!("board: there is no report: {error:#}"),
        }
    }
    conclusion.exit_code()
}

fn outcome(topic: &str, name: &str, ending: Ending, took: Duration) -> Outcome {
    let Notes { figures, pictures, .. } = NOTES.take();
    Outcome { topic: topic.to_owned(), name: name.to_owned(), ending, took, figures, pictures }
}

fn write_report(outcomes: &[Outcome]) -> Result<PathBuf> {
    let device = format!("the virtual board, {}", Architecture::chosen()?.name());
    report::write(&report_folder()?, &device, outcomes)
}

fn report_folder() -> Result<PathBuf> {
    Ok(tools::cache()?.join(format!("report/virtual-{}", Architecture::chosen()?.name())))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
