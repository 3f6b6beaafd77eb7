# The state of a disk after a power cut, and the messages of guests that cannot write to it (47-fsck.bats tests the
# repair itself).
load helpers

DIRTY=$BATS_TEST_DIRNAME/dirty-disk

said() { grep -qF -- "$1" "$T/out"; }

in_use() { ! vm check; }

# The file system as the guest sees it, copied to $T/fs.
file_system() {
    qemu-img convert -f "$FORMAT" -O raw "$F" "$T/all.raw"
    "$DIRTY" fs "$T/all.raw" "$T/fs"
}

# A linux guest with the Hurd's file system as /data.
linux() {
    mkdir -p "$T/images"
    host_vm VM_GUEST=linux QEMU_RAM=256 QEMU_NET=none QEMU_ACCEL=tcg QEMU_KERNEL="$GUESTS/linux-vmlinuz" \
        QEMU_INITRD="$GUESTS/linux-initrd" QEMU_APPEND='console=ttyS0 no_timer_check quiet' \
        QEMU_DRIVE="$T/images/data.qcow2" "$@"
    vm wait --timeout $((90 * PATIENCE))
}

data_disk() {
    mkdir -p "$T/images"
    "$DIRTY" make "$T/data.raw" labelled
    qemu-img convert -O qcow2 "$T/data.raw" "$T/images/data.qcow2"
    chmod 666 "$T/images/data.qcow2"
    chmod 777 "$T/images"
    F=$T/images/data.qcow2 FORMAT=qcow2
}

@test "a power cut while the guest writes: the next start repairs the disk, and synced data is intact" {
    data_disk
    linux
    run -0 vm exec 'cd /data && for i in 1 2 3; do head -c 100000 /dev/urandom >kept$i; done && sha256sum kept* >sums && sync && cat sums'
    sums=$output
    # Files that only grow: a power cut while directories change can leave what e2fsck -p does not repair (47-fsck.bats).
    vm exec 'cd /data && for i in 1 2 3 4 5 6 7 8; do : >grows$i; done && sync'
    vm exec 'cd /data; while :; do for i in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/urandom >>grows$i; done; sync & done' >/dev/null 2>&1 3>&- &
    PIDS+=("$!")
    wait_until 20 eval '[ "$(qemu-img info -U --output=json "$F" | jq ".\"actual-size\"")" -gt 1000000 ]'
    sleep 1
    kill -KILL "$VM_PID"
    wait_until 10 process_is_gone "$VM_PID"
    wait_until 10 eval '! in_use'
    linux
    said 'partition 1 (ext2, GNU/Hurd) is clean now'
    run -0 vm exec 'cd /data && sha256sum -c sums >/dev/null && cat sums && touch written && sync && ls written'
    assert_output "$sums"$'\nwritten'
    run -0 vm health
    run -0 vm stop
    assert_equal "$(file_system && e2fsck -fn "$T/fs" >/dev/null && echo fine)" fine
}

@test "a guest that finds an error mounts read-only: health, status and log report it; a start repairs it" {
    data_disk
    linux
    run -0 vm health
    run -0 vm exec 'mount -o remount,errors=remount-ro /data && echo made-up >/sys/fs/ext4/sda1/trigger_fs_error'
    wait_until 20 grep -q 'the guest says: read-only' "$T/out"
    said 'hint: nothing can be written in the guest: stop and start it (VM_FSCK=auto repairs the disk)'
    run -1 vm health
    assert_output --partial "the guest's root file system is read-only: it was not unmounted cleanly, or is damaged"
    run -0 vm status
    assert_output --partial "the guest's root file system is read-only"
    run vm stop
    linux
    said 'partition 1 (ext2, GNU/Hurd)'
    said 'is clean now'
    run -0 vm health
    run -0 vm stop
}

@test "a Hurd with a read-only root is reported, and is healthy again after it has checked its disk" {
    host_env
    "$VM" markers hurd >"$T/hurd.markers"
    start_guest VM_MARKERS="$T/hurd.markers"
    run -0 vm health
    # The messages of ext2fs (hyper.c), which GNU Mach's shell prints here.
    run -0 "$ROOT/tests/peer" "$PORT" 'machsh# ' 'echo "ext2fs: part:2:device:wd0: warning: FILESYSTEM NOT UNMOUNTED CLEANLY; PLEASE fsck"\r'
    wait_until 20 grep -q 'the guest says: unclean-file-system' "$T/out"
    run -0 vm health
    run -0 "$ROOT/tests/peer" "$PORT" 'machsh# ' 'echo "ext2fs: part:2:device:wd0: warning: MOUNTED READ-ONLY; MUST USE `fsysopts --writable"\r'
    wait_until 20 grep -q 'the guest says: read-only' "$T/out"
    run -1 vm health
    assert_output --partial "the guest's root file system is read-only"
    run -0 "$ROOT/tests/peer" "$PORT" 'machsh# ' 'echo Checking root file system...\r'
    wait_until 20 vm health
    run -0 vm stop
}
