# U-Boot's script: starts the newer of two slots, and the older one if the newer does not get as far as being marked good.
#
# The counters are in one sector of the gap before the first partition, in the format of `env export -c`, which fw_setenv
# writes too. One sector, as a disk writes it whole or not at all: there is no moment at which a power cut loses them.
setenv counters_sector 0x800
setenv counters_size 0x200
setenv BOOT_ORDER
setenv BOOT_A_LEFT
setenv BOOT_B_LEFT
${devtype} dev ${devnum}
if ${devtype} read ${ramdisk_addr_r} ${counters_sector} 1; then
  env import -c ${ramdisk_addr_r} ${counters_size} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
fi
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

# What the board's own firmware says about the hardware, where there is one.
test -n "${fdt_addr}" || setenv fdt_addr ${fdtcontroladdr}

for slot in ${BOOT_ORDER}; do
  if test "${slot}" = A; then
    setenv partition 2
    setenv left ${BOOT_A_LEFT}
  else
    setenv partition 3
    setenv left ${BOOT_B_LEFT}
  fi
  if itest ${left} -gt 0; then
    # Counted before anything can go wrong.
    setexpr left ${left} - 1
    setenv BOOT_${slot}_LEFT ${left}
    env export -c -s ${counters_size} ${ramdisk_addr_r} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
    ${devtype} write ${ramdisk_addr_r} ${counters_sector} 1
    echo "slot ${slot}, ${left} more attempts"
    part uuid ${devtype} ${devnum}:${partition} root
    setenv bootargs "root=PARTUUID=${root} ro rootwait=30 rauc.slot=${slot} init=/usr/lib/doorway/preinit panic=5 @ARGUMENTS@"
    setenv initrd -
    if load ${devtype} ${devnum}:${partition} ${kernel_addr_r} /boot/Image; then
      if load ${devtype} ${devnum}:${partition} ${ramdisk_addr_r} /boot/initrd; then
        setenv initrd ${ramdisk_addr_r}:${filesize}
      fi
      booti ${kernel_addr_r} ${initrd} ${fdt_addr}
    fi
    echo "slot ${slot} does not start"
  fi
done

# No slot has attempts left. Giving up would help nobody: all get theirs anew, but for one that is out of the order, as an
# update is being written to it.
for slot in ${BOOT_ORDER}; do
  setenv BOOT_${slot}_LEFT 3
done
env export -c -s ${counters_size} ${ramdisk_addr_r} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
${devtype} write ${ramdisk_addr_r} ${counters_sector} 1
reset
