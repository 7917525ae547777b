//! Puts a station together and runs it until it is told to stop.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::Router;
use doorway_board::{Board, BoardDescription, Role};
use doorway_core::{ButtonRole, ButtonSettings};
use doorway_engine::{Settings, Station, WallClock};
use doorway_proto::state::{Activity, Station as StationState};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::config::{CompanionPlace, Config, DEFAULT_NAME, DoorConfig, Named};
use crate::event_loop::{EventLoop, Inbox, Parts, media_at_rest};
use crate::https::{self, CertificateSource};
use crate::inside::{Around, Inside};
use crate::link::{Link, Outward};
use crate::local::{self, Local, Panel};
use crate::metrics;
use crate::net::{PeerSocket, interface_names};
use crate::priority;
use crate::self_test::CompanionProbe;
use crate::update::{self, Updates};
use crate::video::{V4l2Source, VideoSource};

/// Edges and questions that wait for the loop.
const EDGES: usize = 1024;
const QUESTIONS: usize = 16;
/// How often the metrics' samples are folded together.
const UPKEEP: Duration = Duration::from_secs(30);
/// How long a clean shutdown may take before the process ends anyway; a relay is released by the board itself.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Runs the station of `config`.
///
/// # Errors
/// When the station can't start: a port is taken, a line is missing, the configuration does not fit the board. The
/// message says what to do.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let now = Instant::now();
    // The board's threads, which are started from here, have it too.
    priority::be_prompt();
    let prometheus = metrics::install().context("the metrics can't be set up")?;
    let description = board(&config)?;
    fits(&config, &description)?;
    for Misfit { message, remedy, .. } in missing(&config) {
        tracing::warn!("{message}; {remedy}. The station starts without it");
    }
    let socket = PeerSocket::bind(config.udp_port)?;
    let shown = state_of(&config);
    let settings = Settings {
        core: core_settings(&config, &description),
        buttons: shown.buttons.clone(),
        media: shown.media.clone(),
        max_bitrate_bps: config.video.max_bitrate_bps,
        port: socket.port(),
        impairment: config.impairment,
    };
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let engine = Station::new(settings, WallClock { at: now, unix })?;
    let listener = listen(config.local, "[local] listen").await?;

    let (edges, board_events) = mpsc::channel(EDGES);
    let overrun = Arc::new(AtomicBool::new(false));
    let overrun_seen = Arc::clone(&overrun);
    let board = Board::open(&description, move |event| {
        if edges.try_send(event).is_err() {
            overrun_seen.store(true, Ordering::Relaxed);
        }
    })
    .map_err(|error| {
        Misfits::from(Misfit {
            named: Named::Board,
            message: format!("the board can't be used: {error}"),
            remedy: "compare its description with what `doorwayd probe` lists".into(),
        })
    })?;

    let (state, _) = watch::channel(shown);
    let (panel, panel_seen) = watch::channel(Panel::default());
    let simulator = board.simulated().map_or_else(Router::new, |board| local::simulator(board.clone(), panel_seen));
    let upkeep = prometheus.clone();
    tokio::spawn(async move {
        let mut due = tokio::time::interval(UPKEEP);
        loop {
            due.tick().await;
            upkeep.run_upkeep();
        }
    });
    let (questions, asked) = mpsc::channel(QUESTIONS);
    let updates = Updates::start(config.update.clone(), state.subscribe());
    let for_pages = update::routes(updates.clone(), config.name.clone());
    let (link, companion) = connect(&config, &state, simulator.clone(), for_pages)?;
    let probe = companion.as_ref().map_or(CompanionProbe::Elsewhere, Inside::probe);
    let local = local::router(Local { questions, metrics: prometheus, companion: probe }, simulator);
    let buttons = description.buttons.clone();
    tracing::info!(
        station = %config.id,
        board = %description.name,
        page = companion.as_ref().map(|companion| companion.page.as_str()),
        status = %format!("http://{}/status", config.local),
        "the station is ready"
    );
    let station = EventLoop::new(Parts { config, engine, socket, board, buttons, link, state, panel, updates }, now);
    let local_task = tokio::spawn(axum::serve(listener, local).into_future());

    // Without systemd there is nobody to notify.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let inbox = Inbox { board: board_events, board_overrun: overrun, questions: asked };
    let (awake_every, feed) = watchdog();
    station.run(inbox, stop_signal()?, awake_every, feed).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    local_task.abort();
    if let Some(companion) = companion {
        companion.stop().await;
    }
    tracing::info!("closed down");
    Ok(())
}

/// Checks a configuration against its board and this machine without taking anything over.
///
/// # Errors
/// Everything that they have not, and what of the board description or the certificate can't be used.
pub fn check(config: &Config) -> anyhow::Result<()> {
    let mut misfits = match board(config) {
        Ok(description) => unwired(config, &description),
        Err(misfits) => misfits.0,
    };
    if let CompanionPlace::Inside(inside) = &config.companion
        && let Some(CertificateSource::Files { certificate, key }) = &inside.tls
        && let Err(error) = https::load_files(certificate, key)
    {
        misfits.push(Misfit {
            named: Named::Certificate,
            message: error.to_string(),
            remedy: "until then nobody gets through to the page".into(),
        });
    }
    misfits.extend(missing(config));
    Misfits::none_of(misfits)?;
    doorway_core::Station::new(core_settings(config, &board(config)?))?;
    Ok(())
}

/// Checks that the board has every button and door of a configuration.
///
/// # Errors
/// What it has not, or why its description can't be used.
pub fn check_board(config: &Config) -> Result<(), Misfits> {
    fits(config, &board(config)?)
}

/// What the configuration names and this machine does not have at the moment. A station starts without it all the same:
/// a camera may be plugged in and an interface may come up later.
fn missing(config: &Config) -> Vec<Misfit> {
    let mut missing = Vec::new();
    match &config.video.source {
        VideoSource::V4l2(V4l2Source { device: Some(device), .. }) if !device.exists() => missing.push(Misfit {
            named: Named::Camera,
            message: format!("there is no camera {}", device.display()),
            remedy: "connect it, or take one that `doorwayd probe` lists".into(),
        }),
        VideoSource::Recording { path } if !path.is_file() => missing.push(Misfit {
            named: Named::Recording,
            message: format!("there is no file {}", path.display()),
            remedy: "name a file with H.264 in Annex B".into(),
        }),
        VideoSource::V4l2(_)
        | VideoSource::Recording { .. }
        | VideoSource::Libcamera
        | VideoSource::Test
        | VideoSource::None => {}
    }
    let known = interface_names();
    let absent = config.interfaces.iter().filter(|name| !known.contains(name));
    missing.extend(absent.map(|name| Misfit {
        named: Named::Interface(name.clone()),
        message: format!("there is no network interface {name}"),
        remedy: format!("take one that this machine has: {}", known.join(", ")),
    }));
    missing
}

/// Releases every relay of the configuration's board, for a supervisor to run after the daemon died.
///
/// # Errors
/// When a line is missing, in use, or does not obey.
pub fn release_relays(config: &Config) -> anyhow::Result<()> {
    Ok(Board::make_safe(&board(config)?)?)
}

/// Starts the companion inside the daemon, or the search for the one elsewhere.
fn connect(
    config: &Config,
    state: &watch::Sender<StationState>,
    simulator: Router,
    for_pages: Router,
) -> anyhow::Result<(Link, Option<Inside>)> {
    let room = config.room.clone();
    match &config.companion {
        CompanionPlace::Elsewhere { url, secret } => {
            let station = state.subscribe();
            let outward = Outward { url: url.clone(), secret: secret.clone(), room, station };
            Ok((Link::outward(outward), None))
        }
        CompanionPlace::Inside(inside) => {
            let around =
                Around { room, state: state.clone(), is_named: config.name != DEFAULT_NAME, simulator, for_pages };
            let (inside, link) = Inside::start(inside, around)?;
            Ok((Link::Inside(Box::new(link)), Some(inside)))
        }
    }
}

async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key} = \"{address}\" can't be had; name another port"))
}

/// A configuration that names something that its board does not have.
#[derive(Debug, thiserror::Error)]
#[error("{message}; {remedy}")]
pub struct Misfit {
    /// What is named.
    pub named: Named,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// All that a configuration names and its board or machine does not have: at least one.
#[derive(Debug)]
pub struct Misfits(pub Vec<Misfit>);

impl Misfits {
    fn none_of(misfits: Vec<Misfit>) -> Result<(), Self> {
        if misfits.is_empty() { Ok(()) } else { Err(Self(misfits)) }
    }
}

impl From<Misfit> for Misfits {
    fn from(misfit: Misfit) -> Self {
        Self(vec![misfit])
    }
}

impl std::fmt::Display for Misfits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> = self.0.iter().map(Misfit::to_string).collect();
        f.write_str(&all.join("\n"))
    }
}

impl std::error::Error for Misfits {}

fn board(config: &Config) -> Result<BoardDescription, Misfits> {
    BoardDescription::find(&config.board).map_err(|error| {
        Misfits::from(Misfit {
            named: Named::Board,
            message: error.to_string(),
            remedy: "name a board that `doorwayd probe` lists, or the path of a description".into(),
        })
    })
}

fn fits(config: &Config, description: &BoardDescription) -> Result<(), Misfits> {
    Misfits::none_of(unwired(config, description))
}

/// Every button and door of the configuration that is none of the board's.
fn unwired(config: &Config, description: &BoardDescription) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let buttons = |role: Role| -> Vec<&str> {
        description.buttons.iter().filter(|button| button.role == role).map(|wired| wired.id.as_str()).collect()
    };
    let wired = buttons(Role::Call);
    for id in config.buttons.iter().map(|button| &button.shown.id).filter(|id| !wired.contains(&id.as_str())) {
        misfits.push(misfit(Named::Button(id.to_string()), "call button", &description.name, &wired));
    }
    let wired = buttons(Role::Exit);
    let named: BTreeSet<&str> = config.doors.iter().flat_map(|door| exits_of(door, config, description)).collect();
    for id in named.iter().filter(|id| !wired.contains(*id)) {
        misfits.push(misfit(Named::ExitButton((*id).to_owned()), "exit button", &description.name, &wired));
    }
    let open_question = config.doors.iter().any(|door| door.exit_buttons.is_none());
    for exit in wired.iter().filter(|exit| open_question && !named.contains(*exit)) {
        misfits.push(Misfit {
            named: Named::Board,
            message: format!("the board's exit button {exit:?} opens no door"),
            remedy: format!(
                "name it in the table of its door: exit_buttons = [{exit:?}], or none in any: exit_buttons = []"
            ),
        });
    }
    let wired: Vec<&str> = description.relays.iter().map(|wired| wired.id.as_str()).collect();
    for id in config.doors.iter().map(|door| &door.shown.id).filter(|id| !wired.contains(&id.as_str())) {
        misfits.push(misfit(Named::Door(id.to_string()), "relay", &description.name, &wired));
    }
    for DoorConfig { shown, pulse, .. } in &config.doors {
        let relay = description.relays.iter().find(|relay| relay.id.as_str() == shown.id.as_str());
        // The board's limit is for a daemon that forgot; one that ends a pulse at the same instant looks like it.
        if let Some(relay) = relay.filter(|relay| *pulse >= relay.max_pulse) {
            misfits.push(Misfit {
                named: Named::Door(shown.id.to_string()),
                message: format!("the pulse of {pulse:?} is not shorter than the board's limit, {:?}", relay.max_pulse),
                remedy: "shorten pulse, or raise max_pulse in a board description of your own".into(),
            });
        }
    }
    misfits
}

fn misfit(named: Named, kind: &str, board: &str, wired: &[&str]) -> Misfit {
    let id = match &named {
        Named::Button(id) | Named::ExitButton(id) | Named::Door(id) => id.as_str(),
        Named::Board | Named::Camera | Named::Recording | Named::Interface(_) | Named::Certificate => board,
    };
    Misfit {
        message: format!("{id:?} is no {kind} of the board {board:?}"),
        remedy: match wired {
            [] => "it has none; add one to a board description of your own".to_owned(),
            wired => format!("take one that it has: {}", wired.join(", ")),
        },
        named,
    }
}

/// The buttons that open a door from the inside.
fn exits_of<'a>(door: &'a DoorConfig, config: &Config, description: &'a BoardDescription) -> Vec<&'a str> {
    match &door.exit_buttons {
        Some(named) => named.iter().map(String::as_str).collect(),
        None if config.doors.len() == 1 => {
            let exits = description.buttons.iter().filter(|button| button.role == Role::Exit);
            exits.map(|button| button.id.as_str()).collect()
        }
        None => Vec::new(),
    }
}

/// The core's settings, with the buttons that hang up or open from the inside, which only the board tells of.
fn core_settings(config: &Config, description: &BoardDescription) -> doorway_core::Settings {
    let mut settings = config.core(rand::random());
    let press = doorway_core::press::PressSettings { hold: config.hold, ..Default::default() };
    for button in &description.buttons {
        let role = match button.role {
            Role::Call => continue,
            Role::HangUp => ButtonRole::HangUp,
            Role::Exit => ButtonRole::Exit,
        };
        settings.buttons.push(ButtonSettings { id: button.id.as_str().into(), role, press });
    }
    for (door, settings) in config.doors.iter().zip(&mut settings.doors) {
        settings.exit_buttons = exits_of(door, config, description).into_iter().map(Into::into).collect();
    }
    settings
}

fn state_of(config: &Config) -> StationState {
    StationState {
        id: config.id.clone(),
        name: config.name.clone(),
        buttons: config.buttons.iter().map(|button| button.shown.clone()).collect(),
        doors: config.doors.iter().map(|door| door.shown.clone()).collect(),
        activity: Activity::Idle,
        media: media_at_rest(config),
        faults: Vec::new(),
    }
}

/// Resolves on SIGTERM or SIGINT. What follows is bounded: the process ends even when a device does not close.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async {
            tokio::time::sleep(SHUTDOWN_LIMIT).await;
            tracing::error!("the station did not close down in time");
            std::process::exit(1);
        });
    })
}

/// Feeds systemd's watchdog from the loop, so that a loop that hangs is restarted.
fn watchdog() -> (Option<Duration>, impl FnMut(Instant)) {
    let every = sd_notify::watchdog_enabled().map(|limit| limit / 3);
    let mut fed: Option<Instant> = None;
    let feed = move |now: Instant| {
        let Some(every) = every else { return };
        if fed.is_none_or(|fed| now >= fed + every) {
            fed = Some(now);
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    };
    (every, feed)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn all_that_board_and_machine_do_not_have_is_said_at_once() {
        let text = "[board]\ndescription = \"simulated\"\n[[button]]\nid = \"bell\"\n[[button]]\nid = \"horn\"\n\
            [[door]]\nid = \"gate\"\n[video]\ndevice = \"/dev/none\"\n[network]\ninterfaces = [\"none0\", \"none1\"]\n\
            [companion]\ntls = \"files\"\ncertificate = \"/none.pem\"\nkey = \"/none.key\"\n";
        let path = Path::new("doorway.toml");
        let config = Config::parse(path, text).unwrap();
        let misfits = check(&config).unwrap_err().downcast::<Misfits>().unwrap();
        let error = Config::misfits_in(path, text, misfits.0).to_string();
        let places: Vec<&str> =
            error.lines().filter_map(|line| line.strip_prefix("doorway.toml:")?.split(": ").next()).collect();
        assert_eq!(places, ["4:6", "6:6", "8:6", "10:10", "12:15", "12:24", "15:15"], "{error}");
    }

    fn exits(doors: &str) -> Result<Vec<Vec<String>>, String> {
        let text = format!("[board]\ndescription = \"simulated\"\n{doors}");
        let path = Path::new("doorway.toml");
        let config = Config::parse(path, &text).unwrap();
        let description = board(&config).unwrap();
        if let Err(misfits) = fits(&config, &description) {
            return Err(Config::misfits_in(path, &text, misfits.0).to_string());
        }
        let doors = core_settings(&config, &description).doors;
        Ok(doors.iter().map(|door| door.exit_buttons.iter().map(ToString::to_string).collect()).collect())
    }

    #[test]
    fn the_only_door_is_left_by_every_exit_button_and_others_by_what_they_name() {
        assert_eq!(exits("[[door]]\nid = \"door\"\n"), Ok(vec![vec!["exit".to_owned()]]));
        assert_eq!(exits(""), Ok(vec![]));
        assert_eq!(exits("[[door]]\nid = \"door\"\nexit_buttons = []\n"), Ok(vec![vec![]]));
        let which = exits("[[door]]\nid = \"door\"\n[[door]]\nid = \"gate\"\n").unwrap_err();
        assert!(which.contains("the board's exit button \"exit\" opens no door"), "{which}");
        let other = exits("[[door]]\nid = \"door\"\nexit_buttons = [\"exit\", \"call\"]\n").unwrap_err();
        assert!(other.starts_with("doorway.toml:5:25: \"call\" is no exit button"), "{other}");
    }
}
