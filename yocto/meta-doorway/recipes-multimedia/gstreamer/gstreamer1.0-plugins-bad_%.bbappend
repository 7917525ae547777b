# Element of the daemon: openh264enc.
PACKAGECONFIG:doorway = "${GSTREAMER_ORC} openh264"
# Added by the Raspberry Pi's layer to whatever else is chosen.
PACKAGECONFIG:remove:doorway = "hls v4l2codecs faad"
