//! The one UDP socket of all peers, the station's addresses, and a bad network to try things with.

mod impairment;
mod interfaces;
mod socket;

pub use impairment::{Impairment, ImpairmentSettings};
pub use interfaces::{has_address, interface_names, local_addresses};
pub use socket::{Datagrams, PeerSocket, SocketError};
