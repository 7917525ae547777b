//! Camera and sound of a call: on while somebody needs them, off otherwise.

use std::thread;
use std::time::{Duration, Instant};

use doorway_core::indicator::Chime;
use doorway_proto::state::{Health, MediaHealth};
use tokio::sync::mpsc;

use crate::priority::be_patient;
use crate::sound::{self, Sound, SoundEvent, SoundSettings, SoundSource};
use crate::status::{MediaTotals, SoundStatus, VideoStatus, epoch_ms};
use crate::video::{self, Video, VideoEvent, VideoSettings, VideoSource};

/// Pictures that wait for the loop. When it is full the video thread drops up to the next keyframe.
const PICTURES: usize = 16;
/// Sound packets that wait for the loop, a second of them. When it is full the sound thread drops the newest.
const PACKETS: usize = 50;
/// How long the camera stays on when nobody watches any more: whoever comes back within it finds it running, and nobody
/// makes it start and stop many times a second.
const LAST_PICTURE: Duration = Duration::from_millis(1000);
/// How long sound stays on when the call is over, for the chime that says so.
const LAST_CHIME: Duration = Duration::from_millis(1500);

/// How often devices that nobody uses are looked for.
const LOOK_AROUND: Duration = Duration::from_secs(3);

/// What came from camera or microphone.
#[derive(Debug)]
pub(super) enum MediaEvent {
    Video(VideoEvent),
    Sound(SoundEvent),
}

/// Who needs camera or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// The call, as the core decides.
    Call,
    /// The self-test.
    Test,
}

/// The users that something has at the moment.
#[derive(Debug, Clone, Copy, Default)]
struct Users {
    call: bool,
    test: bool,
}

impl Users {
    fn set(&mut self, user: User, uses: bool) {
        match user {
            User::Call => self.call = uses,
            User::Test => self.test = uses,
        }
    }

    fn is_empty(self) -> bool {
        !self.call && !self.test
    }
}

/// The station's camera and sound.
pub(super) struct Media {
    video_settings: VideoSettings,
    sound_settings: SoundSettings,
    video: Option<Video>,
    sound: Option<Sound>,
    video_users: Users,
    sound_users: Users,
    video_ends: Option<Instant>,
    sound_ends: Option<Instant>,
    pictures: (mpsc::Sender<VideoEvent>, mpsc::Receiver<VideoEvent>),
    packets: (mpsc::Sender<SoundEvent>, mpsc::Receiver<SoundEvent>),
    health: MediaHealth,
    /// Of cameras and sound that are closed.
    closed: MediaTotals,
    /// Whether camera, microphone and speaker were absent when they were looked for last.
    absent: [bool; 3],
    look_at: Instant,
}

impl Media {
    pub(super) fn new(video_settings: VideoSettings, sound_settings: SoundSettings, now: Instant) -> Self {
        let working = |absent| if absent { Health::Absent {} } else { Health::Working {} };
        let silent = sound_settings.source == SoundSource::None;
        let health = MediaHealth {
            camera: working(video_settings.source == VideoSource::None),
            microphone: working(silent),
            speaker: working(silent),
        };
        Self {
            video_settings,
            sound_settings,
            video: None,
            sound: None,
            video_users: Users::default(),
            sound_users: Users::default(),
            video_ends: None,
            sound_ends: None,
            pictures: mpsc::channel(PICTURES),
            packets: mpsc::channel(PACKETS),
            health,
            closed: MediaTotals::default(),
            absent: [false; 3],
            look_at: now,
        }
    }

    /// Looks for devices that nobody uses at the moment, so that one which is unplugged shows before a visitor comes; true
    /// when something changed. It opens none: a camera that is not named is only missed where no V4L2 device is left, and a
    /// sound card where none is.
    pub(super) fn look_around(&mut self, now: Instant) -> bool {
        if now < self.look_at {
            return false;
        }
        self.look_at = now + LOOK_AROUND;
        let before = self.health.clone();
        let [camera, microphone, speaker] = &mut self.absent;
        if self.video.is_none() {
            note(camera, &mut self.health.camera, video::absence(&self.video_settings.source));
        }
        if self.sound.is_none() {
            let (no_microphone, no_speaker) = sound::absence(&self.sound_settings.source);
            note(microphone, &mut self.health.microphone, no_microphone);
            note(speaker, &mut self.health.speaker, no_speaker);
        }
        self.health != before
    }

    /// What works.
    pub(super) fn health(&self) -> &MediaHealth {
        &self.health
    }

    /// Takes what a device said of itself; true when something changed.
    pub(super) fn handle_health(&mut self, change: impl FnOnce(&mut MediaHealth)) -> bool {
        let before = self.health.clone();
        change(&mut self.health);
        self.health != before
    }

    /// The next picture, packet or word of a device.
    pub(super) async fn event(&mut self) -> MediaEvent {
        // A `Media` holds a sender of both channels, so that neither ends.
        tokio::select! {
            biased;
            Some(event) = self.packets.1.recv() => MediaEvent::Sound(event),
            Some(event) = self.pictures.1.recv() => MediaEvent::Video(event),
        }
    }

    /// A picture or packet that waits, without waiting for one.
    pub(super) fn waiting(&mut self) -> Option<MediaEvent> {
        if let Ok(event) = self.packets.1.try_recv() {
            return Some(MediaEvent::Sound(event));
        }
        self.pictures.1.try_recv().ok().map(MediaEvent::Video)
    }

    /// Turns the camera on for its first user, and off soon after the last has left. Returns at once.
    pub(super) fn use_video(&mut self, user: User, uses: bool, now: Instant) {
        self.video_users.set(user, uses);
        if self.video_users.is_empty() {
            self.end_video(now);
        } else {
            self.start_video();
        }
    }

    /// The same for the sound, which stays until the last chime is over.
    pub(super) fn use_sound(&mut self, user: User, uses: bool, now: Instant) {
        self.sound_users.set(user, uses);
        if self.sound_users.is_empty() {
            self.end_sound(now);
        } else {
            self.start_sound();
        }
    }

    fn start_video(&mut self) {
        self.video_ends = None;
        if self.video.is_none() && self.video_settings.source != VideoSource::None {
            self.video = Some(Video::start(self.video_settings.clone(), self.pictures.0.clone()));
        }
    }

    fn end_video(&mut self, now: Instant) {
        if self.video.is_some() && self.video_ends.is_none() {
            self.video_ends = Some(now + LAST_PICTURE);
        }
    }

    /// Turns the camera off now; what still waits of it is dropped.
    pub(super) fn stop_video(&mut self) {
        self.video_ends = None;
        let Some(video) = self.video.take() else { return };
        self.closed.add_video(&video.stats());
        close_aside("video-close", video);
        while self.pictures.1.try_recv().is_ok() {}
    }

    fn start_sound(&mut self) {
        self.sound_ends = None;
        if self.sound.is_none() && self.sound_settings.source != SoundSource::None {
            self.sound = Some(Sound::start(self.sound_settings.clone(), self.packets.0.clone()));
        }
    }

    fn end_sound(&mut self, now: Instant) {
        if self.sound.is_some() && self.sound_ends.is_none() {
            self.sound_ends = Some(now + LAST_CHIME);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.video_ends, self.sound_ends, Some(self.look_at)].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.video_ends.is_some_and(|ends| now >= ends) {
            self.stop_video();
        }
        if self.sound_ends.is_some_and(|ends| now >= ends) {
            self.stop_sound();
        }
    }

    /// Turns the sound off now.
    pub(super) fn stop_sound(&mut self) {
        self.sound_ends = None;
        let Some(sound) = self.sound.take() else { return };
        self.closed.add_sound(&sound.stats());
        close_aside("sound-close", sound);
        while self.packets.1.try_recv().is_ok() {}
    }

    pub(super) fn request_keyframe(&self) {
        if let Some(video) = &self.video {
            video.request_keyframe();
        }
    }

    pub(super) fn set_bitrate(&self, bps: u32) {
        if let Some(video) = &self.video {
            video.set_bitrate(bps);
        }
    }

    pub(super) fn sound(&self) -> Option<&Sound> {
        self.sound.as_ref()
    }

    /// Opens or shuts the way between the visitor and the one who answered.
    pub(super) fn set_talking(&mut self, talking: bool) {
        if let Some(sound) = &mut self.sound {
            sound.set_talking(talking);
        }
    }

    pub(super) fn play_chime(&mut self, chime: Chime) {
        let chime = match chime {
            Chime::Silent => sound::Chime::Silent,
            // A further press starts the tone anew: the visitor hears at once that it was noticed.
            Chime::Ringing | Chime::PressAcknowledged => sound::Chime::Ringing,
            Chime::Accepted => sound::Chime::Accepted,
            Chime::Ended => sound::Chime::Ended,
            Chime::Refused => sound::Chime::Refused,
        };
        if let Some(sound) = &self.sound {
            sound.play_chime(chime);
        }
    }

    /// What camera and sound did since the daemon started.
    pub(super) fn totals(&self) -> MediaTotals {
        let mut totals = self.closed;
        self.video.iter().for_each(|video| totals.add_video(&video.stats()));
        self.sound.iter().for_each(|sound| totals.add_sound(&sound.stats()));
        totals
    }

    pub(super) fn video_status(&self) -> VideoStatus {
        let Some(video) = &self.video else {
            return VideoStatus { source: self.video_settings.source.name().into(), ..VideoStatus::default() };
        };
        let stats = video.stats();
        VideoStatus {
            source: stats.source.into(),
            encoder: stats.encoder,
            running: stats.running,
            width: stats.width,
            height: stats.height,
            frames: stats.frames,
            dropped: stats.dropped,
            missed: stats.missed,
            bitrate_bps: stats.bitrate_bps,
        }
    }

    pub(super) fn sound_status(&self) -> SoundStatus {
        let Some(sound) = &self.sound else {
            return SoundStatus { microphone_dbfs: -120.0, speaker_dbfs: -120.0, ..SoundStatus::default() };
        };
        let stats = sound.stats();
        SoundStatus {
            running: stats.running,
            microphone_dbfs: stats.microphone_dbfs,
            speaker_dbfs: stats.speaker_dbfs,
            heard_at_ms: stats.heard_at.map(epoch_ms),
            capture_xruns: stats.capture_xruns,
            playback_xruns: stats.playback_xruns,
            received: stats.received,
            concealed: stats.concealed,
            recovered_by_fec: stats.recovered_by_fec,
        }
    }
}

/// A device that comes back is believed to work; one that is there and failed is tried by the next call.
fn note(was_absent: &mut bool, health: &mut Health, absence: Option<String>) {
    match absence {
        Some(reason) => {
            *was_absent = true;
            *health = Health::Missing { reason };
        }
        None if std::mem::take(was_absent) => *health = Health::Working {},
        None => {}
    }
}

/// Closing a device waits for its threads; the loop, and with it the next ring, does not.
fn close_aside<T: Send + 'static>(name: &str, closing: T) {
    let close = move || {
        be_patient();
        drop(closing);
    };
    if thread::Builder::new().name(name.into()).spawn(close).is_err() {
        tracing::warn!("no thread could be started to close a device; it was closed in the loop");
    }
}
