"""Whatever the layer's metadata refers to is there."""

import re

from .common import DEVICE, LAYER, SOURCES, Failed, read, recipes, relative, require
from .kas_files import MACHINES

# Where a recipe takes `file://` from instead of from beside itself.
ELSEWHERE = {
    "doorway_source.bbclass": SOURCES,
    "doorway-boot-script_git.bb": DEVICE / "boot",
    "doorway-device_git.bb": DEVICE,
    "doorway-virtual-board_git.bb": SOURCES / "hil-tests/virtual/guest",
    "doorway-rauc-conf_git.bb": DEVICE / "rauc",
    "doorway-linux.inc": LAYER / "recipes-kernel/linux/files",
    "linux-raspberrypi_%.bbappend": LAYER / "recipes-kernel/linux/files",
}


def check():
    entries = used = 0
    for recipe in recipes():
        text = re.sub(r"^\s*#.*$", "", read(recipe), flags=re.MULTILINE)
        for entry in re.findall(r"file://([^\s\";]+)", text):
            if entry.startswith(("${COMMON_LICENSE_DIR}", "${COREBASE}")):
                continue
            entries += 1
            if "${MACHINE}" in entry:
                for machine in MACHINES:
                    place = ELSEWHERE[recipe.name] / entry.replace("${MACHINE}", machine)
                    require(place.exists(), f"{relative(recipe)}: {relative(place)} is not there, and {machine} needs it")
                continue
            name = recipe.name.split("_")[0].rsplit(".", 1)[0]
            places = [recipe.parent / "files"] + ([ELSEWHERE[recipe.name]] if recipe.name in ELSEWHERE else [recipe.parent / name])
            require(
                any((place / entry).exists() for place in places),
                f"{relative(recipe)}: file://{entry} is not in {' or '.join(relative(place) for place in places)}",
            )
        for file in re.findall(r"^(?:require|include) (\S+)$", text, re.MULTILINE):
            if "${" not in file:
                require((recipe.parent / file).exists() or (LAYER / file).exists(), f"{relative(recipe)} requires {file}, which is not there")
    all_text = "".join(read(path) for path in recipes())
    for path in sorted(LAYER.rglob("*")):
        if path.is_file() and path.parent.name == "files" and "recipes-" in str(path):
            used += 1
            require(f"file://{path.name}" in all_text, f"{relative(path)} is named by no recipe: use it or remove it")
    _nothing_twice()
    return f"{entries} entries are there, none of {used} files is left over"


def _nothing_twice():
    """The device's tree is a package beside others: a file of theirs would end the image's build."""
    others = {
        "etc/fstab": "base-files", "etc/hosts": "netbase", "etc/hostname": "base-files", "etc/nsswitch.conf": "base-files",
        "etc/os-release": "os-release", "usr/lib/os-release": "os-release", "etc/passwd": "base-passwd", "etc/group": "base-passwd",
        "etc/doorway/doorway.toml": "doorway-device, from machines/", "usr/lib/systemd/system/doorwayd.service": "doorwayd",
        "usr/lib/udev/rules.d/60-doorway.rules": "doorwayd", "usr/lib/sysusers.d/doorway.conf": "doorwayd",
        "usr/lib/rauc/system.conf": "rauc-conf", "usr/lib/rauc/keyring.pem": "rauc-conf", "etc/systemd/system.conf": "systemd",
        "etc/systemd/journald.conf": "systemd", "etc/systemd/resolved.conf": "systemd", "etc/wpa_supplicant.conf": "wpa-supplicant",
        "etc/asound.conf": "alsa-state", "etc/issue": "base-files", "etc/profile": "base-files",
    }
    for path, package in others.items():
        if (DEVICE / "root" / path).exists():
            raise Failed(f"yocto/device/root/{path} is also in the package {package}: use a drop-in folder instead")
