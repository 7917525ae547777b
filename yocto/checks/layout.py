"""Disk, slots, boot script, boot counters and device names say the same, in the many files that have to know them."""

import re

from .common import DEVICE, LAYER, SOURCES, Failed, read, require

ROOT = DEVICE / "root"
MIB = 2048  # sectors


def check():
    disk_id, partitions = _table()
    _wks(disk_id, partitions)
    names = _device_names(disk_id, len(partitions))
    slots = _rauc_slots(names)
    _boot_script(slots)
    _boot_counters(partitions)
    _mounts(names)
    _preset()
    return f"{len(partitions)} partitions, slots {' and '.join(sorted(slots))}: partition table, wks, RAUC, boot script, udev, preinit agree"


def _table():
    """partitions.sfdisk: the disk's id, and start, size and type of each partition in sectors."""
    text = read(DEVICE / "partitions.sfdisk")
    disk_id = re.search(r"^label-id: 0x([0-9a-f]{8})$", text, re.MULTILINE)
    require(disk_id, "yocto/device/partitions.sfdisk: there is no label-id of eight hexadecimal digits")
    found = re.findall(r"^start=(\d+), size=(\d+), type=(\w+)", text, re.MULTILINE)
    require(len(found) == 4, f"yocto/device/partitions.sfdisk has {len(found)} partitions; boot, two slots and data are four")
    partitions = [(int(start), int(size), kind) for start, size, kind in found]
    for (start, size, _), (following, _, _) in zip(partitions, partitions[1:]):
        require(start + size == following, f"yocto/device/partitions.sfdisk: between sector {start + size} and {following} is a gap or an overlap")
    require(partitions[1][1] == partitions[2][1], "yocto/device/partitions.sfdisk: the two slots have different sizes")
    return disk_id[1], partitions


def _wks(disk_id, partitions):
    where = "meta-doorway/files/wic/doorway.wks.in"
    text = read(LAYER / "files/wic/doorway.wks.in")
    bootloader = re.search(r"^bootloader (.*)$", text, re.MULTILINE)
    require(
        bootloader and f"--diskid 0x{disk_id}" in bootloader[1] and "--ptable msdos" in bootloader[1],
        f"{where}: the bootloader line needs --ptable msdos --diskid 0x{disk_id}, as partitions.sfdisk has it",
    )
    parts = re.findall(r"^part (.*)$", text, re.MULTILINE)
    require(len(parts) == len(partitions), f"{where} has {len(parts)} partitions, partitions.sfdisk has {len(partitions)}")
    position = 0
    for number, (part, (start, size, _)) in enumerate(zip(parts, partitions), 1):
        option = dict(re.findall(r"--([a-z-]+)[ =](?!--)(\S+)", part))
        align = int(option.get("align", 1)) * 2
        position = -(-max(position, align) // align) * align
        require(position == start, f"{where}: partition {number} begins at sector {position}, in partitions.sfdisk at {start}")
        fixed = re.fullmatch(r"(\d+)M", option.get("fixed-size", ""))
        require(fixed, f"{where}: partition {number} has no --fixed-size in M, so its size depends on what is in it")
        require(int(fixed[1]) * MIB == size, f"{where}: partition {number} has {fixed[1]} MiB, in partitions.sfdisk {size // MIB}")
        position += size
    require("--source rawcopy" in parts[1] and ".ext4" in parts[1], f"{where}: partition 2 has to be the very file system that is in the bundle")
    require("--fstype=ext4" in parts[1], f"{where}: partition 2 needs --fstype=ext4, or its type in the table is FAT's")
    require("--source" not in parts[2] + parts[3], f"{where}: the second slot and the data partition are flashed empty")
    slot = re.search(r'^IMAGE_ROOTFS_SIZE = "(\d+)"', read(LAYER / "recipes-core/images/doorway-image.inc"), re.MULTILINE)
    require(
        slot and int(slot[1]) * 2 == partitions[1][1],
        f"doorway-image.inc: IMAGE_ROOTFS_SIZE is {slot and slot[1]} KiB, a slot has {partitions[1][1] // 2}",
    )


def _device_names(disk_id, count):
    """The udev rule's name of each partition, by number."""
    where = "yocto/device/root/usr/lib/udev/rules.d/61-doorway-disk.rules"
    text = read(ROOT / "usr/lib/udev/rules.d/61-doorway-disk.rules")
    require(f'=="{disk_id}", SYMLINK+="doorway/disk"' in text, f"{where} does not name the disk {disk_id} /dev/doorway/disk")
    names = dict(re.findall(rf'=="{disk_id}-(\d\d)", SYMLINK\+="([^"]+)"', text))
    require(
        sorted(names) == [f"{number:02}" for number in range(1, count + 1)],
        f"{where} names the partitions {', '.join(sorted(names)) or 'none'} of the disk {disk_id}; it has {count}",
    )
    return {int(number): f"/dev/{name}" for number, name in names.items()}


def _rauc_slots(names):
    """The partition of each slot in RAUC's configuration, by boot name."""
    where = "yocto/device/rauc/system.conf.in"
    text = read(DEVICE / "rauc/system.conf.in")
    slots = {}
    for section in re.split(r"^(?=\[slot\.)", text, flags=re.MULTILINE)[1:]:
        value = dict(re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE))
        numbers = [number for number, name in names.items() if name == value.get("device")]
        require(numbers, f"{where}: {value.get('device')} is no partition that the udev rule names; it names {', '.join(names.values())}")
        require(value.get("type") == "ext4", f"{where}: slot {value.get('bootname')} is of the type {value.get('type')}; bundles have ext4")
        slots[value.get("bootname")] = numbers[0]
    for number, name in names.items():
        if "root" in name:
            require(number in slots.values(), f"{where}: no slot is on partition {number} ({name}); give it one, or take the partition away")
    for key, wanted in {
        "compatible": "doorway-@MACHINE@",
        "bootloader": "uboot",
        "bundle-formats": "verity",
        "path": "/usr/lib/rauc/keyring.pem",
    }.items():
        require(re.search(rf"^{key}={re.escape(wanted)}$", text, re.MULTILINE), f"{where}: there is no {key}={wanted}")
    bundle = read(LAYER / "recipes-core/bundles/doorway-bundle_git.bb")
    for wanted in ('RAUC_BUNDLE_FORMAT = "verity"', 'RAUC_BUNDLE_COMPATIBLE = "doorway-${MACHINE}"', 'RAUC_BUNDLE_SLOTS = "rootfs"'):
        require(wanted in bundle, f"doorway-bundle.bb: there is no {wanted}, which {where} takes")
    return slots


def _boot_script(slots):
    where = "yocto/device/boot/boot.cmd"
    text = read(DEVICE / "boot/boot.cmd")
    chosen = re.search(r'test "\$\{slot\}" = A; then\s+setenv partition (\d)\s.*?else\s+setenv partition (\d)\s', text, re.DOTALL)
    require(chosen, f"{where}: there is no choice of a partition by slot where it was looked for")
    by_script = {"A": int(chosen[1]), "B": int(chosen[2])}
    require(by_script == slots, f"{where} starts the slots from the partitions {by_script}, RAUC's configuration has them on {slots}")
    for slot in slots:
        require(f"BOOT_{slot}_LEFT" in text, f"{where} does not count the attempts of slot {slot}")
    init = re.search(r" init=(\S+)", text)
    require(init and (ROOT / init[1].lstrip("/")).exists(), f"{where}: init={init and init[1]} is not in yocto/device/root")
    recipe = read(LAYER / "recipes-bsp/doorway-boot-script/doorway-boot-script_git.bb")
    for placeholder in set(re.findall(r"@[A-Z]+@", text)):
        require(f"s|{placeholder}|" in recipe, f"{where} has the placeholder {placeholder}, which doorway-boot-script.bb does not fill in")


def _boot_counters(partitions):
    where = "yocto/device/boot/boot.cmd"
    text = read(DEVICE / "boot/boot.cmd")
    values = {name: re.search(rf"^setenv {name} 0x([0-9a-f]+)$", text, re.MULTILINE) for name in ("counters_sector", "counters_size")}
    for name, found in values.items():
        require(found, f"{where} does not set {name}")
    sector, size = (int(values[name][1], 16) for name in ("counters_sector", "counters_size"))
    config = [line for line in read(ROOT / "etc/fw_env.config").splitlines() if line and not line.startswith("#")]
    require(len(config) == 1, f"yocto/device/root/etc/fw_env.config has {len(config)} entries; the counters are in one place")
    device, offset, length = config[0].split()[:3]
    require(
        (device, int(offset, 0), int(length, 0)) == ("/dev/doorway/disk", sector * 512, size),
        f"fw_env.config: '{config[0]}', but {where} has the counters at {sector * 512:#x}, {size:#x} bytes of /dev/doorway/disk",
    )
    require(size == 512, f"{where}: the counters take {size} bytes; only one sector is written whole or not at all")
    require(0 < sector < partitions[0][0], f"{where}: sector {sector} is not in the gap before the first partition")
    preinit = read(ROOT / "usr/lib/doorway/preinit")
    mark = re.search(r"^reset_sector=(\d+)$", preinit, re.MULTILINE)
    require(mark, "preinit does not say where the wish for a factory reset is (reset_sector)")
    require(int(mark[1]) != sector and 0 < int(mark[1]) < partitions[0][0], f"preinit: reset_sector={mark[1]} is not a free sector of the gap")
    state = re.search(r"^state_sector=(\d+)$", preinit, re.MULTILINE)
    require(state, "preinit does not say where the state of the data partition is (state_sector)")
    require(int(state[1]) not in (sector, int(mark[1])) and 0 < int(state[1]) < partitions[0][0], f"preinit: state_sector={state[1]} is not a free sector of the gap")
    attempts = set(re.findall(r"_LEFT\}?\"? \|\| setenv BOOT_\w_LEFT (\d+)|setenv BOOT_\$\{slot\}_LEFT (\d+)$", text, re.MULTILINE))
    attempts = {number for pair in attempts for number in pair if number}
    counted = re.search(r"^attempts=(\d+)$", preinit, re.MULTILINE)
    require(counted and attempts == {counted[1]}, f"preinit gives each slot {counted and counted[1]} attempts, {where} {', '.join(sorted(attempts))}")
    require(re.search(r"\binit=\S+ panic=[1-9]", text), f"{where}: without panic= a start that preinit ends is not followed by another")
    wish = read(ROOT / "usr/lib/doorway/factory-reset")
    require(f"seek={mark[1]} " in wish, f"factory-reset writes to another sector than preinit reads ({mark[1]})")


def _mounts(names):
    preinit = read(ROOT / "usr/lib/doorway/preinit")
    data = re.search(r"^\s*data=\$\(partition (\d)\)$", preinit, re.MULTILINE)
    require(data and names.get(int(data[1])) == "/dev/doorway/data", "preinit takes another partition for data than the udev rule")
    mount = read(ROOT / "usr/lib/systemd/system/boot-firmware.mount")
    device = re.search(r"^What=(.*)$", mount, re.MULTILINE)
    require(device and device[1] == names[1], f"boot-firmware.mount mounts {device and device[1]}, the boot partition is {names[1]}")
    recipe = read(LAYER / "recipes-doorway/doorway-device/doorway-device_git.bb")
    for folder in ("/data", "/boot/firmware"):
        require(f"${{D}}{folder}" in recipe, f"doorway-device.bb does not make {folder}, and a read-only root can't")


def _preset():
    where = "yocto/device/root/usr/lib/systemd/system-preset/50-doorway.preset"
    lines = [line for line in read(ROOT / "usr/lib/systemd/system-preset/50-doorway.preset").splitlines() if line and not line.startswith("#")]
    require(lines[-1] == "disable *", f"{where} does not end in 'disable *': what packages enable would start too")
    units = {path.name for path in (ROOT / "usr/lib/systemd/system").iterdir()}
    units |= {path.name for path in (SOURCES / "firmware/systemd").glob("*.*")}
    for line in lines[:-1]:
        action, unit = line.split()
        if action == "enable" and unit.startswith(("doorway", "boot-")):
            require(unit in units, f"{where} enables {unit}, which is neither in yocto/device/root nor in firmware/systemd")
        if "getty" in unit or "ssh" in unit:
            raise Failed(f"{where} has a line for {unit}: nobody logs in to a device")
