# The library alone: the program beside it would bring the whole of ffmpeg.
PACKAGECONFIG:doorway = ""
