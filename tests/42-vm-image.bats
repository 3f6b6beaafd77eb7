#!/usr/bin/env bats
# vm image: what qemu-img does with this project's options, and what is refused, in particular while a guest runs on
# the image.
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
    assert_output --partial 'already exists'
    run -66 image create "$T/none/c.qcow2" 1G
    assert_line "vm: error: $T/none/c.qcow2: its directory does not exist"
    assert_line --partial "paths are the container's"
    run -64 image create "$T/c.qcow2" lots
    run -64 image create --cluster-size 3K "$T/c.qcow2" 1M
    [ "$(cd "$T" && echo *)" = 'a.qcow2 b.qcow2' ]
}

@test "resize: grows by a size or to a size, says what the guest has to do, and never shrinks" {
    image create "$T/only.qcow2" 40M
    run -0 image resize +24M
    assert_output --partial 'the guest does not use the new space yet'
    [ "$(member "$T/only.qcow2" '."virtual-size"')" = $((64 << 20)) ]
    run -0 image resize "$T/only.qcow2" 1G
    [ "$(member "$T/only.qcow2" '."virtual-size"')" = $((1 << 30)) ]
    run -64 image resize 1M
    assert_output --partial 'would cut off'
    [ "$(member "$T/only.qcow2" '."virtual-size"')" = $((1 << 30)) ]
}

@test "convert: the same contents, as qcow2; raw only on request; no incomplete file" {
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

@test "check: an intact image, one with leaked clusters, one that is repaired" {
    image create "$T/a.qcow2" 8M
    qemu-io -f qcow2 -c 'write 0 1M' "$T/a.qcow2" >/dev/null
    image check
    # The first L2 entry is removed: its cluster has a reference count but is not used.
    l1=$(od -An -v -tx1 -j 40 -N 8 "$T/a.qcow2" | tr -d ' \n')
    l2=$(od -An -v -tx1 -j $((0x$l1)) -N 8 "$T/a.qcow2" | tr -d ' \n')
    printf '\0\0\0\0\0\0\0\0' | dd of="$T/a.qcow2" bs=1 seek=$((0x$l2 & 0xfffffffffffe00)) conv=notrunc status=none
    run -1 image check
    assert_output --partial 'has leaked clusters: space is lost, but no data'
    image check --repair
    image check
}

@test "refused while a guest runs on the image, in the container and outside it; info is allowed" {
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

# stand_in: a qemu-img beside VM_QEMU that prints its user and arguments, and one on PATH that must not run.
stand_in() {
    mkdir "$T/path" "$T/bin"
    printf '#!/bin/sh\ntouch %s/was-run\n' "$T" >"$T/path/qemu-img"
    cat >"$T/bin/qemu-img" <<'SH'
#!/bin/sh
grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr '\t' ' '
echo "session $(cut -d ' ' -f 6 /proc/$$/stat) of $$"
ulimit -t; ulimit -c; ulimit -n
for fd in /proc/$$/fd/*; do [ ! -f "$fd" ] || echo "file ${fd##*/} $(readlink "$fd")"; done
for word; do echo "word $word"; done
SH
    chmod 755 "$T"/*/qemu-img
}

@test "qemu-img is the system's or the one beside VM_QEMU, and runs as QEMU's user or the owner, on descriptors" {
    stand_in
    image create "$T/a.qcow2" 1M
    chmod 644 "$T/a.qcow2"
    in=(env -i PATH="$T/path:$PATH" VM_UID=4242 "$VM" image)
    run -0 "${in[@]}" info "$T/a.qcow2"
    assert_line "image: $T/a.qcow2"
    [ ! -e "$T/was-run" ]
    in=(env -i PATH="$T/path:$PATH" VM_UID=4242 VM_QEMU="$T/bin/qemu" "$VM" image)
    run -0 "${in[@]}" info "$T/a.qcow2"
    assert_line 'Uid: 4242 4242 4242 4242'
    assert_line 'Gid: 4242 4242 4242 4242'
    assert_line --regexp '^Groups: *$'
    assert_line 'CapEff: 0000000000000000'
    assert_line 'CapPrm: 0000000000000000'
    assert_line 'NoNewPrivs: 1'
    assert_line 'Seccomp: 2'
    assert_line --regexp '^session ([0-9]+) of \1$'
    assert_line 60
    assert_line 0
    assert_line 64
    assert_line "file 3 $T/a.qcow2"
    assert_equal "$(grep -c '^file [3-9]' <<<"$output")" 1
    # qemu-img gets the /proc path; messages show the file's name.
    assert_line "word $T/a.qcow2"
    refute_output --partial proc/self/fd

    # A file that QEMU's user cannot open is opened as the file's owner; no other user is tried.
    chown 1234:1235 "$T/a.qcow2"
    run -0 "${in[@]}" resize "$T/a.qcow2" 2M
    assert_line 'Uid: 1234 1234 1234 1234'
    chmod 604 "$T/a.qcow2"
    run -0 "${in[@]}" info "$T/a.qcow2"
    assert_line 'Uid: 4242 4242 4242 4242'
    chmod 000 "$T/a.qcow2"
    run -77 "${in[@]}" info "$T/a.qcow2"
    assert_output --partial "$T/a.qcow2: neither QEMU's user 4242:4242 nor its owner may read it"
    chmod 040 "$T/a.qcow2"
    run -77 "${in[@]}" resize "$T/a.qcow2" 2M
    assert_output --partial "$T/a.qcow2 is read-only (mode 0040)"
}

@test "with Landlock qemu-img opens only its own files, and writes to no file that is only to be read" {
    image create "$T/a.qcow2" 1M
    echo open >"$T/other"
    chmod 666 "$T/a.qcow2" "$T/other"
    cat >"$T/a.c" <<'C'
#include <fcntl.h>
#include <stdio.h>
int main(void)
{
	const char *const names[] = {"/proc/self/fd/3", "OTHER", "/etc/passwd", "/dev/null"};
	for (int i = 0; i < 4; i++)
		printf("%s %d %d\n", names[i], open(names[i], O_RDONLY) >= 0, open(names[i], O_RDWR) >= 0);
}
C
    sed -i "s|OTHER|$T/other|" "$T/a.c"
    gcc -o "$T/qemu-img" "$T/a.c"
    cat >"$T/run" <<'SH'
mount --bind "$1/qemu-img" "$(readlink -f /usr/bin/qemu-img)"
shift
exec "$@"
SH
    inside() { unshare --mount sh "$T/run" "$T" env -i VM_IMAGE_DIR="$T" "$@" image info "$T/a.qcow2"; }
    run -0 inside "$VM"
    assert_output "$T/a.qcow2 1 0
$T/other 0 0
/etc/passwd 0 0
/dev/null 1 1"
    run -0 inside VM_SANDBOX=0 "$VM"
    assert_output "$T/a.qcow2 1 1
$T/other 1 1
/etc/passwd 1 0
/dev/null 1 1"
}

@test "no name is taken for a protocol, and nothing is written through a link" {
    cd "$T" || return
    for name in nbd:127.0.0.1:1 'json:{"driver":"null-co"}' fat:etc; do
        image create "$name" 1M
        [ -f "$name" ]
        run -0 image info "$name"
        assert_line "image: $name"
        run -0 image info --json "$name"
        assert_equal "$(jq -r .filename <<<"$output")" "$name"
        image resize "$name" 2M
        image check "$name"
        image convert "$name" copy.qcow2
        rm copy.qcow2
    done

    ln -s "$T/outside" new.qcow2.part
    image create new.qcow2 1M
    ln -s "$T/outside" copy.qcow2.part
    image convert new.qcow2 copy.qcow2
    [ -f new.qcow2 ] && [ ! -L new.qcow2 ] && [ -f copy.qcow2 ] && [ ! -L copy.qcow2 ]
    ln -s "$T/outside" link.qcow2
    run -77 image create link.qcow2 1M
    assert_output --partial 'link.qcow2 already exists'
    run -77 image convert new.qcow2 link.qcow2
    [ ! -e "$T/outside" ]
    assert_equal "$(stat -c %u:%g:%a new.qcow2 copy.qcow2)" $'0:0:644\n0:0:644'
    qemu-img check -q copy.qcow2
}

@test "text in an image is escaped before it reaches the terminal" {
    qemu-img create -q -u -f qcow2 -b $'x\e]0;t\a\u009b31m' -F raw "$T/a.qcow2" 1M
    run -0 image info "$T/a.qcow2"
    assert_line --partial 'backing file: x\x1b]0;t\x07\u009b31m'
    refute_output --partial $'\e'
    run -0 image info --json "$T/a.qcow2"
    assert_equal "$(jq -r '."backing-filename"' <<<"$output")" $'x\e]0;t\a\u009b31m'
}

@test "a backing file permitted by QEMU_BACKING=allow is passed as a descriptor too" {
    image create "$T/base.qcow2" 8M
    qemu-io -f qcow2 -c 'write -P 7 0 1M' "$T/base.qcow2" >/dev/null
    (cd "$T" && qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2)
    qemu-io -f qcow2 -c 'write -P 8 64k 64k' "$T/top.qcow2" >/dev/null
    run -65 image convert "$T/top.qcow2" "$T/flat.qcow2"
    run -0 env QEMU_BACKING=allow "$VM" image convert "$T/top.qcow2" "$T/flat.qcow2"
    qemu-img compare "$T/top.qcow2" "$T/flat.qcow2"
    assert_equal "$(qemu-img info --output=json "$T/flat.qcow2" | jq -r '."backing-filename"')" null
}

@test "convert --from-format: vmdk, vdi, vhdx, vpc; the format must be given and match the file" {
    local format name
    head -c 3000000 /dev/urandom >"$T/disk.img"
    truncate -s 8M "$T/disk.img"
    for format in vmdk vdi vhdx vpc 'vmdk -o subformat=streamOptimized' 'vpc -o subformat=fixed,force_size'; do
        name=$T/from.${format%% *}
        # shellcheck disable=SC2086 # a format and its options
        qemu-img convert -q -f raw -O $format "$T/disk.img" "$name"
        chmod 600 "$name"
        image convert --from-format "${format%% *}" "$name" "$T/to.qcow2"
        qemu-img convert -O raw "$T/to.qcow2" "$T/back"
        cmp -n 8388608 "$T/disk.img" "$T/back"
        run -65 image convert "$name" "$T/other.qcow2"
        rm -f "$name" "$T/to.qcow2" "$T/back"
    done
    qemu-img convert -f raw -O vdi "$T/disk.img" "$T/a.vdi"
    run -65 image convert --from-format vmdk "$T/a.vdi" "$T/no.qcow2"
    assert_line "vm: error: $T/a.vdi is not a vmdk image"
    assert_line --partial 'fix: name its format: --from-format'
    image convert --from-format vdi "$T/a.vdi" "$T/a.qcow2"
    image convert --from-format qcow2 "$T/a.qcow2" "$T/b.qcow2"
    image convert --from-format raw "$T/disk.img" "$T/c.qcow2"
    image convert --from-format vhd "$T/a.vdi" "$T/d.qcow2" && return 1
    [ "$(cd "$T" && echo *)" = 'a.qcow2 a.vdi b.qcow2 c.qcow2 disk.img' ]
}

@test "convert --from-format opens no file that an image names" {
    echo secret >"$T/secret"
    truncate -s 1M "$T/secret"
    qemu-img create -q -f vmdk -o subformat=monolithicFlat "$T/flat.vmdk" 1M
    run -65 image convert --from-format vmdk "$T/flat.vmdk" "$T/new.qcow2"
    assert_line "vm: error: $T/flat.vmdk is only part of a disk: it refers to other files"
    # QEMU also opens a file that is named in a sparse extent of size zero.
    python3 - "$T" <<'PY'
import struct, sys
t = sys.argv[1]
text = f"""# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"
RW 2048 FLAT "{t}/secret" 0
""".encode()
head = b"KDMV" + struct.pack("<IIQQQQ", 1, 3, 0, 128, 1, 20)
with open(f"{t}/evil.vmdk", "wb") as f:
    f.write(head.ljust(512, b"\0") + text.ljust(20 * 512, b"\0"))
PY
    run -65 image convert --from-format vmdk "$T/evil.vmdk" "$T/new.qcow2"
    assert_line "vm: error: $T/evil.vmdk is only part of a disk: it refers to other files"
    # A qcow2 image with a backing file.
    qemu-img create -q -f vmdk "$T/base.vmdk" 1M
    qemu-img create -q -f vmdk -b "$T/base.vmdk" -F vmdk "$T/delta.vmdk"
    run -65 image convert --from-format vmdk "$T/delta.vmdk" "$T/new.qcow2"
    assert_line "vm: error: $T/delta.vmdk is only part of a disk: it refers to other files"
    [ ! -e "$T/new.qcow2" ]
    run -64 image info --from-format vmdk "$T/flat.vmdk"
}

@test "a signal ends vm image and its qemu-img and leaves nothing behind" {
    mkdir "$T/bin"
    image create "$T/a.qcow2" 1M
    printf '#!/bin/sh\necho $$ >&2; exec sleep 987\n' >"$T/bin/qemu-img"
    chmod 755 "$T/bin/qemu-img"
    hangs() { child=$(pgrep -P "$pid" -x sleep); }
    for sig in TERM INT KILL; do
        # A shell ignores SIGINT in its background processes.
        env -i PATH="$PATH" VM_QEMU="$T/bin/qemu" env --default-signal "$VM" image convert "$T/a.qcow2" "$T/b.qcow2" \
            >"$T/said" 2>&1 3>&- &
        pid=$!
        PIDS+=("$pid")
        wait_until 20 hangs
        kill -"$sig" "$pid"
        wait_until 20 process_is_gone "$pid"
        wait_until 20 process_is_gone "$child"
        run wait "$pid"
        assert_equal "$(cd "$T" && echo *)" 'a.qcow2 bin said'
    done
}

@test "usage: missing, unknown and superfluous arguments" {
    run -64 image
    run -64 image grow
    run -64 image create "$T/a.qcow2"
    run -64 image info --format vmdk x
    run -0 image --help
    assert_output --partial 'check [--repair] [FILE]'
}
