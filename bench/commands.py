"""commands.py - how long `vm exec`, `vm health` and `vm status` take of a guest that idles.

With BENCH_BEFORE=FILE the same is done with an older program vm (and what stands beside it), in turns:
each has a guest of its own, on the same disk's copy, and they are asked alternately.
"""
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import measure

COMMANDS = [("vm exec true", ["exec", "true"]),
            ("vm exec --stay true, at a shell's prompt", ["exec", "--stay", "true"]),
            ("vm health", ["health"]),
            ("vm status", ["status"])]


@contextlib.contextmanager
def guest(program, image, kind):
    """PROGRAM's guest, ready; yields how to ask it: a function of a command's words, in ms."""
    with measure.workplace(image) as place, open(place / "output", "w+b") as output:
        env = measure.environment(place, VM_GUEST=kind, QEMU_ACCEL="tcg", VM_LOGIN_USER="root")
        process = subprocess.Popen([program, "run"], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def ask(words):
            begin = time.monotonic()
            run = subprocess.run([program, *words], env=env, capture_output=True, check=False)
            if run.returncode != 0:
                output.seek(0)
                raise measure.Failed(f"vm {' '.join(words)}: {run.stderr.decode()}{output.read().decode()}")
            return (time.monotonic() - begin) * 1e3

        try:
            ask(["wait", "--for", "login", "--timeout", "300"])
            yield ask
        finally:
            subprocess.run([program, "stop", "--now"], env=env, capture_output=True, timeout=30, check=False)
            measure.end(process)


def rows(image, kind, count):
    """A row for each command."""
    before = os.environ.get("BENCH_BEFORE")
    programs = [measure.VM] + ([Path(before)] if before else [])
    with contextlib.ExitStack() as stack:
        asks = [stack.enter_context(guest(p, image, kind)) for p in programs]
        for name, words in COMMANDS:
            times = measure.interleave(count, [lambda ask=ask, words=words: ask(words) for ask in asks], 2)
            now = measure.Samples(times[0])
            if before:
                then = measure.Samples(times[1])
                yield f"| {kind}: {name} | {count} | {now:.1f} | {then:.1f} | {now.median / then.median:.2f} |\n"
            else:
                yield f"| {kind}: {name} | {count} | {now:.1f} | | |\n"


HEADER = "| | n | now | before | ratio |\n|---|---|---|---|---|\n"

if __name__ == "__main__":
    print(HEADER, end="")
    for disk, guest_kind in ((measure.MACH_MINI, "mach"), (measure.GUESTS / "linux.qcow2", "linux")):
        for row in rows(disk, guest_kind, int(os.environ.get("BENCH_N") or 5) * 3):
            print(row, end="", flush=True)
    sys.exit(0)
