"""The kas files are what kas takes."""

import jsonschema
import yaml
from kas.configschema import CONFIGSCHEMA

from .common import YOCTO, read, relative, require

MACHINES = ("qemuarm64", "raspberrypi0-2w-64", "raspberrypi3-64", "raspberrypi4-64", "raspberrypi5")


def machine_files():
    """The files that a person names on kas's command line."""
    return sorted(path for path in (YOCTO / "kas").glob("*.yml") if path.name != "common.yml")


def load(path):
    """A kas file's content."""
    return yaml.safe_load(read(path))


def check():
    common = YOCTO / "kas" / "common.yml"
    for path in [common, *machine_files()]:
        errors = sorted(jsonschema.Draft7Validator(CONFIGSCHEMA).iter_errors(load(path)), key=lambda e: list(e.absolute_path))
        if errors:
            where = ".".join(str(part) for part in errors[0].absolute_path) or "its top"
            require(False, f"{relative(path)}: {where}: {errors[0].message}; see kas's format reference")
    for path in machine_files():
        content = load(path)
        require(content["machine"] == path.stem, f"{relative(path)} is for '{content['machine']}': name it after its machine")
        require(content["header"]["includes"] == ["common.yml"], f"{relative(path)} has to include common.yml, and nothing else")
    names = tuple(path.stem for path in machine_files())
    require(names == MACHINES, f"yocto/kas has files for {', '.join(names)}; Doorway's machines are {', '.join(MACHINES)}")
    return f"{len(names)} machines and what they include are valid"
