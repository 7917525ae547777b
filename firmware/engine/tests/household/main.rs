//! Whole households in virtual time: stations, pages, the companion's rooms and a network that fails. Nothing here sleeps or opens
//! a socket.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may stop where it stands")]

#[path = "../common/mod.rs"]
mod common;
mod net;
mod page;
mod scenarios;
mod station;
mod walk;
mod world;
