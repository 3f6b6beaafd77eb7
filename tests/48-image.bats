#!/usr/bin/env bats
# vm image: what qemu-img does with the options of this project, and what it refuses, above all while a
# guest runs on the image.
load helpers


image() { env -i PATH="$PATH" VM_IMAGE_DIR="$T" "$VM" image "$@"; }

member() { qemu-img info -U --output=json "$1" | jq -r "$2"; }

@test "create: qcow2 1.1, lazy refcounts, 64K clusters; the papers' options on request" {
    image create "$T/a.qcow2" 40M
    [ "$(member "$T/a.qcow2" '."virtual-size"')" = $((40 << 20)) ]
    [ "$(member "$T/a.qcow2" '."cluster-size"')" = 65536 ]
    [ "$(member "$T/a.qcow2" '."format-specific".data."lazy-refcounts"')" = true ]
    [ "$(member "$T/a.qcow2" '."format-specific".data.compat')" = 1.1 ]
    image create --cluster-size 2M --preallocation metadata "$T/b.qcow2" 40M
    [ "$(member "$T/b.qcow2" '."cluster-size"')" = 2097152 ]
    run -77 image create "$T/a.qcow2" 1G
    assert_output --partial 'is there already'
    run -64 image create "$T/c.qcow2" lots
    run -64 image create --cluster-size 3K "$T/c.qcow2" 1M
    [ "$(cd "$T" && echo *)" = 'a.qcow2 b.qcow2' ]
}

@test "resize: grows, by a size or to one, says what the guest has to do, and never cuts" {
    image create "$T/only.qcow2" 40M
    run -0 image resize +24M
    assert_output --partial 'in the guest nothing has grown yet'
    [ "$(member "$T/only.qcow2" '."virtual-size"')" = $((64 << 20)) ]
    run -0 image resize "$T/only.qcow2" 1G
    [ "$(member "$T/only.qcow2" '."virtual-size"')" = $((1 << 30)) ]
    run -64 image resize 1M
    assert_output --partial 'would cut off'
    [ "$(member "$T/only.qcow2" '."virtual-size"')" = $((1 << 30)) ]
}

@test "convert: the same disk, as qcow2; raw only by saying so; nothing half-made" {
    head -c 3000000 /dev/urandom >"$T/disk.img"
    truncate -s 8M "$T/disk.img"
    image convert --format raw "$T/disk.img" "$T/disk.qcow2"
    qemu-img compare -f raw -F qcow2 "$T/disk.img" "$T/disk.qcow2"
    run -65 image convert "$T/disk.img" "$T/other.qcow2"
    truncate -s 1000000 "$T/disk.qcow2"
    run -65 image convert "$T/disk.qcow2" "$T/other.qcow2"
    qemu-img create -q -f qcow2 -F raw -b /etc/passwd "$T/reading.qcow2" 1M
    run -65 image convert "$T/reading.qcow2" "$T/other.qcow2"
    assert_output --partial 'backing file, /etc/passwd'
    run -66 image convert "$T/none.qcow2" "$T/other.qcow2"
    [ ! -e "$T/other.qcow2" ] && [ ! -e "$T/other.qcow2.part" ]
}

@test "check: whole, with lost room, repaired" {
    image create "$T/a.qcow2" 8M
    qemu-io -f qcow2 -c 'write 0 1M' "$T/a.qcow2" >/dev/null
    image check
    # The first L2 entry gone: its cluster is counted, and nobody's.
    l1=$(od -An -v -tx1 -j 40 -N 8 "$T/a.qcow2" | tr -d ' \n')
    l2=$(od -An -v -tx1 -j $((0x$l1)) -N 8 "$T/a.qcow2" | tr -d ' \n')
    printf '\0\0\0\0\0\0\0\0' | dd of="$T/a.qcow2" bs=1 seek=$((0x$l2 & 0xfffffffffffe00)) conv=notrunc status=none
    run -1 image check
    assert_output --partial 'has lost room, and no data'
    image check --repair
    image check
}

@test "refused while a guest runs on the image, in the container and beside it; looking is allowed" {
    cp "$MACH_MINI" "$T/mach.qcow2"
    container one "${SAFE[@]}" --tmpfs /var/log/qemu -v "$T:/opt/hurd-image" -e VM_GUEST=mach
    container_ready "$C"
    for action in check 'check --repair' 'resize +1M'; do
        # shellcheck disable=SC2086 # words
        run -65 docker exec "$C" vm image $action
        assert_output --partial 'is in use by another process'
        assert_output --partial 'stop the guest first'
        # shellcheck disable=SC2086
        run -65 image ${action%% *} ${action#"${action%% *}"}
    done
    run -65 image convert "$T/mach.qcow2" "$T/new.qcow2"
    run -0 docker exec "$C" vm image info --json
    assert_output --partial '"format": "qcow2"'
    docker exec "$C" vm stop
    wait_exit "$C"
    image resize +1M
}

@test "usage: what is missing, unknown, too much" {
    run -64 image
    run -64 image grow
    run -64 image create "$T/a.qcow2"
    run -64 image info --format vmdk x
    run -0 image --help
    assert_output --partial 'check [--repair] [FILE]'
}
