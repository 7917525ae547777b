//! `doorwayd`: the daemon of a Doorway station.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use doorway_board::BoardDescription;
use doorway_core::factory_reset::{ResetSettings, ResetVerdict};
use doorwayd::backup::{self, BackupError, Places};
use doorwayd::config::{self, Config, ConfigError};
use doorwayd::video::VideoSettings;
use doorwayd::{certificate, factory_reset, heap, probe, provision, run, self_test};
use tracing_subscriber::EnvFilter;

/// Exit code for what somebody has to mend: a configuration that can't be used, a port that another program has. The
/// unit tries again all the same, as a port may become free and a line may appear.
const BAD_CONFIG: u8 = 2;

/// Doorway: press the button, answer in a browser, talk, open the door.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the station.
    Run {
        /// The configuration; /etc/doorway/doorway.toml by default.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Make the device's identity, and take over the configuration on the boot partition. As root, before the network.
    Provision {
        /// Where the boot partition is mounted.
        #[arg(long, default_value = provision::BOOT)]
        boot: PathBuf,
        /// The root file system.
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Say what is wrong with a configuration, and where.
    CheckConfig {
        /// The configuration.
        file: PathBuf,
    },
    /// List cameras, sound cards, encoders and GPIO chips, and what would be used of them.
    Probe {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// What would be used by the station of this configuration, instead of by one with the defaults.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Ask the running daemon whether camera, encoder, sound, lines and companion work; ends with 0 if none failed.
    SelfTest {
        /// How long to wait for the daemon and for everything to work, such as "120s"; one test at once by default.
        #[arg(long, value_parser = humantime::parse_duration)]
        within: Option<Duration>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// The configuration; /etc/doorway/doorway.toml by default.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// At power-on, before the daemon: whether somebody holds a call button for ten seconds and lets it go, so that
    /// everything be forgotten. Ends with 0 then, with 1 otherwise, with 2 when the board can't be asked.
    FactoryResetButton {
        /// The configuration, for its board; /etc/doorway/doorway.toml by default.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Show the certificate that the station's authority offers for installing: its fingerprint, also in words, to compare
    /// with what a phone shows; the names and addresses that it vouches for, and until when.
    Certificate {
        /// The state folder.
        #[arg(long, default_value = "/var/lib/doorway")]
        state: PathBuf,
    },
    /// Write the settings into one file that root alone may read: configuration, identity, secrets.
    Backup {
        /// The file; a tar.
        file: PathBuf,
        #[command(flatten)]
        places: PlacesNamed,
    },
    /// Put the settings of a backup in place of those that are there; stop the daemon first.
    Restore {
        /// The backup.
        #[arg(required_unless_present = "finish")]
        file: Option<PathBuf>,
        /// Only finish what a power cut interrupted.
        #[arg(long, conflicts_with = "file")]
        finish: bool,
        #[command(flatten)]
        places: PlacesNamed,
    },
    /// Release every relay of a board that no daemon has open.
    ReleaseRelays {
        /// The configuration; /etc/doorway/doorway.toml by default.
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

/// Where settings are.
#[derive(clap::Args)]
struct PlacesNamed {
    /// The configuration; /etc/doorway/doorway.toml by default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The state folder.
    #[arg(long, default_value = "/var/lib/doorway")]
    state: PathBuf,
}

impl From<PlacesNamed> for Places {
    fn from(named: PlacesNamed) -> Self {
        Self { config: config::path_or_default(named.config), state: named.state }
    }
}

fn main() -> ExitCode {
    heap::set_up();
    let arguments = Arguments::parse();
    log_to_stderr();
    match arguments.command {
        Command::Run { config } => with_config(&config::path_or_default(config), run_station),
        Command::Provision { boot, root } => match provision::run(&boot, &root) {
            Ok(None) => ExitCode::SUCCESS,
            Ok(Some(error)) => bad_config(&error),
            Err(error) => {
                eprintln!("doorwayd: {error:#}");
                ExitCode::FAILURE
            }
        },
        Command::CheckConfig { file } => with_config(&file, |config| {
            run::check(&config)?;
            println!("{}: good", file.display());
            Ok(())
        }),
        Command::Probe { json, config: None } => {
            probe::print(json, &VideoSettings::default());
            ExitCode::SUCCESS
        }
        Command::Probe { json, config: Some(file) } => with_config(&file, |config| {
            probe::print(json, &config.video);
            Ok(())
        }),
        Command::SelfTest { within, json, config } => ask_for_self_test(&config::path_or_default(config), within, json),
        Command::FactoryResetButton { config } => ask_for_reset(&config::path_or_default(config)),
        Command::Certificate { state } => match certificate::describe(&state) {
            Ok(described) => {
                println!("{described}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("doorwayd: {error:#}");
                ExitCode::FAILURE
            }
        },
        Command::Backup { file, places } => {
            told(backup::write(&places.into(), &file).map(|written| println!("{written}")))
        }
        Command::Restore { file: Some(file), places, .. } => told(backup::restore(&places.into(), &file)),
        Command::Restore { file: None, places, .. } => told(backup::finish(&places.into())),
        Command::ReleaseRelays { config } => {
            with_config(&config::path_or_default(config), |config| run::release_relays(&config))
        }
    }
}

fn with_config(path: &Path, then: impl FnOnce(Config) -> anyhow::Result<()>) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return bad_config(&error),
    };
    match then(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<run::Misfits>() {
            Ok(misfits) => bad_config(&Config::misfits(path, misfits.0)),
            Err(error) => {
                eprintln!("doorwayd: {error:#}");
                ExitCode::from(BAD_CONFIG)
            }
        },
    }
}

/// One line a part; 1 when one failed, or when no daemon answers.
fn ask_for_self_test(config: &Path, within: Option<Duration>, json: bool) -> ExitCode {
    let local = match Config::load(config) {
        Ok(config) => config.local,
        Err(error) => return bad_config(&error),
    };
    let report = match runtime() {
        Ok(runtime) => runtime.block_on(self_test::ask(local, within)),
        Err(error) => {
            eprintln!("doorwayd: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    match report {
        Ok(report) => {
            match serde_json::to_string_pretty(&report) {
                Ok(text) if json => println!("{text}"),
                Ok(_) | Err(_) => print!("{report}"),
            }
            if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("doorwayd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn told(outcome: Result<(), BackupError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorwayd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask_for_reset(config: &Path) -> ExitCode {
    let named = factory_reset::board_named_in(config).unwrap_or_else(|| config::DEFAULT_BOARD.into());
    let asked = BoardDescription::find(&named)
        .map_err(anyhow::Error::from)
        .and_then(|description| Ok(factory_reset::watch(&description, ResetSettings::default(), |_| {})?));
    match asked {
        Ok(ResetVerdict::Reset) => {
            println!("everything is to be forgotten");
            // Without giving the light back.
            std::process::exit(0);
        }
        Ok(ResetVerdict::NotAsked) => ExitCode::from(1),
        Ok(ResetVerdict::LetGo) => {
            println!("the button was let go before the light was steady; nothing is forgotten");
            ExitCode::from(1)
        }
        Ok(ResetVerdict::Stuck) => {
            println!("the button was not let go and seems to be stuck; nothing is forgotten");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("doorwayd: the buttons of the board {named:?} can't be asked: {error:#}");
            ExitCode::from(BAD_CONFIG)
        }
    }
}

fn bad_config(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(BAD_CONFIG)
}

fn run_station(config: Config) -> anyhow::Result<()> {
    runtime()?.block_on(run::run(config))
}

/// One thread: media have their own, and the loop's latency is better without a hand-over.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// The journal has its own clock; a terminal gets colours.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("DOORWAY_LOG").unwrap_or_else(|_| EnvFilter::new("info,str0m=warn,is=warn"));
    let format = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        format.without_time().init();
    } else {
        format.init();
    }
}
