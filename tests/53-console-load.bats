# Many clients on one console, some of them hostile, while the guest prints as fast as it can.
load helpers

# The linux test guest, whose `yes` never ends, with a user logged in.
start_linux() {
    PORT=$(free_port) RAW=$(free_port)
    mkdir -p "$T/images"
    cp "$GUESTS/linux.qcow2" "$T/images/linux.qcow2"
    chmod 666 "$T/images/linux.qcow2"
    host_vm VM_GUEST=linux SERIAL_PORT="$PORT" SERIAL_RAW_PORT="$RAW" "$@"
    wait_until 120 grep -qF 'ready: login prompt' "$T/out"
    peer "$PORT" '# ' 'root\r' >/dev/null
}

peer() {
    "$ROOT/tests/peer" "$@"
}

console() {
    vm status --json | jq ".console.$1"
}

clients_are() {
    [ "$(console clients)" -eq "$1" ]
}

@test "64 clients and a guest that runs yes: each gets the same as the log, and Ctrl-C ends it" {
    start_linux SERIAL_SCROLLBACK=4096
    run -0 python3 - "$PORT" "$RAW" "$T/log/console.log" <<'END'
import selectors
import socket
import sys

port, raw, log = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
people = {}
poll = selectors.DefaultSelector()
for i in range(64):
    # Half of them use telnet; all read as fast as they can.
    s = socket.create_connection(("127.0.0.1", port if i % 2 else raw))
    people[s] = bytearray()
    poll.register(s, selectors.EVENT_READ)
first = next(iter(people))


def read_until(done):
    while not done():
        for key, _ in poll.select(30) or sys.exit("nothing came for 30 s"):
            piece = key.fileobj.recv(1 << 18)
            assert piece, "a client was dropped"
            people[key.fileobj] += piece


read_until(lambda: min(map(len, people.values())) > 100)
late = socket.create_connection(("127.0.0.1", port), timeout=30)
refusal = b""
while piece := late.recv(4096):
    refusal += piece
assert b"all 64 slots are taken" in refusal, refusal
first.sendall(b"echo sta''rt; yes 'all work and no play'\r")
read_until(lambda: min(map(len, people.values())) > 1500000)
first.sendall(b"\x03")
first.sendall(b"echo the ''end\r")
read_until(lambda: all(b"\nthe end\r\n" in got[-4096:] for got in people.values()))
with open(log, "rb") as f:
    whole = f.read()
tail = whole[whole.index(b"\nstart\r\n"):whole.rindex(b"\nthe end\r\n")]
assert len(tail) > 1400000, len(tail)
for got in people.values():
    assert tail in got
END
    assert_equal "$(console dropped)" 0
    assert_equal "$(console refused)" 1
    assert_equal "$(console log_lost)" 0
}

@test "a client that stalls during a flood is disconnected and counted, and the others miss nothing" {
    start_linux SERIAL_SCROLLBACK=64
    # On the unix socket the kernel buffers 200 kB for each client; on TCP it would be 4 MB.
    python3 - "$T/run/console.sock" 3>&- <<'END' &
import socket, sys, time
stalled = []
for _ in range(8):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    stalled.append(s)
time.sleep(600)
END
    PIDS+=("$!")
    wait_until 30 clients_are 8
    peer -w -t 300 "$RAW" '\nthe end\r\n' "yes 'all work' | head -c 1800000; echo the ''end\\r" >"$T/seen"
    assert_equal "$(console dropped)" 8
    [ "$(stat -c %s "$T/seen")" -gt 1800000 ]
    tail -c 1800000 "$T/seen" >"$T/flood"
    python3 -c 'import sys; a, b = (open(f, "rb").read() for f in sys.argv[1:])
sys.exit(a not in b)' "$T/flood" "$T/log/console.log"
}

@test "0xFF bytes, broken negotiations and resets from a dozen clients do not affect other clients" {
    start_linux
    python3 - "$PORT" 3>&- <<'END' &
import os, random, socket, struct, sys
rng = random.Random(11)
bad = (b"\xff" * 4000, b"\xff\xfa" * 2000, b"\xff\xfd\x18" * 1000, b"\xff\xfa\x18" + b"x" * 5000,
       b"\xff\xf6" * 2000, b"\xff\xfb\x00\xff\xfc\x00" * 700, bytes([255, 254, 255] * 1000))
while True:
    people = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(12)]
    for s in people:
        s.setblocking(False)
        try:
            # Only the 0xFF bytes are input for the guest, whose shell echoes them.
            s.send(rng.choice(bad)[:rng.randrange(1, 4000)])
        except OSError:
            pass
        if rng.random() < 0.7:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
END
    PIDS+=("$!")
    crowd=$!
    before=$(console accepted)
    wait_until 60 accepted_are $((before + 200))
    kill "$crowd"
    wait_until 60 clients_are 0
    # Their input is in the shell's line now; Ctrl-C discards it.
    run -0 peer "$PORT" '\nstill here' "\\x03\\recho still ''here\\r"
    assert_equal "$(console log_lost)" 0
    assert_equal "$(console bytes)" "$(stat -c %s "$T/log/console.log")"
}

accepted_are() {
    [ "$(console accepted)" -ge "$1" ]
}

@test "eight clients of the monitor, and vm monitor at the same time" {
    MONITOR=$(free_port)
    host_vm MONITOR_PORT="$MONITOR"
    wait_until 60 grep -qF 'ready: login prompt' "$T/out"
    python3 - "$MONITOR" >"$T/people" 3>&- <<'END' &
import socket, sys, time
people = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(8)]
people[3].sendall(b"info status\r")
for i, s in enumerate(people):
    got = b""
    while b"VM status: running" not in got:
        got += s.recv(4096)
    print(i, flush=True)
time.sleep(600)
END
    PIDS+=("$!")
    wait_until 30 grep -q 7 "$T/people"
    run -0 vm monitor info name
    run -0 vm monitor info status
    assert_output --partial 'VM status: running'
    [ "$(vm status --json | jq .monitor.clients)" -eq 8 ]
    run -1 peer "$MONITOR" 'this does not come'
    assert_output --partial 'all 8 slots are taken'
}
