# The virtual board's disk is virtio, and it has the script too.
DEPENDS:append:doorway:qemuarm64 = " u-boot-default-script"

FILESEXTRAPATHS:prepend:doorway := "${THISDIR}/files:"

SRC_URI:append:doorway = " file://doorway.cfg"
SRC_URI:append:doorway:qemuarm64 = " file://doorway-virtio.cfg"
