//! Decodes the JPEG pictures of cameras that are too slow without compression.

use std::time::Duration;

use super::gst::prelude::*;
use super::gst::{self, GstError, Running};

/// A picture takes a few milliseconds; one that takes this long is not going to come.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct JpegDecoder {
    source: gst::app::AppSrc,
    sink: gst::app::AppSink,
    running: Running,
}

impl JpegDecoder {
    pub(super) fn start(rate: u32) -> Result<Self, GstError> {
        gst::ready()?;
        let caps = gst::Caps::builder("image/jpeg").field("framerate", gst::Fraction::new(rate as i32, 1)).build();
        let source = gst::app::AppSrc::builder().caps(&caps).format(gst::Format::Time).is_live(true).build();
        let sink =
            gst::app::AppSink::builder().sync(false).async_(false).enable_last_sample(false).max_buffers(1).build();
        let decoder = gst::make("jpegdec")?;
        let running = Running::start("camera pictures", &[source.upcast_ref(), &decoder, sink.upcast_ref()])?;
        Ok(Self { source, sink, running })
    }

    /// The picture, or `None` when it is damaged.
    ///
    /// # Errors
    /// When the decoder has given up, and must be started afresh with its camera.
    pub(super) fn decode(&mut self, jpeg: &[u8]) -> Result<Option<gst::Sample>, GstError> {
        let mut buffer = gst::Buffer::from_slice(jpeg.to_vec());
        if let Some(writable) = buffer.get_mut() {
            writable.set_pts(gst::ClockTime::ZERO);
        }
        // What came too late for its own frame would put every later one a frame behind.
        while self.sink.try_pull_sample(gst::ClockTime::ZERO).is_some() {}
        self.source.push_buffer(buffer).map_err(|error| self.running.failed(error))?;
        let sample = self.sink.try_pull_sample(gst::ClockTime::from_mseconds(PATIENCE.as_millis() as u64));
        match (sample, self.running.fault()) {
            (Some(sample), _) => Ok(Some(sample)),
            (None, Some(fault)) => Err(self.running.failed(fault)),
            (None, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_picture_is_left_out_and_the_next_one_is_decoded() {
        let encoded = jpeg_picture();
        let mut decoder = JpegDecoder::start(30).expect("jpegdec is installed");
        assert!(decoder.decode(&encoded).expect("works").is_some());
        let mut damaged = encoded.clone();
        damaged.truncate(60);
        damaged.extend([0xff, 0xd9]);
        match decoder.decode(&damaged) {
            Ok(_) => assert!(decoder.decode(&encoded).expect("works").is_some()),
            Err(_) => {
                let mut fresh = JpegDecoder::start(30).expect("jpegdec is installed");
                assert!(fresh.decode(&encoded).expect("works").is_some());
            }
        }
    }

    fn jpeg_picture() -> Vec<u8> {
        gst::ready().expect("GStreamer starts");
        let pipeline = gst::parse::launch(
            "videotestsrc num-buffers=1 ! video/x-raw,width=160,height=96 ! jpegenc ! appsink name=out sync=false",
        )
        .expect("jpegenc is installed")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
        pipeline.set_state(gst::State::Playing).expect("starts");
        let sink = pipeline.by_name("out").expect("named").downcast::<gst::app::AppSink>().expect("an appsink");
        let sample = sink.pull_sample().expect("a picture");
        let bytes = sample.buffer().expect("a buffer").map_readable().expect("readable").to_vec();
        pipeline.set_state(gst::State::Null).expect("stops");
        bytes
    }
}
