# Slots are of an MBR, and whether a slot is good is not decided by its having started.
PACKAGECONFIG:doorway = "service network streaming json nocreate"
RRECOMMENDS:${PN}:remove:doorway = "${PN}-mark-good squashfs-tools"
