//! Clients without a browser: to say what no page would say, and to be many.

pub mod foreign;
mod media;
pub mod odd;
mod offering;
mod receiver;
mod socket;

pub use offering::{Offering, PictureCount};
pub(crate) use receiver::now_ms;
pub use receiver::{Receiver, Seen, Want};
pub use socket::{Frame, Socket, client_hello, connect_from, fresh_id};
