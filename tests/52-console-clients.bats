# Clients of the console that are slow, closed or too many, and programs that use it as a serial port.
load helpers

peer() {
    "$ROOT/tests/peer" "$@"
}

console() {
    vm status --json | jq ".console.$1"
}

console_is() {
    [ "$(console "$1")" -eq "$2" ]
}

# Has the guest printed N more bytes than at the beginning?
printed() {
    [ "$(console bytes)" -ge "$1" ]
}

@test "vm exec with a slow reader: all output arrives later, and so does the status" {
    start_guest SERIAL_SCROLLBACK=16
    before=$(console bytes)
    set -o pipefail
    vm exec 'flood 600' 2>"$T/said" | {
        wait_until 120 printed $((before + 600000))
        cat >"$T/seen"
    }
    [ "$(stat -c %s "$T/seen")" -ge 600000 ]
    assert_equal "$(cat "$T/said")" ''
    # It has logged out.
    run -0 peer "$PORT" 'login: ' ''
    assert_equal "$(console dropped)" 0
}

@test "vm expect that is suspended for a while times out; it does not report that the guest ended" {
    start_guest SERIAL_SCROLLBACK=16
    "${ENV[@]}" "$VM" expect --timeout $((60 * PATIENCE)) '^this comes$' >"$T/seen" 2>&1 3>&- &
    PIDS+=("$!")
    pid=$!
    wait_until 30 console_is clients 1
    kill -STOP "$pid"
    vm exec 'flood 400' >/dev/null
    kill -CONT "$pid"
    run -0 peer "$PORT" 'login: ' ''
    run -0 vm exec 'echo this comes'
    wait "$pid"
    grep -qx 'this comes' "$T/seen"
    assert_equal "$(console dropped)" 0
}

@test "vm script with a reader that pauses" {
    start_guest SERIAL_SCROLLBACK=16
    before=$(console bytes)
    printf '%s\n' 'timeout 60' 'send \r' 'expect login:' 'line root' 'expect machsh#' \
        'line flood 400' 'expect machsh#' 'line exit' >"$T/script"
    set -o pipefail
    vm script "$T/script" 2>"$T/said" | {
        wait_until 120 printed $((before + 400000))
        cat >"$T/seen"
    }
    [ "$(stat -c %s "$T/seen")" -ge 400000 ]
    assert_equal "$(cat "$T/said")" ''
}

@test "a dropped connection is reported as such, not as the end of the guest" {
    start_guest SERIAL_SCROLLBACK=4
    "${ENV[@]}" "$VM" expect --timeout $((300 * PATIENCE)) '^never$' >"$T/seen" 2>&1 3>&- &
    PIDS+=("$!")
    pid=$!
    wait_until 30 console_is clients 1
    pump=$(pgrep -P "$pid")
    kill -STOP "$pump"
    vm exec 'flood 900' >/dev/null
    kill -CONT "$pump"
    status=0
    wait "$pid" || status=$?
    assert_equal "$status" 74
    grep -qF 'fell too far behind; the guest runs on' "$T/seen"
    assert_equal "$(console dropped)" 1
}

# Each holds a terminal with vm console in it, as closed windows leave them behind.
consoles() {
    python3 - "$1" "${ENV[@]}" "$VM" console 3>&- <<'END' &
import os, pty, select, sys, time
held = []
for i in range(int(sys.argv[1])):
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    held.append(fd)
    seen = b""
    while b"login: " not in seen:
        seen += os.read(fd, 65536)
while True:
    ready, _, _ = select.select(held, [], [], 3600)
    for fd in ready:
        try:
            os.read(fd, 65536)
        except OSError:
            held.remove(fd)
END
    PIDS+=("$!")
}

@test "closed windows do not take slots from vm exec, and the oldest is replaced by a new one" {
    start_guest
    consoles 16
    wait_until 120 console_is clients 16
    run -0 vm exec 'echo still here'
    assert_output 'still here'
    run -0 talk -t 60 "${ENV[@]}" "$VM" console :: 'expect:login: ' 'raw:\x1dl' \
        'expect:the guest runs on' eof
    assert_equal "$(console evicted)" 1
    wait_until 30 console_is clients 15
    grep -qF 'all 16 slots for vm console are taken' "$T/out"
}

@test "vm console that loses its place reports it, with a status of its own" {
    start_guest
    talk -t 60 "${ENV[@]}" "$VM" console :: 'expect:login: ' \
        'expect:in favour of another client' eof >"$T/said" 3>&- &
    PIDS+=("$!")
    first=$!
    wait_until 60 console_is clients 1
    consoles 16
    status=0
    wait "$first" || status=$?
    assert_equal "$status" 75
    run -0 vm status
    assert_output --partial 'ready        yes'
}

@test "vm exec without a free place on the console reports it, with a status of its own" {
    start_guest
    for _ in {1..16}; do
        vm expect --timeout $((300 * PATIENCE)) '^never$' >/dev/null 2>&1 3>&- &
        PIDS+=("$!")
    done
    wait_until 60 console_is clients 16
    run vm exec true
    assert_failure 75
    assert_line -n 0 --partial 'all console slots for commands are taken'
    assert_line -n 1 --partial 'fix: end vm exec, expect, script, send or pull of this container'
}

@test "the monitor: half a line of a client that has disconnected is not part of the next command" {
    MONITOR=$(free_port)
    start_guest MONITOR_PORT="$MONITOR"
    run -0 peer -w "$MONITOR" 'info name' 'info name\r'
    for half in 'quit' 'qui\t' 'info status\x1b[A\x1b'; do
        run -0 peer -w "$MONITOR" '(qemu) ' "$half"
        wait_until 30 monitor_is_left
        run -0 peer -w "$MONITOR" 'VM status: running' '\rinfo status\r'
    done
    # The banner and the prompt are replayed, but no earlier answer.
    run -0 peer -w "$MONITOR" '(qemu) '
    assert_output --partial "QEMU"
    refute_output --partial 'VM status'
    run -0 vm status
    assert_output --partial 'ready        yes'
}

monitor_is_left() {
    [ "$(vm status --json | jq '.monitor.clients')" -eq 0 ]
}

@test "VM_LOG_CLIENTS logs each connection and disconnection; without it none is logged" {
    start_guest VM_LOG_CLIENTS=1
    run -0 peer "$PORT" 'login: ' 'x'
    wait_until 30 grep -qE 'serial console: telnet client 127.0.0.1 port [0-9]+ has disconnected after [0-9.]+ s, 1 bytes typed; 0 connected' "$T/out"
    grep -qE 'serial console: telnet client 127.0.0.1 port [0-9]+ has connected; 1 connected' "$T/out"
}

@test "a pause and its end are logged, whatever the cause" {
    start_guest
    run -0 vm monitor stop
    wait_until 30 grep -qF 'the guest is paused; vm monitor cont lets it run on' "$T/out"
    run -0 vm monitor cont
    wait_until 30 grep -qE 'the guest runs on, [0-9.]+ s after it was paused' "$T/out"
}

@test "after a debugger was killed, the log shows the command that continues the guest" {
    GDBPORT=$(free_port)
    start_guest GDB=1 GDB_PORT="$GDBPORT"
    gdb -q -batch-silent -ex "target remote 127.0.0.1:$GDBPORT" -ex 'shell kill -9 $PPID' \
        >/dev/null 2>&1 3>&- || :
    wait_until 30 grep -qF 'vm monitor cont lets it run on if the debugger has gone' "$T/out"
    run -0 vm monitor cont
    wait_until 30 grep -qF 'the guest runs on' "$T/out"
}

@test "VM_STOP=suspend with a 9p share causes a warning at the start" {
    host_env VM_STOP=suspend ENABLE_9P=1 VM_GUEST=linux
    run vm check
    assert_output --partial 'VM_STOP=suspend with a 9p share: while the guest has it mounted'
}

@test "RFC 2217: pyserial opens it as a serial port, and a break arrives as a break" {
    RFC=$(free_port)
    start_guest SERIAL_RFC2217_PORT="$RFC"
    run -0 /usr/bin/python3 - "$RFC" <<'END'
import sys
import serial
port = serial.serial_for_url(f"rfc2217://127.0.0.1:{sys.argv[1]}", baudrate=9600, timeout=60)
port.write(b"root\r")
seen = port.read_until(b"machsh# ")
assert seen.endswith(b"machsh# "), seen
assert b"GNU Mach" not in seen, seen  # nothing is replayed
port.baudrate = 115200
port.parity, port.bytesize, port.stopbits = "E", 7, 2
assert port.cts and port.dsr and port.cd and not port.ri
port.rts = False
port.dtr = False
port.send_break(0.01)
port.write(b"bytes\r")
seen = port.read_until(b"BYTES>>>")
assert bytes(range(256)) in seen, seen
port.reset_input_buffer()
port.write(b"exit\r")
assert port.read_until(b"login: ").endswith(b"login: ")
port.close()
END
    host_env SERIAL_RFC2217_PORT="$RFC" SERIAL_PASSWORD_FILE="$T/out"
    run -78 vm check
    assert_output --partial 'clients of that protocol cannot be asked for a password'
}
