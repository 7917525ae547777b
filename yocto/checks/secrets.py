"""No key is in the tree, and no certificate that an image would take."""

import re
import subprocess

from .common import SOURCES, require

# Put together here, so that this file does not find itself.
PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE" + rb" KEY-----")
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/]{40}")
NAMES = re.compile(r"\.(?:key|p12|pfx|jks)$|(?:^|/)id_(?:rsa|ed25519|ecdsa)$")


def check():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCES, check=True, capture_output=True
    ).stdout.split(b"\0")
    files = [name.decode() for name in listed if name]
    for name in files:
        path = SOURCES / name
        if not path.is_file():
            continue
        require(not NAMES.search(name), f"{name} looks like a key: take it out of the tree, and make another, as this one may have been seen")
        content = path.read_bytes()
        require(
            not PRIVATE.search(content),
            f"{name} holds a private key: take it out of the tree and of its history, and make another, as this one may have been seen",
        )
        if name.startswith("yocto/"):
            require(not CERTIFICATE.search(content), f"{name} holds a certificate: keyrings come from outside of the tree")
    return f"{len(files)} files, and no private key in them"
