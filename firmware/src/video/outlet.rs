//! Where finished access units leave for the event loop.
//!
//! The queue to the loop is bounded. When it is full the access unit is dropped, then every one until the next
//! keyframe, which is asked for at once: a decoder that misses one picture cannot use those that refer to it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::annexb::{self, NalKind};
use super::sps::{self, Sps, SpsError};
use super::{AccessUnit, CameraHealth, Shared, VideoEvent};

pub(super) struct Outlet {
    events: Sender<VideoEvent>,
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    stream: Stream,
    awaits_no_keyframe: bool,
    /// News that found the queue full. Only the latest of each kind is worth telling.
    unsent_health: Option<CameraHealth>,
    unsent_encoder: Option<VideoEvent>,
    told_health: Option<CameraHealth>,
}

impl Outlet {
    pub(super) fn new(events: Sender<VideoEvent>, shared: Arc<Shared>) -> Self {
        Self { events, shared, inner: Mutex::default() }
    }

    /// Hands over what an encoder or a camera made.
    ///
    /// # Errors
    /// When its parameter sets are not what browsers were promised; nothing is handed over then.
    pub(super) fn deliver(&self, data: &[u8], captured_at: Instant) -> Result<(), SpsError> {
        let mut inner = self.lock();
        let keyframe = annexb::is_keyframe(data);
        let data = if keyframe {
            let (data, sps) = inner.stream.keyframe(data)?;
            self.shared.set_size(sps.width, sps.height);
            data
        } else {
            Arc::from(data)
        };
        self.send(&mut inner, AccessUnit { data, captured_at, keyframe });
        Ok(())
    }

    /// Hands over an access unit that is known to be in order, without copying it.
    pub(super) fn deliver_prepared(&self, access_unit: AccessUnit) {
        self.send(&mut self.lock(), access_unit);
    }

    /// Tells whether there is a picture, unless that was told already.
    pub(super) fn tell_health(&self, health: CameraHealth) {
        let mut inner = self.lock();
        if inner.told_health.as_ref() != Some(&health) {
            inner.told_health = Some(health.clone());
            inner.unsent_health = Some(health);
        }
        self.flush(&mut inner);
    }

    /// Tells which encoder works from now on.
    pub(super) fn tell_encoder(&self, name: &str, hardware: bool) {
        self.shared.set_encoder(name);
        let mut inner = self.lock();
        inner.unsent_encoder = Some(VideoEvent::Encoder { name: name.to_owned(), hardware });
        self.flush(&mut inner);
    }

    /// Tells what the queue had no room for.
    pub(super) fn flush_news(&self) {
        self.flush(&mut self.lock());
    }

    /// Another source begins: nothing of the last one can be referred to.
    pub(super) fn begin_stream(&self) {
        let mut inner = self.lock();
        inner.awaits_no_keyframe = false;
        inner.stream = Stream::default();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }

    fn flush(&self, inner: &mut Inner) {
        if let Some(health) = inner.unsent_health.take()
            && let Err(TrySendError::Full(VideoEvent::Health(health))) =
                self.events.try_send(VideoEvent::Health(health))
        {
            inner.unsent_health = Some(health);
        }
        if let Some(encoder) = inner.unsent_encoder.take()
            && let Err(TrySendError::Full(encoder)) = self.events.try_send(encoder)
        {
            inner.unsent_encoder = Some(encoder);
        }
    }

    fn send(&self, inner: &mut Inner, access_unit: AccessUnit) {
        if access_unit.keyframe {
            inner.awaits_no_keyframe = true;
        }
        if !inner.awaits_no_keyframe {
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        }
        match self.events.try_send(VideoEvent::AccessUnit(access_unit)) {
            Ok(()) => {
                self.shared.frames.fetch_add(1, Relaxed);
            }
            Err(TrySendError::Full(_)) => {
                inner.awaits_no_keyframe = false;
                self.shared.dropped.fetch_add(1, Relaxed);
                self.shared.keyframe_wanted.store(true, Relaxed);
            }
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the parameter sets that browsers were promised in front of every keyframe.
#[derive(Default)]
pub(super) struct Stream {
    parameter_sets: Vec<u8>,
    sps: Option<Sps>,
}

impl Stream {
    /// The keyframe with its parameter sets: its own, or the last that came, as some encoders write them only once.
    ///
    /// Supplemental information and delimiters are left out: no browser needs them, and x264 signs its first frame
    /// with hundreds of bytes.
    pub(super) fn keyframe(&mut self, data: &[u8]) -> Result<(Arc<[u8]>, Sps), SpsError> {
        let mut parameter_sets = Vec::new();
        let mut pictures = Vec::with_capacity(data.len() + 64);
        for nal in annexb::nal_units(data) {
            match nal.kind {
                NalKind::Sps => {
                    let mut bytes = nal.bytes.to_vec();
                    self.sps = Some(sps::conform(&mut bytes)?);
                    annexb::append_nal(&mut parameter_sets, &bytes);
                }
                NalKind::Pps => annexb::append_nal(&mut parameter_sets, nal.bytes),
                NalKind::Sei | NalKind::Delimiter => {}
                NalKind::Slice | NalKind::Idr | NalKind::Other(_) => annexb::append_nal(&mut pictures, nal.bytes),
            }
        }
        if !parameter_sets.is_empty() {
            self.parameter_sets = parameter_sets;
        }
        let sps = self.sps.ok_or(SpsError::Damaged)?;
        pictures.splice(0..0, self.parameter_sets.iter().copied());
        Ok((pictures.into(), sps))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{IDR, P, PPS, SPS, stream};
    use super::*;
    use tokio::sync::mpsc::{Receiver, channel};

    fn outlet(room: usize) -> (Outlet, Receiver<VideoEvent>, Arc<Shared>) {
        let (sender, receiver) = channel(room);
        let shared = Arc::new(Shared::default());
        (Outlet::new(sender, shared.clone()), receiver, shared)
    }

    fn keyframes(receiver: &mut Receiver<VideoEvent>) -> Vec<bool> {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .filter_map(|event| match event {
                VideoEvent::AccessUnit(unit) => Some(unit.keyframe),
                VideoEvent::Health(_) | VideoEvent::Encoder { .. } => None,
            })
            .collect()
    }

    #[test]
    fn a_full_queue_drops_everything_until_the_next_keyframe_and_asks_for_it() {
        let (outlet, mut receiver, shared) = outlet(2);
        let (idr, p) = (stream(&[SPS, PPS, IDR]), stream(&[P]));
        for unit in [&p, &idr, &p, &p, &p] {
            outlet.deliver(unit, Instant::now()).expect("sound stream");
        }
        assert!(shared.keyframe_wanted.load(Relaxed));
        assert_eq!(keyframes(&mut receiver), [true, false]);
        for unit in [&p, &idr] {
            outlet.deliver(unit, Instant::now()).expect("sound stream");
        }
        assert_eq!(keyframes(&mut receiver), [true]);
        assert_eq!((shared.frames.load(Relaxed), shared.dropped.load(Relaxed)), (3, 4));
    }

    #[test]
    fn news_that_found_the_queue_full_is_told_later_and_once() {
        let (outlet, mut receiver, _) = outlet(1);
        outlet.deliver(&stream(&[SPS, PPS, IDR]), Instant::now()).expect("sound stream");
        outlet.tell_health(CameraHealth::Absent);
        outlet.tell_health(CameraHealth::Working);
        assert_eq!(keyframes(&mut receiver), [true]);
        outlet.flush_news();
        outlet.tell_health(CameraHealth::Working);
        assert_eq!(receiver.try_recv().ok(), Some(VideoEvent::Health(CameraHealth::Working)));
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn keyframes_without_parameter_sets_get_the_last_ones() {
        let mut cached = Stream::default();
        assert_eq!(cached.keyframe(&stream(&[IDR])), Err(SpsError::Damaged));
        let sei: &[u8] = &[6, 5, 1, 0x80];
        let (first, sps) = cached.keyframe(&stream(&[SPS, PPS, sei, IDR])).expect("complete");
        assert_eq!(sps.profile_level_id(), doorway_engine::H264_PROFILE_LEVEL_ID);
        let (second, _) = cached.keyframe(&stream(&[IDR])).expect("sets are known");
        assert_eq!(first, second);
    }
}
