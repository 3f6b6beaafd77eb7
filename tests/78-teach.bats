# A teaching kernel of xv6's shape (tests/guests/teach): 32-bit, multiboot, a VGA card that it does not
# look for, processors by the MP table, its file system on the second IDE disk, no ACPI.
load helpers

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    "$ROOT/tests/guests/teach/build" "$BATS_FILE_TMPDIR"
}

# teach [NAME=VALUE...]: the kernel, up to its prompt.
teach() {
    cp "$BATS_FILE_TMPDIR/fs.img" "$T"
    chmod 666 "$T/fs.img"
    host_vm VM_GUEST=exov6 QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel" QEMU_DRIVE=none QEMU_DRIVE2="$T/fs.img" \
        QEMU_DRIVE2_FORMAT=raw "$@"
    vm wait --timeout $((60 * PATIENCE))
}

said() {
    grep -qF -- "$1" "$T/out"
}

# typed LINE TEXT: TEXT comes after LINE was typed.
typed() {
    vm send "$1" --enter
    vm expect --from start --timeout $((20 * PATIENCE)) "$2" >/dev/null
}

# ends STATUS SECONDS: it has, within as many on a machine of usual speed.
ends() {
    local began=$EPOCHREALTIME
    host_vm_exit $(($2 * PATIENCE))
    echo "ended after $began..$EPOCHREALTIME"
    assert_equal "$STATUS" "$1"
}

@test "two processors, the file system of disk 1, the shell, and a stop in a second" {
    teach QEMU_SMP=2
    console() { tr -d '\r' <"$T/log/console.log"; }
    for line in 'cpu1: starting' 'cpu0: starting' 'sb: size 2048 files 3' 'init: starting sh'; do
        console | grep -qxF "$line"
    done
    for phase in processors kernel file-system init; do said "phase $phase,"; done
    # The screen has it as well: its first line is there, until it scrolls.
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
    said 'the guest has not enabled the power button: it is not waited for'
    refute said 'was cut off: what it had not written'
}

@test "what it writes is on the disk after a stop in a second, with status 82" {
    teach
    typed 'save kept by the disk' '^saved'
    kill -TERM "$VM_PID"
    ends 82 3
    said 'the guest has not enabled the power button: it is not waited for'
    said 'the guest was cut off'
    run -0 dd if="$T/fs.img" bs=512 skip=2047 count=1 status=none
    assert_output --partial 'kept by the disk'
}

@test "one processor; a panic is one" {
    teach
    refute grep -q 'cpu1: starting' "$T/log/console.log"
    vm send 'panic out of pages' --enter
    ends 80 20
    said 'cpu0: panic: out of pages'
}

@test "halted by its shell with interrupts off: unhealthy, and cut off at once" {
    teach
    typed halt halted
    run -1 vm health
    assert_output 'the guest is dead: every processor is halted with interrupts off'
    kill -TERM "$VM_PID"
    ends 82 3
}

@test "without its disk it panics, without a VGA card it faults: told before ready" {
    host_vm VM_GUEST=exov6 QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel" QEMU_DRIVE=none
    ends 80 20
    said 'cpu0: panic: no disk 1'
    host_vm VM_GUEST=exov6 QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel" QEMU_DRIVE=none QEMU_VGA=none
    ends 80 20
    said 'triple fault'
}
