//! A picture that Doorway draws itself, in planar 4:2:0 (I420).

/// A colour as luma and chroma, in the limited range (16 to 235).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    y: u8,
    u: u8,
    v: u8,
}

impl Ink {
    pub(super) const BLACK: Self = Self { y: 16, u: 128, v: 128 };
    pub(super) const WHITE: Self = Self { y: 235, u: 128, v: 128 };

    /// From red, green and blue of 0 to 255 by ITU-R BT.601, which is what decoders assume of an unlabelled stream.
    pub(super) fn rgb(red: f32, green: f32, blue: f32) -> Self {
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        Self {
            y: (16.0 + luma * 219.0 / 255.0).round() as u8,
            u: (128.0 + (blue - luma) / 1.772 * 224.0 / 255.0).round() as u8,
            v: (128.0 + (red - luma) / 1.402 * 224.0 / 255.0).round() as u8,
        }
    }
}

/// A part of a canvas in pixels, cut to the canvas and widened to even edges when used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// An I420 picture without padding between lines.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Canvas {
    /// A canvas of one colour. Odd sides are rounded down to even ones.
    pub(super) fn new(width: u32, height: u32, ink: Ink) -> Self {
        let (width, height) = ((width as usize & !1).max(2), (height as usize & !1).max(2));
        let mut canvas = Self { width, height, data: vec![0; width * height * 3 / 2] };
        canvas.fill(canvas.whole(), ink);
        canvas
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// The luma plane, then both chroma planes of half its width and height.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.data
    }

    pub(super) fn whole(&self) -> Area {
        Area { x: 0, y: 0, width: self.width, height: self.height }
    }

    pub(super) fn fill(&mut self, area: Area, ink: Ink) {
        self.each_line(area, |line, kind| line.fill(kind.of(ink)));
    }

    /// Asks for the colour of each pixel of the area; `None` leaves it as it is.
    pub(super) fn paint(&mut self, area: Area, colour: impl Fn(f32, f32) -> Option<Ink>) {
        let area = self.cut(area);
        let chroma_at = self.width * self.height;
        let chroma_size = chroma_at / 4;
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                let Some(ink) = colour(x as f32 + 0.5, y as f32 + 0.5) else {
                    continue;
                };
                self.data[y * self.width + x] = ink.y;
                if x % 2 == 0 && y % 2 == 0 {
                    let at = chroma_at + y / 2 * (self.width / 2) + x / 2;
                    self.data[at] = ink.u;
                    self.data[at + chroma_size] = ink.v;
                }
            }
        }
    }

    /// Asks for the colour of each block of two by two pixels, by its row and column of blocks.
    ///
    /// For large areas: a quarter of the questions of [`Canvas::paint`], and no chroma that pixels fight about.
    pub(super) fn paint_blocks(&mut self, colour: impl Fn(usize, usize) -> Ink) {
        let (luma, chroma) = self.data.split_at_mut(self.width * self.height);
        let (blue, red) = chroma.split_at_mut(self.width * self.height / 4);
        let blocks = self.width / 2;
        let rows =
            luma.chunks_exact_mut(self.width * 2).zip(blue.chunks_exact_mut(blocks)).zip(red.chunks_exact_mut(blocks));
        for (row, ((luma, blue), red)) in rows.enumerate() {
            let (upper, lower) = luma.split_at_mut(self.width);
            for column in 0..blocks {
                let ink = colour(row, column);
                upper[2 * column..2 * column + 2].fill(ink.y);
                lower[2 * column..2 * column + 2].fill(ink.y);
                blue[column] = ink.u;
                red[column] = ink.v;
            }
        }
    }

    /// Copies an area from a canvas of the same size.
    pub(super) fn restore(&mut self, area: Area, from: &Self) {
        debug_assert_eq!((self.width, self.height), (from.width, from.height));
        let area = self.cut(area);
        for range in self.line_ranges(area).map(|(range, _)| range) {
            self.data[range.clone()].copy_from_slice(&from.data[range]);
        }
    }

    fn each_line(&mut self, area: Area, mut draw: impl FnMut(&mut [u8], Plane)) {
        let area = self.cut(area);
        for (range, plane) in self.line_ranges(area) {
            draw(&mut self.data[range], plane);
        }
    }

    fn line_ranges(&self, area: Area) -> impl Iterator<Item = (std::ops::Range<usize>, Plane)> + use<> {
        let (width, luma_size) = (self.width, self.width * self.height);
        let luma = (area.y..area.y + area.height).map(move |y| {
            let from = y * width + area.x;
            (from..from + area.width, Plane::Y)
        });
        let chroma = [(Plane::U, luma_size), (Plane::V, luma_size * 5 / 4)].into_iter().flat_map(move |(plane, at)| {
            (area.y / 2..(area.y + area.height) / 2).map(move |y| {
                let from = at + y * (width / 2) + area.x / 2;
                (from..from + area.width / 2, plane)
            })
        });
        luma.chain(chroma)
    }

    fn cut(&self, area: Area) -> Area {
        let x = area.x.min(self.width) & !1;
        let y = area.y.min(self.height) & !1;
        let right = (area.x.saturating_add(area.width).saturating_add(1) & !1).min(self.width).max(x);
        let bottom = (area.y.saturating_add(area.height).saturating_add(1) & !1).min(self.height).max(y);
        Area { x, y, width: right - x, height: bottom - y }
    }
}

#[derive(Debug, Clone, Copy)]
enum Plane {
    Y,
    U,
    V,
}

impl Plane {
    fn of(self, ink: Ink) -> u8 {
        match self {
            Self::Y => ink.y,
            Self::U => ink.u,
            Self::V => ink.v,
        }
    }
}

/// Whether a point lies within `radius` of the line from `a` to `b`: a stroke with round ends.
pub(super) fn on_stroke(point: (f32, f32), a: (f32, f32), b: (f32, f32), radius: f32) -> bool {
    let (along_x, along_y) = (b.0 - a.0, b.1 - a.1);
    let (from_x, from_y) = (point.0 - a.0, point.1 - a.1);
    let length = (along_x * along_x + along_y * along_y).max(f32::EPSILON);
    let at = ((from_x * along_x + from_y * along_y) / length).clamp(0.0, 1.0);
    let (dx, dy) = (from_x - along_x * at, from_y - along_y * at);
    dx * dx + dy * dy <= radius * radius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_beyond_the_edge_are_cut() {
        let mut canvas = Canvas::new(33, 17, Ink::BLACK);
        assert_eq!((canvas.width(), canvas.height()), (32, 16));
        canvas.fill(Area { x: 30, y: 15, width: 100, height: usize::MAX }, Ink::WHITE);
        canvas.paint(Area { x: 40, y: 40, width: 9, height: 9 }, |_, _| Some(Ink::WHITE));
        assert_eq!(canvas.bytes().iter().filter(|&&byte| byte == 235).count(), 4);
    }

    #[test]
    fn a_restored_area_equals_the_original() {
        let original = Canvas::new(32, 16, Ink::rgb(200.0, 80.0, 40.0));
        let mut canvas = original.clone();
        let area = Area { x: 5, y: 3, width: 9, height: 7 };
        canvas.paint(area, |_, _| Some(Ink::WHITE));
        assert_ne!(canvas.bytes(), original.bytes());
        canvas.restore(area, &original);
        assert_eq!(canvas.bytes(), original.bytes());
    }
}
