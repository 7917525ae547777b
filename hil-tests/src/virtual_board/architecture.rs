//! The processors that a board can have.

use anyhow::{Result, bail};

/// A board's processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// That of most machines which run the tests: the programs are those that were built for them.
    Amd64,
    /// That of the devices: the programs come from the cross build.
    Arm64,
}

impl Architecture {
    /// As the user names it: `HIL_ARCHITECTURE`, amd64 if it is not set.
    ///
    /// # Errors
    /// When there is no such board.
    pub fn chosen() -> Result<Self> {
        match std::env::var("HIL_ARCHITECTURE").as_deref() {
            Err(_) | Ok("amd64") => Ok(Self::Amd64),
            Ok("arm64") => Ok(Self::Arm64),
            Ok(other) => bail!("HIL_ARCHITECTURE is {other}; there is amd64 and arm64"),
        }
    }

    /// Debian's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// QEMU's program, and those of its arguments that do not change from one board to the next.
    pub(super) fn machine(self) -> [&'static str; 13] {
        match self {
            // Nehalem encodes twice as fast as `max`. Without `tsc=reliable` the kernel may take the ACPI timer for its
            // clock, and every look at the time leaves the emulated processor.
            Self::Amd64 => machine(
                "qemu-system-x86_64",
                "pc,hpet=off",
                "Nehalem",
                "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off audit=0 apparmor=0 selinux=0 \
                 tsc=reliable random.trust_cpu=on",
            ),
            // A Raspberry Pi 4's processor. Without `kpti=off` the kernel changes the page tables at every system call, and the
            // emulator forgets its own.
            Self::Arm64 => machine(
                "qemu-system-aarch64",
                "virt",
                "cortex-a72",
                "console=ttyAMA0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off audit=0 apparmor=0 selinux=0 \
                 kpti=off random.trust_cpu=on",
            ),
        }
    }
}

const fn machine(
    program: &'static str,
    machine: &'static str,
    processor: &'static str,
    kernel: &'static str,
) -> [&'static str; 13] {
    [
        program,
        "-M",
        machine,
        "-accel",
        "tcg,thread=multi,tb-size=256",
        "-cpu",
        processor,
        "-smp",
        "2",
        "-m",
        "512",
        "-append",
        kernel,
    ]
}
