# Adds the crates of a Cargo.lock to what a recipe fetches, each with its checksum. Read when the recipe is parsed, so that
# there is nothing to generate, to commit and to forget.

DOORWAY_LOCK ?= "${DOORWAY_SOURCE}/Cargo.lock"

# nooelint: oelint.task.noanonpython - SRC_URI's flags have to be there before anything looks at them
python () {
    lock = d.getVar("DOORWAY_LOCK")
    # The recipe is parsed anew when it changes.
    bb.parse.mark_dependency(d, lock)
    for name, version, checksum in doorway.crates.of_lock(lock):
        d.appendVar("SRC_URI", " " + doorway.crates.uri(name, version))
        d.setVarFlag("SRC_URI", doorway.crates.flag(name, version), checksum)
}
