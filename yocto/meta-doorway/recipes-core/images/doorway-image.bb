SUMMARY = "The Doorway station, as it is shipped"
DESCRIPTION = "A door station with updates in two slots. Nobody logs in to it: there is no shell server, no password and no \
               getty."
SECTION = "base"
require doorway-image.inc

DOORWAY_PRODUCTION = "1"

# Neither does a failure end in a prompt: the watchdog and the other slot are what helps a station.
DOORWAY_MASKED_UNITS = "autovt@.service console-getty.service container-getty@.service debug-shell.service emergency.service \
                        getty.target getty@.service rescue.service serial-getty@.service"

ROOTFS_POSTPROCESS_COMMAND += "doorway_mask doorway_check_closed"

doorway_mask[doc] = "Masks every unit that would let somebody log in"
doorway_mask () {
    for unit in ${DOORWAY_MASKED_UNITS}; do
        ln -sf /dev/null ${IMAGE_ROOTFS}${sysconfdir}/systemd/system/$unit
    done
}

# What must not be there, looked for where it would be: a recommendation of some package brings it in unnoticed.
python doorway_check_closed () {
    import glob
    root = d.getVar("IMAGE_ROOTFS")
    for what in ("usr/sbin/sshd", "usr/sbin/dropbear", "usr/sbin/telnetd", "usr/sbin/in.telnetd"):
        if os.path.lexists(os.path.join(root, what)):
            bb.fatal(f"an image of production has /{what}: nobody logs in to a station")
    for unit in glob.glob(f"{root}/etc/systemd/system/*.wants/*getty*") + glob.glob(f"{root}/usr/lib/systemd/system/*.wants/*getty@*"):
        bb.fatal(f"an image of production starts a login: {unit[len(root):]}")
    with open(f"{root}/etc/shadow") as file:
        for line in file:
            name, password = line.split(":")[:2]
            if not password or password[0] not in "*!":
                bb.fatal(f"'{name}' can log in to an image of production")
}
doorway_check_closed[doc] = "Stops an image of production that somebody can log in to"
