//! What becomes of an energised relay when the daemon is killed: the kernel's part of a door's safety.

use std::fmt;
use std::fs;
use std::path::Path;

/// What becomes of an energised relay when this process dies without running another instruction (`kill -9`, the
/// out-of-memory killer).
///
/// The kernel closes the process's files, and that releases the lines of a GPIO character device; what 'released' means
/// for the pin is up to the chip's driver. Registers that were written through /dev/gpiomem stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhenKilled {
    /// The driver turns the line back into an input: the pull at the relay's driver releases it.
    Releases,
    /// The line stays driven: only hardware, a supervisor or a restart releases the relay.
    StaysEnergised {
        /// What keeps it.
        why: String,
        /// How to change that.
        remedy: String,
    },
    /// It depends on the chip's driver, which does not say.
    UpToTheDriver {
        /// The driver's label.
        driver: String,
    },
}

impl fmt::Display for WhenKilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhenKilled::Releases => f.write_str("the kernel releases the relay"),
            WhenKilled::StaysEnergised { why, remedy } => {
                write!(f, "the relay stays energised: {why}; {remedy}")
            }
            WhenKilled::UpToTheDriver { driver } => {
                write!(f, "it is up to the driver `{driver}`: kill the daemon during a pulse and measure the line")
            }
        }
    }
}

impl WhenKilled {
    /// For a line of a chip with that label, with the kernel's module parameters in `modules` (`/sys/module`).
    pub(crate) fn of_chip(label: &str, modules: &Path) -> Self {
        let module = match label {
            "pinctrl-bcm2835" | "pinctrl-bcm2711" => "pinctrl_bcm2835",
            "pinctrl-rp1" => "pinctrl_rp1",
            _ => {
                return WhenKilled::UpToTheDriver { driver: label.to_owned() };
            }
        };
        // Raspberry Pi's own kernels keep outputs by default since early 2024, mainline does not; both tell here.
        let parameter = modules.join(module).join("parameters/persist_gpio_outputs");
        match fs::read_to_string(parameter).as_deref().map(str::trim) {
            Ok("N" | "0") => WhenKilled::Releases,
            Ok(_) => WhenKilled::StaysEnergised {
                why: format!("this kernel keeps outputs when they are released ({module}.persist_gpio_outputs)"),
                remedy: "add `dtparam=strict_gpiod` to config.txt and reboot".into(),
            },
            Err(_) => WhenKilled::UpToTheDriver { driver: label.to_owned() },
        }
    }

    /// The answer for several relays: the least safe one.
    pub(crate) fn least_safe(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |one: &Self| match one {
            WhenKilled::Releases => 0,
            WhenKilled::UpToTheDriver { .. } => 1,
            WhenKilled::StaysEnergised { .. } => 2,
        };
        all.into_iter().max_by_key(rank).unwrap_or(WhenKilled::Releases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FakeModules(std::path::PathBuf);

    impl FakeModules {
        fn new(name: &str, persist: &str) -> Self {
            let root = std::env::temp_dir().join(format!("doorway-modules-{name}-{}", std::process::id()));
            let folder = root.join("pinctrl_bcm2835/parameters");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("persist_gpio_outputs"), persist).unwrap();
            Self(root)
        }
    }

    impl Drop for FakeModules {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn a_raspberry_pi_kernel_says_whether_it_keeps_outputs() {
        let keeps = FakeModules::new("keeps", "Y\n");
        let found = WhenKilled::of_chip("pinctrl-bcm2711", &keeps.0);
        assert!(found.to_string().contains("strict_gpiod"), "{found}");
        let releases = FakeModules::new("releases", "N\n");
        assert_eq!(WhenKilled::of_chip("pinctrl-bcm2835", &releases.0), WhenKilled::Releases);
    }

    #[test]
    fn a_kernel_that_does_not_say_is_not_taken_for_safe() {
        let nothing = Path::new("/nonexistent");
        for label in ["pinctrl-bcm2711", "pinctrl-rp1", "gpio-mxc"] {
            let found = WhenKilled::of_chip(label, nothing);
            assert_eq!(found, WhenKilled::UpToTheDriver { driver: label.into() });
        }
    }

    #[test]
    fn the_least_safe_relay_decides() {
        let unknown = WhenKilled::UpToTheDriver { driver: "x".into() };
        let stays = WhenKilled::StaysEnergised { why: String::new(), remedy: String::new() };
        let all = [WhenKilled::Releases, stays.clone(), unknown.clone()];
        assert_eq!(WhenKilled::least_safe(all), stays);
        assert_eq!(WhenKilled::least_safe([WhenKilled::Releases, unknown.clone()]), unknown);
        assert_eq!(WhenKilled::least_safe([]), WhenKilled::Releases);
    }
}
