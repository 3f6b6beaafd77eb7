"""profile.py - the overhead of the boot profiler: the same machine booted by QEMU alone and by `vm profile`.

The speed of a machine varies more than the difference that is to be measured. So the two boot at the same time, each
with all its processes on one processor of its own, and swap processors for the next boot: disturbances of the host,
and differences between the processors, then affect both alike. A ratio comes from two such pairs. QEMU alone means
the same QEMU with its serial line on a pipe to build/bench/until and nothing else: no QMP, no clock, and it does not
start paused. Time is from QEMU's exec to its prompt, processor time is QEMU's. For bench/run, rows(count) yields Markdown rows
with HEADER's columns.
"""
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
from measure import GUESTS, PROMPT, QEMU_USER, ROOT, VM, Failed, Samples

UNTIL = ROOT / "build/bench/until"
HEADER = ("| | n | bare QEMU | profiled | ratio, 95 % of it | target | met |\n"
          "|---|---|---|---|---|---|---|\n")
TARGET = 1.01
# Guest, profile, its machine (config/guest_preset.c), and ratios for each of BENCH_N's.
BOOTS = (("mach-mini", "mach", ("-cpu", "core2duo-v1", "-m", "128"), 4),
         ("linux", "linux", ("-cpu", "max", "-m", "1024", "-device", "pvpanic",
                             "-netdev", "user,id=net0", "-device", "e1000,netdev=net0,romfile="), 1))


def on(processor, command, env=None):
    """Run COMMAND and all that it starts on PROCESSOR; its output."""
    run = subprocess.run(["taskset", "-c", str(processor), *map(str, command)], env=env,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {run.stderr}")
    return run.stdout


def bare(name, machine, processor):
    """(seconds to the prompt, processor seconds of QEMU)."""
    with tempfile.NamedTemporaryFile(suffix=".qcow2", dir="/var/tmp") as overlay:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                        GUESTS / f"{name}.qcow2", overlay.name], check=True)
        wall, used = on(processor, [
            UNTIL, PROMPT.decode(), "qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-display", "none", "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", "q35,usb=off,hpet=on", "-accel", "tcg,tb-size=256", *machine,
            "-drive", f"file={overlay.name},format=qcow2,if=none,id=disk",
            "-device", "ide-hd,drive=disk,bus=ide.0", "-serial", "stdio"]).split()
        return int(wall) / 1e9, int(used) / 1e9


def profiled(name, guest, processor):
    """The same for `vm profile`, as it reports them."""
    with tempfile.TemporaryDirectory(prefix="vm-bench.", dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        env = {"PATH": os.environ["PATH"], "VM_GUEST": guest, "QEMU_ACCEL": "tcg",
               "QEMU_DRIVE": str(GUESTS / f"{name}.qcow2"), "VM_RUN_DIR": f"{place}/run",
               "VM_LOG_DIR": place}
        if os.geteuid() == 0:
            env |= {"VM_UID": QEMU_USER, "VM_GID": QEMU_USER}
        on(processor, [VM, "profile", "--cpus", "1", "--samples", "1", "--warm-up", "0",
                       "--until", "login", "--out", f"{place}/report"], env)
        with open(f"{place}/report/results.json", encoding="utf-8") as f:
            sample = json.load(f)["cpu_1"]["samples"][0]
        return sample["total_ms"] / 1e3, sample["cpu_ms"] / 1e3


def pair(name, guest, machine, processors):
    """(profiled, bare), at the same time."""
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(profiled, name, guest, processors[0])
        theirs = pool.submit(bare, name, machine, processors[1])
        return ours.result(), theirs.result()


def interval(ratios, rounds=10000):
    """95 % of the medians of samples drawn from RATIOS (bootstrap, percentile method)."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios)))
                     for _ in range(rounds))
    return medians[round(rounds * 0.025)], medians[round(rounds * 0.975)]


def rows(count):
    """Two rows for each guest: time, and processor time of QEMU."""
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        raise Failed("the overhead of the profiler can be measured only on two processors")
    for name, guest, machine, share in BOOTS:
        n = count * share
        pair(name, guest, machine, processors)  # warms the page cache
        pairs = [pair(name, guest, machine, processors[::step])
                 for _ in range(n) for step in (1, -1)]
        for what, i in ((", s", 0), (", processor time of QEMU, s", 1)):
            ours, theirs = ([side[i] for side in sides] for sides in zip(*pairs))
            quotients = [a / b for a, b in zip(ours, theirs)]
            ratios = [math.sqrt(a * b) for a, b in zip(quotients[::2], quotients[1::2])]
            ratio = statistics.median(ratios)
            low, high = interval(ratios)
            target = (f"| {TARGET} | {'yes' if ratio <= TARGET else '**no**'} |" if i == 0 else "| | |")
            yield (f"| {name}{what} | {n} | {Samples(theirs):.3f} | {Samples(ours):.3f} "
                   f"| {ratio:.3f} ({low:.3f}–{high:.3f}) {target}\n")


if __name__ == "__main__":
    print(HEADER, end="")
    for row in rows(int(os.environ.get("BENCH_N") or 5)):
        print(row, end="", flush=True)
