"""The daemon's rights to RAUC are what it uses, and what RAUC runs before an installation refuses an older version itself."""

import re
import tempfile
from xml.etree import ElementTree

from .common import DEVICE, SOURCES, Failed, read, require
from .machine import Machine, expect, obstacle

POLICY = "etc/dbus-1/system.d/doorway-rauc.conf"
INSTALLER, PROPERTIES = "de.pengutronix.rauc.Installer", "org.freedesktop.DBus.Properties"


def check():
    rights = _rights()
    reason = obstacle()
    if reason:
        return f"the daemon may {', '.join(sorted(rights))}; the rest is ignored, as {reason}"
    tried = _before_install()
    return f"the daemon may {', '.join(sorted(rights))}; {tried} bundles are let in or refused as they should be"


def _rights():
    where = f"yocto/device/root/{POLICY}"
    rules = ElementTree.fromstring(read(DEVICE / "root" / POLICY))
    allowed = [rule.attrib for policy in rules.findall("policy[@user='doorway']") for rule in policy.findall("allow")]
    require(allowed, f"{where}: the daemon may do nothing, so there are no updates")
    for rule in allowed:
        require(
            rule.get("send_interface") and rule.get("send_member"),
            f"{where}: {rule} lets the daemon do more than it uses: name interface and member",
        )
    found = {(rule["send_interface"], rule["send_member"]) for rule in allowed}
    used = {(INSTALLER, name) for name in re.findall(r'\bcall(?:_for_words)?\("(\w+)"', read(SOURCES / "firmware/src/update/rauc.rs"))}
    used.add((PROPERTIES, "Get"))
    require(found == used, f"{where}: the daemon may {sorted(found - used)} without use, and lacks {sorted(used - found)}; see firmware/src/update/rauc.rs")
    default = rules.find("policy[@context='default']")
    require(
        default is not None and [rule.attrib for rule in default] == [{"send_destination": "de.pengutronix.rauc"}] and default[0].tag == "deny",
        f"{where}: others than root and the daemon are not kept out",
    )
    return {name for _, name in found}


def _before_install():
    bundles = [
        ("1.2.10", "doorway-pi", True), ("1.2.9", "doorway-pi", True), ("1.2.8", "doorway-pi", False), ("1.1.99", "doorway-pi", False),
        ("0.9.9", "doorway-pi", False), ("1.2.10", "doorway-other", False), ("", "doorway-pi", False), ("tomorrow", "doorway-pi", False),
        ("9.9.9; true", "doorway-pi", False), ("1.2.9+3", "doorway-pi", True), ("1.2.10", "", False),
    ]
    with tempfile.TemporaryDirectory(prefix="doorway-machine-") as folder:
        machine = Machine(f"{folder}/root")
        machine.script("usr/sbin/systemctl", "#!/bin/sh\n")
        for path in ("usr/lib/rauc", "run/bundle"):
            (machine.root / path).mkdir(parents=True)
        (machine.root / "usr/lib/os-release").write_text('IMAGE_ID=doorway\nIMAGE_VERSION="1.2.9"\n')
        (machine.root / "usr/lib/rauc/system.conf").write_text(
            read(DEVICE / "rauc/system.conf.in").replace("doorway-@MACHINE@", "doorway-pi")
        )
        for version, device, is_good in bundles:
            # Another section's keys are not those of the bundle.
            text = f"[update]\ncompatible={device}\nversion={version}\n\n[meta.x]\nversion=9.9.9\ncompatible=doorway-pi\n"
            (machine.root / "run/bundle/manifest.raucm").write_text(text)
            code, said = machine.run("/usr/lib/doorway/before-install", environment={"RAUC_BUNDLE_MOUNT_POINT": "/run/bundle", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
            try:
                expect(code == 0, is_good, f"let in, with version '{version}' for '{device}' beside 1.2.9 on doorway-pi ({said.strip()})")
            except Failed as error:
                raise Failed(f"yocto/device/root/usr/lib/doorway/before-install: {error}") from error
    return len(bundles)
