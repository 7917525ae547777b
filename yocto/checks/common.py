"""Where things are, and how a check says what is wrong."""

import re
from pathlib import Path

YOCTO = Path(__file__).resolve().parent.parent
SOURCES = YOCTO.parent
LAYER = YOCTO / "meta-doorway"
DEVICE = YOCTO / "device"


class Failed(Exception):
    """What is wrong, where, and what to do about it."""


def require(condition, message):
    """Fails with a message unless the condition holds."""
    if not condition:
        raise Failed(message)


def read(path):
    """A file's text, or a failure that names the file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Failed(f"{relative(path)} can't be read ({error.strerror}): is it there under another name?") from error


def relative(path):
    """A path as a reader of the repository knows it."""
    try:
        return str(Path(path).resolve().relative_to(SOURCES))
    except ValueError:
        return str(path)


def recipes():
    """All metadata of the layer."""
    return sorted(p for s in ("bb", "bbappend", "bbclass", "inc", "conf") for p in LAYER.rglob(f"*.{s}"))


def words_of(text, variable):
    """The words that a recipe assigns or appends to a variable, whatever the override."""
    found = []
    pattern = rf'^{re.escape(variable)}(?::[a-z0-9_-]+)*\s*[?:+.]*=[+.]?\s*"((?:[^"\\]|\\.|\\\n)*)"'
    for value in re.findall(pattern, text, re.MULTILINE):
        found += value.replace("\\\n", " ").split()
    return found
