# Elements of the daemon: jpegdec, v4l2h264enc.
PACKAGECONFIG:doorway = "${GSTREAMER_ORC} jpeg v4l2"
