//! The heap that we share with GStreamer and the codecs, set to give back what a call or an odd client took.
#![allow(unsafe_code)]

/// The bytes that may stay at the heap's end when they are free. Named, it also keeps glibc from raising the size at which
/// a buffer gets pages of its own to twice the largest that it ever freed.
const TRIM_THRESHOLD: libc::c_int = 128 * 1024;

/// Sets it up; before the first thread is started, as each may get a heap of its own.
pub fn set_up() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD)] {
        // SAFETY: both are integers that glibc's allocator takes at any time.
        let taken = unsafe { libc::mallopt(setting, value) };
        debug_assert_eq!(taken, 1, "glibc takes these settings");
    }
}
