# Untrusted files never stop PID 1: images made to stall their parsers, pipes in place of files, and the child that
# parses them (init/host/confined.c). Processor time is limited by prlimit: all of `vm check` gets 4 s.
load helpers

setup_file() {
    "$ROOT/tests/stalling-images" "$BATS_FILE_TMPDIR"
}

check() {
    host_env "$@"
    run "${ENV[@]}" prlimit --cpu=4 timeout $((60 * PATIENCE)) "$VM" check
}

@test "images made to stall their parsers are answered in time" {
    local d=$BATS_FILE_TMPDIR
    check QEMU_DRIVE="$d/one-l2.qcow2"
    assert_success
    check QEMU_DRIVE="$d/many-l2.qcow2"
    # A fast machine parses all of them within its second.
    [ "$status" -eq 0 ] || {
        assert_failure 65
        assert_output --partial "$d/many-l2.qcow2: checking it takes more than 1 s of processor time"
    }
    check QEMU_DRIVE="$d/bitmaps.qcow2"
    assert_failure 65
    assert_output --partial 'the tables of its bitmaps have more than 64 MiB'
    check QEMU_DRIVE="$d/one-table.qcow2"
    assert_failure 65
    assert_output --partial 'entry 0 of the bitmap directory is broken'
    check QEMU_DRIVE="$d/same-name.qcow2"
    assert_failure 65
    assert_output --partial 'two of its bitmaps have the same name'
    check QEMU_DRIVE="$d/many-l2.qcow2" VM_FORCE=1
    assert_success
}

@test "a pipe in place of any file is refused immediately" {
    local setting more
    mkfifo "$T/pipe"
    for setting in QEMU_DRIVE QEMU_DRIVE4 QEMU_CDROM QEMU_CDROM2 QEMU_FLOPPY QEMU_KERNEL QEMU_BIOS VM_TRACE VM_MARKERS \
        SERIAL_PASSWORD_FILE MONITOR_PASSWORD_FILE VNC_PASSWORD_FILE; do
        more=X=
        [ $setting != VNC_PASSWORD_FILE ] || more=ENABLE_VNC=1
        check "$setting=$T/pipe" "$more"
        assert_failure 66
        assert_output --partial "$T/pipe"
        assert_output --regexp 'no regular file|neither a file nor a block device'
    done
    check QEMU_KERNEL="$GUESTS/linux-vmlinuz" QEMU_INITRD="$T/pipe"
    assert_failure 66
    assert_output --partial "QEMU_INITRD=$T/pipe is no regular file"
}

@test "a pipe as the manifest, memory or disk of a state causes a cold start" {
    local part state=$T/images/state/mach-mini.qcow2.warm
    host_vm VM_WARM=1
    wait_until 60 grep -q 'warm state saved in' "$T/out"
    run -0 vm stop
    host_vm_exit
    for part in overlay-0 memory manifest.json; do
        rm "$state/$part"
        mkfifo "$state/$part"
        check VM_WARM=1
        assert_success
        assert_output --regexp "mach-mini.qcow2.warm is not resumed: .*$part: it is no regular file"
    done
}

# A child that was about to end may have ended, and is not the parser any more.
stands_still() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -q '^State:.T' "/proc/$1/status" 2>/dev/null && return
        sleep 0.02
    done
    return 1
}

# reader: the child that parses the image of VM_PID, stopped after it has been confined; its pid is in READER.
reader() {
    READER=$(pgrep -P "$VM_PID" | head -n 1)
    [ -n "$READER" ] && grep -q '^Seccomp:.2' "/proc/$READER/status" && kill -STOP "$READER" &&
        stands_still "$READER"
}

@test "the process that parses an image has no privileges, and SIGTERM during that ends the start with status 0" {
    host_vm QEMU_DRIVE="$BATS_FILE_TMPDIR/many-l2.qcow2"
    wait_until 10 reader
    local s=/proc/$READER/status
    run -0 sed -n 's/^\(Uid\|Gid\|CapEff\|CapPrm\|CapBnd\|NoNewPrivs\|Groups\):[[:space:]]*//p' "$s"
    assert_output "$(printf '65534\t65534\t65534\t65534\n65534\t65534\t65534\t65534\n \n%016d\n%016d\n%016d\n1' 0 0 0 | sed 's/^ $//')"
    run -0 sed -n 's/^Max \(cpu time\|open files\|core file size\|file size\) *\([0-9]*\) *\([0-9]*\) .*/\1 \2 \3/p' "/proc/$READER/limits"
    assert_output $'cpu time 1 2\nfile size 0 0\ncore file size 0 0\nopen files 0 0'
    run -0 ls "/proc/$READER/fd"
    assert_output $'0\n1'
    kill -TERM "$VM_PID"
    host_vm_exit 20
    assert_equal "$STATUS" 0
    grep -q 'many-l2.qcow2: stopped while it was checked' "$T/out"
    wait_until 10 process_is_gone "$READER"
}

@test "a parser that crashes is an error of the image: status 65" {
    host_vm QEMU_DRIVE="$BATS_FILE_TMPDIR/many-l2.qcow2"
    wait_until 10 reader
    kill -SEGV "$READER"
    kill -CONT "$READER"
    host_vm_exit 20
    assert_equal "$STATUS" 65
    grep -q 'many-l2.qcow2: the process that checks it crashed (Segmentation fault)' "$T/out"
}
