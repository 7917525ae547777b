//! The machine that a board is. A saved state fits its own command line and QEMU only, so this file is part of a state's key.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Architecture;
use super::image::{Image, Start};
use crate::lab;

/// The files of one machine: where it is spoken with, and what it writes to.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) qmp: PathBuf,
    pub(super) jig: PathBuf,
    pub(super) console: PathBuf,
    pub(super) written: PathBuf,
    /// There while a hand is on the call button as the power comes.
    pub(super) held: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        let file = |name| folder.join(name);
        Self {
            qmp: file("qmp"),
            jig: file("jig"),
            console: file("console.log"),
            written: file("written"),
            held: file("held"),
        }
    }
}

/// What QEMU says of its version.
pub(super) fn version(architecture: Architecture) -> Result<Vec<u8>> {
    let [program, ..] = architecture.machine();
    Ok(Command::new(program).arg("--version").output().with_context(|| format!("starting {program}"))?.stdout)
}

/// How fast the board's clock counts. Left to itself an x86 kernel finds out against an emulated timer, and may be far off when
/// this machine has other things to do. The emulated counter is this machine's.
fn known_clock(architecture: Architecture) -> String {
    match architecture {
        #[cfg(target_arch = "x86_64")]
        Architecture::Amd64 => format!(" tsc_early_khz={}", crate::os::time_stamp_counter_khz()),
        #[cfg(not(target_arch = "x86_64"))]
        Architecture::Amd64 => String::new(),
        Architecture::Arm64 => String::new(),
    }
}

pub(super) fn command(image: &Image, files: &Files, state: Option<&Path>) -> Command {
    let architecture = image.architecture();
    let [program, machine @ ..] = architecture.machine();
    let mut command = Command::new(program);
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]).args(machine);
    // What the board calls written is in this machine's hands when QEMU is killed, so nothing has to be flushed.
    match image.start() {
        Start::Kernel { folder, tools } => {
            command.arg("-kernel").arg(folder.join("vmlinuz")).arg("-initrd").arg(folder.join("initrd"));
            command.arg("-append").arg(format!("{}{}", architecture.kernel(), known_clock(architecture)));
            // The initrd tells the drives apart by their order.
            drive(&mut command, "root", &folder.join("root.squashfs"), "readonly=on");
            drive(&mut command, "tools", tools, "readonly=on");
            drive(&mut command, "written", &files.written, "cache=unsafe");
        }
        Start::Disk(flashed) => {
            command.arg("-bios").arg(flashed.boot_loader());
            // A card gives back what it is told to.
            drive(&mut command, "written", &files.written, "cache=unsafe,discard=unmap,detect-zeroes=unmap");
            let held = if files.held.exists() { "1" } else { "0" };
            command.arg("-fw_cfg").arg(format!("name=opt/doorway/call-button,string={held}"));
        }
    }
    command.arg("-netdev").arg(format!("tap,id=net,ifname={},script=no,downscript=no", lab::TAP));
    command.args([
        "-device",
        "virtio-net-pci,netdev=net,mac=52:54:00:77:00:02,romfile=",
        "-device",
        "virtio-serial-pci",
    ]);
    command.arg("-chardev").arg(format!("socket,id=jig,path={},server=on,wait=off", files.jig.display()));
    command.args(["-device", "virtserialport,chardev=jig,name=org.doorway.jig"]);
    command.arg("-chardev").arg(format!("file,id=console,path={},append=on", files.console.display()));
    command.args(["-serial", "chardev:console"]);
    command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", files.qmp.display()));
    if let Some(state) = state {
        command.arg("-incoming").arg(format!("exec:cat '{}'", state.display()));
    }
    command
}

fn drive(command: &mut Command, id: &str, file: &Path, how: &str) {
    command.arg("-drive").arg(format!("if=none,id={id},file={},format=raw,{how}", file.display()));
    command.arg("-device").arg(format!("virtio-blk-pci,drive={id}"));
}
