# The checks of disk images as a user sees them: for each invalid image the exact message, fix and exit status;
# every valid image is accepted; and no image is changed by a check. (40-qcow2.bats has the fields of qcow2.)
load helpers
load images

teardown() {
    local dir
    for dir in "${MOUNTS[@]}"; do umount "$dir"; done
    vm_teardown
    [ -z "$LOOP" ] || losetup -d "$LOOP"
}

@test "other image formats are named in the error" {
    fresh
    local qcow2=$F format name
    F=$T/images/other
    while read -r format name; do
        qemu-img convert -f qcow2 -O "$format" "$qcow2" "$F"
        refused 65 "$F is not a qcow2 image, but $name" "$CONVERT"
    done <<END
vmdk a VMDK image
vdi a VDI image
vhdx a VHDX image
vpc a VHD image
qed a QED image
parallels a Parallels image
END
    qemu-img create -q -f vpc -o subformat=fixed,force_size=on "$F" 4M
    refused 65 "$F is not a qcow2 image, but a VHD image" "$CONVERT"
    qemu-img convert -f qcow2 -O qcow "$qcow2" "$F"
    refused 65 "$F is a qcow image of version 1; 2 and 3 can be used" "$TRUST"
    # qemu-img measures its key derivation by the thread's CPU time and gives up if the kernel's clock did not
    # advance between two readings (crypto/pbkdf.c), which happens by chance: then try again.
    local tries=0
    until qemu-img create -q --object secret,id=s,data=x -f luks -o key-secret=s,iter-time=10 "$F" 4M; do
        ((++tries < 30))
    done
    refused 65 "$F is not a qcow2 image, but a LUKS volume" "$CONVERT"
}

@test "archives and web pages are named in the error" {
    fresh
    truncate -s 64k "$F" # an archive of it is made faster
    local qcow2=$F
    F=$T/images/other
    xz -0 -c "$qcow2" >"$F"
    refused 65 "$F is not a qcow2 image, but an xz archive" 'unpack it first'
    gzip -1 -c "$qcow2" >"$F"
    refused 65 "$F is not a qcow2 image, but a gzip archive" 'unpack it first'
    tar -cf "$F" -C "$T/images" disk.qcow2
    refused 65 "$F is not a qcow2 image, but a tar archive" 'unpack it first'
    printf '\n<!DOCTYPE html>\n<html><title>404</title></html>\n' >"$F"
    refused 65 "$F is not a qcow2 image, but a web page: the download failed" "$AGAIN"
    refused 65 "$F is not a raw disk, but a web page: the download failed" \
        'unpack or convert it; VM_FORCE=1 takes it as a raw disk all the same' QEMU_DRIVE_FORMAT=raw
}

@test "raw is used only on request, and a qcow2 image is refused as raw" {
    fresh
    F=$T/images/disk.img
    truncate -s 1M "$F"
    printf 'some boot loader' | dd of="$F" conv=notrunc status=none
    refused 65 "$F is not a qcow2 image, but of no known format" \
        'if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw'
    accepted QEMU_DRIVE_FORMAT=raw
    poke "$F" 510 55aa
    refused 65 "$F is not a qcow2 image, but a raw disk (it has a boot sector)" \
        'set QEMU_DRIVE_FORMAT=raw, or better: qemu-img convert -O qcow2 FILE NEW.qcow2'
    accepted QEMU_DRIVE_FORMAT=raw
    truncate -s 1048577 "$F"
    refused 65 "$F has 1048577 bytes, and a raw disk has a multiple of 512" \
        'get it again if it was truncated; if it is whole, fill its last sector with zeros: truncate -s %512 FILE' \
        QEMU_DRIVE_FORMAT=raw
    F=$T/images/disk.qcow2
    refused 65 "$F is not a raw disk, but a qcow2 image" \
        'leave its format unset (for a floppy: qemu-img convert -O raw FILE NEW.img); VM_FORCE=1 takes it as a raw disk all the same' QEMU_DRIVE_FORMAT=raw
    accepted QEMU_DRIVE_FORMAT=raw VM_FORCE=1
}

# image_over NAME FORMAT: F with this backing file, which qemu-img does not check.
image_over() {
    image -u -b "$1" -F "$2"
}

@test "a backing file is accepted only on request, and only from the same directory" {
    fresh
    mv "$F" "$T/images/base.qcow2"
    cp "$T/images/base.qcow2" "$T/base.qcow2"
    local name allow=QEMU_BACKING=allow
    image_over base.qcow2 qcow2
    refused 65 "$F: it needs a backing file, base.qcow2" \
        'set QEMU_BACKING=allow if it is yours and is in the same directory, or: qemu-img convert -O qcow2 FILE NEW.qcow2'
    accepted $allow
    accepted $allow QEMU_DISK_MODE=throwaway
    image_over "$T/images/base.qcow2" qcow2
    accepted $allow
    for name in 'json:{"driver":"file","filename":"/etc/shadow"}' nbd://127.0.0.1/disk \
        "file:$T/images/base.qcow2" /etc/shadow "$T/base.qcow2" ../base.qcow2; do
        image_over "$name" raw
        refused 65 "$F: its backing file $name is not in the same directory" "$BACKING" $allow
    done
    image_over base.qcow2 vmdk
    refused 65 "$F: its backing file's format vmdk cannot be used; raw and qcow2 can" "$BACKING" $allow
    image_over base.qcow2 qcow2
    poke "$F" 112 11111111 # the extension that says the format
    refused 65 "$F: it does not say its backing file's format" "$BACKING" $allow
    image_over none.qcow2 qcow2
    refused 66 'backing file none.qcow2: the file does not exist' \
        "put the image there, or correct the setting; paths are the container's: images/NAME is /opt/hurd-image/NAME" $allow
    ln -s ../base.qcow2 "$T/images/link.qcow2"
    image_over link.qcow2 qcow2
    refused 65 'backing file link.qcow2 is a symbolic link' 'put the file itself there' $allow
}

@test "every image of a backing chain is checked, and the length of the chain is limited" {
    fresh
    mv "$F" "$T/images/1"
    local n allow=QEMU_BACKING=allow
    image_over 1 qcow2
    poke "$T/images/1" 79 04
    refused 65 'backing file 1: its data lie in an external file, by which an image can read any file of the host' \
        "$TRUST" $allow
    poke "$T/images/1" 79 00
    truncate -s 1310720 "$T/images/1"
    refused 65 'backing file 1 is truncated: entry 15 of L2 table 0 points to byte 1310720, and the file has 1310720' \
        "$AGAIN; after a crash of the host: VM_FORCE=1" $allow
    image_over 1 raw
    refused 65 'backing file 1 is not a raw disk, but a qcow2 image' \
        'leave its format unset (for a floppy: qemu-img convert -O raw FILE NEW.img); VM_FORCE=1 takes it as a raw disk all the same' $allow
    cp "$BATS_FILE_TMPDIR/good.qcow2" "$T/images/1"
    for n in 2 3 4 5 6 7 8 9; do
        qemu-img create -q -f qcow2 -u -b $((n - 1)) -F qcow2 "$T/images/$n" 64M
        chmod 666 "$T/images/$n"
    done
    F=$T/images/8
    accepted $allow
    refused 65 "$F: the chain with the overlay has more than 8 images" 'merge some of them: qemu-img convert -O qcow2 FILE NEW.qcow2' \
        $allow QEMU_DISK_MODE=throwaway
    F=$T/images/9
    refused 65 'backing file 2: more than 8 images in the chain' "$BACKING" $allow
    qemu-img create -q -f qcow2 -u -b 3 -F qcow2 "$T/images/1" 64M
    F=$T/images/3
    refused 65 'backing file 3: the chain of backing files is circular' "$BACKING" $allow
}

@test "valid images of many kinds are accepted" {
    local options
    for options in compat=0.10 cluster_size=2M cluster_size=512 compression_type=zstd extended_l2=on \
        lazy_refcounts=on refcount_bits=1 refcount_bits=64 preallocation=metadata; do
        image -o "$options"
        qemu-io -c 'write -q 32M 256k' "$F"
        accepted
        accepted QEMU_DISK_MODE=throwaway
    done
    qemu-img snapshot -c before "$F"
    qemu-img snapshot -c after "$F"
    qemu-img bitmap --add "$F" changes
    accepted
    qemu-img convert -c -O qcow2 "$BATS_FILE_TMPDIR/good.qcow2" "$F"
    accepted
    ln -s disk.qcow2 "$T/images/link"
    F=$T/images/link
    accepted
    # A QEMU that was killed leaves the dirty bit set: the next one repairs the image.
    fresh
    poke "$F" 79 01
    accepted
    assert_line "vm: warning: $F was not closed cleanly (qcow2 dirty bit): QEMU repairs it when it starts"
}

# from_dir STATUS MESSAGE FIX [NAME=VALUE...]: without QEMU_DRIVE.
from_dir() {
    local F=
    refused "$@"
}

@test "which image of VM_IMAGE_DIR is used" {
    fresh
    accepted QEMU_DRIVE=
    assert_line --partial "$F, 0.1 GiB, persistent"
    cp "$F" "$T/images/second.qcow2"
    host_env
    run vm check
    assert_failure 78
    assert_line --regexp "^vm: error: VM_IMAGE_DIR=$T/images holds 2 images, (disk.qcow2 and second|second.qcow2 and disk).qcow2 among them\$"
    assert_line 'vm:   fix: name the one to boot in QEMU_DRIVE'
    mv "$T/images/second.qcow2" "$T/images/debian-hurd-amd64.qcow2"
    F=$T/images/debian-hurd-amd64.qcow2
    accepted QEMU_DRIVE=
    assert_line --partial "$F, 0.1 GiB, persistent"
    rm "$T"/images/*
    truncate -s 1M "$T/images/disk.img"
    from_dir 78 "VM_IMAGE_DIR=$T/images holds a raw image, disk.img, and a raw image is used only if QEMU_DRIVE names it" \
        'set QEMU_DRIVE to its path and QEMU_DRIVE_FORMAT=raw, or convert it: qemu-img convert -O qcow2 FILE NEW.qcow2'
    rm "$T/images/disk.img"
    F=$MACH_MINI
    accepted QEMU_DRIVE=
    assert_line --partial 'built-in guest'
    from_dir 66 "there is no disk image in VM_IMAGE_DIR=$T/images, and no built-in guest at VM_EMBEDDED=$T/none" \
        'put a disk image into VM_IMAGE_DIR (compose: images/) or name one in QEMU_DRIVE' VM_EMBEDDED="$T/none"
}

@test "files that look like images but cannot be started as they are" {
    local name
    host_env
    for name in debian-hurd.img.tar.xz debian-hurd.qcow2.xz hurd.zip hurd.qcow2.part hurd.vmdk HURD.VDI; do
        head -c 70000 /dev/zero >"$T/images/$name"
        run -66 vm check
        assert_line --regexp "^vm: error: VM_IMAGE_DIR=$T/images holds .*, $name, and no qcow2 image\$"
        assert_line --regexp "^vm:   fix: .*$T/images/|^vm:   fix: unpack it: scripts/get-image"
        rm "$T/images/$name"
    done
    touch "$T/images/hurd.vmdk"
    run -0 "${ENV[@]}" VM_FORCE=1 "$VM" check
    assert_line --partial "holds an image in another format, hurd.vmdk, and no qcow2 image; the built-in guest boots"
    rm "$T/images/hurd.vmdk"
    # An ISO image may be intended for another start; if VM_GUEST is set, it is taken for the disk.
    touch "$T/images/install.iso"
    run -0 vm check
    assert_line --partial "To use it: set QEMU_CDROM=$T/images/install.iso to boot it"
    run -66 "${ENV[@]}" VM_GUEST=hurd "$VM" check
    assert_line "vm:   fix: set QEMU_CDROM=$T/images/install.iso to boot it"
    rm "$T/images/install.iso"
    run -0 "${ENV[@]}" VM_GUEST=linux "$VM" check
    assert_line --partial "warning: VM_GUEST=linux, and there is no disk image in VM_IMAGE_DIR=$T/images: the built-in guest boots"
    head -c 70000 /dev/zero >"$T/images/Disk.QCOW2"
    run -65 vm check
    assert_line --partial 'Disk.QCOW2 is not a qcow2 image'
    rm "$T/images/Disk.QCOW2"
    # A file that another setting names is not taken for the disk.
    truncate -s 1440K "$T/images/floppy.img"
    qemu-img create -q -f qcow2 "$T/images/data.qcow2" 1M
    chmod 666 "$T/images"/*
    run -0 "${ENV[@]}" QEMU_DRIVE2="$T/images/data.qcow2" \
        QEMU_EXTRA_ARGS="-drive if=floppy,format=raw,file=$T/images/floppy.img" "$VM" check
    assert_line --partial 'built-in guest'
}

@test "images that are not regular files: missing, a directory, a pipe, a terminal" {
    host_env
    F=$T/images/none.qcow2
    refused 66 "$F: the file does not exist" \
        "put the image there, or correct the setting; paths are the container's: images/NAME is /opt/hurd-image/NAME"
    F=$T/images/dir.qcow2
    mkdir "$F"
    refused 66 "$F is a directory" \
        'name the image itself; docker makes a directory where a file that is to be mounted does not exist'
    F=$T/images/pipe.qcow2
    mkfifo "$F"
    refused 66 "$F is neither a file nor a block device" 'name a disk image'
    F=/dev/tty
    refused 66 "$F is neither a file nor a block device" 'name a disk image'
}

@test "a block device is accepted as a disk" {
    fresh
    LOOP=$(losetup -f --show "$F")
    F=$LOOP
    accepted
    refused 65 "$F is not a raw disk, but a qcow2 image" \
        'leave its format unset (for a floppy: qemu-img convert -O raw FILE NEW.img); VM_FORCE=1 takes it as a raw disk all the same' QEMU_DRIVE_FORMAT=raw
    host_vm QEMU_ACCEL=tcg QEMU_DRIVE="$F" QEMU_RAM=64 VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 0
}

# The same as another user, without the capability to change users: QEMU runs as that user.
as_nobody() {
    F=$1
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$F" VM_UID= VM_GID= "${@:2}"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "${ENV[@]}" "$VM" check
}

@test "a file that is not readable or not writable" {
    fresh
    chmod 444 "$F"
    refused 77 "$F is read-only (mode 0444), and the guest writes to its disk" \
        'make it writable (chmod u+w), or set QEMU_DISK_MODE=throwaway to keep the image as it is'
    accepted QEMU_DISK_MODE=throwaway
    chmod 644 "$F"
    chmod 777 "$T"
    as_nobody "$F"
    assert_failure 77
    assert_line "vm: error: $F cannot be written: Permission denied"
    assert_line 'vm:   fix: make it writable for this user (chmod, chown, docker run --user), or set QEMU_DISK_MODE=throwaway'
    as_nobody "$F" QEMU_DISK_MODE=throwaway
    assert_success
    chmod 600 "$F"
    as_nobody "$F" QEMU_DISK_MODE=throwaway
    assert_failure 77
    assert_line "vm: error: $F cannot be read: Permission denied"
    assert_line 'vm:   fix: make it readable for this user (chmod a+r)'
    # Root can read it, and QEMU gets the descriptor that root opened.
    accepted
}

@test "an image on a read-only mount: persistent is refused, throwaway runs and does not change it" {
    fresh
    before=$(seen)
    container persistent "${SAFE[@]}" -v "$T/images:/opt/hurd-image:ro"
    wait_exit "$C" 30
    assert_equal "$STATUS" 77
    wait_until 10 logs_have "$C" 'vm: error: /opt/hurd-image/disk.qcow2 is on a read-only file system, and the guest writes to its disk'
    wait_until 10 logs_have "$C" 'vm:   fix: mount it read-write, or set QEMU_DISK_MODE=throwaway to keep the image as it is'
    container throwaway "${SAFE[@]}" -v "$T/images:/opt/hurd-image:ro" -e QEMU_DISK_MODE=throwaway \
        -e VM_GUEST=generic -e QEMU_RAM=64
    wait_until 30 logs_have "$C" 'the guest runs'
    assert_equal "$(seen)" "$before"
}

# small SIZE: a file system of that size, in DIR.
small() {
    DIR=$T/small
    mkdir "$DIR"
    mount -t tmpfs -o size="$1",mode=1777 tmpfs "$DIR"
    MOUNTS+=("$DIR")
}

@test "a full file system: that of the image, and that of the overlay" {
    local fix='give the container a writable VM_TMP_DIR with room (docker run --tmpfs /var/tmp), or set QEMU_DISK_MODE=persistent'
    small 4M
    fresh
    local image=$F
    F=$DIR/disk.qcow2
    cp "$image" "$F"
    dd if=/dev/zero of="$DIR/rest" bs=64k status=none || :
    refused 77 "$F: its file system is full, and the guest would stop at its first write" \
        'make room there, or set QEMU_DISK_MODE=throwaway with VM_TMP_DIR on another file system'
    accepted VM_FORCE=1
    accepted QEMU_DISK_MODE=throwaway
    refused 77 "VM_TMP_DIR=$DIR: no overlay can be created there: No space left on device" "$fix" \
        QEMU_DISK_MODE=throwaway VM_TMP_DIR="$DIR"
    refused 77 "VM_TMP_DIR=$T/none: no overlay can be created there: No such file or directory" "$fix" \
        QEMU_DISK_MODE=throwaway VM_TMP_DIR="$T/none"
    # A raw image without holes needs no more space.
    rm "$DIR/rest" "$F"
    F=$DIR/disk.img
    dd if=/dev/zero of="$F" bs=64k status=none || :
    accepted QEMU_DRIVE_FORMAT=raw
}

# held NAME PID: a start that writes to F and one that reads it are refused, and this process is named. Both have a
# VM_RUN_DIR of their own, because with the VM_RUN_DIR of the guest that uses F, vm check accepts it.
held() {
    refused 65 "$F is in use by another process: $1, pid $2" "$IN_USE" VM_RUN_DIR="$T/another"
    refused 65 "$F is in use by another process: $1, pid $2" "$IN_USE" VM_RUN_DIR="$T/another" \
        QEMU_DISK_MODE=throwaway
}

is_held() {
    grep -q "^lock:" /proc/"$1"/fdinfo/* 2>/dev/null
}

# held_by COMMAND...: the same while this command runs on F.
held_by() {
    local pid
    "$@" >/dev/null 2>&1 3>&- &
    pid=$!
    PIDS+=("$pid")
    wait_until 10 is_held "$pid"
    held "$(cat "/proc/$pid/comm")" "$pid"
    end_process "$pid"
    accepted
}

@test "an image that another program has open for writing" {
    fresh
    held_by qemu-system-x86_64 -S -nodefaults -display none -accel tcg -m 16 \
        -drive "file=$F,format=qcow2,if=none"
    held_by qemu-io -c 'sleep 60000' "$F"
    held_by qemu-nbd -t -k "$T/nbd" -f qcow2 "$F"
}

@test "two starts with one image at the same moment: one runs, the other one reports the image" {
    local n pid ended status=0 pids=()
    fresh
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$F" QEMU_RAM=64 VM_START_PAUSED=1
    for n in 1 2; do
        mkdir -p "$T/$n"/{run,log}
        "${ENV[@]}" VM_RUN_DIR="$T/$n/run" VM_LOG_DIR="$T/$n/log" "$VM" run >"$T/out$n" 2>&1 3>&- &
        pids+=("$!")
        PIDS+=("$!")
    done
    wait -n -p ended "${pids[@]}" || status=$?
    assert_equal "$status" 65
    [ "$ended" = "${pids[0]}" ] && n=1 || n=2
    run -0 grep '^vm: error: ' "$T/out$n"
    assert_output --regexp "^vm: error: $F is in use by another process"
    assert_equal "${#lines[@]}" 1
    refute grep -q 'booted directly' "$T/out$n"
    wait_until 30 grep -q 'waits for cont' "$T/out$((3 - n))"
}

@test "an image that another vm run has open for writing" {
    fresh
    host_vm QEMU_ACCEL=tcg QEMU_DRIVE="$F" QEMU_RAM=64 VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    held vm "$VM_PID" # its QEMU has the same descriptor
    kill -TERM "$VM_PID"
    host_vm_exit 30
    accepted
}

@test "QEMU uses the file that was checked, even if the name refers to another file by then" {
    fresh
    ln "$F" "$T/checked"
    cp "$F" "$T/other"
    chmod 666 "$T/other"
    inode=$(stat -c %i "$F")
    host_vm QEMU_ACCEL=tcg QEMU_DRIVE="$F" QEMU_RAM=64 VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    mv "$T/other" "$F"
    other=$(seen)
    run -0 vm monitor info block
    assert_output --partial '/dev/fdset/'
    refute_output --partial "$F"
    pid=$(vm status --json | jq .qemu.pid)
    run -0 stat -L -c %i "/proc/$pid/fd/"*
    assert_line "$inode"
    refute_line "$(stat -c %i "$F")"
    # A write through the back end of the guest's disk controller must arrive in the checked file.
    run -0 vm monitor 'qemu-io -d /machine/peripheral-anon/device[0] "write -P 0x33 8M 64k"'
    kill -TERM "$VM_PID"
    host_vm_exit 30
    run -0 qemu-io -r -c 'read -P 0x33 8M 64k' "$T/checked"
    refute_output --partial failed
    assert_equal "$(seen)" "$other"
}

@test "two containers share one base image: each has its own overlay, and the base is unchanged" {
    host_env
    F=$T/images/base.qcow2
    cp "$MACH_MINI" "$F"
    chmod 644 "$F"
    before=$(seen)
    for name in one two; do
        container "$name" "${SAFE[@]}" -v "$T/images:/opt/hurd-image" -e VM_GUEST=mach \
            -e QEMU_DISK_MODE=throwaway
    done
    container_ready "$ID-one"
    container_ready "$ID-two"
    run vm check
    assert_failure 65
    assert_line --regexp "^vm: error: $F is in use by another process: init, pid [0-9]+\$"
    docker stop "$ID-one" "$ID-two" >/dev/null
    assert_equal "$(seen)" "$before"
    accepted
}
