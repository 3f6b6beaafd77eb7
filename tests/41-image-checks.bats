# The disk policy as a user meets it: each bad image by its exact line, fix and exit status, each good
# one accepted, and no image ever changed by being looked at. (40-qcow2-compare.bats holds the verdicts on
# qcow2 to QEMU's own.)
load helpers

BROKEN='get the image again, or make a new one; qemu-img check FILE tells more'
AGAIN='get the image again, and compare its size and checksum'
CONVERT='convert it: vm image convert --from-format F FILE NEW.qcow2 (F: vmdk, vdi, vhdx, vpc; others by qemu-img)'
TRUST='convert it, if you trust where it comes from: qemu-img convert -O qcow2 FILE NEW.qcow2'
BACKING='qemu-img rebase or convert the image; a backing file must lie beside it, be named with its format, and need no link'
IN_USE='stop the other one, or use QEMU_DISK_MODE=throwaway for both'

# A good image: 64 MiB of disk, the first of them written. Header of 112 bytes; the extension of
# feature names from byte 112 on (0x180 bytes); refcount table at 0x10000, its block at 0x20000, L1
# table at 0x30000, L2 table at 0x40000, data from 0x50000 to the end at 0x150000.
setup_file() {
    qemu-img create -q -f qcow2 -o cluster_size=64k "$BATS_FILE_TMPDIR/good.qcow2" 64M
    qemu-io -c 'write -q -P 0x5a 0 1M' "$BATS_FILE_TMPDIR/good.qcow2"
}

teardown() {
    local dir
    for dir in "${MOUNTS[@]}"; do umount "$dir"; done
    vm_teardown
    [ -z "$LOOP" ] || losetup -d "$LOOP"
}

# F: a fresh copy of the good image, alone in VM_IMAGE_DIR.
fresh() {
    host_env
    F=$T/images/disk.qcow2
    cp "$BATS_FILE_TMPDIR/good.qcow2" "$F"
    chmod 666 "$F"
}

# image OPTION...: F made by qemu-img create with these; 64 MiB unless they say else.
image() {
    host_env
    F=$T/images/disk.qcow2
    rm -f "$F"
    qemu-img create -q -f qcow2 "$@" "$F" 64M
}

# poke FILE OFFSET HEXBYTES
poke() {
    local bytes='' i
    for ((i = 0; i < ${#3}; i += 2)); do bytes+="\\x${3:i:2}"; done
    printf '%b' "$bytes" | dd of="$1" bs=1 seek="$(($2))" conv=notrunc status=none
}

seen() {
    stat -c '%i %s %Y %a' "$F"
    sha256sum "$F"
}

# refused STATUS MESSAGE FIX [NAME=VALUE...]: vm check of F says exactly this and nothing else, and F
# is afterwards what it was before.
refused() {
    local want=$1 text="vm: error: $2"$'\n'"vm:   fix: $3" before=''
    shift 3
    [ ! -f "$F" ] || before=$(seen)
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$F" "$@"
    run vm check
    assert_output "$text"
    assert_equal "$status" "$want"
    [ ! -f "$F" ] || assert_equal "$(seen)" "$before"
}

# accepted [NAME=VALUE...]
accepted() {
    local before
    before=$(seen)
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$F" "$@"
    run -0 vm check
    assert_line 'vm: all checks passed'
    assert_equal "$(seen)" "$before"
}

# poked OFFSET HEXBYTES MESSAGE FIX: a good image with these bytes; @ in the message is its name.
poked() {
    fresh
    poke "$F" "$1" "$2"
    refused 65 "${3//@/$F}" "$4"
}

# cut_at SIZE MESSAGE FIX: a good image of which only the first SIZE bytes came.
cut_at() {
    fresh
    truncate -s "$(($1))" "$F"
    refused 65 "${2//@/$F}" "$3"
}

@test "header: magic, version, lengths and features" {
    poked 0 51464900 '@ is no qcow2 image, but of no known format' \
        'if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw'
    poked 4 00000001 '@ is a qcow image of version 1; 2 and 3 can be used' "$TRUST"
    poked 4 00000004 '@: version (at byte 4) is 4, must be 2 or 3' "$BROKEN"
    poked 20 00000008 '@: cluster_bits (at byte 20) is 8, must be 9 to 21' "$BROKEN"
    poked 20 00000016 '@: cluster_bits (at byte 20) is 22, must be 9 to 21' "$BROKEN"
    local length='must be a multiple of 8 from 104 to the cluster size'
    poked 100 00000060 "@: header_length (at byte 100) is 96, $length" "$BROKEN"
    poked 100 00000069 "@: header_length (at byte 100) is 105, $length" "$BROKEN"
    poked 100 00010008 "@: header_length (at byte 100) is 65544, $length" "$BROKEN"
    poked 96 00000007 '@: refcount_order (at byte 96) is 7, must be 0 to 6' "$BROKEN"
    poked 79 20 '@: incompatible_features (at byte 72) has the unknown bits 0x20' "$BROKEN"
    poked 72 80 '@: incompatible_features (at byte 72) has the unknown bits 0x8000000000000000' "$BROKEN"
    poked 79 02 '@: its corrupt bit (at byte 72) is set; QEMU found it damaged before' \
        'make a copy, then: qemu-img check -r all FILE'
    poked 79 08 '@: compression_type (at byte 104) is 0 and feature bit 3 is set' "$BROKEN"
    poked 104 01 '@: compression_type (at byte 104) is 1 and feature bit 3 is not set' "$BROKEN"
    poked 104 02 '@: compression_type (at byte 104) is 2, must be 0 (zlib) or 1 (zstd)' "$BROKEN"
    poked 32 00000001 '@: it is encrypted: crypt_method (at byte 32) is 1' "$TRUST"
    poked 32 00000002 '@: it is encrypted: crypt_method (at byte 32) is 2' "$TRUST"
    poked 32 00000003 '@: crypt_method (at byte 32) is 3, must be 0' "$BROKEN"
}

@test "header: sizes and offsets of tables" {
    poked 24 8000000000000000 '@: size (at byte 24) is 9223372036854775808, must be below 2^63' "$BROKEN"
    poked 24 0000008000000000 \
        '@: l1_size (at byte 36) is 1, must be at least 1024 for a disk of 549755813888 bytes' "$BROKEN"
    poked 36 00000000 '@: l1_size (at byte 36) is 0, must be at least 1 for a disk of 67108864 bytes' "$BROKEN"
    poked 36 00400001 '@: l1_size (at byte 36) is 4194305, must be at most 4194304' "$BROKEN"
    local bytes=40 name='the L1 table (at byte 40)' size=8
    for _ in L1 refcounts; do
        poked $bytes 0000000000000000 "@: $name is at offset 0, where the header is" "$BROKEN"
        poked $bytes 0000000000030200 \
            "@: $name at offset 197120 is not at a multiple of the cluster size 65536" "$BROKEN"
        poked $bytes 8000000000000000 \
            "@: $name at offset 9223372036854775808, $size bytes, ends beyond 2^63" "$BROKEN"
        poked $bytes 0000000000150000 \
            "@ is cut off: $name ends at byte $((0x150000 + size)), and the file has 1376256" "$BROKEN"
        bytes=48 name='the refcount table (at byte 48)' size=65536
    done
    poked 56 00000000 '@: refcount_table_clusters (at byte 56) is 0, must be 1 to 128' "$BROKEN"
    poked 56 00000081 '@: refcount_table_clusters (at byte 56) is 129, must be 1 to 128' "$BROKEN"
    poked 60 00010001 '@: nb_snapshots (at byte 60) is 65537, must be at most 65536' "$BROKEN"
    poked 60 00000001 '@: the snapshot table (at byte 64) is at offset 0, where the header is' "$BROKEN"
    poked 60 000000010000000000150000 \
        '@ is cut off: the snapshot table (at byte 64) ends at byte 1376296, and the file has 1376256' "$BROKEN"
    poked 64 0000000000000001 \
        '@: the snapshot table (at byte 64) at offset 1 is not at a multiple of the cluster size 65536' "$BROKEN"
    poked 0x30000 8000000000040200 \
        '@: entry 0 of the L1 table, 262656, is not at a multiple of the cluster size 65536' "$BROKEN"
    poked 0x10000 0000000000150000 \
        '@ is cut off: entry 0 of the refcount table points to byte 1376256, and the file has 1376256' "$AGAIN"
}

@test "header: backing name and extensions" {
    local where='must be from 112, behind the header, to 65536, in the first cluster'
    poked 8 000000000000000800000001 "@: backing_file_offset (at byte 8) is 8, $where" "$BROKEN"
    poked 8 000000000001000100000001 "@: backing_file_offset (at byte 8) is 65537, $where" "$BROKEN"
    local size='must be at most 1023 and end in the first cluster'
    poked 8 000000000000030000000400 "@: backing_file_size (at byte 16) is 1024, $size" "$BROKEN"
    poked 8 000000000000fff000000020 "@: backing_file_size (at byte 16) is 32, $size" "$BROKEN"
    poked 8 000000000000030000000004 "@: the backing file's name has a zero byte" "$BROKEN"
    poked 8 000000000000012000000000 \
        '@: header extension 0x6803f857 of 384 bytes at byte 112 leaves the header' "$BROKEN"
    poked 116 ffffffff \
        '@: header extension 0x6803f857 of 4294967295 bytes at byte 112 leaves the header' "$BROKEN"
    poked 112 e2792aca "@: the backing format's name has 384 bytes, must have at most 15" "$BROKEN"
    poked 112 23852875 '@: its bitmaps extension has 384 bytes, must have 24' "$BROKEN"
    poked 112 0537be77 '@: it is encrypted' "$TRUST"
}

@test "an external data file, by each of its three marks, and one that qemu-img made" {
    local text='by which an image can read any file of the host'
    poked 112 44415441 "@: it names an external data file, $text" "$TRUST"
    poked 79 04 "@: its data lie in an external file, $text" "$TRUST"
    poked 95 02 "@: its data lie in an external file, $text" "$TRUST"
    image -o "data_file=$T/images/data,data_file_raw=on"
    refused 65 "$F: its data lie in an external file, $text" "$TRUST"
    refused 65 "$F: its data lie in an external file, $text" "$TRUST" VM_FORCE=1
}

@test "a download that stopped, at every part of the file; an empty one; one of zeros" {
    cut_at 0 '@ is empty' "$AGAIN"
    cut_at 3 '@ is no qcow2 image, but of no known format' 'if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw'
    cut_at 71 '@ is cut off in the header: 71 bytes of 72' "$BROKEN"
    cut_at 103 '@ is cut off in the header: 103 bytes of 104' "$BROKEN"
    cut_at 0x10000 '@ is cut off: the L1 table (at byte 40) ends at byte 196616, and the file has 65536' "$BROKEN"
    cut_at 0x30007 '@ is cut off: the L1 table (at byte 40) ends at byte 196616, and the file has 196615' "$BROKEN"
    cut_at 0x40000 '@ is cut off: entry 0 of the L1 table points to byte 262144, and the file has 262144' "$AGAIN"
    local data="$AGAIN; after a crash of the host: VM_FORCE=1"
    cut_at 0x50000 '@ is cut off: entry 0 of L2 table 0 points to byte 327680, and the file has 327680' "$data"
    cut_at 0x140000 '@ is cut off: entry 15 of L2 table 0 points to byte 1310720, and the file has 1310720' "$data"
    accepted VM_FORCE=1
    truncate -s 0 "$F"
    truncate -s 1M "$F"
    refused 65 "$F is no qcow2 image: its first 36864 bytes are zeros" "$AGAIN"
}

@test "other formats by their names" {
    fresh
    local qcow2=$F format name
    F=$T/images/other
    while read -r format name; do
        qemu-img convert -f qcow2 -O "$format" "$qcow2" "$F"
        refused 65 "$F is no qcow2 image, but $name" "$CONVERT"
    done <<END
vmdk a VMDK image
vdi a VDI image
vhdx a VHDX image
vpc a VHD image
qed a QED image
parallels a Parallels image
END
    qemu-img create -q -f vpc -o subformat=fixed,force_size=on "$F" 4M
    refused 65 "$F is no qcow2 image, but a VHD image" "$CONVERT"
    qemu-img convert -f qcow2 -O qcow "$qcow2" "$F"
    refused 65 "$F is a qcow image of version 1; 2 and 3 can be used" "$TRUST"
    qemu-img create -q --object secret,id=s,data=x -f luks -o key-secret=s,iter-time=10 "$F" 4M
    refused 65 "$F is no qcow2 image, but a LUKS volume" "$CONVERT"
}

@test "archives and web pages by their names" {
    fresh
    truncate -s 64k "$F" # an archive of it is made faster
    local qcow2=$F
    F=$T/images/other
    xz -0 -c "$qcow2" >"$F"
    refused 65 "$F is no qcow2 image, but an xz archive" 'unpack it first'
    gzip -1 -c "$qcow2" >"$F"
    refused 65 "$F is no qcow2 image, but a gzip archive" 'unpack it first'
    tar -cf "$F" -C "$T/images" disk.qcow2
    refused 65 "$F is no qcow2 image, but a tar archive" 'unpack it first'
    printf '\n<!DOCTYPE html>\n<html><title>404</title></html>\n' >"$F"
    refused 65 "$F is no qcow2 image, but a web page: the download failed" "$AGAIN"
    refused 65 "$F is no raw disk, but a web page: the download failed" \
        'unpack or convert it; VM_FORCE=1 takes it as a raw disk all the same' QEMU_DRIVE_FORMAT=raw
}

@test "raw is used when it is said, and a qcow2 image is none" {
    fresh
    F=$T/images/disk.img
    truncate -s 1M "$F"
    printf 'some boot loader' | dd of="$F" conv=notrunc status=none
    refused 65 "$F is no qcow2 image, but of no known format" \
        'if it is a raw disk, say so: QEMU_DRIVE_FORMAT=raw'
    accepted QEMU_DRIVE_FORMAT=raw
    poke "$F" 510 55aa
    refused 65 "$F is no qcow2 image, but a raw disk (it has a boot sector)" \
        'set QEMU_DRIVE_FORMAT=raw, or better: qemu-img convert -O qcow2 FILE NEW.qcow2'
    accepted QEMU_DRIVE_FORMAT=raw
    truncate -s 1048577 "$F"
    refused 65 "$F has 1048577 bytes, and a raw disk has a multiple of 512" \
        'get it again if it was cut off; if it is whole, fill its last sector with zeros: truncate -s %512 FILE' \
        QEMU_DRIVE_FORMAT=raw
    F=$T/images/disk.qcow2
    refused 65 "$F is no raw disk, but a qcow2 image" \
        'leave its format unset (for a floppy: qemu-img convert -O raw FILE NEW.img); VM_FORCE=1 takes it as a raw disk all the same' QEMU_DRIVE_FORMAT=raw
    accepted QEMU_DRIVE_FORMAT=raw VM_FORCE=1
}

# image_over NAME FORMAT: F with this backing file, of which qemu-img takes no notice.
image_over() {
    image -u -b "$1" -F "$2"
}

@test "a backing file: not unless it is asked for, and then from the same directory only" {
    fresh
    mv "$F" "$T/images/base.qcow2"
    cp "$T/images/base.qcow2" "$T/base.qcow2"
    local name allow=QEMU_BACKING=allow
    image_over base.qcow2 qcow2
    refused 65 "$F: it needs a backing file, base.qcow2" \
        'set QEMU_BACKING=allow if it is yours and lies in the same directory, or: qemu-img convert -O qcow2 FILE NEW.qcow2'
    accepted $allow
    accepted $allow QEMU_DISK_MODE=throwaway
    image_over "$T/images/base.qcow2" qcow2
    accepted $allow
    for name in 'json:{"driver":"file","filename":"/etc/shadow"}' nbd://127.0.0.1/disk \
        "file:$T/images/base.qcow2" /etc/shadow "$T/base.qcow2" ../base.qcow2; do
        image_over "$name" raw
        refused 65 "$F: its backing file $name does not lie in the same directory" "$BACKING" $allow
    done
    image_over base.qcow2 vmdk
    refused 65 "$F: its backing file's format vmdk cannot be used; raw and qcow2 can" "$BACKING" $allow
    image_over base.qcow2 qcow2
    poke "$F" 112 11111111 # the extension that says the format
    refused 65 "$F: it does not say its backing file's format" "$BACKING" $allow
    image_over none.qcow2 qcow2
    refused 66 'backing file none.qcow2: there is no such file' \
        "put the image there, or correct the setting; paths are the container's: images/NAME is /opt/hurd-image/NAME" $allow
    ln -s ../base.qcow2 "$T/images/link.qcow2"
    image_over link.qcow2 qcow2
    refused 65 'backing file link.qcow2 is a symbolic link' 'put the file itself there' $allow
}

@test "every image of a chain is checked; the chain has an end" {
    fresh
    mv "$F" "$T/images/1"
    local n allow=QEMU_BACKING=allow
    image_over 1 qcow2
    poke "$T/images/1" 79 04
    refused 65 'backing file 1: its data lie in an external file, by which an image can read any file of the host' \
        "$TRUST" $allow
    poke "$T/images/1" 79 00
    truncate -s 1310720 "$T/images/1"
    refused 65 'backing file 1 is cut off: entry 15 of L2 table 0 points to byte 1310720, and the file has 1310720' \
        "$AGAIN; after a crash of the host: VM_FORCE=1" $allow
    image_over 1 raw
    refused 65 'backing file 1 is no raw disk, but a qcow2 image' \
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
    refused 65 'backing file 3: the chain of backing files comes back to it' "$BACKING" $allow
}

@test "good images of many kinds" {
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
    # A QEMU that was killed leaves the dirty bit behind: the next one repairs the image.
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

@test "which image of VM_IMAGE_DIR it is" {
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

@test "files that were meant and cannot be started as they are" {
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
    # An ISO image may wait for another start; with a guest that is said it is meant.
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
    assert_line --partial 'Disk.QCOW2 is no qcow2 image'
    rm "$T/images/Disk.QCOW2"
    # What another setting names is meant for something else.
    truncate -s 1440K "$T/images/floppy.img"
    qemu-img create -q -f qcow2 "$T/images/data.qcow2" 1M
    chmod 666 "$T/images"/*
    run -0 "${ENV[@]}" QEMU_DRIVE2="$T/images/data.qcow2" \
        QEMU_EXTRA_ARGS="-drive if=floppy,format=raw,file=$T/images/floppy.img" "$VM" check
    assert_line --partial 'built-in guest'
}

@test "images that are no regular file: missing, a directory, a pipe, a terminal" {
    host_env
    F=$T/images/none.qcow2
    refused 66 "$F: there is no such file" \
        "put the image there, or correct the setting; paths are the container's: images/NAME is /opt/hurd-image/NAME"
    F=$T/images/dir.qcow2
    mkdir "$F"
    refused 66 "$F is a directory" \
        'name the image itself; docker makes a directory where a file that is to be mounted is not there'
    F=$T/images/pipe.qcow2
    mkfifo "$F"
    refused 66 "$F is neither a file nor a block device" 'name a disk image'
    F=/dev/tty
    refused 66 "$F is neither a file nor a block device" 'name a disk image'
}

@test "a block device is a disk" {
    fresh
    LOOP=$(losetup -f --show "$F")
    F=$LOOP
    accepted
    refused 65 "$F is no raw disk, but a qcow2 image" \
        'leave its format unset (for a floppy: qemu-img convert -O raw FILE NEW.img); VM_FORCE=1 takes it as a raw disk all the same' QEMU_DRIVE_FORMAT=raw
    host_vm QEMU_ACCEL=tcg QEMU_DRIVE="$F" QEMU_RAM=64 VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    kill -TERM "$VM_PID"
    host_vm_exit 30
    assert_equal "$STATUS" 0
}

# The same as another user, who cannot change users: QEMU runs as that one.
as_nobody() {
    F=$1
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$F" VM_UID= VM_GID= "${@:2}"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "${ENV[@]}" "$VM" check
}

@test "a file that may not be read, or not be written" {
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
    # Root reads it, and QEMU gets what root opened.
    accepted
}

@test "an image mounted read-only: persistent is refused, throwaway runs and leaves it alone" {
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

@test "a full file system: the image's, and the overlay's" {
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
    refused 77 "VM_TMP_DIR=$DIR: no overlay can be made there: No space left on device" "$fix" \
        QEMU_DISK_MODE=throwaway VM_TMP_DIR="$DIR"
    refused 77 "VM_TMP_DIR=$T/none: no overlay can be made there: No such file or directory" "$fix" \
        QEMU_DISK_MODE=throwaway VM_TMP_DIR="$T/none"
    # A raw image that has all its blocks needs no more.
    rm "$DIR/rest" "$F"
    F=$DIR/disk.img
    dd if=/dev/zero of="$F" bs=64k status=none || :
    accepted QEMU_DRIVE_FORMAT=raw
}

# held NAME PID: that this one has F is said to a start that would write and to one that reads. Both
# have a VM_RUN_DIR of their own: beside its own guest, vm check does not mind.
held() {
    refused 65 "$F is in use by another process: $1, pid $2" "$IN_USE" VM_RUN_DIR="$T/another"
    refused 65 "$F is in use by another process: $1, pid $2" "$IN_USE" VM_RUN_DIR="$T/another" \
        QEMU_DISK_MODE=throwaway
}

is_held() {
    grep -q "^lock:" /proc/"$1"/fdinfo/* 2>/dev/null
}

# held_by COMMAND...: while this runs on F.
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

@test "an image that another program writes to" {
    fresh
    held_by qemu-system-x86_64 -S -nodefaults -display none -accel tcg -m 16 \
        -drive "file=$F,format=qcow2,if=none"
    held_by qemu-io -c 'sleep 60000' "$F"
    held_by qemu-nbd -t -k "$T/nbd" -f qcow2 "$F"
}

@test "an image that another vm run writes to" {
    fresh
    host_vm QEMU_ACCEL=tcg QEMU_DRIVE="$F" QEMU_RAM=64 VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    held vm "$VM_PID" # its QEMU has the same descriptor
    kill -TERM "$VM_PID"
    host_vm_exit 30
    accepted
}

@test "QEMU has the file that was checked, whatever has its name by now" {
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
    # A write of the guest's disk controller's own back end: it must be found in the checked file.
    run -0 vm monitor 'qemu-io -d /machine/peripheral-anon/device[0] "write -P 0x33 8M 64k"'
    kill -TERM "$VM_PID"
    host_vm_exit 30
    run -0 qemu-io -r -c 'read -P 0x33 8M 64k' "$T/checked"
    refute_output --partial failed
    assert_equal "$(seen)" "$other"
}

@test "two containers share one base: each has its overlay, and the base is unchanged" {
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
