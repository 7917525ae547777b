# Element of the daemon: x264enc.
PACKAGECONFIG:doorway = "${GSTREAMER_ORC} x264"
