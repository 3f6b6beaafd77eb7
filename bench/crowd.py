"""crowd.py - PID 1's processor time and memory for a flood of the guest's, without a client of the console and with
many browsers, which vm-web serves. The browsers are WebSockets of tests/web-client; some of them read nothing."""

import json
import subprocess
import time
from pathlib import Path

import relay
from measure import GUESTS, ROOT, VM, Failed, Samples, end, environment, free_ports, workplace

HEADER = "| | n | 200 browsers | none | | target | met |\n|---|---|---|---|---|---|---|\n"
TOKEN = "0123456789abcdef"
BROWSERS = 200
STALLED = 20
FLOOD = "yes 'all work and no play' | head -c 500000; echo END''%d\r"
LIMIT_S = 60


def wait_for(done, what):
    deadline = time.monotonic() + LIMIT_S
    while not done():
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come within {LIMIT_S} s")
        time.sleep(0.05)


class Guest:
    """The linux guest with its page, logged in."""

    def __init__(self, place):
        token = place / "token"
        token.write_text(f"{TOKEN}\n", encoding="ascii")
        self.web = free_ports(1)[0]
        self.env = environment(place, VM_GUEST="linux", QEMU_ACCEL="tcg", VM_WEB="1", VM_WEB_PORT=str(self.web),
                               VM_WEB_TOKEN_FILE=str(token))
        self.log = Path(self.env["VM_LOG_DIR"]) / "console.log"
        self.process = subprocess.Popen([VM, "run"], env=self.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.floods = 0
        self.seen = 0

    def vm(self, *words):
        subprocess.run([VM, *words], env=self.env, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)

    def clients(self):
        """The number of PID 1's clients on the console."""
        done = subprocess.run([VM, "status", "--json"], env=self.env, capture_output=True, timeout=LIMIT_S, check=True)
        return json.loads(done.stdout)["console"]["clients"]

    def has_printed(self, text):
        """Whether TEXT is in what the log has got since the last flood."""
        with open(self.log, "rb") as f:
            f.seek(self.seen)
            return text in f.read()

    def log_in(self):
        line = relay.Line(int(self.env["SERIAL_PORT"]), self.process)
        relay.log_in(line)
        line.socket.close()
        self.seen = self.log.stat().st_size

    def flood(self):
        """PID 1's processor milliseconds for one flood, which only PID 1's log is asked about."""
        self.floods += 1
        before = relay.processor_seconds(self.process.pid)
        self.vm("send", FLOOD % self.floods)
        last = b"END%d" % self.floods
        wait_for(lambda: self.has_printed(last), "the flood's end")
        used = relay.processor_seconds(self.process.pid) - before
        self.seen = self.log.stat().st_size
        return used * 1000

    def crowded(self):
        """The same with the browsers, and PID 1's memory in kB."""
        command = [ROOT / "tests/web-client", f"ws://127.0.0.1:{self.web}/api/v1/console?live=1", TOKEN, "--crowd",
                   str(BROWSERS), "--stalled", str(STALLED), f"END{self.floods + 1}"]
        wait_for(lambda: self.clients() == 0, "the end of other clients")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:
            try:
                if crowd.stdout.readline() != "ready\n":
                    raise Failed("the browsers did not connect")
                wait_for(lambda: self.clients() == 1, "vm-web's connection to PID 1")
                used, resident = self.flood(), relay.resident_kb(self.process.pid)
                counts = crowd.stdout.readline().split()
                if counts != [str(BROWSERS - STALLED), "0"]:
                    raise Failed(f"seen the end, closed: {counts}")
                return used, resident
            finally:
                end(crowd)


def figures(count):
    """Milliseconds and kB without browsers, and with them."""
    alone, crowd, alone_kb, crowd_kb = [], [], [], []
    with workplace(GUESTS / "linux.qcow2") as place:
        guest = Guest(place)
        try:
            guest.log_in()
            guest.flood()
            for _ in range(count):
                alone.append(guest.flood())
                alone_kb.append(relay.resident_kb(guest.process.pid))
                used, resident = guest.crowded()
                crowd.append(used)
                crowd_kb.append(resident)
        finally:
            subprocess.run([VM, "stop", "--now"], env=guest.env, capture_output=True, timeout=30, check=False)
            end(guest.process)
    return alone, crowd, alone_kb, crowd_kb


def rows(count):
    alone, crowd, alone_kb, crowd_kb = map(Samples, figures(count))
    for what, mine, without in (("500 kB printed: processor time of PID 1, ms", crowd, alone),
                                ("the same: PID 1 resident, KiB", crowd_kb, alone_kb)):
        ratio = mine.median / without.median
        yield (f"| {what} | {count} | {mine:.0f} | {without:.0f} | ratio {ratio:.2f} | 1.10 "
               f"| {'yes' if ratio <= 1.1 else '**no**'} |\n")
