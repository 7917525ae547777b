# The device brings its own networks, see yocto/device.
PACKAGECONFIG:remove:doorway = "dhcp-ethernet"

# After the device's own file, which says the same for all machines: what this machine's watchdog is able to count to.
do_install:append:doorway () {
    if [ -n "${DOORWAY_WATCHDOG}" ]; then
        install -d ${D}${systemd_unitdir}/system.conf.d
        printf '[Manager]\nRuntimeWatchdogSec=%s\n' '${DOORWAY_WATCHDOG}' > ${D}${systemd_unitdir}/system.conf.d/60-watchdog.conf
    fi
}
