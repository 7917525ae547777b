# The version that image, bundle and programs carry: it counts the commits of the checkout.
#
# Only recipes that need it ask for it, and these are parsed each time: bitbake can't know that git has moved on. In the
# distribution's configuration it would be in every recipe.

BB_DONT_CACHE = "1"

DOORWAY_VERSION ?= "${@doorway.version.of_checkout(d.getVar('DOORWAY_SOURCE'))}"
DOORWAY_COMMIT ?= "${@doorway.version.commit(d.getVar('DOORWAY_SOURCE'))}"
