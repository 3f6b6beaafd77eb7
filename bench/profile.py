"""profile.py - what the boot profiler costs: the same machine booted by a bare QEMU and by `vm
profile`, in turns.

Bare is the same QEMU with its serial line on a pipe that this script reads and searches, and nothing
else: no QMP, no clock, not paused first. Time is from QEMU's exec to its prompt, processor time
is QEMU's. For bench/run: `yield from profile.rows(count)` gives Markdown rows of HEADER's columns.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from measure import GUESTS, PROMPT, QEMU_USER, VM, Failed, Samples, interleave

HEADER = ("| | n | bare QEMU | profiled | ratio | target | met |\n"
          "|---|---|---|---|---|---|---|\n")
TARGET = 1.01
# Guest, profile, its machine (base/profile.c), and samples for each of BENCH_N's.
BOOTS = (("mach-mini", "mach", ("-cpu", "core2duo-v1", "-m", "128"), 4),
         ("linux", "linux", ("-cpu", "max", "-m", "1024", "-device", "pvpanic",
                             "-netdev", "user,id=net0", "-device", "e1000,netdev=net0,romfile="), 1))


def bare(name, machine):
    """(seconds to the prompt, processor seconds of QEMU)."""
    with tempfile.NamedTemporaryFile(suffix=".qcow2", dir="/var/tmp") as overlay:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                        GUESTS / f"{name}.qcow2", overlay.name], check=True)
        start = time.monotonic()
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
             "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
             "-machine", "q35,usb=off,hpet=on", "-accel", "tcg,tb-size=256", *machine,
             "-drive", f"file={overlay.name},format=qcow2,if=none,id=disk",
             "-device", "ide-hd,drive=disk,bus=ide.0", "-serial", "stdio"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
        seen = b""
        while PROMPT not in seen:
            got = process.stdout.read(65536)
            if not got:
                raise Failed(f"bare QEMU, {name}: no prompt; it said {seen[-500:]!r}")
            seen += got
        took = time.monotonic() - start
        process.kill()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        process.stdout.close()
        return took, used.ru_utime + used.ru_stime


def profiled(name, guest):
    """The same by `vm profile`, in its own figures."""
    with tempfile.TemporaryDirectory(prefix="vm-bench.", dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        env = {"PATH": os.environ["PATH"], "VM_GUEST": guest, "QEMU_ACCEL": "tcg",
               "QEMU_DRIVE": str(GUESTS / f"{name}.qcow2"), "VM_RUN_DIR": f"{place}/run",
               "VM_LOG_DIR": place}
        if os.geteuid() == 0:
            env |= {"VM_UID": QEMU_USER, "VM_GID": QEMU_USER}
        run = subprocess.run(
            [VM, "profile", "--cpus", "1", "--samples", "1", "--warm-up", "0", "--until", "login",
             "--out", f"{place}/report"], env=env, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise Failed(f"vm profile, {name}: {run.stderr}")
        with open(f"{place}/report/results.json", encoding="utf-8") as f:
            sample = json.load(f)["cpu_1"]["samples"][0]
        return sample["total_ms"] / 1e3, sample["cpu_ms"] / 1e3


def rows(count):
    """Two rows for each guest: time, and processor time of QEMU."""
    for name, guest, machine, share in BOOTS:
        n = count * share
        ours, theirs = interleave(n, [lambda: profiled(name, guest), lambda: bare(name, machine)])
        for what, i in ((", s", 0), (", processor time of QEMU, s", 1)):
            mine, plain = (Samples(v[i] for v in values) for values in (ours, theirs))
            ratio = mine.median / plain.median
            target = (f"| {TARGET} | {'yes' if ratio <= TARGET else '**no**'} |" if i == 0 else "| | |")
            yield f"| {name}{what} | {n} | {plain:.3f} | {mine:.3f} | {ratio:.3f} {target}\n"


if __name__ == "__main__":
    print(HEADER, end="")
    for row in rows(int(os.environ.get("BENCH_N") or 5)):
        print(row, end="", flush=True)
