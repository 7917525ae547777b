# What the device asks for its own version: the same string as the bundle's.
OS_RELEASE_FIELDS:append:doorway = " IMAGE_ID IMAGE_VERSION"
IMAGE_ID:doorway = "doorway"
# As doorway_version.bbclass, which another distribution's recipe must not inherit.
IMAGE_VERSION:doorway = "${@d.getVar('DOORWAY_VERSION') or doorway.version.of_checkout(d.getVar('DOORWAY_SOURCE'))}"
BB_DONT_CACHE:doorway = "1"
