"""preinit on a machine whose power is cut, whose data partition is damaged, or whose newer version can't mount it: no start makes a
data partition over one that a slot might still mount, and only a new one lets anybody claim the station."""

import tempfile

from .common import Failed
from .machine import RESET_SECTOR, Machine, expect, obstacle

SCRIPT = "yocto/device/root/usr/lib/doorway/preinit"
OPEN = "lib/doorway/open-to-claim"


def check():
    reason = obstacle()
    if reason:
        return f"ignored, as {reason}"
    cases = [case for name, case in sorted(globals().items()) if name.startswith("case_")]
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="doorway-machine-") as folder:
            try:
                case(Machine(f"{folder}/root"))
            except Failed as error:
                raise Failed(f"{SCRIPT}: {case.__name__.removeprefix('case_')}: {error}") from error
    return f"{len(cases)} courses of power cuts and damage: preinit keeps what can be kept, and opens the claim of new cards alone"


def used(machine):
    """A machine that somebody has claimed."""
    expect(machine.start_until_up(), 1, "starts of a new card")
    machine.kept(OPEN).unlink()
    machine.kept("lib/doorway/household.json").write_text("ours")
    return machine.data_id()


def case_a_new_card_is_made_and_open_to_claim(machine):
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.kept(OPEN).exists(), True, "open to claim")
    made = machine.data_id()
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.data_id(), made, "the data partition")


def case_a_power_cut_in_the_first_start_leaves_a_new_card(machine):
    (machine.root / "lab/cut-off").touch()
    machine.start()
    expect(machine.start_until_up() is not None and machine.kept(OPEN).exists(), True, "open to claim after the power cut")


def case_a_power_cut_before_the_claim_was_opened_leaves_a_new_card(machine):
    script = machine.root / "usr/lib/doorway/preinit"
    whole = script.read_text()
    script.write_text(whole.replace("\n  forget_accounts\n", "\n  exit 1\n"))
    expect(machine.start(), False, "it came up")
    script.write_text(whole)
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.kept(OPEN).exists(), True, "open to claim")


def case_a_version_that_can_not_mount_goes_back_to_the_other(machine):
    ours = used(machine)
    machine.unable = "A"
    expect(machine.start_until_up(), 4, "starts until B came up")
    expect(machine.data_id(), ours, "the data partition")
    expect(machine.kept("lib/doorway/household.json").read_text(), "ours", "the household")


def case_only_when_no_version_can_mount_it_is_made_anew_and_not_open_to_claim(machine):
    ours = used(machine)
    machine.damage_data()
    for _ in range(5):
        expect(machine.start(), False, "it came up")
        expect(machine.data_id(), None, "a data partition was made")
    expect(machine.start_until_up(), 1, "starts after three of each slot")
    expect(machine.data_id() not in (None, ours), True, "it was made anew")
    expect(machine.kept(OPEN).exists(), False, "open to claim")
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.kept(OPEN).exists(), False, "open to claim, later")


def case_a_file_system_that_is_whole_is_never_made_anew_by_one_slot(machine):
    ours = used(machine)
    machine.unable = "A"
    machine.left["B"] = 0
    # B's attempts were used up by people who switch it on and off: it gets its turn all the same.
    expect(machine.start_until_up() is not None, True, "B came up")
    expect(machine.data_id(), ours, "the data partition")


def case_failures_long_ago_do_not_count(machine):
    ours = used(machine)
    for _ in range(8):
        machine.unable = "AB"
        expect(machine.start(), False, "it came up")
        machine.unable = ""
        expect(machine.start_until_up(), 1, "starts")
    expect(machine.data_id(), ours, "the data partition")


def case_a_card_with_one_version_recovers_too(machine):
    used(machine)
    machine.systems = "A"
    machine.damage_data()
    expect(machine.start_until_up(), 7, "starts")
    expect(machine.kept(OPEN).exists(), False, "open to claim")


def case_without_a_slots_name_nothing_is_made(machine):
    used(machine)
    machine.damage_data()
    script = machine.root / "usr/lib/doorway/preinit"
    script.write_text(script.read_text().replace("rauc\\.slot", "rauc\\.sl0t"))
    expect(machine.start_until_up(), None, "starts")
    expect(machine.data_id(), None, "the data partition")


def case_a_power_cut_in_the_recovery_does_not_open_the_claim(machine):
    used(machine)
    machine.damage_data()
    for _ in range(5):
        machine.start()
    (machine.root / "lab/cut-off").touch()
    expect(machine.start(), False, "it came up")
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.kept(OPEN).exists(), False, "open to claim")


def case_what_a_check_of_the_file_system_lost_does_not_open_the_claim(machine):
    used(machine)
    machine.kept("lib/doorway/household.json").unlink()
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.kept(OPEN).exists(), False, "open to claim")


def case_a_factory_reset_forgets_all_and_opens_the_claim(machine):
    ours = used(machine)
    machine.write_sector(RESET_SECTOR, b"doorway-factory-reset")
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.data_id() not in (None, ours), True, "it was made anew")
    expect(machine.kept(OPEN).exists(), True, "open to claim")
    made = machine.data_id()
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.data_id(), made, "the data partition")


def case_a_power_cut_in_a_factory_reset_finishes_it_later(machine):
    ours = used(machine)
    machine.write_sector(RESET_SECTOR, b"doorway-factory-reset")
    (machine.root / "lab/cut-off").touch()
    machine.start()
    expect(machine.start_until_up() is not None, True, "it came up")
    expect(machine.data_id() not in (None, ours), True, "it was made anew")


def case_a_power_cut_after_the_wiping_of_a_factory_reset_leaves_a_new_card(machine):
    used(machine)
    machine.write_sector(RESET_SECTOR, b"doorway-factory-reset")
    (machine.root / "lab/cut-off").touch()
    machine.start()
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.kept(OPEN).exists(), True, "open to claim")


def case_a_new_card_that_a_version_can_not_mount_stays_new(machine):
    machine.unable = "A"
    expect(machine.start_until_up(), 4, "starts until B came up")
    expect(machine.kept(OPEN).exists(), True, "open to claim")


def case_a_card_that_is_written_anew_is_new_whatever_was_on_it(machine):
    ours = used(machine)
    machine.flash()
    expect(machine.start_until_up(), 1, "starts")
    expect(machine.data_id() not in (None, ours), True, "it was made anew")
    expect(machine.kept(OPEN).exists(), True, "open to claim")


def case_sysrq_restarts_where_the_kernel_has_it_and_nothing_goes_on_where_it_does_not(machine):
    ours = used(machine)
    asked = machine.give_sysrq()
    machine.unable = "AB"
    expect(machine.start(), False, "it came up")
    expect((asked.read_text(), machine.data_id()), ("b\n", ours), "what sysrq was asked, and the data partition")
