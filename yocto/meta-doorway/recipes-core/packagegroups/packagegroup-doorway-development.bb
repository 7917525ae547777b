SUMMARY = "A shell on a Doorway device, and tools to look around"
DESCRIPTION = "Apart from the station's own packages, so that nothing of it is even built for an image of production."
SECTION = "base"

inherit features_check packagegroup

REQUIRED_DISTRO_FEATURES = "rauc systemd"

RDEPENDS:${PN} = "alsa-utils-aplay \
                  doorway-development \
                  gdbserver \
                  htop \
                  i2c-tools \
                  iproute2 \
                  iproute2-tc \
                  libgpiod-tools \
                  nano \
                  openssh-sftp-server \
                  openssh-sshd \
                  strace \
                  systemd-analyze \
                  systemd-serialgetty \
                  v4l-utils \
                  "
