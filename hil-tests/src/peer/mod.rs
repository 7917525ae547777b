//! Clients without a browser: to say what no page would say, and to be many.

mod media;
mod receiver;
mod socket;

pub use receiver::{Receiver, Seen, Want};
pub use socket::{Frame, Socket, client_hello, fresh_id};
