//! What a V4L2 device offers, and which of it is taken, or why none.

use v4l::FourCC;
use v4l::device::Device;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSize, FrameSizeEnum};
use v4l::video::Capture;

use super::camera::CameraError;
use super::ioctl;
use super::negotiate::{self, Choice, OfferedFormat, OfferedSize, Pixels};

/// What is wanted of a camera, and what of its own H.264 can be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The format of the configuration, if it names one.
    pub(super) format: Option<Pixels>,
    pub(super) size: (u32, u32),
    pub(super) rate: u32,
    /// Whether browsers take its H.264, as far as is known.
    pub(super) accept_h264: bool,
    /// A camera that cannot make a keyframe when asked would keep a new watcher waiting for seconds.
    pub(super) can_force_keyframe: bool,
}

/// The formats of a device, with sizes near the wanted one where it offers a range.
pub(super) fn of(device: &Device, wanted: (u32, u32)) -> Vec<OfferedFormat> {
    let offered = |fourcc: [u8; 4]| {
        let code = FourCC::new(&fourcc);
        let listed = device.enum_framesizes(code).unwrap_or_default();
        let sizes = sizes(&listed, wanted, || ioctl::try_size(device, fourcc, wanted)).into_iter();
        let sizes =
            sizes.map(|(width, height)| OfferedSize { width, height, rates: rates(device, code, width, height) });
        let fourcc = String::from_utf8_lossy(&fourcc).into_owned();
        OfferedFormat { pixels: Pixels::from_code(&fourcc), fourcc, sizes: sizes.collect() }
    };
    ioctl::formats(device).into_iter().map(offered).collect()
}

/// What to ask of a camera with these offers.
pub(super) fn choose(device: &str, offers: &[OfferedFormat], wish: &Wish) -> Result<Choice, CameraError> {
    let device = || device.to_owned();
    let named: Vec<OfferedFormat> = match wish.format {
        None => offers.to_vec(),
        Some(format) => offers.iter().filter(|offer| offer.pixels == Some(format)).cloned().collect(),
    };
    if let Some(format) = wish.format.filter(|_| named.is_empty()) {
        return Err(CameraError::FormatNotOffered { device: device(), format, offered: list(offers) });
    }
    let accept_h264 = wish.accept_h264 && wish.can_force_keyframe;
    if let Some(choice) = negotiate::choose(&named, wish.size, wish.rate, accept_h264) {
        return Ok(choice);
    }
    if !named.iter().any(|offer| offer.pixels == Some(Pixels::H264)) {
        return Err(CameraError::NoUsableFormat { device: device(), offered: list(offers) });
    }
    let others = offers.iter().any(|offer| !matches!(offer.pixels, None | Some(Pixels::H264)));
    let remedy =
        if others { "set format = \"auto\" in [video]" } else { "it has no other format, so take another camera" };
    let remedy = remedy.to_owned();
    Err(match wish.can_force_keyframe {
        false => CameraError::NoKeyframeControl { device: device(), remedy },
        true => CameraError::NotForBrowsers { device: device(), remedy },
    })
}

/// Sizes that the driver lists. Analogue grabbers and others list none: there, what it makes of the wanted one.
fn sizes(listed: &[FrameSize], wanted: (u32, u32), try_wanted: impl FnOnce() -> Option<(u32, u32)>) -> Vec<(u32, u32)> {
    if listed.is_empty() {
        return try_wanted().into_iter().collect();
    }
    let of_one = |size: &FrameSize| match &size.size {
        FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
        FrameSizeEnum::Stepwise(range) => negotiate::sizes_in_range(
            wanted,
            (range.min_width, range.max_width, range.step_width),
            (range.min_height, range.max_height, range.step_height),
        ),
    };
    listed.iter().flat_map(of_one).collect()
}

fn rates(device: &Device, fourcc: FourCC, width: u32, height: u32) -> Vec<u32> {
    let per_second =
        |numerator: u32, denominator: u32| (numerator > 0).then(|| (denominator + numerator / 2) / numerator);
    let mut rates = Vec::new();
    for interval in device.enum_frameintervals(fourcc, width, height).unwrap_or_default() {
        match interval.interval {
            FrameIntervalEnum::Discrete(one) => rates.extend(per_second(one.numerator, one.denominator)),
            FrameIntervalEnum::Stepwise(range) => {
                let slowest = per_second(range.max.numerator, range.max.denominator).unwrap_or(1).max(1);
                let fastest = per_second(range.min.numerator, range.min.denominator).unwrap_or(30);
                rates.extend([10, 15, 20, 24, 25, 30].into_iter().filter(|rate| (slowest..fastest).contains(rate)));
                rates.push(fastest);
            }
        }
    }
    rates.retain(|&rate| rate > 0);
    rates.sort_unstable();
    rates.dedup();
    rates
}

fn list(offers: &[OfferedFormat]) -> String {
    let codes: Vec<&str> = offers.iter().map(|offer| offer.fourcc.as_str()).collect();
    if codes.is_empty() { "no formats".to_owned() } else { codes.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish { format: None, size: (1280, 720), rate: 30, accept_h264: true, can_force_keyframe: true };

    fn offers(codes: &[&str]) -> Vec<OfferedFormat> {
        let sizes = vec![OfferedSize { width: 1280, height: 720, rates: vec![30] }];
        let offer = |code: &&str| OfferedFormat {
            fourcc: (*code).to_owned(),
            pixels: Pixels::from_code(code),
            sizes: sizes.clone(),
        };
        codes.iter().map(offer).collect()
    }

    fn refusal(codes: &[&str], wish: Wish) -> String {
        choose("/dev/video0", &offers(codes), &wish).expect_err("nothing can be taken").to_string()
    }

    #[test]
    fn a_driver_that_lists_no_sizes_is_asked_what_it_makes_of_the_wanted_one() {
        assert_eq!(sizes(&[], (1280, 720), || Some((720, 576))), [(720, 576)]);
        assert_eq!(sizes(&[], (1280, 720), || None), []);
        let listed =
            [FrameSize { index: 0, fourcc: FourCC::new(b"YUYV"), typ: 1, size: FrameSizeEnum::Discrete(discrete()) }];
        assert_eq!(sizes(&listed, (1280, 720), || panic!("it lists its sizes")), [(640, 480)]);
    }

    fn discrete() -> v4l::framesize::Discrete {
        v4l::framesize::Discrete { width: 640, height: 480 }
    }

    #[test]
    fn h264_of_a_camera_that_makes_no_keyframe_when_asked_is_refused_for_that_reason() {
        let mute = Wish { can_force_keyframe: false, ..WISH };
        let named = Wish { format: Some(Pixels::H264), ..mute };
        let reason = refusal(&["H264", "MJPG"], named);
        assert!(reason.contains("no keyframe") && reason.contains("format = \"auto\""), "{reason}");
        let reason = refusal(&["H264"], mute);
        assert!(reason.contains("no keyframe") && reason.contains("another camera"), "{reason}");
        assert!(choose("/dev/video0", &offers(&["H264"]), &WISH).is_ok());
    }

    #[test]
    fn h264_that_browsers_do_not_take_is_not_blamed_on_the_sensor() {
        let reason = refusal(&["H264", "MJPG"], Wish { format: Some(Pixels::H264), accept_h264: false, ..WISH });
        assert!(reason.contains("browsers") && !reason.contains("libcamera"), "{reason}");
    }

    #[test]
    fn a_bare_sensor_and_a_format_that_is_not_offered_are_named_as_such() {
        assert!(refusal(&["BG10"], WISH).contains("libcamera"));
        let reason = refusal(&["YUYV"], Wish { format: Some(Pixels::Mjpeg), ..WISH });
        assert!(reason.contains("offers no MJPG, only YUYV"), "{reason}");
    }
}
