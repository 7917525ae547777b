SUMMARY = "What makes a board a Doorway device"
DESCRIPTION = "Slots, overlays, provisioning, self-test, network: the files that this image and the Debian-based one share."
SECTION = "base"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

PV = "${DOORWAY_VERSION}"

SRC_URI = "file://machines/${MACHINE}.toml \
           file://root \
           "

S = "${UNPACKDIR}"

inherit doorway_version features_check

REQUIRED_DISTRO_FEATURES = "rauc systemd"

# nooelint: oelint.vars.bbvars.FILESPATH - the files are not beside this recipe, and nowhere else either
FILESPATH = "${DOORWAY_SOURCE}/yocto/device"
# It depends on the machine's own configuration of RAUC.
PACKAGE_ARCH = "${MACHINE_ARCH}"
INHIBIT_DEFAULT_DEPS = "1"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install () {
    # As it is, but for what a checkout depends on: owner, and permissions that git does not keep.
    cp -R --no-dereference --preserve=mode,links ${S}/root/. ${D}/
    find ${D} -type d -exec chmod 0755 {} +
    find ${D} -type f -perm /0111 -exec chmod 0755 {} +
    find ${D} -type f ! -perm /0111 -exec chmod 0644 {} +
    chown -R root:root ${D}
    # What a card's doorway.toml leaves out, and what is there without one. It will hold the companion's secret, so it belongs to the
    # daemon's group, by the number that files/doorway-group gives it.
    install -D -m 0644 ${S}/machines/${MACHINE}.toml ${D}${datadir}/doorway/doorway.toml
    install -d ${D}${sysconfdir}/doorway
    install -m 0640 -g 810 ${S}/machines/${MACHINE}.toml ${D}${sysconfdir}/doorway/doorway.toml
    # Where the data partition and the boot partition are mounted.
    install -d ${D}/data ${D}/boot/firmware
}

# Units are enabled by the preset file when the image is made: see systemd_handle_machine_id in oe-core.
PACKAGES = "${PN}"
# nooelint: oelint.var.filesoverride - the tree is one package, whatever is in it
FILES:${PN} = "/"
CONFFILES:${PN} = "${sysconfdir}/doorway/doorway.toml"
RDEPENDS:${PN} = "coreutils \
                  doorway-rauc-conf \
                  doorwayd \
                  e2fsprogs-e2fsck \
                  e2fsprogs-mke2fs \
                  findutils \
                  libubootenv-bin \
                  rauc \
                  util-linux-blkdiscard \
                  util-linux-mount \
                  util-linux-mountpoint \
                  util-linux-partx \
                  util-linux-sfdisk \
                  "
