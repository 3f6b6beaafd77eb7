# Signals, stops and ends of a running guest, and the exit status of each.
load helpers

# On the host the same program is an ordinary process. machsh's login is reachable on the console.
start_mach() {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" "$@"
    wait_until 60 vm health
}

type_to_guest() {
    talk telnet 127.0.0.1 "$PORT" :: send: 'expect:login: ' send:root 'expect:machsh# ' "send:$1" \
        "expect:$2" >>"$T/talk"
}

# The same, typed where a user is already logged in.
type_again() {
    talk telnet 127.0.0.1 "$PORT" :: "send:$1" "expect:$2" >>"$T/talk"
}

qemu_pid() {
    vm status --json | jq -r .qemu.pid
}

said() {
    grep -qF -- "$1" "$T/out"
}

no_qemu_left() {
    process_is_gone "$1"
}

@test "SIGTERM presses the power button: status 0, no process left" {
    start_mach
    qemu=$(qemu_pid)
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'stopping: ACPI power button'
    said 'the guest powered off'
    no_qemu_left "$qemu"
    [ ! -e "$T/run/control.sock" ]
}

@test "vm stop waits for the end and returns the status" {
    start_mach
    run -0 vm stop
    assert_output 'the guest has ended, exit status 0'
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "a guest that is stopped during its boot, before it has written anything, is cut off without waiting" {
    host_vm
    wait_until 30 said 'the guest runs'
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 0
    said 'has written nothing to its disk: there is nothing to lose'
    # A guest that has written is waited for: it writes its second sector before its first output.
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2" VM_STOP_TIMEOUT=3
    wait_until 30 grep -q 'boot number' "$T/log/console.log"
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'stopping: ACPI power button'
}

@test "the power button is pressed again if the guest missed it" {
    start_mach
    type_to_guest 'acpi off' 'power button: off'
    kill -TERM "$VM_PID"
    wait_until 10 said 'the power button was pressed'
    type_again 'acpi on' 'power button: on'
    host_vm_exit 60
    assert_equal "$STATUS" 0
    said 'the guest powered off'
}

# The guest of this one has written, is not ready, and never reacts to the button.
start_count() {
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2" VM_STOP_LADDER=acpi "$@"
    wait_until 30 grep -q 'boot number' "$T/log/console.log"
    # It has enabled the power button: PWRBTN_EN in ACPI's power management 1 enable register.
    vm monitor 'o/h 0x602 0x100'
}

@test "a guest that ignores the button is cut off when its time has passed: status 82" {
    start_count VM_STOP_TIMEOUT=6
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'stopping: QMP quit'
    said 'the guest was cut off: what it had not written to its disk is lost'
    refute grep -q 'SIGTERM to QEMU' "$T/out"
    # It had its time: two thirds of six seconds.
    jq -se 'map(select(.event == "stop")) | .[-1].ms - .[0].ms > 3000' "$T/log/events.jsonl"
}

@test "a second SIGTERM skips to the next step" {
    start_count VM_STOP_TIMEOUT=600
    kill -TERM "$VM_PID"
    wait_until 10 said 'stopping: ACPI power button'
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'stopping: QMP quit'
}

@test "vm stop --now cuts the power without asking the guest" {
    start_mach
    run vm stop --now
    assert_failure 82
    host_vm_exit
    refute grep -q 'ACPI' "$T/out"
}

@test "a hanging QEMU is killed" {
    start_mach VM_STOP_TIMEOUT=3
    qemu=$(qemu_pid)
    # Its main thread is stopped by a debugger (PTRACE_ATTACH), so SIGCONT does not continue it.
    python3 -c "
import ctypes, os
ctypes.CDLL(None).ptrace(16, $qemu, None, None)
while os.WIFSTOPPED(os.waitpid($qemu, 0)[1]): pass" 3>&- &
    wait_until 10 grep -q '^State:.*t (tracing stop)' "/proc/$qemu/status"
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'stopping: SIGKILL to QEMU'
    no_qemu_left "$qemu"
}

@test "halt and reboot in the guest end the run with status 0" {
    start_mach
    type_to_guest halt 'halting'
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'the guest powered off'

    start_mach
    type_to_guest reboot 'rebooting'
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'the guest rebooted'
}

@test "vm reset and SIGUSR2 reset the machine, which becomes ready again" {
    start_mach
    run -0 vm reset
    # vm wait waits for the boot after the reset.
    run -0 vm wait --timeout $((60 * PATIENCE))
    assert_equal "$(grep -c 'ready: login prompt' "$T/out")" 2
    said 'the machine was reset'
    kill -USR2 "$VM_PID"
    wait_until 30 bash -c "[ \$(grep -c 'the machine was reset' '$T/out') -eq 2 ]"
    wait_until 60 vm health
    assert_equal "$(grep -c 'ready: login prompt' "$T/out")" 3
    # After the reset, a reboot of the guest still ends the run.
    type_to_guest reboot 'rebooting'
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "SIGHUP reopens the logs, SIGUSR1 writes the status" {
    start_mach
    mv "$T/log/console.log" "$T/log/console.old"
    mv "$T/log/events.jsonl" "$T/log/events.old"
    kill -HUP "$VM_PID"
    wait_until 10 said 'logs reopened'
    type_to_guest 'echo after the rotation' 'after the rotation'
    wait_until 10 grep -q 'after the rotation' "$T/log/console.log"
    refute grep -q 'after the rotation' "$T/log/console.old"
    grep -q 'GNU Mach' "$T/log/console.old"
    kill -USR1 "$VM_PID"
    wait_until 10 said 'status: running; ready: login prompt'
}

@test "signals without a defined action have no effect" {
    start_mach
    for sig in QUIT ALRM PIPE WINCH CONT VTALRM PROF IO PWR URG TTIN TTOU TSTP RTMIN RTMAX; do
        kill "-$sig" "$VM_PID"
    done
    run -0 vm health
    run -0 vm stop
}

@test "QEMU killed from outside: status 69, and the message names the signal" {
    for sig in KILL SEGV; do
        start_mach
        kill "-$sig" "$(qemu_pid)"
        host_vm_exit
        assert_equal "$STATUS" 69
        said "QEMU was killed by signal $(kill -l $sig)"
        said 'while the guest ran: what it had not written is lost'
    done
}

@test "QEMU ends when vm run is killed" {
    start_mach
    qemu=$(qemu_pid)
    kill -KILL "$VM_PID"
    wait_until 10 process_is_gone "$qemu"
    # The files that it left behind do not prevent the next start.
    host_vm
    wait_until 60 vm health
}

@test "two guests with one VM_RUN_DIR: the second is refused and the first is not affected" {
    start_mach
    run vm run
    assert_failure 78
    assert_line --partial 'another guest runs with this VM_RUN_DIR'
    run -0 vm health
}

@test "vm check and vm args work while the guest runs on a disk of its own" {
    host_env
    cp "$MACH_MINI" "$T/images/disk.qcow2"
    chmod 666 "$T/images/disk.qcow2"
    start_mach VM_GUEST=mach
    run -0 vm check
    assert_line --partial "$T/images/disk.qcow2"
    assert_line "vm: a guest runs here already (VM_RUN_DIR=$T/run)"
    run -0 vm args
    assert_line --partial '"filename":"/dev/fdset/10"'
    # Another start, with the same VM_RUN_DIR or its own, does not change the image.
    run vm run
    assert_failure 78
    run env -i PATH="$PATH" VM_RUN_DIR="$T/other" VM_IMAGE_DIR="$T/images" VM_UID=65534 "$VM" check
    assert_failure 65
    assert_output --partial 'is in use by another process'
    run -0 vm health
}

@test "a port in use is reported with its setting: status 69" {
    PORT=$(free_port)
    python3 -c "
import socket, time
s = socket.socket(); s.bind(('127.0.0.1', $PORT)); s.listen(); time.sleep(3600)" 3>&- &
    PIDS+=($!)
    wait_until 10 bash -c "</dev/tcp/127.0.0.1/$PORT"
    host_vm SERIAL_PORT="$PORT"
    host_vm_exit
    assert_equal "$STATUS" 69
    said "vm: error: SERIAL_PORT=$PORT: port $PORT of 127.0.0.1 is in use"
    # A forwarded port is opened by QEMU: its message and ours.
    host_vm VM_GUEST=linux QEMU_HOSTFWDS="tcp:$PORT:22"
    host_vm_exit
    assert_equal "$STATUS" 69
    said "vm: error: QEMU ended with status 1 before the guest ran: qemu-system-x86_64: -netdev user"
    said "tcp:127.0.0.1:$PORT-:22"
}

@test "a guest started paused waits for cont; a stop before that loses no data" {
    host_vm VM_START_PAUSED=1
    wait_until 30 said 'the guest waits for cont on the monitor'
    run vm health
    assert_failure 1
    assert_output 'the guest is paused before its first instruction, until the monitor says cont'
    run -0 vm monitor info status
    assert_output --partial 'paused'
    run -0 vm monitor cont
    wait_until 60 vm health
    run -0 vm stop
    host_vm_exit

    host_vm VM_START_PAUSED=1
    wait_until 30 said 'the guest waits for cont on the monitor'
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "vm wait: login, exit, and a timeout" {
    host_vm VM_START_PAUSED=1
    wait_until 30 said 'waits for cont'
    run vm wait --timeout 1
    assert_failure 1
    assert_output 'not within 1 s'
    vm wait --for exit >"$T/waited" 3>&- &
    waiter=$!
    PIDS+=("$waiter")
    vm monitor cont
    run -0 vm wait --for login --timeout $((60 * PATIENCE))
    vm stop
    wait "$waiter"
    grep -q 'exit status 0' "$T/waited"
}

@test "a full or missing log directory affects only the logs, not the guest" {
    mkdir -p "$T/log"
    touch "$T/nolog"
    host_vm VM_LOG_DIR="$T/nolog"
    wait_until 60 vm health
    said "vm: warning: VM_LOG_DIR=$T/nolog: console.log cannot be written"
    run -0 vm stop
}

@test "docker stop, ^C on a terminal, and docker run --init shut a guest down cleanly" {
    container stop
    container_ready "$C"
    docker stop -t 30 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
    wait_until 10 logs_have "$C" 'the guest powered off'

    container init --init
    container_ready "$C"
    run -0 docker exec "$C" cat /proc/1/comm
    assert_output docker-init
    docker stop -t 30 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0

    CONTAINERS+=("$ID-tty")
    run -0 talk -t 60 docker run -it -e NO_COLOR=1 -e SERIAL_STDIO=off --name "$ID-tty" "$IMAGE" :: 'expect:ready: login prompt' \
        'raw:\x03' 'expect:the guest powered off' 'expect:exit status 0' eof
}

@test "wrong settings and unknown commands end a container with their exit status" {
    container setting -e QEMU_RAM=-5
    wait_exit "$C"
    assert_equal "$STATUS" 78
    container usage -- bash
    wait_exit "$C"
    assert_equal "$STATUS" 64
    container drive -e QEMU_DRIVE=/opt/hurd-image/none.qcow2
    wait_exit "$C"
    assert_equal "$STATUS" 66
}
