//! `doorway-signaling`: the companion on its own, for a home server or where clients come from outside.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use doorway_proto::MAX_CLIENTS_PER_ROOM;
use doorway_proto::rooms::Limits;
use doorway_signaling::{Companion, Secret, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Exit code for settings that can't work; the service manager need not try again.
const BAD_SETTINGS: u8 = 2;

/// The companion of Doorway: brings stations and clients together and serves the page.
#[derive(Parser)]
#[command(name = "doorway-signaling", version)]
struct Arguments {
    /// Address and port to listen on; anything but loopback needs a secret
    #[arg(long, default_value_t = Settings::default().listen, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// File with the secret that every endpoint must know; the environment variable DOORWAY_SECRET does as well
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Name under which a reverse proxy makes the companion reachable; may be given several times
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Rooms at the same time
    #[arg(long, default_value_t = Limits::default().rooms, value_name = "N")]
    room_limit: usize,
    /// Clients and stations in all rooms together
    #[arg(long, default_value_t = Limits::default().endpoints, value_name = "N")]
    endpoint_limit: usize,
    /// Clients in one room; a station rings no more than 1024
    #[arg(long, default_value_t = MAX_CLIENTS_PER_ROOM, value_name = "N", value_parser = client_limit)]
    client_limit: usize,
    /// Stations in one room
    #[arg(long, default_value_t = Limits::default().stations_per_room, value_name = "N")]
    station_limit: usize,
    /// Open connections; the process needs a file handle for each (`ulimit -n`, `LimitNOFILE=`)
    #[arg(long, default_value_t = Settings::default().connections, value_name = "N")]
    connection_limit: usize,
    /// Open connections of one host; this machine is exempt
    #[arg(long, default_value_t = Settings::default().connections_per_address, value_name = "N")]
    address_limit: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorway-signaling: {error:#}");
            ExitCode::from(BAD_SETTINGS)
        }
    }
}

fn client_limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if limit <= MAX_CLIENTS_PER_ROOM => Ok(limit),
        Ok(_) => Err(format!("a station rings no more than {MAX_CLIENTS_PER_ROOM} clients; use several rooms")),
        Err(error) => Err(error.to_string()),
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let settings = arguments.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let mut companion = Companion::new(settings)?;
        companion.listen()?;
        companion
            .run(async {
                tokio::select! {
                    _ = terminated.recv() => {}
                    _ = interrupted.recv() => {}
                }
            })
            .await;
        Ok(())
    })
}

impl Arguments {
    fn settings(self) -> Result<Settings> {
        let secret = match &self.secret_file {
            Some(file) => Some(std::fs::read_to_string(file).with_context(|| {
                format!("cannot read the secret from {}: check that the file is there and readable", file.display())
            })?),
            None => std::env::var("DOORWAY_SECRET").ok(),
        };
        Ok(Settings {
            listen: self.listen,
            secret: secret
                .as_deref()
                .map(|secret| Secret::new(secret).map_err(|error| anyhow!("{error}: {}", error.remedy())))
                .transpose()?,
            hosts: self.hosts,
            limits: Limits {
                rooms: self.room_limit,
                endpoints: self.endpoint_limit,
                clients_per_room: self.client_limit,
                stations_per_room: self.station_limit,
                ..Limits::default()
            },
            connections: self.connection_limit,
            connections_per_address: self.address_limit,
            ..Settings::default()
        })
    }
}
