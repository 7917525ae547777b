//! The two system calls that neither std nor our dependencies wrap.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// CLOCK_MONOTONIC now, as the time since its unspecified start.
pub(crate) fn monotonic_now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, exclusively borrowed timespec for the duration of the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(result, 0, "every Linux kernel has CLOCK_MONOTONIC");
    let seconds = u64::try_from(time.tv_sec).expect("CLOCK_MONOTONIC counts from boot");
    let nanos = u32::try_from(time.tv_nsec).expect("a timespec has less than a second of nanoseconds");
    Duration::new(seconds, nanos)
}

/// What [`wait_readable`] saw of one descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Quiet,
    Readable,
    /// The other end is gone: a closed pipe, an unplugged chip. May still have something to read.
    Gone,
}

/// Sleeps until at least one descriptor has something to read or is gone.
pub(crate) fn wait_readable(descriptors: &[BorrowedFd<'_>]) -> io::Result<Vec<Readiness>> {
    let mut polled: Vec<libc::pollfd> = descriptors
        .iter()
        .map(|descriptor| libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 })
        .collect();
    loop {
        let count = libc::nfds_t::try_from(polled.len()).expect("a board has few descriptors");
        // SAFETY: `polled` holds `count` valid entries, exclusively borrowed, whose descriptors are open for the
        // duration of the call because they are borrowed.
        let result = unsafe { libc::poll(polled.as_mut_ptr(), count, -1) };
        if result >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let gone = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
    Ok(polled
        .iter()
        .map(|entry| match entry.revents {
            0 => Readiness::Quiet,
            seen if seen & gone != 0 => Readiness::Gone,
            _ => Readiness::Readable,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_written_pipe_is_readable_and_a_closed_one_is_gone() {
        let (quiet, _quiet_writer) = io::pipe().unwrap();
        let (readable, mut writer) = io::pipe().unwrap();
        let (gone, closed) = io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        drop(closed);
        let seen = wait_readable(&[quiet.as_fd(), readable.as_fd(), gone.as_fd()]).unwrap();
        assert_eq!(seen, [Readiness::Quiet, Readiness::Readable, Readiness::Gone]);
    }
}
