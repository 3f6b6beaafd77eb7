# images.bash - disk images that are made, changed and shown to `vm check`; `load images` after helpers.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the fixes are used by the tests; bats sets status

BROKEN='get the image again, or make a new one; qemu-img check FILE shows details'
AGAIN='get the image again, and compare its size and checksum'
CONVERT='convert it: vm image convert --from-format F FILE NEW.qcow2 (F: vmdk, vdi, vhdx, vpc; others by qemu-img)'
TRUST='convert it, if you trust where it comes from: qemu-img convert -O qcow2 FILE NEW.qcow2'
BACKING='qemu-img rebase or convert the image; a backing file must be in the same directory, have an explicit format, and not be reached through a link'
IN_USE='stop the other one, or use QEMU_DISK_MODE=throwaway for both'

# A valid image: a disk of 64 MiB, the first of which is written. Header of 112 bytes; the extension with the
# feature names at byte 112 (0x180 bytes); refcount table at 0x10000, its block at 0x20000, L1 table at 0x30000, L2
# table at 0x40000, data from 0x50000 to the end at 0x150000.
setup_file() {
    qemu-img create -q -f qcow2 -o cluster_size=64k "$BATS_FILE_TMPDIR/good.qcow2" 64M
    qemu-io -c 'write -q -P 0x5a 0 1M' "$BATS_FILE_TMPDIR/good.qcow2"
}

# F: a fresh copy of the valid image, the only file in VM_IMAGE_DIR.
fresh() {
    host_env
    F=$T/images/disk.qcow2
    cp "$BATS_FILE_TMPDIR/good.qcow2" "$F"
    chmod 666 "$F"
}

# image OPTION...: create F by qemu-img create with these options; 64 MiB unless they set a size.
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

# refused STATUS MESSAGE FIX [NAME=VALUE...]: vm check prints exactly this about F and nothing else, and does not
# change F.
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

# poked OFFSET HEXBYTES MESSAGE FIX: a valid image with these bytes; @ in the message stands for its name.
poked() {
    fresh
    poke "$F" "$1" "$2"
    refused 65 "${3//@/$F}" "$4"
}

# cut_at SIZE MESSAGE FIX: a valid image truncated to its first SIZE bytes.
cut_at() {
    fresh
    truncate -s "$(($1))" "$F"
    refused 65 "${2//@/$F}" "$3"
}
