"""oelint-adv, with what does not apply here switched off one by one."""

import os
import re
import subprocess

from .common import LAYER, SOURCES, YOCTO, require

LAYERS = ("rauc", "networking-layer", "openembedded-layer", "multimedia-layer", "raspberrypi")
# Rules that are switched off for the whole layer. Others are answered where they apply, by `nooelint` and the reason.
SUPPRESSED = (
    # It asks every homepage over the network.
    "oelint.vars.homepageping",
    # The project's page and its list of bugs have no address of their own yet.
    "oelint.var.mandatoryvar.HOMEPAGE",
    "oelint.var.suggestedvar.BUGTRACKER",
    # Nobody lists vulnerabilities of our programs under a name.
    "oelint.var.suggestedvar.CVE_PRODUCT",
    # A device's programs are not run on the machine that builds.
    "oelint.var.bbclassextend",
    # The licences' texts are those of openembedded-core; the sources are this checkout.
    "oelint.var.licenseremotefile",
    # A bundle is made from an image.
    "oelint.var.mandatoryvar.SRC_URI",
)


def check():
    files = [str(path) for suffix in ("bb", "bbappend", "inc", "bbclass") for path in sorted(LAYER.rglob(f"*.{suffix}"))]
    command = ["oelint-adv", "--release", "wrynose", "--quiet", f"--constantmods=+{YOCTO}/checks/oelint.json"]
    for rule in SUPPRESSED:
        command += ["--suppress", rule]
    command += ["--extra-layer", *LAYERS, "--", *files]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, env={**os.environ, "HOME": os.environ.get("HOME", "/")})
    output = (done.stdout + done.stderr).replace(f"{SOURCES}/", "")
    findings = [line for line in output.splitlines() if re.search(r":(error|warning|info):", line)]
    require(not findings, f"{len(findings)} findings of oelint-adv: " + " | ".join(findings[:60]))
    require(done.returncode == 0, f"oelint-adv ends with {done.returncode}: {output.strip()[-300:]}")
    return f"{len(files)} files without a finding, {len(SUPPRESSED)} rules switched off"
