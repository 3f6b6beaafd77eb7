# The console: real telnet programs, many clients at once, and a log with every byte.
load helpers

peer() {
    "$ROOT/tests/peer" "$@"
}

clients_are() {
    [ "$(vm status --json | jq .console.clients)" = "$1" ]
}

# Does the log contain the contents of FILE?
log_has() {
    python3 -c 'import sys; a, b = (open(f, "rb").read() for f in sys.argv[1:])
sys.exit(a not in b)' "$1" "$T/log/console.log"
}

@test "inetutils telnet: greeting, scrollback from the first line, a command and its output" {
    start_guest
    run -0 talk -t 60 telnet 127.0.0.1 "$PORT" :: 'expect:serial console of the guest' \
        'expect:GNU Mach 1.8' 'expect:login: ' send:root 'expect:machsh# ' \
        'send:echo one; echo two' $'expect:\ntwo' 'expect:machsh# ' 'raw:sleep 60\r' \
        'raw:\x03' 'expect:machsh# ' 'send:echo st=$?' 'expect:st=130' \
        'raw:\x1d' 'expect:telnet>' 'send:send ayt' 'expect:[Yes]' \
        'raw:\x1d' 'expect:telnet>' 'send:quit' eof
    wait_until 30 clients_are 0
}

@test "BusyBox telnet, which refuses BINARY and sends CR LF: each line is entered once" {
    start_guest
    run -0 talk -t 60 busybox telnet 127.0.0.1 "$PORT" :: 'expect:serial console of the guest' \
        'expect:login: ' send:root 'expect:machsh# ' 'send:echo one' $'expect:\none' \
        'expect:machsh# ' 'send:false' 'expect:machsh# ' 'send:echo st=$?' 'expect:st=1' \
        'expect:machsh# ' 'raw:\x1d' 'expect:exit telnet' 'raw:e' eof
    # An additional empty line would have caused an additional prompt.
    [ "$(grep -o 'machsh# ' <<<"$output" | wc -l)" -eq 4 ]
}

@test "eight clients at once get the same bytes, whichever of them types" {
    start_guest
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    for i in 1 2 3 4 5 6 7 8; do
        peer -r "$PORT" $'\nall: 8' >"$T/seen$i" 3>&- &
        PEERS[i]=$!
        PIDS+=("$!")
    done
    wait_until 60 clients_are 8
    for i in 1 2 3 4 5 6 7; do
        run -0 peer "$PORT" "\\nfrom: $i" "echo from: $i\\r"
    done
    run -0 peer "$PORT" '\nall: 8' 'echo all: 8\r'
    for i in 1 2 3 4 5 6 7 8; do
        wait "${PEERS[i]}"
        cmp "$T/seen1" "$T/seen$i"
    done
    [ "$(grep -ac '^from: ' "$T/seen1")" -eq 7 ]
}

@test "all 256 byte values reach telnet and the log, which has everything from the first byte on" {
    start_guest
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    peer "$PORT" 'BYTES>>>\r\nmachsh# ' 'bytes\r' >"$T/seen"
    python3 - "$T/seen" "$T/log/console.log" <<'END'
import sys
for name in sys.argv[1:]:
    data = open(name, "rb").read()
    assert b"<<<BYTES" + bytes(range(256)) + b"BYTES>>>" in data, name
END
    [ "$(vm status --json | jq .console.bytes)" -eq "$(stat -c %s "$T/log/console.log")" ]
    [ "$(vm status --json | jq .console.log_lost)" -eq 0 ]
}

@test "printf | nc: a half-closed client gets the answer" {
    start_guest
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    run -0 peer -h "$PORT" '\nthe answer' 'echo the answer\r'
    # PID 1 notices that a half-closed client has gone only when data is sent to it.
    run -0 peer "$PORT" '\nmore' 'echo more\r'
    wait_until 30 clients_are 0
}

@test "clients that stall, reset or break off a negotiation do not affect others" {
    start_guest
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    python3 - "$PORT" 3>&- <<'END' &
import socket, struct, sys, time
port = int(sys.argv[1])
def dial():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    return s
stalls = [dial() for _ in range(4)]
for rest in b"\xff", b"\xff\xfd", b"\xff\xfa\x18", b"\xff\xfa\x18\x00xterm", b"\xff\xfa\x1f\xff":
    half = dial()
    half.sendall(rest)
    half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    half.close()
stalls[0].sendall(b"\xff\xfb\x18" * 10000)
time.sleep(3600)
END
    PIDS+=("$!")
    wait_until 60 clients_are 4
    peer -t 120 "$PORT" '\nthe end' 'flood 500; echo the end\r' >"$T/seen"
    [ "$(stat -c %s "$T/seen")" -gt 500000 ]
    tail -c 500000 "$T/seen" >"$T/flood"
    log_has "$T/flood"
    wait_until 30 clients_are 4
}

monitor_clients() {
    [ "$(vm status --json | jq .monitor.clients)" = "$1" ]
}

@test "the monitor serves two clients, and its port is another one" {
    MONITOR=$(free_port)
    start_guest MONITOR_PORT="$MONITOR"
    peer "$MONITOR" '\nVM status: running' >"$T/seen" 3>&- &
    PIDS+=("$!")
    first=$!
    # The monitor's answers are not replayed to clients that connect later.
    wait_until 30 monitor_clients 1
    run -0 talk -t 60 telnet 127.0.0.1 "$MONITOR" :: 'expect:(qemu)' 'send:info status' \
        'expect:VM status: running' 'raw:\x1d' 'expect:telnet>' send:quit eof
    wait "$first"
}

@test "the guest's last output is in the log and reaches clients before the connection ends" {
    start_guest
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    run -1 peer -t 30 "$PORT" 'this does not come' 'echo last words; halt\r'
    assert_output --partial $'\nlast words'
    host_vm_exit
    [ "$STATUS" -eq 0 ]
    grep -qaF $'\nlast words' "$T/log/console.log"
}

@test "the telnet codec gives the same results as a simple decoder of the RFCs, wherever the input is split" {
    gcc -shared -fPIC -I"$ROOT/init" -o "$T/telnet.so" "$ROOT/init/format/telnet.c" \
        "$ROOT/init/format/com_port.c"
    run -0 "$ROOT/tests/telnet-reference" "$T/telnet.so"
    assert_output --partial 'no difference'
}
