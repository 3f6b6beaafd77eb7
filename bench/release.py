"""release.py - what a user of a released image waits for: `docker run` to the login prompt, the compressed size, and what
the GitHub Action (action.yml, run by tests/actions/run) adds to boot and command."""

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

from measure import BOOT_LIMIT_S, GUESTS, PROMPT, ROOT, Failed, Samples, docker, interleave

HEADER = "| | n | | target | met |\n|---|---|---|---|---|\n"
# MB of 10^6: docs/release.md; tests/28-release.bats holds the second one.
PULL_LIMIT = {"alpine": 60, "debian": 68}


def on_terminal(image, *flags):
    """Seconds from `docker run -it` to the login prompt on that terminal. A resumed guest has printed its prompt before:
    as a user would, it gets a return when the log says that it is ready."""
    name = f"vm-bench-{os.getpid()}-{time.monotonic_ns()}"
    ours, theirs = pty.openpty()
    begin = time.monotonic()
    process = subprocess.Popen(["docker", "run", "-it", "--rm", "--name", name, *flags, image], stdin=theirs, stdout=theirs,
                               stderr=theirs, start_new_session=True)
    os.close(theirs)
    seen, typed = b"", False
    try:
        while PROMPT not in re.sub(rb"ready: login prompt", b"", seen):
            if time.monotonic() > begin + BOOT_LIMIT_S or not select.select([ours], [], [], BOOT_LIMIT_S)[0]:
                raise Failed(f"docker run -it {image}: no prompt, but {seen[-2000:]!r}")
            try:
                seen += os.read(ours, 65536)
            except OSError:
                raise Failed(f"docker run -it {image} ended: {seen[-2000:]!r}") from None
            if not typed and b"ready: login prompt" in seen:
                os.write(ours, b"\r")
                typed = True
        return time.monotonic() - begin
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True, check=False)
        process.wait()
        os.close(ours)


@contextlib.contextmanager
def baked(image):
    """The linux test guest in an image, with its saved state (scripts/bake)."""
    name = f"bench-{os.getpid()}"
    run = subprocess.run([ROOT / "scripts/bake", "--warm", "--from", image, "--name", name, "--env", "VM_GUEST=linux",
                          "--env", "QEMU_RAM=512", "--env", "QEMU_ACCEL=tcg", "--env", "VM_SSH_KEY=/run-key",
                          GUESTS / "linux.qcow2"], capture_output=True, text=True, check=False)
    if run.returncode:
        raise Failed(f"scripts/bake: {run.stdout}{run.stderr}")
    try:
        yield f"hurd-vm:{name}"
    finally:
        docker("rmi", f"hurd-vm:{name}")


def compressed(image):
    """Bytes of the layers, each by gzip as an engine pushes them."""
    with tempfile.TemporaryDirectory(prefix="vm-bench.", dir="/var/tmp") as place:
        saved = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-xf", "-", "-C", place], stdin=saved.stdout, check=True)
        if saved.wait():
            raise Failed(f"docker save {image} failed")
        layers = json.loads(Path(place, "manifest.json").read_text(encoding="utf-8"))[0]["Layers"]
        return sum(int(subprocess.run(f"gzip -6c '{place}/{layer}' | wc -c", shell=True, capture_output=True, check=True).stdout)
                   for layer in layers)


def by_action(image, place, *inputs):
    """Seconds of a job's step that uses the Action for `uname`."""
    begin = time.monotonic()
    run = subprocess.run([ROOT / "tests/actions/run", "--workspace", f"{place}/workspace", "--work", f"{place}/work", "--run-id",
                          f"bench-{os.getpid()}", "action", ROOT, f"image={image}", "run=uname", "kvm=off", *inputs],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        raise Failed(f"the Action: {run.stdout}{run.stderr}")
    return time.monotonic() - begin


def by_hand(image, exec_flags, *flags):
    """The same boot and command, typed by somebody who knows how."""
    name = f"vm-bench-{os.getpid()}-{time.monotonic_ns()}"
    begin = time.monotonic()
    docker("run", "-d", "--name", name, "-e", "QEMU_ACCEL=tcg", "-e", "QEMU_DISK_MODE=throwaway", *flags, image)
    try:
        docker("exec", name, "vm", "wait", "--timeout", str(BOOT_LIMIT_S))
        docker("exec", name, "vm", "exec", *exec_flags, "uname")
    finally:
        docker("rm", "-f", "-v", name)
    return time.monotonic() - begin


def action_rows(image, warm, count):
    key = (GUESTS / "linux-key").read_text(encoding="ascii")
    with tempfile.TemporaryDirectory(prefix="vm-bench.", dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        Path(place, "workspace/src").mkdir(parents=True)
        Path(place, "workspace/src/file").write_text("source\n", encoding="ascii")
        for what, action, hand in (
                ("mach-mini, booted", lambda: by_action(image, place, "cache=false"), lambda: by_hand(image, ())),
                ("linux, warm in the image, with the copy by ssh", lambda: by_action(warm, place, f"ssh-key={key}"),
                 lambda: by_hand(warm, ("--via", "ssh"), "-v", f"{GUESTS}/linux-key:/run-key:ro"))):
            whole, alone = map(Samples, interleave(count, [action, hand]))
            added = whole.median - alone.median
            yield f"| the Action: {what}, s | {count} | {whole:.2f} | | – |\n"
            yield f"| the same by docker run, vm wait, vm exec, docker rm, s | {count} | {alone:.2f} | | – |\n"
            yield (f"| the Action's own part (difference of the medians), s | {count} | {added:.2f} | 3 "
                   f"| {'yes' if added <= 3 else '**no**'} |\n")


def rows(image, count):
    base = "alpine" if subprocess.run(["docker", "run", "--rm", "--network", "none", "--entrypoint", "test", image, "-e",
                                       "/etc/alpine-release"], check=False).returncode == 0 else "debian"
    key = f"{GUESTS}/linux-key:/run-key:ro"
    with baked(image) as warm:
        mach, linux = map(Samples, interleave(count, [lambda: on_terminal(image, "-e", "QEMU_ACCEL=tcg"),
                                                      lambda: on_terminal(warm, "-v", key)]))
        for what, samples, target in (("mach-mini, booted", mach, 2), ("linux, warm in the image", linux, 3)):
            yield (f"| {what}: docker run -it to the login prompt, s | {count} | {samples:.2f} | {target} "
                   f"| {'yes' if samples.median <= target else '**no**'} |\n")
        size = compressed(image) / 1e6
        yield (f"| compressed size of the image on {base.title()}, MB | 1 | {size:.1f} | {PULL_LIMIT[base]} "
               f"| {'yes' if size <= PULL_LIMIT[base] else '**no**'} |\n")
        yield from action_rows(image, warm, count)
