# The stop ladder on real guests: each way to ask, and a stop at every moment of a guest's life.
load helpers

said() {
    grep -qF -- "$1" "$T/out"
}

# The guest unmounted its file system, and says so; the image has nothing to repair.
assert_clean() {
    host_vm_exit 60
    assert_equal "$STATUS" 0
    grep -qa 'linux: /data is unmounted' "$T/log/console.log"
    run -0 qemu-img check "$T/linux.qcow2"
    qemu-img dd -f qcow2 -O raw bs=1M skip=97 count=512 "if=$T/linux.qcow2" "of=$T/data.img"
    run -0 e2fsck -fn "$T/data.img"
}

@test "linux is stopped by ssh: its own poweroff, its file system unmounted" {
    linux_vm VM_STOP_LADDER=ssh VM_SSH_KEY="$GUESTS/linux-key"
    run -0 vm wait --for ssh --timeout $((90 * PATIENCE))
    vm exec 'dd if=/dev/urandom of=/data/file bs=64k count=64 2>/dev/null'
    kill -TERM "$VM_PID"
    assert_clean
    said 'stopping: power off over ssh'
    refute grep -q 'QMP quit' "$T/out"
}

@test "linux is stopped on its serial console, also while it is in use" {
    linux_vm VM_STOP_LADDER=serial
    run -0 vm wait --timeout $((90 * PATIENCE))
    vm send root --enter
    run -0 vm expect --timeout $((30 * PATIENCE)) --from start 'linux# '
    vm send 'touch /data/x; sleep 1000' --enter
    kill -TERM "$VM_PID"
    assert_clean
    said 'stopping: power off on the serial console'
    refute grep -q 'QMP quit' "$T/out"
}

@test "a Hurd-like guest: no time for the button, halted on the serial console" {
    # mach-mini with its button switched off stands in for the Hurd; its shell knows poweroff too.
    PORT=$(free_port)
    cp "$MACH_MINI" "$T/mach.qcow2"
    chmod 666 "$T/mach.qcow2"
    host_vm VM_GUEST=hurd QEMU_RAM=128 QEMU_NET=none QEMU_DRIVE="$T/mach.qcow2" SERIAL_PORT="$PORT"
    run -0 vm wait --timeout $((60 * PATIENCE))
    talk telnet 127.0.0.1 "$PORT" :: send: 'expect:login: ' send:root 'expect:machsh# ' \
        'send:acpi off' 'expect:power button: off' >"$T/talk"
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    said 'no port is forwarded to the guest'
    said 'stopping: power off on the serial console'
    refute grep -q 'ACPI' "$T/out"
    refute grep -q 'QMP quit' "$T/out"
}

@test "a guest that ignores its button is halted on the serial console within the budget" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" VM_STOP_TIMEOUT=$((9 * PATIENCE))
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm exec 'acpi off'
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    said 'stopping: ACPI power button'
    said 'stopping: power off on the serial console'
    refute grep -q 'QMP quit' "$T/out"
}

@test "a guest without a login is cut off: status 82, and a warning of lost data" {
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2" \
        VM_READY=running VM_STOP_TIMEOUT=6 VM_STOP_LADDER=serial
    wait_until 30 grep -qa 'boot number' "$T/log/console.log"
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'stopping: power off on the serial console'
    said 'stopping: QMP quit'
    said 'what it had not written to its disk is lost'
}

@test "a guest that has not enabled the power button, or has nothing to lose, is not waited for" {
    # It is ready, has written, and reads no button: half a second, and the truth about its disk.
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    printf 'ready up ^boot number\n' >"$T/markers"
    host_vm VM_GUEST=exov6 QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2" VM_MARKERS="$T/markers"
    run -0 vm wait --timeout $((60 * PATIENCE))
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'the guest has not enabled the power button: it is not waited for'
    said 'what it had not written to its disk is lost'
    # No disk at all: nothing is said to be lost.
    "$ROOT/tests/guests/kernel/build" MULTIBOOT "$T/kernel"
    chmod 644 "$T/kernel"
    rm -rf "$T/run"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_KERNEL="$T/kernel"
    run -0 vm wait --timeout $((60 * PATIENCE))
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 0
    said 'the guest does not react and has written nothing to its disk: there is nothing to lose'
    refute grep -q 'is lost' "$T/out"
    # The budget of 150 s was not used up.
    jq -se 'map(select(.event == "stop")) | .[-1].ms - .[0].ms < 20000' "$T/log/events.jsonl"
}

@test "VM_RUN_TIMEOUT: the guest is stopped as by SIGTERM when its time is over, status 83" {
    host_vm VM_RUN_TIMEOUT=$((3 * PATIENCE))
    host_vm_exit $((90 * PATIENCE))
    assert_equal "$STATUS" 83
    said "VM_RUN_TIMEOUT=$((3 * PATIENCE)): the guest has run for"
    said 'the guest powered off'
    refute grep -q 'is lost' "$T/out"
    # One that does not react is cut off, and that is said, too.
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    rm -rf "$T/run"
    host_vm VM_GUEST=exov6 QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2" VM_STOP_TIMEOUT=5 VM_RUN_TIMEOUT=2
    host_vm_exit 60
    assert_equal "$STATUS" 83
    said 'what it had not written to its disk is lost'
    run -78 "${ENV[@]}" VM_RUN_TIMEOUT=1h "$VM" check
    assert_output --partial 'VM_RUN_TIMEOUT=1h is not a number from 0 to 31536000'
}

@test "a QEMU that was stopped goes on, and its guest is asked" {
    host_vm VM_STOP_TIMEOUT=$((20 * PATIENCE))
    vm wait --timeout $((60 * PATIENCE))
    kill -STOP "$(pgrep -P "$VM_PID" qemu-system)"
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    said 'QEMU was stopped by a signal or a debugger: it goes on (SIGCONT)'
    said 'the guest powered off'
}

@test "a stop at any moment of a start ends it cleanly, with nothing left" {
    local ms
    for ms in 5 10 20 30 40 50 60 70 80 90 100 120 140 170 200 250 300 400 500 700; do
        host_vm
        # Before its first line PID 1 may not have blocked its signals yet; a container's is told
        # only when it is up.
        wait_until 10 grep -q . "$T/out"
        python3 -c "import time; time.sleep($ms / 1000)"
        qemu=$(pgrep -P "$VM_PID" || :)
        kill -TERM "$VM_PID"
        host_vm_exit 30
        assert_equal "$ms:$STATUS" "$ms:0"
        [ -z "$qemu" ] || wait_until 5 process_is_gone "$qemu"
        [ ! -e "$T/run/control.sock" ]
    done
}

@test "a stop in GRUB, and in the middle of a snapshot, leaves a whole image" {
    linux_vm VM_BOOT=firmware
    wait_until 60 grep -qa 'Loading' "$T/log/console.log"
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    said 'there is nothing to lose'
    run -0 qemu-img check "$T/linux.qcow2"

    linux_vm
    run -0 vm wait --timeout $((90 * PATIENCE))
    vm monitor savevm middle >"$T/savevm" 2>&1 3>&- &
    PIDS+=($!)
    wait_until 10 bash -c "! timeout 1 $(printf '%q ' "${ENV[@]}") $VM monitor info status >/dev/null || [ -s '$T/savevm' ]" || :
    kill -TERM "$VM_PID"
    assert_clean
    said 'stopping: ACPI power button'
}

@test "an idle PID 1 does not wake up" {
    host_vm
    run -0 vm wait --timeout $((60 * PATIENCE))
    # What is left to do after ready has been done when nothing is printed any more.
    strace -f -p "$VM_PID" -o "$T/strace" 2>"$T/strace.err" 3>&- &
    tracer=$!
    PIDS+=("$tracer")
    wait_until 10 grep -q attached "$T/strace.err"
    python3 -c 'import time; time.sleep(10)'
    kill "$tracer"
    wait "$tracer" || :
    # The call that it sleeps in, which strace finds it in, and the end of the tracing.
    run grep -cE '^[0-9]+ +(read|write|epoll_wait\(.*= [1-9]|epoll_pwait\(.*= [1-9]|timerfd)' "$T/strace"
    assert_output 0
}
