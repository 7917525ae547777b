SUMMARY = "A developer's way into a Doorway device"
DESCRIPTION = "ssh that takes keys and nothing else. Whose keys: DOORWAY_AUTHORIZED_KEYS names a file outside of the tree."
SECTION = "console/network"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

PV = "${DOORWAY_VERSION}"

SRC_URI = "file://40-doorway-development.preset \
           file://doorway-keys-only.conf \
           "

S = "${UNPACKDIR}"

inherit doorway_version

DOORWAY_AUTHORIZED_KEYS ??= ""
INHIBIT_DEFAULT_DEPS = "1"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install () {
    install -D -m 0644 ${S}/doorway-keys-only.conf ${D}${sysconfdir}/ssh/sshd_config.d/doorway-keys-only.conf
    install -D -m 0644 ${S}/40-doorway-development.preset ${D}${systemd_unitdir}/system-preset/40-doorway-development.preset
    install -d ${D}${nonarch_libdir}/doorway
    if [ -n "${DOORWAY_AUTHORIZED_KEYS}" ]; then
        install -m 0644 ${DOORWAY_AUTHORIZED_KEYS} ${D}${nonarch_libdir}/doorway/authorized_keys
    else
        bbwarn "DOORWAY_AUTHORIZED_KEYS is not set: nobody gets in by ssh, only on the serial line"
    fi
}
do_install[file-checksums] += "${@'${DOORWAY_AUTHORIZED_KEYS}:True' if d.getVar('DOORWAY_AUTHORIZED_KEYS') else ''}"

FILES:${PN} += "${nonarch_libdir}/doorway ${systemd_unitdir}/system-preset"
RDEPENDS:${PN} = "openssh-sshd"
