# vm-web: access control, its privileges, failures of vm-web and of clients. 85-api.bats tests the API,
# 86-web-page.bats the page.
# shellcheck disable=SC2030,SC2031,SC2153 # what bats and its helpers set
load helpers

# status CURL-ARGUMENTS...: print the HTTP status.
status() {
    curl -s -m 60 -o "$T/body" -w '%{http_code}' "$@"
}

with_token() {
    status -H "Authorization: Bearer $TOKEN" "$@"
}

ws() {
    "$ROOT/tests/web-client" "ws://127.0.0.1:$WEB$1" "$TOKEN" "${@:2}"
}

# The processes of vm run's companion and of vm-web.
companion() { pgrep -P "$VM_PID" -f 'companion web'; }
web_pid() { pgrep -P "$(companion)" -x vm-web; }

# The small Linux, from its initrd.
web_linux() {
    web_vm VM_GUEST=linux QEMU_RAM=256 QEMU_KERNEL="$GUESTS/linux-vmlinuz" QEMU_INITRD="$GUESTS/linux-initrd" \
        QEMU_APPEND='console=ttyS0 no_timer_check'
    vm wait --timeout $((90 * PATIENCE))
}

# The program vm beside the sanitised vm-web, which disconnects slow clients after 3 s instead of 30 s.
sanitised() {
    make -s -C "$ROOT" web-server WEB_SANITIZE=1
    mkdir "$T/bin"
    cp "$ROOT/build/vm" "$ROOT/build/init" "$T/bin"
    cp "$ROOT/build/vm-web-san" "$T/bin/vm-web"
    VM=$T/bin/vm
}

@test "the link in the log gives a cookie, which gives access to the rest; nothing else does" {
    web_guest
    assert_regex "$TOKEN" '^[0-9a-f]{48}$'
    run -0 curl -s -D - -o /dev/null -c "$T/jar" "$URL/?token=$TOKEN"
    assert_line --partial '303'
    assert_line --regexp '^set-cookie: vm_session=[0-9a-f]{64}; HttpOnly; SameSite=Strict; Path=/.?$'
    assert_line --regexp '^location: /.?$'
    assert_equal "$(status -b "$T/jar" "$URL/api/v1/status")" 200
    assert_equal "$(status -b "$T/jar" "$URL/")" 200
    # The cookie is not the token, and a token in another place is not accepted.
    run -1 grep -q "$TOKEN" "$T/jar"
    assert_equal "$(status "$URL/api/v1/status?token=$TOKEN")" 401
    assert_equal "$(status "$URL/")" 401
    assert_equal "$(status "$URL/?token=0123456789abcdef0123456789abcdef0123456789abcdef")" 401
    assert_equal "$(status -H 'Cookie: vm_session=' "$URL/api/v1/status")" 401
    assert_equal "$(status -H 'Cookie: vm_session' "$URL/api/v1/status")" 401
    assert_equal "$(status -H "Cookie: vm_session=$TOKEN" "$URL/api/v1/status")" 401
    assert_equal "$(status -H 'Authorization: Bearer' "$URL/api/v1/status")" 401
    assert_equal "$(status -H 'Authorization: Bearer x' "$URL/api/v1/status")" 401
    assert_equal "$(jq -r .title "$T/body")" 'no token, or a wrong one'
    assert_equal "$(status -d "token=$TOKEN" "$URL/login")" 303
    # Behind a proxy for https the cookie is for https only.
    run -0 curl -s -D - -o /dev/null -H 'X-Forwarded-Proto: https' "$URL/?token=$TOKEN"
    assert_line --regexp '^set-cookie: .*; Secure.?$'
    # No log in the log directory contains the token.
    run -1 grep -rq "$TOKEN" "$T/log"
}

@test "after many wrong tokens of an address, its further ones are refused without a check; its cookie still works" {
    web_guest
    curl -s -o /dev/null -c "$T/jar" "$URL/?token=$TOKEN"
    for _ in {1..20}; do status -H 'Authorization: Bearer wrong' "$URL/api/v1/status"; done >/dev/null
    assert_equal "$(with_token "$URL/api/v1/status")" 429
    assert_equal "$(status -b "$T/jar" "$URL/api/v1/status")" 200
    assert_equal "$(with_token --interface 127.0.0.2 "$URL/api/v1/status")" 200
}

@test "Host, Origin, methods, lengths and paths that are refused, each with its HTTP status" {
    web_guest
    local host
    for host in localhost "localhost:$WEB" 127.0.0.1 '[::1]:6080' a.localhost; do
        assert_equal "$host $(with_token -H "Host: $host" "$URL/api/v1/health")" "$host 200"
    done
    for host in evil.example "evil.example:$WEB" localhost.evil.example 127.0.0.1.evil.example '[::1' ''; do
        run with_token -H "Host: $host" "$URL/api/v1/health"
        [ "$output" = 421 ] || [ "$output" = 400 ] || { echo "Host '$host': $output"; return 1; }
    done
    assert_equal "$(with_token -H "Origin: $URL" "$URL/api/v1/health")" 200
    assert_equal "$(with_token -H 'Origin: http://evil.example' "$URL/api/v1/health")" 403
    assert_equal "$(with_token -H 'Origin: null' "$URL/api/v1/health")" 403
    assert_equal "$(with_token -H "Origin: http://127.0.0.1:1" -d '{"text":"x"}' "$URL/api/v1/send")" 403
    assert_equal "$(with_token "$URL/api/v1/nothing")" 404
    assert_equal "$(with_token --path-as-is "$URL/assets/../../../etc/passwd")" 404
    assert_equal "$(with_token --path-as-is "$URL/assets/%2e%2e/%2e%2e/etc/passwd")" 404
    assert_equal "$(with_token -X PUT -d x "$URL/api/v1/send")" 405
    assert_equal "$(with_token "$URL/api/v1/send")" 405
    assert_equal "$(with_token -X POST -H 'Transfer-Encoding: chunked' -d '{"text":"x"}' "$URL/api/v1/send")" 411
    head -c 65537 /dev/zero >"$T/large"
    assert_equal "$(with_token --data-binary "@$T/large" "$URL/api/v1/send")" 413
    assert_equal "$(with_token -d '{"text":' "$URL/api/v1/send")" 400
    assert_equal "$(with_token -d '[]' "$URL/api/v1/send")" 400
    assert_equal "$(jq -r .title "$T/body")" 'bad request'
    # The headers of every answer to a browser.
    run -0 curl -s -D - -o /dev/null "$URL/"
    assert_line --partial "content-security-policy: default-src 'none'; script-src 'self'"
    refute_output --partial unsafe-inline
    assert_line --partial 'x-content-type-options: nosniff'
    # Without this the browser would send the token's form with `Origin: null`, which is refused.
    assert_line --partial 'referrer-policy: same-origin'
    # WebSockets.
    run -2 ws /api/v1/console --no-token
    assert_output 401
    run -2 ws /api/v1/console --origin http://evil.example
    assert_output 403
    run -2 ws /api/v1/nothing
    assert_output 404
    run -2 ws /api/v1/display # the built-in guest has none
    assert_output 409
    assert_equal "$(with_token "$URL/api/v1/display")" 409
    assert_equal "$(with_token "$URL/api/v1/console")" 400
    run -0 ws /api/v1/console --origin "$URL" 'wait=login: '
}

@test "settings: a token file, a prefix, more hosts; errors in them are reported at the start" {
    printf 'a-fixed-token-of-24-byte\n' >"$T/token"
    WEB=$(free_port)
    TOKEN=a-fixed-token-of-24-byte
    URL=http://127.0.0.1:$WEB
    host_vm VM_WEB=1 VM_WEB_PORT="$WEB" VM_WEB_TOKEN_FILE="$T/token" VM_WEB_PREFIX=/vm/one VM_WEB_HOSTS=vm.example.org,b
    wait_until 60 grep -qF 'ready: login prompt' "$T/out"
    wait_until 20 curl -sf -o /dev/null "$URL/vm/one/api/v1/health" -H "Authorization: Bearer $TOKEN"
    run -1 grep -q "$TOKEN" "$T/out"
    assert_equal "$(with_token "$URL/api/v1/health")" 404
    assert_equal "$(with_token -H 'Host: vm.example.org' "$URL/vm/one/api/v1/health")" 200
    assert_equal "$(with_token -H 'Host: vm.example.com' "$URL/vm/one/api/v1/health")" 421
    run -0 curl -s -D - -o /dev/null "$URL/vm/one/?token=$TOKEN"
    assert_line --regexp '^set-cookie: .*Path=/vm/one/.?$'
    assert_line --regexp '^location: /vm/one/.?$'
    # The port is taken now.
    mkdir "$T/2"
    run -69 "${ENV[@]}" VM_RUN_DIR="$T/2" VM_LOG_DIR="$T/2" "$VM" run
    assert_line "vm: error: VM_WEB_PORT=$WEB: port $WEB of 127.0.0.1 is in use"
    assert_line --partial 'vm:   fix: '
    refute_output --partial 'the guest runs'
    printf 'short\n' >"$T/token"
    run -78 vm run
    assert_line --partial "vm: error: VM_WEB_TOKEN_FILE=$T/token: its first line is not a valid token"
    run -78 vm_with VM_WEB_TOKEN_FILE="$T/none" run
    assert_line --partial "VM_WEB_TOKEN_FILE=$T/none: No such file"
    run -78 vm_with VM_WEB_PREFIX=x run
    assert_line --partial 'VM_WEB_PREFIX=x is not a path'
    run -78 vm_with VM_WEB_PORT=5557 SERIAL_PORT=5557 run
    assert_line --partial 'VM_WEB_PORT=5557 is also the port of SERIAL_PORT'
}

vm_with() {
    "${ENV[@]}" "${@:1:$#-1}" "$VM" "${*: -1}"
}

@test "vm-web has no privileges; when it is killed, it is started again, and guest and logins are not affected" {
    web_guest
    local pid qemu
    pid=$(web_pid)
    qemu=$(vm status --json | jq .qemu.pid)
    run -0 cat "/proc/$pid/status"
    assert_line --regexp '^Uid:.108.108.108.108$'
    assert_line --regexp '^Gid:.108.108.108.108$'
    assert_line --regexp '^CapEff:.0000000000000000$'
    assert_line --regexp '^CapPrm:.0000000000000000$'
    assert_line --regexp '^NoNewPrivs:.1$'
    assert_line --regexp '^Seccomp:.2$'
    # It has sockets, a timer and pipes, but no open file.
    run -0 bash -c "ls -l /proc/$pid/fd | sed -n 's/.* -> //p' | grep -vE '^(socket|pipe|anon_inode):|^/dev/(null|urandom)\$|$T/out'; :"
    assert_output ''
    curl -s -o /dev/null -c "$T/jar" "$URL/?token=$TOKEN"
    kill -KILL "$pid"
    wait_until 20 grep -qF 'vm-web was ended by signal 9' "$T/out"
    wait_until 20 test "$(status -b "$T/jar" "$URL/api/v1/health")" = 200 ||
        wait_until 20 curl -sf -b "$T/jar" -o /dev/null "$URL/api/v1/health"
    [ "$(web_pid)" != "$pid" ]
    assert_equal "$(vm status --json | jq .qemu.pid)" "$qemu"
    assert_equal "$(vm status --json | jq -r .state)" running
    # It ends with PID 1, also when PID 1 is killed.
    pid="$(companion) $(web_pid) $qemu"
    kill -KILL "$VM_PID"
    local p
    for p in $pid; do wait_until 20 process_is_gone "$p"; done
}

@test "a stop of PID 1 does not wait for the companion, and the port is free afterwards" {
    web_guest
    local pid
    pid="$(companion) $(web_pid)"
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" 0
    local p
    for p in $pid; do wait_until 20 process_is_gone "$p"; done
    python3 -c 'import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1])))' "$WEB"
}

@test "a client that never ends its request and one that reads nothing are disconnected" {
    web_guest
    python3 - "$WEB" "$TOKEN" <<'END'
import socket, sys
def connect():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 300)
    return s
slow = connect()
slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
body = connect()
body.sendall(b"POST /api/v1/send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n{" % sys.argv[2].encode())
empty = connect()
# The server closes both; another client is served in the meantime.
other = connect()
other.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % sys.argv[2].encode())
assert b" 200 " in other.recv(4096)
for s in (slow, body, empty):
    while s.recv(4096):
        pass
END
}

@test "several browsers at the console: scrollback first, a read-only one cannot type, one answers queries" {
    web_guest
    run -0 ws /api/v1/console 'wait=GNU Mach.*login: ' 'send=root\r' 'wait=# $'
    # From vm-web's ring, and, when all browsers have disconnected, from PID 1's scrollback.
    run -0 ws /api/v1/console 'wait=login: root.*# $' 'send=echo one' 'wait=echo one' 'send=\r' 'wait=\none\r\n'
    run -0 ws '/api/v1/console?live=1' 'quiet=1' 'send=\r' 'wait=# $'
    run -0 ws '/api/v1/console?readonly=1' 'wait=# $' 'send=echo never\r' 'quiet=1'
    # Two at once: both terminals answer a query, and the guest gets one answer.
    ws /api/v1/console 'wait=# $' 'wait=begin' 'send=\e[5;7R' 'wait=end\r\n.*# $' >"$T/second" 3>&- &
    local second=$!
    PIDS+=("$second")
    wait_until 20 bash -c "curl -s -H 'Authorization: Bearer $TOKEN' $URL/metrics | grep -q '^hurdvm_web_console_clients 1'"
    run -0 ws '/api/v1/console?live=1' 'send=echo be""gin\r' 'wait=begin' 'send=\e[5;7R' 'send=\recho e""nd\r' 'wait=end\r\n'
    wait "$second" || { cat "$T/second"; return 1; }
    run -0 grep -c '' "$T/out"
}

@test "a browser without the scrollback begins while the guest prints without a pause, and then misses nothing" {
    web_linux
    vm exec --stay --timeout 100 'dmesg -n 1'
    vm send 'i=0; while :; do echo line $((i += 1)); done\r'
    run -0 vm expect --timeout 60 'line 500$'
    local last
    last=$(grep -ao 'line [0-9]*' "$T/log/console.log" | tail -n 1)
    run -0 ws '/api/v1/console?live=1' --save "$T/live" 'wait=line [0-9]+00\r\n' 'wait=line [0-9]+00\r\n' 'wait=line [0-9]+00\r\n'
    # The first and the last line may be incomplete.
    sed '1d; $d; s/\r$//' "$T/live" >"$T/lines"
    run -0 awk -v before="${last#line }" 'NR == 1 ? $2 <= before : $2 != before + 1 { print "after " before ": " $0; exit 1 }
        { before = $2 } END { if (NR < 200) print NR " lines" }' "$T/lines"
    assert_output ''
}

@test "the display: QEMU's RFB with and without the subprotocol, and two viewers" {
    web_guest QEMU_VGA=std
    # The handshake of RFC 6143: version, no security, shared, and the size of the screen.
    local steps=('wait=RFB 003.008\n' hex=524642203030332e3030380a 'wait=\x01\x01' hex=01 'wait=\x00\x00\x00\x00' hex=01 'wait=QEMU')
    run -0 ws /api/v1/display --subprotocol binary "${steps[@]}"
    run -0 ws /api/v1/display "${steps[@]}"
    ws /api/v1/display "${steps[@]}" quiet=3 >/dev/null 3>&- &
    PIDS+=($!)
    run -0 ws /api/v1/display "${steps[@]}"
}

# PID 1's memory (kB) and processor time (ns).
pid1_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$VM_PID/status"; }
pid1_ns() { awk '{ print $1 }' "/proc/$VM_PID/schedstat"; }

@test "the guest cannot connect to the port; for PID 1, 200 browsers during a flood are one client" {
    web_linux
    assert_equal "$(with_token "$URL/api/v1/health")" 200
    run vm exec --stay --timeout 200 "until ip route | grep -q default; do sleep 1; done; wget -T 20 -q -O - http://10.0.2.2:$WEB/api/v1/health?x 2>&1; echo ended"
    assert_output --partial ended
    refute_output --partial '"ready"'
    refute_output --partial 401
    wait_until 10 grep -qF "web page: refused a connection of the guest's own" "$T/out"

    local before kb ns crowd text="yes 'all work and no play' | head -c 500000; echo THE''END\\r"
    # First without browsers.
    before=$(pid1_ns)
    vm send "$text"
    run -0 vm expect --timeout 300 --from start THEEND
    ns=$(($(pid1_ns) - before))
    kb=$(pid1_kb)
    ws '/api/v1/console?live=1' --crowd 200 --stalled 20 THEEND >"$T/crowd" 3>&- &
    crowd=$!
    PIDS+=("$crowd")
    wait_until 60 grep -q ready "$T/crowd"
    wait_until 10 one_client
    before=$(pid1_ns)
    vm send "$text"
    wait "$crowd" || { cat "$T/crowd"; return 1; }
    echo "# PID 1: $((ns / 1000000)) ms and $kb kB without, $((($(pid1_ns) - before) / 1000000)) ms and $(pid1_kb) kB with 200 browsers" >&3
    assert_equal "$(tail -n 1 "$T/crowd")" '180 0'
    [ "$(pid1_kb)" -le $((kb * 110 / 100)) ]
    assert_equal "$(vm status --json | jq .console.dropped)" 0
    # More connections than are allowed, without the token: the oldest ones are closed for new ones. Those that are
    # left do not delay a client with the token until they are closed, too, after a time without a request.
    run -0 python3 - "$WEB" "$TOKEN" <<'END'
import http.client, socket, sys
port, token = int(sys.argv[1]), sys.argv[2]
def connect():
    return socket.create_connection(("127.0.0.1", port), 60)
def client():
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)
def ask(c):
    c.request("GET", "/api/v1/health", headers={"Authorization": "Bearer " + token})
    answer = c.getresponse()
    # The whole answer, which may come in several pieces.
    return answer.status, len(answer.read()) > 0
def is_open(s):
    s.setblocking(False)
    try:
        return s.recv(10) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
def delayed():
    strangers = [connect() for i in range(400)]
    try:
        assert strangers[0].recv(10) == b""
    except ConnectionError:
        pass
    assert ask(known) == (200, True)
    assert ask(client()) == (200, True)
    return sum(map(is_open, strangers)) < 100
known = client()
assert ask(known) == (200, True)
# It must stay one connection: HTTPConnection would open another one.
first = known.sock
# On a machine that stands still for ten seconds it is as if there had been a delay.
assert not all(delayed() for i in range(5))
assert known.sock is first
END
    wait_until 60 curl -sf -o /dev/null -H "Authorization: Bearer $TOKEN" "$URL/api/v1/health"
}

one_client() { [ "$(vm status --json | jq .console.clients)" = 1 ]; }

# metric NAME VALUE: does the metric have this value? metric_of NAME: its value.
metric() { [ "$(metric_of "$1")" = "$2" ]; }
metric_of() { curl -s -H "Authorization: Bearer $TOKEN" "$URL/metrics" | sed -n "s/^hurdvm_$1 //p"; }

# stalled PATH [FIELD...]: a client that requests PATH and reads nothing until the test ends.
stalled() {
    python3 - "$WEB" "$TOKEN" "$@" 3>&- <<'END' &
import signal, socket, sys
port, token, path, *fields = int(sys.argv[1]), *sys.argv[2:]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(("127.0.0.1", port))
lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", *fields]
s.sendall("\r\n".join(lines + ["", ""]).encode())
signal.pause()
END
    PIDS+=($!)
}

@test "a browser console that reads nothing is disconnected when it is too far behind; another gets everything" {
    web_linux
    vm exec --stay --timeout 100 true
    stalled /api/v1/console 'Upgrade: websocket' 'Connection: Upgrade' 'Sec-WebSocket-Version: 13' \
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
    wait_until 20 metric web_console_clients 1
    # More than vm-web's 512 KiB and the kernel's buffer for a client.
    run -0 ws '/api/v1/console?live=1' \
        "send=yes 'all work and no play' | head -c 1000000; echo THE''END\r" 'wait=THEEND'
    wait_until 4 metric web_slow_total 1
    wait_until 4 metric web_console_clients 0
}

@test "a client of the event stream that reads nothing is disconnected; another gets every event" {
    sanitised
    # More than what the kernel keeps for a client: the events of earlier starts, which a client may ask for.
    mkdir -p "$T/log"
    for ((i = 0; i < 30000; i++)); do
        echo "{\"time\":\"2026-01-01T00:00:00.000Z\",\"event\":\"phase\",\"name\":\"earlier-$i\",\"since_qemu_ms\":1}"
    done >"$T/log/events.jsonl"
    web_guest VM_SANDBOX=0
    local before
    before=$(metric_of web_connections)
    stalled /api/v1/events 'Last-Event-ID: 0'
    wait_until 10 metric web_connections $((before + 1))
    curl -s -N -m 300 -H "Authorization: Bearer $TOKEN" -H 'Last-Event-ID: 0' "$URL/api/v1/events" >"$T/follow" 3>&- &
    PIDS+=($!)
    wait_until 20 metric web_slow_total 1
    # The other one has all, in its order, and goes on.
    wait_until 20 grep -q '^event: ready' "$T/follow"
    run -0 grep -c 'earlier-' "$T/follow"
    assert_output 30000
    run -0 cmp <(sed -n 's/^data: \({"time".*\)/\1/p' "$T/follow" | head -n 30000) <(head -n 30000 "$T/log/events.jsonl")
    wait_until 10 metric web_connections $((before + 1))
    run -1 grep -E 'Sanitizer|runtime error|vm-web (was ended|ended)' "$T/out"
}

@test "requests are limited per address; clients with the token are not limited by those without it" {
    web_guest
    run -0 "$ROOT/tests/web-flood" "$WEB" "$TOKEN"
    assert_line 'flood without the token: 429, Retry-After 1'
    assert_line 'same address, with the token: 40 of 40 answered'
    assert_line 'flood with the token: 429, Retry-After 1'
    assert_line 'other address, with the token: 40 of 40 answered'
    assert_line 'WebSocket from the flooding address: 429, Retry-After 1'
    assert_line 'after the pause: 200'
    run -0 metric_of web_limited_total
    [ "$output" -gt 100 ]
}

@test "damaged frames, requests and JSON: the sanitised vm-web reports nothing and still answers" {
    sanitised
    web_guest VM_SANDBOX=0
    run -0 "$ROOT/tests/web-fuzz" "$WEB" "$TOKEN" "${SEED:-1}" "${WEB_FUZZ_TIME:-10}"
    echo "# $output" >&3
    assert_line --regexp '^[0-9]+ HTTP/1.1 200$'
    run -1 grep -E 'Sanitizer|runtime error|vm-web (was ended|ended)' "$T/out"
}
