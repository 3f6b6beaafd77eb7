# Connections that console, monitor, GDB and VNC accept: none from the guest itself; from another container only
# with a password or VM_OPEN=1; from this machine and through a published port.
load helpers

# Ports of every kind: telnet, raw, monitor, GDB, VNC.
PORTS='5555 5556 9999 1234 5900'
ALL_PORTS=(-p 127.0.0.1::5556 -p 127.0.0.1::9999 -p 127.0.0.1::1234 -p 127.0.0.1::5900 -e SERIAL_RAW_PORT=5556
    -e MONITOR_PORT=9999 -e GDB=1 -e ENABLE_VNC=1 -e VM_FORCE=1)

# linux NAME [DOCKER-ARGUMENTS...]: start the linux guest and wait until ssh answers.
linux() {
    container "$1" "${SAFE[@]}" "${ALL_PORTS[@]}" -v "$GUESTS:/guests:ro" -e VM_GUEST=linux \
        -e QEMU_KERNEL=/guests/linux-vmlinuz -e QEMU_INITRD=/guests/linux-initrd \
        -e QEMU_APPEND='console=ttyS0 no_timer_check' -e QEMU_RAM=256 -e VM_READY=ssh \
        --tmpfs /var/log/qemu:mode=1777 "${@:2}"
    docker exec "$C" vm wait --timeout $((90 * PATIENCE))
}

# in_guest COMMAND: run over ssh, so that nothing of it is on the serial console.
in_guest() {
    cp "$GUESTS/linux-key" "$T/key"
    chmod 600 "$T/key"
    ssh -i "$T/key" -p "$(port_of "$C" 2222)" -o StrictHostKeyChecking=no -o BatchMode=yes \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60 root@127.0.0.1 "$1"
}

# from_host PORT: what the host receives at that port of $C (for GDB: the answer to a request).
from_host() {
    python3 - "$1" "$(port_of "$C" "$1")" <<'END'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 60)
if sys.argv[1] == "1234":
    s.sendall(b"$?#3f")
got, want = b"", {"5555": b"[serial console", "5556": b"linux", "9999": b"QEMU", "1234": b"#", "5900": b"RFB 003.008\n"}
while want[sys.argv[1]] not in got:
    data = s.recv(4096)
    if not data:
        sys.exit(f"closed behind {got!r}")
    got += data
if sys.argv[1] == "1234":
    s.sendall(b"+$D#44")  # detach: the guest runs on
    s.recv(100)
END
}

# from_inside CONTAINER ADDRESS PORT: the first bytes that a program in CONTAINER receives there.
from_inside() {
    docker exec "$1" perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 20)
            or print("not connected: $!\n"), exit;
        $SIG{ALRM} = sub { print("nothing came\n"); exit };
        alarm 20;
        my $n = sysread($s, my $buf, 400);
        print $n ? $buf =~ tr/\0//dr : "closed\n"' "$2" "$3"
}

refused() {
    docker exec "$C" vm status --json | jq -e ".refused.$1 >= $2"
}

# The guest of $C receives no byte at any port on ADDRESS..., and its input is ignored; the host receives all.
guest_is_kept_out() {
    local a p
    for p in $PORTS; do from_host "$p"; done
    run -0 in_guest "
        for a in $*; do for p in $PORTS; do
            { (echo typed; echo 'typed-by-the-guest'; sleep 4) | timeout 8 nc \$a \$p 2>/dev/null |
                head -c 60 | sed \"s/^/\$a \$p: /\"; } &
        done; done; wait"
    assert_output ''
    # A line that is sent before the connection is closed at once.
    in_guest "
        for a in $*; do for p in 5555 5556; do for i in 1 2 3 4 5; do
            echo typed-by-the-guest | nc \$a \$p >/dev/null 2>&1 & n=\$!
            usleep 20000; kill -9 \$n
        done; done; done; wait" 2>/dev/null
    run docker exec "$C" vm exec --via serial true
    assert_success
    run docker exec "$C" grep -c typed-by-the-guest /var/log/qemu/console.log
    assert_output 0
    for p in $PORTS; do from_host "$p"; done
    # The forwarded ports are not affected.
    run -0 in_guest true
}

@test "QEMU's NAT: the guest cannot connect to console, monitor, GDB or display; the host can" {
    local user
    for user in root 12345:12345; do
        linux "nat-${user%:*}" --user "$user"
        guest_is_kept_out 10.0.2.2 fec0::2 ::ffff:10.0.2.2 \
            "$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C")"
        # Connections arrived and were refused, at five ports on two addresses; they did not merely fail to reach
        # us.
        refused guest 10
        run container_logs "$C"
        assert_line --regexp "^vm: warning: (serial console|monitor|GDB|VNC): refused a connection of the guest's own \(.*\)"
        # A guest cannot fill the log.
        [ "$(grep -c "refused a connection of the guest's own" <<<"$output")" -lt \
            "$(docker exec "$C" vm status --json | jq .refused.guest)" ]
        run -0 in_guest '(sleep 5) | timeout 10 nc 10.0.2.2 2222 | head -n 1'
        assert_output --regexp '^SSH-2.0-'
        # Another program in the container is not the guest, even if it runs as the same user.
        run from_inside "$C" 127.0.0.1 5556
        assert_output --partial linux
        run from_inside "$C" 127.0.0.1 5900
        assert_output 'RFB 003.008'
        docker kill "$C" >/dev/null
    done
}

# to_ipv6 ADDRESS PORT: the first bytes that are received from there, or nothing.
to_ipv6() {
    python3 - "$1" "$2" <<'END'
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as s:
    print(s.recv(400).replace(b"\xff", b"").decode("latin-1"))
END
}

@test "VM_BIND=::: both address families have the same rules, and the guest is refused" {
    local own
    docker network create --ipv6 --subnet "fd00:$((RANDOM % 9000 + 1000))::/64" "$ID-six" >/dev/null
    linux six --network "$ID-six" --sysctl net.ipv6.conf.all.disable_ipv6=0 -e VM_BIND=::
    own=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' "$C")
    logs_have "$C" "on ::: serial console (telnet) 5555"
    logs_have "$C" "on 0.0.0.0, since QEMU's NAT forwards IPv4 only"
    guest_is_kept_out 10.0.2.2 fec0::2 "$own"
    refused guest 10
    # The gateway of the IPv6 network counts as the engine's host; another container is refused.
    run -0 to_ipv6 "$own" 5555
    assert_output --partial '[serial console'
    container other --network "$ID-six" --sysctl net.ipv6.conf.all.disable_ipv6=0 --entrypoint sleep -- 600
    run docker exec "$C" perl -MIO::Socket::IP -e '
        my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 5555, Timeout => 20) or die "no: $!";
        sysread($s, my $buf, 400); print $buf' "$own"
    assert_output --partial "connections from [fd00:"
    docker kill "$C" >/dev/null
}

@test "passt: the guest is refused too, and it can resolve names on a user-defined network" {
    local user
    docker network create "$ID-net" >/dev/null
    for user in root 12345:12345; do
        linux "passt-${user%:*}" --user "$user" --security-opt seccomp=unconfined -e QEMU_NET=passt \
            --network "$ID-net"
        run -0 docker inspect -f "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}" "$C"
        read -r own gateway <<<"$output"
        run -0 in_guest "nslookup $C"
        assert_output --partial "Address: $own"
        # The guest has the container's address; the additional address lets it try that one too.
        guest_is_kept_out "$gateway" "$own" 127.0.0.1 fe80::1%eth0
        run from_inside "$C" 127.0.0.1 5556
        assert_output --partial linux
        docker rm -f "$C" >/dev/null
    done
}

teardown() {
    vm_teardown
    docker network rm "$ID-net" "$ID-six" >/dev/null 2>&1 || :
}

@test "another container: refused with the reason; asked for a password; accepted with VM_OPEN=1" {
    local ip p
    CONTAINERS+=("$ID-other")
    docker run -d --name "$ID-other" --entrypoint sleep "$IMAGE" 1000 >/dev/null

    container closed "${SAFE[@]}" "${ALL_PORTS[@]}"
    container_ready "$C"
    ip=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C")
    for p in 5555 5556; do
        run from_inside "$ID-other" "$ip" $p
        assert_output --regexp '^\[serial console: connections from [0-9.]+ are refused; SERIAL_PASSWORD_FILE or VM_OPEN=1 accepts them\]'
    done
    run from_inside "$ID-other" "$ip" 9999
    assert_output --regexp '^\[monitor: connections from [0-9.]+ are refused; MONITOR_PASSWORD_FILE or VM_OPEN=1 accepts them\]'
    run from_inside "$ID-other" "$ip" 1234
    assert_output closed
    run from_inside "$ID-other" "$ip" 5900
    assert_output --partial 'are refused; VNC_PASSWORD_FILE or VM_OPEN=1 accepts them'
    refused address 5
    run container_logs "$C"
    assert_line --regexp '^vm: warning: serial console: refused a connection from [0-9.]+:[0-9]+$'
    assert_line 'vm:   fix: publish the port on 127.0.0.1 and connect there, or set SERIAL_PASSWORD_FILE or VM_OPEN=1 to accept every address (docs/console.md)'
    refute_output --partial 'open to every address'
    # Through the published port, at the same time, it is accepted.
    run talk -t 20 telnet 127.0.0.1 "$(port_of "$C" 5555)" :: 'expect:[serial console of the guest'
    assert_success

    echo open sesame >"$T/password"
    container password "${SAFE[@]}" -v "$T/password:/password:ro" -e SERIAL_PASSWORD_FILE=/password \
        -e SERIAL_RAW_PORT=5556
    container_ready "$C"
    run from_inside "$ID-other" "$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C")" 5556
    assert_output --partial 'Password: '

    container open "${SAFE[@]}" "${ALL_PORTS[@]}" -e VM_OPEN=1
    container_ready "$C"
    ip=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C")
    run from_inside "$ID-other" "$ip" 5555
    assert_output --partial '[serial console of the guest'
    run from_inside "$ID-other" "$ip" 9999
    assert_output --partial "[QEMU's monitor"
    run from_inside "$ID-other" "$ip" 5900
    assert_output 'RFB 003.008'
    logs_have "$C" 'vm: warning: VM_OPEN=1: open to every address without a password: serial console, monitor, GDB, VNC'
}

@test "the plain image has no monitor port, except with a password or on a loopback address" {
    container plain "${SAFE[@]}"
    container_ready "$C"
    logs_have "$C" 'monitor (telnet) off'
    run from_inside "$C" 127.0.0.1 9999
    assert_output --partial 'not connected: Connection refused'
    run -0 docker exec "$C" vm monitor info status
    assert_output --partial running
    echo secret >"$T/password"
    container password "${SAFE[@]}" -v "$T/password:/password:ro" -e MONITOR_PASSWORD_FILE=/password
    wait_until 20 logs_have "$C" 'monitor (telnet) 9999'
    container loopback "${SAFE[@]}" -e VM_BIND=127.0.0.1
    wait_until 20 logs_have "$C" 'monitor (telnet) 9999'
    container off "${SAFE[@]}" -e VM_BIND=127.0.0.1 -e MONITOR_PORT=0
    wait_until 20 logs_have "$C" 'monitor (telnet) off'
}

@test "on the host's network the log says where the consoles listen; on a container's it does not" {
    local port
    port=$(free_port)
    container bridge "${SAFE[@]}"
    container_ready "$C"
    run container_logs "$C"
    refute_output --partial "the network of a host"
    CONTAINERS+=("$ID-host")
    docker run -d --name "$ID-host" "${SAFE[@]}" --network host -e SERIAL_PORT="$port" -e QEMU_HOSTFWDS=none "$IMAGE" >/dev/null
    container_ready "$ID-host"
    run container_logs "$ID-host"
    assert_line --regexp "^vm: warning: this is the network of a host \(it has the interface .+\), and the ports are on its address 0\.0\.0\.0$"
    assert_line --partial 'fix: VM_BIND=127.0.0.1 keeps them on this machine'
    # The container's own programs are on the same machine; the router of the network is not the engine's host.
    run talk -t 20 telnet 127.0.0.1 "$port" :: 'expect:[serial console of the guest'
    assert_success
}

# vnc_pair PORT: two viewers that ask for exclusive access to the display; the first one stays connected.
vnc_pair() {
    python3 - "$1" <<'END'
import socket, struct, sys
def viewer():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
    f = s.makefile("rb")
    f.read(12); s.sendall(b"RFB 003.008\n")
    f.read(f.read(1)[0]); s.sendall(b"\1")
    f.read(4); s.sendall(b"\0")  # not to be shared
    f.read(20); f.read(struct.unpack(">I", f.read(4))[0])
    return s, f
def update(s, f):
    s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, 8, 8))
    return f.read(1)
first, second = viewer(), viewer()
assert update(*second) == b"\0", "the second one is not served"
assert update(*first) == b"\0", "the first one was thrown out"
END
}

@test "VNC viewers share the display; it is in the list of ports and in vm status" {
    local port
    port=$(python3 -c 'import random; print(random.randrange(5910, 6900))')
    host_vm ENABLE_VNC=1 VNC_PORT="$port" VM_FORCE=1
    wait_until 30 vm health
    vnc_pair "$port"
    grep -qF "on 127.0.0.1: serial console (telnet) off, monitor (telnet) off, VNC $port" "$T/out"
    run -0 vm status
    assert_line "ports        on 127.0.0.1: serial console (telnet) off, monitor (telnet) off, VNC $port"
    run -0 jq -c .ports <<<"$(vm status --json)"
    assert_output "{\"bind\":\"127.0.0.1\",\"serial\":0,\"serial_raw\":0,\"serial_rfc2217\":0,\"monitor\":0,\"vnc\":$port,\"gdb\":0}"
    vm stop
}

@test "GDB: one debugger at a time, and the next one after it has disconnected" {
    local port
    port=$(free_port)
    host_vm GDB=1 GDB_PORT="$port"
    wait_until 30 vm health
    run -0 python3 - "$port" <<'END'
import socket, sys
def debugger():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
    s.sendall(b"$?#3f")
    return s
def served(s):
    got = b""
    while b"#" not in got:
        try:
            data = s.recv(100)
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        got += data
    return True
first = debugger()
assert served(first), "the first one is not served"
assert not served(debugger()), "the second one is served, too"
for _ in range(5):
    first.close()
    first = debugger()
    assert served(first), "not served when the other one has left"
END
    grep -qF 'vm: warning: GDB: a client was not accepted by QEMU, which serves one debugger at a time' "$T/out"
    run -82 vm stop --now
}

@test "a client that connects before QEMU answers is served afterwards" {
    local port
    port=$(free_port)
    cat >"$T/slow" <<END
#!/bin/sh
while ! [ -e "$T/go" ]; do sleep 0.1; done
exec qemu-system-x86_64 "\$@"
END
    chmod 755 "$T/slow"
    chmod 777 "$T"
    host_vm GDB_WAIT=1 GDB_PORT="$port" VM_QEMU="$T/slow"
    wait_until 30 bash -c "</dev/tcp/127.0.0.1/$port"
    gdb -nx -batch -ex 'set remotetimeout 300' -ex "target remote 127.0.0.1:$port" -ex 'p/x $pc' -ex detach >"$T/gdb" 2>&1 3>&- &
    PIDS+=("$!")
    wait_until 30 bash -c "ss -tnH state established '( sport = :$port )' | grep -q ."
    touch "$T/go"
    wait_until 60 grep -qF '= 0xfff0' "$T/gdb"
    wait_until 30 vm health
    run -82 vm stop --now
}

@test "a hundred waiting programs do not block health, status and stop" {
    local i
    host_vm
    wait_until 30 vm health
    for ((i = 0; i < 120; i++)); do
        vm wait --for exit >>"$T/waits" 2>&1 3>&- &
        PIDS+=("$!")
    done
    wait_until 60 bash -c "[ \$(grep -c 'too many clients wait already' '$T/waits') -eq 24 ]"
    run -0 vm health
    run -0 vm status
    run -0 vm monitor info status
    # Connections without a request lose their slots.
    python3 - "$T/run/control.sock" 3>&- <<'END' &
import socket, sys, time
silent = []
for _ in range(200):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    silent.append(s)
print("connected", flush=True)
time.sleep(3600)
END
    PIDS+=("$!")
    wait_until 60 bash -c "[ \$(ss -xH src '$T/run/control.sock' | wc -l) -ge 100 ]"
    run -0 vm health
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    run grep -c 'the guest has ended, exit status 0' "$T/waits"
    assert_output 96
}
