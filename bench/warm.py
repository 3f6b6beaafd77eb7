"""warm.py - saved states: containers that resume a guest, against containers that boot it.

Measured is the time from `docker start` of a container that has been created already to the end of a command in the
guest. A first container saves the state, which all others share.
"""
import contextlib
import json
import os
import time
from pathlib import Path

from measure import BOOT_LIMIT_S, COMPOSE_FLAGS, GUESTS, docker, workplace

NO_NETWORK = ("--network", "none")


@contextlib.contextmanager
def created(image, place, guest, *flags, **settings):
    """The name of a container of IMAGE that has been created, with PLACE's images and states."""
    name = f"vm-bench-{os.getpid()}-{time.monotonic_ns()}"
    words = [word for name_, value in settings.items() for word in ("-e", f"{name_}={value}")]
    compose = [word for word in COMPOSE_FLAGS if word not in NO_NETWORK]
    docker("create", "--name", name, *compose, "--network", "none", *flags,
           "-e", f"VM_GUEST={guest}", "-e", "QEMU_ACCEL=tcg", *words,
           "-v", f"{place}/images:/opt/hurd-image", "--tmpfs", "/var/log/qemu", image)
    try:
        yield name
    finally:
        docker("rm", "-f", "-v", name)


def answered(name, *command):
    """Seconds from `docker start` to the end of COMMAND, which is run when the guest is ready."""
    begin = time.monotonic()
    docker("start", name)
    docker("exec", name, "sh", "-c", f"vm wait --timeout {BOOT_LIMIT_S} >/dev/null && {' '.join(command)}")
    return time.monotonic() - begin


def used(path):
    """Bytes that the files under PATH use on the disk."""
    return sum(f.stat().st_blocks * 512 for f in Path(path).rglob("*") if f.is_file())


def measure_guest(image, guest, disk, count, ssh=False):
    """A dictionary of lists: seconds `cold` and `warm`, `ssh` (a command over ssh, warm), `suspend`
    (of docker stop) and `resume`; bytes `state` and `touched`, and `disk` of one container more."""
    result = {key: [] for key in ("cold", "warm", "ssh", "suspend", "resume", "state", "touched",
                                  "disk")}
    with workplace(disk) as place:
        name = place / "images/debian-hurd-amd64.qcow2"
        os.chmod(place / "images", 0o777)
        uname = ("vm", "exec", "uname")
        common = {"QEMU_DISK_MODE": "throwaway"}
        with created(image, place, guest, VM_WARM=1, **common) as first:
            docker("start", first)
            docker("exec", first, "vm", "wait", "--timeout", str(BOOT_LIMIT_S))
            docker("exec", first, "vm", "wait", "--for", "login", "--timeout", str(BOOT_LIMIT_S))
            state = Path(f"{place}/images/state/{name.name}.warm")
            while not state.is_dir():
                time.sleep(0.1)
            status = json.loads(docker("exec", first, "vm", "status", "--json"))
            memory = Path(f"/proc/{host_pid(first, status['qemu']['pid'])}/smaps_rollup").read_text()
            result["touched"].append(int(memory.split("Anonymous:")[1].split()[0]) * 1024)
            result["state"].append(used(state))
        for _ in range(count):
            with created(image, place, guest, **common) as cold:
                result["cold"].append(answered(cold, *uname))
            before = used(place)
            with created(image, place, guest, VM_WARM=1, **common) as warm:
                result["warm"].append(answered(warm, *uname))
                result["disk"].append(used(place) - before)
            if ssh:
                with created(image, place, guest, "-v", f"{GUESTS}/linux-key:/key:ro", VM_WARM=1,
                             VM_SSH_KEY="/key", **common) as warm:
                    result["ssh"].append(answered(warm, "vm", "exec", "--via", "ssh", "uname"))
            with created(image, place, guest, VM_WARM=1, VM_STOP="suspend", **common) as warm:
                answered(warm, *uname)
                begin = time.monotonic()
                docker("stop", "-t", "60", warm)
                result["suspend"].append(time.monotonic() - begin)
                result["resume"].append(answered(warm, *uname))
    return result


def host_pid(name, pid):
    """The host's number of the process that is PID in the container NAME."""
    first = int(docker("inspect", "-f", "{{.State.Pid}}", name))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            rows = (entry / "status").read_text().splitlines()
            numbers = next(row.split()[1:] for row in rows if row.startswith("NSpid:"))
            if numbers[-1] == str(pid) and same_namespace(first, int(entry.name)):
                return int(entry.name)
    raise LookupError(f"process {pid} of {name}")


def same_namespace(one, other):
    return os.readlink(f"/proc/{one}/ns/pid") == os.readlink(f"/proc/{other}/ns/pid")
