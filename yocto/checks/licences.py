"""The recipes name every licence of the crates that they link."""

import re

from .common import LAYER, read, require, words_of
from .crates import metadata

# A crate that is under one of these as well is taken under it: what Doorway itself is under.
OURS = {"MIT", "Apache-2.0"}
SPELLING = {"Apache-2.0 WITH LLVM-exception": "Apache-2.0-with-LLVM-exception"}


def check():
    content = metadata()
    packages = {package["id"]: package for package in content["packages"]}
    nodes = {node["id"]: node for node in content["resolve"]["nodes"]}
    for recipe in ("doorwayd", "doorway-signaling"):
        needed = {}
        for package in _linked(recipe, packages, nodes):
            for licence in _beyond_ours(package["license"] or "none at all"):
                needed.setdefault(SPELLING.get(licence, licence), package["name"])
        named = set(re.split(r"[\s()&|]+", " ".join(words_of(read(LAYER / f"recipes-doorway/{recipe}/{recipe}_git.bb"), "LICENSE"))))
        for licence, crate in sorted(needed.items()):
            require(licence in named, f"{recipe}.bb: LICENSE does not name {licence}, which the crate {crate} is under")
        for licence in sorted(named - OURS - set(needed) - {""}):
            require(False, f"{recipe}.bb: LICENSE names {licence}, which no crate is under any more: take it out")
    return "LICENSE of both programs names what their crates are under"


def _linked(root, packages, nodes):
    """A package and all that ends up in it; what is only needed to build or to test does not."""
    todo = [id for id, package in packages.items() if package["name"] == root]
    seen = set()
    while todo:
        id = todo.pop()
        if id in seen:
            continue
        seen.add(id)
        for dependency in nodes[id]["deps"]:
            kinds = [kind for kind in dependency["dep_kinds"] if kind["kind"] is None and _is_for_linux(kind["target"])]
            library = {"proc-macro"}.isdisjoint(packages[dependency["pkg"]]["targets"][0]["kind"])
            if kinds and library:
                todo.append(dependency["pkg"])
    return [packages[id] for id in seen]


def _is_for_linux(target):
    return target is None or not re.search(r"windows|wasm|macos|apple|uefi|wasi", target) or "not(" in target


def _beyond_ours(expression):
    """The licences of an SPDX expression that neither of ours replaces."""
    parts = [part.strip(" ()") for part in re.split(r"\bAND\b", expression)]
    beyond = set()
    for part in parts:
        choices = {choice.strip(" ()") for choice in re.split(r"\bOR\b|/", part)}
        if not choices & OURS:
            beyond.add(sorted(choices)[0])
    return beyond
