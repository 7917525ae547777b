require doorway-linux.inc

# Camera, sound card and GPIO lines that the kernel itself plays, for a board that is none.
SRC_URI:append:doorway:qemuarm64 = " file://doorway-virtual.cfg"
