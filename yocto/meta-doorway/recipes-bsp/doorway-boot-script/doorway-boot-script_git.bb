SUMMARY = "U-Boot's script that starts one of two slots"
DESCRIPTION = "Counts the attempts of each slot, so that a system that does not get as far as testing itself is left again."
SECTION = "bootloaders"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

DEPENDS = "u-boot-mkimage-native"
PROVIDES = "u-boot-default-script"

PV = "${DOORWAY_VERSION}"

# One script for both images; what differs is what the kernel is told.
SRC_URI = "file://README.txt \
           file://boot.cmd \
           "

S = "${UNPACKDIR}"

inherit deploy doorway_version nopackages

# nooelint: oelint.vars.bbvars.FILESPATH - the files are not beside this recipe, and nowhere else either
FILESPATH = "${DOORWAY_SOURCE}/yocto/device/boot"
DOORWAY_KERNEL_ARGUMENTS ??= "quiet"
COMPATIBLE_HOST = "aarch64.*-linux"
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

do_compile () {
    sed 's|@ARGUMENTS@|${DOORWAY_KERNEL_ARGUMENTS}|' ${S}/boot.cmd > ${WORKDIR}/boot.cmd
    uboot-mkimage -A arm64 -T script -C none -n "Doorway" -d ${WORKDIR}/boot.cmd ${WORKDIR}/boot.scr
}

do_deploy () {
    install -m 0644 ${WORKDIR}/boot.scr ${DEPLOYDIR}/boot.scr
    install -m 0644 ${S}/README.txt ${DEPLOYDIR}/boot-readme.txt
}
do_deploy[doc] = "Puts the compiled script where the image takes it from"
addtask deploy after do_compile before do_build
