//! The device image that this daemon came with, if it came with one.

use std::fs;
use std::path::PathBuf;

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Its version, such as `1.2.345`; none where the daemon was installed as a package.
    pub version: Option<String>,
    /// The slot that it was started from, such as `A`.
    pub slot: Option<String>,
}

impl Image {
    /// Reads what the system says of itself. `DOORWAY_OS_RELEASE` names another os-release, for tests.
    pub fn of_this_machine() -> Self {
        let named = std::env::var_os("DOORWAY_OS_RELEASE").map(PathBuf::from);
        let places =
            named.map_or_else(|| vec!["/etc/os-release".into(), "/usr/lib/os-release".into()], |path| vec![path]);
        let os_release = places.iter().find_map(|path: &PathBuf| fs::read_to_string(path).ok()).unwrap_or_default();
        let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
        Self { version: version_in(&os_release), slot: slot_in(&command_line) }
    }
}

/// Other distributions have an `IMAGE_VERSION` too, so it counts only beside our own `IMAGE_ID`.
fn version_in(os_release: &str) -> Option<String> {
    let value = |key: &str| {
        let lines = os_release.lines().filter_map(|line| line.trim().split_once('='));
        let found = lines.rev().find(|(name, _)| *name == key)?;
        Some(found.1.trim_matches(|c| c == '"' || c == '\'').to_owned())
    };
    value("IMAGE_ID").filter(|id| id == "doorway")?;
    value("IMAGE_VERSION").filter(|version| !version.is_empty())
}

fn slot_in(command_line: &str) -> Option<String> {
    command_line.split_whitespace().find_map(|word| word.strip_prefix("rauc.slot=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_our_image_and_of_no_other() {
        let ours = "ID=debian\nIMAGE_ID=doorway\nIMAGE_VERSION=\"1.2.3+4\"\n";
        assert_eq!(version_in(ours).as_deref(), Some("1.2.3+4"));
        assert_eq!(version_in("IMAGE_ID=kiosk\nIMAGE_VERSION=7\n"), None);
        assert_eq!(version_in("ID=debian\nVERSION_ID=12\n"), None);
        assert_eq!(version_in("IMAGE_ID=doorway\nIMAGE_VERSION=\n"), None);
    }

    #[test]
    fn the_slot_is_on_the_kernels_command_line() {
        assert_eq!(slot_in("root=PARTUUID=d0017a00-03 ro rauc.slot=B quiet\n").as_deref(), Some("B"));
        assert_eq!(slot_in("root=/dev/sda1 quiet\n"), None);
    }
}
