SUMMARY = "Doorway video intercom"
DESCRIPTION = "A visitor presses the button; every browser of the household rings at once, already showing the visitor; \
               somebody answers, talks, opens the door. Picture and sound go peer to peer, encrypted end to end."
SECTION = "net"
# Ours, and what of the crates is not also under one of these two.
LICENSE = "(MIT | Apache-2.0) & BSD-3-Clause & ISC & Zlib"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302 \
                    file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10 \
                    "

DEPENDS = "alsa-lib glib-2.0 gstreamer1.0 gstreamer1.0-plugins-base"

PV = "${DOORWAY_VERSION}"

inherit doorway_source pkgconfig systemd useradd

CARGO_BUILD_FLAGS += "--package doorwayd"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system gpio; --system doorway"
USERADD_PARAM:${PN} = "--system --home-dir ${localstatedir}/lib/doorway --no-create-home --shell ${base_sbindir}/nologin \
                       --gid doorway --groups video,audio,gpio doorway"

SYSTEMD_SERVICE:${PN} = "doorwayd.service doorway-restart.path doorway-restore.service"

do_install () {
    install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/doorwayd ${D}${bindir}/doorwayd
    install -d ${D}${systemd_system_unitdir}
    install -m 0644 ${S}/firmware/systemd/doorway*.service ${S}/firmware/systemd/doorway*.path ${D}${systemd_system_unitdir}/
    install -D -m 0644 ${S}/firmware/systemd/doorway.sysusers ${D}${nonarch_libdir}/sysusers.d/doorway.conf
    install -D -m 0644 ${S}/firmware/systemd/60-doorway.rules ${D}${nonarch_libdir}/udev/rules.d/60-doorway.rules
    # Every key with its default. What the machine is told is in doorway-device.
    install -D -m 0644 ${S}/firmware/doorway.toml ${D}${docdir}/doorwayd/doorway.toml
}

FILES:${PN} += "${systemd_system_unitdir} ${nonarch_libdir}/sysusers.d ${nonarch_libdir}/udev"
