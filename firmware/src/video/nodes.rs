//! Which of a machine's V4L2 nodes may be its camera, and in which order to try them.
//!
//! A Raspberry Pi has some twenty nodes beside its camera's: codecs, an image processor, metadata, the receivers of bare
//! sensors. Some can only be told from a camera by trying: they open, and never deliver.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use v4l::device::Device;

use super::{ioctl, lock};

/// What the kernel calls nodes of image processors that say of themselves that they are cameras, and of codecs.
const PROCESSORS: [&str; 6] = ["bcm2835-isp", "bcm2835-codec", "pispbe", "rpivid", "rpi-hevc", "hantro"];

/// Nodes that were opened and delivered nothing are tried after the others, in later calls as well.
static SILENT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

// Of `linux/videodev2.h`; the `v4l` crate lacks some.
const VIDEO_CAPTURE: u32 = 0x0000_0001;
const VIDEO_OUTPUT: u32 = 0x0000_0002;
const VIDEO_OUTPUT_MPLANE: u32 = 0x0000_2000;
const VIDEO_M2M_MPLANE: u32 = 0x0000_4000;
const VIDEO_M2M: u32 = 0x0000_8000;
const STREAMING: u32 = 0x0400_0000;
const IO_MC: u32 = 0x2000_0000;

/// How likely a node is a camera that delivers when it is opened; the likeliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likelihood {
    Camera,
    /// A part of a pipeline that some program has to put together first.
    PartOfPipeline,
}

/// The nodes that may be a camera, those that need nothing else first, each kind in the order of its numbers.
pub(super) fn cameras() -> Vec<PathBuf> {
    let asked = numbers().into_iter().filter_map(|number| {
        let path = path_of(number);
        let name = device_name(&path).unwrap_or_default();
        let capabilities = Device::with_path(&path).and_then(|device| ioctl::capabilities(&device));
        let likelihood = likelihood(&name, capabilities.ok()?)?;
        Some((likelihood, path))
    });
    in_order(asked.collect(), &lock(&SILENT))
}

/// Whether there is a node that may be a camera, as far as can be told without opening any.
pub(super) fn any_by_name() -> bool {
    numbers().into_iter().any(|number| !device_name(&path_of(number)).is_some_and(|name| is_processor(&name)))
}

/// What the kernel calls a device, for people. Bytes that are no UTF-8 are replaced.
pub(super) fn device_name(path: &Path) -> Option<String> {
    let node = path.file_name()?.to_str()?;
    let name = std::fs::read(format!("/sys/class/video4linux/{node}/name")).ok()?;
    Some(readable(&name))
}

/// Notes that a node delivered nothing for as long as a camera may take.
pub(super) fn note_silent(path: &Path) {
    let mut silent = lock(&SILENT);
    silent.retain(|known| known != path);
    silent.push(path.to_owned());
}

/// Notes that a node delivers.
pub(super) fn note_delivering(path: &Path) {
    lock(&SILENT).retain(|known| known != path);
}

fn likelihood(name: &str, capabilities: u32) -> Option<Likelihood> {
    let has = |flag| capabilities & flag != 0;
    let also_takes = has(VIDEO_OUTPUT | VIDEO_OUTPUT_MPLANE | VIDEO_M2M | VIDEO_M2M_MPLANE);
    if !has(VIDEO_CAPTURE) || !has(STREAMING) || also_takes || is_processor(name) {
        return None;
    }
    Some(if has(IO_MC) { Likelihood::PartOfPipeline } else { Likelihood::Camera })
}

/// The longest silent one goes last, so that the others all have their turn first.
fn in_order(mut nodes: Vec<(Likelihood, PathBuf)>, silent: &[PathBuf]) -> Vec<PathBuf> {
    nodes.sort_by_key(|(likelihood, path)| (silent.iter().position(|known| known == path), *likelihood));
    nodes.into_iter().map(|(_, path)| path).collect()
}

fn is_processor(name: &str) -> bool {
    PROCESSORS.iter().any(|prefix| name.starts_with(prefix))
}

fn readable(name: &[u8]) -> String {
    String::from_utf8_lossy(name).trim_matches(|letter: char| letter.is_whitespace() || letter == '\0').to_owned()
}

fn numbers() -> Vec<u32> {
    let mut numbers: Vec<u32> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("video")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn path_of(number: u32) -> PathBuf {
    format!("/dev/video{number}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: u32 = VIDEO_CAPTURE | STREAMING;

    #[test]
    fn a_name_that_is_no_utf8_or_cut_in_a_letter_is_read_as_far_as_it_goes() {
        assert_eq!(readable(b"Logitech\xae HD\n"), "Logitech\u{fffd} HD");
        assert_eq!(readable("Überwachungskamera für die Tür™".as_bytes()), "Überwachungskamera für die Tür™");
        let cut = &"Überwachungskamera für die Tür™".as_bytes()[..31];
        assert!(readable(cut).starts_with("Überwachungskamera für die T"));
        assert_eq!(likelihood(&readable(cut), CAMERA), Some(Likelihood::Camera), "the name decides nothing");
    }

    #[test]
    fn codecs_image_processors_and_metadata_are_no_cameras() {
        const META_CAPTURE: u32 = 0x0080_0000;
        assert_eq!(likelihood("USB Camera", CAMERA), Some(Likelihood::Camera));
        assert_eq!(likelihood("USB Camera", META_CAPTURE | STREAMING), None);
        assert_eq!(likelihood("vim2m", VIDEO_M2M | STREAMING), None);
        assert_eq!(likelihood("a codec of old", CAMERA | VIDEO_OUTPUT), None);
        assert_eq!(likelihood("vicodec", VIDEO_M2M_MPLANE | STREAMING), None);
        assert_eq!(likelihood("bcm2835-isp-capture0", CAMERA), None);
        assert_eq!(likelihood("bcm2835-codec-encode", CAMERA), None);
    }

    #[test]
    fn a_camera_is_tried_before_parts_of_a_pipeline_and_one_that_delivered_nothing_last() {
        let node = |number, likelihood| (likelihood, path_of(number));
        let nodes =
            || vec![node(0, Likelihood::PartOfPipeline), node(2, Likelihood::Camera), node(4, Likelihood::Camera)];
        assert_eq!(likelihood("rp1-cfe-csi2_ch0", CAMERA | IO_MC), Some(Likelihood::PartOfPipeline));
        assert_eq!(in_order(nodes(), &[]), [2, 4, 0].map(path_of));
        assert_eq!(in_order(nodes(), &[path_of(2)]), [4, 0, 2].map(path_of));
        // Each that falls silent goes to the end: in the end the first has its turn again.
        assert_eq!(in_order(nodes(), &[path_of(2), path_of(4), path_of(0)]), [2, 4, 0].map(path_of));
    }
}
