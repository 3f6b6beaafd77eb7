"""relay.py - measurements of the console: floods of the built-in guest and echoes of the linux test guest, through
`vm run` with 1, 8 and 64 clients, and through QEMU's own telnet chardev, which has one client.

Both QEMUs get the same arguments except for the serial line (and the disk, which `vm run` passes as descriptors).
Processor times are those of /proc/PID/task/*/schedstat.
"""
import contextlib
import json
import selectors
import shutil
import socket
import subprocess
import time
from pathlib import Path

from measure import BOOT_LIMIT_S, GUESTS, MACH_MINI, VM, Failed, connect, end, environment, free_ports, workplace

FLOOD_KB = 3000
KEYS = 500
ECHOING = GUESTS / "linux.qcow2"
CROWD = (1, 8, 64)

# Arguments of `vm args` that are left out with their values, because they name descriptors of PID 1 or wait for it.
NOT_ALONE = {"-add-fd", "-blockdev", "-chardev", "-monitor", "-qmp", "-serial", "-d", "-D", "-sandbox", "-device"}


class Line:
    """A client of a telnet port."""

    def __init__(self, port, process):
        self.socket = connect(port, process, time.monotonic() + BOOT_LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(BOOT_LIMIT_S)
        self.tail = b""

    def send(self, text):
        self.socket.sendall(text)

    def receive(self):
        """Receive what is available; the last bytes stay in `tail`. Returns the number of bytes."""
        got = self.socket.recv(1 << 18)
        if not got:
            raise Failed("the serial line ended")
        self.tail = (self.tail + got)[-4096:]
        return len(got)

    def until(self, text):
        while text not in self.tail:
            self.receive()
        self.tail = b""


@contextlib.contextmanager
def ours(image, guest):
    """(a line with a user logged in, a function that connects one more, pid of PID 1, pid of its
    QEMU)."""
    with workplace(image) as place:
        env = environment(place, VM_GUEST=guest, QEMU_ACCEL="tcg")
        process = subprocess.Popen([VM, "run"], env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = int(env["SERIAL_PORT"])
            first = Line(port, process)
            log_in(first)
            status = subprocess.run([VM, "status", "--json"], env=env, capture_output=True,
                                    check=True)
            yield first, (lambda: Line(port, process)), process.pid, \
                json.loads(status.stdout)["qemu"]["pid"]
        finally:
            subprocess.run([VM, "stop", "--now"], env=env, capture_output=True, timeout=30,
                           check=False)
            end(process)


@contextlib.contextmanager
def qemus_own(image, guest):
    """(the line, pid of QEMU) of a QEMU whose serial line is a telnet chardev of its own."""
    with workplace(image) as place:
        # A kernel read from the disk and shared memory are descriptors of `vm run`.
        env = environment(place, VM_GUEST=guest, QEMU_ACCEL="tcg", VM_BOOT="firmware",
                          VM_STATE_FORMAT="stream")
        words = iter(subprocess.run([VM, "args"], env=env, capture_output=True, text=True,
                                    check=True).stdout.splitlines())
        command = [next(words)]
        for word in words:
            if word in NOT_ALONE:
                next(words)
            elif word != "-S":
                command.append(word)
        disk = Path(place) / "bench.qcow2"
        shutil.copyfile(image, disk)
        port = free_ports(1)[0]
        command += ["-drive", f"file={disk},format=qcow2,if=none,id=disk0",
                    "-device", "ide-hd,bus=ide.0,drive=disk0",
                    "-serial", f"telnet:127.0.0.1:{port},server=on,wait=on,nodelay=on"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            line = Line(port, process)
            log_in(line)
            yield line, process.pid
        finally:
            end(process)


def log_in(line):
    line.until(b"login: ")
    line.send(b"root\r")
    line.until(b"# ")


def processor_seconds(pid):
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_kb(pid):
    for row in Path(f"/proc/{pid}/status").read_text().splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1])
    raise Failed("no VmRSS")


def flood(lines, pids):
    """All LINES read what the guest prints. Returns kB/s of the slowest, and the processor seconds of
    PIDS meanwhile."""
    before = [processor_seconds(p) for p in pids]
    poll = selectors.DefaultSelector()
    for line in lines:
        poll.register(line.socket, selectors.EVENT_READ, line)
    start = time.monotonic()
    lines[0].send(b"flood %d; echo the end\r" % FLOOD_KB)
    came = dict.fromkeys(lines, 0)
    left = len(lines)
    while left:
        for key, _ in poll.select(60) or [(None, None)]:
            if key is None:
                raise Failed("the flood stopped")
            line = key.data
            came[line] += line.receive()
            if b"\nthe end" in line.tail:
                line.tail = b""
                poll.unregister(line.socket)
                left -= 1
    seconds = time.monotonic() - start
    used = [processor_seconds(p) - b for p, b in zip(pids, before)]
    return min(came.values()) / seconds / 1000, used


def echoes(line, count):
    """Milliseconds from a key to its echo by the guest's terminal driver, COUNT times, each after the
    guest has come to rest."""
    times = []
    line.send(b"cat >/dev/null\r")
    line.until(b"\n")
    time.sleep(0.5)  # until cat runs: the shell's own line editor takes keys, and drops them
    for i in range(count):
        time.sleep(0.005)
        key = b"abcdefgh"[i % 8:i % 8 + 1]
        line.tail = b""
        start = time.perf_counter()
        line.send(key)
        while key not in line.tail:
            line.receive()
        times.append((time.perf_counter() - start) * 1000)
    line.send(b"\x03")
    line.until(b"# ")
    return times


def measure_relay(count):
    """A dictionary of lists: kB/s of QEMU's own (`own`), and by the number of clients of ours (`rate`);
    `share` of PID 1; `resident` kB with 64 clients; echoes of both, in ms."""
    result = {"own": [], "share": {n: [] for n in CROWD}, "rate": {n: [] for n in CROWD},
              "own_echo": [], "echo": [], "resident": []}
    for _ in range(count):
        with qemus_own(MACH_MINI, "mach") as (line, pid):
            result["own"].append(flood([line], [pid])[0])
        with ours(MACH_MINI, "mach") as (first, more, pid1, qemu):
            lines = [first]
            for n in CROWD:
                while len(lines) < n:
                    lines.append(more())
                    lines[-1].until(b"machsh# ")
                rate, used = flood(lines, [pid1, qemu])
                result["rate"][n].append(rate)
                result["share"][n].append(used[0] / used[1])
            result["resident"].append(resident_kb(pid1))
    with qemus_own(ECHOING, "linux") as (line, _), ours(ECHOING, "linux") as (first, _, _, _):
        for _ in range(2 * count):
            result["own_echo"] += echoes(line, KEYS)
            result["echo"] += echoes(first, KEYS)
    return result
