# QEMU_DRIVE2: a second disk, opened and checked as the first; and files that QEMU's user may not open.
load helpers

# shellcheck disable=SC2016 # for the guest's shell. Its disk of 64 MiB (131072 sectors), whatever it calls that.
SECOND='for d in /sys/block/sd*; do if [ "$(cat $d/size)" = 131072 ]; then break; fi; done; cat $d/size; d=/dev/${d##*/}'

disks() {
    cp "$GUESTS/linux.qcow2" "$T/images/linux.qcow2"
    qemu-img create -q -f qcow2 "$T/images/data.qcow2" 64M
    chmod 600 "$T/images"/*.qcow2 # the user's own: PID 1 opens them
}

# linux SETTINGS...: the Linux guest with both.
linux() {
    mkdir -p "$T/images"
    [ -e "$T/images/data.qcow2" ] || disks
    host_vm VM_GUEST=linux QEMU_RAM=256 QEMU_DRIVE="$T/images/linux.qcow2" \
        QEMU_DRIVE2="$T/images/data.qcow2" "$@"
    vm wait --timeout $((90 * PATIENCE))
}

@test "the guest has a second disk, and what it writes is there at the next start" {
    linux
    grep -q "second disk: $T/images/data.qcow2, 0.1 GiB, persistent" "$T/out"
    run -0 vm exec "$SECOND; echo keptonthesecond | dd of=\$d conv=fsync 2>/dev/null"
    assert_output 131072
    # As for the first: no other guest gets it.
    run -65 "${ENV[@]}" VM_RUN_DIR="$T/other" QEMU_DISK_MODE=persistent QEMU_DRIVE= "$VM" check
    assert_output --partial "$T/images/data.qcow2 is in use by another process"
    for command in 'snapshot save one' warm; do
        # shellcheck disable=SC2086
        run ! vm $command
        assert_output --partial 'and this guest has a second'
    done
    run -0 vm stop
    linux QEMU_DISK_MODE=throwaway
    run -0 vm exec "$SECOND; head -n 1 \$d; echo thrownaway | dd of=\$d conv=fsync 2>/dev/null"
    assert_output $'131072\nkeptonthesecond'
    run -0 vm stop
    run -0 qemu-io -r -c 'read -v 0 32' "$T/images/data.qcow2"
    assert_output --partial 'keptonthesecond'
}

@test "with QEMU_DISK_MODE=overlay each disk has its own, and vm overlay reset ends both" {
    linux QEMU_DISK_MODE=overlay QEMU_OVERLAY="$T/images/first.overlay"
    run -0 vm exec "$SECOND; echo intheoverlay | dd of=\$d conv=fsync 2>/dev/null"
    run -0 vm stop
    [ -e "$T/images/first.overlay" ]
    run -0 qemu-io -r -c 'read -v 0 16' "$T/images/data.qcow2.overlay"
    assert_output --partial 'intheoverlay'
    run -0 vm overlay reset
    assert_output --partial 'data.qcow2.overlay is removed'
    run ! ls "$T/images/first.overlay" "$T/images/data.qcow2.overlay"
    assert_output --regexp 'first.overlay.*
.*data.qcow2.overlay'
}

@test "a second disk is refused as a first would be" {
    host_env
    disks
    local first="QEMU_DRIVE=$T/images/linux.qcow2"
    run -66 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/none" "$VM" check
    assert_line "vm: error: $T/none: there is no such file"
    run -78 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/linux.qcow2" "$VM" check
    assert_line "vm: error: QEMU_DRIVE2=$T/images/linux.qcow2 is a part of the first disk too"
    run -0 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/linux.qcow2" QEMU_DISK_MODE=throwaway "$VM" check
    truncate -s 256K "$T/images/data.qcow2"
    run -65 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/data.qcow2" QEMU_DRIVE2_FORMAT=raw "$VM" check
    assert_line --partial 'data.qcow2 is no raw disk, but a qcow2 image'
    for setting in VM_STOP=suspend VM_WARM=1; do
        run -78 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/data.qcow2" "$setting" "$VM" check
        assert_line --partial "with $setting: a saved state contains the first disk only"
    done
}

@test "a file of QEMU_EXTRA_ARGS that QEMU's user may not open is named, with that user" {
    mkdir "$T/images"
    qemu-img create -q -f qcow2 "$T/images/data.disk" 64M
    chmod 600 "$T/images/data.disk"
    host_vm QEMU_EXTRA_ARGS="-drive file=$T/images/data.disk,format=qcow2,if=none,id=d2 -device ide-hd,drive=d2,bus=ide.2"
    host_vm_exit
    # shellcheck disable=SC2153 # host_vm_exit sets it
    assert_equal "$STATUS" 69
    grep -qF "vm:   fix: QEMU runs as user 65534:65534 (VM_UID, VM_GID), who may not read and write $T/images/data.disk, which QEMU_EXTRA_ARGS names: chmod a+rw, or for a second disk QEMU_DRIVE2" "$T/out"
}
