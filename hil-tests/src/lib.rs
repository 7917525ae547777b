//! Black-box tests of a whole Doorway device, and the tools that they are made of.
//!
//! A case starts a device, opens real browsers on its page, presses its buttons and measures what a person would
//! see and hear: the clock in the picture, the tone in the sound, the relay that moves. Nothing here looks into the
//! daemon's code; it knows its configuration, its local endpoint, the page's hooks and the messages of
//! `doorway-proto`.
//!
//! - [`case`]: the frame around every case: one at a time, a folder of its own, logs and screenshots when it fails.
//! - [`device`]: the kinds of device, and the layers that they are made of.
//! - [`virtual_board`]: a whole device in QEMU, in a network of its own, see [`lab`].
//! - [`bench`]: a real device, and what is wired around it.
//! - [`jig`]: hands, eyes and ears on another computer: contacts, lines, files, programs, clocks.
//! - [`browser`]: Chromium, its page and what is measured inside it.
//! - [`scene`]: the openings that most cases begin with.
//! - [`peer`]: clients without a browser: a raw WebSocket, and a small WebRTC receiver.
//! - [`rauc`]: a real RAUC with slots, keys and bundles for the cases of an update.
//! - [`leaks`], [`tone`], [`wait`], [`process`]: what all of them use.
//! - [`file_server`], [`mdns`]: what a household network has beside the device.
//! - [`figures`]: the measurements behind `make figures`; [`bare_sender`]: what their CPU times are multiples of.
//!
//! A missing tool is an error that names its remedy, never a pass.

pub mod bare_sender;
pub mod bench;
pub mod browser;
pub mod case;
pub mod device;
pub mod figures;
pub mod file_server;
pub mod jig;
pub mod lab;
pub mod leaks;
pub mod mdns;
pub mod peer;
pub mod process;
pub mod rauc;
pub mod report;
pub mod scene;
pub mod tone;
pub mod tools;
pub mod virtual_board;
pub mod wait;

mod os;
