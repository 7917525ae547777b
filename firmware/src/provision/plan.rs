//! What has to be done at this start, from what is there. Pure.
//!
//! The steps come in an order that makes every prefix safe: what a power cut leaves is either applied anew at the next
//! start, or was applied. So a file is remembered as taken over only after all that it asks for is written, and erased
//! only after that.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::file::{self, Wishes};
use super::wifi;
use crate::config::ConfigError;

/// What is remembered between starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// The fingerprint of the file that was taken over last.
    pub file: Option<String>,
    /// The name that a file gave the device.
    pub hostname: Option<String>,
}

/// What there is at a start.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The boot partition's file.
    pub file: Option<Vec<u8>>,
    /// Whether there is a file whose erasing was cut off.
    pub half_erased: bool,
    /// The complaint about an earlier file.
    pub complaint: Option<Vec<u8>>,
    /// What is remembered; `None` before the first start has come to its end.
    pub memory: Option<Memory>,
    /// The configuration that the image ships.
    pub shipped: String,
    /// The text of `/etc/hostname`.
    pub hostname: Option<String>,
    /// The name that follows from the device's id.
    pub own_name: String,
}

/// A file of the root file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `wpa_supplicant-wlan0.conf`.
    Wifi,
    /// `doorway.toml`.
    Config,
    /// What is remembered.
    Memory,
    /// `hostname`.
    Hostname,
}

/// One step. Each is safe to be cut off at any instant, and to be done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write a file whole.
    Write(Place, Vec<u8>),
    /// Give the boot partition's file the name of one that is being erased.
    SetAside,
    /// Overwrite and remove the file that was set aside.
    Erase,
    /// Write the complaint beside the file.
    Complain(Vec<u8>),
    /// Take an old complaint away.
    ComplainNoMore,
}

/// The steps of this start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// To be done in this order.
    pub steps: Vec<Step>,
    /// Why the file was not taken over, if it was not.
    pub refused: Option<ConfigError>,
}

/// What has to be done. `fits` says whether a configuration suits the board.
pub fn plan(found: &Found, fits: impl Fn(&Wishes) -> Result<(), ConfigError>) -> Plan {
    let mut steps = Vec::new();
    let mut refused = None;
    if found.half_erased {
        steps.push(Step::Erase);
    }
    let mut memory = found.memory.clone().unwrap_or_default();
    if let Some(bytes) = &found.file {
        let fingerprint = fingerprint(bytes);
        let read = file::read(bytes, &found.shipped).and_then(|wishes| fits(&wishes).map(|()| wishes));
        let is_known = memory.file.as_deref() == Some(fingerprint.as_str());
        match read {
            Ok(Wishes { has_secrets: true, .. }) if is_known => erase(&mut steps),
            // It was good when it was taken over, whatever this version thinks of it.
            Err(_) if is_known && file::mentions_secrets(bytes) => erase(&mut steps),
            Ok(_) | Err(_) if is_known => {}
            Ok(wishes) => {
                take_over(&wishes, fingerprint, &mut memory, &mut steps);
            }
            Err(error) => {
                let complaint = complaint(&error);
                if found.complaint.as_deref() != Some(complaint.as_slice()) {
                    steps.push(Step::Complain(complaint));
                }
                refused = Some(error);
            }
        }
    }
    // Also when the power was cut between the taking over and this.
    if found.complaint.is_some() && found.file.is_some() && refused.is_none() {
        let at = steps.iter().position(|step| *step == Step::SetAside).unwrap_or(steps.len());
        steps.insert(at, Step::ComplainNoMore);
    }
    let hostname = memory.hostname.as_deref().unwrap_or(&found.own_name);
    if found.hostname.as_deref().map(str::trim) != Some(hostname) {
        let at = steps.iter().position(|step| matches!(step, Step::Write(Place::Memory, _))).unwrap_or(0);
        steps.insert(at, Step::Write(Place::Hostname, format!("{hostname}\n").into_bytes()));
    }
    // The mark of a first start that came to its end.
    if found.memory.is_none() && !steps.iter().any(|step| matches!(step, Step::Write(Place::Memory, _))) {
        steps.push(written(&memory));
    }
    Plan { steps, refused }
}

fn take_over(wishes: &Wishes, fingerprint: String, memory: &mut Memory, steps: &mut Vec<Step>) {
    if let Some(wifi) = &wishes.device.wifi {
        steps.push(Step::Write(Place::Wifi, wifi::configuration(wifi).into_bytes()));
    }
    if let Some((text, _)) = &wishes.config {
        steps.push(Step::Write(Place::Config, text.clone().into_bytes()));
    }
    memory.file = Some(fingerprint);
    if wishes.device.hostname.is_some() {
        memory.hostname.clone_from(&wishes.device.hostname);
    }
    steps.push(written(memory));
    if wishes.has_secrets {
        erase(steps);
    }
}

fn written(memory: &Memory) -> Step {
    Step::Write(Place::Memory, serde_json::to_vec(memory).expect("all keys are strings"))
}

fn erase(steps: &mut Vec<Step>) {
    steps.extend([Step::SetAside, Step::Erase]);
}

fn fingerprint(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For Notepad: with a byte-order mark and CR LF.
fn complaint(error: &ConfigError) -> Vec<u8> {
    let text = format!(
        "Doorway has not taken over {}, and nothing was changed:\n\n{error}\n\nMend the file, save it, and start the \
         station again. This note goes away by itself.\n",
        file::NAME
    );
    format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
