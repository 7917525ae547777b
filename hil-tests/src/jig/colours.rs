//! What a camera on a bench films: a screen that is red, green and blue in turn.
//!
//! Bars or a clock would have to be in focus, upright and unhidden. Which of three colours a screen is survives any lens.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long each is shown: longer than a slow camera takes to get the exposure right.
const PERIOD: Duration = Duration::from_millis(500);
/// The colours as red, green and blue, in their order.
const COLOURS: [[u8; 3]; 3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];

/// Shows them on a framebuffer such as `/dev/fb0` until the process is ended.
///
/// # Errors
/// When it is no framebuffer, or may not be written.
pub fn show(framebuffer: &Path) -> Result<()> {
    let name = framebuffer.file_name().context("a framebuffer is a file")?;
    let layout = Layout::read(&Path::new("/sys/class/graphics").join(name))?;
    let file = File::options().write(true).open(framebuffer);
    let file = file.with_context(|| format!("opening {}", framebuffer.display()))?;
    let frames = COLOURS.map(|colour| layout.frame(colour));
    loop {
        for frame in &frames {
            file.write_all_at(frame, 0).with_context(|| format!("writing {}", framebuffer.display()))?;
            thread::sleep(PERIOD);
        }
    }
}

/// How a framebuffer's bytes are its pixels.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    lines: usize,
    bytes_per_line: usize,
    depth: Depth,
}

#[derive(Debug, PartialEq, Eq)]
enum Depth {
    /// RGB565.
    Bits16,
    /// XRGB8888.
    Bits32,
}

impl Layout {
    fn read(folder: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).map(|text| text.trim().to_owned());
            text.with_context(|| format!("{} is no framebuffer: reading {}", folder.display(), path.display()))
        };
        let size = text("virtual_size")?;
        let (_, height) = size.split_once(',').with_context(|| format!("a size of {size}"))?;
        let depth = match &*text("bits_per_pixel")? {
            "16" => Depth::Bits16,
            "32" => Depth::Bits32,
            other => bail!("{} has {other} bits a pixel; 16 or 32 can be shown", folder.display()),
        };
        let bytes_per_line = text("stride")?.parse().context("reading the length of a line")?;
        Ok(Self { lines: height.parse().context("reading the height")?, bytes_per_line, depth })
    }

    /// All of the screen in one colour.
    fn frame(&self, [red, green, blue]: [u8; 3]) -> Vec<u8> {
        let pixel = match self.depth {
            Depth::Bits16 => {
                let word = u16::from(red >> 3) << 11 | u16::from(green >> 2) << 5 | u16::from(blue >> 3);
                word.to_le_bytes().to_vec()
            }
            Depth::Bits32 => vec![blue, green, red, 0],
        };
        pixel.repeat(self.lines * self.bytes_per_line / pixel.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_filled_in_its_own_format() {
        let folder = tempfile::tempdir().unwrap();
        let describe = |bits: &str| {
            for (name, text) in [("virtual_size", "4,3\n"), ("stride", "16\n"), ("bits_per_pixel", bits)] {
                fs::write(folder.path().join(name), text).unwrap();
            }
            Layout::read(folder.path())
        };
        let frame = describe("32\n").unwrap().frame([255, 0, 0]);
        assert_eq!((frame.len(), &frame[..4]), (48, &[0, 0, 255, 0][..]));
        let frame = describe("16\n").unwrap().frame([0, 255, 0]);
        assert_eq!((frame.len(), &frame[..2]), (48, &[0xe0, 0x07][..]));
        assert!(describe("24\n").unwrap_err().to_string().contains("24 bits"));
    }

    #[test]
    fn what_is_no_framebuffer_is_told() {
        let error = format!("{:#}", show(Path::new("/dev/null")).unwrap_err());
        assert!(error.contains("no framebuffer"), "{error}");
    }
}
