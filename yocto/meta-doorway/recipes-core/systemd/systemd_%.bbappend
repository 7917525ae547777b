# A station has no screen to dim, no container, no keyboard, and nobody who logs in on a serial line.
PACKAGECONFIG:remove:doorway = "backlight binfmt hibernate machined nss-mymachines quotacheck serial-getty-generator vconsole"
# What the generator's absence would bring instead. The developer image asks for it by name.
RRECOMMENDS:${PN}:remove:doorway = "systemd-serialgetty"
# The house's name server is asked through systemd-resolved, which knows doorway-XXXX.local.
RESOLV_CONF:doorway = "stub-resolv"
