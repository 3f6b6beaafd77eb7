# A teaching kernel similar to xv6 (tests/guests/teach): 32-bit, multiboot, a VGA card that it uses without a check,
# processors from the MP table, its file system on the second IDE disk, no ACPI.
load helpers

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    "$ROOT/tests/guests/teach/build" "$BATS_FILE_TMPDIR"
}

# start_teach [NAME=VALUE...]: boot the kernel. teach: to its prompt.
start_teach() {
    cp "$BATS_FILE_TMPDIR/fs.img" "$T"
    chmod 666 "$T/fs.img"
    host_vm VM_GUEST=exov6 QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel" QEMU_DRIVE=none QEMU_DRIVE2="$T/fs.img" \
        QEMU_DRIVE2_FORMAT=raw "$@"
}

teach() {
    start_teach "$@"
    vm wait --timeout $((60 * PATIENCE))
}

said() {
    grep -qF -- "$1" "$T/out"
}

# typed LINE TEXT: type LINE and wait for TEXT.
typed() {
    vm send "$1" --enter
    vm expect --from start --timeout $((20 * PATIENCE)) "$2" >/dev/null
}

# ends STATUS SECONDS: vm run ends with this status, within this time on a machine of usual speed.
ends() {
    local began=$EPOCHREALTIME
    host_vm_exit $(($2 * PATIENCE))
    echo "ended after $began..$EPOCHREALTIME"
    assert_equal "$STATUS" "$1"
}

@test "two processors, the file system on the second disk, the shell, and a stop within a second" {
    teach QEMU_SMP=2
    console() { tr -d '\r' <"$T/log/console.log"; }
    for line in 'cpu1: starting' 'cpu0: starting' 'sb: size 2048 files 3' 'init: starting sh'; do
        console | grep -qxF "$line"
    done
    for phase in processors kernel file-system init; do said "phase $phase,"; done
    # The screen shows the same text: the first line is there until it scrolls.
    run -0 vm monitor 'xp /4hx 0xb8000'
    assert_output --partial '0x0774 0x0765 0x0761 0x0763'
    typed ls 'numbers 1492'
    typed 'cat hello' 'hello from disk 1'
    typed 'cat numbers' '^400'
    typed 'cat none' 'cannot open none'
    typed 'echo a  b' '^a  b'
    vm health
    # It has written nothing, so nothing is lost.
    kill -TERM "$VM_PID"
    ends 0 3
    said 'the guest has not enabled the power button: not waiting for it'
    refute said 'was cut off: what it had not written'
}

@test "its writes are on the disk after a stop within a second, with status 82" {
    teach
    typed 'save kept by the disk' '^saved'
    kill -TERM "$VM_PID"
    ends 82 3
    said 'the guest has not enabled the power button: not waiting for it'
    said 'the guest was cut off'
    run -0 dd if="$T/fs.img" bs=512 skip=2047 count=1 status=none
    assert_output --partial 'kept by the disk'
}

@test "generic: never ready, without ACPI, it is not waited for either" {
    start_teach VM_GUEST=generic QEMU_MACHINE=pc
    wait_until 60 test -S "$T/run/control.sock"
    vm expect --from start --timeout $((60 * PATIENCE)) '^[$][ ]' >/dev/null
    typed 'save written by a shell' '^saved'
    run -1 vm health
    assert_output --partial 'no login prompt on the serial console yet'
    kill -TERM "$VM_PID"
    ends 82 3
    said 'the guest has not enabled the power button: not waiting for it'
    said 'the guest was cut off'
    run -0 dd if="$T/fs.img" bs=512 skip=2047 count=1 status=none
    assert_output --partial 'written by a shell'
    # The 150 s of VM_STOP_TIMEOUT were not used up.
    jq -se 'map(select(.event == "stop")) | .[-1].ms - .[0].ms < 20000' "$T/log/events.jsonl"
}

@test "one processor; a panic is recognised" {
    teach
    refute grep -q 'cpu1: starting' "$T/log/console.log"
    vm send 'panic out of pages' --enter
    ends 80 20
    said 'cpu0: panic: out of pages'
}

@test "halted by its shell with interrupts off: unhealthy, and ended immediately; cut off if it has written" {
    teach
    typed halt halted
    run -1 vm health
    assert_output 'the guest is dead: every processor is halted with interrupts off'
    kill -TERM "$VM_PID"
    ends 0 3
    said 'the guest does not react and has written nothing to its disk: there is nothing to lose'
    refute said 'was cut off'
    teach
    typed 'save this' '^saved'
    typed halt halted
    run -1 vm health
    kill -TERM "$VM_PID"
    ends 82 3
    said 'was cut off'
}

@test "without its disk it panics, without a VGA card it faults: reported before it is ready" {
    host_vm VM_GUEST=exov6 QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel" QEMU_DRIVE=none
    ends 80 20
    said 'cpu0: panic: no disk 1'
    host_vm VM_GUEST=exov6 QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel" QEMU_DRIVE=none QEMU_VGA=none
    ends 80 20
    said 'triple fault'
}
