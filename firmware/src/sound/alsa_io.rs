//! A sound card's microphone and speaker through ALSA.
//!
//! 48 kHz, mono where the card can, else the loudest channel (microphone), or all filled alike (speaker); 16 bit,
//! else float. What the card cannot do by itself ALSA's `plug` converts. Non-blocking, with 10 ms periods; after
//! opening, neither allocation nor locks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alsa::pcm::{Access, Format, Frames, HwParams, State, TstampType};
use alsa::{Direction, PCM, ValueOr};

use super::default_card;
use super::device::{DeviceError, Microphone, POLL, Speaker};
use super::downmix::{Downmix, MAX_CHANNELS};
use super::pacer::Pacer;
use super::probe::cards;
use super::remedy::{Fault, Refusal, classify, remedy};
use super::shared::Shared;
use super::{BLOCK, Block, SAMPLE_RATE, to_i16};

/// Speaker periods that may wait in the card: each costs 10 ms of delay, fewer than three cost xruns.
const PLAYBACK_PERIODS: Frames = 3;

/// Microphone periods in the card: they cost no delay, and carry over a stall of the thread.
const CAPTURE_PERIODS: Frames = 8;

/// A card that delivers or takes nothing for this long is opened again.
const STALLED: Duration = Duration::from_secs(2);

/// Between two looks at a card that claims to be ready and is not, so that its thread never spins.
const BREATH: Duration = Duration::from_millis(1);

/// Errors in a row after which a card is given up and opened again.
const MAX_FAULTS: u32 = 10;

/// A capture timestamp that is older than this is not believed.
const MAX_AGE: Duration = Duration::from_millis(200);

/// A card's microphone.
pub(super) struct AlsaMicrophone {
    card: OpenCard,
    downmix: Downmix,
    filled: usize,
    captured_at: Option<Instant>,
}

impl AlsaMicrophone {
    /// # Errors
    /// A sentence for the installer.
    pub(super) fn open(name: &str, shared: &Arc<Shared>) -> Result<Self, DeviceError> {
        let card = OpenCard::open(name, Direction::Capture, CAPTURE_PERIODS, shared)?;
        card.pcm.start().map_err(|error| card.failed(&error))?;
        Ok(Self { card, downmix: Downmix::new(), filled: 0, captured_at: None })
    }
}

impl Microphone for AlsaMicrophone {
    fn read(&mut self, block: &mut Block) -> Result<Option<Instant>, DeviceError> {
        if !self.card.wait()? {
            return Ok(None);
        }
        if self.filled == 0 {
            self.captured_at = Some(self.card.oldest_sample_at());
        }
        let result = {
            let room = &mut self.card.bytes[self.filled..];
            self.card.pcm.io_bytes().readi(room)
        };
        match result {
            Ok(frames) => {
                self.card.note_progress(frames);
                self.filled += frames * self.card.frame_bytes();
            }
            Err(error) => {
                self.filled = 0;
                if self.card.recover(&error)? {
                    self.card.pcm.start().map_err(|error| self.card.failed(&error))?;
                }
                return Ok(None);
            }
        }
        if self.filled < self.card.bytes.len() {
            return Ok(None);
        }
        self.filled = 0;
        self.card.pacer.pace();
        self.card.layout.read_block(&self.card.bytes, &mut self.downmix, block);
        Ok(self.captured_at)
    }
}

/// A card's speaker.
pub(super) struct AlsaSpeaker {
    card: OpenCard,
    /// Whether silence must be put before the next block, so that the card starts with a full buffer.
    starting: bool,
}

impl AlsaSpeaker {
    /// # Errors
    /// A sentence for the installer.
    pub(super) fn open(name: &str, shared: &Arc<Shared>) -> Result<Self, DeviceError> {
        let card = OpenCard::open(name, Direction::Playback, PLAYBACK_PERIODS, shared)?;
        Ok(Self { card, starting: true })
    }

    /// Gives the card the block in `card.bytes`, without waiting longer than a few periods.
    fn write_bytes(&mut self) -> Result<(), DeviceError> {
        let mut written = 0;
        while written < self.card.bytes.len() {
            let result = self.card.pcm.io_bytes().writei(&self.card.bytes[written..]);
            match result {
                Ok(frames) => {
                    self.card.note_progress(frames);
                    written += frames * self.card.frame_bytes();
                }
                Err(error) => {
                    if self.card.recover(&error)? {
                        self.starting = true;
                        return Ok(());
                    }
                    // It had room and has none: rather lose the rest of this block than wait for the card.
                    if !self.card.wait()? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

impl Speaker for AlsaSpeaker {
    fn wait(&mut self) -> Result<bool, DeviceError> {
        if self.starting {
            // A card that does not run yet has room.
            return Ok(true);
        }
        self.card.wait()
    }

    fn write(&mut self, block: &Block) -> Result<(), DeviceError> {
        if self.starting {
            self.starting = false;
            self.card.layout.write_block(&[0.0; BLOCK], &mut self.card.bytes);
            for _ in 1..PLAYBACK_PERIODS {
                self.write_bytes()?;
            }
        }
        self.card.layout.write_block(block, &mut self.card.bytes);
        self.write_bytes()?;
        if self.card.pcm.state() == State::Prepared && !self.starting {
            self.card.pcm.start().map_err(|error| self.card.failed(&error))?;
        }
        self.card.pacer.pace();
        Ok(())
    }
}

/// What both directions share.
struct OpenCard {
    pcm: PCM,
    name: String,
    direction: Direction,
    layout: Layout,
    /// One block in the card's layout.
    bytes: Vec<u8>,
    pacer: Pacer,
    last_progress: Instant,
    faults: u32,
    shared: Arc<Shared>,
}

impl OpenCard {
    /// Opens what the name stands for, or tells why the likeliest of it does not work.
    fn open(name: &str, direction: Direction, periods: Frames, shared: &Arc<Shared>) -> Result<Self, DeviceError> {
        // libasound writes its troubles to stderr unless it is given a place; this one is the thread's own.
        let messages = alsa::Output::local_error_handler();
        let mut first = None;
        let mut opened = None;
        for candidate in default_card::candidates(name, direction, cards) {
            match open_and_negotiate(&candidate, direction, periods) {
                Ok((pcm, layout)) => {
                    opened = Some((candidate, pcm, layout));
                    break;
                }
                Err(refusal) => {
                    first.get_or_insert((candidate, refusal));
                }
            }
        }
        if let Ok(messages) = messages {
            let text = messages.borrow().to_string();
            if !text.is_empty() {
                tracing::debug!(pcm = name, text = text.trim_end(), "libasound says");
            }
        }
        let Some((name, pcm, layout)) = opened else {
            let no_such = || Refusal::of(alsa::Error::new("snd_pcm_open", libc::ENOENT));
            let (name, refusal) = first.unwrap_or_else(|| (name.to_owned(), no_such()));
            return Err(remedy(&name, direction, refusal));
        };
        tracing::debug!(pcm = name, ?direction, ?layout, "sound card opened");
        Ok(Self {
            pcm,
            name,
            direction,
            bytes: vec![0; BLOCK * layout.frame_bytes()],
            layout,
            pacer: Pacer::new(),
            last_progress: Instant::now(),
            faults: 0,
            shared: shared.clone(),
        })
    }

    fn frame_bytes(&self) -> usize {
        self.layout.frame_bytes()
    }

    /// Waits until the card has or wants sound, at most for [`POLL`].
    fn wait(&mut self) -> Result<bool, DeviceError> {
        match self.pcm.wait(Some(POLL.as_millis() as u32)) {
            Ok(true) => Ok(true),
            Ok(false) if self.last_progress.elapsed() > STALLED => Err(DeviceError(format!(
                "the sound card behind '{}' stands still; unplug it and plug it in again if it does not come back",
                self.name
            ))),
            Ok(false) => Ok(false),
            // Reading or writing meets the same error and recovers from it.
            Err(_) => {
                thread::sleep(BREATH);
                Ok(true)
            }
        }
    }

    fn note_progress(&mut self, frames: usize) {
        if frames == 0 {
            thread::sleep(BREATH);
            return;
        }
        self.last_progress = Instant::now();
        self.faults = 0;
    }

    /// Deals with an error; returns whether the card must be started again.
    fn recover(&mut self, error: &alsa::Error) -> Result<bool, DeviceError> {
        let fault = classify(error.errno());
        self.faults += 1;
        if self.faults > MAX_FAULTS {
            return Err(self.failed(error));
        }
        match fault {
            Fault::NotReady => {
                self.faults -= 1;
                if self.last_progress.elapsed() > STALLED {
                    return Err(self.failed(error));
                }
                Ok(false)
            }
            Fault::Xrun => {
                let counter = match self.direction {
                    Direction::Capture => &self.shared.capture_xruns,
                    Direction::Playback => &self.shared.playback_xruns,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                self.prepare()
            }
            Fault::Suspended => match self.pcm.resume() {
                Ok(()) => Ok(false),
                Err(error) if classify(error.errno()) == Fault::NotReady => {
                    thread::sleep(POLL);
                    Ok(false)
                }
                Err(_) => self.prepare(),
            },
            Fault::Gone | Fault::Other => Err(self.failed(error)),
        }
    }

    fn prepare(&self) -> Result<bool, DeviceError> {
        match self.pcm.prepare() {
            Ok(()) => Ok(true),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &alsa::Error) -> DeviceError {
        remedy(&self.name, self.direction, Refusal::of(*error))
    }

    /// When the oldest sample that waits in the card was captured, from the card's own timestamp where it has one.
    fn oldest_sample_at(&self) -> Instant {
        let now = Instant::now();
        let Ok(status) = self.pcm.status() else {
            return now;
        };
        let waiting =
            Duration::from_micros(status.get_avail().clamp(0, 48_000) as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
        let stamp = status.get_htstamp();
        let age = u64::try_from(stamp.tv_sec)
            .ok()
            .zip(u32::try_from(stamp.tv_nsec).ok().filter(|ns| *ns < 1_000_000_000))
            .and_then(|(s, ns)| UNIX_EPOCH.checked_add(Duration::new(s, ns)))
            .and_then(|stamp| SystemTime::now().duration_since(stamp).ok())
            .filter(|age| *age < MAX_AGE)
            .unwrap_or_default();
        now.checked_sub(waiting + age).unwrap_or(now)
    }
}

impl Drop for OpenCard {
    fn drop(&mut self) {
        // Closing would otherwise wait until everything is played.
        let _ = self.pcm.drop();
    }
}

/// How samples lie in the card's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    float: bool,
    channels: usize,
}

impl Layout {
    fn frame_bytes(self) -> usize {
        self.channels * if self.float { 4 } else { 2 }
    }

    fn read_block(self, bytes: &[u8], downmix: &mut Downmix, block: &mut Block) {
        if self.float {
            let (samples, _) = bytes.as_chunks::<4>();
            let sample = |channel, frame| f32::from_ne_bytes(samples[frame * self.channels + channel]);
            downmix.mix(self.channels, sample, block);
        } else {
            let (samples, _) = bytes.as_chunks::<2>();
            let sample =
                |channel, frame| f32::from(i16::from_ne_bytes(samples[frame * self.channels + channel])) / 32_768.0;
            downmix.mix(self.channels, sample, block);
        }
    }

    fn write_block(self, block: &Block, bytes: &mut [u8]) {
        for (sample, frame) in block.iter().zip(bytes.chunks_exact_mut(self.frame_bytes())) {
            if self.float {
                frame.as_chunks_mut::<4>().0.fill(sample.to_ne_bytes());
            } else {
                frame.as_chunks_mut::<2>().0.fill(to_i16(*sample).to_ne_bytes());
            }
        }
    }
}

/// Opens the PCM as it is, or through `plug` when it cannot do 48 kHz with samples that are known here.
fn open_and_negotiate(name: &str, direction: Direction, periods: Frames) -> Result<(PCM, Layout), Refusal> {
    let pcm = open_pcm(name, direction).map_err(Refusal::of)?;
    let refusal = match negotiate(&pcm, direction, periods) {
        Ok(layout) => return Ok((pcm, layout)),
        Err(error) => error,
    };
    drop(pcm);
    let wants_iec958 = direction == Direction::Playback && wants_iec958(name);
    if wants_iec958 && let Some(encoding) = iec958_name(name) {
        let pcm = open_pcm(&encoding, direction).map_err(Refusal::of)?;
        let layout = negotiate(&pcm, direction, periods).map_err(|error| Refusal { error, wants_iec958 })?;
        return Ok((pcm, layout));
    }
    let refusal = Refusal { error: refusal, wants_iec958 };
    let converting = open_pcm(&format!("plug:'{name}'"), direction).map_err(|_| refusal)?;
    let layout = negotiate(&converting, direction, periods).map_err(|_| refusal)?;
    Ok((converting, layout))
}

/// Whether the card takes nothing but frames of a digital cable, as a Raspberry Pi's HDMI does. `plug` can't make them.
fn wants_iec958(name: &str) -> bool {
    let Ok(pcm) = open_pcm(name.strip_prefix("plug").unwrap_or(name), Direction::Playback) else {
        return false;
    };
    HwParams::any(&pcm).is_ok_and(|hardware| {
        let takes = |format| hardware.test_format(format).is_ok();
        takes(Format::IEC958SubframeLE) && !takes(Format::s16()) && !takes(Format::float())
    })
}

/// The name by which ALSA opens the same card and encodes for it: `plughw:CARD=X,DEV=0` is `sysdefault:CARD=X`.
fn iec958_name(name: &str) -> Option<String> {
    let (_, card) = name.split_once("CARD=")?;
    let card = card.split(',').next()?;
    Some(format!("sysdefault:CARD={card}"))
}

fn open_pcm(name: &str, direction: Direction) -> alsa::Result<PCM> {
    let name = std::ffi::CString::new(name).map_err(|_| alsa::Error::new("snd_pcm_open", libc::ENOENT))?;
    PCM::open(&name, direction, true)
}

fn negotiate(pcm: &PCM, direction: Direction, periods: Frames) -> alsa::Result<Layout> {
    let period = BLOCK as Frames;

    let hardware = HwParams::any(pcm)?;
    hardware.set_access(Access::RWInterleaved)?;
    let float = hardware.set_format(Format::s16()).is_err();
    if float {
        hardware.set_format(Format::float())?;
    }
    hardware.set_rate(SAMPLE_RATE, ValueOr::Nearest)?;
    let channels = hardware.set_channels_near(1)?;
    if channels as usize > MAX_CHANNELS {
        return Err(alsa::Error::unsupported("snd_pcm_hw_params_set_channels"));
    }
    hardware.set_period_size_near(period, ValueOr::Nearest)?;
    hardware.set_buffer_size_near(period * periods)?;
    pcm.hw_params(&hardware)?;

    let software = pcm.sw_params_current()?;
    let mut wake_at = period;
    if direction == Direction::Playback {
        // Whatever buffer the card insists on, no more than these periods wait in it.
        wake_at = (hardware.get_buffer_size()? - (periods - 1) * period).max(period);
        // Started by hand, once the buffer is full.
        software.set_start_threshold(software.get_boundary()?)?;
    }
    software.set_avail_min(wake_at)?;
    software.set_tstamp_mode(true)?;
    // The clock that `SystemTime` reads, so that an age can be told without unsafe calls.
    let _ = software.set_tstamp_type(TstampType::Gettimeofday);
    pcm.sw_params(&software)?;
    Ok(Layout { float, channels: channels as usize })
}

#[cfg(test)]
#[path = "alsa_io_tests.rs"]
mod tests;
