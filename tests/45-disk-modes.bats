# QEMU_DISK_MODE: writes go to the image, to an overlay that is kept, or to one that is deleted. The guest writes a
# boot counter (tests/guests/sector, COUNT) to its disk.
load helpers

teardown() {
    [ -z "${MOUNTED:-}" ] || umount -l "$MOUNTED"
    vm_teardown
}

setup_file() {
    chmod 755 "$BATS_FILE_TMPDIR"
    "$BATS_TEST_DIRNAME/guests/sector/build" COUNT "$BATS_FILE_TMPDIR/count.qcow2"
}

# A new image in F that has not been booted yet.
fresh() {
    mkdir -p "$T/images"
    F=$T/images/disk.qcow2
    cp "$BATS_FILE_TMPDIR/count.qcow2" "$F"
    chmod 666 "$F"
    chmod 777 "$T/images"
}

# counted N [NAME=VALUE...]: run the guest once; it reports boot number N.
counted() {
    boot "${@:2}"
    wait_until 30 grep -qa 'boot number' "$T/log/console.log"
    assert_equal "$(tr -d '\r' <"$T/log/console.log" | grep -ao 'boot number [0-9]*')" "boot number $1"
    end
}

boot() {
    rm -f "$T/log/console.log"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none VM_READY=running QEMU_DRIVE="$F" "$@"
}

# The guest does not react to a stop.
end() {
    run vm stop --now
    host_vm_exit 30
    assert_equal "$STATUS" 82
}

# refused STATUS TEXT [NAME=VALUE...]: a start with these settings is refused for this reason.
refused() {
    host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none VM_READY=running QEMU_DRIVE="$F" "${@:3}"
    run "${ENV[@]}" "$VM" run
    assert_failure "$1"
    assert_output --partial "$2"
}

sum() {
    sha256sum <"${1:-$F}"
}

@test "persistent: the guest writes to the image" {
    fresh
    counted 1
    counted 2 QEMU_DISK_MODE=persistent
    assert_equal "$(ls "$T/images")" disk.qcow2
}

@test "throwaway: every start begins with the unchanged image" {
    fresh
    before=$(sum)
    counted 1 QEMU_DISK_MODE=throwaway
    counted 1 QEMU_DISK_MODE=throwaway
    assert_equal "$(sum)" "$before"
    assert_equal "$(ls "$T/images")" disk.qcow2
    run find "$T" -maxdepth 1 -name 'vm-overlay*'
    assert_output ''
}

@test "overlay: kept across restarts, named, shown and reset; the base is unchanged" {
    fresh
    before=$(sum)
    counted 1 QEMU_DISK_MODE=overlay
    counted 2 QEMU_DISK_MODE=overlay
    run -0 qemu-img info --output=json "$F.overlay"
    assert_equal "$(jq -r '."backing-filename", ."backing-filename-format"' <<<"$output")" $'disk.qcow2\nqcow2'
    run -0 qemu-img check "$F.overlay"
    # Other overlays beside it; setting a name selects the mode overlay.
    counted 1 QEMU_OVERLAY=test
    counted 2 QEMU_OVERLAY=test
    counted 1 QEMU_OVERLAY="$T/elsewhere.qcow2"
    assert_equal "$(cd "$T/images" && ls)" $'disk.qcow2\ndisk.qcow2.overlay\ndisk.qcow2.test.overlay'
    [ -f "$T/elsewhere.qcow2" ]
    host_env QEMU_DRIVE="$F" QEMU_OVERLAY=test
    run -0 vm overlay
    assert_output --regexp "^$F.test.overlay: [0-9.]+ MiB\$"
    run -0 vm overlay reset
    assert_output --partial "$F.test.overlay is removed"
    run -0 vm overlay
    assert_output --partial "$F.test.overlay: does not exist yet"
    run -66 vm overlay reset
    assert_line "vm: error: there is no overlay $F.test.overlay"
    assert_line --partial 'fix: nothing needs to be reset'
    counted 1 QEMU_OVERLAY=test
    counted 3 QEMU_DISK_MODE=overlay
    assert_equal "$(sum)" "$before"
}

@test "an overlay belongs to one state of its base: after a change it is refused, unless VM_FORCE=1" {
    fresh
    counted 1 QEMU_DISK_MODE=overlay
    counted 1 QEMU_DISK_MODE=persistent
    before=$(sum "$F.overlay")
    refused 65 "$F.overlay was made for another state of $F: size and time of change were" QEMU_DISK_MODE=overlay
    assert_output --partial 'vm overlay reset; VM_FORCE=1 takes it as it is'
    assert_equal "$(sum "$F.overlay")" "$before"
    counted 2 QEMU_DISK_MODE=overlay VM_FORCE=1
    host_env QEMU_DRIVE="$F" QEMU_DISK_MODE=overlay
    run -0 vm overlay reset
    counted 2 QEMU_DISK_MODE=overlay
    # An overlay created by another program does not record the state of its base.
    rm "$F.overlay"
    (cd "$T/images" && qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 disk.qcow2.overlay)
    chmod 666 "$F.overlay"
    refused 65 "$F.overlay was not made by this program for $F" QEMU_DISK_MODE=overlay
}

@test "the base may be a read-only file, a raw disk, or on a read-only mount" {
    fresh
    chmod 444 "$F"
    counted 1 QEMU_DISK_MODE=overlay
    counted 2 QEMU_DISK_MODE=overlay

    qemu-img convert -O raw "$BATS_FILE_TMPDIR/count.qcow2" "$T/images/raw.img"
    F=$T/images/raw.img
    chmod 444 "$F"
    before=$(sum)
    counted 1 QEMU_DISK_MODE=overlay QEMU_DRIVE_FORMAT=raw
    counted 2 QEMU_DISK_MODE=overlay QEMU_DRIVE_FORMAT=raw
    assert_equal "$(sum)" "$before"
    assert_equal "$(qemu-img info --output=json "$F.overlay" | jq -r '."backing-filename-format"')" raw

    mkdir "$T/ro"
    cp "$BATS_FILE_TMPDIR/count.qcow2" "$T/ro/disk.qcow2"
    mount --bind "$T/ro" "$T/ro"
    MOUNTED=$T/ro
    mount -o remount,bind,ro "$T/ro"
    F=$T/ro/disk.qcow2
    refused 77 'QEMU_DISK_MODE=overlay in ' QEMU_DISK_MODE=overlay
    assert_output --partial 'QEMU_OVERLAY=/path'
    counted 1 QEMU_OVERLAY="$T/images/over-ro.qcow2"
    counted 2 QEMU_OVERLAY="$T/images/over-ro.qcow2"
}

@test "a full directory: no overlay, and no incomplete file" {
    mkdir "$T/small"
    mount -t tmpfs -o size=1m,mode=777 none "$T/small"
    MOUNTED=$T/small
    F=$T/small/disk.qcow2
    cp "$BATS_FILE_TMPDIR/count.qcow2" "$F"
    chmod 666 "$F"
    dd if=/dev/zero of="$T/small/rest" bs=4k 2>/dev/null || :
    refused 77 "QEMU_DISK_MODE=overlay in $T/small/: no overlay can be created there: No space left on device" \
        QEMU_DISK_MODE=overlay
    assert_output --partial 'fix: make room there'
    assert_equal "$(cd "$T/small" && ls -A)" $'disk.qcow2\nrest'
}

@test "an overlay can be used by one guest at a time, a base by any number" {
    fresh
    boot QEMU_DISK_MODE=overlay
    wait_until 30 grep -qa 'boot number 1' "$T/log/console.log"
    first=("${ENV[@]}")
    refused 65 "$F.overlay is in use by another process: " QEMU_DISK_MODE=overlay VM_RUN_DIR="$T/run2" VM_LOG_DIR="$T/log2"
    run env QEMU_DRIVE="$F" QEMU_DISK_MODE=overlay "$VM" overlay reset
    assert_failure 65
    assert_output --partial 'is in use by another process'
    boot QEMU_OVERLAY=second VM_RUN_DIR="$T/run2" VM_LOG_DIR="$T/log2"
    wait_until 30 grep -qa 'boot number 1' "$T/log2/console.log"
    end
    run "${first[@]}" "$VM" stop --now
    host_vm_exit
}

@test "eight containers from one base at once: it is unchanged, and each needs less than 1 MiB" {
    mkdir -p "$T/images"
    F=$T/images/base.qcow2
    cp "$MACH_MINI" "$F"
    chmod 444 "$F"
    before=$(sum)
    for n in 1 2 3 4 5 6 7 8; do
        mkdir -m 777 "$T/tmp$n"
        container "n$n" "${SAFE[@]}" --tmpfs /var/log/qemu -v "$T/images:/opt/hurd-image:ro" -v "$T/tmp$n:/disk" \
            -e VM_GUEST=mach -e QEMU_RAM=64 -e QEMU_OVERLAY=/disk/overlay.qcow2
    done
    for n in 1 2 3 4 5 6 7 8; do
        container_ready "$ID-n$n"
        run -0 docker exec "$ID-n$n" vm exec echo "number $n"
        assert_output "number $n"
        [ "$(du -sk "$T/tmp$n" | cut -f 1)" -le 1024 ]
    done
    assert_equal "$(sum)" "$before"
}
