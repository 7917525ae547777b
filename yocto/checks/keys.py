"""The class that keeps keys for development out of production tells them apart as they are made."""

import subprocess
import tempfile

import doorway.keys

from .common import LAYER, YOCTO, Failed, read, require


def check():
    for recipe, function in {
        "recipes-core/images/doorway-image.inc": "doorway_refuse_development",
        "recipes-core/bundles/doorway-bundle_git.bb": "doorway_refuse_development",
    }.items():
        require(function in read(LAYER / recipe), f"{recipe} does not call {function}: keys for development would get into production")
    require('DOORWAY_PRODUCTION = "1"' in read(LAYER / "recipes-core/images/doorway-image.bb"), "doorway-image.bb is not for production any more")
    make_keys = YOCTO / "keys" / "make-keys"
    if not make_keys.exists():
        return "ignored, as yocto/keys/make-keys is not there"
    with tempfile.TemporaryDirectory(prefix="doorway-keys-") as folder:
        for options, name, expected in ((["--development"], "development", True), ([], "production", False)):
            done = subprocess.run([make_keys, *options, f"{folder}/{name}"], capture_output=True, text=True)
            require(done.returncode == 0, f"yocto/keys/make-keys fails: {done.stderr.strip()[-200:]}")
            for file in ("keyring.pem", "signing.pem"):
                found = doorway.keys.is_for_development(f"{folder}/{name}/{file}")
                require(found == expected, f"{file} of keys for {name} is taken for {'development' if found else 'production'}: "
                        "meta-doorway/lib/doorway/keys.py and yocto/keys/make-keys name the organisation differently")
        try:
            doorway.keys.is_for_development(f"{folder}/production/signing.key")
        except ValueError:
            return "those for development are told from others, keyring and signing certificate"
    raise Failed("a file without any certificate is taken for one")
