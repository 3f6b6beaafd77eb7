#!/usr/bin/env python3
"""archs - what the emulators of ARCHS add to the image.

  archs.py IMAGE   as a section of `make bench` (bench/run), or by itself

An image with all of them is built beside IMAGE, measured, and removed.
"""
import os
import subprocess
import sys

from measure import ROOT

HEADER = "| `ARCHS` | image, MB | its own files, MB: emulator | firmware |\n|---|---|---|---|\n"

TAG = "bench-archs"
FIRMWARE = {
    "i386": "",
    "aarch64": "/usr/share/qemu-efi-aarch64 /usr/share/qemu/edk2-aarch64-code.fd",
    "arm": "/usr/share/qemu/edk2-arm-code.fd",
    "riscv64": "/usr/share/qemu/opensbi-riscv64-* /usr/lib/riscv64-linux-gnu/opensbi",
}


def size(image):
    return int(subprocess.check_output(["docker", "image", "inspect", "-f", "{{.Size}}", image]))


def files(image, names):
    """Bytes of the files below NAMES, those that are there."""
    command = f"for f in {names}; do [ ! -e $f ] || find $f -type f; done | xargs -r stat -c %s"
    out = subprocess.check_output(["docker", "run", "--rm", "--network", "none", "--entrypoint", "sh", image,
                                   "-c", command], text=True)
    return sum(map(int, out.split()))


def rows(image):
    mb = 1e6
    both = f"hurd-vm:{TAG}"
    subprocess.run([ROOT / "scripts/image"], check=True, stdout=sys.stderr,
                   env=os.environ | {"TAG": TAG, "ARCHS": " ".join(FIRMWARE)})
    try:
        yield f"| (the default) | {size(image) / mb:.0f} | | |\n"
        for arch, firmware in FIRMWARE.items():
            emulator = files(both, f"/usr/bin/qemu-system-{arch}")
            yield f"| {arch} | | {emulator / mb:.0f} | {files(both, firmware) / mb if firmware else 0:.1f} |\n"
        yield f"| {' '.join(FIRMWARE)} | {size(both) / mb:.0f} | | |\n"
    finally:
        subprocess.run(["docker", "rmi", both], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: bench/archs.py IMAGE")
    print(HEADER + "".join(rows(sys.argv[1])), end="")
