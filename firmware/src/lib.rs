//! `doorwayd`: the daemon of a Doorway station.
//!
//! [`run`] puts a station together; [`event_loop`] is its loop. Calls are `doorway-engine`'s, decisions `doorway-core`'s; what
//! is here reads clocks, sockets, devices and pins. `firmware/ARCHITECTURE.md` has the map.

pub mod backup;
pub mod certificate;
pub mod config;
pub mod durable;
pub mod event_loop;
pub mod factory_reset;
pub mod heap;
pub mod household;
mod http;
pub mod https;
pub mod identity;
pub mod image;
mod inside;
mod keep_running;
pub mod link;
pub mod local;
pub mod metrics;
pub mod net;
mod priority;
pub mod probe;
pub mod provision;
pub mod run;
pub mod self_test;
mod service;
pub mod sound;
pub mod status;
pub mod update;
pub mod video;
