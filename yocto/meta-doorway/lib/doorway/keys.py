"""Tells certificates for development from those for production."""

import base64
import re

# What make-keys writes as the organisation of everything that it makes with --development.
DEVELOPMENT = b"Doorway development"

# An X.509 name holds the organisation as: object identifier 2.5.4.10, a string's tag, its length, the string.
_ORGANISATION = re.compile(rb"\x06\x03\x55\x04\x0a[\x0c\x13\x14\x16]" + bytes([len(DEVELOPMENT)]) + DEVELOPMENT)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def certificates(pem):
    """The certificates in a text, as DER."""
    return [base64.b64decode(body) for body in _CERTIFICATE.findall(pem)]


def is_for_development(path):
    """Whether a file holds a certificate that is for development, or was issued by one.

    A file without any certificate is an error: nothing that reads it would work.
    """
    with open(path, encoding="ascii") as file:
        found = certificates(file.read())
    if not found:
        raise ValueError(f"{path}: there is no certificate in it")
    return any(_ORGANISATION.search(certificate) for certificate in found)
