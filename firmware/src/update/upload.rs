//! A bundle on its way from a page into a file: never whole in memory, and gone when it is of no use.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use crate::priority::be_patient;

/// The folder in the state folder; emptied at start.
pub const FOLDER: &str = "upload";
/// The largest upload: four times the largest image.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// What has to stay free on the storage beside it.
const SPARE_BYTES: u64 = 32 << 20;
/// Pieces on their way to the disk; when it is full the sender's connection waits.
const PIECES: usize = 16;
/// How much may wait in the system's memory for the disk: a ring must not wait behind it.
const SYNC_EVERY: u64 = 4 << 20;
/// How long a sender may pause.
const SILENCE: Duration = Duration::from_secs(30);

/// Removes what an earlier upload left.
pub(super) fn clear(state: &Path) {
    let _ = fs::remove_dir_all(state.join(FOLDER));
}

/// Takes in `length` bytes of `body`; `percent` is told now and then. The file is removed unless it is whole.
pub(super) async fn receive(
    state: &Path,
    length: u64,
    body: Body,
    mut percent: impl FnMut(u8),
) -> Result<PathBuf, Failure> {
    if length > MAX_BYTES {
        return Err(Failure::TooLarge {});
    }
    if length == 0 {
        return Err(Failure::Damaged {});
    }
    clear(state);
    let folder = state.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| failure(&error))?;
    let free = rustix::fs::statvfs(&folder).map_err(|error| failure(&error.into()))?;
    if free.f_bavail.saturating_mul(free.f_frsize) < length + SPARE_BYTES {
        return Err(Failure::NoSpace {});
    }
    let path = folder.join("bundle.raucb");
    let file = File::create(&path).map_err(|error| failure(&error))?;
    let incomplete = Incomplete(Some(path));
    let (pieces, waiting) = mpsc::channel::<Bytes>(PIECES);
    let (finish, finished) = oneshot::channel();
    let write = move || {
        be_patient();
        // Nobody waits any more when the sender has gone.
        let _ = finish.send(write_all(file, waiting));
    };
    thread::Builder::new().name("upload".into()).spawn(write).map_err(|error| failure(&error))?;
    let mut stream = body.into_data_stream();
    let mut received = 0;
    while received < length {
        let piece = match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(_)) | None) | Err(_) => return Err(Failure::Interrupted {}),
        };
        received += piece.len() as u64;
        if received > length {
            return Err(Failure::Damaged {});
        }
        percent((received * 100 / length) as u8);
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    drop(pieces);
    match finished.await {
        Ok(Ok(written)) if written == length => Ok(incomplete.keep()),
        Ok(Ok(_)) | Err(_) => Err(Failure::Interrupted {}),
        Ok(Err(error)) => Err(failure(&error)),
    }
}

fn write_all(mut file: File, mut waiting: mpsc::Receiver<Bytes>) -> std::io::Result<u64> {
    let (mut written, mut synced) = (0, 0);
    while let Some(piece) = waiting.blocking_recv() {
        file.write_all(&piece)?;
        written += piece.len() as u64;
        if written - synced >= SYNC_EVERY {
            file.sync_data()?;
            synced = written;
        }
    }
    file.sync_data()?;
    Ok(written)
}

fn failure(error: &std::io::Error) -> Failure {
    if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
        return Failure::NoSpace {};
    }
    Failure::Other { detail: format!("the upload can't be kept: {error}") }
}

/// A file that goes away unless it is kept.
struct Incomplete(Option<PathBuf>);

impl Incomplete {
    fn keep(mut self) -> PathBuf {
        self.0.take().expect("it is taken only here, and this takes itself")
    }
}

impl Drop for Incomplete {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive_all(length: u64, bytes: &[u8]) -> (Result<PathBuf, Failure>, tempfile::TempDir, Vec<u8>) {
        let state = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut told = Vec::new();
        let body = Body::from(bytes.to_vec());
        let received = runtime.block_on(receive(state.path(), length, body, |percent| told.push(percent)));
        (received, state, told)
    }

    #[test]
    fn a_whole_upload_is_in_its_file() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
        let (received, _state, told) = receive_all(bytes.len() as u64, &bytes);
        assert_eq!(fs::read(received.unwrap()).unwrap(), bytes);
        assert_eq!(told.last(), Some(&100));
    }

    #[test]
    fn one_that_is_not_leaves_nothing() {
        let cases = [
            (200, 100, Failure::Interrupted {}),
            (50, 100, Failure::Damaged {}),
            (0, 0, Failure::Damaged {}),
            (MAX_BYTES + 1, 0, Failure::TooLarge {}),
        ];
        for (length, sent, expected) in cases {
            let (received, state, _) = receive_all(length, &vec![7; sent]);
            assert_eq!(received, Err(expected));
            let left: Vec<_> = fs::read_dir(state.path().join(FOLDER)).into_iter().flatten().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }

    #[test]
    fn more_than_the_storage_has_is_refused_before_it_is_sent() {
        let state = tempfile::tempdir().unwrap();
        let free = rustix::fs::statvfs(state.path()).unwrap();
        let length = free.f_bavail * free.f_frsize;
        if length > MAX_BYTES {
            return;
        }
        let (received, ..) = receive_all(length, &[]);
        assert_eq!(received, Err(Failure::NoSpace {}));
    }
}
