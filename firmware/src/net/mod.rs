//! The one UDP socket of all peers, and the station's addresses.

mod interfaces;
mod socket;

pub use interfaces::{has_address, interface_names, local_addresses};
pub use socket::{Datagrams, PeerSocket, SocketError};
