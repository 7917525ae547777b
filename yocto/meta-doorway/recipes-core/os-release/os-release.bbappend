# What the device asks for its own version: the same string as the bundle's.
OS_RELEASE_FIELDS:append:doorway = " IMAGE_ID IMAGE_VERSION"
IMAGE_ID:doorway = "doorway"
IMAGE_VERSION:doorway = "${DOORWAY_VERSION}"
