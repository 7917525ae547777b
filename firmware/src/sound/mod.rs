//! Sound: the visitor's voice out, the household's voice and the chimes in.
//!
//! ```text
//! microphone ─▶ capture ─▶ voice: echo, noise, gain ─▶ Opus ─▶ SoundEvent::Packet
//!                            ▲ reference
//! speaker ◀──── playback ────┘ ◀─ decode ◀─ jitter buffer ◀─ PlaybackQueue
//! ```
//!
//! Three threads: `sound-capture` and `sound-playback`, which belong to the card and neither wait nor allocate, and
//! `sound-voice`, which may. With a card they are scheduled in real time where that is permitted. Everything is
//! 48 kHz mono in blocks of 10 ms.
//!
//! Every queue is bounded. From the cards' threads to `sound-voice` and from there to the event loop the newest is
//! dropped when it is full (old sound is worthless, and a full queue means that the reader stands still), and so it
//! is from the loop to the speaker; health is kept and sent again. Drops are counted in [`SoundStats`].

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Once};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use alsa::Direction;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::mpsc::Sender;

use crate::keep_running::keep_running;

use alsa_io::{AlsaMicrophone, AlsaSpeaker};
pub use chime::Chime;
use device::{DeviceError, Microphone, Speaker};
use playback::Incoming;
use playout::Payload;
pub use probe::{SoundCard, SoundPcm, SoundProbe, probe};
use processing::Enhancements;
pub use shared::{DeviceHealth, SoundStats};
use shared::{Shared, Side};
use test_io::{TestMicrophone, TestSpeaker};
use voice::VoiceInput;

mod alsa_io;
mod capture;
mod chime;
mod codec;
mod default_card;
mod device;
mod downmix;
mod jitter;
mod level;
mod pacer;
mod playback;
mod playout;
mod probe;
mod processing;
mod remedy;
mod shared;
mod stretch;
mod test_io;
mod tone;
mod transit;
mod voice;
mod wav;

/// Everything is done at this rate.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples per block: 10 ms.
const BLOCK: usize = 480;

/// The cards' threads run above ordinary work and below the kernel's own interrupt threads at 50.
const CARD_PRIORITY: u8 = 40;

/// The voice's thread must not wait for a busy encoder either, but never holds up a card.
const VOICE_PRIORITY: u8 = 30;

/// 10 ms of mono sound; full scale is 1.0.
type Block = [f32; BLOCK];

/// Where sound comes from and goes to.
#[derive(Debug, Clone, PartialEq)]
pub enum SoundSource {
    /// A sound card, by the names of its ALSA PCMs (`default`, `plughw:CARD=Device,DEV=0`).
    Alsa {
        /// The microphone's PCM.
        capture: String,
        /// The speaker's PCM.
        playback: String,
    },
    /// No card: the microphone hears a tone, the speaker may be recorded. Without voice processing, which would
    /// take the tone for noise.
    Test {
        /// The tone.
        tone_hz: f32,
        /// A WAV file for what the speaker plays, at most an hour of it; emptied when sound starts.
        record: Option<PathBuf>,
    },
    /// Neither microphone nor speaker.
    None,
}

/// How sound is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundSettings {
    /// Where sound comes from and goes to.
    pub source: SoundSource,
    /// Removes from the microphone's sound what the speaker plays.
    pub echo_cancellation: bool,
    /// Removes steady noise: wind, traffic.
    pub noise_suppression: bool,
    /// Brings quiet talkers up by at most 20 dB.
    pub automatic_gain: bool,
}

/// What sound tells the event loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundEvent {
    /// The visitor's voice, while talking.
    Packet(OpusPacket),
    /// Whether the devices work; sent once at the start and then when it changes.
    Health {
        /// The microphone.
        microphone: DeviceHealth,
        /// The speaker.
        speaker: DeviceHealth,
    },
}

/// 20 ms of the visitor's voice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpusPacket {
    /// The Opus packet.
    pub data: Arc<[u8]>,
    /// When it begins, in samples at 48 kHz since sound started; goes on over gaps in the capture.
    pub timestamp: u64,
    /// When its first sample was captured.
    pub captured_at: Instant,
}

/// A packet of the household's voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedPacket<'a> {
    /// The RTP sequence number, extended over its wraps.
    pub sequence: u64,
    /// The RTP timestamp at 48 kHz, extended or not.
    pub timestamp: u64,
    /// The Opus packet.
    pub data: &'a [u8],
    /// When it came out of the socket.
    pub arrived: Instant,
}

/// Why the microphone and the speaker can't work at the moment, as far as can be told without opening anything.
pub fn absence(source: &SoundSource) -> (Option<String>, Option<String>) {
    match source {
        SoundSource::Alsa { capture, playback } => {
            (remedy::no_card(capture, Direction::Capture), remedy::no_card(playback, Direction::Playback))
        }
        SoundSource::Test { .. } | SoundSource::None => (None, None),
    }
}

/// Running sound. Dropping it stops and joins its threads, which takes at most about 30 ms.
#[derive(Debug)]
pub struct Sound {
    shared: Arc<Shared>,
    queue: PlaybackQueue,
    threads: Vec<JoinHandle<()>>,
    conversations: u64,
}

impl Sound {
    /// Starts sound and returns at once; devices are opened on their own threads and looked for until they work.
    ///
    /// Nobody talks yet: see [`Sound::set_talking`].
    pub fn start(settings: SoundSettings, events: Sender<SoundEvent>) -> Self {
        let shared = Arc::new(Shared::new());
        let (packet_sender, packets) = sync_channel(playback::QUEUE);
        let mut sound = Self {
            queue: PlaybackQueue { sender: packet_sender, shared: shared.clone() },
            shared,
            threads: Vec::new(),
            conversations: 0,
        };
        let enhancements = Enhancements {
            echo_cancellation: settings.echo_cancellation,
            noise_suppression: settings.noise_suppression,
            automatic_gain: settings.automatic_gain,
        };
        match settings.source {
            SoundSource::None => {
                sound.shared.note_health(Side::Microphone, DeviceHealth::Absent);
                sound.shared.note_health(Side::Speaker, DeviceHealth::Absent);
                voice::send_health(&sound.shared, &events);
            }
            SoundSource::Test { tone_hz, record } => sound.spawn_all(
                events,
                false,
                Enhancements::NONE,
                packets,
                move || Ok(TestMicrophone::new(tone_hz)),
                move || TestSpeaker::new(record.as_deref()),
            ),
            SoundSource::Alsa { capture, playback } => {
                let (for_microphone, for_speaker) = (sound.shared.clone(), sound.shared.clone());
                let (mut microphone_asked, mut speaker_asked) = (false, false);
                sound.spawn_all(
                    events,
                    true,
                    enhancements,
                    packets,
                    move || {
                        ask_for_real_time(CARD_PRIORITY, &mut microphone_asked);
                        AlsaMicrophone::open(&capture, &for_microphone)
                    },
                    move || {
                        ask_for_real_time(CARD_PRIORITY, &mut speaker_asked);
                        AlsaSpeaker::open(&playback, &for_speaker)
                    },
                );
            }
        }
        sound
    }

    /// Where the household's packets go in. Clones lead to the same speaker.
    pub fn receiver(&self) -> PlaybackQueue {
        self.queue.clone()
    }

    /// Opens or shuts the gate between the visitor and the household.
    ///
    /// While shut, the visitor's voice is processed and encoded, so that the first packet after opening sounds
    /// right, but not delivered; packets of the household are ignored. Opening begins with an empty jitter
    /// buffer.
    pub fn set_talking(&mut self, talking: bool) {
        if talking == self.shared.conversation().is_some() {
            return;
        }
        if talking {
            self.conversations += 1;
        }
        self.shared.set_conversation(talking.then_some(self.conversations));
    }

    /// Plays a chime to the visitor in place of one that plays; the household does not hear it.
    pub fn play_chime(&self, chime: Chime) {
        self.shared.ask_for_chime(chime);
    }

    /// What sound does and did since it started.
    pub fn stats(&self) -> SoundStats {
        self.shared.stats()
    }

    fn spawn_all<M: Microphone, S: Speaker>(
        &mut self,
        events: Sender<SoundEvent>,
        real_time: bool,
        enhancements: Enhancements,
        packets: Receiver<Incoming>,
        mut open_microphone: impl FnMut() -> Result<M, DeviceError> + Send + 'static,
        mut open_speaker: impl FnMut() -> Result<S, DeviceError> + Send + 'static,
    ) {
        let (voice, inputs) = sync_channel::<VoiceInput>(voice::QUEUE);
        let shared = self.shared.clone();
        self.spawn("sound-voice", None, move || {
            if real_time {
                ask_for_real_time(VOICE_PRIORITY, &mut false);
            }
            voice::run(&shared, &inputs, enhancements, &events);
        });
        let (shared, to_voice) = (self.shared.clone(), voice.clone());
        self.spawn("sound-capture", Some(Side::Microphone), move || {
            capture::run(&shared, &to_voice, &mut open_microphone);
        });
        let shared = self.shared.clone();
        self.spawn("sound-playback", Some(Side::Speaker), move || {
            let wants_reference = enhancements.want_reference();
            playback::run(&shared, &packets, &voice, wants_reference, &mut open_speaker);
        });
    }

    /// A thread; `side` is the device that is missing while the thread has failed.
    fn spawn(&mut self, name: &'static str, side: Option<Side>, run: impl FnMut() + Send + 'static) {
        let shared = self.shared.clone();
        let failed = {
            let shared = self.shared.clone();
            move || {
                if let Some(side) = side {
                    let reason = "a sound thread failed; see the journal".to_owned();
                    shared.note_health(side, DeviceHealth::Missing { reason });
                }
            }
        };
        let thread = move || keep_running(name, || shared.is_stopping(), run, failed);
        match Builder::new().name(name.to_owned()).spawn(thread) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => tracing::error!(%error, name, "a sound thread could not be started"),
        }
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a sound thread panicked");
            }
        }
    }
}

/// Takes the household's packets in; holds up to 320 ms that the speaker did not fetch yet.
#[derive(Debug, Clone)]
pub struct PlaybackQueue {
    sender: SyncSender<Incoming>,
    shared: Arc<Shared>,
}

impl PlaybackQueue {
    /// Hands a packet over and never waits. Ignored while nobody talks or when sound has ended; counted as refused
    /// when it is no packet or the queue is full.
    pub fn push(&self, packet: ReceivedPacket<'_>) {
        let Some(conversation) = self.shared.conversation() else {
            return;
        };
        self.shared.received.fetch_add(1, Ordering::Relaxed);
        let sent = Payload::new(packet.data).is_some_and(|payload| {
            let incoming = Incoming {
                conversation,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                arrived: packet.arrived,
                payload,
            };
            self.sender.try_send(incoming).is_ok()
        });
        if !sent {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Makes the calling thread a real-time one, once; where that is not permitted it says so once per process.
fn ask_for_real_time(priority: u8, asked: &mut bool) {
    static DEVIATION: Once = Once::new();

    if std::mem::replace(asked, true) {
        return;
    }
    let priority = ThreadPriorityValue::try_from(priority).map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), priority, policy) {
        DEVIATION.call_once(|| {
            tracing::info!(
                %error,
                "sound threads run without real-time scheduling: expect xruns under load; LimitRTPRIO=50 in the unit permits it"
            );
        });
    }
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16
}
