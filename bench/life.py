"""life.py - how soon PID 1 reports that its guest is ready, and how long a stop takes.

On the host, under TCG, with a client on the serial line that receives the same bytes as PID 1.
"""
import re
import signal
import subprocess
import time

from measure import BOOT_LIMIT_S, GUESTS, MACH_MINI, VM, Failed, connect, end, environment, workplace
from measure import until_prompt


def read_until(line, pattern, seconds):
    """The time when the last byte of PATTERN was received (time.monotonic()); earlier output is discarded."""
    limit = time.monotonic() + seconds
    seen = b""
    while not re.search(pattern, seen):
        line.settimeout(max(0.01, limit - time.monotonic()))
        got = line.recv(65536)
        if not got:
            raise Failed(f"no {pattern!r} on the serial line, but {seen[-500:]!r}")
        seen = seen[-4096:] + got
    return time.monotonic()


def one_life(image, guest, last_word, **settings):
    """Boot IMAGE and stop it. Returns milliseconds from the prompt's last byte to the answer of `vm
    wait`, and seconds from SIGTERM and from LAST_WORD on the serial line to the end of `vm run`."""
    with workplace(image) as place:
        env = environment(place, VM_GUEST=guest, QEMU_ACCEL="tcg", **settings)
        process = subprocess.Popen([VM, "run"], env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        waiting = subprocess.Popen([VM, "wait"], env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            limit = time.monotonic() + BOOT_LIMIT_S
            with connect(int(env["SERIAL_PORT"]), process, limit) as line:
                until_prompt(line, limit)
                prompt = time.monotonic()
                waiting.stdout.read(1)
                ready = (time.monotonic() - prompt) * 1000
                waiting.wait(10)
                begin = time.monotonic()
                process.send_signal(signal.SIGTERM)
                down = read_until(line, last_word, 60)
                if process.wait(60) != 0:
                    raise Failed(f"{image.name} was not stopped cleanly")
                ended = time.monotonic()
                return max(ready, 0.0), ended - begin, ended - down
        finally:
            if waiting.poll() is None:
                waiting.kill()
            waiting.wait()
            end(process)


def mach_by_serial():
    return one_life(MACH_MINI, "mach", rb"halt", VM_STOP_LADDER="serial")


def linux_by_button():
    return one_life(GUESTS / "linux.qcow2", "linux", rb"Power down", VM_STOP_LADDER="acpi")
