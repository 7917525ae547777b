//! The task that does an update: check, wait until nobody calls, install, restart when it is quiet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorway_proto::state::{Activity, Station};
use tokio::sync::{mpsc, watch};

use super::failure::Failure;
use super::rauc::{self, Bundle, Progress};
use super::trial::Trial;
use super::version::Version;
use super::{Phase, Request, Source, UpdateSettings, UpdateStatus, upload};
use crate::image::Image;
use crate::service;

/// How often RAUC is asked how far it is.
const LOOK: Duration = Duration::from_secs(1);
/// An installation that stands still for so long is given up; a slow card needs a minute between two steps.
const STANDSTILL: Duration = Duration::from_secs(30 * 60);
/// RAUC starts after the daemon, which waits for nobody.
const FIRST_LOOKS: [u64; 6] = [1, 5, 10, 20, 40, 80];
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often is looked what the image's scripts have found, while they are at it.
const TRIAL_LOOK: Duration = Duration::from_secs(2);
/// Who restarts the machine for the daemon has taken the request by then.
const RESTART_PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Manager {
    settings: UpdateSettings,
    state: Option<PathBuf>,
    image: watch::Sender<Image>,
    status: Arc<watch::Sender<UpdateStatus>>,
    station: watch::Receiver<Station>,
    trial: Trial,
    /// When the scripts are looked after again; none once they are done.
    look_at: Option<Instant>,
    compatible: String,
    /// Since when nobody calls.
    quiet_since: Option<Instant>,
    check_at: Option<Instant>,
    restart_gives_up: Option<Instant>,
}

impl Manager {
    pub(super) fn new(
        settings: UpdateSettings,
        state: Option<PathBuf>,
        image: watch::Sender<Image>,
        status: Arc<watch::Sender<UpdateStatus>>,
        station: watch::Receiver<Station>,
        now: Instant,
    ) -> Self {
        // Not all stations of a town in the same minute.
        let first_check = Duration::from_secs(60 + u64::from(rand::random::<u16>()) % 3600);
        let check_at = (settings.check_daily && settings.url.is_some()).then(|| now + first_check);
        Self {
            settings,
            trial: Trial::of_this_machine(state.clone()),
            look_at: None,
            state,
            image,
            status,
            station,
            compatible: String::new(),
            quiet_since: Some(now),
            check_at,
            restart_gives_up: None,
        }
    }

    /// Runs as long as somebody may ask.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        self.take_up();
        self.find_rauc().await;
        loop {
            let now = Instant::now();
            self.note_quiet(now);
            let restart_at = self.restart_due();
            let due = [self.look_at, self.check_at, restart_at, self.restart_gives_up].into_iter().flatten().min();
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Request::Install(source)) => self.install_and_tell(source).await,
                    Some(Request::Check) => self.check().await,
                    Some(Request::Restart) => self.restart(),
                    Some(Request::Dismiss) => self.dismiss(),
                    None => return,
                },
                changed = self.station.changed() => if changed.is_err() { return },
                () = sleep_until(due) => {
                    let now = Instant::now();
                    if self.look_at.is_some_and(|at| at <= now) {
                        self.look_at_trial(now);
                    }
                    if self.check_at.is_some_and(|at| at <= now) {
                        self.check_at = Some(now + DAY);
                        self.check().await;
                    }
                    if self.restart_gives_up.is_some_and(|at| at <= now) {
                        self.nobody_restarts();
                    } else if restart_at.is_some_and(|at| at <= now) {
                        self.restart();
                    }
                }
            }
        }
    }

    /// What was before this start of the daemon.
    fn take_up(&mut self) {
        if let Some(version) = self.look_at_trial(Instant::now()) {
            self.set_phase(self.installed(version));
        }
    }

    /// Tells what the image's scripts found, and returns the version that waits for the next start.
    fn look_at_trial(&mut self, now: Instant) -> Option<String> {
        let found = self.trial.look(&self.image.borrow());
        self.look_at = (!found.settled).then_some(now + TRIAL_LOOK);
        self.status.send_modify(|status| {
            match (status.on_trial, found.on_trial) {
                (false, true) => tracing::info!("a new version runs on trial until its self-test passes"),
                (true, false) => tracing::info!("the new version is accepted"),
                _ => {}
            }
            if found.undone.is_some() && found.undone != status.undone {
                tracing::warn!(undone = ?found.undone, "the last update was undone");
            }
            (status.on_trial, status.undone) = (found.on_trial, found.undone);
        });
        found.installed
    }

    async fn find_rauc(&mut self) {
        for wait in FIRST_LOOKS {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            if let Ok(compatible) = rauc::compatible().await {
                self.compatible = compatible;
                let unknown = self.image.borrow().slot.is_none();
                if unknown && let Ok(slot) = rauc::booted_slot().await {
                    self.image.send_modify(|image| image.slot = slot);
                }
                self.status.send_modify(|status| status.able = true);
                return;
            }
        }
        tracing::warn!("RAUC does not answer, so this station takes no updates; look at `systemctl status rauc`");
    }

    async fn install_and_tell(&mut self, source: Source) {
        let outcome = self.install(&source).await;
        if let Source::Upload(_) = source
            && let Some(state) = &self.state
        {
            upload::clear(state);
        }
        match outcome {
            Ok(version) => {
                tracing::info!(%version, "the update is installed; the next start tries it");
                self.status.send_modify(|status| {
                    status.available = None;
                    status.undone = None;
                });
                // Whoever waited for it gets the time to read that it is there.
                self.quiet_since = None;
                self.set_phase(self.installed(version));
            }
            Err(failure) => {
                tracing::warn!(%failure, "the update is not installed");
                self.set_phase(Phase::failed(failure));
            }
        }
    }

    async fn install(&mut self, source: &Source) -> Result<String, Failure> {
        let place = match source {
            Source::Address(address) => address.clone(),
            Source::Upload(path) => path.to_string_lossy().into_owned(),
        };
        self.set_phase(Phase::Checking {});
        let bundle = rauc::inspect(&place).await?;
        let running = self.running();
        suits(&bundle, &self.compatible, &running)?;
        let version = bundle.version.clone();
        self.set_phase(Phase::Waiting { version: version.clone() });
        while self.station.borrow_and_update().activity != Activity::Idle {
            self.station.changed().await.map_err(|_| Failure::Interrupted {})?;
        }
        tracing::info!(%version, "the update is installed from now on");
        self.set_phase(Phase::Installing { version: version.clone(), percent: 0 });
        rauc::install(&place, &bundle).await?;
        let mut last = (0, Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            match rauc::progress().await? {
                Progress::Done => break,
                Progress::Failed(failure) => return Err(failure),
                Progress::Running { percent } => {
                    if percent != last.0 {
                        last = (percent, Instant::now());
                    } else if last.1.elapsed() > STANDSTILL {
                        return Err(Failure::Unreachable {});
                    }
                    self.set_phase(Phase::Installing { version: version.clone(), percent });
                }
            }
        }
        Ok(version)
    }

    /// Looks whether the configured address has something newer.
    async fn check(&mut self) {
        let Some(url) = self.settings.url.clone() else { return };
        if self.phase().is_busy() {
            return;
        }
        let found = match rauc::inspect(&url).await {
            Ok(bundle) => suits(&bundle, &self.compatible, &self.running()).map(|()| bundle.version),
            Err(failure) => Err(failure),
        };
        match found {
            Ok(version) => self.status.send_modify(|status| status.available = Some(version)),
            Err(failure) => {
                tracing::debug!(%failure, "no update at the configured address");
                self.status.send_modify(|status| status.available = None);
            }
        }
    }

    fn dismiss(&mut self) {
        let undone = self.status.borrow().undone.is_some();
        if undone {
            if let Err(error) = self.trial.dismiss() {
                tracing::warn!(%error, "that the news was read can't be remembered");
            }
            self.status.send_modify(|status| status.undone = None);
        } else if let Phase::Failed { .. } = self.phase() {
            // What was refused has changed nothing for an update that waits already.
            let waits = self.look_at_trial(Instant::now());
            self.set_phase(waits.map_or(Phase::Idle {}, |version| self.installed(version)));
        }
    }

    /// Asks who may for a restart: the daemon itself may not. Never during a call.
    fn restart(&mut self) {
        let Phase::Installed { version, .. } = self.phase() else { return };
        if self.station.borrow().activity != Activity::Idle {
            return;
        }
        let asked = restart_request().is_some_and(|path| std::fs::write(path, b"").is_ok());
        if asked {
            tracing::info!(%version, "the machine restarts into the update");
            self.restart_gives_up = Some(Instant::now() + RESTART_PATIENCE);
            self.set_phase(Phase::Restarting { version });
        } else {
            self.set_phase(Phase::Installed { version, restarts: false, by_itself: false });
        }
    }

    fn nobody_restarts(&mut self) {
        self.restart_gives_up = None;
        tracing::warn!("the machine was asked to restart and does not; restart it by hand");
        if let Phase::Restarting { version } = self.phase() {
            self.set_phase(Phase::Installed { version, restarts: false, by_itself: false });
        }
    }

    fn note_quiet(&mut self, now: Instant) {
        let idle = self.station.borrow_and_update().activity == Activity::Idle;
        self.quiet_since = idle.then(|| self.quiet_since.unwrap_or(now));
    }

    fn restart_due(&self) -> Option<Instant> {
        let Phase::Installed { restarts: true, .. } = self.phase() else { return None };
        Some(self.quiet_since? + self.settings.restart_after_quiet?)
    }

    fn running(&self) -> String {
        self.image.borrow().version.clone().unwrap_or_default()
    }

    fn installed(&self, version: String) -> Phase {
        let restarts = restart_request().is_some();
        Phase::Installed { version, restarts, by_itself: restarts && self.settings.restart_after_quiet.is_some() }
    }

    /// A copy: whoever held what is borrowed while the status changes would wait for itself.
    fn phase(&self) -> Phase {
        self.status.borrow().phase.clone()
    }

    fn set_phase(&self, phase: Phase) {
        self.status.send_modify(|status| status.phase = phase);
    }
}

/// Whether a bundle is for this device, and newer than what runs.
fn suits(bundle: &Bundle, compatible: &str, running: &str) -> Result<(), Failure> {
    let (offered, running) = (bundle.version.clone(), running.to_owned());
    if bundle.compatible != compatible {
        return Err(Failure::WrongDevice { offered: bundle.compatible.clone(), running: compatible.to_owned() });
    }
    match Version::compare(&offered, &running) {
        Ok(std::cmp::Ordering::Greater) => Ok(()),
        Ok(std::cmp::Ordering::Equal) => Err(Failure::SameVersion { running }),
        Ok(std::cmp::Ordering::Less) => Err(Failure::OlderVersion { offered, running }),
        Err(_) => Err(Failure::UnknownVersion { offered }),
    }
}

/// The file that asks for a restart: `doorway-restart.path` watches it. None where the unit gives the daemon no folder.
fn restart_request() -> Option<PathBuf> {
    Some(service::runtime_folder()?.join("restart"))
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newer_bundle_for_this_device_suits() {
        let bundle = |compatible: &str, version: &str| Bundle {
            compatible: compatible.into(),
            version: version.into(),
            manifest_hash: None,
        };
        let suits = |bundle: &Bundle| suits(bundle, "doorway-pi4", "1.1.0+4");
        assert_eq!(suits(&bundle("doorway-pi4", "1.1.0+5")), Ok(()));
        let code = |bundle: Bundle| serde_json::to_value(suits(&bundle).unwrap_err()).unwrap()["code"].clone();
        assert_eq!(code(bundle("doorway-pi3", "1.1.0+5")), "wrong_device");
        assert_eq!(code(bundle("doorway-pi4", "1.1.0+4")), "same_version");
        assert_eq!(code(bundle("doorway-pi4", "1.0.9+9")), "older_version");
        assert_eq!(code(bundle("doorway-pi4", "tomorrow")), "unknown_version");
    }
}
