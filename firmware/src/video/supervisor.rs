//! The video thread: keeps pictures flowing while the camera, the encoder or the queue behind them fail.
//!
//! A camera that is missing, stalls or delivers damaged frames is tried again each second, and callers see the card
//! meanwhile, so that the call goes on. One encoder serves the camera and the card alike, at one size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::camera::{Camera, CameraError, Captured};
use super::card::Card;
use super::encoder::{Encoder, EncoderKind, EncoderPlan, Fault, Frame};
use super::negotiate::{FrameLayout, Pixels};
use super::outlet::Outlet;
use super::recording::{self, Recording};
use super::watch::{CameraWatch, Ladder, Next, Verdict};
use super::{CameraHealth, EncoderChoice, Shared, VideoSettings, VideoSource};

/// The card changes so little that this looks alive and costs nearly nothing.
const CARD_PERIOD: Duration = Duration::from_millis(200);
/// How long the thread sleeps when there is nothing to do but to wait.
const NAP: Duration = Duration::from_millis(20);

/// Set when the hardware encoder hung: it stays so until the machine restarts, so no later call tries it again.
static HARDWARE_HUNG: AtomicBool = AtomicBool::new(false);

/// Runs until asked to stop, or until nobody listens any more.
pub(super) fn run(settings: VideoSettings, shared: &Shared, outlet: Arc<Outlet>) {
    match &settings.source {
        VideoSource::None => outlet.tell_health(CameraHealth::Absent),
        VideoSource::Recording { path } => play(path, &settings, shared, &outlet),
        VideoSource::Test | VideoSource::V4l2(_) | VideoSource::Libcamera => {
            let open = |settings: &VideoSettings, accept_h264| Camera::open(settings, accept_h264);
            return Supervisor::new(settings, shared, outlet, Box::new(open)).run();
        }
    }
    while goes_on(shared, &outlet) {
        outlet.flush_news();
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

fn play(path: &std::path::Path, settings: &VideoSettings, shared: &Shared, outlet: &Outlet) {
    match Recording::open(path) {
        Ok(recording) => recording::play(&recording, settings.rate, outlet, shared),
        Err(error) => {
            tracing::warn!(%error, "no picture");
            outlet.tell_health(CameraHealth::Missing { reason: error.to_string() });
        }
    }
}

fn goes_on(shared: &Shared, outlet: &Outlet) -> bool {
    !shared.should_stop() && !outlet.is_closed()
}

/// Opens the camera; told whether its own H.264 may be used.
type Opener<'a> = Box<dyn FnMut(&VideoSettings, bool) -> Result<Option<Camera>, CameraError> + 'a>;

struct Supervisor<'a> {
    open: Opener<'a>,
    settings: VideoSettings,
    shared: &'a Shared,
    outlet: Arc<Outlet>,
    watch: CameraWatch,
    ladder: Ladder,
    encoder: Option<Encoder>,
    encoder_since: Instant,
    /// Fixed with the first frame, so that a camera that comes back differently changes nothing for callers.
    plan: Option<EncoderPlan>,
    card: Option<Card>,
    card_due: Instant,
    accept_h264: bool,
    /// The camera's own H.264 goes out.
    passes_through: bool,
    last_encoded: Option<Instant>,
    bitrate_bps: u32,
}

impl<'a> Supervisor<'a> {
    fn new(settings: VideoSettings, shared: &'a Shared, outlet: Arc<Outlet>, open: Opener<'a>) -> Self {
        let now = Instant::now();
        Self {
            open,
            watch: CameraWatch::new(now),
            ladder: Ladder::new(candidates(&settings.encoder)),
            encoder: None,
            encoder_since: now,
            plan: None,
            card: None,
            card_due: now,
            accept_h264: true,
            passes_through: false,
            last_encoded: None,
            bitrate_bps: shared.bitrate_bps.load(Relaxed),
            settings,
            shared,
            outlet,
        }
    }

    fn run(mut self) {
        let mut camera: Option<Camera> = None;
        while goes_on(self.shared, &self.outlet) {
            self.outlet.flush_news();
            self.tend(camera.as_ref());
            match &mut camera {
                Some(open) => {
                    if let Err(error) = self.follow(open) {
                        camera = None;
                        self.lose_camera(&error);
                    }
                }
                None => camera = self.try_to_open(),
            }
        }
        // The camera goes off before the encoder is stopped, which can take longer.
        drop(camera);
        if let Some(encoder) = self.encoder.take() {
            if encoder.kind().is_hardware() && encoder.is_silent() { encoder.abandon() } else { drop(encoder) }
        }
    }

    /// Passes on what the event loop asked for, and replaces an encoder that has failed.
    fn tend(&mut self, camera: Option<&Camera>) {
        let now = Instant::now();
        if let Some(fault) = self.encoder.as_ref().and_then(|encoder| encoder.fault(now)) {
            self.replace_encoder(fault, now);
        }
        let bitrate_bps = self.shared.bitrate_bps.load(Relaxed);
        let bitrate_changed = std::mem::replace(&mut self.bitrate_bps, bitrate_bps) != bitrate_bps;
        let keyframe_wanted = self.shared.take_keyframe_request();
        if let Some(camera) = camera.filter(|_| self.passes_through) {
            if bitrate_changed {
                camera.set_bitrate(bitrate_bps);
            }
            if keyframe_wanted {
                camera.force_keyframe();
            }
        } else if let Some(encoder) = &mut self.encoder {
            encoder.set_bitrate(bitrate_bps);
            if keyframe_wanted {
                encoder.force_keyframe();
                // Whoever asked should not wait for the card's slow rhythm.
                self.card_due = now;
            }
        }
    }

    fn try_to_open(&mut self) -> Option<Camera> {
        let now = Instant::now();
        if !self.watch.may_open(now) {
            self.show_card();
            std::thread::park_timeout(NAP);
            return None;
        }
        match (self.open)(&self.settings, self.accept_h264) {
            Ok(Some(camera)) => {
                self.watch.opened(Instant::now());
                Some(camera)
            }
            Ok(None) => None,
            Err(error) => {
                self.lose_camera(&error);
                None
            }
        }
    }

    /// Takes one frame from the camera to the encoder, or waits a little for it.
    fn follow(&mut self, camera: &mut Camera) -> Result<(), CameraError> {
        let (size, pixels) = camera.format();
        match camera.next(self.shared)? {
            Captured::Nothing => {}
            Captured::Damaged => {
                self.shared.dropped.fetch_add(1, Relaxed);
                self.watch.damaged_frame();
            }
            Captured::Frame(frame, captured_at) => {
                self.card = None;
                if self.is_due(captured_at) && self.encode(frame, captured_at, (size, pixels)) {
                    self.outlet.tell_health(CameraHealth::Working);
                }
                // Only now: the first frame starts GStreamer, and what that takes is not the camera's delay.
                self.watch.good_frame(Instant::now());
            }
            Captured::Encoded(data, captured_at) => {
                self.watch.good_frame(Instant::now());
                self.card = None;
                self.pass_through(&data, captured_at)?;
            }
        }
        let device = || camera.name().to_owned();
        match self.watch.verdict(Instant::now()) {
            Verdict::Fine => Ok(()),
            Verdict::Late => {
                self.show_card();
                Ok(())
            }
            Verdict::Stalled => Err(CameraError::Stalled { device: device() }),
            Verdict::Damaged => Err(CameraError::Damaged { device: device() }),
        }
    }

    /// Cameras that are faster than wanted would exceed the level and the bitrate of each frame.
    fn is_due(&mut self, captured_at: Instant) -> bool {
        let period = Duration::from_secs(1) / self.settings.rate.max(1);
        let due = self.last_encoded.is_none_or(|last| captured_at.saturating_duration_since(last) > period * 3 / 4);
        if due {
            self.last_encoded = Some(captured_at);
        }
        due
    }

    /// Whether an encoder took the frame.
    fn encode(&mut self, frame: Frame<'_>, captured_at: Instant, (size, pixels): ((u32, u32), Pixels)) -> bool {
        let now = Instant::now();
        let fits = size.0 <= self.settings.size.0 && size.1 <= self.settings.size.1;
        let size = if fits { size } else { self.settings.size };
        let plan = *self.plan.get_or_insert(EncoderPlan {
            size,
            rate: self.settings.rate,
            bitrate_bps: self.bitrate_bps,
            pixels,
        });
        if self.encoder.is_none() {
            self.start_encoder(plan, now);
        }
        let Some(encoder) = &mut self.encoder else {
            self.shared.dropped.fetch_add(1, Relaxed);
            return false;
        };
        // A fresh look at the clock: an encoder that took seconds to start has not been silent for them.
        match encoder.push(frame, captured_at, Instant::now()) {
            Ok(dropped) => {
                self.shared.dropped.fetch_add(dropped.into(), Relaxed);
                true
            }
            Err(error) => {
                self.replace_encoder(Fault::Failed(error.to_string()), now);
                false
            }
        }
    }

    fn start_encoder(&mut self, plan: EncoderPlan, now: Instant) {
        while let Some(kind) = self.ladder.current(now) {
            let plan = EncoderPlan { bitrate_bps: self.bitrate_bps, ..plan };
            match Encoder::start(kind, plan, self.outlet.clone()) {
                Ok(encoder) => {
                    self.passes_through = false;
                    self.encoder = Some(encoder);
                    self.encoder_since = now;
                    self.outlet.begin_stream();
                    self.outlet.tell_encoder(kind.element(), kind.is_hardware());
                    return;
                }
                Err(error) => {
                    tracing::debug!(encoder = kind.element(), %error, "encoder skipped");
                    self.ladder.cannot_start(now);
                    if self.ladder.current(now).is_none() {
                        tracing::error!(%error, "no encoder works, so there is no picture");
                        self.outlet.tell_health(CameraHealth::Missing { reason: error.to_string() });
                    }
                }
            }
        }
    }

    fn replace_encoder(&mut self, fault: Fault, now: Instant) {
        let Some(encoder) = self.encoder.take() else {
            return;
        };
        let kind = encoder.kind();
        tracing::warn!(encoder = kind.element(), ?fault, "the encoder is replaced");
        let worked_for = now.saturating_duration_since(self.encoder_since);
        match fault {
            Fault::Hung => encoder.abandon(),
            Fault::Failed(_) => drop(encoder),
        }
        if self.ladder.failed(now, worked_for) == Next::Another && kind.is_hardware() {
            HARDWARE_HUNG.store(true, Relaxed);
            self.ladder.strike_out(kind);
        }
    }

    fn pass_through(&mut self, data: &[u8], captured_at: Instant) -> Result<(), CameraError> {
        if !self.passes_through {
            self.passes_through = true;
            self.encoder = None;
            self.outlet.begin_stream();
            self.outlet.tell_encoder("camera", true);
        }
        match self.outlet.deliver(data, captured_at) {
            Ok(()) => {
                self.outlet.tell_health(CameraHealth::Working);
                Ok(())
            }
            Err(error) => {
                self.accept_h264 = false;
                Err(CameraError::UnsuitableH264(error))
            }
        }
    }

    fn lose_camera(&mut self, error: &CameraError) {
        if let CameraError::UnsuitableH264(_) = error {
            tracing::info!(%error, "the camera is opened without it");
            self.passes_through = false;
            return self.watch.reopen(Instant::now());
        }
        tracing::warn!(%error, "no picture");
        self.watch.lost(Instant::now());
        self.passes_through = false;
        self.outlet.tell_health(CameraHealth::Missing { reason: error.to_string() });
    }

    fn show_card(&mut self) {
        let now = Instant::now();
        if now < self.card_due {
            return;
        }
        self.card_due = now + CARD_PERIOD;
        let size = self.plan.map_or(self.settings.size, |plan| plan.size);
        let mut card = self.card.take().unwrap_or_else(|| Card::new(size.0, size.1));
        let (width, height) = card.size();
        if let Some(layout) = FrameLayout::new(Pixels::I420, width, height, 0) {
            let frame = Frame::Memory { bytes: card.draw(), layout };
            self.encode(frame, now, ((width, height), Pixels::I420));
        }
        self.card = Some(card);
    }
}

/// The encoders to try, in order. One that was named comes first; the others stay behind it so that a call has video.
fn candidates(choice: &EncoderChoice) -> Vec<EncoderKind> {
    let mut kinds = EncoderKind::ALL.to_vec();
    match choice {
        EncoderChoice::Auto => {}
        EncoderChoice::Named(named) => kinds.sort_by_key(|kind| kind != named),
    }
    kinds.retain(|kind| !(kind.is_hardware() && HARDWARE_HUNG.load(Relaxed)));
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::VideoEvent;
    use super::super::camera::{Failure, ScriptedCamera};
    use tokio::sync::mpsc::{Receiver, channel};

    const SIZE: (u32, u32) = (320, 180);

    /// The changes of health, and how many pictures came before each.
    fn news(mut events: Receiver<VideoEvent>) -> Vec<(u32, CameraHealth)> {
        let (mut pictures, mut changes) = (0, Vec::new());
        while let Ok(event) = events.try_recv() {
            match event {
                VideoEvent::AccessUnit(_) => pictures += 1,
                VideoEvent::Health(health) => changes.push((std::mem::take(&mut pictures), health)),
                VideoEvent::Encoder { .. } => {}
            }
        }
        changes
    }

    /// Runs with a camera that works for ten frames and fails, twice.
    fn with_failing_camera(failure: Failure) -> Vec<(u32, CameraHealth)> {
        let (sender, events) = channel(1_000);
        let shared = Shared::default();
        shared.bitrate_bps.store(500_000, Relaxed);
        let settings = VideoSettings { size: SIZE, ..VideoSettings::default() };
        let outlet = Arc::new(Outlet::new(sender, Arc::new(Shared::default())));
        let mut opened = 0;
        let open = |_: &VideoSettings, _| {
            opened += 1;
            if opened == 3 {
                // The second one worked and failed as well; that is enough.
                shared.stop.store(true, Relaxed);
            }
            Ok(Some(Camera::Scripted(ScriptedCamera::new(SIZE, 10, failure))))
        };
        Supervisor::new(settings, &shared, outlet, Box::new(open)).run();
        news(events)
    }

    fn is_missing(health: &CameraHealth, word: &str) -> bool {
        matches!(health, CameraHealth::Missing { reason } if reason.contains(word))
    }

    #[test]
    fn a_camera_that_fails_in_a_call_gives_way_to_the_card_and_comes_back() {
        for (failure, word) in [
            (Failure::Vanishes, "no camera"),
            (Failure::Stalls, "stopped delivering"),
            (Failure::DeliversDamage, "damaged frames"),
        ] {
            let changes = with_failing_camera(failure);
            let [(_, first), (_, second), (card_pictures, third), (_, fourth)] = &changes[..] else {
                panic!("{changes:?}")
            };
            assert_eq!((first, third), (&CameraHealth::Working, &CameraHealth::Working));
            assert!(is_missing(second, word) && is_missing(fourth, word), "{changes:?}");
            assert!(*card_pictures >= 3, "{failure:?}: {card_pictures} pictures of the card");
        }
    }

    #[test]
    fn a_named_encoder_is_tried_first_and_the_others_stay_behind_it() {
        let named = candidates(&EncoderChoice::Named(EncoderKind::OpenH264));
        assert_eq!(named, [EncoderKind::OpenH264, EncoderKind::V4l2, EncoderKind::X264]);
    }
}
