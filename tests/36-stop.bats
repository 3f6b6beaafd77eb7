# The steps of a stop with real guests: each way to ask, and a stop at every moment of a guest's life.
load helpers

said() {
    grep -qF -- "$1" "$T/out"
}

# The guest has unmounted its file system and printed that; the image needs no repair.
assert_clean() {
    host_vm_exit 60
    assert_equal "$STATUS" 0
    grep -qa 'linux: /data is unmounted' "$T/log/console.log"
    run -0 qemu-img check "$T/linux.qcow2"
    qemu-img dd -f qcow2 -O raw bs=1M skip=97 count=512 "if=$T/linux.qcow2" "of=$T/data.img"
    run -0 e2fsck -fn "$T/data.img"
}

@test "linux is stopped over ssh: by its own poweroff, with its file system unmounted" {
    linux_vm VM_STOP_LADDER=ssh VM_SSH_KEY="$GUESTS/linux-key"
    run -0 vm wait --for ssh --timeout $((90 * PATIENCE))
    vm exec 'dd if=/dev/urandom of=/data/file bs=64k count=64 2>/dev/null'
    kill -TERM "$VM_PID"
    assert_clean
    said 'stopping: power off over ssh'
    refute grep -q 'QMP quit' "$T/out"
}

@test "linux is stopped on its serial console, also while the console is in use" {
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

@test "a Hurd-like guest is halted on the serial console without waiting for the power button" {
    # mach-mini with its button switched off is a substitute for the Hurd; its shell has poweroff too.
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

@test "a guest that ignores its power button is halted on the serial console within VM_STOP_TIMEOUT" {
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

@test "no waiting for a guest that has not enabled its power button or has written nothing" {
    # It is ready, has written, and does not read the button: the stop takes half a second, with the status for lost
    # data.
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    printf 'ready up ^boot number\n' >"$T/markers"
    host_vm VM_GUEST=exov6 QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2" VM_MARKERS="$T/markers"
    run -0 vm wait --timeout $((60 * PATIENCE))
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 82
    said 'the guest has not enabled the power button: not waiting for it'
    said 'what it had not written to its disk is lost'
    # Without a disk no message says that data is lost.
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
    # The 150 s of VM_STOP_TIMEOUT were not used up.
    jq -se 'map(select(.event == "stop")) | .[-1].ms - .[0].ms < 20000' "$T/log/events.jsonl"
}

@test "VM_RUN_TIMEOUT: the guest is stopped as by SIGTERM when its time has passed, status 83" {
    host_vm VM_RUN_TIMEOUT=$((3 * PATIENCE))
    host_vm_exit $((90 * PATIENCE))
    assert_equal "$STATUS" 83
    said "VM_RUN_TIMEOUT=$((3 * PATIENCE)): the guest has run for"
    said 'the guest powered off'
    refute grep -q 'is lost' "$T/out"
    # A guest that does not react is cut off, and a message says so.
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

@test "a QEMU suspended by SIGSTOP is continued, and its guest is shut down" {
    host_vm VM_STOP_TIMEOUT=$((20 * PATIENCE))
    vm wait --timeout $((60 * PATIENCE))
    kill -STOP "$(pgrep -P "$VM_PID" qemu-system)"
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    said 'QEMU was stopped by a signal or a debugger: continued (SIGCONT)'
    said 'the guest powered off'
}

@test "a stop at any moment of a start ends it cleanly and leaves nothing behind" {
    local ms
    for ms in 5 10 20 30 40 50 60 70 80 90 100 120 140 170 200 250 300 400 500 700; do
        host_vm
        # Before its first output PID 1 may not have blocked its signals yet; a container gets the signal only when
        # it is up.
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

@test "a stop in GRUB, and one during a snapshot, leave an intact image" {
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

# PID 1 has slept for a moment.
sleeps() {
    local before
    before=$(grep voluntary_ctxt "/proc/$VM_PID/status")
    sleep 0.2
    [ "$before" = "$(grep voluntary_ctxt "/proc/$VM_PID/status")" ]
}

@test "an idle PID 1 does not wake up" {
    host_vm
    run -0 vm wait --timeout $((60 * PATIENCE))
    # The relay still reads a few times after the last output (console/mux.c).
    wait_until 10 sleeps
    strace -f -p "$VM_PID" -o "$T/strace" 2>"$T/strace.err" 3>&- &
    tracer=$!
    PIDS+=("$tracer")
    wait_until 10 grep -q attached "$T/strace.err"
    python3 -c 'import time; time.sleep(10)'
    kill "$tracer"
    wait "$tracer" || :
    # The system call in which it sleeps and in which strace finds it, and the end of the tracing.
    run grep -cE '^[0-9]+ +(read|write|epoll_wait\(.*= [1-9]|epoll_pwait\(.*= [1-9]|timerfd)' "$T/strace"
    assert_output 0
}
