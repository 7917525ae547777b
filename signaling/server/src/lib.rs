//! The companion: brings stations and clients together and serves the page. It passes offers, answers and
//! candidates on; it never sees media.
//!
//! [`Companion::bind`] takes the port, [`Companion::handle`] lets a station of the same process come in without a
//! socket, [`Companion::run`] serves until it is told to stop. Everything that decides is in
//! [`doorway_proto::rooms`]; this crate owns the sockets and the clock.
//!
//! - `/ws`: the WebSocket of [`doorway_proto::signaling`]
//! - `/healthz`: `ok`
//! - `/claim`: how a station that nobody has set up gets its secret; only with [`Settings::claim`]
//! - `/certificate`, `/ca.crt`: the certificate to install, and how; only with [`Settings::tls`]
//! - what [`Companion::merge`] and [`Companion::merge_private`] add; the latter for the household alone
//! - everything else: the page, embedded into the binary
//!
//! Metrics are recorded with the `metrics` facade: install a recorder before [`Companion::bind`].

mod certificate;
mod claim;
mod companion;
mod connection;
mod entry;
mod gate;
mod guard;
mod hub;
mod local;
mod numbers;
mod outbox;
mod page;
mod private;
mod settings;
mod tls;

pub use claim::{Claim, Household};
pub use companion::{Companion, Handle, Status};
pub use local::LocalStation;
pub use page::asset;
pub use settings::{BindError, Secret, Settings, SettingsError};
pub use tls::{Tls, provider};
