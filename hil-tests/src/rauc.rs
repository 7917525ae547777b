//! A real RAUC for the cases of an update: a service on a message bus of its own, with two slots that are plain files and
//! keys and bundles made for the case.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::case::Case;
use crate::device::Simulated;
use crate::process::Process;
use crate::tools;
use crate::wait::{Look, until};

/// What a slot holds, in bytes.
const SLOT: u64 = 4 << 20;
/// The image in a bundle: smaller than its slot, and nothing that compresses.
const IMAGE: usize = 2 << 20;
/// Where the image's scripts leave what outlives a restart, and what does not.
const KEPT: &str = "kept";
/// See [`KEPT`].
const OF_THIS_START: &str = "of-this-start";
/// What the station of a case is.
pub const COMPATIBLE: &str = "doorway-test";

/// Why there can be no RAUC on this machine; the cases that need one are ignored then.
pub fn missing() -> Option<String> {
    for program in ["rauc", "dbus-daemon", "busctl", "mksquashfs", "openssl"] {
        let found =
            Command::new(program).arg("--version").output().or_else(|_| Command::new(program).arg("version").output());
        if found.is_err() {
            return Some(format!("there is no {program}; `.ci/install test` installs it"));
        }
    }
    // It mounts the bundle.
    if !crate::os::is_root() {
        return Some("RAUC mounts bundles and needs root".into());
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("RAUC needs loop devices, and this kernel has none".into());
    }
    None
}

/// Who signs a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The one whose certificate the station has.
    Ours,
    /// Another one.
    Alien,
}

/// A RAUC that runs.
#[derive(Debug)]
pub struct Rauc {
    folder: PathBuf,
    bus: String,
    _bus: Process,
    _service: Process,
}

impl Rauc {
    /// Starts it, booted from slot A; an installation takes `slowed_by` longer than the files need.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(case: &Case, slowed_by: Duration) -> Result<Self> {
        let folder = case.fresh("rauc", "");
        for name in ["data", KEPT, OF_THIS_START] {
            fs::create_dir_all(folder.join(name)).with_context(|| format!("making RAUC's folder {name}"))?;
        }
        for key in ["ours", "alien"] {
            make_key(&folder, key)?;
        }
        for slot in ["a", "b"] {
            fs::File::create(folder.join(format!("{slot}.img")))?.set_len(SLOT)?;
        }
        write_scripts(&folder, slowed_by)?;
        fs::write(folder.join("system.conf"), system_conf(&folder))?;
        let socket = folder.join("bus");
        let bus = format!("unix:path={}", socket.display());
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--session", "--nofork", "--nopidfile", "--address"]).arg(&bus);
        let bus_process = Process::start("dbus-daemon", daemon, &case.fresh("dbus", ".log"))?;
        until("the message bus is there", Duration::from_secs(5), async || {
            Ok(Look::when(socket.exists(), (), "no socket"))
        })
        .await?;
        // What it has mounted goes with it, also when it is killed amid an installation.
        let mut rauc = Command::new("unshare");
        rauc.args(["--mount", "rauc", "--conf"]).arg(folder.join("system.conf"));
        rauc.args(["--override-boot-slot=A", "service"]);
        rauc.env("DBUS_SESSION_BUS_ADDRESS", &bus).env("DBUS_STARTER_BUS_TYPE", "session");
        let service = Process::start("rauc", rauc, &case.fresh("rauc", ".log"))?;
        let started = Self { folder, bus, _bus: bus_process, _service: service };
        until("RAUC answers", Duration::from_secs(10), async || {
            let mut ask = Command::new("busctl");
            ask.env("DBUS_SYSTEM_BUS_ADDRESS", &started.bus);
            ask.args(["get-property", "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer", "Compatible"]);
            let answer = ask.output().context("asking RAUC")?;
            Ok(Look::when(answer.status.success(), (), String::from_utf8_lossy(&answer.stderr).into_owned()))
        })
        .await?;
        Ok(started)
    }

    /// What a daemon of the image's `version` finds in its environment.
    pub fn environment(&self, version: &str) -> Result<Vec<(String, String)>> {
        let os_release = self.folder.join(format!("os-release-{version}"));
        fs::write(&os_release, format!("IMAGE_ID=doorway\nIMAGE_VERSION={version}\n"))?;
        let (state, runtime) = (self.state(), self.runtime());
        fs::create_dir_all(&state)?;
        fs::create_dir_all(&runtime)?;
        let variable = |name: &str, value: &Path| (name.to_owned(), value.to_string_lossy().into_owned());
        Ok(vec![
            ("DBUS_SYSTEM_BUS_ADDRESS".to_owned(), self.bus.clone()),
            variable("DOORWAY_OS_RELEASE", &os_release),
            variable("DOORWAY_IMAGE_KEPT", &self.folder.join(KEPT)),
            variable("DOORWAY_IMAGE_RUN", &self.folder.join(OF_THIS_START)),
            variable("STATE_DIRECTORY", &state),
            variable("RUNTIME_DIRECTORY", &runtime),
        ])
    }

    /// Makes a bundle.
    ///
    /// # Errors
    /// When RAUC refuses to.
    pub fn bundle(&self, case: &Case, key: Key, version: &str, compatible: &str) -> Result<PathBuf> {
        let content = case.fresh("content", "");
        fs::create_dir_all(&content)?;
        let noise = fs::File::open("/dev/urandom")?;
        let mut image = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(noise, IMAGE as u64), &mut image)?;
        fs::write(content.join("root.img"), image)?;
        // A verity bundle needs the device mapper, which not every kernel of a test machine has.
        let format = if Path::new("/dev/mapper/control").exists() { "verity" } else { "plain" };
        let manifest = format!(
            "[update]\ncompatible={compatible}\nversion={version}\n[bundle]\nformat={format}\n\
             [image.rootfs]\nfilename=root.img\n"
        );
        fs::write(content.join("manifest.raucm"), manifest)?;
        let bundle = case.fresh("bundle", ".raucb");
        let name = match key {
            Key::Ours => "ours",
            Key::Alien => "alien",
        };
        let mut rauc = Command::new("rauc");
        rauc.arg("bundle").arg("--cert").arg(self.folder.join(format!("{name}.cert.pem")));
        rauc.arg("--key").arg(self.folder.join(format!("{name}.key.pem"))).arg(&content).arg(&bundle);
        run(rauc)?;
        Ok(bundle)
    }

    /// Whether the other slot was written.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn is_written(&self) -> Result<bool> {
        let slot = fs::read(self.folder.join("b.img")).context("reading the other slot")?;
        Ok(slot.iter().any(|byte| *byte != 0))
    }

    /// The slot that the bootloader would start next.
    pub fn next_slot(&self) -> String {
        fs::read_to_string(self.folder.join("primary")).map_or_else(|_| "A".into(), |slot| slot.trim().to_owned())
    }

    /// The machine starts again: what its scripts left of this start is gone, and they are not done yet.
    ///
    /// # Errors
    /// When that can't be removed.
    pub fn starts_again(&self) -> Result<()> {
        let folder = self.folder.join(OF_THIS_START);
        fs::remove_dir_all(&folder).and_then(|()| fs::create_dir(&folder)).context("starting again")
    }

    /// The image's scripts are done. They accept what runs, as "VERSION SLOT", and tell what was undone.
    ///
    /// # Errors
    /// When that can't be written.
    pub fn settles(&self, accepted: &str, undone: Option<&str>) -> Result<()> {
        fs::write(self.folder.join(KEPT).join("accepted"), accepted)?;
        if let Some(undone) = undone {
            fs::write(self.folder.join(KEPT).join("undone"), undone)?;
        }
        fs::write(self.folder.join(OF_THIS_START).join("settled"), "").context("telling that the scripts are done")
    }

    /// The daemon's state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The daemon's folder for what does not outlive a restart.
    pub fn runtime(&self) -> PathBuf {
        self.folder.join("runtime")
    }
}

/// Runs `doorwayd self-test` of a device's daemon to its end: its exit code, and what it printed.
///
/// # Errors
/// When it does not end.
pub fn self_test(case: &Case, device: &Simulated) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(tools::doorwayd()?);
    command.arg("self-test").arg("--config").arg(device.config_path());
    let mut process = Process::start("self-test", command, &case.fresh("self-test", ".log"))?;
    let code = process.wait(Duration::from_secs(45))?.code();
    Ok((code, process.log()))
}

fn make_key(folder: &Path, name: &str) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.arg("-subj").arg(format!("/CN={name}"));
    openssl.arg("-keyout").arg(folder.join(format!("{name}.key.pem")));
    openssl.arg("-out").arg(folder.join(format!("{name}.cert.pem")));
    run(openssl)
}

/// A bootloader that is two files, a handler that takes its time, and one that does what the image's does.
fn write_scripts(folder: &Path, slowed_by: Duration) -> Result<()> {
    let backend = "#!/bin/sh\nd=$(dirname \"$0\")\ncase $1 in\n\
        get-primary) cat \"$d/primary\" 2>/dev/null || echo A ;;\n\
        set-primary) echo \"$2\" >\"$d/primary\" ;;\n\
        get-state) cat \"$d/state-$2\" 2>/dev/null || echo good ;;\n\
        set-state) echo \"$3\" >\"$d/state-$2\" ;;\nesac\n";
    let slow = format!("#!/bin/sh\nsleep {}\n", slowed_by.as_secs_f32());
    let installed = format!(
        "#!/bin/sh\nsed -n 's/^version=//p' \"$RAUC_BUNDLE_MOUNT_POINT/manifest.raucm\" >\"$(dirname \"$0\")/{OF_THIS_START}/installed\"\n"
    );
    for (name, script) in [("backend", backend), ("slow", slow.as_str()), ("installed", installed.as_str())] {
        let path = folder.join(name);
        fs::write(&path, script)?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

fn system_conf(folder: &Path) -> String {
    let at = folder.display();
    let slots = ["a", "b"].iter().enumerate().map(|(index, slot)| {
        let name = slot.to_uppercase();
        format!("[slot.rootfs.{index}]\ndevice={at}/{slot}.img\ntype=raw\nbootname={name}\n")
    });
    format!(
        "[system]\ncompatible={COMPATIBLE}\nbootloader=custom\nbundle-formats=plain verity\nmountprefix={at}/mount\n\
         data-directory={at}/data\n[keyring]\npath={at}/ours.cert.pem\n\
         [handlers]\nbootloader-custom-backend={at}/backend\npre-install={at}/slow\npost-install={at}/installed\n{}",
        slots.collect::<String>()
    )
}

fn run(mut command: Command) -> Result<()> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
