//! Which of a camera's formats, sizes and rates to take, and how its frames lie in memory. Pure.

use serde::Serialize;

/// A pixel format that Doorway takes from a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pixels {
    /// The camera encodes H.264 itself.
    H264,
    /// Luma, then interleaved chroma, 4:2:0.
    Nv12,
    /// Three planes, 4:2:0 (V4L2's `YU12`).
    I420,
    /// Packed 4:2:2, luma first.
    Yuyv,
    /// Packed 4:2:2, chroma first.
    Uyvy,
    /// One JPEG picture a frame.
    Mjpeg,
}

impl Pixels {
    /// All of them, the cheapest first.
    pub const ALL: [Self; 6] = [Self::H264, Self::Nv12, Self::I420, Self::Yuyv, Self::Uyvy, Self::Mjpeg];

    /// V4L2's four-character code.
    pub fn code(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Nv12 => "NV12",
            Self::I420 => "YU12",
            Self::Yuyv => "YUYV",
            Self::Uyvy => "UYVY",
            Self::Mjpeg => "MJPG",
        }
    }

    /// From V4L2's four-character code.
    pub fn from_code(code: &str) -> Option<Self> {
        // Some drivers name whole pictures so.
        let code = if code == "JPEG" { "MJPG" } else { code };
        Self::ALL.into_iter().find(|pixels| pixels.code() == code)
    }

    /// What taking this format costs, in the unit of [`cost`]. JPEG must be decoded first; packed formats converted.
    fn cost(self) -> f64 {
        match self {
            Self::H264 => 0.0,
            Self::Nv12 => 1.0,
            Self::I420 => 2.0,
            Self::Yuyv => 4.0,
            Self::Uyvy => 5.0,
            Self::Mjpeg => 15.0,
        }
    }
}

/// A format that a camera offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedFormat {
    /// V4L2's four-character code.
    pub fourcc: String,
    /// What it is to Doorway; `None` when it cannot be used.
    pub pixels: Option<Pixels>,
    /// Sizes, with the rates of each.
    pub sizes: Vec<OfferedSize>,
}

/// A size that a camera offers in a format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedSize {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second, rounded; empty when the camera does not say.
    pub rates: Vec<u32>,
}

/// What to ask of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The pixel format.
    pub pixels: Pixels,
    /// V4L2's four-character code of it.
    #[serde(skip)]
    pub fourcc: [u8; 4],
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub rate: u32,
}

/// The offer that comes closest to what is wanted at the least cost; `None` when no format can be used.
pub fn choose(offers: &[OfferedFormat], wanted: (u32, u32), rate: u32, accept_h264: bool) -> Option<Choice> {
    let mut best: Option<(f64, Choice)> = None;
    for format in offers {
        let Some(pixels) = format.pixels.filter(|&pixels| accept_h264 || pixels != Pixels::H264) else {
            continue;
        };
        let Ok(fourcc) = <[u8; 4]>::try_from(format.fourcc.as_bytes()) else {
            continue;
        };
        for size in format.sizes.iter().filter(|size| size.width > 0 && size.height > 0) {
            let offered = nearest_rate(&size.rates, rate);
            let choice = Choice { pixels, fourcc, width: size.width, height: size.height, rate: offered };
            let cost = cost(&choice, wanted, rate);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, choice));
            }
        }
    }
    best.map(|(_, choice)| choice)
}

/// The slowest rate that is fast enough, else the fastest.
fn nearest_rate(rates: &[u32], wanted: u32) -> u32 {
    let enough = rates.iter().copied().filter(|&rate| rate >= wanted).min();
    enough.or_else(|| rates.iter().copied().max()).unwrap_or(wanted)
}

/// Doublings away from the wanted size and rate, weighed so that a small picture that moves beats a large one that
/// jerks; larger pictures than wanted must be scaled, and a camera's H.264 cannot be.
fn cost(choice: &Choice, wanted: (u32, u32), rate: u32) -> f64 {
    let area = f64::from(choice.width) * f64::from(choice.height);
    let wanted_area = f64::from(wanted.0.max(1)) * f64::from(wanted.1.max(1));
    let size = (area / wanted_area).log2();
    let size_cost = if size < 0.0 { -size * 100.0 } else { size * 150.0 };
    let too_large = choice.width > wanted.0 || choice.height > wanted.1;
    let scaling_cost = match (too_large, choice.pixels) {
        (false, _) => 0.0,
        (true, Pixels::H264) => 10_000.0,
        (true, Pixels::Nv12 | Pixels::I420 | Pixels::Yuyv | Pixels::Uyvy | Pixels::Mjpeg) => 20.0,
    };
    let shape = f64::from(choice.width) / f64::from(choice.height);
    let wanted_shape = f64::from(wanted.0.max(1)) / f64::from(wanted.1.max(1));
    let shape_cost = if (shape / wanted_shape).log2().abs() > 0.05 { 10.0 } else { 0.0 };
    let rate_cost = (f64::from(rate) / f64::from(choice.rate.max(1))).log2().max(0.0) * 120.0;
    size_cost + scaling_cost + shape_cost + rate_cost + choice.pixels.cost()
}

/// Sizes of a camera that offers a range: the wanted one as near as its steps allow, and those that most screens have.
pub fn sizes_in_range(
    wanted: (u32, u32),
    (min_width, max_width, step_width): (u32, u32, u32),
    (min_height, max_height, step_height): (u32, u32, u32),
) -> Vec<(u32, u32)> {
    let snap = |side: u32, min: u32, max: u32, step: u32| {
        let side = side.clamp(min.min(max), max);
        side - (side - min.min(max)) % step.max(1)
    };
    let near = (snap(wanted.0, min_width, max_width, step_width), snap(wanted.1, min_height, max_height, step_height));
    let mut sizes = vec![near];
    for usual in [(320, 180), (640, 360), (640, 480), (1280, 720), (1920, 1080)] {
        let fits = snap(usual.0, min_width, max_width, step_width) == usual.0
            && snap(usual.1, min_height, max_height, step_height) == usual.1;
        if fits && !sizes.contains(&usual) {
            sizes.push(usual);
        }
    }
    sizes
}

/// How an uncompressed frame lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLayout {
    /// The pixel format, neither H.264 nor JPEG.
    pub pixels: Pixels,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Bytes from one line of the first plane to the next.
    pub stride: usize,
}

/// One plane of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// Where it begins.
    pub offset: usize,
    /// Bytes from one line to the next.
    pub stride: usize,
    /// Bytes of a line that hold picture.
    pub line: usize,
    /// How many lines.
    pub lines: usize,
}

impl FrameLayout {
    /// A layout; `stride` may be zero when a driver leaves it out, lines then follow each other without padding.
    ///
    /// `None` for compressed formats, odd sizes and strides that are too short to hold a line.
    pub fn new(pixels: Pixels, width: u32, height: u32, stride: u32) -> Option<Self> {
        let line = match pixels {
            Pixels::H264 | Pixels::Mjpeg => return None,
            Pixels::Nv12 | Pixels::I420 => width as usize,
            Pixels::Yuyv | Pixels::Uyvy => width as usize * 2,
        };
        let stride = if stride == 0 { line } else { stride as usize };
        let even = width.is_multiple_of(2) && height.is_multiple_of(2) && width > 0 && height > 0;
        (even && stride >= line && stride % 2 == 0).then_some(Self { pixels, width, height, stride })
    }

    /// The planes, as V4L2 lays them out in one buffer.
    pub fn planes(&self) -> Vec<Plane> {
        let (width, height) = (self.width as usize, self.height as usize);
        let luma = Plane { offset: 0, stride: self.stride, line: width, lines: height };
        let behind = self.stride * height;
        match self.pixels {
            Pixels::Nv12 => vec![luma, Plane { offset: behind, stride: self.stride, line: width, lines: height / 2 }],
            Pixels::I420 => {
                let chroma = Plane { offset: behind, stride: self.stride / 2, line: width / 2, lines: height / 2 };
                vec![luma, chroma, Plane { offset: behind + chroma.stride * chroma.lines, ..chroma }]
            }
            Pixels::Yuyv | Pixels::Uyvy => vec![Plane { line: width * 2, ..luma }],
            Pixels::H264 | Pixels::Mjpeg => Vec::new(),
        }
    }

    /// The least number of bytes that holds a whole frame. The last line's padding may be missing.
    pub fn least_bytes(&self) -> usize {
        self.planes()
            .iter()
            .map(|plane| plane.offset + plane.stride * (plane.lines - 1) + plane.line)
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(fourcc: &str, sizes: &[(u32, u32, &[u32])]) -> OfferedFormat {
        OfferedFormat {
            fourcc: fourcc.to_owned(),
            pixels: Pixels::from_code(fourcc),
            sizes: sizes
                .iter()
                .map(|&(width, height, rates)| OfferedSize { width, height, rates: rates.to_vec() })
                .collect(),
        }
    }

    fn chosen(offers: &[OfferedFormat]) -> (Pixels, u32, u32, u32) {
        let choice = choose(offers, (1280, 720), 30, true).expect("a usable format");
        (choice.pixels, choice.width, choice.height, choice.rate)
    }

    #[test]
    fn a_webcam_that_is_slow_uncompressed_is_taken_as_jpeg() {
        let offers = [
            format("YUYV", &[(640, 480, &[30]), (1280, 720, &[10])]),
            format("MJPG", &[(640, 480, &[30]), (1280, 720, &[30, 60]), (1920, 1080, &[30])]),
        ];
        assert_eq!(chosen(&offers), (Pixels::Mjpeg, 1280, 720, 30));
    }

    #[test]
    fn a_small_moving_picture_beats_a_large_jerky_one() {
        let offers = [format("YUYV", &[(640, 480, &[30]), (1280, 720, &[10]), (1920, 1080, &[5])])];
        assert_eq!(chosen(&offers), (Pixels::Yuyv, 640, 480, 30));
    }

    #[test]
    fn the_cheapest_of_equal_formats_is_taken() {
        let size: &[(u32, u32, &[u32])] = &[(1280, 720, &[30])];
        let offers = ["MJPG", "YUYV", "NV12", "YU12"].map(|fourcc| format(fourcc, size));
        assert_eq!(chosen(&offers).0, Pixels::Nv12);
    }

    #[test]
    fn h264_is_taken_only_when_accepted_and_not_too_large() {
        let offers = [format("H264", &[(1280, 720, &[30])]), format("MJPG", &[(1280, 720, &[30])])];
        assert_eq!(chosen(&offers).0, Pixels::H264);
        assert_eq!(choose(&offers, (1280, 720), 30, false).map(|choice| choice.pixels), Some(Pixels::Mjpeg));
        assert_eq!(choose(&offers, (640, 360), 30, true).map(|choice| choice.pixels), Some(Pixels::Mjpeg));
    }

    #[test]
    fn a_raw_sensor_has_nothing_to_choose() {
        assert_eq!(choose(&[format("BG10", &[(1280, 720, &[30])])], (1280, 720), 30, true), None);
        assert_eq!(choose(&[], (1280, 720), 30, true), None);
    }

    #[test]
    fn ranges_give_the_wanted_size_within_their_steps() {
        assert_eq!(sizes_in_range((1000, 700), (16, 1280, 16), (16, 720, 8))[0], (992, 696));
        assert_eq!(sizes_in_range((4000, 4000), (0, 0, 0), (0, 0, 0)), [(0, 0)]);
    }

    #[test]
    fn the_least_length_of_a_frame_counts_every_plane() {
        let length = |pixels, stride| FrameLayout::new(pixels, 640, 360, stride).expect("sound").least_bytes();
        assert_eq!(length(Pixels::I420, 0), 640 * 360 * 3 / 2);
        assert_eq!(length(Pixels::Nv12, 640), 640 * 360 * 3 / 2);
        assert_eq!(length(Pixels::Yuyv, 0), 640 * 360 * 2);
        assert_eq!(length(Pixels::Nv12, 704), 704 * 539 + 640);
        assert_eq!(FrameLayout::new(Pixels::Nv12, 640, 360, 600), None);
        assert_eq!(FrameLayout::new(Pixels::Mjpeg, 640, 360, 0), None);
        assert_eq!(FrameLayout::new(Pixels::Nv12, 641, 360, 0), None);
    }
}
