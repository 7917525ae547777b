"""The version that an image and its update bundle carry."""

import subprocess
import tomllib


def of_checkout(source):
    """X.Y of the crates, and the number of commits as the last part: the same as the other image's.

    A shallow clone has fewer commits than were made, and RAUC would refuse the update as older than what runs.
    """
    with open(f"{source}/Cargo.toml", "rb") as file:
        crates = tomllib.load(file)["workspace"]["package"]["version"]
    major, minor, _ = crates.split(".")
    if _git(source, "rev-parse", "--is-shallow-repository") == "true":
        raise ValueError(f"{source} is a shallow clone, whose commits can't be counted: set DOORWAY_VERSION")
    return f"{major}.{minor}.{_git(source, 'rev-list', '--count', 'HEAD')}"


def commit(source):
    """What the daemon says that it was built from."""
    return _git(source, "describe", "--always", "--dirty")


def _git(source, *arguments):
    try:
        return subprocess.run(
            ["git", "-C", source, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        why = getattr(error, "stderr", None) or error
        raise ValueError(f"git can't read {source}: set DOORWAY_VERSION and DOORWAY_COMMIT ({why})") from error
