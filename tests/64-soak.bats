# A short version of make soak: a few of its starts, stops and kills.
load helpers

@test "starts and stops on the host leave nothing behind" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/cycles" 10
    assert_output --partial '10 of 10 starts and stops'
}

@test "starts and stops of a container leave nothing behind" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/container-cycles" 5
    assert_output --partial '5 of 5 starts and stops of a container'
}

@test "data synced by the guest survives docker kill -s KILL, and the image has no error" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/kills" 3
    assert_output --partial '3 of 3 kills'
}

@test "an ext2 without a journal is repaired after docker kill -s KILL, and has the synced data" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/power-cuts" 4
    assert_output --partial '4 of 4 power cuts'
}

@test "in one run of PID 1: hundreds of console clients and requests, tens of resets" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT"
    wait_until 60 vm health
    clients_come_and_go 50
    before=$(footprint)
    clients_come_and_go 300
    for _ in $(seq 10); do
        run -0 vm reset
        wait_until 30 not_ready
        wait_until 60 vm health
    done
    clients_come_and_go 10
    wait_until 30 has_footprint "$before"
    run -0 vm stop
}

# The number of descriptors, and KiB of private memory.
footprint() {
    ls "/proc/$VM_PID/fd" | wc -l
    sed -n 's/^VmData:[[:space:]]*//p' "/proc/$VM_PID/status"
}

has_footprint() {
    # PID 1 notices that a client has gone when data is sent to it.
    "$ROOT/tests/peer" "$PORT" '' '\r' >/dev/null
    vm monitor info status >/dev/null
    [ "$(footprint)" = "$1" ]
}

not_ready() { ! vm health; }

clients_come_and_go() {
    python3 - "$PORT" "$1" <<'END'
import socket, sys
for i in range(int(sys.argv[2])):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        s.sendall(b"\xff\xfb\x00" if i % 2 else b"\r")
        s.recv(1)
END
    vm status >/dev/null
}
