# Connections to the console other than telnet: raw TCP, the unix socket, vm console, the container's own terminal;
# passwords, read-only clients; logs: rotated, timed, on standard output.
load helpers

peer() {
    "$ROOT/tests/peer" "$@"
}

console() {
    vm status --json | jq ".console.$1"
}

console_is() {
    [ "$(console "$1")" = "$2" ]
}

@test "raw TCP and the unix socket carry only the guest's bytes, all 256 values" {
    start_raw_guest
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    # PuTTY's raw mode ends a line with CR LF, which must arrive as one line end.
    peer -w "$RAW" 'BYTES>>>\r\nmachsh# ' 'bytes\r\n' >"$T/raw"
    peer -w "$T/run/console.sock" 'BYTES>>>\r\nmachsh# ' 'bytes\r' >"$T/unix"
    python3 - "$T/raw" "$T/unix" "$T/log/console.log" <<'END'
import sys
raw, unix, log = (open(name, "rb").read() for name in sys.argv[1:])
live = b"<<<BYTES" + bytes(range(256)) + b"BYTES>>>\r\n"
for name, data in ("raw", raw), ("unix", unix):
    assert live in data, name
    assert data[data.index(live):] in log, name
assert log.count(live) == 2
END
    [ "$(stat -c %a "$T/run/console.sock")" = 600 ]
}

@test "a password: telnet clients that do not know it are disconnected; programs send it as their first line" {
    printf 'open sesame\nsecond line\n' >"$T/password"
    start_raw_guest SERIAL_PASSWORD_FILE="$T/password"
    run -0 talk -t 60 telnet 127.0.0.1 "$PORT" :: 'expect:Password: ' 'send:open' 'expect:Wrong.' \
        'expect:Password: ' 'send:open sesame' 'expect:serial console of the guest' \
        'expect:login: ' send:root 'expect:machsh# '
    refute_output --partial sesame
    run -0 talk -t 60 busybox telnet 127.0.0.1 "$PORT" :: 'expect:Password: ' 'send:open sesame' \
        'expect:machsh# ' 'send:echo in' $'expect:\nin'
    refute_output --partial sesame
    run -0 talk -t 60 telnet 127.0.0.1 "$PORT" :: 'expect:Password: ' send:a 'expect:Wrong.' send:b \
        'expect:Wrong.' 'expect:Password: ' send:c 'expect:Wrong.' 'expect:closed by foreign host' eof
    run -0 peer -w "$RAW" $'\nfrom a script' 'open sesame\necho from a script\r'
    run -0 peer -w "$T/run/console.sock" $'\nfrom within' 'echo from within\r'
    [ "$(console wrong_passwords)" -eq 4 ]
    run -1 grep -rF sesame "$T/log" "$T/out"
}

@test "the monitor has a password of its own" {
    MONITOR=$(free_port)
    echo secret >"$T/password"
    start_raw_guest MONITOR_PORT="$MONITOR" MONITOR_PASSWORD_FILE="$T/password"
    run -0 talk -t 60 telnet 127.0.0.1 "$MONITOR" :: 'expect:Password: ' send:secret \
        'expect:(qemu)' 'send:info status' 'expect:VM status: running'
    run -0 peer "$PORT" 'login: '
    run -0 vm monitor info status
    assert_output --partial 'VM status: running'
}

@test "a password file that is missing, empty or too long is an error before the start" {
    host_env SERIAL_PASSWORD_FILE="$T/none"
    run -66 vm check
    assert_line "vm: error: SERIAL_PASSWORD_FILE=$T/none: No such file or directory"
    : >"$T/empty"
    host_env MONITOR_PASSWORD_FILE="$T/empty"
    run -78 vm check
    assert_line "vm: error: MONITOR_PASSWORD_FILE=$T/empty: its first line is empty"
    printf '%0128d\n' 0 >"$T/long"
    host_env SERIAL_PASSWORD_FILE="$T/long"
    run -78 vm check
    assert_line "vm: error: SERIAL_PASSWORD_FILE=$T/long: the password is longer than 127 bytes"
}

@test "SERIAL_READONLY: clients of the ports can only read; vm console and the unix socket can type" {
    start_raw_guest SERIAL_READONLY=1
    run -0 peer -w "$RAW" 'login: ' 'typed\r\n'
    run -0 talk -t 60 telnet 127.0.0.1 "$PORT" :: 'expect:to look at only' 'expect:login: ' \
        send:typed 'raw:\x1d' 'expect:telnet>' 'send:send ayt' 'expect:[Yes]'
    run -0 peer -w "$T/run/console.sock" 'machsh# ' 'root\r'
    refute_output --partial typed
}

@test "SERIAL_SCROLLBACK: a new client gets at most this much, from the start of a line" {
    start_raw_guest SERIAL_SCROLLBACK=4
    run -0 peer -w "$RAW" 'machsh# ' 'root\r'
    run -0 peer -w "$RAW" '\nthe end\r\nmachsh# ' 'flood 20; echo the end\r'
    peer -w "$RAW" '\nthe end\r\nmachsh# ' >"$T/seen"
    tail -c 4096 "$T/log/console.log" | sed 1d | cmp - "$T/seen"
    [ "$(stat -c %s "$T/seen")" -gt 3900 ]
}

@test "SERIAL_SCROLLBACK=0: nothing is replayed, on any kind of connection" {
    start_raw_guest SERIAL_SCROLLBACK=0
    for way in "$RAW" "$T/run/console.sock"; do
        run -0 peer -w "$way" 'login: ' '\r'
        refute_output --partial 'GNU Mach'
    done
    run -0 talk -t 60 telnet 127.0.0.1 "$PORT" :: 'expect:serial console of the guest' \
        'nudge:\r' 'expect:login: '
    refute_output --partial 'GNU Mach'
    run -0 talk -t 60 "${ENV[@]}" "$VM" console :: 'nudge:\r' 'expect:login: ' 'raw:\x1dl' eof
    refute_output --partial 'GNU Mach'
}

@test "vm console: keys and Ctrl-C reach the guest, the menu works, the terminal's mode is restored" {
    start_raw_guest
    cat >"$T/session" <<'END'
before=$(stty -g)
"$@"
echo "status=$? same=$([ "$before" = "$(stty -g)" ] && echo yes)"
END
    run -0 talk -t 60 sh "$T/session" "${ENV[@]}" "$VM" console :: 'expect:login: ' send:root \
        'expect:machsh# ' 'send:sleep 60' 'expect:sleep 60' 'raw:\x03' 'expect:machsh# ' \
        'send:echo st=$?' 'expect:st=130' 'raw:\x1d' 'expect:l leave' 'raw:s' \
        'expect:accelerator' 'raw:\x1dx' 'expect:[back]' 'raw:\x1dqn' 'expect:[no]' 'raw:\x1d' \
        'expect:l leave' 'raw:l' 'expect:the guest runs on' 'expect:status=0 same=yes' eof
    run -0 talk -t 60 "${ENV[@]}" "$VM" console :: 'expect:machsh# ' 'raw:\x1db' 'expect:[break]' \
        'raw:\x1dp' 'expect:asking the guest to power off' 'expect:the guest has ended' eof
    host_vm_exit
    [ "$STATUS" -eq 0 ]
}

@test "vm console restores the terminal when a signal ends it; --read-only types nothing" {
    start_raw_guest
    cat >"$T/session" <<'END'
pid=$1
shift
before=$(stty -g)
"$@" </dev/tty &
echo "$!" >"$pid"
wait "$!"
echo "status=$? same=$([ "$before" = "$(stty -g)" ] && echo yes)"
END
    talk -t 60 sh "$T/session" "$T/pid" "${ENV[@]}" "$VM" console :: 'expect:login: ' \
        'expect:status=143 same=yes' eof >"$T/said" 3>&- &
    talking=$!
    PIDS+=("$talking")
    wait_until 60 grep -q 'login: ' "$T/said"
    kill -TERM "$(cat "$T/pid")"
    wait "$talking"
    run -0 talk -t 60 "${ENV[@]}" "$VM" console --read-only :: 'expect:login: ' send:typed \
        'raw:\x1dl' 'expect:the guest runs on' eof
    run -0 peer -w "$RAW" 'machsh# ' 'root\r'
    refute_output --partial typed
}

@test "vm console without a terminal types the pipe's input and ends with the guest" {
    start_raw_guest
    printf 'root\recho piped\rhalt\r' | vm console >"$T/seen"
    grep -qaE '^piped' "$T/seen"
    host_vm_exit
    [ "$STATUS" -eq 0 ]
    run -1 vm console
    assert_output --partial 'no guest runs here'
}

@test "vm run on a terminal is a console: ^C goes to the guest, the log stays readable" {
    host_env
    run -0 talk -t 60 "${ENV[@]}" "$VM" run :: 'expect:Ctrl-] opens a menu' \
        $'expect:\r\nvm: the guest runs' 'expect:vm: ready: login prompt' send:root \
        'expect:machsh# ' 'send:sleep 60' 'expect:sleep 60' 'raw:\x03' 'expect:machsh# ' \
        'raw:\x1dl' 'expect:Enter comes back' 'raw:\r' 'expect:Ctrl-] for the menu' \
        'send:echo here again' $'expect:\nhere again' 'raw:\x1dp' 'expect:power off' \
        $'expect:\nvm: exit status 0' eof
    assert_line --regexp $'^\r?vm: ready: login prompt' # GNU Mach ends its lines with LF CR
    # With SERIAL_STDIO=off it is no console: Ctrl-C is the terminal's, and stops the guest.
    run -0 talk -t 60 "${ENV[@]}" SERIAL_STDIO=off "$VM" run :: 'expect:ready: login prompt' \
        'raw:\x03' 'expect:stopping' 'expect:exit status 0' eof
    refute_output --partial 'GNU Mach 1.8+'
}

@test "if the process that shows the own terminal is killed or stopped, the log is still shown completely" {
    host_env
    for fault in KILL STOP; do
        rm -f "$T/seen" "$T/pid" # the files of the first round would end the wait below too early
        # shellcheck disable=SC2016 # the shell below expands it
        talk -t 60 sh -c 'echo "$$" >"$0"; exec "$@"' "$T/pid" "${ENV[@]}" "$VM" run :: \
            'expect:ready: login prompt' 'expect:exit status 0' eof >"$T/seen" 3>&- &
        talking=$!
        PIDS+=("$talking")
        wait_until 60 grep -sqF 'ready: login prompt' "$T/seen"
        kill -"$fault" "$(pgrep -P "$(cat "$T/pid")" -f 'console --own')"
        vm stop
        wait "$talking"
        sed 's/^[^ ]* //' "$T/log/qemu.log" | grep '^vm: ' >"$T/logged"
        tr -d '\r' <"$T/seen" | grep -aoE 'vm: .*' |
            sed -n '/this terminal is/,$p' >"$T/shown"
        diff "$T/logged" "$T/shown"
        rm -r "$T/log"
    done
}

@test "docker run -it and docker attach" {
    C=$ID-own
    CONTAINERS+=("$C")
    run -0 talk -t 60 docker run -it -e NO_COLOR=1 --name "$C" "${SAFE[@]}" "$IMAGE" :: \
        'expect:ready: login prompt' send:root 'expect:machsh# ' 'send:echo typed' \
        $'expect:\ntyped' 'raw:\x10\x11' eof
    # No key is needed: docker sets the window's size, and the screen is drawn.
    run -0 talk -t 60 docker attach "$C" :: $'expect:\ntyped' 'expect:machsh# ' 'send:halt' 'expect:halting' eof
    wait_exit "$C"
    assert_equal "$STATUS" 0
}

@test "docker run -i with SERIAL_STDIO=on reads a pipe" {
    C=$ID-pipe
    CONTAINERS+=("$C")
    (wait_until 60 container_ready "$C" && printf 'root\recho from a pipe\rhalt\r') |
        docker run -i --name "$C" "${SAFE[@]}" -e SERIAL_STDIO=on "$IMAGE" >"$T/seen" 2>"$T/said"
    grep -qaF 'from a pipe' "$T/seen"
    grep -qF 'exit status 0' "$T/said"
}

@test "docker logs shows the guest booting, without control sequences; the log has every byte" {
    container stdout "${SAFE[@]}" --tmpfs /var/log/qemu -e CONSOLE_STDOUT=1 -e CONSOLE_TIMED=1
    container_ready "$C"
    wait_until 30 logs_have "$C" 'machsh on GNU Mach'
    logs_have "$C" 'vm: ready: login prompt'
    docker logs "$C" >"$T/stdout" 2>"$T/stderr"
    grep -qF 'Booting' "$T/stdout"
    run -1 grep -q $'[\e\r]' "$T/stdout"
    docker exec "$C" cat /var/log/qemu/console.log >"$T/whole"
    grep -qaF $'\e[' "$T/whole"
    docker exec "$C" cat /var/log/qemu/console.timed.log >"$T/timed"
    grep -qaE '^ +[0-9]+\.[0-9]{6} [0-9-]{10}T[0-9:.]{12}Z machsh on GNU Mach' "$T/timed"
    run -0 docker exec "$C" vm status --json
    assert_equal "$(jq -r '.console | .log_lost + .stdout_lost' <<<"$output")" 0
}

@test "if standard output is not read, the guest keeps running and lost bytes are counted" {
    PORT=$(free_port)
    host_env CONSOLE_STDOUT=1 SERIAL_PORT="$PORT"
    mkfifo "$T/fifo"
    exec 4<>"$T/fifo"
    "${ENV[@]}" "$VM" run >"$T/fifo" 2>"$T/out" 3>&- 4>&- &
    PIDS+=("$!")
    wait_until 60 grep -qF 'ready: login prompt' "$T/out"
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    run -0 peer -t 120 "$PORT" '\nthe end' 'flood 300; echo the end\r'
    [ "$(console stdout_lost)" -gt 0 ]
    [ "$(console log_lost)" -eq 0 ]
    [ "$(console bytes)" -eq "$(stat -c %s "$T/log/console.log")" ]
    cat <&4 >"$T/stdout" 3>&- 4>&- &
    PIDS+=("$!")
    wait_until 30 grep -qaF 'machsh' "$T/stdout"
    run -0 peer "$PORT" '\nread again' 'echo read again\r'
    wait_until 30 grep -qaF 'read again' "$T/stdout"
    grep -qaE '^vm: \[[0-9]+ bytes of the console are missing here\]$' "$T/stdout"
    exec 4>&-
}

@test "console.log is rotated by size, is continued after restarts, and its parts are complete" {
    start_raw_guest CONSOLE_LOG_SIZE=1 CONSOLE_LOG_KEEP=9
    run -0 peer "$PORT" 'machsh# ' 'root\r'
    peer -t 300 "$PORT" '\nthe end\r\nmachsh# ' 'flood 2500; echo the end\r' >"$T/seen"
    [ -f "$T/log/console.log.2" ]
    for f in "$T"/log/console.log*; do
        [ "$(stat -c %s "$f")" -le 1048576 ]
    done
    cat "$T/log/console.log.2" "$T/log/console.log.1" "$T/log/console.log" >"$T/whole"
    assert_equal "$(stat -c %s "$T/whole")" "$(console bytes)"
    tail -c 1500000 "$T/seen" >"$T/part"
    python3 -c 'import sys; a, b = (open(f, "rb").read() for f in sys.argv[1:])
sys.exit(a not in b)' "$T/part" "$T/whole"
    size=$(stat -c %s "$T/log/console.log")
    kill -TERM "$VM_PID"
    host_vm_exit
    host_vm CONSOLE_LOG_SIZE=1
    wait_until 60 grep -qF 'ready: login prompt' "$T/out"
    [ "$(stat -c %s "$T/log/console.log")" -gt "$size" ]
}
