//! A station's calls without I/O: what the core decides becomes messages, WebRTC connections and commands for the hardware.
//!
//! [`Station`] is the one thing that a shell drives. Its run loop:
//! 1. what has happened: any number of `handle_…`, each with the shell's `now`;
//! 2. [`Station::handle_timeout`] with that `now`;
//! 3. drain [`Station::poll_output`] and do what it says, in its order;
//! 4. sleep until [`Station::poll_timeout`] or the next input. The reason beside the instant is for logs.
//!
//! What holds here: no socket, thread, file or clock; time comes in with each input. A peer's bad input ends that peer's part
//! and nothing else. What waits to be drained is bounded by what a shell feeds before it drains.

pub mod impairment;
pub mod peer;
pub mod timeline;

mod forward;
mod paths;
mod peers;
mod station;
mod wire;

pub use impairment::{Impairment, ImpairmentSettings};
pub use peer::PeerError;
pub use station::{Event, MediaCommand, Output, Picture, Settings, SettingsError, Sound, Station, Timing};
pub use timeline::{Marks, WallClock};

/// The `profile-level-id` that every offer carries: constrained baseline, level 3.1 (RFC 6184 section 8.1). What an encoder makes
/// has to say the same of itself.
///
/// The bytes are `profile_idc` 66, constraint sets 0, 1 and 2, and `level_idc` 31. All browsers decode it, and
/// 1280x720 at 30 frames per second fills level 3.1 exactly.
pub const H264_PROFILE_LEVEL_ID: &str = "42e01f";
