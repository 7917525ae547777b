"""The programs that the device's scripts call are in the image."""

import re

from .common import DEVICE, LAYER, read, require, words_of

# Others are systemd's own, or busybox has the same.
PACKAGES = {
    "blkdiscard": "util-linux-blkdiscard",
    "dd": "coreutils",
    "doorwayd": "doorwayd",
    "e2fsck": "e2fsprogs-e2fsck",
    "find": "findutils",
    "fw_setenv": "libubootenv-bin",
    "mke2fs": "e2fsprogs-mke2fs",
    "mount": "util-linux-mount",
    "mountpoint": "util-linux-mountpoint",
    "partx": "util-linux-partx",
    "rauc": "rauc",
    "resize2fs": "e2fsprogs-resize2fs",
    "sfdisk": "util-linux-sfdisk",
    "shred": "coreutils",
    "sort": "coreutils",
    "wpa_passphrase": "wpa-supplicant-passphrase",
}


def check():
    group = set()
    text = read(LAYER / "recipes-core/packagegroups/packagegroup-doorway.bb")
    for part in ("", "-system"):
        group |= set(words_of(text, "RDEPENDS:${PN}" + part))
    called = set()
    scripts = [path for path in (DEVICE / "root/usr/lib/doorway").iterdir() if path.is_file()]
    for path in scripts:
        code = re.sub(r"(^|\s)#.*$", "", read(path), flags=re.MULTILINE)
        for tool, package in PACKAGES.items():
            if re.search(rf"(?:^|[\s;|&(`])(?:/usr)?(?:/s?bin/)?{tool}(?=\s)", code, re.MULTILINE):
                called.add(tool)
                require(package in group, f"yocto/device/root/usr/lib/doorway/{path.name} calls {tool}: add {package} to packagegroup-doorway.bb")
    return f"{len(called)} tools that {len(scripts)} scripts call are in the image"
