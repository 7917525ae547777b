"""Runs the checks in order: python -m checks [NAME...]"""

import sys

from . import crates, downgrade, files, gstreamer, kas_files, keys, layout, licences, lint, pins, recovery, secrets, tools, units
from .common import Failed

CHECKS = {
    "kas": kas_files.check,
    "pins": pins.check,
    "crates": crates.check,
    "rust": crates.check_rust_version,
    "licences": licences.check,
    "layout": layout.check,
    "files": files.check,
    "tools": tools.check,
    "recovery": recovery.check,
    "downgrade": downgrade.check,
    "units": units.check,
    "gstreamer": gstreamer.check,
    "keys": keys.check,
    "secrets": secrets.check,
    "lint": lint.check,
}


def main(names):
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"check: there is no check '{unknown[0]}'; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or CHECKS:
        try:
            print(f"check: {name}: {CHECKS[name]()}", flush=True)
        except Failed as error:
            failed += 1
            print(f"check: {name}: FAILED: {error}", flush=True)
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
