require recipes-kernel/linux/doorway-linux.inc
# nooelint: oelint.vars.noncoreoverride - a search path alone changes nothing
FILESEXTRAPATHS:prepend := "${THISDIR}/../../../../recipes-kernel/linux/files:"

SRC_URI:append:doorway = " file://doorway-raspberrypi.cfg"
