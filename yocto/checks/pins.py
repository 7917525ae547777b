"""Each layer is pinned by its whole commit."""

import re

from .common import YOCTO, require
from .kas_files import load, machine_files


def repositories():
    """The layers' repositories of common.yml: name to URL and commit. The checkout itself has neither."""
    return {name: repo for name, repo in load(YOCTO / "kas" / "common.yml")["repos"].items() if "url" in (repo or {})}


def check():
    for name, repo in repositories().items():
        commit = str(repo.get("commit", ""))
        require(
            re.fullmatch(r"[0-9a-f]{40}", commit),
            f"yocto/kas/common.yml: {name} has the commit '{commit}': all 40 hexadecimal digits of it, "
            "as a branch moves and a short one may become ambiguous",
        )
        require(repo["url"].startswith("https://"), f"yocto/kas/common.yml: {name}: take an https address, not {repo['url']}")
    for path in machine_files():
        require("repos" not in load(path), f"yocto/kas/{path.name} has layers of its own; pin them in common.yml")
    return f"{len(repositories())} repositories, each at a whole commit"
