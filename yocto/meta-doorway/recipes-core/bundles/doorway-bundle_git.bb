SUMMARY = "Update bundle of the Doorway station"
DESCRIPTION = "A slot's file system, signed. RAUC verifies it block by block while it streams."
SECTION = "base"
LICENSE = "MIT"

PV = "${DOORWAY_VERSION}"

inherit bundle doorway_keys doorway_version features_check

REQUIRED_DISTRO_FEATURES = "rauc systemd"

# With DOORWAY_BUNDLE_IMAGE = "doorway-image-dev" and keys for development it is a bundle for a developer's board.
DOORWAY_BUNDLE_IMAGE ?= "doorway-image"
DOORWAY_PRODUCTION = "${@'0' if d.getVar('DOORWAY_BUNDLE_IMAGE').endswith('-dev') else '1'}"

RAUC_BUNDLE_FORMAT = "verity"
RAUC_BUNDLE_COMPATIBLE = "doorway-${MACHINE}"
RAUC_BUNDLE_VERSION = "${DOORWAY_VERSION}"
RAUC_BUNDLE_DESCRIPTION = "Doorway ${DOORWAY_VERSION}"
# Not the time: the same checkout makes the same bundle, but for its signature.
RAUC_BUNDLE_BUILD = "${DOORWAY_VERSION}"
RAUC_BUNDLE_SLOTS = "rootfs"
RAUC_SLOT_rootfs = "${DOORWAY_BUNDLE_IMAGE}"
RAUC_SLOT_rootfs[fstype] = "ext4"
RAUC_SLOT_rootfs[rename] = "rootfs.ext4"

RAUC_KEY_FILE = "${DOORWAY_SIGNING_KEY}"
RAUC_CERT_FILE = "${DOORWAY_SIGNING_CERT}"
RAUC_KEYRING_FILE = "${DOORWAY_KEYRING}"
# Verified at once: a bundle that no device takes is better found here.
BUNDLE_ARGS = "--keyring=${DOORWAY_KEYRING} --mksquashfs-args='-comp zstd -Xcompression-level 15'"
BUNDLE_NAME = "${BUNDLE_BASENAME}-${MACHINE}-${DOORWAY_VERSION}"

do_bundle[prefuncs] += "doorway_check_signing"
python doorway_check_signing () {
    doorway_require_file(d, "DOORWAY_SIGNING_KEY")
    for variable in ("DOORWAY_SIGNING_CERT", "DOORWAY_KEYRING"):
        doorway_refuse_development(d, doorway_require_file(d, variable))
}
doorway_check_signing[doc] = "Stops a bundle for production that is signed with keys for development"
