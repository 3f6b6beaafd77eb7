# The recipes in docs/: each block is taken from its page and run with the ports of the test.
load helpers

# recipe PAGE LANGUAGE: print the block of that language.
recipe() {
    awk -v begin="\`\`\`$2" '$0 == begin { inside = 1; next } /^```/ { inside = 0 } inside' \
        "$ROOT/docs/$1"
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

@test "conserver and its console client: a command and its output, and its log" {
    start_raw_guest
    OWN=$(free_port)
    recipe console.md conserver | sed "s|port 5555|port $PORT|; s|/var/log/conserver|$T|" >"$T/conserver.cf"
    conserver -C "$T/conserver.cf" -M 127.0.0.1 -p "$OWN" -u </dev/null >"$T/conserver" 2>&1 3>&- &
    PIDS+=("$!")
    wait_until 30 answers "$OWN"
    run -0 talk -t 60 console -M 127.0.0.1 -p "$OWN" hurd :: "expect:for help]" 'nudge:\r' 'expect:login: ' \
        send:root 'expect:machsh# ' 'send:echo one; echo two' $'expect:\ntwo' 'raw:sleep 60\r' 'raw:\x03' \
        'expect:machsh# ' 'send:echo st=$?' 'expect:st=130' 'raw:\x05c.' eof
    wait_until 30 grep -q '^st=130' "$T/hurd.log"
}

@test "plink over telnet: no key is lost, and nothing is typed twice" {
    start_raw_guest
    run -0 talk -t 60 plink -telnet -P "$PORT" 127.0.0.1 :: 'expect:login: ' send:root 'expect:machsh# ' \
        'send:echo one; echo two' $'expect:\ntwo' 'expect:machsh# ' 'raw:sleep 60\r' 'raw:\x03' 'expect:machsh# ' \
        'send:echo st=$?' 'expect:st=130'
    refute_output --partial 'echo one; echo twoecho one'
}

@test "plink on the raw port with the stty that it needs: Ctrl-C goes to the guest, and Ctrl-] leaves" {
    start_raw_guest
    recipe console.md sh | sed "s/5556/$RAW/" >"$T/raw-console"
    grep -q "plink -raw -P $RAW " "$T/raw-console"
    run -0 talk -t 60 sh "$T/raw-console" :: 'expect:login: ' send:root 'expect:machsh# ' \
        'send:echo one; echo two' $'expect:\ntwo' 'expect:machsh# ' 'raw:sleep 60\r' 'raw:\x03' 'expect:machsh# ' \
        'send:echo st=$?' 'expect:st=130' 'raw:\x1d' eof
    refute_output --partial 'echo one; echo two'$'\r\n''echo one'
}

@test "QMP: answers are read line by line, and events between them are skipped" {
    start_raw_guest
    recipe automation.md python >"$T/qmp.py"
    for _ in 1 2 3; do
        run -0 python3 "$T/qmp.py" "$T/run/qmp.sock"
        assert_output $'paused\nrunning'
    done
    # There are events on that socket, and they come before the answer.
    run -0 python3 - "$T/run/qmp.sock" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
lines = s.makefile()
lines.readline()
s.sendall(b'{"execute": "qmp_capabilities"}\n{"execute": "stop"}\n{"execute": "cont"}\n')
print(*(lines.readline() for _ in range(5)), sep="")
END
    assert_line --partial '"event": "STOP"'
}

@test "QMP from the host: /run/vm is a mounted directory, and VM_GID names the group that may connect" {
    mkdir "$T/run"
    recipe automation.md python >"$T/qmp.py"
    chmod 644 "$T/qmp.py"
    container qmp "${SAFE[@]}" -v "$T/run:/run/vm" -e VM_GID=4242
    container_ready "$C"
    assert_equal "$(stat -c '%a %g' "$T/run/qmp.sock")" '660 4242'
    run -0 setpriv --reuid 65534 --regid 4242 --clear-groups env PATH=/usr/bin:/bin python3 "$T/qmp.py" "$T/run/qmp.sock"
    assert_output $'paused\nrunning'
    run -1 setpriv --reuid 65534 --regid 65534 --clear-groups env PATH=/usr/bin:/bin python3 "$T/qmp.py" "$T/run/qmp.sock"
    assert_output --partial 'Permission denied'
    # The other sockets are not for that group.
    assert_equal "$(stat -c %a "$T/run/control.sock" "$T/run/console.sock")" $'600\n600'
}

@test "two terminals answer a query of the guest, which gets one answer" {
    container two "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    python3 - "$(port_of "$C" 5555)" <<'END'
import socket, sys
BINARY = b"\xff\xfb\x00\xff\xfd\x00"
ANSWER = b"\033]11;rgb:1/2/3\007"  # OSC 11: the colour of the background
def client():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(60)
    s.sendall(BINARY)
    return s, s.makefile("rb")
def until(f, text):
    seen = b""
    while not seen.endswith(text):
        byte = f.read(1)
        assert byte, seen
        seen += byte
(a, from_a), (b, from_b) = client(), client()
until(from_a, b"login: ")
until(from_b, b"login: ")
a.sendall(b"root\r")
until(from_a, b"machsh# ")
until(from_b, b"machsh# ")
# Both terminals show the query; the answer of the other one comes first.
b.sendall(ANSWER)
a.sendall(ANSWER + b"\recho all\r")
until(from_b, b"\nall\r\n")
END
    run -0 docker exec "$C" cat /var/log/qemu/console.log
    assert_equal "$(grep -ac '^rgb:1/2/3: command not found' <<<"$output")" 1
}
