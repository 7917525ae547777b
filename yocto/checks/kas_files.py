"""The kas files are what kas takes, and include each other as kas finds them."""

import logging

import jsonschema
import yaml
from kas.configschema import CONFIGSCHEMA
from kas.includehandler import IncludeHandler
from kas.kasusererror import KasUserError

from .common import SOURCES, YOCTO, Failed, read, relative, require

MACHINES = ("qemuarm64", "raspberrypi0-2w-64", "raspberrypi3-64", "raspberrypi4-64", "raspberrypi5")


def machine_files():
    """The files that a person names on kas's command line."""
    return sorted(path for path in (YOCTO / "kas").glob("*.yml") if path.name != "common.yml")


def load(path):
    """A kas file's content."""
    return yaml.safe_load(read(path))


def check():
    for path in [YOCTO / "kas" / "common.yml", *machine_files()]:
        errors = sorted(jsonschema.Draft7Validator(CONFIGSCHEMA).iter_errors(load(path)), key=lambda e: list(e.absolute_path))
        if errors:
            where = ".".join(str(part) for part in errors[0].absolute_path) or "its top"
            raise Failed(f"{relative(path)}: {where}: {errors[0].message}; see kas's format reference")
    for path in machine_files():
        merged = _as_kas_reads(path)
        require(merged.get("machine") == path.stem, f"{relative(path)} is for '{merged.get('machine')}': name it after its machine")
        require(merged.get("distro") == "doorway", f"{relative(path)} does not include yocto/kas/common.yml, which names the distribution")
        for layer in merged["repos"]["doorway"]["layers"]:
            require((SOURCES / layer / "conf/layer.conf").exists(), f"{relative(path)}: {layer} is no layer of this repository")
    names = tuple(path.stem for path in machine_files())
    require(names == MACHINES, f"yocto/kas has files for {', '.join(names)}; Doorway's machines are {', '.join(MACHINES)}")
    return f"{len(names)} machines and what they include are valid"


def _as_kas_reads(path):
    """The whole configuration, without the repositories that it names."""
    notes = []
    handler = logging.Handler()
    handler.emit = lambda record: notes.append(record.getMessage())
    logging.getLogger().addHandler(handler)
    # What git would be asked: includes are found from the repository's top.
    include_handler = IncludeHandler([str(path)], use_lock=False)
    include_handler.top_repo_path = str(SOURCES)
    include_handler.ensure_from_same_repo = lambda: None
    try:
        merged, _ = include_handler.get_config()
    except KasUserError as error:
        raise Failed(f"{relative(path)}: kas refuses it: {error}") from error
    finally:
        logging.getLogger().removeHandler(handler)
    require(not notes, f"{relative(path)}: kas says: {' '.join(notes)}")
    return merged
