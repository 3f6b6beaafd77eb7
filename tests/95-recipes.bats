# The recipes of docs/: each block is taken out of its page and run, with the ports of the test.
load helpers

# recipe PAGE LANGUAGE: the block of that language whose first line is there once.
recipe() {
    awk -v begin="\`\`\`$2" '$0 == begin { inside = 1; next } /^```/ { inside = 0 } inside' \
        "$ROOT/docs/$1"
}

answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

@test "conserver and its console: a command and its answer, and its log" {
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

@test "plink by telnet: no key is lost, and nothing is typed twice" {
    start_raw_guest
    run -0 talk -t 60 plink -telnet -P "$PORT" 127.0.0.1 :: 'expect:login: ' send:root 'expect:machsh# ' \
        'send:echo one; echo two' $'expect:\ntwo' 'expect:machsh# ' 'raw:sleep 60\r' 'raw:\x03' 'expect:machsh# ' \
        'send:echo st=$?' 'expect:st=130'
    refute_output --partial 'echo one; echo twoecho one'
}

@test "plink on the raw port, with the stty that it needs; Ctrl-C is the guest's, and Ctrl-] leaves" {
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

@test "two terminals answer one question of a guest's: it gets one answer" {
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
# Both have the question on their screens; the other one's answer comes first.
b.sendall(ANSWER)
a.sendall(ANSWER + b"\recho all\r")
until(from_b, b"\nall\r\n")
END
    run -0 docker exec "$C" cat /var/log/qemu/console.log
    assert_equal "$(grep -ac '^rgb:1/2/3: command not found' <<<"$output")" 1
}
