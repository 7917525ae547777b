"""A machine to run the device's scripts on: their own root in namespaces of its own, with files for a disk. What only a kernel or
root can do is stood in for; the file systems' own tools are the real ones."""

import os
import shutil
import subprocess
from pathlib import Path

from .common import DEVICE, Failed

SECTOR = 512
DISK_SECTORS = 4_800_000
DATA_START, FLASHED, GROWN = 4_726_784, 65_536, 72_000
STATE_SECTOR, RESET_SECTOR = 2050, 2049

# Takes a device file for a disk's partition, and its file system for mounted when it is one.
MOUNT = """#!/bin/sh
for last; do :; done
case "$*" in
  *vfat*) exit 0 ;;
  *overlay*) exec /bin/mount --bind "/data/overlay${last}/upper" "$last" ;;
esac
slot=$(sed -n 's/.*rauc\\.slot=\\([AB]\\).*/\\1/p' /proc/cmdline)
case $(cat /lab/unable) in *$slot*) exit 32 ;; esac
id=$(dumpe2fs -h /dev/card4 2>/dev/null | sed -n 's/^Filesystem UUID: *//p')
[ -n "$id" ] || exit 32
mkdir -p "/lab/content/$id"
exec /bin/mount --bind "/lab/content/$id" /data
"""
STUBS = {
    "mount": MOUNT,
    "mountpoint": "#!/bin/sh\n[ \"$1\" = -q ] || echo 179:2\n",
    "sfdisk": f"#!/bin/sh\ncat >/dev/null\necho {GROWN} >/lab/grown\n",
    "partx": "#!/bin/sh\ncat /lab/grown >/sys/block/card/card4/size\ntruncate -s $(($(cat /lab/grown) * 512)) /dev/card4\n",
    "blkdiscard": "#!/bin/sh\n: >/dev/card4\ntruncate -s $(($(cat /sys/block/card/card4/size) * 512)) /dev/card4\n",
    "umount": "#!/bin/sh\n",
    # Cut off by the power, where a case asks for it.
    "mke2fs": "#!/bin/sh\nif [ -e /lab/cut-off ]; then rm /lab/cut-off; kill -9 $PPID; fi\nexec /host/sbin/mke2fs \"$@\"\n",
}


class Machine:
    """A disk, as it was flashed unless told otherwise, and the two slots."""

    def __init__(self, folder):
        self.root = Path(folder)
        self.order, self.left, self.starts = "AB", {"A": 3, "B": 3}, 0
        self.systems = "AB"
        for name in ("bin", "usr/bin", "usr/sbin", "usr/lib/doorway", "lib", "lib64", "sbin", "host/sbin", "dev", "etc", "var", "data",
                     "boot/firmware", "proc/sys/kernel/random", "lab/content", "run", "tmp"):
            (self.root / name).mkdir(parents=True)
        for name, text in STUBS.items():
            self.script(f"usr/sbin/{name}", text)
        for name in ("e2fsck", "dumpe2fs"):
            (self.root / "usr/sbin" / name).symlink_to(f"/host/sbin/{name}")
        self.script("sbin/init", "#!/bin/sh\n: >/lab/started\n")
        for path in (DEVICE / "root/usr/lib/doorway").iterdir():
            if path.is_file():
                self.script(f"usr/lib/doorway/{path.name}", path.read_text(encoding="utf-8"))
        for name in ("null", "zero"):
            (self.root / "dev" / name).touch()
        (self.root / "proc/sys/kernel/random/uuid").write_text("0d6f7a36-0000-4000-8000-000000000001\n")
        self.unable = ""
        with open(self.root / "dev/card", "wb") as disk:
            disk.truncate(DISK_SECTORS * SECTOR)
        self.flash()

    def give_sysrq(self):
        """As a kernel has it that was built with it; it does not restart anything."""
        (self.root / "proc/sysrq-trigger").touch()
        return self._made("lab/sysrq")

    def script(self, path, text):
        (self.root / path).write_text(text)
        (self.root / path).chmod(0o755)

    def flash(self):
        """Writes the image, as bmaptool does: what it has nothing for stays."""
        block = self.root / "sys/block/card"
        for number, (start, size) in enumerate([(8192, 524_288), (532_480, 2_097_152), (2_629_632, 2_097_152), (DATA_START, FLASHED)], 1):
            folder = block / f"card{number}"
            folder.mkdir(parents=True, exist_ok=True)
            for name, value in (("partition", number), ("start", start), ("size", size)):
                (folder / name).write_text(f"{value}\n")
        (block / "size").write_text(f"{DATA_START + GROWN}\n")
        (self.root / "sys/dev/block").mkdir(parents=True, exist_ok=True)
        link = self.root / "sys/dev/block/179:2"
        link.unlink(missing_ok=True)
        link.symlink_to("../../block/card/card2")
        os.truncate(self._made("dev/card4"), FLASHED * SECTOR)

    def _made(self, path):
        (self.root / path).touch()
        return self.root / path

    def start(self):
        """One turn of U-Boot's script, and what it starts. Returns whether the system came up."""
        for slot in self.order:
            if self.left[slot] > 0:
                self.left[slot] -= 1
                if slot in self.systems:
                    return self._run(slot)
        for slot in self.order:
            self.left[slot] = 3
        return False

    def start_until_up(self, limit=30):
        """How many starts of a system it takes."""
        before = self.starts
        for _ in range(limit):
            if self.start():
                self.left = {"A": 3, "B": 3}
                return self.starts - before
        return None

    def _run(self, slot):
        self.starts += 1
        (self.root / "proc/cmdline").write_text(f"root=x ro rauc.slot={slot} panic=5\n")
        (self.root / "lab/unable").write_text(self.unable)
        started = self.root / "lab/started"
        started.unlink(missing_ok=True)
        self.run("/usr/lib/doorway/preinit")
        return started.exists()

    def run(self, *command, environment=None):
        """Runs a program of the machine; its exit code and what it said."""
        at = self.root
        binds = [("/bin", "bin"), ("/usr/bin", "usr/bin"), ("/lib", "lib"), ("/usr/sbin", "host/sbin"), ("/dev/null", "dev/null"), ("/dev/zero", "dev/zero")]
        if Path("/lib64").exists():
            binds.append(("/lib64", "lib64"))
        lines = ["set -e"] + [f"mount --bind {source} '{at}/{place}'" for source, place in binds]
        # Like the real one, it has no place for a file that is not there.
        lines += [f"mount --bind '{at}/proc' '{at}/proc'", f"mount -o remount,bind,ro '{at}/proc'"]
        if (at / "proc/sysrq-trigger").exists():
            lines += [f"mount --bind '{at}/lab/sysrq' '{at}/proc/sysrq-trigger'"]
        lines += [f"exec chroot '{at}' \"$@\""]
        with open(at / "dev/kmsg", "ab"):
            done = subprocess.run(
                [*namespaces(), "sh", "-c", "\n".join(lines), "sh", *command],
                capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C", **(environment or {})}, timeout=60,
            )
        return done.returncode, done.stdout + done.stderr

    def data_id(self):
        """The file system on the data partition, by its id; none if there is none."""
        found = subprocess.run(
            ["dumpe2fs", "-h", self.root / "dev/card4"], capture_output=True, text=True, env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        )
        lines = [line for line in found.stdout.splitlines() if line.startswith("Filesystem UUID:")]
        return lines[0].split()[-1] if found.returncode == 0 and lines else None

    def kept(self, path):
        """A file of /var, as the next start will find it."""
        return self.root / "lab/content" / str(self.data_id()) / "overlay/var/upper" / path

    def write_sector(self, sector, content):
        with open(self.root / "dev/card", "r+b") as disk:
            disk.seek(sector * SECTOR)
            disk.write(content.ljust(SECTOR, b"\0"))

    def damage_data(self):
        """What no e2fsck finds anything in."""
        size = (self.root / "dev/card4").stat().st_size
        with open(self.root / "dev/card4", "wb") as data:
            data.truncate(size)

    def remove(self):
        shutil.rmtree(self.root)


def namespaces():
    """The command that gives a program mounts of its own; as anybody, where the kernel lets anybody."""
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def obstacle():
    """Why there can be no machine here; none if there can be one."""
    for tool in ("unshare", "mke2fs", "e2fsck", "dumpe2fs"):
        if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            return f"there is no {tool}; `.ci/install test` installs it"
    tried = subprocess.run([*namespaces(), "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        return f"this kernel gives no namespaces: {tried.stderr.strip()}"
    return None


def expect(found, wanted, what):
    """Fails unless the two are equal."""
    if found != wanted:
        raise Failed(f"{what}: {found!r}, and it should be {wanted!r}")
