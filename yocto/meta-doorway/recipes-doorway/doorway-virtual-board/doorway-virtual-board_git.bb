SUMMARY = "Camera, sound card and GPIO lines of a board that is none"
DESCRIPTION = "The kernel plays them: the same files as the black-box suite's virtual board has."
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

PV = "${DOORWAY_VERSION}"

SRC_URI = "file://40-doorway-virtual-board.preset \
           file://board.toml \
           file://root/etc/modprobe.d/virtual-board.conf \
           file://root/etc/modules-load.d/virtual-board.conf \
           file://root/etc/systemd/system/board-gpio.service \
           file://root/usr/lib/virtual-board/make-gpio \
           "

S = "${UNPACKDIR}"

inherit doorway_version

# nooelint: oelint.vars.bbvars.FILESPATH - most of the files are the suite's own
FILESPATH = "${THISDIR}/files:${DOORWAY_SOURCE}/hil-tests/virtual/guest"
COMPATIBLE_MACHINE = "^qemuarm64$"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install () {
    install -D -m 0644 ${S}/root/etc/modprobe.d/virtual-board.conf ${D}${nonarch_libdir}/modprobe.d/virtual-board.conf
    install -D -m 0644 ${S}/root/etc/modules-load.d/virtual-board.conf ${D}${nonarch_libdir}/modules-load.d/virtual-board.conf
    install -D -m 0644 ${S}/root/etc/systemd/system/board-gpio.service ${D}${systemd_system_unitdir}/board-gpio.service
    install -D -m 0755 ${S}/root/usr/lib/virtual-board/make-gpio ${D}${nonarch_libdir}/virtual-board/make-gpio
    install -D -m 0644 ${S}/board.toml ${D}${nonarch_libdir}/doorway/board.toml
    install -D -m 0644 ${S}/40-doorway-virtual-board.preset \
        ${D}${systemd_unitdir}/system-preset/40-doorway-virtual-board.preset
}

FILES:${PN} += "${nonarch_libdir} ${systemd_unitdir}"
