require recipes-kernel/linux/doorway-linux.inc
FILESEXTRAPATHS:prepend:doorway := "${THISDIR}/../../../../recipes-kernel/linux/files:"

SRC_URI:append:doorway = " file://doorway-raspberrypi.cfg"
