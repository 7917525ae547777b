SUMMARY = "What a Doorway station consists of"
SUMMARY:${PN}-media = "Camera, encoder and sound"
SUMMARY:${PN}-system = "Network, updates, and the tools of the device's scripts"
DESCRIPTION = "The daemon, its media, the system around it."
SECTION = "base"

PACKAGE_ARCH = "${MACHINE_ARCH}"

inherit features_check packagegroup

# Nor are its encoders accepted by another distribution.
REQUIRED_DISTRO_FEATURES = "rauc systemd"

PACKAGES = "${PN} ${PN}-media ${PN}-system"

DOORWAY_FIRMWARE ??= ""

RDEPENDS:${PN} = "${PN}-media \
                  ${PN}-system \
                  doorway-device \
                  doorwayd \
                  "

RDEPENDS:${PN}:append:qemuarm64 = " doorway-virtual-board"

# One package a GStreamer element that the daemon makes; capsfilter is GStreamer's own.
RDEPENDS:${PN}-media = "alsa-utils-alsactl \
                        alsa-utils-amixer \
                        gstreamer1.0 \
                        gstreamer1.0-plugins-bad-openh264 \
                        gstreamer1.0-plugins-base-app \
                        gstreamer1.0-plugins-base-videoconvertscale \
                        gstreamer1.0-plugins-good-jpeg \
                        gstreamer1.0-plugins-good-video4linux2 \
                        gstreamer1.0-plugins-ugly-x264 \
                        "
RDEPENDS:${PN}-media:append:rpi = " libcamera libcamera-gst"

# The scripts are tested with these tools, not with busybox's.
RDEPENDS:${PN}-system = "${DOORWAY_FIRMWARE} \
                         ca-certificates \
                         coreutils \
                         doorway-rauc-conf \
                         e2fsprogs-e2fsck \
                         e2fsprogs-mke2fs \
                         findutils \
                         kernel-image \
                         kernel-modules \
                         kmod \
                         libubootenv-bin \
                         os-release \
                         procps \
                         rauc \
                         rauc-service \
                         tzdata \
                         util-linux-blkdiscard \
                         util-linux-mount \
                         util-linux-mountpoint \
                         util-linux-partx \
                         util-linux-sfdisk \
                         wpa-supplicant \
                         "
RDEPENDS:${PN}-system:append:rpi = " wireless-regdb-static"
