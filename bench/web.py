"""web.py - the page of vm-web: its size, its first paint, and the time until a key is echoed, compared with telnet in
the same guest. The page is driven by tests/page/main.mjs (scenario measure)."""

import json
import subprocess

import measure
import relay
from measure import GUESTS, ROOT, VM, Failed, Samples

HEADER = "| | n | page | telnet | target | met |\n|---|---|---|---|---|---|\n"
TOKEN = "0123456789abcdef"
PAINTS = 7


def page(link, paints, keys):
    run = subprocess.run(["node", ROOT / "tests/page/main.mjs", "measure", link, str(paints), str(keys)],
                         capture_output=True, text=True, timeout=600, check=False)
    if run.returncode:
        raise Failed(f"the page could not be measured:\n{run.stdout}{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def figures(count):
    """First paints, echoes of the page and of telnet, in ms."""
    paint, echo, telnet = [], [], []
    with measure.workplace(GUESTS / "linux.qcow2") as place:
        token = f"{place}/token"
        with open(token, "w", encoding="ascii") as f:
            f.write(f"{TOKEN}\n")
        web = measure.free_ports(1)[0]
        env = measure.environment(place, VM_GUEST="linux", QEMU_ACCEL="tcg", VM_WEB="1",
                                  VM_WEB_PORT=str(web), VM_WEB_TOKEN_FILE=token)
        process = subprocess.Popen([VM, "run"], env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            line = relay.Line(int(env["SERIAL_PORT"]), process)
            relay.log_in(line)
            for _ in range(count):
                telnet += relay.echoes(line, relay.KEYS)
                one = page(f"http://127.0.0.1:{web}/?token={TOKEN}", PAINTS, relay.KEYS)
                paint += one["paint"]
                echo += one["echo"]
                line.send(b"\x15")
                line.until(b"# ")
        finally:
            subprocess.run([VM, "stop", "--now"], env=env, capture_output=True, timeout=30, check=False)
            measure.end(process)
    return paint, echo, telnet


def rows(count):
    size = sum(f.stat().st_size for f in (ROOT / "build/web/assets").glob("*.gz"))
    yield f"| all of it, kB gzip | 1 | {size / 1000:.0f} | | 600 | {'yes' if size <= 600000 else '**no**'} |\n"
    paint, echo, telnet = figures(count)
    paint = Samples(paint)
    yield (f"| first paint in a new browser, ms | {len(paint.values)} | {paint:.0f} | | 200 "
           f"| {'yes' if paint.median <= 200 else '**no**'} |\n")
    ours, theirs = Samples(echo).median, Samples(telnet).median
    yield (f"| a key's echo, p50, ms | {len(echo)} | {ours:.2f} | {theirs:.2f} | added 5 "
           f"| {'yes' if ours - theirs <= 5 else '**no**'} |\n")
