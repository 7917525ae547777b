//! What is counted and measured, by its Prometheus name.

use std::time::Duration;

use doorway_core::UnlockOutcome;
use doorway_proto::state::{Activity, Health};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::status::{MediaTotals, Status};
use crate::video::EncoderKind;

const PRESSES: &str = "doorway_presses_total";
const RINGS: &str = "doorway_rings_total";
const RECEIPTS: &str = "doorway_ring_receipts_total";
const CALLS: &str = "doorway_calls_total";
const UNLOCKS: &str = "doorway_unlocks_total";
const PRESS_TO_RING: &str = "doorway_press_to_ring_seconds";
const PRESS_TO_RECEIPT: &str = "doorway_press_to_receipt_seconds";
const PRESS_TO_CONNECTED: &str = "doorway_press_to_connected_seconds";
const RING_TO_ANSWER: &str = "doorway_ring_to_answer_seconds";
const PRESS_TO_PICTURE: &str = "doorway_press_to_picture_seconds";
const ANSWER_TO_SOUND: &str = "doorway_answer_to_sound_seconds";
const CALL_DURATION: &str = "doorway_call_duration_seconds";
const FRAMES: &str = "doorway_video_frames_total";
const DROPPED: &str = "doorway_video_dropped_total";
const MISSED: &str = "doorway_video_missed_total";
const XRUNS: &str = "doorway_sound_xruns_total";
const RECEIVED: &str = "doorway_sound_received_total";
const CONCEALED: &str = "doorway_sound_concealed_samples_total";
const PEERS: &str = "doorway_peers";

/// Upper bounds of a stage's latency, in seconds.
const STAGES: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0];
/// Upper bounds of what people take their time for, in seconds.
const PEOPLE: [f64; 8] = [1.0, 5.0, 15.0, 30.0, 60.0, 180.0, 600.0, 3600.0];

/// Installs the recorder for the process.
///
/// # Errors
/// When one is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for name in [PRESS_TO_RING, PRESS_TO_RECEIPT, PRESS_TO_CONNECTED, PRESS_TO_PICTURE, ANSWER_TO_SOUND] {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), &STAGES)?;
    }
    for name in [RING_TO_ANSWER, CALL_DURATION] {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), &PEOPLE)?;
    }
    let handle = builder.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!(PRESSES, "presses that passed the filter");
    describe_counter!(RINGS, "ring messages handed to the companion");
    describe_counter!(RECEIPTS, "clients that confirmed that they ring");
    describe_counter!(CALLS, "calls that are over, by outcome");
    describe_counter!(UNLOCKS, "requests for a door, by outcome");
    describe_histogram!(PRESS_TO_RING, "from the contact to the ring message");
    describe_histogram!(PRESS_TO_RECEIPT, "from the contact to the first client's receipt");
    describe_histogram!(PRESS_TO_CONNECTED, "from the contact to a client's media connection");
    describe_histogram!(PRESS_TO_PICTURE, "from the contact to the first picture that is sent");
    describe_histogram!(ANSWER_TO_SOUND, "from the answer to the first sound of the one who answered");
    describe_histogram!(RING_TO_ANSWER, "from the ring to the answer");
    describe_histogram!(CALL_DURATION, "from a call's start to its end");
    describe_gauge!(PEERS, "media connections");
    describe_counter!(FRAMES, "pictures handed on");
    describe_counter!(DROPPED, "pictures dropped");
    describe_counter!(MISSED, "pictures that the camera's driver counted and did not deliver");
    describe_gauge!("doorway_video_bitrate_bps", "what the encoder was told to take");
    describe_gauge!("doorway_video_encoder", "1 for the encoder at work");
    describe_counter!(XRUNS, "buffers that ran over or dry");
    describe_counter!(RECEIVED, "sound packets received");
    describe_counter!(CONCEALED, "samples invented in place of lost ones");
    describe_gauge!("doorway_info", "1, with what runs here in its labels");
    describe_gauge!("doorway_in_call", "1 while somebody talks with the visitor");
    describe_gauge!("doorway_companion_connected", "1 while the companion is within reach");
    describe_gauge!("doorway_clients", "clients in the station's room");
    describe_gauge!("doorway_device_working", "1 while the device works or is not needed");
    describe_gauge!("doorway_resident_bytes", "resident memory");
    describe_gauge!("doorway_threads", "threads of the process");
    describe_gauge!("doorway_handles", "open file handles of the process");
}

/// A press passed the filter.
pub fn press() {
    counter!(PRESSES).increment(1);
}

/// A ring message went to the companion, so long after the contact closed.
pub fn ring(after: Duration) {
    counter!(RINGS).increment(1);
    histogram!(PRESS_TO_RING).record(after);
}

/// A client confirmed that it rings.
pub fn receipts() {
    counter!(RECEIPTS).increment(1);
}

/// The first client confirmed that it rings.
pub fn receipt(after: Duration) {
    histogram!(PRESS_TO_RECEIPT).record(after);
}

/// A client's media connection is up.
pub fn peer_connected(after: Duration) {
    histogram!(PRESS_TO_CONNECTED).record(after);
}

/// The first picture of a call is on its way.
pub fn first_picture(after: Duration) {
    histogram!(PRESS_TO_PICTURE).record(after);
}

/// The first sound of the one who answered is here.
pub fn first_sound(after: Duration) {
    histogram!(ANSWER_TO_SOUND).record(after);
}

/// Camera and sound so far, those that are closed included.
pub fn media(totals: &MediaTotals) {
    counter!(FRAMES).absolute(totals.frames);
    counter!(DROPPED).absolute(totals.dropped);
    counter!(MISSED).absolute(totals.missed);
    counter!(XRUNS, "direction" => "capture").absolute(totals.capture_xruns);
    counter!(XRUNS, "direction" => "playback").absolute(totals.playback_xruns);
    counter!(RECEIVED).absolute(totals.received);
    counter!(CONCEALED).absolute(totals.concealed);
}

/// Somebody answered.
pub fn answered(after: Duration) {
    histogram!(RING_TO_ANSWER).record(after);
}

/// A call is over.
pub fn call_ended(outcome: &'static str, lasted: Duration) {
    counter!(CALLS, "outcome" => outcome).increment(1);
    histogram!(CALL_DURATION).record(lasted);
}

/// Somebody wanted a door open.
pub fn unlock(outcome: &UnlockOutcome) {
    let outcome = match outcome {
        UnlockOutcome::Opened { .. } => "opened",
        UnlockOutcome::Refused(_) => "refused",
        UnlockOutcome::Failed { .. } => "failed",
    };
    counter!(UNLOCKS, "outcome" => outcome).increment(1);
}

/// How many media connections there are.
pub fn peers(count: usize) {
    gauge!(PEERS).set(count as f64);
}

/// What is read off the status rather than counted as it happens.
pub fn state(status: &Status) {
    gauge!("doorway_video_bitrate_bps").set(f64::from(status.video.bitrate_bps));
    for encoder in EncoderKind::ALL {
        let at_work = status.video.encoder.as_deref() == Some(encoder.element());
        gauge!("doorway_video_encoder", "name" => encoder.element()).set(f64::from(u8::from(at_work)));
    }
    let image = status.image_version.clone().unwrap_or_default();
    let slot = status.slot.clone().unwrap_or_default();
    // Labels that change would be another sample beside the first.
    if status.image_version.is_none() || !slot.is_empty() || status.update.able {
        gauge!("doorway_info", "version" => status.version, "image" => image, "slot" => slot).set(1.0);
    }
    gauge!("doorway_in_call").set(f64::from(u8::from(status.activity == Activity::InCall)));
    gauge!("doorway_companion_connected").set(f64::from(u8::from(status.companion.connected)));
    gauge!("doorway_clients").set(status.companion.clients as f64);
    let media = &status.media;
    for (device, health) in [("camera", &media.camera), ("microphone", &media.microphone), ("speaker", &media.speaker)]
    {
        let working = !matches!(health, Health::Missing { .. });
        gauge!("doorway_device_working", "device" => device).set(f64::from(u8::from(working)));
    }
    gauge!("doorway_resident_bytes").set(status.resources.rss_kb as f64 * 1024.0);
    gauge!("doorway_threads").set(status.resources.threads as f64);
    gauge!("doorway_handles").set(status.resources.handles as f64);
    gauge!(PEERS).set(status.resources.peers as f64);
}
