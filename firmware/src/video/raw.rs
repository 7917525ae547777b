//! Feeds uncompressed frames into a pipeline: one copy into a buffer that is used again, stamped with its capture time.

use std::time::{Duration, Instant};

use super::encoder::Frame;
use super::gst;
use super::gst::prelude::*;
use super::negotiate::{FrameLayout, Pixels};

/// Buffers that may wait or be at work in the encoder. When all are taken, a frame is dropped.
const BUFFERS: u32 = 8;

pub(super) struct RawInput {
    source: gst::app::AppSrc,
    epoch: Instant,
    period: Duration,
    last_pts: Option<gst::ClockTime>,
    rate: u32,
    pool: Option<Pool>,
}

struct Pool {
    layout: FrameLayout,
    info: gst::video::VideoInfo,
    buffers: gst::BufferPool,
}

impl RawInput {
    /// Timestamps count from `epoch`.
    pub(super) fn new(epoch: Instant, rate: u32) -> Self {
        let source = gst::app::AppSrc::builder()
            .format(gst::Format::Time)
            .is_live(true)
            .do_timestamp(false)
            // One frame may wait behind the one that is encoded; a newer one takes its place.
            .max_buffers(1)
            .max_bytes(0)
            .leaky_type(gst::app::AppLeakyType::Downstream)
            .build();
        let period = Duration::from_secs(1) / rate.max(1);
        Self { source, epoch, period, last_pts: None, rate, pool: None }
    }

    pub(super) fn element(&self) -> &gst::Element {
        self.source.upcast_ref()
    }

    /// Returns how many frames were dropped: this one for want of a buffer, or the one that waited.
    pub(super) fn push(&mut self, frame: Frame<'_>, captured_at: Instant) -> Result<u32, String> {
        let pts = self.stamp(captured_at);
        let waiting = u32::from(self.source.current_level_buffers() > 0);
        match frame {
            Frame::Memory { bytes, layout } => {
                self.use_layout(layout)?;
                let Some(pool) = &self.pool else {
                    return Err("it has no buffers".to_owned());
                };
                let params = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
                let Ok(mut buffer) = pool.buffers.acquire_buffer(Some(&params)) else {
                    return Ok(1);
                };
                let writable = buffer.get_mut().ok_or("its buffer is in use")?;
                writable.set_pts(pts);
                writable.set_duration(clock_time(self.period));
                let mut memory = writable.map_writable().map_err(|error| error.to_string())?;
                copy_frame(bytes, &layout, memory.as_mut_slice(), &pool.info).ok_or("a frame was too short")?;
                drop(memory);
                self.source.push_buffer(buffer).map_err(|error| error.to_string())?;
            }
            Frame::Sample(sample) => {
                // The pool describes frames of another source.
                self.pool = None;
                let mut buffer = sample.buffer_owned().ok_or("a frame was empty")?;
                let writable = buffer.make_mut();
                writable.set_pts(pts);
                writable.set_dts(None);
                writable.set_duration(clock_time(self.period));
                if self.source.caps().as_deref() != sample.caps() {
                    self.source.set_caps(sample.caps_owned().as_ref());
                }
                self.source.push_buffer(buffer).map_err(|error| error.to_string())?;
            }
        }
        Ok(waiting)
    }

    /// Encoders need rising timestamps; kernels sometimes repeat one.
    fn stamp(&mut self, captured_at: Instant) -> gst::ClockTime {
        let mut pts = clock_time(captured_at.saturating_duration_since(self.epoch));
        if let Some(last) = self.last_pts {
            pts = pts.max(last + gst::ClockTime::MSECOND);
        }
        self.last_pts = Some(pts);
        pts
    }

    fn use_layout(&mut self, layout: FrameLayout) -> Result<(), String> {
        if self.pool.as_ref().is_some_and(|pool| pool.layout == layout) {
            return Ok(());
        }
        self.pool = None;
        let format = match layout.pixels {
            Pixels::I420 => gst::video::VideoFormat::I420,
            Pixels::Nv12 => gst::video::VideoFormat::Nv12,
            Pixels::Yuyv => gst::video::VideoFormat::Yuy2,
            Pixels::Uyvy => gst::video::VideoFormat::Uyvy,
            Pixels::H264 | Pixels::Mjpeg => {
                return Err("compressed frames need no buffers".to_owned());
            }
        };
        let colorimetry = gst::video::VideoColorimetry::new(
            gst::video::VideoColorRange::Range16_235,
            gst::video::VideoColorMatrix::Bt601,
            gst::video::VideoTransferFunction::Bt601,
            gst::video::VideoColorPrimaries::Smpte170m,
        );
        let info = gst::video::VideoInfo::builder(format, layout.width, layout.height)
            .fps(gst::Fraction::new(self.rate as i32, 1))
            .colorimetry(&colorimetry)
            .build()
            .map_err(|error| error.to_string())?;
        let caps = info.to_caps().map_err(|error| error.to_string())?;
        let buffers = gst::BufferPool::new();
        let mut config = buffers.config();
        config.set_params(Some(&caps), info.size() as u32, 0, BUFFERS);
        buffers.set_config(config).map_err(|error| error.to_string())?;
        buffers.set_active(true).map_err(|error| error.to_string())?;
        self.source.set_caps(Some(&caps));
        self.pool = Some(Pool { layout, info, buffers });
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.buffers.set_active(false);
    }
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1))
}

/// Copies a frame line by line, or as a whole where both sides lie alike. `None` when a side is too short.
fn copy_frame(from: &[u8], layout: &FrameLayout, to: &mut [u8], info: &gst::video::VideoInfo) -> Option<()> {
    for (index, plane) in layout.planes().iter().enumerate() {
        let to_stride = usize::try_from(*info.stride().get(index)?).ok()?;
        let to_offset = *info.offset().get(index)?;
        if to_stride == plane.stride {
            let length = plane.stride * (plane.lines - 1) + plane.line;
            let target = to.get_mut(to_offset..to_offset + length)?;
            target.copy_from_slice(from.get(plane.offset..plane.offset + length)?);
            continue;
        }
        for line in 0..plane.lines {
            let (source, target) = (plane.offset + line * plane.stride, to_offset + line * to_stride);
            let target = to.get_mut(target..target + plane.line)?;
            target.copy_from_slice(from.get(source..source + plane.line)?);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_between_lines_is_left_out_and_short_frames_are_refused() {
        let layout = FrameLayout::new(Pixels::I420, 8, 4, 16).expect("sound");
        let frame: Vec<u8> = (0..layout.least_bytes()).map(|at| if at % 16 < 8 { 7 } else { 9 }).collect();
        gst::ready().expect("GStreamer starts");
        let info = gst::video::VideoInfo::builder(gst::video::VideoFormat::I420, 8, 4).build().expect("sound");
        let mut packed = vec![0; info.size()];
        copy_frame(&frame, &layout, &mut packed, &info).expect("long enough");
        assert!(packed[..32].iter().all(|&byte| byte == 7));
        assert!(copy_frame(&frame[..frame.len() - 1], &layout, &mut packed, &info).is_none());
    }
}
