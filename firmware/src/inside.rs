//! The companion inside the daemon: from its settings to one that serves, and its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use doorway_proto::ids::RoomId;
use doorway_proto::state::Station;
use doorway_signaling::{Claim, Companion, Household, Secret, Settings, Tls};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::CompanionInside;
use crate::household::Shelf;
use crate::https::Certificates;
use crate::identity::state_folder;
use crate::link;
use crate::self_test::CompanionProbe;

/// Connections to the companion inside: a household's, while file handles remain for camera, sound and calls.
const MAX_CONNECTIONS: usize = 512;

/// The companion, while it runs.
pub(crate) struct Inside {
    /// Its page.
    pub(crate) page: String,
    address: SocketAddr,
    is_secure: bool,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    certificates: Option<JoinHandle<()>>,
}

/// What it has to know besides its settings.
pub(crate) struct Around {
    /// The room of the station.
    pub(crate) room: RoomId,
    /// The station as it is now.
    pub(crate) state: watch::Sender<Station>,
    /// Whether the configuration names the station; else whoever sets it up does.
    pub(crate) is_named: bool,
    /// The panel of a simulated board.
    pub(crate) simulator: Router,
    /// What pages ask the daemon for, once they know the secret.
    pub(crate) for_pages: Router,
}

impl Inside {
    /// Takes the port and serves.
    ///
    /// # Errors
    /// When the port is taken, or there is no certificate for HTTPS.
    pub(crate) fn start(config: &CompanionInside, around: Around) -> anyhow::Result<(Self, link::Inside)> {
        let Around { room, state, is_named, simulator, for_pages } = around;
        let renamed = Arc::new(Notify::new());
        let mut settings = Settings {
            listen: config.listen,
            secret: config.secret.as_deref().map(Secret::new).transpose()?,
            hosts: config.hosts.clone(),
            connections: MAX_CONNECTIONS,
            redirect: config.redirect,
            ..Settings::default()
        };
        if config.claim && settings.secret.is_none() {
            claim(&mut settings, &state, is_named, renamed.clone())?;
        }
        let certificates = match &config.tls {
            Some(source) => Some(Certificates::new(source.clone()).context("[companion] tls")?),
            None => None,
        };
        if let Some(certificates) = &certificates {
            settings.tls = Some(Tls::new(certificates.shown()));
            settings.authority = certificates.authority();
            settings.names = certificates.names();
        }
        let mut companion = Companion::bind(settings).context("[companion] listen")?.merge_private(for_pages);
        // Who presses a simulated button from the network would ring the household; with `hosts`, a proxy brings the
        // network here.
        if config.listen.ip().is_loopback() && config.hosts.is_empty() {
            companion = companion.merge(simulator);
        }
        let (address, is_secure) = (companion.address(), certificates.is_some());
        let page = format!("{}://{address}/", if is_secure { "https" } else { "http" });
        let link = link::Inside::new(companion.handle(), room, state.subscribe(), renamed);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(companion.run(async {
            let _ = stopped.await;
        }));
        let certificates = certificates.map(|certificates| tokio::spawn(certificates.keep()));
        Ok((Self { page, address, is_secure, stop, task, certificates }, link))
    }

    /// How to find out whether it answers.
    pub(crate) fn probe(&self) -> CompanionProbe {
        CompanionProbe::Inside { listen: self.address, is_secure: self.is_secure }
    }

    /// Everybody is told to go.
    pub(crate) async fn stop(self) {
        if let Some(certificates) = self.certificates {
            certificates.abort();
        }
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(Duration::from_secs(1), self.task).await;
    }
}

/// With what somebody chose on the page; or, if nobody has yet, for somebody to choose.
fn claim(
    settings: &mut Settings,
    state: &watch::Sender<Station>,
    is_named: bool,
    renamed: Arc<Notify>,
) -> anyhow::Result<()> {
    let shelf = Shelf::new(&state_folder());
    let name = move |state: &watch::Sender<Station>, household: &Household| {
        if !is_named {
            state.send_modify(|state| state.name = household.name.clone());
        }
    };
    if let Some(household) = shelf.read()? {
        name(state, &household);
        settings.secret = Some(household.secret);
        return Ok(());
    }
    tracing::info!("nobody has set up this station yet: within an hour, its page lets you do so");
    let state = state.clone();
    settings.claim = Some(Claim::new(move |household| {
        shelf.keep(household)?;
        name(&state, household);
        renamed.notify_one();
        Ok(())
    }));
    Ok(())
}
