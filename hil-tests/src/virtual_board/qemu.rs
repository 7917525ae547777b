//! The machine that a board is. A saved state fits its own command line and QEMU only: after a change to the devices in
//! [`command`], change [`Architecture::machine`] too, which is part of the state's key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Architecture;
use super::image::Image;
use crate::lab;

/// Where the machine is spoken with.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) qmp: PathBuf,
    pub(super) jig: PathBuf,
    pub(super) console: PathBuf,
}

impl Sockets {
    pub(super) fn in_folder(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self { qmp: folder.join("qmp"), jig: folder.join("jig"), console: folder.join("console.log") })
    }
}

/// What QEMU says of its version.
pub(super) fn version(architecture: Architecture) -> Result<Vec<u8>> {
    let [program, ..] = architecture.machine();
    Ok(Command::new(program).arg("--version").output().with_context(|| format!("starting {program}"))?.stdout)
}

pub(super) fn command(image: &Image, sockets: &Sockets, state: Option<&Path>) -> Command {
    let [program, machine @ ..] = image.architecture().machine();
    let mut command = Command::new(program);
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]).args(machine);
    command.arg("-kernel").arg(image.kernel()).arg("-initrd").arg(image.initrd());
    // The initrd tells the drives apart by their order.
    for (id, file) in [("root", image.root()), ("tools", image.tools().to_owned())] {
        command.arg("-drive").arg(format!("if=none,id={id},file={},format=raw,readonly=on", file.display()));
        command.arg("-device").arg(format!("virtio-blk-pci,drive={id}"));
    }
    command.arg("-netdev").arg(format!("tap,id=net,ifname={},script=no,downscript=no", lab::TAP));
    command.args([
        "-device",
        "virtio-net-pci,netdev=net,mac=52:54:00:77:00:02,romfile=",
        "-device",
        "virtio-serial-pci",
    ]);
    command.arg("-chardev").arg(format!("socket,id=jig,path={},server=on,wait=off", sockets.jig.display()));
    command.args(["-device", "virtserialport,chardev=jig,name=org.doorway.jig"]);
    command.arg("-chardev").arg(format!("file,id=console,path={}", sockets.console.display()));
    command.args(["-serial", "chardev:console"]);
    command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", sockets.qmp.display()));
    if let Some(state) = state {
        command.arg("-incoming").arg(format!("exec:cat '{}'", state.display()));
    }
    command
}
