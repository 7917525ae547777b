//! The self-test: whether camera, encoder, sound and lines do what a visitor needs of them, tried for real.
//!
//! The pipelines of a call are started for it and closed after it. A call or a watcher that has them running already lends
//! them, and one that comes during the test finds them running: nothing waits for the test.

use std::time::{Duration, Instant};

use doorway_proto::state::Health;
use tokio::sync::oneshot;

use super::EventLoop;
use super::media::User;
use crate::self_test::{Finding, Outcome, Part};
use crate::sound::SoundStats;
use crate::video::AccessUnit;
use crate::video::annexb::{NalKind, nal_units};
use crate::video::sps::Sps;

/// A first picture takes a second or two, a sound card less; a minute is a device that does not come.
const LIMIT: Duration = Duration::from_secs(30);
/// A device that says that it is missing gets another try or two, no more.
const MISSING_LIMIT: Duration = Duration::from_secs(4);
/// How often the sound's counters are read.
const LOOK: Duration = Duration::from_millis(50);
/// Blocks of 10 ms that have to pass each way.
const BLOCKS: u64 = 10;
/// Who may wait for the same test; further ones are turned away.
const MAX_WAITING: usize = 8;

/// A test that is on.
pub(super) struct SelfTest {
    started: Instant,
    look_at: Instant,
    camera: Option<Outcome>,
    encoder: Option<Outcome>,
    sound: Option<Outcome>,
    /// Blocks captured and played before the test.
    sound_before: [u64; 2],
    waiting: Vec<oneshot::Sender<Vec<Finding>>>,
}

impl SelfTest {
    pub(super) fn poll_timeout(&self) -> Instant {
        self.look_at
    }

    fn is_over(&self) -> bool {
        self.camera.is_some() && self.encoder.is_some() && self.sound.is_some()
    }
}

impl EventLoop {
    /// Begins a test, or lets `answer` wait for the one that is on.
    pub(super) fn begin_self_test(&mut self, answer: oneshot::Sender<Vec<Finding>>, now: Instant) {
        if let Some(test) = &mut self.self_test {
            if test.waiting.len() < MAX_WAITING {
                test.waiting.push(answer);
            }
            return;
        }
        tracing::info!("the self-test begins");
        let absent = |health: &Health| matches!(health, Health::Absent {}).then_some(Outcome::NotConfigured {});
        let health = self.media.health();
        let camera = absent(&health.camera);
        self.self_test = Some(SelfTest {
            started: now,
            look_at: now,
            encoder: camera.clone(),
            camera,
            sound: absent(&health.microphone).and(absent(&health.speaker)),
            sound_before: self.media.sound().map_or([0; 2], |sound| blocks(&sound.stats())),
            waiting: vec![answer],
        });
        self.tend_self_test(now);
        // Of a pipeline that runs already; a new one begins with a keyframe by itself.
        self.engine.handle_keyframe_request(now);
    }

    /// Looks at a picture on its way to the peers.
    pub(super) fn test_picture(&mut self, unit: &AccessUnit) {
        let Some(test) = &mut self.self_test else { return };
        // Told before the first picture of the card that stands in for a missing camera.
        if matches!(self.media.health().camera, Health::Working {}) && test.camera.is_none() {
            let status = self.media.video_status();
            test.camera =
                Some(Outcome::Ok { detail: format!("{}, {}x{}", status.source, status.width, status.height) });
        }
        if unit.keyframe && test.encoder.is_none() {
            test.encoder = Some(match begins(&unit.data) {
                Ok((width, height)) => {
                    let name = self.media.video_status().encoder.unwrap_or_else(|| "recorded".into());
                    Outcome::Ok { detail: format!("{name}, keyframe of {width}x{height}") }
                }
                Err(why) => Outcome::Failed { why },
            });
        }
    }

    /// Goes on with the test; ends it when everything is known.
    pub(super) fn tend_self_test(&mut self, now: Instant) {
        let Some(test) = &mut self.self_test else { return };
        if now < test.look_at {
            return;
        }
        test.look_at = now + LOOK;
        if test.camera.is_none() || test.encoder.is_none() {
            self.media.use_video(User::Test, true, now);
        }
        if test.sound.is_none() {
            self.media.use_sound(User::Test, true, now);
        }
        let lasted = now.saturating_duration_since(test.started);
        if test.sound.is_none() {
            let stats = self.media.sound().map(|sound| sound.stats());
            let moved = stats.as_ref().map_or([0; 2], blocks);
            let passed = |way: usize| {
                // Another sound began since, and counts anew.
                let before = if moved[way] < test.sound_before[way] { 0 } else { test.sound_before[way] };
                moved[way] - before >= BLOCKS
            };
            let health = self.media.health();
            let ways = [("microphone", 0, &health.microphone), ("speaker", 1, &health.speaker)];
            test.sound = judge_sound(ways.map(|(name, way, health)| (name, passed(way), health)), lasted);
        }
        let camera = &self.media.health().camera;
        if test.camera.is_none() {
            test.camera = overdue(camera, lasted, "the camera delivers no picture");
        }
        if test.encoder.is_none() {
            test.encoder = overdue(&Health::Working {}, lasted, "no encoder made a keyframe; see `doorwayd probe`");
        }
        if !test.is_over() {
            return;
        }
        self.end_self_test(now);
    }

    fn end_self_test(&mut self, now: Instant) {
        let Some(test) = self.self_test.take() else { return };
        self.media.use_video(User::Test, false, now);
        self.media.use_sound(User::Test, false, now);
        let parts = [(Part::Camera, test.camera), (Part::Encoder, test.encoder), (Part::Sound, test.sound)];
        let mut findings: Vec<Finding> =
            parts.into_iter().filter_map(|(part, outcome)| Some(Finding { part, outcome: outcome? })).collect();
        findings.push(Finding { part: Part::Gpio, outcome: self.test_lines() });
        for finding in &findings {
            match &finding.outcome {
                Outcome::Failed { why } => tracing::warn!(part = ?finding.part, %why, "the self-test failed"),
                Outcome::Ok { .. } | Outcome::NotConfigured {} => {}
            }
        }
        tracing::info!(took = ?now.saturating_duration_since(test.started), "the self-test is over");
        for waiting in test.waiting {
            // Whoever asked may have gone.
            let _ = waiting.send(findings.clone());
        }
    }

    /// Whether the lines are ours. A relay is not moved: nobody wants to find the door open after an update.
    fn test_lines(&mut self) -> Outcome {
        if let (_, Some(reason)) = self.engine.faults() {
            return Outcome::Failed { why: format!("buttons are no longer reported: {reason}") };
        }
        if let Err((button, error)) = self.board.check_buttons() {
            return Outcome::Failed { why: format!("button {button} can't be read: {error}; check its wiring") };
        }
        let board = self.board.board();
        let (buttons, relays) = (self.board.buttons(), board.relays().len());
        let light = board.indicator().map_or("no light", |_| "a light");
        if buttons + relays == 0 {
            return Outcome::NotConfigured {};
        }
        let simulated = board.simulated().map_or("", |_| "simulated: ");
        Outcome::Ok { detail: format!("{simulated}buttons: {buttons}, relays: {relays}, {light}") }
    }
}

fn blocks(stats: &SoundStats) -> [u64; 2] {
    [stats.captured_blocks, stats.played_blocks]
}

/// None while it is too early to say.
fn judge_sound(ways: [(&str, bool, &Health); 2], lasted: Duration) -> Option<Outcome> {
    let mut moving = Vec::new();
    for (name, passed, health) in ways {
        if passed {
            moving.push(name);
        } else if !matches!(health, Health::Absent {}) {
            return overdue(health, lasted, &format!("the {name} opens and does not move"));
        }
    }
    Some(Outcome::Ok { detail: format!("alive: {}", moving.join(", ")) })
}

/// A failure once there was time enough.
fn overdue(health: &Health, lasted: Duration, what: &str) -> Option<Outcome> {
    match health {
        Health::Missing { reason } if lasted >= MISSING_LIMIT => Some(Outcome::Failed { why: reason.clone() }),
        Health::Working {} | Health::Absent {} | Health::Missing { .. } => {
            (lasted >= LIMIT).then(|| Outcome::Failed { why: format!("{what} within {} s", LIMIT.as_secs()) })
        }
    }
}

/// The picture's size, when a decoder that knows nothing of what came before can begin here.
fn begins(access_unit: &[u8]) -> Result<(u32, u32), String> {
    let (mut size, mut pps, mut idr) = (None, false, false);
    for nal in nal_units(access_unit) {
        match nal.kind {
            NalKind::Sps => {
                let sps = Sps::parse(nal.bytes).map_err(|error| error.to_string())?;
                size = Some((sps.width, sps.height));
            }
            NalKind::Pps => pps = size.is_some(),
            NalKind::Idr => idr = pps,
            NalKind::Slice | NalKind::Sei | NalKind::Delimiter | NalKind::Other(_) => {}
        }
    }
    match size {
        Some(size) if idr => Ok(size),
        Some(_) | None => Err("the encoder's keyframe lacks what a decoder begins with".into()),
    }
}
