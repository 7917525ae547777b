SUMMARY = "The Doorway station, for developers"
DESCRIPTION = "The image of production with a shell: by ssh with a key of the developer's, and on the serial line without a \
               password. Takes keys for development. Never leave it at a door."
SECTION = "base"
require doorway-image.inc

DOORWAY_PRODUCTION = "0"

# ssh takes neither passwords nor their absence: see doorway-development.
# nooelint: oelint.var.badimagefeature.empty-root-password,oelint.var.badimagefeature.serial-autologin-root - what it is for
IMAGE_FEATURES += "empty-root-password serial-autologin-root"
IMAGE_INSTALL += "packagegroup-doorway-development"
