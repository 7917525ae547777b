SUMMARY = "The companion of Doorway on its own"
DESCRIPTION = "Brings stations and clients together and serves the page: for several stations, or clients from outside. A \
               single station has it built in."
SECTION = "net"
# Ours, and what of the crates is not also under one of these two.
LICENSE = "(MIT | Apache-2.0) & BSD-3-Clause & ISC"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302 \
                    file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10 \
                    "

PV = "${DOORWAY_VERSION}"

inherit doorway_source systemd useradd

CARGO_BUILD_FLAGS += "--package doorway-signaling"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system doorway-signaling"
USERADD_PARAM:${PN} = "--system --home-dir / --no-create-home --shell ${base_sbindir}/nologin --gid doorway-signaling \
                       doorway-signaling"

# Started by whoever has given it a secret.
SYSTEMD_SERVICE:${PN} = "doorway-signaling.service"
SYSTEMD_AUTO_ENABLE = "disable"

do_install () {
    install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/doorway-signaling ${D}${bindir}/doorway-signaling
    install -D -m 0644 ${S}/signaling/systemd/doorway-signaling.service ${D}${systemd_system_unitdir}/doorway-signaling.service
}
