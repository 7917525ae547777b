//! The few calls of the operating system that the standard library does not offer, so that `unsafe` stays here.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Sends `signal` to one process.
///
/// # Errors
/// When there is no such process, or it is not ours.
pub(crate) fn signal(pid: u32, signal: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: kill takes two integers and touches no memory of ours.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends `signal` to a process group.
///
/// # Errors
/// When there is none, or it is not ours.
pub(crate) fn signal_group(leader: u32, signal: i32) -> io::Result<()> {
    let group = i32::try_from(leader).map_err(io::Error::other)?;
    // SAFETY: kill takes two integers and touches no memory of ours.
    if unsafe { libc::kill(-group, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Runs the calling thread before all that are not real-time ones, where this process may; hands that are late measure
/// themselves.
pub(crate) fn be_prompt() {
    let parameters = libc::sched_param { sched_priority: 60 };
    // SAFETY: `parameters` is valid, and 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) };
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid takes nothing and can't fail.
    unsafe { libc::geteuid() == 0 }
}

/// `CLOCK_REALTIME`, in nanoseconds since the Unix epoch.
pub(crate) fn wall_clock_ns() -> u64 {
    let now = read_clock(libc::CLOCK_REALTIME);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// `CLOCK_MONOTONIC`, in microseconds.
pub(crate) fn monotonic_us() -> u64 {
    let now = read_clock(libc::CLOCK_MONOTONIC);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

/// How fast this processor's time stamp counter counts, in kHz, within some 10 ppm.
#[cfg(target_arch = "x86_64")]
pub(crate) fn time_stamp_counter_khz() -> u64 {
    // The counter between two looks at the clock that were close together, and the clock in their middle.
    let look = || {
        let looks = std::iter::repeat_with(|| {
            let before = read_clock(libc::CLOCK_MONOTONIC);
            // SAFETY: it reads a register.
            let count = unsafe { std::arch::x86_64::_rdtsc() };
            let after = read_clock(libc::CLOCK_MONOTONIC);
            let ns = |time: &libc::timespec| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
            (ns(&after) - ns(&before), count, u64::midpoint(ns(&before), ns(&after)))
        });
        looks.take(20).min_by_key(|(gap, ..)| *gap).expect("there are twenty")
    };
    let (_, count, ns) = look();
    std::thread::sleep(std::time::Duration::from_millis(100));
    let (_, later_count, later_ns) = look();
    (later_count - count) * 1_000_000 / (later_ns - ns)
}

fn read_clock(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec. Linux always has both clocks.
    unsafe { libc::clock_gettime(clock, &mut now) };
    now
}

/// Sets `CLOCK_REALTIME`.
///
/// # Errors
/// When this process may not.
pub(crate) fn set_wall_clock(since_epoch_ns: u64) -> io::Result<()> {
    let to = libc::timespec {
        tv_sec: (since_epoch_ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (since_epoch_ns % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: `to` is a valid timespec.
    if unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &to) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Puts this thread, and the processes that it starts from now on, into a network of its own, with loopback alone.
///
/// # Errors
/// When this process may not.
pub(crate) fn leave_the_network() -> io::Result<()> {
    // SAFETY: unshare takes an integer and touches no memory of ours.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes the child die with us, however we die, and puts it into a process group of its own so that a Ctrl-C at the
/// terminal reaches it through us and not before.
pub(crate) fn bind_to_us(command: &mut Command) {
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and only calls prctl, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        });
    }
}

/// Raises the limit of open files of this process and its children as far as it goes.
///
/// Returns how many files may be open now.
///
/// # Errors
/// When the limit can't be read.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit for both calls.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}
