"""The units of the device: none leaves a core of a process that holds keys, and what runs as root runs in a sandbox where it works on
what the daemon's user may have changed."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .common import DEVICE, SOURCES, read, relative, require

UNITS = DEVICE / "root/usr/lib/systemd/system"
# The most that systemd-analyze may find of the exposure of what runs as root in the daemon's folder, in tenths.
EXPOSURE = {"doorway-provision.service": 30, "doorway-restore.service": 25}


def check():
    services = sorted(UNITS.glob("*.service")) + sorted(UNITS.glob("*.service.d/*.conf")) + sorted((SOURCES / "firmware/systemd").glob("*.service"))
    counted = 0
    for path in services:
        text = read(path)
        # A drop-in beside a unit of ours, or one without a process of its own.
        if path.suffix == ".conf" and "[Service]" not in text:
            continue
        counted += 1
        require(re.search(r"^LimitCORE=0$", text, re.MULTILINE), f"{relative(path)}: there is no LimitCORE=0, and a core holds the station's keys")
    defaults = read(DEVICE / "root/usr/lib/systemd/system.conf.d/doorway.conf")
    require(re.search(r"^DefaultLimitCORE=0$", defaults, re.MULTILINE), "system.conf.d/doorway.conf: there is no DefaultLimitCORE=0 for other packages' units")
    return f"{counted} services leave no core; {_exposure()}"


def _exposure():
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return "their exposure is ignored, as there is no systemd-analyze"
    found = []
    with tempfile.TemporaryDirectory(prefix="doorway-units-") as folder:
        for name, most in EXPOSURE.items():
            path = next(path for path in (UNITS / name, SOURCES / "firmware/systemd" / name) if path.exists())
            require("\nProtectSystem=strict\n" in read(path), f"{relative(path)} may write everywhere: there is no ProtectSystem=strict")
            # systemd-analyze insists on programs that are there.
            text = re.sub(r"^(Exec\w+=\+?)\S+", r"\1/bin/true", read(path), flags=re.MULTILINE)
            (Path(folder) / name).write_text(text)
            done = subprocess.run(
                [analyze, "security", "--offline=true", f"--threshold={most}", "--no-pager", f"{folder}/{name}"], capture_output=True, text=True
            )
            level = re.search(rf"Overall exposure level for {re.escape(name)}: ([\d.]+)", done.stdout)
            require(level, f"systemd-analyze does not judge {name}: {(done.stdout + done.stderr).strip()[-300:]}")
            require(float(level[1]) * 10 <= most, f"{relative(path)} has an exposure of {level[1]}, more than {most / 10}: see `systemd-analyze security`")
            found.append(f"{name} {level[1]}")
    return f"exposure of {', '.join(found)}"
