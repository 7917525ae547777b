"""Crates of a Cargo.lock as bitbake fetches them."""

import tomllib

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def of_lock(path):
    """Name, version and SHA-256 of each crate that is fetched, in the lock's order.

    Crates of the workspace itself have no source. Any other source than crates.io is refused: bitbake would need an
    entry of another kind, and the build would fail hours later without it.
    """
    with open(path, "rb") as file:
        packages = tomllib.load(file)["package"]
    crates = []
    for package in packages:
        source = package.get("source")
        if source is None:
            continue
        if source != CRATES_IO:
            raise ValueError(f"{path}: {package['name']} comes from {source}; only crates.io is known here")
        crates.append((package["name"], package["version"], package["checksum"]))
    return crates


def uri(name, version):
    """The entry of SRC_URI that fetches a crate."""
    return f"crate://crates.io/{name}/{version}"


def flag(name, version):
    """The flag of SRC_URI that holds a crate's checksum."""
    return f"{name}-{version}.sha256sum"
