"""What the recipes fetch is what Cargo.lock says, and wrynose's Rust compiles it."""

import json
import subprocess
import tomllib

import doorway.crates

from .common import LAYER, SOURCES, Failed, read, require

# Of the release that yocto/kas pins.
RUST = (1, 94, 1)


def check():
    """The class's own function against a second reading of the lock."""
    lock = SOURCES / "Cargo.lock"
    try:
        by_class = doorway.crates.of_lock(lock)
    except ValueError as error:
        raise Failed(str(error)) from error
    with open(lock, "rb") as file:
        packages = [package for package in tomllib.load(file)["package"] if "source" in package]
    by_lock = [(p["name"], p["version"], p["checksum"]) for p in packages]
    require(by_class == by_lock, "the class doorway_crates reads other crates from Cargo.lock than are in it")
    for name, version, checksum in by_class:
        require(len(checksum) == 64, f"Cargo.lock: {name} {version} has no SHA-256; fetch it from crates.io")
    uris = {doorway.crates.uri(name, version) for name, version, _ in by_class}
    require(len(uris) == len(by_class), "Cargo.lock names a crate twice in one version")
    for recipe in ("doorwayd", "doorway-signaling"):
        text = read(LAYER / f"recipes-doorway/{recipe}/{recipe}_git.bb")
        require("inherit doorway_source" in text, f"{recipe}.bb takes its crates from elsewhere than the class doorway_source")
        require("crate://" not in text, f"{recipe}.bb names crates of its own: the class reads them from Cargo.lock")
    return f"{len(by_class)} crates, as in Cargo.lock"


def metadata():
    """Cargo's view of the workspace with all its crates."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    try:
        done = subprocess.run(command, cwd=SOURCES, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Failed("there is no cargo; install Rust") from error
    except subprocess.CalledProcessError as error:
        raise Failed(f"`{' '.join(command)}` fails: {error.stderr.strip().splitlines()[-1]}") from error
    return json.loads(done.stdout)


def check_rust_version():
    needed = []
    for package in metadata()["packages"]:
        version = package["rust_version"] or "0"
        number = tuple(int(part) for part in version.split("."))
        needed.append((number + (0,) * (3 - len(number)), f"{package['name']} {package['version']}", version))
    above = [f"{name} (Rust {version})" for number, name, version in needed if number > RUST]
    release = ".".join(map(str, RUST))
    require(
        not above,
        f"wrynose compiles with Rust {release}, and Cargo.lock has {', '.join(above)}: "
        "`cargo update -p NAME --precise VERSION` to the newest version that this compiler takes",
    )
    _, name, version = max(needed)
    return f"highest rust-version is {version} ({name}), wrynose has {release}"
