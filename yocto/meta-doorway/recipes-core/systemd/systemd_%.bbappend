# A station has no screen to dim, no container, no keyboard, and nobody who logs in on a serial line.
PACKAGECONFIG:remove:doorway = "backlight binfmt hibernate machined nss-mymachines quotacheck serial-getty-generator vconsole"
# A login on each of the machine's serial lines, which the developer image asks for by name; and folders in memory over what the
# device keeps on its data partition.
RDEPENDS:${PN}:remove:doorway = "systemd-serialgetty volatile-binds"
# The house's name server is asked through systemd-resolved, which knows doorway-XXXX.local.
RESOLV_CONF:doorway = "stub-resolv"
