//! The machine that a board is. A saved state fits its own command line and QEMU only, so this file is part of a state's key.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::image::Image;
use crate::lab;

/// The files of one machine: where it is spoken with, and what it writes to.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) qmp: PathBuf,
    pub(super) jig: PathBuf,
    pub(super) console: PathBuf,
    pub(super) written: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        let file = |name| folder.join(name);
        Self { qmp: file("qmp"), jig: file("jig"), console: file("console.log"), written: file("written") }
    }
}

/// The program, and what does not change from one board to the next.
///
/// Nehalem encodes twice as fast as `max`. Without `tsc=reliable` the kernel may take the ACPI timer for its clock, and every
/// look at the time leaves the emulated processor.
const MACHINE: [&str; 13] = [
    "qemu-system-x86_64",
    "-M",
    "pc,hpet=off",
    "-accel",
    "tcg,thread=multi,tb-size=256",
    "-cpu",
    "Nehalem",
    "-smp",
    "2",
    "-m",
    "512",
    "-append",
    "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off audit=0 apparmor=0 selinux=0 tsc=reliable \
     random.trust_cpu=on",
];

/// What QEMU says of its version.
pub(super) fn version() -> Result<Vec<u8>> {
    let [program, ..] = MACHINE;
    Ok(Command::new(program).arg("--version").output().with_context(|| format!("starting {program}"))?.stdout)
}

pub(super) fn command(image: &Image, files: &Files, state: Option<&Path>) -> Command {
    let [program, machine @ ..] = MACHINE;
    let mut command = Command::new(program);
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]).args(machine);
    command.arg("-kernel").arg(image.kernel()).arg("-initrd").arg(image.initrd());
    // The initrd tells the drives apart by their order. What the board calls written is in this machine's hands when QEMU is
    // killed, so nothing has to be flushed.
    let drives = [
        ("root", &image.root(), "readonly=on"),
        ("tools", &image.tools().to_owned(), "readonly=on"),
        ("written", &files.written, "cache=unsafe"),
    ];
    for (id, file, how) in drives {
        command.arg("-drive").arg(format!("if=none,id={id},file={},format=raw,{how}", file.display()));
        command.arg("-device").arg(format!("virtio-blk-pci,drive={id}"));
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
