//! The test picture: a walker in an evening landscape, and the wall clock in blocks that a test can read back.
//!
//! It is a camera for machines without one, and it proves what a counter cannot: that the picture which somebody sees
//! is the one that was made, and how long it took.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::canvas::{Area, Canvas, Ink, on_stroke};

const COLUMNS: usize = 16;
const ROWS: usize = 3;
const CLOCK_BITS: u32 = 40;

/// Draws the picture, frame by frame.
pub(super) struct Pattern {
    background: Canvas,
    canvas: Canvas,
    block: usize,
    shown: Option<u64>,
    walker: Option<Area>,
}

impl Pattern {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let mut background = landscape(width, height);
        let block = block_edge(background.width());
        let shows_clock = block > 0 && block * (ROWS + 1) <= background.height();
        let block = if shows_clock { block } else { 0 };
        background.fill(clock_area(block), Ink::BLACK);
        Self { canvas: background.clone(), background, block, shown: None, walker: None }
    }

    /// The picture of a moment in I420. Only what has changed since the last call is drawn.
    pub(super) fn draw(&mut self, now: SystemTime) -> &[u8] {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if let Some(walker) = self.walker.take() {
            self.canvas.restore(walker, &self.background);
        }
        self.walker = Some(draw_walker(&mut self.canvas, now));
        self.draw_clock(now.as_millis() as u64);
        self.canvas.bytes()
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.canvas.width() as u32, self.canvas.height() as u32)
    }

    fn draw_clock(&mut self, now_ms: u64) {
        let bits = clock_code(now_ms);
        let changed = self.shown.map_or(u64::MAX, |shown| shown ^ bits);
        for index in 0..COLUMNS * ROWS {
            let mask = 1 << (COLUMNS * ROWS - 1 - index);
            if changed & mask != 0 {
                let ink = if bits & mask != 0 { Ink::WHITE } else { Ink::BLACK };
                self.canvas.fill(block_area(self.block, index), ink);
            }
        }
        self.shown = Some(bits);
    }
}

/// Reads the clock out of a picture's luma: milliseconds since the Unix epoch, the low 40 bits of them.
///
/// `None` when the checksum does not fit, so also for a picture that shows no clock.
pub fn read_clock(luma: &[u8], stride: usize, width: usize) -> Option<u64> {
    let block = block_edge(width);
    let mut code = 0_u64;
    for index in 0..COLUMNS * ROWS {
        let area = block_area(block, index);
        let centre = *luma.get((area.y + block / 2) * stride + area.x + block / 2)?;
        code = code << 1 | u64::from(centre >= 128);
    }
    let now = code >> 8;
    (clock_code(now) == code).then_some(now)
}

/// 40 bits of clock, then the sum of their five bytes.
fn clock_code(now_ms: u64) -> u64 {
    let clock = now_ms & ((1 << CLOCK_BITS) - 1);
    let sum = clock.to_be_bytes().iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    clock << 8 | u64::from(sum)
}

fn block_edge(width: usize) -> usize {
    (width / 20) & !1
}

fn block_area(block: usize, index: usize) -> Area {
    Area { x: (2 + index % COLUMNS) * block, y: (1 + index / COLUMNS) * block, width: block, height: block }
}

fn clock_area(block: usize) -> Area {
    Area { x: 2 * block, y: block, width: COLUMNS * block, height: ROWS * block }
}

/// A sky with a low sun over two ranges of hills and a path.
fn landscape(width: u32, height: u32) -> Canvas {
    let mut canvas = Canvas::new(width, height, Ink::BLACK);
    let (blocks, rows) = ((canvas.width() / 2) as f32, (canvas.height() / 2) as f32);
    // Where hills and path run is the same for a whole column: sines are dear on small boards.
    let lines: Vec<(f32, f32, f32)> = (0..canvas.width() / 2)
        .map(|column| {
            let across = column as f32 / blocks;
            let far_hills = 0.60 + 0.035 * (across * 7.0).sin() + 0.015 * (across * 17.0 + 1.0).sin();
            let near_hills = 0.72 + 0.04 * (across * 4.0 + 2.0).sin();
            let path = 0.86 + 0.012 * (across * 9.0).sin();
            (far_hills, near_hills, path)
        })
        .collect();
    canvas.paint_blocks(|row, column| {
        let down = row as f32 / rows;
        let (far_hills, near_hills, path) = lines[column];
        let (red, green, blue) = if (down - path).abs() < 0.045 {
            (214.0, 190.0, 150.0)
        } else if down > near_hills {
            let depth = (down - near_hills) / 0.3;
            (74.0 - 20.0 * depth, 122.0 - 28.0 * depth, 92.0 - 26.0 * depth)
        } else if down > far_hills {
            (104.0, 134.0, 140.0)
        } else {
            let warmth = (down / 0.62).min(1.0);
            let from_sun = ((column as f32 - 0.76 * blocks) / rows, down - 0.5);
            let distance = (from_sun.0 * from_sun.0 + from_sun.1 * from_sun.1).sqrt();
            if distance < 0.055 {
                (255.0, 240.0, 200.0)
            } else {
                let glow = (1.0 - distance / 0.5).max(0.0) * 34.0;
                (92.0 + 140.0 * warmth + glow, 132.0 + 62.0 * warmth + glow * 0.7, 190.0 - 30.0 * warmth)
            }
        };
        Ink::rgb(f32::min(red, 255.0), f32::min(green, 255.0), blue)
    });
    canvas
}

/// Somebody in a red coat who walks along the path and back, and waves. Returns where.
fn draw_walker(canvas: &mut Canvas, now: Duration) -> Area {
    const THERE_AND_BACK_S: f32 = 16.0;
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let lap = (now.as_millis() % (THERE_AND_BACK_S as u128 * 1000)) as f32 / 1000.0;
    let there = lap < THERE_AND_BACK_S / 2.0;
    let progress = if there { lap } else { THERE_AND_BACK_S - lap } / (THERE_AND_BACK_S / 2.0);
    let facing = if there { 1.0 } else { -1.0 };
    let tall = height * 0.30;
    let (x, foot) = (width * (0.1 + 0.8 * progress), height * 0.88);
    let step = (lap * 7.0).sin();

    let at = |right: f32, up: f32| (x + right * facing * tall, foot - up * tall);
    let hip = at(0.0, 0.42);
    let shoulder = at(0.02, 0.70);
    let head = at(0.05, 0.88);
    let feet = [at(0.14 * step, 0.0), at(-0.14 * step, 0.0)];
    let hands = [at(0.30, 0.72 + 0.16 * (lap * 9.0).sin()), at(-0.12 * step - 0.05, 0.40)];
    let (skin, coat, trousers) =
        (Ink::rgb(232.0, 190.0, 160.0), Ink::rgb(206.0, 62.0, 58.0), Ink::rgb(48.0, 58.0, 92.0));

    let reach = 0.42 * tall;
    let area = Area {
        x: (x - reach).max(0.0) as usize,
        y: (foot - 1.06 * tall).max(0.0) as usize,
        width: (2.0 * reach) as usize,
        height: (1.16 * tall) as usize,
    };
    canvas.paint(area, |x, y| {
        let point = (x, y);
        if on_stroke(point, head, head, 0.10 * tall) {
            Some(skin)
        } else if on_stroke(point, hip, shoulder, 0.11 * tall)
            || hands.iter().any(|&hand| on_stroke(point, shoulder, hand, 0.035 * tall))
        {
            Some(coat)
        } else if feet.iter().any(|&foot| on_stroke(point, hip, foot, 0.05 * tall)) {
            Some(trousers)
        } else {
            None
        }
    });
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_767_225_600_123;

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(ms)
    }

    #[test]
    fn the_clock_that_was_drawn_is_read_back() {
        for (width, height) in [(320, 180), (640, 360), (640, 480), (1280, 720)] {
            let mut pattern = Pattern::new(width, height);
            for step in [0, 33, 66, 1_000, 86_400_000] {
                let now = NOON + step;
                let picture = pattern.draw(at(now));
                assert_eq!(read_clock(picture, width as usize, width as usize), Some(now & ((1 << 40) - 1)));
            }
        }
    }

    #[test]
    fn the_clock_is_laid_out_as_other_readers_expect_it() {
        let mut pattern = Pattern::new(640, 360);
        let picture = pattern.draw(at(0x99_01_82_03_c4_05));
        // 40 bits of clock, then 8 of its bytes' sum, in rows of 16 blocks of 32 pixels.
        let expected = [0x0182_u16, 0x03c4, 0x054f];
        for (row, bits) in expected.into_iter().enumerate() {
            for column in 0..16 {
                let (x, y) = (64 + column * 32 + 16, 32 + row * 32 + 16);
                let white = bits >> (15 - column) & 1 == 1;
                assert_eq!(picture[y * 640 + x], if white { 235 } else { 16 }, "row {row}, column {column}");
            }
        }
    }

    #[test]
    fn drawing_only_what_changed_equals_drawing_afresh() {
        let mut continued = Pattern::new(320, 180);
        for step in 0..40 {
            let now = at(NOON + step * 437);
            assert_eq!(continued.draw(now), Pattern::new(320, 180).draw(now), "step {step}");
        }
    }

    #[test]
    fn something_besides_the_clock_moves() {
        let mut pattern = Pattern::new(320, 180);
        let clock_end = 4 * 16 * 320;
        let first = pattern.draw(at(NOON))[clock_end..].to_vec();
        assert_ne!(pattern.draw(at(NOON + 100))[clock_end..], first);
    }

    #[test]
    fn a_picture_without_room_for_the_clock_shows_none() {
        let mut pattern = Pattern::new(320, 32);
        let picture = pattern.draw(at(NOON)).to_vec();
        assert_eq!(read_clock(&picture, 320, 320), None);
        assert_eq!(read_clock(&[], 0, 30), None);
    }

    #[test]
    fn a_disturbed_clock_is_refused() {
        let mut pattern = Pattern::new(320, 180);
        let mut picture = pattern.draw(at(NOON)).to_vec();
        let centre = (16 + 8) * 320 + 2 * 16 + 8;
        picture[centre] = 255 - picture[centre];
        assert_eq!(read_clock(&picture, 320, 320), None);
    }
}
