"""direct.py - VM_BOOT=direct, compared with a boot by BIOS and GRUB and with the papers' command, which alternate;
and the time of finding and reading the kernel on the disk."""

import re
import subprocess

import measure
from measure import GUESTS, Failed, Samples, interleave

HEADER = ("| | n | direct | firmware | papers' command | direct / papers' | target | met |\n"
          "|---|---|---|---|---|---|---|---|\n")


def boot_rows(count):
    for name, profile, target in (
            ("mach-mini", "mach", 0.2),
            ("linux", "linux", 0.6),
            ("linux-big", "linux", None)):
        disk = GUESTS / f"{name}.qcow2"
        n = count if name != "linux-big" else max(2, count // 2)
        ways = interleave(
            n, [lambda: measure.with_cpu(
                    lambda: measure.boot_ours(disk, profile, VM_BOOT="direct")),
                lambda: measure.with_cpu(
                    lambda: measure.boot_ours(disk, profile, VM_BOOT="firmware")),
                lambda: measure.with_cpu(lambda: measure.boot_papers(disk))],
            warm_up=1 if profile == "mach" else 0)
        for what, i, aim in (("", 0, target), (", processor time", 1, None)):
            direct, firmware, papers = (Samples(v[i] for v in values) for values in ways)
            ratio = direct.median / papers.median
            met = "–" if aim is None else "yes" if ratio <= aim else "**no**"
            yield (f"| {name}{what} | {n} | {direct:.2f} | {firmware:.2f} | {papers:.2f} "
                   f"| {ratio:.2f} | {aim or ''} | {met} |\n")


def cost_rows(count):
    """The time that `vm check` prints: from before the child is forked to its answer."""
    for name in ("linux", "linux-big"):
        with measure.workplace(GUESTS / f"{name}.qcow2") as place:
            env = measure.environment(place, VM_GUEST="linux", QEMU_ACCEL="tcg", VM_BOOT="direct")
            times = []
            for _ in range(count):
                said = subprocess.run([measure.VM, "check"], env=env, capture_output=True, text=True,
                                      check=True)
                found = re.search(r"([0-9.]+) MiB read in ([0-9]+) ms", said.stdout + said.stderr)
                if not found:
                    raise Failed(f"vm check did not boot {name} directly:\n{said.stderr}")
                times.append(float(found[2]))
        times = Samples(times)
        yield (f"| finding and reading kernel and ramdisks of {name}, {found[1]} MiB, ms | {count} "
               f"| {times:.0f} | | | | 150 for 30 MiB | "
               f"{'yes' if times.median <= 150 * max(1, float(found[1]) / 30) else '**no**'} |\n")


def rows(count):
    yield from boot_rows(count)
    yield from cost_rows(2 * count)
