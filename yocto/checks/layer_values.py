"""Values that a graph of dependencies does not show: layer_values.py BITBAKE_LIB MACHINE KEYS, in a build
folder. KEYS holds the folders `production` and `development` with keys of both kinds.

A plugin whose option is off, a fragment that no kernel takes, a licence accepted wholesale: `bitbake -g` is content with
all of that, and the device would lack something. The values are those that bitbake-getvar prints, in one process.
"""

import sys

sys.path.insert(0, sys.argv[1])

import bb.build  # noqa: E402
import bb.tinfoil  # noqa: E402
import doorway.crates  # noqa: E402
import doorway.keys  # noqa: E402
import doorway.version  # noqa: E402

from checks.common import SOURCES, read  # noqa: E402
from checks.layout import DEVICE  # noqa: E402

FRAGMENTS = ["doorway-root.cfg", "doorway-update.cfg", "doorway-devices.cfg", "doorway-closed.cfg"]


class Values:
    """The values of one recipe, and what they should be."""

    def __init__(self, d, where):
        self.d, self.where, self.wrong, self.count = d, where, [], 0

    def _note(self, good, variable, flag, problem):
        self.count += 1
        if not good:
            self.wrong.append(f"{self.where}: {variable}{f'[{flag}]' if flag else ''} {problem}")

    def _value(self, variable, flag=None):
        value = self.d.getVarFlag(variable, flag) if flag else self.d.getVar(variable)
        return "" if value is None else str(value)

    def equals(self, variable, wanted, flag=None):
        value = " ".join(self._value(variable, flag).split())
        self._note(value == wanted, variable, flag, f"is '{value}', not '{wanted}'")

    def has(self, variable, *words, flag=None):
        value = self._value(variable, flag).split()
        for word in words:
            self._note(word in value, variable, flag, f"lacks '{word}': it is '{' '.join(value)[:300]}'")

    def lacks(self, variable, *words, flag=None):
        value = self._value(variable, flag).split()
        for word in words:
            self._note(word not in value, variable, flag, f"has '{word}'")

    def contains(self, variable, *parts, flag=None):
        value = self._value(variable, flag)
        for part in parts:
            self._note(part in value, variable, flag, f"does not say '{part}': it is '{value[:300]}'")


def of_distribution(v, machine):
    v.equals("DISTRO", "doorway")
    v.equals("MACHINE", machine)
    v.has("DISTRO_FEATURES", "alsa", "ipv6", "rauc", "seccomp", "systemd", "usrmerge", "wifi")
    v.lacks("DISTRO_FEATURES", "3g", "bluetooth", "nfc", "nfs", "opengl", "pulseaudio", "sysvinit", "vulkan", "wayland", "x11", "zeroconf")
    v.equals("INIT_MANAGER", "systemd")
    v.lacks("LICENSE_FLAGS_ACCEPTED", "commercial")
    v.has("INHERIT", "create-spdx")
    v.equals("COPY_LIC_MANIFEST", "1")
    v.equals("BB_STRICT_CHECKSUM", "1")
    v.equals("KERNEL_IMAGETYPE", "Image")
    v.equals("PREFERRED_PROVIDER_virtual/bootloader", "u-boot")
    v.equals("PREFERRED_PROVIDER_u-boot-default-script", "doorway-boot-script")
    # Nobody at a door listens to the kernel.
    if machine != "qemuarm64":
        for console in ("ttyS", "ttyAMA", "serial0"):
            v._note(console not in v._value("DOORWAY_KERNEL_ARGUMENTS"), "DOORWAY_KERNEL_ARGUMENTS", None, f"has a console on {console}")


def of_image(v, machine):
    v.equals("DOORWAY_PRODUCTION", "1")
    v.equals("IMAGE_FSTYPES", "ext4 wic.bz2 wic.bmap" if machine != "qemuarm64" else v.d.getVar("IMAGE_FSTYPES"))
    v.has("IMAGE_FSTYPES", "ext4", "wic.bz2", "wic.bmap")
    v.has("IMAGE_FEATURES", "read-only-rootfs")
    v.lacks("IMAGE_FEATURES", "allow-empty-password", "allow-root-login", "empty-root-password", "serial-autologin-root", "ssh-server-openssh",
            "ssh-server-dropbear", "debug-tweaks")
    v.has("IMAGE_INSTALL", "packagegroup-doorway", "packagegroup-core-boot")
    v.lacks("IMAGE_INSTALL", "packagegroup-doorway-development")
    v.has("BAD_RECOMMENDATIONS", "rauc-mark-good")
    v.has("ROOTFS_POSTPROCESS_COMMAND", "doorway_preset", "doorway_check_keyring", "doorway_check_users", "doorway_check_kernel", "doorway_mask", "doorway_check_closed")
    v.contains("EXTRA_IMAGECMD:ext4", "^has_journal", "hash_seed=")
    v.has("IMAGE_TYPEDEP:wic", "ext4")
    v.contains("WKS_FULL_PATH", "doorway.wks")
    v.has("do_image_wic", "doorway-boot-script:do_deploy", "virtual/bootloader:do_deploy", flag="depends")
    boot = v.d.getVar("IMAGE_BOOT_FILES").split()
    for file in ["boot.scr"] + (["u-boot.bin;kernel_2712.img" if machine == "raspberrypi5" else "u-boot.bin;kernel8.img"] if machine != "qemuarm64" else []):
        v._note(file in boot, "IMAGE_BOOT_FILES", None, f"lacks {file}")
    v._note("Image" not in boot, "IMAGE_BOOT_FILES", None, "has the kernel, which is in the slot")


def of_developer_image(v, machine):
    v.equals("DOORWAY_PRODUCTION", "0")
    v.has("IMAGE_INSTALL", "packagegroup-doorway", "packagegroup-doorway-development")


def of_bundle(v, machine):
    v.equals("DOORWAY_PRODUCTION", "1")
    v.equals("RAUC_BUNDLE_FORMAT", "verity")
    v.equals("RAUC_BUNDLE_COMPATIBLE", f"doorway-{machine}")
    v.equals("RAUC_BUNDLE_VERSION", doorway.version.of_checkout(SOURCES))
    v.equals("RAUC_SLOT_rootfs", "doorway-image")
    v.equals("RAUC_SLOT_rootfs", "ext4", flag="fstype")
    v.has("do_bundle", "doorway_check_signing", flag="prefuncs")
    v.contains("BUNDLE_ARGS", "--keyring=")


def refuses_development_keys(v, keys):
    """Runs the class's own functions: on the bundle's signature, and on the keyring in an image's root."""
    import shutil
    import tempfile
    from pathlib import Path

    d = v.d.createCopy()
    with tempfile.TemporaryDirectory() as folder:
        d.setVar("T", folder)
        d.setVar("IMAGE_ROOTFS", f"{folder}/root")
        place = Path(d.expand("${IMAGE_ROOTFS}${nonarch_libdir}/rauc"))
        place.mkdir(parents=True)
        function = "doorway_check_signing" if d.getVar("PN") == "doorway-bundle" else "doorway_check_keyring"
        for kind, accepted in (("production", True), ("development", d.getVar("DOORWAY_PRODUCTION") == "0")):
            for variable, file in (("KEYRING", "keyring.pem"), ("SIGNING_CERT", "signing.pem"), ("SIGNING_KEY", "signing.key")):
                d.setVar(f"DOORWAY_{variable}", f"{keys}/{kind}/{file}")
            shutil.copy(f"{keys}/{kind}/keyring.pem", place / "keyring.pem")
            v._note(_runs(function, d) == accepted, function, None, f"{'refuses' if accepted else 'accepts'} keys for {kind}")
        d.setVar("DOORWAY_SIGNING_KEY", "")
        if function == "doorway_check_signing":
            v._note(not _runs(function, d), function, None, "accepts no key at all")


def _runs(function, d):
    """Whether a function of a recipe comes to its end. Those that it calls are in another process until they are defined here."""
    bb.utils._context["doorway"] = doorway
    for name in ("doorway_require_file", "doorway_refuse_development"):
        bb.methodpool.insert_method("doorway", d.getVar(name, False), name, 1)
    try:
        bb.build.exec_func(function, d)
        return True
    except bb.BBHandledException:
        return False


def of_daemon(v, machine):
    crates = doorway.crates.of_lock(SOURCES / "Cargo.lock")
    v.has("SRC_URI", *(doorway.crates.uri(name, version) for name, version, _ in crates))
    for name, version, checksum in crates:
        v.equals("SRC_URI", checksum, flag=doorway.crates.flag(name, version))
    extra = [uri for uri in v.d.getVar("SRC_URI").split() if uri.startswith("crate://")]
    v._note(len(extra) == len(crates), "SRC_URI", None, f"has {len(extra)} crates, Cargo.lock {len(crates)}")
    v.contains("CARGO_BUILD_FLAGS", "--frozen", "--package doorwayd")
    v.contains("USERADD_PARAM:doorwayd", "--uid 810", "video", "audio", "gpio")
    v.contains("GROUPADD_PARAM:doorwayd", "--gid 820")
    v.has("DEPENDS", "alsa-lib", "clang-native", "cmake-native", "gstreamer1.0-plugins-base", "rust-native", "cargo-native")
    v.equals("SYSTEMD_SERVICE:doorwayd", "doorwayd.service doorway-restart.path doorway-restore.service")
    v.equals("PV", doorway.version.of_checkout(SOURCES))
    v._note(bool(v._value("DOORWAY_COMMIT")), "DOORWAY_COMMIT", None, "is empty")


def of_kernel(v, machine):
    for fragment in FRAGMENTS:
        v.has("SRC_URI", f"file://{fragment}")
    v.has("SRC_URI", "file://doorway-virtual.cfg" if machine == "qemuarm64" else "file://doorway-raspberrypi.cfg")
    found = [v.d.expand(entry) for entry in v.d.getVar("FILESPATH").split(":")]
    from pathlib import Path

    for fragment in FRAGMENTS:
        v._note(any((Path(place) / fragment).is_file() for place in found), "FILESPATH", None, f"does not lead to {fragment}")


def of_u_boot(v, machine):
    v.has("SRC_URI", "file://doorway.cfg")
    v.has("DEPENDS", "u-boot-default-script")
    v.equals("UBOOT_MACHINE", "qemu_arm64_defconfig" if machine == "qemuarm64" else "rpi_arm64_config")
    if machine == "qemuarm64":
        v.has("SRC_URI", "file://doorway-virtio.cfg")


def of_pi_firmware(v, machine):
    v.contains("RPI_EXTRA_CONFIG", "camera_auto_detect=1", "dtparam=audio=on", "dtparam=watchdog=on")
    v.equals("ENABLE_UART", "1")
    v.equals("RPI_USE_U_BOOT", "1")
    v.contains("VC4DTBO", "vc4-kms-v3d")
    v.contains("VC4DTBO", {"raspberrypi4-64": "cma-256", "raspberrypi5": "vc4-kms-v3d"}.get(machine, "cma-128"))
    v.has("KERNEL_DEVICETREE", "overlays/imx219.dtbo", "overlays/imx708.dtbo", "overlays/ov5647.dtbo", "overlays/googlevoicehat-soundcard.dtbo",
          "overlays/wm8960-soundcard.dtbo")


def of_package_group(v, machine):
    v.has("RDEPENDS:packagegroup-doorway-media", "gstreamer1.0-plugins-base-app", "gstreamer1.0-plugins-base-videoconvertscale",
          "gstreamer1.0-plugins-good-jpeg", "gstreamer1.0-plugins-good-video4linux2", "gstreamer1.0-plugins-ugly-x264",
          "gstreamer1.0-plugins-bad-openh264")
    v.has("RDEPENDS:packagegroup-doorway-system", "kernel-image", "kernel-modules", "libubootenv-bin", "rauc", "doorway-rauc-conf", "wpa-supplicant")
    if machine != "qemuarm64":
        v.has("RDEPENDS:packagegroup-doorway-media", "libcamera-gst")
        v.has("RDEPENDS:packagegroup-doorway-system", "wireless-regdb-static", "linux-firmware-rpidistro-bcm43455")
    if machine == "raspberrypi0-2w-64":
        v.has("RDEPENDS:packagegroup-doorway-system", "linux-firmware-rpidistro-bcm43436", "linux-firmware-rpidistro-bcm43436s")


def of_rauc_configuration(v, machine):
    v.equals("PACKAGE_ARCH", v.d.getVar("MACHINE_ARCH"))
    v.has("RPROVIDES:doorway-rauc-conf", "virtual-rauc-conf")
    v.has("FILESPATH", str(DEVICE / "rauc"))


def of_systemd(v, machine):
    v.has("PACKAGECONFIG", "hostnamed", "kmod", "networkd", "nss-resolve", "resolved", "seccomp", "sysusers", "timesyncd")
    v.lacks("PACKAGECONFIG", "serial-getty-generator", "vconsole", "machined", "hibernate")
    v.lacks("RDEPENDS:systemd", "systemd-serialgetty", "volatile-binds")
    v.equals("RESOLV_CONF", "stub-resolv")
    # zeroconf in the distribution would switch mDNS off.
    v._note("default-mdns=no" not in v._value("EXTRA_OEMESON"), "EXTRA_OEMESON", None, "switches systemd-resolved's mDNS off")


def option(*wanted, without=()):
    def check(v, machine):
        v.equals("PACKAGECONFIG", " ".join(wanted)) if not without else (v.has("PACKAGECONFIG", *wanted), v.lacks("PACKAGECONFIG", *without))

    return check


def of_x264(v, machine):
    v.equals("PACKAGECONFIG", "")
    v.lacks("DEPENDS", "ffmpeg")


def of_rauc(v, machine):
    v.equals("PACKAGECONFIG", "service network streaming json nocreate")
    v.lacks("RRECOMMENDS:rauc", "rauc-mark-good", "squashfs-tools")
    v.has("RDEPENDS:rauc", "u-boot-fw-utils")


def of_libcamera(v, machine):
    v.has("PACKAGECONFIG", "gst", "raspberrypi")


def of_watchdog(v, machine):
    v.equals("DOORWAY_WATCHDOG", "30s" if machine == "qemuarm64" else "15s")
    v.contains("do_install", "RuntimeWatchdogSec")
    v.lacks("PACKAGECONFIG", "dhcp-ethernet")


def of_version(v, machine):
    v.has("OS_RELEASE_FIELDS", "IMAGE_ID", "IMAGE_VERSION")
    v.equals("IMAGE_ID", "doorway")
    v.equals("IMAGE_VERSION", doorway.version.of_checkout(SOURCES))


def of_boot_script(v, machine):
    v.contains("DOORWAY_KERNEL_ARGUMENTS", "quiet", "net.ifnames=0")
    for placeholder in ("@ARGUMENTS@",):
        v._note(placeholder in read(DEVICE / "boot/boot.cmd"), "boot.cmd", None, f"has no {placeholder}")
        v.contains("do_compile", placeholder)


def of_companion(v, machine):
    v.contains("CARGO_BUILD_FLAGS", "--package doorway-signaling")
    v.equals("SYSTEMD_AUTO_ENABLE", "disable")


RECIPES = {
    "doorway-image": of_image,
    "doorway-image-dev": of_developer_image,
    "doorway-bundle": of_bundle,
    "doorwayd": of_daemon,
    "doorway-signaling": of_companion,
    "doorway-boot-script": of_boot_script,
    "doorway-rauc-conf": of_rauc_configuration,
    "packagegroup-doorway": of_package_group,
    "gstreamer1.0-plugins-base": option("orc"),
    "gstreamer1.0-plugins-good": option("orc", "jpeg", "v4l2"),
    "gstreamer1.0-plugins-bad": option("orc", "openh264"),
    "gstreamer1.0-plugins-ugly": option("orc", "x264"),
    "os-release": of_version,
    "rauc": of_rauc,
    "systemd": of_systemd,
    "systemd-conf": of_watchdog,
    "u-boot": of_u_boot,
    "virtual/kernel": of_kernel,
    "x264": of_x264,
}
ON_A_PI = {"libcamera": of_libcamera, "rpi-config": of_pi_firmware}


def main(machine, keys):
    recipes = {**RECIPES, **({} if machine == "qemuarm64" else ON_A_PI)}
    wrong, count = [], 0
    with bb.tinfoil.Tinfoil(setup_logging=False) as tinfoil:
        tinfoil.prepare(quiet=2)
        everything = Values(tinfoil.config_data, machine)
        of_distribution(everything, machine)
        found = [everything]
        for name, check in recipes.items():
            if name == "virtual/kernel":
                name = tinfoil.config_data.getVar("PREFERRED_PROVIDER_virtual/kernel")
            try:
                d = tinfoil.parse_recipe(name)
            except Exception as error:  # bitbake raises what it likes.
                wrong.append(f"{name}: it can't be had: {error}")
                continue
            values = Values(d, name)
            check(values, machine)
            if name in ("doorway-image", "doorway-image-dev", "doorway-bundle"):
                refuses_development_keys(values, keys)
            found.append(values)
        for values in found:
            wrong += values.wrong
            count += values.count
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"{count} values of {len(found)} recipes" if not wrong else f"{len(wrong)} values are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2], sys.argv[3]))
