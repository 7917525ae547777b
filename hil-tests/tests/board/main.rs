//! Cases for a device with a kernel of its own: drivers, service manager, network, power.
//!
//! `cargo test --test board` runs them on a virtual board, which is built on the first run. A machine that can't have a lab
//! gets them ignored, with the reason.

mod buttons;
mod call;
mod camera;
mod companion;
mod harness;
mod machine;
mod network;
mod power;
mod provision;
mod relay;
mod scenes;
mod sound;
mod update;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run(&[
        ("call", call::CASES),
        ("buttons", buttons::CASES),
        ("relay", relay::CASES),
        ("camera", camera::CASES),
        ("sound", sound::CASES),
        ("network", network::CASES),
        ("companion", companion::CASES),
        ("machine", machine::CASES),
        ("power", power::CASES),
        ("provision", provision::CASES),
        ("update", update::CASES),
    ])
}
