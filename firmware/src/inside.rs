//! The companion inside the daemon: from its settings to one that serves, and its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use doorway_proto::ids::RoomId;
use doorway_proto::rooms::Limits;
use doorway_proto::state::{Activity, Station};
use doorway_signaling::{Claim, Companion, Handle, Household, Secret, Settings, ShowCertificate, Tls};
use rustls::sign::CertifiedKey;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::CompanionInside;
use crate::household::Shelf;
use crate::https::{CertificateSource, Certificates};
use crate::identity::state_folder;
use crate::image::Image;
use crate::link;
use crate::self_test::CompanionProbe;

/// Connections to the companion inside: half of them for a household's pages, while file handles remain for camera, sound
/// and calls.
const MAX_CONNECTIONS: usize = 1024;
/// A household's pages.
const MAX_CLIENTS: usize = 256;
/// How often a certificate that can't be had is looked for.
const LOOK_FOR_CERTIFICATE: Duration = Duration::from_secs(30);

/// The companion, while it runs.
pub(crate) struct Inside {
    /// Its page.
    pub(crate) page: String,
    address: SocketAddr,
    is_secure: bool,
    companion: Handle,
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
    /// Takes the port and serves; while there is no port, or no certificate for HTTPS, it goes on looking for one, and the
    /// link says so.
    ///
    /// # Errors
    /// When the configuration can't work, or what a household chose can't be read.
    pub(crate) fn start(config: &CompanionInside, around: Around) -> anyhow::Result<(Self, link::Inside)> {
        let Around { room, state, is_named, simulator, for_pages } = around;
        let renamed = Arc::new(Notify::new());
        let mut settings = Settings {
            listen: config.listen,
            secret: config.secret.as_deref().map(Secret::new).transpose()?,
            hosts: config.hosts.clone(),
            connections: MAX_CONNECTIONS,
            redirect: config.redirect,
            limits: Limits { clients_per_room: MAX_CLIENTS, foreign_stations: false, ..Limits::default() },
            ..Settings::default()
        };
        if config.claim && settings.secret.is_none() {
            claim(&mut settings, &state, is_named, renamed.clone())?;
        } else {
            Shelf::new(&state_folder()).is_taken();
        }
        let (tell_trouble, https_trouble) = watch::channel(None);
        let certificates = config.tls.clone().map(|source| {
            let shown = Arc::new(Late::default());
            settings.tls = Some(Tls::new(shown.clone()));
            let certificates = find_certificates(&source, &shown, &tell_trouble);
            if let Some(certificates) = &certificates {
                settings.authority = certificates.authority();
                settings.names = certificates.names();
            }
            tokio::spawn(keep_certificates(source, certificates, shown, tell_trouble))
        });
        let mut companion = Companion::new(settings).context("[companion]")?.merge_private(for_pages);
        if let Err(error) = companion.listen() {
            tracing::warn!("no page can be opened yet, while button and light work: {error}. Trying again");
        }
        // Who presses a simulated button from the network would ring the household; with `hosts`, a proxy brings the
        // network here.
        if config.listen.ip().is_loopback() && config.hosts.is_empty() {
            companion = companion.merge(simulator);
        }
        let (address, is_secure) = (companion.address(), certificates.is_some());
        let page = format!("{}://{address}/", if is_secure { "https" } else { "http" });
        let handle = companion.handle();
        let link = link::Inside::new(handle.clone(), room, state.subscribe(), renamed, https_trouble);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(companion.run(async {
            let _ = stopped.await;
        }));
        Ok((Self { page, address, is_secure, companion: handle, stop, task, certificates }, link))
    }

    /// How to find out whether it answers.
    pub(crate) fn probe(&self) -> CompanionProbe {
        let companion = self.companion.clone();
        CompanionProbe::Inside { listen: self.address, is_secure: self.is_secure, companion }
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

/// Shows a certificate as soon as there is one.
#[derive(Debug, Default)]
struct Late(OnceLock<Arc<dyn ShowCertificate>>);

impl ShowCertificate for Late {
    fn certificate(&self, name: Option<&str>, address: IpAddr) -> Option<Arc<CertifiedKey>> {
        self.0.get()?.certificate(name, address)
    }
}

fn find_certificates(
    source: &CertificateSource,
    shown: &Late,
    trouble: &watch::Sender<Option<String>>,
) -> Option<Certificates> {
    match Certificates::new(source.clone()) {
        Ok(certificates) => {
            // Nobody else sets it.
            let _set = shown.0.set(certificates.shown());
            trouble.send_replace(None);
            Some(certificates)
        }
        Err(error) => {
            if trouble.send_replace(Some(format!("there is no HTTPS: {error}"))).is_none() {
                tracing::warn!("no page can be opened yet, while button and light work: {error}. Trying again");
            }
            None
        }
    }
}

/// Keeps the certificates up to date, and looks for those that can't be had yet.
async fn keep_certificates(
    source: CertificateSource,
    mut certificates: Option<Certificates>,
    shown: Arc<Late>,
    trouble: watch::Sender<Option<String>>,
) {
    loop {
        if let Some(certificates) = certificates {
            return certificates.keep().await;
        }
        tokio::time::sleep(LOOK_FOR_CERTIFICATE).await;
        certificates = find_certificates(&source, &shown, &trouble);
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
        shelf.is_taken();
        name(state, &household);
        settings.secret = Some(household.secret);
        return Ok(());
    }
    // Only the device image tells a new card from one that lost its settings.
    let takes_presence = Image::of_this_machine().version.is_some() && !shelf.is_new();
    let (told, pressed) = (state.clone(), state.subscribe());
    let keep = move |household: &Household| {
        shelf.keep(household)?;
        shelf.is_taken();
        name(&told, household);
        renamed.notify_one();
        Ok(())
    };
    settings.claim = Some(if takes_presence {
        tracing::warn!("this station has lost its settings: press its call button, and its page lets you set it up");
        let claim = Claim::closed(keep);
        tokio::spawn(open_at_a_press(claim.clone(), pressed));
        claim
    } else {
        tracing::info!("nobody has set up this station yet: within an hour, its page lets you do so");
        Claim::new(keep)
    });
    Ok(())
}

/// Nobody is let in yet, so what makes the station ring is its call button.
async fn open_at_a_press(claim: Arc<Claim>, mut station: watch::Receiver<Station>) {
    while station.changed().await.is_ok() {
        if station.borrow_and_update().activity == Activity::Ringing {
            claim.open();
        }
    }
}
