# Element of the daemon: libcamerasrc.
PACKAGECONFIG:append:doorway = " gst"
