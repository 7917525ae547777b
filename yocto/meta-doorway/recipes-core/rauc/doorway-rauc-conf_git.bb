SUMMARY = "RAUC's view of a Doorway device, and whose updates it takes"
DESCRIPTION = "The configuration is the one that the other image has as well; the keyring comes from outside of the tree."
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

PV = "${DOORWAY_VERSION}"

SRC_URI = "file://system.conf.in"

S = "${UNPACKDIR}"

inherit doorway_keys doorway_version features_check

# In another distribution it would stand beside rauc's own.
REQUIRED_DISTRO_FEATURES = "rauc"

# nooelint: oelint.vars.bbvars.FILESPATH - the file is not beside this recipe, and nowhere else either
FILESPATH = "${DOORWAY_SOURCE}/yocto/device/rauc"
# Keys for development may be packaged; the image that they end up in decides whether it takes them.
DOORWAY_PRODUCTION = "0"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

python do_configure () {
    doorway_refuse_development(d, doorway_require_file(d, "DOORWAY_KEYRING"))
}

do_compile[noexec] = "1"

do_install () {
    install -d ${D}${nonarch_libdir}/rauc
    sed -e 's|@MACHINE@|${MACHINE}|' -e 's|@VERSION@|${DOORWAY_VERSION}|' ${S}/system.conf.in > ${D}${nonarch_libdir}/rauc/system.conf
    chmod 0644 ${D}${nonarch_libdir}/rauc/system.conf
    install -m 0644 ${DOORWAY_KEYRING} ${D}${nonarch_libdir}/rauc/keyring.pem
}
do_install[file-checksums] += "${@'${DOORWAY_KEYRING}:True' if d.getVar('DOORWAY_KEYRING') else ''}"

FILES:${PN} += "${nonarch_libdir}/rauc"
# What rauc recommends.
RPROVIDES:${PN} += "virtual-rauc-conf"
RCONFLICTS:${PN} = "rauc-conf"
