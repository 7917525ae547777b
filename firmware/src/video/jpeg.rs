//! Decodes the JPEG pictures of cameras that are too slow without compression.

use super::gst::prelude::*;
use super::gst::{self, GstError, Running};

/// A decoder that works in the thread that hands it a picture: once that returns, the picture is there or never comes, so
/// nothing waits for one that the decoder gave up in silence.
pub(super) struct JpegDecoder {
    input: gst::Pad,
    sink: gst::app::AppSink,
    running: Running,
    ends: EndMarkers,
}

impl JpegDecoder {
    pub(super) fn start() -> Result<Self, GstError> {
        gst::ready()?;
        let sink = gst::app::AppSink::builder()
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            // Two pictures in one buffer: the later one is shown, and the thread never waits for room.
            .max_buffers(1)
            .drop(true)
            .build();
        let decoder = gst::make("jpegdec")?;
        if decoder.has_property("max-errors") {
            // Damaged pictures are counted by the supervisor, which opens the camera anew if they are all it gets.
            decoder.set_property("max-errors", -1);
        }
        let running = Running::start("camera pictures", &[&decoder, sink.upcast_ref()])?;
        let input = gst::Pad::builder(gst::PadDirection::Src).name("camera").build();
        let failed = |what: &str| running.failed(what);
        let decoder_input = decoder.static_pad("sink").ok_or_else(|| failed("jpegdec has no input"))?;
        input.set_active(true).map_err(|error| failed(&error.to_string()))?;
        input.link(&decoder_input).map_err(|error| failed(&error.to_string()))?;
        // With a rate in its caps the decoder takes each buffer for one picture, and looks for no other beginning in it.
        let caps = gst::Caps::builder("image/jpeg").field("framerate", gst::Fraction::new(30, 1)).build();
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        let begun = input.push_event(gst::event::StreamStart::new("camera"))
            && input.push_event(gst::event::Caps::new(&caps))
            && input.push_event(gst::event::Segment::new(&segment));
        if !begun {
            return Err(failed("jpegdec does not take JPEG"));
        }
        Ok(Self { input, sink, running, ends: EndMarkers::default() })
    }

    /// The picture, or `None` when it is damaged.
    ///
    /// # Errors
    /// When the decoder has given up, and must be started afresh with its camera.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Result<Option<gst::Sample>, GstError> {
        let Some(picture) = picture_in(bytes).filter(|picture| self.ends.accept(picture)) else {
            return Ok(None);
        };
        let mut buffer = gst::Buffer::from_slice(picture.to_vec());
        if let Some(writable) = buffer.get_mut() {
            writable.set_pts(gst::ClockTime::ZERO);
        }
        let pushed = self.input.push(buffer);
        let sample = self.sink.try_pull_sample(gst::ClockTime::ZERO);
        match (sample, pushed, self.running.fault()) {
            (Some(sample), _, _) => Ok(Some(sample)),
            (None, _, Some(fault)) => Err(self.running.failed(fault)),
            // An error that is not told on the bus is one picture's.
            (None, Ok(_) | Err(gst::FlowError::Error), None) => Ok(None),
            (None, Err(error), None) => Err(self.running.failed(error)),
        }
    }
}

impl Drop for JpegDecoder {
    fn drop(&mut self) {
        let _ = self.input.set_active(false);
    }
}

/// What is left of a buffer without what cameras put before a picture: zeros, or a second start marker.
fn picture_in(bytes: &[u8]) -> Option<&[u8]> {
    const START: [u8; 3] = [0xff, 0xd8, 0xff];
    let start = bytes.windows(4).position(|four| four.starts_with(&START) && four[3] != 0xd8)?;
    Some(&bytes[start..])
}

/// Whether a picture without an end marker was cut off on its way, or is what its camera always makes.
///
/// A picture that was cut decodes too, with grey for what is missing. So a missing marker counts as damage, unless more
/// than a quarter of the camera's pictures lack it.
#[derive(Debug, Default)]
struct EndMarkers {
    expected: i8,
}

impl EndMarkers {
    const RANGE: (i8, i8) = (-12, 12);

    fn accept(&mut self, picture: &[u8]) -> bool {
        if has_end_marker(picture) {
            self.expected = (self.expected + 1).min(Self::RANGE.1);
            return true;
        }
        let cut = self.expected > 0;
        self.expected = (self.expected - 3).max(Self::RANGE.0);
        !cut
    }
}

/// Behind the marker there may be anything: fill bytes, padding, what an earlier picture left in the buffer. One before the
/// last scan begins is that of a preview in the headers.
fn has_end_marker(picture: &[u8]) -> bool {
    const END: [u8; 2] = [0xff, 0xd9];
    const SCAN: [u8; 2] = [0xff, 0xda];
    picture.windows(2).rev().find(|two| *two == END || *two == SCAN).is_some_and(|last| last == END)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 160x96, and the decoder's answers to what is made of it.
    fn answers(make: impl Fn(&[u8]) -> Vec<u8>, count: usize) -> Vec<bool> {
        let good = jpeg_picture();
        let bad = make(&good);
        let mut decoder = JpegDecoder::start().expect("jpegdec is installed");
        let answers = (0..count).map(|_| decoder.decode(&bad).expect("goes on").is_some()).collect();
        let sample = decoder.decode(&good).expect("goes on").expect("the next good one is decoded");
        assert_eq!(size_of(&sample), (160, 96));
        answers
    }

    fn size_of(sample: &gst::Sample) -> (u32, u32) {
        let info = gst::video::VideoInfo::from_caps(sample.caps().expect("caps")).expect("raw video");
        (info.width(), info.height())
    }

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn pictures_that_cameras_end_or_begin_oddly_are_taken() {
        let without_end = |good: &[u8]| good[..good.len() - 2].to_vec();
        assert_eq!(answers(without_end, 5), [true; 5], "no end marker");
        assert_eq!(answers(|good| joined(&[good, &[0xff]]), 3), [true; 3], "a trailing FF");
        assert_eq!(answers(|good| joined(&[good, &[0x5a; 250]]), 3), [true; 3], "rubbish behind");
        assert_eq!(answers(|good| joined(&[good, &[0; 250]]), 3), [true; 3], "padding behind");
        assert_eq!(answers(|good| joined(&[&[0; 4], good]), 3), [true; 3], "zeros before");
        assert_eq!(answers(|good| joined(&[&[0xff, 0xd8], good]), 3), [true; 3], "two start markers");
    }

    /// More in a row than GStreamer's decoders bear by themselves.
    #[test]
    fn damaged_pictures_are_left_out_one_by_one_and_the_next_one_is_decoded() {
        let without_size = |good: &[u8]| {
            let mut bad = good.to_vec();
            let frame = bad.windows(2).position(|two| two == [0xff, 0xc0]).expect("baseline");
            bad[frame + 5..frame + 9].fill(0);
            bad
        };
        assert_eq!(answers(without_size, 30), [false; 30], "no size");
        assert_eq!(answers(|good| joined(&[&good[..60], &[0xff, 0xd9]]), 30), [false; 30], "headers only");
        assert_eq!(answers(|_| vec![0; 3000], 3), [false; 3], "zeros");
        assert_eq!(answers(|_| Vec::new(), 3), [false; 3], "nothing");
    }

    #[test]
    fn a_picture_that_was_cut_off_is_left_out_where_the_camera_ends_them_otherwise() {
        let whole: &[u8] = &[0xff, 0xd8, 0xff, 0xdb, 1, 2, 0xff, 0xd9];
        let cut = &whole[..6];
        let mut ends = EndMarkers::default();
        assert!(ends.accept(whole) && ends.accept(whole));
        assert!(!ends.accept(cut), "once");
        assert!((0..4).all(|_| ends.accept(whole)));
        let with_preview: &[u8] = &[0xff, 0xd8, 0xff, 0xda, 1, 0xff, 0xd9, 0xff, 0xda, 2];
        assert!(!ends.accept(with_preview), "the end of the preview is not that of the picture");
        let mut never = EndMarkers::default();
        assert!((0..5).all(|_| never.accept(cut)), "a camera that never ends a picture");
        let mut every_other = EndMarkers::default();
        let taken = (0..40).filter(|frame| every_other.accept(if frame % 2 == 0 { whole } else { cut })).count();
        assert!(taken >= 38, "{taken}");
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
