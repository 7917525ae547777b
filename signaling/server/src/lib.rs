//! The companion: brings stations and clients together and serves the page. It passes offers, answers and
//! candidates on; it never sees media.
//!
//! [`Companion::listen`] takes the port, [`Companion::handle`] lets a station of the same process come in without a
//! socket, [`Companion::run`] serves until it is told to stop. Everything that decides is in
//! [`doorway_proto::rooms`]; this crate owns the sockets and the clock.
//!
//! - `/ws`: the WebSocket of [`doorway_proto::signaling`]
//! - `/healthz`: `ok`
//! - `/claim`: how a station that nobody has set up gets its secret; only with [`Settings::claim`]
//! - `/certificate`, `/certificate.json`, `/ca.crt`: the certificate to install, and how; only with [`Settings::tls`]
//! - `/trusted`: for the page over plain HTTP to find out whether this browser trusts it; only with [`Settings::tls`]
//! - what [`Companion::merge`] and [`Companion::merge_private`] add; the latter for the household alone
//! - everything else: the page, embedded into the binary
//!
//! Metrics are recorded with the `metrics` facade: install a recorder before [`Companion::new`].

mod allowance;
mod certificate;
mod claim;
mod companion;
mod compressed;
mod connection;
mod entry;
mod fingerprint;
mod gate;
mod guard;
mod guesses;
mod http;
mod hub;
mod listener;
mod local;
mod neighbours;
mod numbers;
mod outbox;
mod page;
mod places;
mod private;
mod secret;
mod settings;
mod source;
mod tls;

pub use certificate::OwnAuthority;
pub use claim::{Claim, Household};
pub use companion::{Companion, Handle, Status};
pub use fingerprint::Fingerprint;
pub use guard::harden;
pub use local::LocalStation;
pub use page::asset;
pub use secret::{Secret, SecretError};
pub use settings::{BindError, Settings, SettingsError};
pub use tls::{ShowCertificate, Tls, provider};
