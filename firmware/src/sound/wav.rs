//! A WAV file that can be read at any time while it grows, and after its writer was killed.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::{BLOCK, Block, SAMPLE_RATE, to_i16};

const HEADER_BYTES: u32 = 44;
const BYTES_PER_SAMPLE: u32 = 2;

/// How many blocks may be lost when the process is killed: half a second.
const BLOCKS_PER_FLUSH: u32 = 50;

/// One hour, 346 MB: what comes after it is dropped.
const MAX_BLOCKS: u32 = 60 * 60 * 100;

/// Records 16-bit mono at 48 kHz.
///
/// The header's sizes are brought up to date every half second and never promise more than the file holds.
#[derive(Debug)]
pub(super) struct WavWriter {
    file: BufWriter<File>,
    blocks: u32,
}

impl WavWriter {
    /// Creates the file, emptying one that is there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(64 * 1024, File::create(path)?);
        file.write_all(&header(0))?;
        file.flush()?;
        Ok(Self { file, blocks: 0 })
    }

    /// Appends 10 ms. After [`MAX_BLOCKS`] the call does nothing.
    pub(super) fn write(&mut self, block: &Block) -> io::Result<()> {
        if self.blocks == MAX_BLOCKS {
            return Ok(());
        }
        for sample in block {
            self.file.write_all(&to_i16(*sample).to_le_bytes())?;
        }
        self.blocks += 1;
        if self.blocks.is_multiple_of(BLOCKS_PER_FLUSH) {
            self.finish()?;
        }
        Ok(())
    }

    /// Brings the file and its header up to date.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let data_bytes = self.blocks * BLOCK as u32 * BYTES_PER_SAMPLE;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(data_bytes))?;
        self.file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

impl Drop for WavWriter {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::debug!(%error, "the recording's last half second could not be written");
        }
    }
}

/// A canonical 44-byte RIFF header (Multimedia Programming Interface 1.0, August 1991).
fn header(data_bytes: u32) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    let mut rest = &mut header[..];
    let mut put = |bytes: &[u8]| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        rest = tail;
    };
    put(b"RIFF");
    put(&(data_bytes + HEADER_BYTES - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&SAMPLE_RATE.to_le_bytes());
    put(&(SAMPLE_RATE * BYTES_PER_SAMPLE).to_le_bytes());
    put(&2_u16.to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&data_bytes.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promised_bytes(file: &[u8]) -> (u32, u32) {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        (word(4), word(40))
    }

    #[test]
    fn a_growing_file_never_promises_more_than_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speaker.wav");
        let mut writer = WavWriter::create(&path).unwrap();
        for count in 1..=120 {
            writer.write(&[0.25; BLOCK]).unwrap();
            let file = std::fs::read(&path).unwrap();
            let (riff, data) = promised_bytes(&file);
            assert_eq!(riff, data + 36);
            assert!(data as usize + 44 <= file.len());
            assert!(data / 960 + BLOCKS_PER_FLUSH > count);
        }
    }

    #[test]
    fn a_closed_file_holds_every_sample() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speaker.wav");
        let mut writer = WavWriter::create(&path).unwrap();
        for _ in 0..7 {
            writer.write(&[-0.5; BLOCK]).unwrap();
        }
        drop(writer);
        let file = std::fs::read(&path).unwrap();
        assert_eq!(promised_bytes(&file).1, 7 * 960);
        assert_eq!(file.len(), 44 + 7 * 960);
        assert_eq!(&file[..4], b"RIFF");
        assert_eq!(i16::from_le_bytes([file[44], file[45]]), -16384);
    }

    #[test]
    fn an_older_recording_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speaker.wav");
        std::fs::write(&path, vec![1; 10_000]).unwrap();
        drop(WavWriter::create(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap().len(), 44);
    }
}
