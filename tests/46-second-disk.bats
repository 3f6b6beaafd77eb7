# Disks beside the first (QEMU_DRIVE2 to 4, QEMU_FLOPPY), opened and checked like the first; and files that QEMU's
# user cannot open.
load helpers

# shellcheck disable=SC2016 # for the guest's shell. Its disk of 64 MiB (131072 sectors), whatever it calls that.
SECOND='for d in /sys/block/sd*; do if [ "$(cat $d/size)" = 131072 ]; then break; fi; done; cat $d/size; d=/dev/${d##*/}'

disks() {
    cp "$GUESTS/linux.qcow2" "$T/images/linux.qcow2"
    qemu-img create -q -f qcow2 "$T/images/data.qcow2" 64M
    chmod 600 "$T/images"/*.qcow2 # of another user: PID 1 opens them
}

# linux SETTINGS...: the Linux guest with both disks.
linux() {
    mkdir -p "$T/images"
    [ -e "$T/images/data.qcow2" ] || disks
    host_vm VM_GUEST=linux QEMU_RAM=256 QEMU_DRIVE="$T/images/linux.qcow2" \
        QEMU_DRIVE2="$T/images/data.qcow2" "$@"
    vm wait --timeout $((90 * PATIENCE))
}

@test "the guest has a second disk, and its writes are there at the next start" {
    linux
    grep -q "second disk: $T/images/data.qcow2, 0.1 GiB, persistent" "$T/out"
    run -0 vm exec "$SECOND; echo keptonthesecond | dd of=\$d conv=fsync 2>/dev/null"
    assert_output 131072
    # As with the first disk, no other guest can use it.
    run -65 "${ENV[@]}" VM_RUN_DIR="$T/other" QEMU_DISK_MODE=persistent QEMU_DRIVE= "$VM" check
    assert_output --partial "$T/images/data.qcow2 is in use by another process"
    for command in 'snapshot save one' warm; do
        # shellcheck disable=SC2086
        run ! vm $command
        assert_output --partial 'and this guest has more'
    done
    run -0 vm stop
    linux QEMU_DISK_MODE=throwaway
    run -0 vm exec "$SECOND; head -n 1 \$d; echo thrownaway | dd of=\$d conv=fsync 2>/dev/null"
    assert_output $'131072\nkeptonthesecond'
    run -0 vm stop
    run -0 qemu-io -r -c 'read -v 0 32' "$T/images/data.qcow2"
    assert_output --partial 'keptonthesecond'
}

@test "with QEMU_DISK_MODE=overlay each disk has its own overlay, and vm overlay reset deletes both" {
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

@test "a second disk is checked and refused like the first" {
    host_env
    disks
    local first="QEMU_DRIVE=$T/images/linux.qcow2"
    run -66 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/none" "$VM" check
    assert_line "vm: error: $T/none: the file does not exist"
    run -78 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/linux.qcow2" "$VM" check
    assert_line "vm: error: QEMU_DRIVE2=$T/images/linux.qcow2 is also part of the first disk"
    run -0 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/linux.qcow2" QEMU_DISK_MODE=throwaway "$VM" check
    truncate -s 256K "$T/images/data.qcow2"
    run -65 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/data.qcow2" QEMU_DRIVE2_FORMAT=raw "$VM" check
    assert_line --partial 'data.qcow2 is not a raw disk, but a qcow2 image'
    for setting in VM_STOP=suspend VM_WARM=1; do
        run -78 "${ENV[@]}" "$first" QEMU_DRIVE2="$T/images/data.qcow2" "$setting" "$VM" check
        assert_line --partial "with $setting: a saved state contains the first disk only"
    done
}

@test "four disks and two CD-ROMs: the guest reads each" {
    mkdir "$T/images"
    disks
    qemu-img create -q -f qcow2 "$T/images/third.qcow2" 32M
    qemu-io -c 'write -P 0x33 0 512' "$T/images/third.qcow2" >"$T/log3"
    head -c 16M /dev/zero | tr '\0' 4 >"$T/images/fourth.raw"
    mkdir "$T/cd" "$T/seed"
    echo 'on the first CD-ROM' >"$T/cd/file"
    echo 'instance-id: seeded' >"$T/seed/meta-data"
    xorriso -as mkisofs -quiet -o "$T/images/cd.iso" "$T/cd"
    xorriso -as mkisofs -quiet -V cidata -J -r -o "$T/images/seed.iso" "$T/seed"
    linux QEMU_DRIVE3="$T/images/third.qcow2" QEMU_DRIVE4="$T/images/fourth.raw" QEMU_DRIVE4_FORMAT=raw \
        QEMU_CDROM="$T/images/cd.iso" QEMU_CDROM2="$T/images/seed.iso"
    grep -qF "fourth disk: $T/images/fourth.raw, 16.0 MiB, persistent" "$T/out"
    # Linux probes all ports at once, so the names may be in another order.
    # shellcheck disable=SC2016
    run -0 vm exec 'for d in /sys/block/sd[b-d]; do echo $(cat $d/size) $(head -c 1 /dev/${d##*/} | od -An -tx1); done | sort -n'
    assert_output $'32768 34\n65536 33\n131072 00'
    # shellcheck disable=SC2016
    run -0 vm exec 'for d in /sys/block/sd[b-d]; do [ $(cat $d/size) != 32768 ] || echo onthefourth | dd of=/dev/${d##*/} conv=fsync 2>/dev/null; done'
    # shellcheck disable=SC2016
    run -0 vm exec 'mkdir /tmp/cd; for d in /dev/sr0 /dev/sr1; do mount -t iso9660 -o ro $d /tmp/cd && cat /tmp/cd/*; umount /tmp/cd; done | sort'
    assert_output $'instance-id: seeded\non the first CD-ROM'
    run ! vm snapshot save one
    assert_output --partial 'and this guest has more; start without QEMU_DRIVE2, 3, 4 and QEMU_FLOPPY'
    run -0 vm stop
    assert_equal "$(head -n 1 "$T/images/fourth.raw" | tr -d 4)" onthefourth
}

@test "a floppy boots if there is no disk, and is written to as QEMU_DISK_MODE says" {
    mkdir "$T/images"
    "$ROOT/tests/guests/sector/build" COUNT "$T/images/floppy.img"
    chmod 666 "$T/images/floppy.img"
    floppy() {
        host_vm VM_GUEST=generic QEMU_RAM=32 QEMU_NET=none VM_READY=running QEMU_FLOPPY="$T/images/floppy.img" \
            CONSOLE_STDOUT=1 VM_STOP_TIMEOUT=1 "$@"
        wait_until 30 grep -aq "boot number $COUNT" "$T/out"
        kill -TERM "$VM_PID"
        host_vm_exit 30
    }
    COUNT=1 floppy
    grep -qF "floppy: $T/images/floppy.img, 1.4 MiB, persistent" "$T/out"
    grep -qF "boot: firmware: it boots the floppy disk $T/images/floppy.img" "$T/out"
    refute grep -q 'nothing to lose' "$T/out"
    COUNT=2 floppy QEMU_MACHINE=pc QEMU_DISK_MODE=throwaway
    COUNT=2 floppy QEMU_MACHINE=isapc
    COUNT=3 floppy QEMU_DISK_MODE=overlay
    COUNT=4 floppy QEMU_DISK_MODE=overlay
    run -0 qemu-io -r -f raw -c 'read -v 512 1' "$T/images/floppy.img"
    assert_output --partial '00000200:  02'
    [ -e "$T/images/floppy.img.overlay" ]
    # With a disk, the disk boots unless the boot order says otherwise.
    "$ROOT/tests/guests/sector/build" COUNT "$T/images/disk.qcow2"
    chmod 666 "$T/images/disk.qcow2"
    COUNT=1 floppy QEMU_DRIVE="$T/images/disk.qcow2" QEMU_DISK_MODE=throwaway
    COUNT=3 floppy QEMU_DRIVE="$T/images/disk.qcow2" QEMU_DISK_MODE=throwaway QEMU_BOOT_ORDER=ac
}

@test "a warm state depends on the second CD-ROM too; a seed ISO beside the images is not taken for a guest" {
    mkdir "$T/images" "$T/seed"
    echo 'instance-id: one' >"$T/seed/meta-data"
    xorriso -as mkisofs -quiet -V cidata -o "$T/images/seed.iso" "$T/seed"
    host_vm VM_WARM=1 QEMU_CDROM2="$T/images/seed.iso"
    wait_until 60 grep -q 'warm state saved in' "$T/out"
    run -1 grep -F 'seed.iso' "$T/out"
    run -0 vm stop
    host_vm_exit
    host_vm VM_WARM=1 QEMU_CDROM2="$T/images/seed.iso"
    wait_until 60 grep -q 'ready: ' "$T/out"
    grep -q 'resumed' "$T/out"
    run -0 vm stop
    host_vm_exit
    touch "$T/images/seed.iso"
    run -0 vm check
    assert_output --partial 'is not resumed'
}

@test "files that are not a floppy, CD-ROM or raw disk, and too many disks: each error has its fix" {
    host_env VM_GUEST=generic
    disks
    truncate -s 512 "$T/images/boot"
    run -65 "${ENV[@]}" QEMU_FLOPPY="$T/images/boot" "$VM" check
    assert_line "vm: error: QEMU_FLOPPY=$T/images/boot has 512 bytes, and floppies have 360, 720, 1200, 1440 or 2880 KiB"
    assert_line "vm:   fix: fill a copy up to a floppy's size: truncate -s 1440K FILE"
    run -65 "${ENV[@]}" QEMU_FLOPPY="$T/images/data.qcow2" "$VM" check
    assert_line --partial 'data.qcow2 is not a raw disk, but a qcow2 image'
    "$ROOT/tests/guests/sector/build" IDLE "$T/images/floppy.img"
    chmod 666 "$T/images/floppy.img"
    run -0 "${ENV[@]}" QEMU_DRIVE="$T/images/floppy.img" QEMU_DRIVE_FORMAT=raw "$VM" check
    assert_line --partial "QEMU_DRIVE=$T/images/floppy.img has the size of a floppy; to use it as one, name it in QEMU_FLOPPY"
    run -78 "${ENV[@]}" QEMU_BOOT_ORDER=a QEMU_DRIVE="$T/images/data.qcow2" "$VM" check
    assert_line 'vm: error: QEMU_BOOT_ORDER=a and there is no floppy'
    for setting in QEMU_CDROM QEMU_CDROM2; do
        run -65 "${ENV[@]}" QEMU_DRIVE="$T/images/linux.qcow2" "$setting=$T/images/floppy.img" "$VM" check
        assert_line "vm: error: $T/images/floppy.img is not a CD-ROM image: it contains no ISO 9660, UDF or El Torito, but a boot sector"
        assert_line 'vm:   fix: set QEMU_CDROM to an ISO image; a disk goes to QEMU_DRIVE, a floppy to QEMU_FLOPPY; VM_FORCE=1 takes it all the same'
    done
    run -0 "${ENV[@]}" QEMU_CDROM="$T/images/floppy.img" VM_FORCE=1 "$VM" check
    truncate -s 1000 "$T/images/boot"
    chmod 666 "$T/images/boot"
    run -65 "${ENV[@]}" QEMU_DRIVE="$T/images/boot" QEMU_DRIVE_FORMAT=raw "$VM" check
    assert_line "vm: error: $T/images/boot has 1000 bytes, and a raw disk has a multiple of 512"
    assert_line 'vm:   fix: get it again if it was truncated; if it is whole, fill its last sector with zeros: truncate -s %512 FILE'
    truncate -s %512 "$T/images/boot"
    run -0 "${ENV[@]}" QEMU_DRIVE="$T/images/boot" QEMU_DRIVE_FORMAT=raw "$VM" check
    run -78 "${ENV[@]}" QEMU_DRIVE="$T/images/linux.qcow2" QEMU_MACHINE=pc QEMU_DRIVE2=/a QEMU_DRIVE3=/b \
        QEMU_DRIVE4=/c QEMU_CDROM2=/d "$VM" check
    assert_line 'vm: error: QEMU_DISK_BUS=ide has 4 places, and there are 5 disks and CD-ROMs (with that of VM_SHARE=disk)'
    for setting in QEMU_DRIVE3 QEMU_DRIVE4 QEMU_FLOPPY; do
        run -78 "${ENV[@]}" "$setting=$T/images/linux.qcow2" VM_STOP=suspend "$VM" check
        assert_line "vm: error: $setting=$T/images/linux.qcow2 with VM_STOP=suspend: a saved state contains the first disk only"
    done
    run -78 "${ENV[@]}" QEMU_DRIVE="$T/images/linux.qcow2" QEMU_DRIVE3="$T/images/data.qcow2" \
        QEMU_DRIVE4="$T/images/data.qcow2" "$VM" check
    assert_line "vm: error: QEMU_DRIVE4=$T/images/data.qcow2 is also part of the third disk"
}

@test "a file in QEMU_EXTRA_ARGS that QEMU's user cannot open is reported with that user" {
    mkdir "$T/images"
    qemu-img create -q -f qcow2 "$T/images/data.disk" 64M
    chmod 600 "$T/images/data.disk"
    host_vm QEMU_EXTRA_ARGS="-drive file=$T/images/data.disk,format=qcow2,if=none,id=d2 -device ide-hd,drive=d2,bus=ide.2"
    host_vm_exit
    # shellcheck disable=SC2153 # host_vm_exit sets it
    assert_equal "$STATUS" 69
    grep -qF "vm:   fix: QEMU runs as user 65534:65534 (VM_UID, VM_GID), which may not read and write $T/images/data.disk, which QEMU_EXTRA_ARGS names: chmod a+rw, or name it in QEMU_DRIVE2, QEMU_CDROM or QEMU_FLOPPY" "$T/out"
}
