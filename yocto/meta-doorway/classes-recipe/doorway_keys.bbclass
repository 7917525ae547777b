# Keeps keys for development out of what goes to customers.
#
# Keys come from outside of the tree (yocto/keys/make-keys makes them):
#   DOORWAY_KEYRING       the authority's certificate, which the device checks bundles against
#   DOORWAY_SIGNING_CERT  the certificate that a bundle is signed with
#   DOORWAY_SIGNING_KEY   its key
# A recipe says whether it is for production (DOORWAY_PRODUCTION = "1"); the images and bundles of production are.

DOORWAY_KEYRING ??= ""
DOORWAY_SIGNING_CERT ??= ""
DOORWAY_SIGNING_KEY ??= ""
DOORWAY_PRODUCTION ??= "1"

def doorway_require_file(d, variable):
    path = d.getVar(variable)
    if not path:
        bb.fatal(f"{variable} is not set. Make keys with yocto/keys/make-keys and name the file, see yocto/README.md.")
    if not os.path.isfile(path):
        bb.fatal(f"{variable}: there is no file {path}")
    return path

def doorway_refuse_development(d, path):
    try:
        for_development = doorway.keys.is_for_development(path)
    except (OSError, ValueError) as error:
        bb.fatal(str(error))
    if for_development and bb.utils.to_boolean(d.getVar("DOORWAY_PRODUCTION")):
        bb.fatal(f"{path} is a certificate for development, and {d.getVar('PN')} is for production: anybody with that "
                 "key could update the device. Name the keys of production, or build doorway-image-dev.")
