# Elements of the daemon: appsrc, appsink, videoconvertscale. They need no library beyond GLib.
PACKAGECONFIG:doorway = "${GSTREAMER_ORC}"
