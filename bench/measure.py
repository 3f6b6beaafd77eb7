"""measure.py - the measurements of `make bench`, one function each.

Start-up: build/bench/stamp prints the time and executes the starter; the starter executes it in place of QEMU, and it
prints the time again. Boot: a real QEMU with a fresh copy of the guest's
disk, from its exec (ours: from that of `vm run`) to `login: ` on the serial line. Memory: PID 1 in a container whose guest is idle at its prompt. Every process
and container that is started here is ended here.
"""
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VM = ROOT / "build/vm"
STAMP = ROOT / "build/bench/stamp"
ENTRYPOINT = ROOT / "bench/entrypoint.sh"
GUESTS = ROOT / "build/guests"
MACH_MINI = GUESTS / "mach-mini.qcow2"
KVM = "/dev/kvm"

PROMPT = b"login: "
BOOT_LIMIT_S = 600
QEMU_USER = "107"  # as in the image; there need not be such a user on the host

# What docker-compose.yml gives the service, without its ports: no client connects here.
COMPOSE_FLAGS = """--network none --no-healthcheck --read-only --memory 6g --pids-limit 256
    --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add KILL
    --cap-add SETGID --cap-add SETUID --security-opt no-new-privileges:true
    --tmpfs /run:size=16m,mode=1777 --tmpfs /tmp:size=64m --tmpfs /var/tmp:size=1g""".split()


class Failed(Exception):
    """A program that was to be measured failed; the text names it and has its output."""


class Samples:
    """Repeated measurements of one thing."""

    def __init__(self, values):
        self.values = list(values)

    @property
    def median(self):
        return statistics.median(self.values)

    def __format__(self, spec):
        """Median and range."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:{spec}} ({low:{spec}}–{high:{spec}})"


def interleave(count, functions, warm_up=1):
    """Call every function COUNT times, taking turns, after WARM_UP rounds that do not count.
    Returns a list of what each function returned."""
    results = [[] for _ in functions]
    for turn in range(warm_up + count):
        for function, kept in zip(functions, results):
            value = function()
            if turn >= warm_up:
                kept.append(value)
    return results


@contextlib.contextmanager
def workplace(image):
    """A directory with a copy of IMAGE under its default name and directories for logs, temporary files and share;
    QEMU's user can write to all of them."""
    with tempfile.TemporaryDirectory(prefix="vm-bench.", dir="/var/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        for part in ("images", "logs", "tmp", "share"):
            (place / part).mkdir()
            (place / part).chmod(0o777)
        disk = place / "images/debian-hurd-amd64.qcow2"
        shutil.copyfile(image, disk)
        disk.chmod(0o666)
        yield place


def free_ports(count):
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in taken:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in taken]


def environment(place, **settings):
    """The environment of /init and of the shell entrypoint. Of the caller's own variables it has only PATH."""
    serial, monitor, ssh, http = free_ports(4)
    env = {
        "PATH": os.environ["PATH"],
        "VM_IMAGE_DIR": f"{place}/images",
        "VM_LOG_DIR": f"{place}/logs",
        "VM_TMP_DIR": f"{place}/tmp",
        "VM_RUN_DIR": f"{place}/run",
        "SERIAL_PORT": str(serial),
        "MONITOR_PORT": str(monitor),
        "QEMU_HOSTFWDS": f"tcp:{ssh}:22,tcp:{http}:80",
    }
    if os.geteuid() == 0:
        env |= {"VM_UID": QEMU_USER, "VM_GID": QEMU_USER}
    return env | settings


# --- start-up ------------------------------------------------------------------------------------


def between_stamps(command, env=None):
    """Run COMMAND, return the milliseconds from its start stamp to its first end stamp."""
    run = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace", timeout=60, check=False)
    start = re.search(r"stamp: start (\d+)", run.stderr)
    end = re.search(r"stamp: end (\d+)", run.stderr)
    if not start or not end:
        raise Failed(f"{' '.join(map(str, command))} did not reach QEMU's exec:\n{run.stderr}")
    return (int(end[1]) - int(start[1])) / 1e6


def start_on_host(ours, accel):
    """One start as a plain process. OURS: `vm run`, else the shell entrypoint."""
    with workplace(MACH_MINI) as place:
        env = environment(place, QEMU_ACCEL=accel, VM_BOOT="firmware")
        env["VM_QEMU" if ours else "QEMU"] = str(STAMP)
        return between_stamps([STAMP, "--exec", *([VM, "run"] if ours else [ENTRYPOINT])], env)


def start_in_container(image, ours, accel):
    """The same as PID 1 of a container of IMAGE; both get /dev/kvm where it is."""
    device = ["--device", KVM] if os.path.exists(KVM) else []
    with workplace(MACH_MINI) as place:
        return between_stamps([
            "docker", "run", "--rm", *COMPOSE_FLAGS, *device,
            "-v", f"{place}/images:/opt/hurd-image", "-v", f"{place}/logs:/var/log/qemu",
            "-v", f"{STAMP}:/bench/stamp:ro", "-v", f"{ENTRYPOINT}:/bench/entrypoint.sh:ro",
            "-e", f"QEMU_ACCEL={accel}", "-e", "VM_BOOT=firmware",
            "-e", f"{'VM_QEMU' if ours else 'QEMU'}=/bench/stamp",
            "--entrypoint", "/bench/stamp", image,
            "--exec", "/init" if ours else "/bench/entrypoint.sh"])


# --- memory --------------------------------------------------------------------------------------


def docker(*words):
    run = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Failed(f"docker {' '.join(words)}: {run.stderr}")
    return run.stdout


def fields(text):
    """The numbers in a /proc file with lines `Name: number [kB]`."""
    return {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+)(?: kB)?$", text, re.M)}


def idle_pid1(image, seconds=5):
    """PID 1 of a container whose built-in guest idles at its prompt: the fields of its
    /proc/1/status and smaps_rollup (kB), and `wakeups`, its context switches in SECONDS."""
    name = f"vm-bench-{os.getpid()}"
    docker("run", "-d", "--name", name, *COMPOSE_FLAGS, "--tmpfs", "/opt/hurd-image",
           "--tmpfs", "/var/log/qemu", "-e", "QEMU_ACCEL=tcg", image)
    try:
        docker("exec", name, "vm", "wait", "--timeout", str(BOOT_LIMIT_S))
        time.sleep(1)
        before = fields(docker("exec", name, "cat", "/proc/1/status"))
        time.sleep(seconds)
        after = fields(docker("exec", name, "cat", "/proc/1/status"))
        switches = "voluntary_ctxt_switches"
        return (after | fields(docker("exec", name, "cat", "/proc/1/smaps_rollup"))
                | {"wakeups": after[switches] - before[switches]})
    finally:
        docker("rm", "-f", name)


# --- boot ----------------------------------------------------------------------------------------


def cpu_seconds():
    """Processor time of all children that have ended, and of their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def with_cpu(boot):
    """(seconds that BOOT returns, processor seconds of all it started)."""
    before = cpu_seconds()
    return boot(), cpu_seconds() - before


def until_prompt(connection, limit):
    """Read up to the prompt."""
    seen = b""
    while PROMPT not in seen:
        connection.settimeout(max(0.01, limit - time.monotonic()))
        try:
            got = connection.recv(65536)
        except TimeoutError:
            got = b""
        if not got:
            raise Failed(f"no prompt; the serial line said: {seen[-2000:]!r}")
        seen += got


def end(process):
    """End a guest that has been measured; its exit status does not matter."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def connect(port, process, limit):
    while time.monotonic() < limit and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.001)
    raise Failed(f"nothing listened on the serial port {port}")


def boot_ours(image, guest, **settings):
    """Seconds from the start of `vm run` to the prompt on its telnet port (which shows everything
    from the guest's first byte on), with the profile's own settings but TCG and SETTINGS."""
    with workplace(image) as place, open(place / "output", "w+b") as output:
        env = environment(place, VM_GUEST=guest, QEMU_ACCEL="tcg", **settings)
        start = time.monotonic()
        process = subprocess.Popen(
            [VM, "run"], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            limit = start + BOOT_LIMIT_S
            with connect(int(env["SERIAL_PORT"]), process, limit) as connection:
                until_prompt(connection, limit)
                return time.monotonic() - start
        except Failed as problem:
            output.seek(0)
            said = output.read().decode(errors="replace")
            raise Failed(f"vm run, {image.name}: {problem}\n{said}") from None
        finally:
            subprocess.run([VM, "stop", "--now"], env=env, capture_output=True, timeout=30,
                           check=False)
            end(process)


def papers_command(place, serial):
    """hurd-qemu-configuration.md, "Production Configuration", for a host without KVM. Only names, ports and the
    serial line differ: it is a socket, on which no output is lost."""
    monitor, ssh, http = free_ports(3)
    return [
        "qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max",
        "-m", "4096", "-smp", "2",
        "-drive", f"file={place}/images/debian-hurd-amd64.qcow2,format=qcow2,cache=writeback,"
                  "aio=threads,if=ide",
        "-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{ssh}-:22,hostfwd=tcp:127.0.0.1:{http}-:80",
        "-device", "e1000,netdev=net0", "-nographic", "-serial", f"unix:{serial}",
        "-monitor", f"telnet:127.0.0.1:{monitor},server,nowait",
        "-virtfs", f"local,path={place}/share,mount_tag=scripts,security_model=none,id=fsdev0",
        "-rtc", "base=utc,clock=host", "-no-reboot", "-d", "guest_errors",
        "-D", f"{place}/logs/guest-errors.log"]


def boot_papers(image):
    """Seconds from QEMU's start to the prompt, with the papers' command."""
    with workplace(image) as place, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}/serial")
        listener.listen()
        listener.settimeout(30)
        command = papers_command(place, f"{place}/serial")
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            connection, _ = listener.accept()
            with connection:
                until_prompt(connection, start + BOOT_LIMIT_S)
                return time.monotonic() - start
        except (Failed, TimeoutError) as problem:
            raise Failed(f"the papers' command, {image.name}: {problem}") from None
        finally:
            end(process)
