"""mapped.py - saved memory that guests map, compared with saved memory that QEMU reads (mapped-ram).

Two states of each guest are saved over the same disk, one of each form. Containers that resume them
alternate. Times inside a container are those of events.jsonl.
"""
import contextlib
import json
import os
import time
from pathlib import Path

from measure import BOOT_LIMIT_S, GUESTS, Failed, Samples, docker, interleave, workplace
from warm import created, host_pid

FORMS = ("mapped", "mapped-ram")
CROWD = 8

HEADER = ("| | n | mapped | mapped-ram | ratio | target | met |\n"
          "|---|---|---|---|---|---|---|\n")

# Guest, disk, profile, MiB.
GUESTS_HERE = (("mach-mini, 128 MiB", "mach-mini", "mach", 128),
               ("linux, 1 GiB", "linux", "linux", 1024),
               ("linux, 8 GiB", "linux", "linux", 8192))


def events(name):
    """The events of a container's guest by name; events of the machine's state by the name of the state."""
    text = docker("exec", name, "cat", "/var/log/qemu/events.jsonl")
    return {e.get("state", e["event"]): e for e in map(json.loads, text.splitlines())}


def settings(form, ram):
    return {"QEMU_DISK_MODE": "throwaway", "VM_STATE_DIR": f"/opt/hurd-image/{form}",
            "VM_STATE_FORMAT": form, "QEMU_RAM": str(ram)}


# More memory than compose's limit, for a guest with 8 GiB, of which it touches little.
ROOM = ("--memory", "12g")


def save(image, place, guest, form, ram):
    """Save a warm state. Returns the milliseconds for which the guest was paused, and the bytes written."""
    (place / f"images/{form}").mkdir(mode=0o777)
    os.chmod(place / f"images/{form}", 0o777)
    with created(image, place, guest, *ROOM, **settings(form, ram)) as name:
        docker("start", name)
        docker("exec", name, "vm", "wait", "--timeout", str(BOOT_LIMIT_S))
        docker("exec", name, "vm", "warm")
        saved = [json.loads(line) for line in docker(
            "exec", name, "cat", "/var/log/qemu/events.jsonl").splitlines() if '"saved"' in line]
        return saved[-1]["still_ms"], saved[-1]["memory"] + saved[-1]["disk"]


def resume(image, place, guest, form, ram):
    """Start from the state. Returns the milliseconds from the request to QEMU to load it until the guest runs,
    and from `docker start` to the end of `vm exec true`."""
    with created(image, place, guest, *ROOM, VM_WARM=1, **settings(form, ram)) as name:
        begin = time.monotonic()
        docker("start", name)
        docker("exec", name, "vm", "exec", "true")
        whole = 1e3 * (time.monotonic() - begin)
        seen = events(name)
        if "resume" not in seen:
            raise Failed(f"{name}: the state was not resumed\n{docker('logs', name)}")
        return seen["running"]["ms"] - seen["qmp"]["ms"], whole


def nothing(image):
    """Milliseconds that `docker start` and `docker exec` take by themselves."""
    name = f"vm-bench-{os.getpid()}-nothing"
    docker("create", "--name", name, "--network", "none", "--no-healthcheck", image, "init", "sleep",
           "1000")
    try:
        begin = time.monotonic()
        docker("start", name)
        docker("exec", name, "true")
        return 1e3 * (time.monotonic() - begin)
    finally:
        docker("rm", "-f", "-v", name)


def disk_speed(place, size):
    """Milliseconds to write SIZE bytes beside the states, until they are on the disk."""
    path = place / "images/speed"
    begin = time.monotonic()
    with open(path, "wb") as f:
        block = os.urandom(1 << 20)
        for _ in range(max(1, size >> 20)):
            f.write(block)
    took = time.monotonic() - begin
    path.unlink()
    return 1e3 * took


def pss(name):
    """PSS of a container's QEMU in bytes: each shared page is divided by the number of its users."""
    status = json.loads(docker("exec", name, "vm", "status", "--json"))
    rollup = Path(f"/proc/{host_pid(name, status['qemu']['pid'])}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) * 1024


def crowd(image, place, guest, form, ram):
    """The memory of CROWD guests from one state together, each after a login."""
    with contextlib.ExitStack() as stack:
        names = [stack.enter_context(created(image, place, guest, *ROOM, VM_WARM=1,
                                             **settings(form, ram))) for _ in range(CROWD)]
        for name in names:
            docker("start", name)
            docker("exec", name, "vm", "exec", "true")
        return sum(map(pss, names))


def rows(image, count):
    for title, disk, guest, ram in GUESTS_HERE:
        with workplace(GUESTS / f"{disk}.qcow2") as place:
            os.chmod(place / "images", 0o777)
            still = {form: save(image, place, guest, form, ram) for form in FORMS}
            turns = interleave(count, [lambda form=form: resume(image, place, guest, form, ram)
                                       for form in FORMS] + [lambda: (0, nothing(image))])
            new, old, floor = ([Samples(v[i] for v in turn) for i in (0, 1)] for turn in turns)
            yield (f"| {title}: from QEMU's load command until the guest runs, ms | {count} | {new[0]:.1f} "
                   f"| {old[0]:.1f} | {new[0].median / old[0].median:.3f} | 15 | "
                   f"{'yes' if new[0].median <= 15 else '**no**'} |\n")
            over = new[1].median - floor[1].median
            yield (f"| {title}: from docker start to the end of `vm exec true`, ms | {count} | {new[1]:.0f} "
                   f"| {old[1]:.0f} | {new[1].median / old[1].median:.2f} | | |\n"
                   f"| {title}: ... minus the same for a container of `init sleep` with `docker exec true` ({floor[1]:.0f}), ms "
                   f"| {count} | {over:.0f} | {old[1].median - floor[1].median:.0f} | | 350 | "
                   f"{'yes' if over <= 350 else '**no**'} |\n")
            (new_ms, size), (old_ms, _) = (still[form] for form in FORMS)
            raw = disk_speed(place, size)
            yield (f"| {title}: saving, time for which the guest is paused, ms ({size / 1048576:.0f} MiB; plain "
                   f"write {raw:.0f} ms) | 1 | {new_ms:.0f} | {old_ms:.0f} | {new_ms / old_ms:.2f} "
                   f"| {50 + raw:.0f} | {'yes' if new_ms <= 50 + raw else '**no**'} |\n")
            if ram == 1024:
                both = [crowd(image, place, guest, form, ram) / 1048576 for form in FORMS]
                yield (f"| {title}: memory of {CROWD} together (PSS), MiB | 1 | {both[0]:.0f} | "
                       f"{both[1]:.0f} | {both[0] / both[1]:.2f} | 0.3 | "
                       f"{'yes' if both[0] <= 0.3 * both[1] else '**no**'} |\n")
