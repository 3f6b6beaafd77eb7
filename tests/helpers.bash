# helpers.bash - functions for the bats files: containers and processes that end with their test, waiting for
# conditions, talking to consoles.
#
# Everything that a test starts has the test's id (ID) in its name and is ended by teardown(); the test fails if
# anything is left then. A bats file with a teardown of its own calls vm_teardown in it.
bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VM=$ROOT/build/vm
IMAGE=${IMAGE:-hurd-vm:${TAG:-latest}}
GUESTS=$ROOT/build/guests
MACH_MINI=$GUESTS/mach-mini.qcow2

setup() {
    ID=hv$$-$BATS_TEST_NUMBER
    CONTAINERS=()
    PIDS=()
    T=$BATS_TEST_TMPDIR
    # QEMU runs as another user and must have access to its logs and images.
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T" 2>/dev/null || :
}

teardown() {
    vm_teardown
}

vm_teardown() {
    local c pid said left=0
    for said in "$BATS_TEST_TMPDIR"/out "$BATS_TEST_TMPDIR"/*/out; do
        if [ -z "$BATS_TEST_COMPLETED" ] && [ -f "$said" ]; then
            echo "--- ${said#"$BATS_TEST_TMPDIR/"}, of vm run"
            tail -n 40 "$said"
        fi
    done
    for c in "${CONTAINERS[@]}"; do
        if [ -z "$BATS_TEST_COMPLETED" ]; then
            echo "--- log of $c"
            docker logs "$c" 2>&1 | tail -n 40
        fi
        docker rm -f -v "$c" >/dev/null 2>&1 || :
    done
    for pid in "${PIDS[@]}"; do
        end_process "$pid"
    done
    if docker ps -a --format '{{.Names}}' 2>/dev/null | grep -q "^$ID"; then
        echo "containers of $ID are left"
        left=1
    fi
    return "$left"
}

# End a process that this test started: by SIGTERM, and by SIGKILL if that does not end it in time.
end_process() {
    kill -TERM "$1" 2>/dev/null || return 0
    wait_until 10 process_is_gone "$1" || kill -KILL "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
}

process_is_gone() {
    ! [ -d "/proc/$1" ] || [ "$(awk '/^State/ { print $2 }' "/proc/$1/status" 2>/dev/null)" = Z ]
}

# Waits are as long as an idle machine of this size could need, multiplied by this: on a slow or busy machine a test
# takes longer, but does not fail.
export PATIENCE=${PATIENCE:-5}

# wait_until SECONDS COMMAND...: until COMMAND succeeds; fails when the time (times PATIENCE) is over.
wait_until() {
    local end=$((SECONDS + $1 * PATIENCE))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "not within the time: $*" >&2
            return 1
        fi
        sleep 0.05
    done
}

# --- containers ------------------------------------------------------------------------------

# The restrictions of docker-compose.yml, and the options that permit a /dev/kvm that need not exist; a test in a
# container without them proves less.
SAFE=(--cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add KILL --cap-add MKNOD
    --cap-add SETGID --cap-add SETUID --security-opt no-new-privileges:true --read-only
    --tmpfs /run --tmpfs /tmp --tmpfs /var/tmp --device-cgroup-rule 'c 10:232 rwm')

# container NAME [DOCKER-ARGUMENTS...] [-- COMMAND...]: start a container in the background; its full name is put
# into C. Ports are published on free ports of 127.0.0.1 (port_of).
container() {
    local name=$1 args=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do args+=("$1"); shift; done
    [ $# -eq 0 ] || shift
    C=$ID-$name
    CONTAINERS+=("$C")
    [ -z "${WITHOUT:-}" ] || args+=(--security-opt seccomp="$ROOT/tests/seccomp/old-kernel.json")
    docker run -d --name "$C" -p 127.0.0.1::2222 -p 127.0.0.1::8080 -p 127.0.0.1::5555 \
        "${args[@]}" "$IMAGE" "$@" >/dev/null
}

# port_of CONTAINER PORT[/udp]: print the port of the host.
port_of() {
    docker port "$1" "$2" | head -n 1 | sed 's/.*://'
}

container_logs() {
    docker logs "$1" 2>&1
}

logs_have() {
    container_logs "$1" | grep -qF -- "$2"
}

container_ready() {
    docker exec "$1" vm wait --for login --timeout $((${2:-60} * PATIENCE))
}

# The host's process ID of QEMU in CONTAINER.
qemu_of() {
    pgrep -o -P "$(docker inspect -f '{{.State.Pid}}' "$1")" -f qemu-system
}

# wait_exit CONTAINER [SECONDS]: wait for its end; the exit status is put into STATUS.
wait_exit() {
    wait_until "${2:-60}" container_ended "$1" || return 1
    STATUS=$(docker inspect -f '{{.State.ExitCode}}' "$1")
}

container_ended() {
    [ "$(docker inspect -f '{{.State.Status}}' "$1")" = exited ]
}

# --- the program on the host -----------------------------------------------------------------

# host_env [NAME=VALUE...]: put the environment for build/vm into ENV, with every directory inside the test's own
# and QEMU as nobody.
host_env() {
    mkdir -p "$T/images" "$T/share"
    ENV=(env -i PATH="$PATH" VM_RUN_DIR="$T/run" VM_LOG_DIR="$T/log" VM_TMP_DIR="$T"
        VM_IMAGE_DIR="$T/images" SHARE_DIR="$T/share" VM_EMBEDDED="$MACH_MINI"
        VM_UID=65534 VM_GID=65534 QEMU_HOSTFWDS=none SERIAL_PORT=0 MONITOR_PORT=0 "$@")
}

# host_vm NAME=VALUE...: `vm run` in the background; its pid is put into VM_PID, its output goes to $T/out.
host_vm() {
    host_env "$@"
    : >"$T/out" # before any test reads it; otherwise it has the output of the last one
    # shellcheck disable=SC2086 # names of system calls (39-old-kernel.bats)
    "${ENV[@]}" ${WITHOUT:+"$ROOT/tests/without" $WITHOUT --} "$VM" run >"$T/out" 2>&1 3>&- &
    VM_PID=$!
    PIDS+=("$VM_PID")
}

# web_vm NAME=VALUE...: host_vm with the web server on WEB, and what its log has: the token TOKEN, the
# server's URL, and the page's LINK. web_link: the same for a guest that was started otherwise.
web_vm() {
    WEB=$(free_port)
    host_vm VM_WEB=1 VM_WEB_PORT="$WEB" "$@"
    web_link
}

web_link() {
    wait_until 30 grep -q 'web page: http' "$T/out"
    LINK=$(sed -n 's/^vm: web page: //p' "$T/out")
    TOKEN=$(sed -n 's/.*token=//p' "$T/out")
    URL=${LINK%%/\?*}
}

# web_guest [NAME=VALUE...]: the built-in guest with the web server, which answers.
web_guest() {
    web_vm "$@"
    wait_until 60 grep -qF 'ready: login prompt' "$T/out"
    URL=http://127.0.0.1:$WEB
    wait_until 20 curl -sf -m 5 -o "$T/first" "$URL/api/v1/health" -H "Authorization: Bearer $TOKEN"
}

# start_guest [NAME=VALUE...]: the built-in guest on the host with its console on PORT, up to its
# login prompt. start_raw_guest: with the raw port RAW as well.
start_guest() {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" "$@"
    wait_until 60 grep -qF 'ready: login prompt' "$T/out"
}

start_raw_guest() {
    RAW=$(free_port)
    start_guest SERIAL_RAW_PORT="$RAW" "$@"
}

# linux_vm [NAME=VALUE...]: the Linux guest on the host, on a disk of the test's own, with its
# console on PORT and its sshd on SSH.
linux_vm() {
    [ -e "$T/linux.qcow2" ] || cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    SSH=$(free_port) PORT=$(free_port)
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" SERIAL_PORT="$PORT" \
        QEMU_HOSTFWDS="tcp:$SSH:22" "$@"
}

# vm COMMAND...: a sub-command with that environment.
vm() {
    "${ENV[@]}" "$VM" "$@"
}

# The exit status of VM_PID, in STATUS.
host_vm_exit() {
    wait_until "${1:-60}" process_is_gone "$VM_PID" || return 1
    STATUS=0
    wait "$VM_PID" || STATUS=$?
}

# An X11 display, in DISPLAY.
x11() {
    Xvfb -displayfd 5 -nolisten tcp -screen 0 1024x768x24 5>"$T/number" >"$T/xvfb" 2>&1 3>&- &
    PIDS+=("$!")
    wait_until 20 test -s "$T/number"
    DISPLAY=:$(cat "$T/number")
}

# A port below those that the kernel gives to connections, so that no other process gets it before its use.
free_port() {
    python3 - <<'END'
import random, socket
while True:
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", random.randrange(10000, 32768)))
        except OSError:
            continue
        print(s.getsockname()[1])
        break
END
}

talk() {
    "$ROOT/tests/talk" "$@"
}
