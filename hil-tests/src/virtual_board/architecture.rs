//! The processors that a board can have.

use serde::Deserialize;

/// A board's processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// That of most machines which run the tests: the programs are those that were built for them.
    Amd64,
    /// That of the devices: the programs come from the cross build.
    Arm64,
}

impl Architecture {
    /// Debian's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// QEMU's program, and those of its arguments that do not change from one board to the next.
    pub(super) fn machine(self) -> [&'static str; 11] {
        // Nehalem encodes twice as fast as `max`. The other is a Raspberry Pi 4's.
        let [program, machine, processor] = match self {
            Self::Amd64 => ["qemu-system-x86_64", "pc,hpet=off", "Nehalem"],
            Self::Arm64 => ["qemu-system-aarch64", "virt", "cortex-a72"],
        };
        let accelerator = "tcg,thread=multi,tb-size=256";
        [program, "-M", machine, "-accel", accelerator, "-cpu", processor, "-smp", "2", "-m", "512"]
    }

    /// The kernel's command line.
    pub(super) fn kernel(self) -> &'static str {
        match self {
            // Without `tsc=reliable` the kernel may take the ACPI timer for its clock, and every look at the time leaves the
            // emulated processor.
            Self::Amd64 => {
                "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off audit=0 apparmor=0 selinux=0 \
                 random.trust_cpu=on tsc=reliable"
            }
            // Without `kpti=off` the kernel changes the page tables at every system call, and the emulator forgets its own.
            Self::Arm64 => {
                "console=ttyAMA0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off audit=0 apparmor=0 selinux=0 \
                 kpti=off random.trust_cpu=on"
            }
        }
    }
}
