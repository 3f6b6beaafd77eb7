#!/usr/bin/env python3
"""fleet.py - how many idle guests, resumed from one saved state, this machine can run in containers.

  fleet.py IMAGE [FLEET [COUNT]...]    a section of `make bench` (bench/run); run directly, it prints the rows of one
                                       of FLEETS for these numbers of guests

At each step more containers of the same state are started, all with the image's health check. When they are
ready and have been idle for SETTLE_S seconds, processor time is counted for WINDOW_S seconds, then memory (PSS: each
shared page divided by the number of its users) of QEMU, PID 1, the health check and the engine's shim. Then
`vm exec true` is timed in some of them.
"""
import contextlib
import os
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from measure import BOOT_LIMIT_S, COMPOSE_FLAGS, GUESTS, docker, workplace

WINDOW_S = 20
SETTLE_S = 20           # health checks are held by then (vm health --help), and the guest's own start is over
ASKED = 5
TICKS = os.sysconf("SC_CLK_TCK")
KINDS = ("qemu", "pid1", "health", "shim")

# Guest, profile, MiB, form of the state, steps of `make bench`. A state in an image is packed (scripts/bake), which
# is copied into the memory of each guest instead of mapped.
FLEETS = {
    "mach-mini": ("mach-mini", "mach", 128, "mapped", (1, 16)),
    "linux": ("linux", "linux", 512, "mapped", (1, 16)),
    "linux-packed": ("linux", "linux", 512, "packed", (16,)),
}

HEADER = ("| guest | guests | busy, % of a processor | of each: QEMU, % | PID 1, % | memory of each (PSS): QEMU, MiB "
          "| PID 1, KiB | health check, KiB | engine's shim, MiB | available memory less, MiB of each | vm exec true, ms "
          "| from `docker start` to ready, s |\n|" + "---|" * 12 + "\n")


def create(image, place, guest, ram, stack, **settings):
    name = f"vm-bench-{os.getpid()}-{time.monotonic_ns()}"
    words = [word for key, value in settings.items() for word in ("-e", f"{key}={value}")]
    flags = [flag for flag in COMPOSE_FLAGS if flag != "--no-healthcheck"]
    stack.callback(docker, "rm", "-f", "-v", name)
    docker("create", "--name", name, *flags, "-e", f"VM_GUEST={guest}", "-e", f"QEMU_RAM={ram}", "-e",
           "QEMU_ACCEL=tcg", "-e", "QEMU_DISK_MODE=throwaway", "-e", "VM_WARM=1", *words,
           "-v", f"{place}/images:/opt/hurd-image", "--tmpfs", "/var/log/qemu", image)
    return name


def start(name):
    """Seconds until the guest is ready."""
    begin = time.monotonic()
    docker("start", name)
    docker("exec", name, "vm", "wait", "--timeout", str(BOOT_LIMIT_S))
    return time.monotonic() - begin


def processes(names):
    """[(kind, pid)] of all processes of these containers, and their shims."""
    first = [int(pid) for pid in docker("inspect", "-f", "{{.State.Pid}}", *names).split()]
    spaces = {os.readlink(f"/proc/{pid}/ns/pid") for pid in first}
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") in spaces:
                comm = (entry / "comm").read_text()
                kind = ("pid1" if int(entry.name) in first else
                        "qemu" if comm.startswith("qemu") else "health")
                found.append((kind, int(entry.name)))
    for pid in first:
        status = Path(f"/proc/{pid}/status").read_text()
        found.append(("shim", int(status.split("PPid:")[1].split()[0])))
    return found


def cpu_of(pids):
    """Seconds of processor time by kind, without processes that have ended."""
    used = dict.fromkeys(KINDS, 0.0)
    for kind, pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used[kind] += (int(fields[11]) + int(fields[12])) / TICKS
    return used


def busy():
    """Seconds that all processors together have worked."""
    fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    return sum(map(int, fields[:3] + fields[5:8])) / TICKS


def pss_of(pids):
    """Bytes by kind."""
    used = dict.fromkeys(KINDS, 0)
    for kind, pid in pids:
        with contextlib.suppress(OSError):
            used[kind] += int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]) * 1024
    return used


def available():
    return int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) * 1024


def exec_ms(name):
    begin = time.monotonic()
    docker("exec", name, "vm", "exec", "true")
    return 1e3 * (time.monotonic() - begin)


def row(guest, names, started, free):
    """One line of the table, for the guests that run now."""
    time.sleep(SETTLE_S)
    pids = processes(names)
    begin, cpu, machine = time.monotonic(), cpu_of(pids), busy()
    time.sleep(WINDOW_S)
    seconds = time.monotonic() - begin
    after, machine = cpu_of(pids), busy() - machine
    share = {kind: 100 * (after[kind] - cpu[kind]) / seconds / len(names) for kind in KINDS}
    memory = {kind: size / len(names) for kind, size in pss_of(processes(names)).items()}
    gone = (free - available()) / len(names)
    step = max(1, len(names) // ASKED)
    answers = statistics.median(exec_ms(name) for name in names[::step])
    return (f"| {guest} | {len(names)} | {100 * machine / seconds:.0f} | {share['qemu']:.2f} | {share['pid1']:.3f} "
            f"| {memory['qemu'] / 1048576:.1f} | {memory['pid1'] / 1024:.0f} | {memory['health'] / 1024:.0f} "
            f"| {memory['shim'] / 1048576:.1f} | {gone / 1048576:.0f} | {answers:.0f} "
            f"| {statistics.median(started):.2f} |\n")


def rows(image, fleet, counts=None):
    guest, profile, ram, form, steps = FLEETS[fleet]
    with workplace(GUESTS / f"{guest}.qcow2") as place, contextlib.ExitStack() as stack:
        os.chmod(place / "images", 0o777)
        with contextlib.ExitStack() as first:
            name = create(image, place, profile, ram, first, VM_STATE_FORMAT=form)
            start(name)
            docker("exec", name, "vm", "warm")
        names, free = [], available()
        for count in counts or steps:
            started = []
            while len(names) < count:
                names.append(create(image, place, profile, ram, stack, VM_STATE_FORMAT=form))
                started.append(start(names[-1]))
            yield row(f"{guest}, {ram} MiB, {form}", names, started or [0], free)


def main():
    print(HEADER, end="")
    fleets = [sys.argv[2]] if len(sys.argv) > 2 else list(FLEETS)
    for fleet in fleets:
        for line in rows(sys.argv[1], fleet, [int(word) for word in sys.argv[3:]]):
            print(line, end="", flush=True)


if __name__ == "__main__":
    main()
