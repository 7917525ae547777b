//! The card that callers see while the camera gives no picture: a camera, crossed out, and dots that keep moving.
//!
//! No words, so that it needs no font and no language; the page says in words what is missing.

use super::canvas::{Area, Canvas, Ink, on_stroke};

/// Draws the card. The moving dots show that the call is alive.
pub(super) struct Card {
    canvas: Canvas,
    beat: usize,
}

const DOTS: usize = 3;

impl Card {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let mut canvas = Canvas::new(width, height, Ink::rgb(36.0, 42.0, 54.0));
        draw_camera(&mut canvas);
        Self { canvas, beat: 0 }
    }

    /// The next picture in I420.
    pub(super) fn draw(&mut self) -> &[u8] {
        self.beat = (self.beat + 1) % DOTS;
        for dot in 0..DOTS {
            let ink = if dot == self.beat { Ink::rgb(226.0, 230.0, 238.0) } else { Ink::rgb(84.0, 92.0, 108.0) };
            let unit = unit(&self.canvas);
            let centre = (
                self.canvas.width() as f32 / 2.0 + (dot as f32 - 1.0) * unit * 0.9,
                self.canvas.height() as f32 / 2.0 + unit * 3.4,
            );
            let area = area_around(centre, unit * 0.3, unit * 0.3);
            self.canvas.paint(area, |x, y| on_stroke((x, y), centre, centre, unit * 0.25).then_some(ink));
        }
        self.canvas.bytes()
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.canvas.width() as u32, self.canvas.height() as u32)
    }
}

fn draw_camera(canvas: &mut Canvas) {
    let unit = unit(canvas);
    let (x, y) = (canvas.width() as f32 / 2.0, canvas.height() as f32 / 2.0 - unit * 0.4);
    let grey = Ink::rgb(150.0, 160.0, 178.0);
    let red = Ink::rgb(214.0, 84.0, 78.0);
    let ground = Ink::rgb(36.0, 42.0, 54.0);
    let slash = ((x - unit * 2.6, y + unit * 2.2), (x + unit * 2.6, y - unit * 2.2));
    canvas.paint(area_around((x, y), unit * 3.2, unit * 2.8), |px, py| {
        let point = (px, py);
        if on_stroke(point, slash.0, slash.1, unit * 0.22) {
            return Some(red);
        }
        if on_stroke(point, slash.0, slash.1, unit * 0.45) {
            return Some(ground);
        }
        let body = on_stroke(point, (x - unit * 1.2, y), (x + unit * 0.4, y), unit * 1.15);
        let lens_height = unit * 0.35 + (px - (x + unit * 1.2)) * 0.55;
        let lens = px > x + unit * 1.7 && px < x + unit * 2.7 && (py - y).abs() < lens_height;
        (body || lens).then_some(grey)
    });
}

fn unit(canvas: &Canvas) -> f32 {
    canvas.width().min(canvas.height()) as f32 / 12.0
}

fn area_around(centre: (f32, f32), half_width: f32, half_height: f32) -> Area {
    Area {
        x: (centre.0 - half_width).max(0.0) as usize,
        y: (centre.1 - half_height).max(0.0) as usize,
        width: (2.0 * half_width) as usize + 2,
        height: (2.0 * half_height) as usize + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_moves_so_that_the_call_is_seen_to_live() {
        let mut card = Card::new(320, 180);
        let first = card.draw().to_vec();
        assert_eq!(first.len(), 320 * 180 * 3 / 2);
        assert_ne!(card.draw(), first);
    }

    #[test]
    fn tiny_cards_are_drawn_too() {
        assert_eq!(Card::new(2, 2).draw().len(), 6);
    }
}
