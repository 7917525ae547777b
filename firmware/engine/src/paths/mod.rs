//! The ways on which clients reach the station.

mod host;

pub(crate) use host::HostAddresses;
