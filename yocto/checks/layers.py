"""What check-layers does, as an ordinary user: python -m checks.layers [MACHINE...]"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import doorway.crates

from .common import LAYER, SOURCES, YOCTO, Failed, require
from .kas_files import MACHINES, load
from .pins import repositories

CACHE = Path(os.environ["DOORWAY_YOCTO_CACHE"])
BUILD = CACHE / "build"
LOGS = CACHE / "logs"
TARGETS = ("doorway-image", "doorway-image-dev", "doorway-bundle")
# The first machine parses all recipes of all layers. For the others, and for yocto-check-layer, these are left out: nothing of
# ours depends on them, and they are most of the work.
LEFT_OUT = " ".join((
    "/meta-networking/recipes-",
    "/meta-python/recipes-",
    "/meta-oe/dynamic-layers/",
    "/meta-oe/recipes-(?!(devtools/nlohmann-json|multimedia/v4l2apps|support/(htop|libgpiod|nano)|test/(catch2|shunit2))/)",
    "/meta-multimedia/recipes-(?!multimedia/(libcamera|openh264)/)",
    "/meta-raspberrypi/dynamic-layers/(?!multimedia-layer/recipes-multimedia/(libcamera|libpisp)/)",
))
# Recipes that a station has no use for, and that some default of another layer would bring.
UNWANTED = {
    "doorway-image": ("openssh", "dropbear", "systemd-serialgetty", "gdb", "ffmpeg", "mesa", "wayland", "xserver-xorg", "pulseaudio",
                      "cairo", "pango", "avahi", "bluez5", "connman", "gtk+3", "libsoup", "keymaps", "volatile-binds", "grub-efi", "systemd-boot", "rauc-conf", "rpi-u-boot-scr"),
    "doorway-image-dev": ("dropbear", "ffmpeg", "wayland", "xserver-xorg", "pulseaudio", "avahi", "connman", "gtk+3", "rauc-conf"),
    "doorway-bundle": ("openssh", "casync", "rauc-conf"),
}


def main(machines):
    unknown = [machine for machine in machines if machine not in MACHINES]
    if unknown:
        print(f"check-layers: there is no machine '{unknown[0]}'; there are {', '.join(MACHINES)}", file=sys.stderr)
        return 2
    machines = machines or list(MACHINES)
    steps = os.environ.get("STEPS", "parse graph values unpack layer").split()
    LOGS.mkdir(parents=True, exist_ok=True)
    failed = 0

    def step(name, check, *arguments):
        nonlocal failed
        started = time.monotonic()
        try:
            result = check(*arguments)
            print(f"check-layers: {name}: {result} ({time.monotonic() - started:.0f} s)", flush=True)
            return True
        except Failed as error:
            failed += 1
            print(f"check-layers: {name}: FAILED: {error}", flush=True)
            return False

    if not step("layers", layers_at_hand) or not step("configuration", configure):
        return 1
    for machine in machines:
        environment.left_out = LEFT_OUT if machine != machines[0] else ""
        if "parse" in steps and not step(f"{machine}: parse", parse, machine):
            continue
        if "graph" in steps:
            for target in TARGETS:
                step(f"{machine}: {target}", graph, machine, target)
        if "values" in steps:
            step(f"{machine}: values", values, machine)
    environment.left_out = ""
    if "unpack" in steps:
        step("crates", unpack, machines[0])
    environment.left_out = LEFT_OUT
    if "layer" in steps:
        # A machine of openembedded-core: which layers are there is part of what is tried.
        step("yocto-check-layer", check_layer, "qemuarm64")
    return 1 if failed else 0


def layers_folder():
    """Where the repositories are."""
    return Path(os.environ.get("LAYERS") or CACHE / "layers").resolve()


def layers_at_hand():
    """Clones what is missing in the cache's own folder; another's folder is only looked at."""
    folder = layers_folder()
    for name, repo in repositories().items():
        place, commit = folder / name, repo["commit"]
        if not os.environ.get("LAYERS") and _commit_of(place) != commit:
            place.mkdir(parents=True, exist_ok=True)
            for command in (["init", "--quiet"], ["fetch", "--quiet", "--depth", "1", repo["url"], commit], ["checkout", "--quiet", "--detach", commit]):
                done = subprocess.run(["git", "-C", str(place), *command], capture_output=True, text=True)
                require(done.returncode == 0, f"{repo['url']} at {commit} can't be had: {done.stderr.strip()[-200:]}; name a folder with LAYERS=")
        found = _commit_of(place)
        require(found, f"{place} is no git repository: LAYERS needs {', '.join(repositories())} in it")
        require(found == commit, f"{place} is at {found}, kas/common.yml has {commit}: git -C {place} checkout {commit}")
    return f"{len(repositories())} repositories, at the commits of kas/common.yml"


def _commit_of(place):
    done = subprocess.run(["git", "-C", str(place), "rev-parse", "HEAD"], capture_output=True, text=True)
    top = subprocess.run(["git", "-C", str(place), "rev-parse", "--show-toplevel"], capture_output=True, text=True).stdout.strip()
    return done.stdout.strip() if done.returncode == 0 and Path(top) == place else None


def configure():
    """A build folder as kas would make it, but without a network."""
    common = load(YOCTO / "kas" / "common.yml")
    layers = []
    for name, repo in common["repos"].items():
        base = SOURCES if name == "doorway" else layers_folder() / name
        for layer, state in (repo.get("layers") or {".": None}).items():
            if state != "disabled":
                layers.append(str((base / layer).resolve()))
    for layer in layers:
        require((Path(layer) / "conf/layer.conf").exists(), f"{layer} is no layer, see kas/common.yml")
    conf = BUILD / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    _write(conf / "bblayers.conf", 'BBPATH = "${TOPDIR}"\nBBFILES ?= ""\nBBLAYERS ?= " \\\n' + "".join(f"  {layer} \\\n" for layer in layers) + '"\n')
    _write(
        conf / "local.conf",
        "\n".join(common["local_conf_header"].values())
        + f"""
MACHINE ??= "qemuarm64"
DISTRO ?= "{common['distro']}"
BB_NUMBER_THREADS = "2"
BB_NUMBER_PARSE_THREADS = "2"
BB_NO_NETWORK = "1"
CONNECTIVITY_CHECK_URIS = ""
""",
    )
    return f"{len(layers)} layers"


def _write(path, text):
    """Leaves a file alone that is as it should be: bitbake would parse everything anew."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def environment(machine):
    """bitbake's, without the tools of these checks."""
    folder = layers_folder()
    # Both always: a bitbake that is still running takes no other names than those that it was started with.
    passed = {"MACHINE": machine, "BBMASK": environment.left_out}
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TERM") if name in os.environ}
    path = [f"{folder}/bitbake/bin", f"{folder}/openembedded-core/scripts", os.environ["PATH"]]
    return {**kept, **passed, "PATH": ":".join(path), "BUILDDIR": str(BUILD), "BBPATH": str(BUILD), "BB_ENV_PASSTHROUGH_ADDITIONS": " ".join(passed)}


environment.left_out = ""


def run(name, command, machine, **variables):
    """Runs a command with a log, whose errors become the failure."""
    log = LOGS / f"{name}.log"
    with open(log, "w", encoding="utf-8") as file:
        code = subprocess.run(command, cwd=BUILD, env={**environment(machine), **variables}, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    text = log.read_text(encoding="utf-8", errors="replace")
    # What a check found, before what bitbake said while it was tried.
    errors = re.findall(r"^WRONG: .*$", text, re.MULTILINE) or re.findall(r"^ERROR: .*$|^AssertionError.*$", text, re.MULTILINE)
    require(code == 0, f"`{' '.join(command)}` ends with {code}: {' | '.join(errors[:4] or [text[-300:].strip()])[:900]}; all of it is in {log}")
    ours = [line for line in re.findall(r"^WARNING: .*$", text, re.MULTILINE) if "doorway" in line]
    require(not ours, f"{ours and ours[0]}; all of it is in {log}")
    return text


def parse(machine):
    text = run(f"{machine}-parse", ["bitbake", "-p"], machine)
    done = re.search(r"Parsing of (\d+) \.bb files complete \((\d+) cached, (\d+) parsed\)\. (\d+) targets, .* (\d+) errors", text)
    require(done and done[5] == "0", f"bitbake -p did not say what it parsed, see {LOGS}/{machine}-parse.log")
    return f"{done[1]} recipes, {done[2]} of them from the cache"


def graph(machine, target):
    run(f"{machine}-{target}", ["bitbake", "-g", target], machine)
    recipes = (BUILD / "pn-buildlist").read_text().split()
    for unwanted in UNWANTED[target]:
        require(unwanted not in recipes, f"it builds {unwanted}; `bitbake -g -u taskexp {target}` shows for whom")
    return f"{len(recipes)} recipes, none of {len(UNWANTED[target])} that have no place in it"


def values(machine):
    keys = CACHE / "keys"
    for kind, options in (("production", []), ("development", ["--development"])):
        if not (keys / kind).exists():
            keys.mkdir(exist_ok=True)
            subprocess.run([YOCTO / "keys" / "make-keys", *options, keys / kind], check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, str(YOCTO / "checks" / "layer_values.py"), str(layers_folder() / "bitbake/lib"), machine, str(keys)]
    text = run(f"{machine}-values", command, machine, PYTHONPATH=os.environ["PYTHONPATH"])
    return text.strip().splitlines()[-1]


def unpack(machine):
    """The daemon's sources as its recipe unpacks them, and cargo's word that nothing is missing."""
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=SOURCES, check=True, env={**os.environ, "HOME": str(Path(os.environ["CARGO_HOME"]).parent)})
    expected = doorway.crates.of_lock(SOURCES / "Cargo.lock")
    downloads = BUILD / "downloads"
    downloads.mkdir(exist_ok=True)
    for name, version, _ in expected:
        file = f"{name}-{version}.crate"
        found = next((Path(os.environ["CARGO_HOME"]) / "registry/cache").glob(f"*/{file}"), None)
        require(found, f"cargo has not kept {file} in {os.environ['CARGO_HOME']}/registry/cache")
        # bitbake checks its sum, as if it had fetched it.
        if not (downloads / file).exists():
            shutil.copyfile(found, downloads / file)
    run("doorwayd-clean", ["bitbake", "-c", "clean", "doorwayd"], machine)
    run("doorwayd-unpack", ["bitbake", "-c", "unpack", "doorwayd"], machine)
    folder = run("doorwayd-unpackdir", ["bitbake-getvar", "-r", "doorwayd", "--value", "UNPACKDIR"], machine).strip().splitlines()[-1]
    crates = Path(folder) / "cargo_home" / "bitbake"
    for name, version, _ in expected:
        require((crates / f"{name}-{version}").is_dir(), f"{crates} lacks {name} {version}")
    # As the class cargo writes it before it compiles.
    home = CACHE / "cargo-home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "config.toml").write_text(f'[source.bitbake]\ndirectory = "{crates}"\n[source.crates-io]\nreplace-with = "bitbake"\n')
    command = ["cargo", "metadata", "--frozen", "--format-version", "1", "--manifest-path", f"{folder}/doorway/Cargo.toml"]
    done = subprocess.run(command, env={**os.environ, "CARGO_HOME": str(home)}, capture_output=True, text=True)
    require(done.returncode == 0, f"cargo can't build from what the recipe unpacks: {done.stderr.strip()[-400:]}")
    members = len(json.loads(done.stdout)["workspace_members"])
    return f"{len(expected)} unpacked, cargo finds all of them for {members} packages without a network"


def check_layer(machine):
    """yocto-check-layer, in a build folder of its own, as it writes into its configuration."""
    place = CACHE / "check-layer"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(BUILD / "conf", place / "conf")
    text = (place / "conf/bblayers.conf").read_text()
    dependencies = [line.strip(" \\") for line in text.splitlines() if line.startswith("  /")]
    mine = str(LAYER.resolve())
    dependencies = [layer for layer in dependencies if layer not in (mine, str(layers_folder() / "openembedded-core/meta"))]
    (place / "conf/bblayers.conf").write_text(f'BBPATH = "${{TOPDIR}}"\nBBFILES ?= ""\nBBLAYERS ?= "{layers_folder()}/openembedded-core/meta"\n')
    local = (place / "conf/local.conf").read_text().replace('DISTRO ?= "doorway"\n', "")
    (place / "conf/local.conf").write_text(local + f'\nDL_DIR = "{BUILD}/downloads"\n')
    command = [f"{layers_folder()}/openembedded-core/scripts/yocto-check-layer", mine, "--dependency", *dependencies, "--no-auto-dependency",
               "--output-log", str(LOGS / "yocto-check-layer-results.log")]
    log = LOGS / "yocto-check-layer.log"
    with open(log, "w", encoding="utf-8") as file:
        code = subprocess.run(command, cwd=place, env={**environment(machine), "BUILDDIR": str(place), "BBPATH": str(place)}, stdout=file,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    text = log.read_text(encoding="utf-8", errors="replace")
    failures = re.findall(r"^INFO: (?:FAIL|ERROR): .*$", text, re.MULTILINE)
    require(code == 0 and not failures, f"it ends with {code}, {(failures or [text[-300:].strip()])[0][:300]}; all of it is in {log}")
    ran = re.search(r"Ran (\d+) tests", text)
    return f"{ran[1] if ran else 'all'} tests of it"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
