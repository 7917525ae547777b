//! Video from source to access unit, with the encoders that are installed here.

use std::path::PathBuf;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorwayd::video::annexb::{NalKind, access_units, is_keyframe, nal_units};
use doorwayd::video::sps::Sps;
use doorwayd::video::{
    AccessUnit, CameraHealth, EncoderChoice, EncoderKind, Recording, V4l2Source, Video, VideoEvent, VideoSettings,
    VideoSource, live_pipelines, read_clock, warm_up,
};
use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc::{Receiver, channel};

/// Tests that count threads or time need the process to themselves.
static PROCESS: RwLock<()> = RwLock::new(());

fn together() -> RwLockReadGuard<'static, ()> {
    PROCESS.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    PROCESS.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

const PATIENCE: Duration = Duration::from_secs(20);

struct Watched {
    video: Video,
    events: Receiver<VideoEvent>,
}

impl Watched {
    fn start(settings: VideoSettings) -> Self {
        Self::with_room(settings, 64)
    }

    fn with_room(settings: VideoSettings, room: usize) -> Self {
        let (sender, events) = channel(room);
        Self { video: Video::start(settings, sender), events }
    }

    fn next(&mut self) -> VideoEvent {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(event) = self.events.try_recv() {
                return event;
            }
            assert!(Instant::now() < deadline, "no event within {PATIENCE:?}; {:?}", self.video.stats());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn next_unit(&mut self) -> AccessUnit {
        loop {
            match self.next() {
                VideoEvent::AccessUnit(unit) => return unit,
                VideoEvent::Health(_) | VideoEvent::Encoder { .. } => {}
            }
        }
    }

    fn units(&mut self, count: usize) -> Vec<AccessUnit> {
        (0..count).map(|_| self.next_unit()).collect()
    }

    fn next_health(&mut self) -> CameraHealth {
        loop {
            match self.next() {
                VideoEvent::Health(health) => return health,
                VideoEvent::AccessUnit(_) | VideoEvent::Encoder { .. } => {}
            }
        }
    }
}

fn test_picture(width: u32, height: u32, rate: u32) -> VideoSettings {
    VideoSettings { size: (width, height), rate, ..VideoSettings::default() }
}

fn with_encoder(settings: VideoSettings, name: &str) -> VideoSettings {
    VideoSettings { encoder: EncoderChoice::Named(EncoderKind::of_element(name).expect("a known encoder")), ..settings }
}

/// Decodes a byte stream into I420 pictures, each with its width.
fn decode(units: &[AccessUnit]) -> Vec<(usize, Vec<u8>)> {
    gst::init().expect("GStreamer starts");
    let description = "appsrc name=in caps=video/x-h264,stream-format=byte-stream,alignment=au format=time \
                       ! h264parse ! openh264dec ! video/x-raw,format=I420 ! appsink name=out sync=false";
    let pipeline = gst::parse::launch(description)
        .expect("openh264dec is installed (gstreamer1.0-plugins-bad)")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    pipeline.set_state(gst::State::Playing).expect("starts");
    let source = pipeline.by_name("in").expect("named").downcast::<gstreamer_app::AppSrc>().expect("an appsrc");
    let sink = pipeline.by_name("out").expect("named").downcast::<gstreamer_app::AppSink>().expect("an appsink");
    for (index, unit) in units.iter().enumerate() {
        let mut buffer = gst::Buffer::from_slice(unit.data.clone());
        buffer.get_mut().expect("not shared").set_pts(gst::ClockTime::from_mseconds(index as u64 * 33));
        source.push_buffer(buffer).expect("taken");
    }
    source.end_of_stream().expect("taken");
    let mut pictures = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let info = gstreamer_video::VideoInfo::from_caps(sample.caps().expect("caps")).expect("raw video");
        assert_eq!(info.stride()[0], info.width() as i32);
        let picture = sample.buffer().expect("a buffer").map_readable().expect("readable").to_vec();
        pictures.push((info.width() as usize, picture));
    }
    pipeline.set_state(gst::State::Null).expect("stops");
    pictures
}

/// The type of a slice, 0 to 4 (H.264 table 7-6): 1 is B.
fn slice_type(nal: &[u8]) -> u32 {
    let mut bits = nal[1..].iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)));
    let mut exp_golomb = || {
        let zeros = bits.by_ref().take_while(|&bit| bit == 0).count();
        bits.by_ref().take(zeros).fold(1, |value, bit| value << 1 | bit) - 1
    };
    let _first_macroblock = exp_golomb();
    exp_golomb() % 5
}

fn check_stream(units: &[AccessUnit]) {
    assert!(units[0].keyframe);
    for unit in units {
        let nals: Vec<_> = nal_units(&unit.data).collect();
        assert_eq!(is_keyframe(&unit.data), unit.keyframe);
        if unit.keyframe {
            assert_eq!(nals[0].kind, NalKind::Sps);
            assert_eq!(nals[1].kind, NalKind::Pps);
            let sps = Sps::parse(nals[0].bytes).expect("sound");
            assert_eq!(sps.profile_level_id(), doorway_engine::H264_PROFILE_LEVEL_ID);
        }
        for slice in nals.iter().filter(|nal| matches!(nal.kind, NalKind::Slice | NalKind::Idr)) {
            assert_ne!(slice_type(slice.bytes), 1, "a B slice");
        }
        assert_eq!(access_units(&unit.data).len(), 1);
    }
}

fn clock_survives(settings: VideoSettings) {
    let _guard = together();
    let mut watched = Watched::start(settings);
    let units = watched.units(20);
    drop(watched);
    check_stream(&units);
    let pictures = decode(&units);
    assert!(pictures.len() >= 18, "only {} pictures of 20 were decoded", pictures.len());
    for ((width, picture), unit) in pictures.iter().zip(&units) {
        let clock = read_clock(picture, *width, *width).expect("the clock is readable");
        let captured = SystemTime::now() - unit.captured_at.elapsed();
        let captured_ms = captured.duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64 & ((1 << 40) - 1);
        assert!(clock.abs_diff(captured_ms) <= 20, "clock {clock}, capture time {captured_ms}");
    }
}

#[test]
fn the_clock_survives_x264_at_180_lines_and_tells_the_capture_time() {
    clock_survives(with_encoder(test_picture(320, 180, 30), "x264enc"));
}

#[test]
fn the_clock_survives_x264_at_360_lines_and_tells_the_capture_time() {
    clock_survives(with_encoder(test_picture(640, 360, 30), "x264enc"));
}

#[test]
fn the_clock_survives_openh264_and_tells_the_capture_time() {
    clock_survives(with_encoder(test_picture(320, 180, 30), "openh264enc"));
}

#[test]
fn keyframes_come_on_demand_and_only_then() {
    let _guard = together();
    for encoder in ["x264enc", "openh264enc"] {
        let mut watched = Watched::start(with_encoder(test_picture(320, 180, 30), encoder));
        assert!(watched.next_unit().keyframe);
        assert!(watched.units(40).iter().all(|unit| !unit.keyframe), "{encoder} makes keyframes of its own accord");
        watched.video.request_keyframe();
        let waited = watched.units(30).iter().position(|unit| unit.keyframe);
        assert!(waited.is_some_and(|frames| frames < 10), "{encoder}: {waited:?}");
        watched.video.request_keyframe();
        let keyframe = std::iter::repeat_with(|| watched.next_unit()).find(|unit| unit.keyframe);
        check_stream(keyframe.as_slice());
    }
}

#[test]
fn a_lower_bitrate_takes_effect_while_frames_flow() {
    let _guard = together();
    for encoder in ["x264enc", "openh264enc"] {
        let mut watched = Watched::start(with_encoder(test_picture(640, 360, 30), encoder));
        let size = |units: Vec<AccessUnit>| units.iter().map(|unit| unit.data.len()).sum::<usize>();
        watched.units(10);
        let before = size(watched.units(30));
        watched.video.set_bitrate(1);
        assert_eq!(watched.video.stats().bitrate_bps, 100_000);
        watched.units(30);
        let after = size(watched.units(30));
        println!("{encoder}: {before} bytes in 30 frames, {after} after lowering the bitrate");
        assert!(after * 3 < before * 2, "{encoder}: {before} bytes before, {after} after");
    }
}

#[test]
fn a_full_queue_resumes_with_a_keyframe() {
    let _guard = together();
    let mut watched = Watched::with_room(test_picture(320, 180, 30), 4);
    let deadline = Instant::now() + PATIENCE;
    while watched.video.stats().dropped < 5 {
        assert!(Instant::now() < deadline, "nothing is dropped");
        std::thread::sleep(Duration::from_millis(10));
    }
    let queued: Vec<_> = std::iter::from_fn(|| watched.events.try_recv().ok()).collect();
    assert!(queued.len() <= 4);
    let mut unit = watched.next_unit();
    // One that was handed over while the queue was emptied may still belong to what came before.
    if !unit.keyframe {
        unit = watched.next_unit();
    }
    assert!(unit.keyframe, "pictures that cannot be decoded were handed over");
}

#[test]
fn a_missing_camera_is_told_and_a_card_keeps_the_call_alive() {
    let _guard = together();
    let device = PathBuf::from("/dev/no-such-camera");
    let source = VideoSource::V4l2(V4l2Source { device: Some(device), ..V4l2Source::default() });
    let mut watched = Watched::start(VideoSettings { source, ..test_picture(320, 180, 30) });
    match watched.next_health() {
        CameraHealth::Missing { reason } => {
            assert!(reason.contains("/dev/no-such-camera"), "{reason}")
        }
        other @ (CameraHealth::Working | CameraHealth::Absent) => panic!("{other:?}"),
    }
    let units = watched.units(6);
    check_stream(&units);
    assert!(!decode(&units).is_empty());
    let asked = Instant::now();
    watched.video.request_keyframe();
    while !watched.next_unit().keyframe {}
    println!("keyframe of the card {:?} after asking", asked.elapsed());
}

#[test]
fn no_camera_by_configuration_gives_no_pictures() {
    let _guard = together();
    let mut watched = Watched::start(VideoSettings { source: VideoSource::None, ..VideoSettings::default() });
    assert_eq!(watched.next_health(), CameraHealth::Absent);
    std::thread::sleep(Duration::from_millis(200));
    assert!(watched.events.try_recv().is_err());
    assert_eq!(watched.video.stats().frames, 0);
}

#[test]
fn a_recording_plays_in_a_loop_without_an_encoder() {
    let _guard = together();
    let mut recorded = Watched::start(test_picture(320, 180, 30));
    let units = recorded.units(8);
    drop(recorded);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("door.h264");
    std::fs::write(&path, units.iter().flat_map(|unit| unit.data.to_vec()).collect::<Vec<_>>()).expect("written");
    assert_eq!(Recording::open(&path).expect("playable").size(), (320, 180));

    let source = VideoSource::Recording { path };
    let mut watched = Watched::start(VideoSettings { source, ..test_picture(320, 180, 50) });
    let played = watched.units(20);
    check_stream(&played);
    assert_eq!(played[8].data, units[0].data);
    assert_eq!(played[15].data, units[7].data);
    assert!(played[19].captured_at - played[0].captured_at > Duration::from_millis(300), "not in real time");
    assert_eq!(watched.video.stats().encoder, None);

    let missing = VideoSource::Recording { path: "/no/such/recording.h264".into() };
    let mut watched = Watched::start(VideoSettings { source: missing, ..VideoSettings::default() });
    assert!(matches!(watched.next_health(), CameraHealth::Missing { reason } if reason.contains("recording.h264")));
}

#[test]
fn starting_and_stopping_leaves_no_thread_and_no_handle() {
    let _guard = alone();
    let count = |folder: &str| std::fs::read_dir(folder).expect("Linux").count();
    let once = || {
        let mut watched = Watched::start(test_picture(320, 180, 30));
        assert!(watched.next_unit().keyframe);
    };
    once();
    std::thread::sleep(Duration::from_millis(300));
    let before = (count("/proc/self/task"), count("/proc/self/fd"));
    for round in 0..50 {
        if round % 5 == 0 {
            // One that is stopped before it has begun.
            drop(Watched::start(test_picture(320, 180, 30)));
        }
        once();
    }
    let begin = Instant::now();
    loop {
        let after = (count("/proc/self/task"), count("/proc/self/fd"));
        let ours = thread_names().into_iter().any(|name| {
            name != "video_pipeline-" && ["appsrc", "pool", "video"].iter().any(|own| name.starts_with(own))
        });
        if after.0 <= before.0 && after.1 <= before.1 && !ours && live_pipelines() == 0 {
            println!("all gone after {:?}", begin.elapsed());
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "before {before:?}, after {after:?}: {:?}", thread_names());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn stopping_is_quick() {
    let _guard = alone();
    let mut watched = Watched::start(test_picture(640, 360, 30));
    watched.units(3);
    let begin = Instant::now();
    drop(watched);
    println!("stopped after {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(2));
}

/// Figures for people; a loaded machine must not fail here.
#[test]
fn timing_is_printed() {
    let _guard = alone();
    let begin = Instant::now();
    warm_up(&EncoderChoice::Auto);
    println!("warm-up: {:?}, now {} kB resident", begin.elapsed(), resident_kb());
    for (width, height) in [(320, 180), (640, 360), (1280, 720)] {
        let begin = Instant::now();
        let mut watched = Watched::start(test_picture(width, height, 30));
        let first = watched.next_unit();
        let to_first = begin.elapsed();
        let (cpu, start) = (cpu_ticks(), Instant::now());
        let units = watched.units(60);
        let worst = units.windows(2).map(|pair| pair[1].captured_at - pair[0].captured_at).max();
        println!(
            "{width}x{height}: first keyframe after {to_first:?} ({} bytes), {} ms CPU per frame, widest gap {worst:?}, \
             60 frames in {:?}, {} kB resident",
            first.data.len(),
            (cpu_ticks() - cpu) * 10 / 60,
            start.elapsed(),
            resident_kb(),
        );
    }
    println!("after dropping all: {} kB resident", resident_kb());
}

#[test]
#[ignore = "needs a V4L2 camera: run on a machine with /dev/video0"]
fn a_v4l2_camera_delivers_decodable_pictures() {
    let source = VideoSource::V4l2(V4l2Source::default());
    let mut watched = Watched::start(VideoSettings { source, ..test_picture(640, 360, 15) });
    assert_eq!(watched.next_health(), CameraHealth::Working);
    let units = watched.units(30);
    check_stream(&units);
    assert!(decode(&units).len() >= 25);
    assert!(units.iter().all(|unit| unit.captured_at <= Instant::now()));
}

#[test]
fn the_committed_corpus_is_split_without_a_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/annexb");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is committed") {
        let bytes = std::fs::read(entry.expect("readable").path()).expect("readable");
        for unit in access_units(&bytes) {
            is_keyframe(&bytes[unit]);
        }
        for nal in nal_units(&bytes) {
            let _ = Sps::parse(nal.bytes);
        }
        files += 1;
    }
    assert!(files >= 5, "{files} files");
}

fn thread_names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let name = |path: PathBuf| std::fs::read_to_string(path.join("comm")).unwrap_or_default();
    tasks.map(|task| name(task.path()).trim().to_owned()).collect()
}

fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name in brackets").split_whitespace().collect();
    fields[11].parse::<u64>().expect("ticks") + fields[12].parse::<u64>().expect("ticks")
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a figure");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}
