//! Runs cases on a device: each has it as if no case had been before.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hil_tests::browser::{Browser, Microphone, Page, Screen};
use hil_tests::case::{Case, case};
use hil_tests::device::layers::Ability;
use hil_tests::device::{Board, Description, Device, Ready};
use hil_tests::report::{self, Ending, Figure, Outcome};
use hil_tests::scene::Scene;
use hil_tests::tools;
use libtest_mimic::{Arguments, Failed, Trial};

/// How long a case may take unless it says otherwise.
pub(crate) const CASE: Duration = Duration::from_secs(240);
/// How long an emulated board may take for what a person waits for.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// How far off a pulse may look on an emulated machine whose host has other things to do. How exact it is on a quiet one, the
/// report's figures say.
pub(crate) const PULSE_SLACK: Duration = Duration::from_millis(250);
/// The file of `devices/` that describes the device.
const DEVICE: &str = "HIL_DEVICE";
/// The device when none is named.
const USUAL_DEVICE: &str = "devices/virtual-amd64.toml";
/// Only the topics that it names run when it is set, with commas between them.
const TOPICS: &str = "HIL_TOPICS";
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

/// A case: a sentence, its pace, what the device has to be able to do, and what it does with it.
pub(crate) type BoardCase = (&'static str, Pace, &'static [Ability], fn(&Ready));

/// What a case leaves for the report besides its ending.
#[derive(Default)]
struct Notes {
    figures: Vec<Figure>,
    pictures: Vec<PathBuf>,
    journal: String,
    /// Where the report goes.
    folder: Option<PathBuf>,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
}

/// Runs one case on a device that was able to ring a moment ago.
pub(crate) fn on_a_device(ready: &Ready, within: Duration, body: impl AsyncFnOnce(&Case, Board) -> Result<()>) {
    ready.enter().expect("the obstacle was looked for before");
    case(within + CASE, async |case| {
        let start = Instant::now();
        let board = ready.device(case).await?;
        figure("device there", start.elapsed().as_secs_f64(), "s");
        // They are asked what happened when the case has let go of the device.
        let (inside, console) = (board.layers.inside.clone(), board.layers.console.clone());
        let outcome = tokio::time::timeout(within, body(case, board)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("the case was not over after {within:.0?}")));
        if outcome.is_err() {
            let journal = match inside.agent().sh("journalctl --no-pager --boot --lines=200").await {
                Ok(journal) => journal,
                // A device that no longer answers may still have said something on its console.
                Err(error) => match console {
                    Some(console) => format!("there is no journal: {error:#}; the console:\n{}", console.text().await?),
                    None => format!("there is no journal: {error:#}"),
                },
            };
            eprintln!("--- the device's journal ---\n{journal}");
            NOTES.with_borrow_mut(|notes| notes.journal = journal);
        }
        outcome
    });
}

/// Runs one case on a device and a page that is open.
pub(crate) fn with_a_household(ready: &Ready, body: impl AsyncFnOnce(Scene<Board>) -> Result<()>) {
    on_a_device(ready, CASE, async |case, board| body(with_page(case, board).await?).await);
}

/// The device with a page that is open.
pub(crate) async fn with_page(case: &Case, board: Board) -> Result<Scene<Board>> {
    if let Some(authority) = board.authority() {
        Browser::install_authority_of(case, &authority).await?;
    }
    let browser = Browser::start_trusting(case, board.origin(), Screen::Phone, Microphone::Granted).await?;
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
    NOTES.with_borrow_mut(|notes| {
        let Some(folder) = &notes.folder else { return Ok(()) };
        let file = PathBuf::from(format!("{name}.png"));
        std::fs::copy(&taken, folder.join(&file)).context("copying a picture")?;
        notes.pictures.push(file);
        Ok(())
    })
}

/// Runs the cases that the command line names, and writes the report.
pub(crate) fn run(topics: &'static [(&'static str, &'static [BoardCase])]) -> ExitCode {
    match try_to_run(topics) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("board: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_to_run(topics: &'static [(&'static str, &'static [BoardCase])]) -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    // Two emulated processors and a browser fill a small machine.
    arguments.test_threads = Some(1);
    let file = std::env::var_os(DEVICE).map_or_else(|| PathBuf::from(USUAL_DEVICE), PathBuf::from);
    let device = Arc::new(Description::read(&file)?);
    let folder = tools::cache()?.join("report").join(device.file());
    let run = Arc::new(Run { device: device.clone(), folder, ready: OnceLock::new(), outcomes: Mutex::default() });
    let obstacle = device.obstacle();
    if let Some(reason) = &obstacle {
        eprintln!("board: every case is ignored: {reason}");
    }
    let quick = std::env::var_os(QUICK).is_some();
    let wanted = std::env::var(TOPICS).ok();
    let is_wanted = |topic: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|name| name == topic));
    let mut trials = Vec::new();
    for (topic, cases) in topics.iter().filter(|(topic, _)| is_wanted(topic)) {
        for (name, pace, needs, body) in *cases {
            let left_out =
                || (quick && *pace == Pace::Slow).then(|| "it takes a minute or more: `make hil` runs it".into());
            let unable = || needs.iter().find_map(|need| device.lacks(*need));
            let ignored = obstacle.clone().or_else(unable).or_else(left_out);
            if let Some(reason) = &ignored {
                run.note(topic, name, Ending::Ignored { reason: reason.clone() }, Duration::ZERO);
            }
            let run = run.clone();
            let trial = Trial::test(format!("{topic}::{name}"), move || run.case(topic, name, *body));
            trials.push(trial.with_ignored_flag(ignored.is_some()));
        }
    }
    if !arguments.list {
        std::fs::create_dir_all(&run.folder).with_context(|| format!("making {}", run.folder.display()))?;
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let given_back = match run.ready.get() {
        Some(Ok(ready)) => ready.give_back(),
        Some(Err(_)) | None => Ok(()),
    };
    if !arguments.list {
        let order: Vec<_> =
            topics.iter().flat_map(|(topic, cases)| cases.iter().map(|case| (*topic, case.0))).collect();
        let mut outcomes = lock(&run.outcomes).clone();
        outcomes.sort_by_key(|outcome| order.iter().position(|place| *place == (&*outcome.topic, &*outcome.name)));
        println!("report: {}", report::write(&run.folder, device.name(), &outcomes)?.display());
    }
    given_back?;
    Ok(conclusion.exit_code())
}

/// What the cases of one run share.
struct Run {
    device: Arc<Description>,
    folder: PathBuf,
    /// Made by the first case that runs, so that listing the cases builds nothing.
    ready: OnceLock<Result<Ready, String>>,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Run {
    fn case(&self, topic: &str, name: &str, body: fn(&Ready)) -> Result<(), Failed> {
        let ready = self.ready.get_or_init(|| self.device.make_ready().map_err(|error| format!("{error:#}")));
        NOTES.with_borrow_mut(|notes| notes.folder = Some(self.folder.clone()));
        let start = Instant::now();
        let ended = ready
            .as_ref()
            .map_err(|reason| format!("there is no device: {reason}"))
            .and_then(|ready| catch_unwind(AssertUnwindSafe(|| body(ready))).map_err(|panic| said(&*panic)));
        let journal = NOTES.with_borrow(|notes| notes.journal.clone());
        let ending = match &ended {
            Ok(()) => Ending::Passed,
            Err(reason) => Ending::Failed { reason: reason.clone(), journal },
        };
        self.note(topic, name, ending, start.elapsed());
        ended.map_err(Failed::from)
    }

    fn note(&self, topic: &str, name: &str, ending: Ending, took: Duration) {
        let Notes { figures, pictures, .. } = NOTES.take();
        let outcome = Outcome { topic: topic.to_owned(), name: name.to_owned(), ending, took, figures, pictures };
        lock(&self.outcomes).push(outcome);
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
