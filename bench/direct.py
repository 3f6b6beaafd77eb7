"""direct.py - VM_BOOT=direct: the disk's kernel without BIOS and GRUB, beside both of them and beside
the papers' command, in turns; and what finding and reading it costs."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

import measure
from measure import GUESTS, Failed, Samples, interleave

HEADER = ("| | n | direct | firmware | papers' command | direct / papers' | target | met |\n"
          "|---|---|---|---|---|---|---|---|\n")
ROOT = Path(__file__).parent.parent


def mach_disk(place):
    """A disk with GNU Mach and machsh on ext2, as tests/guests/hurdlike makes it, whose GRUB does not
    wait and whose console is the serial line; in qcow2."""
    raw, disk, cfg = place / "mach.img", place / "mach.qcow2", place / "grub.cfg"
    root = f"{raw}?offset={10 << 20}"
    env = os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}

    def run(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout

    run(ROOT / "tests/guests/hurdlike/build.sh", "1", GUESTS, raw)
    text = run("debugfs", "-R", "cat /boot/grub/grub.cfg", root)
    text = re.sub("timeout=5", "timeout=0", text)
    text = re.sub(r"device:wd0\n", "device:wd0 console=com0\n", text)
    cfg.write_text("serial --unit=0\nterminal_output serial\n" + text)
    run("debugfs", "-w", "-R", "rm /boot/grub/grub.cfg", root)
    run("debugfs", "-w", "-R", f"write {cfg} /boot/grub/grub.cfg", root)
    run("qemu-img", "convert", "-O", "qcow2", raw, disk)
    return disk


def boot_rows(count, mach):
    for name, disk, profile, target, settings in (
            ("GNU Mach with machsh on ext2", mach, "mach", 0.2, {"QEMU_RAM": "128"}),
            ("linux", GUESTS / "linux.qcow2", "linux", 0.6, {}),
            ("linux-big", GUESTS / "linux-big.qcow2", "linux", None, {})):
        n = count if profile == "mach" else max(2, count // 2)
        direct, firmware, papers = map(Samples, interleave(
            n, [lambda: measure.boot_ours(disk, profile, VM_BOOT="direct", **settings),
                lambda: measure.boot_ours(disk, profile, VM_BOOT="firmware", **settings),
                lambda: measure.boot_papers(disk)],
            warm_up=1 if profile == "mach" else 0))
        ratio = direct.median / papers.median
        met = "–" if target is None else "yes" if ratio <= target else "**no**"
        yield (f"| {name} | {n} | {direct:.2f} | {firmware:.2f} | {papers:.2f} | {ratio:.2f} "
               f"| {target or ''} | {met} |\n")


def cost_rows(count):
    """As `vm check` says it: from before the child is made to its answer."""
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
    with tempfile.TemporaryDirectory() as place:
        yield from boot_rows(count, mach_disk(Path(place)))
    yield from cost_rows(2 * count)
