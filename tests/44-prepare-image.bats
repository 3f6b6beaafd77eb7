#!/usr/bin/env bats
# scripts/prepare-image on disks partitioned like Debian's: a silent guest has its console on the serial line
# afterwards, whatever partition the root is on; keys, names and first-boot commands are in their places; the
# original is unchanged, and e2fsck finds the copy clean.
load helpers

setup_file() {
    load helpers
    export TAG=${IMAGE#*:}
}

# disk LAYOUT: a disk made once for the file; the test's directory gets a link to it.
disk() {
    local made=$BATS_FILE_TMPDIR/$1.img
    [ -e "$made" ] || "$ROOT/tests/guests/hurdlike/build.sh" "$1" "$GUESTS" "$made"
    cp --sparse=always "$made" "$T/disk.img"
}

prepare() {
    "$ROOT/scripts/prepare-image" --keys "$T/ssh" "$@"
}

# The prepared disk as raw, in $T/raw, and its root file system for debugfs in FS.
unpack() {
    qemu-img convert -O raw "$1" "$T/raw"
    FS="$T/raw?offset=$((10 << 20))"
    e2fsck -fn "$FS"
}

inside() { debugfs -R "$1" "$FS" 2>/dev/null; }

# boots FILE: boot until machsh's login prompt on the serial line.
boots() {
    container "$2" "${SAFE[@]}" --tmpfs /var/log/qemu -v "$T:/opt/hurd-image:ro" -e QEMU_DRIVE="/opt/hurd-image/$1" \
        -e QEMU_DISK_MODE=throwaway -e QEMU_RAM=256 -e VM_GUEST=mach "${@:3}"
}

@test "silent before; GRUB, GNU Mach and the login on the serial line after (root on partition 2)" {
    disk 2
    sum=$(sha256sum <"$T/disk.img")
    prepare --no-console --no-ssh --grub-timeout 0 "$T/disk.img" "$T/mute.qcow2"
    prepare "$T/disk.img"
    boots mute.qcow2 before
    [ "$(sha256sum <"$T/disk.img")" = "$sum" ]
    boots disk.prepared.qcow2 after
    after=$C
    container_ready "$after"
    run -0 docker exec "$after" cat /var/log/qemu/console.log
    assert_output --partial "Loading GNU Mach"
    assert_output --partial "multiboot modules"
    run -0 docker exec "$after" vm exec version
    assert_output --partial "GNU Mach 1.8"
    # The unprepared one was started before and has had at least as much time.
    run -0 docker exec "${CONTAINERS[0]}" cat /var/log/qemu/console.log
    refute_output --partial "Mach"
    unpack "$T/disk.prepared.qcow2"
}

@test "the root is found by its contents: partitions 1 and 3, a logical one, GPT; a second run changes nothing" {
    for layout in 1 3 5 gpt; do
        disk "$layout"
        run -0 prepare --force "$T/disk.img"
        case $layout in gpt) number=3 ;; *) number=$layout ;; esac
        assert_output --partial "root file system: partition $number, at byte 10485760"
        assert_output --partial "/boot/grub/grub.cfg: changed, read back"
        unpack "$T/disk.prepared.qcow2"
        run -0 prepare --force "$T/disk.prepared.qcow2" "$T/again.qcow2"
        assert_output --partial "/boot/grub/grub.cfg: already so"
        refute_output --partial "read back"
        qemu-img convert -O raw "$T/again.qcow2" "$T/raw2"
        cmp "$T/raw" "$T/raw2"
    done
    # The last one is booted too: GRUB reads the configuration that was written.
    boots disk.prepared.qcow2 gpt
    container_ready "$C"
}

@test "keys for root and demo, sshd, hostname, password, first boot, the TCG workaround" {
    disk 2
    printf 'a secret\n' >"$T/password"
    printf 'echo once >/root/was-here\n' >"$T/first"
    prepare --user demo --hostname mach --root-password-file "$T/password" --first-boot "$T/first" \
        --tcg-sshd "$T/disk.img" "$T/new.qcow2" >"$T/said" 2>&1
    run ! grep -q 'a secret' "$T/said"
    unpack "$T/new.qcow2"
    ssh-keygen -y -f "$T/ssh/id_ed25519" >"$T/public"
    for home in /root /home/demo; do
        inside "cat $home/.ssh/authorized_keys" | grep -qF "$(cat "$T/public")"
    done
    run -0 inside 'stat /home/demo/.ssh/authorized_keys'
    assert_output --regexp 'Mode: +0600'
    assert_output --regexp 'User: +1000 +Group: +1000'
    run -0 inside 'stat /home/demo/.ssh'
    assert_output --regexp 'directory +Mode: +0700'
    inside 'cat /etc/ssh/sshd_config.d/00-hurd-vm.conf' | grep -qx 'PermitRootLogin prohibit-password'
    [ "$(inside 'cat /etc/hostname')" = mach ]
    inside 'cat /etc/hosts' | grep -qxP '127\.0\.1\.1\tmach'
    hash=$(inside 'cat /etc/shadow' | awk -F : '$1 == "root" { print $2 }')
    salt=${hash%\$*}
    [ "$(perl -e 'print crypt($ARGV[0], $ARGV[1])' 'a secret' "$salt")" = "$hash" ]
    run -0 inside 'stat /etc/shadow'
    assert_output --regexp 'Mode: +0640'
    inside 'cat /etc/default/ssh' | grep -qx 'export OPENSSL_ia32cap="~0:0"'
    inside 'cat /etc/hurd-vm/first-boot' | cmp - "$T/first"
    run -0 inside 'stat /etc/rc2.d/S99hurd-vm-first-boot'
    assert_output --partial 'dest: "../init.d/hurd-vm-first-boot"'
    run -0 inside 'cat /etc/default/grub'
    assert_line 'GRUB_CMDLINE_GNUMACH="-q console=com0"'
}

@test "sshd uses the first value: the line for root is put before an sshd_config that forbids it before its Include" {
    disk 2
    FS="$T/disk.img?offset=$((10 << 20))"
    printf '%s\n' 'PermitRootLogin no' 'Include /etc/ssh/sshd_config.d/*.conf' >"$T/config"
    debugfs -w -R 'rm /etc/ssh/sshd_config' "$FS"
    debugfs -w -R "write $T/config /etc/ssh/sshd_config" "$FS"
    prepare --no-console "$T/disk.img"
    unpack "$T/disk.prepared.qcow2"
    [ "$(inside 'cat /etc/ssh/sshd_config' | grep -m 1 PermitRootLogin)" = \
        'PermitRootLogin prohibit-password' ]
    inside 'cat /boot/grub/grub.cfg' >"$T/grub"
    run ! grep -q com0 "$T/grub"
}

# at PATH FILE: FILE becomes PATH of the disk's root.
at() {
    debugfs -w -R "rm $1" "$T/disk.img?offset=$((10 << 20))"
    debugfs -w -R "write $2 $1" "$T/disk.img?offset=$((10 << 20))"
}

@test "GRUB waits 1 s, or the time of --grub-timeout, in every branch; nothing else changes" {
    disk 2
    prepare --no-ssh "$T/disk.img" "$T/new.qcow2"
    unpack "$T/new.qcow2"
    run -0 inside 'cat /boot/grub/grub.cfg'
    [ "$(grep -c '^  set timeout=1$' <<<"$output")" = 2 ]
    refute_output --partial 'timeout=5'
    assert_line '  set timeout_style=menu'
    run -0 inside 'cat /etc/default/grub'
    assert_line GRUB_TIMEOUT=1
    refute_output --partial 'GRUB_TIMEOUT=5'

    prepare --no-ssh --grub-timeout keep "$T/disk.img" "$T/kept.qcow2"
    unpack "$T/kept.qcow2"
    [ "$(inside 'cat /boot/grub/grub.cfg' | grep -c '^  set timeout=5$')" = 2 ]
    inside 'cat /etc/default/grub' | grep -qx GRUB_TIMEOUT=5

    # Bytes that are not text, a last line without a line end, branches on one line; no GRUB_TIMEOUT.
    printf 'title=\0\377\nif a; then set timeout="5" ; else timeout=${t}; fi\n# set timeout=5\nset timeout_style=menu\nmultiboot /gnumach timeout=5\r\n  set timeout=-1' \
        >"$T/cfg"
    printf 'title=\0\377\nif a; then set timeout=30 ; else timeout=30; fi\n# set timeout=5\nset timeout_style=menu\nmultiboot /gnumach timeout=5\r\n  set timeout=30' \
        >"$T/wanted"
    at /boot/grub/grub.cfg "$T/cfg"
    printf '#GRUB_TIMEOUT=9\nGRUB_TIMEOUT_STYLE=menu' >"$T/default"
    at /etc/default/grub "$T/default"
    prepare --no-ssh --no-console --grub-timeout 30 "$T/disk.img" "$T/odd.qcow2"
    unpack "$T/odd.qcow2"
    inside 'cat /boot/grub/grub.cfg' | cmp - "$T/wanted"
    printf '#GRUB_TIMEOUT=9\nGRUB_TIMEOUT_STYLE=menu\nGRUB_TIMEOUT=30\n' >"$T/default"
    inside 'cat /etc/default/grub' | cmp - "$T/default"
    run -0 prepare --no-ssh --no-console --grub-timeout 30 "$T/odd.qcow2" "$T/again.qcow2"
    assert_output --partial '/boot/grub/grub.cfg: already so'
    assert_output --partial '/etc/default/grub: already so'

    # A grub.cfg without a timeout does not get one.
    printf 'multiboot /gnumach' >"$T/cfg"
    at /boot/grub/grub.cfg "$T/cfg"
    prepare --no-ssh --no-console "$T/disk.img" "$T/none.qcow2"
    unpack "$T/none.qcow2"
    inside 'cat /boot/grub/grub.cfg' | cmp - "$T/cfg"

    for bad in 5s -2 '' 1000000; do
        run -64 prepare --grub-timeout "$bad" "$T/disk.img" "$T/bad.qcow2"
        assert_output --partial "--grub-timeout $bad: neither a number of seconds nor keep"
    done
}

@test "authorised keys from a file; no key pair is created then" {
    disk 1
    ssh-keygen -q -t ed25519 -N '' -f "$T/mine"
    prepare --authorized-keys "$T/mine.pub" "$T/disk.img"
    unpack "$T/disk.prepared.qcow2"
    inside 'cat /root/.ssh/authorized_keys' | cmp - "$T/mine.pub"
    [ ! -e "$T/ssh" ]
}

@test "a missing and an empty disk are refused before a key pair is made" {
    run -66 prepare "$T/missing.qcow2"
    assert_line "prepare-image: error: $T/missing.qcow2: no such file"
    assert_line --partial 'fix: check its name'
    touch "$T/empty.img"
    run -65 prepare "$T/empty.img"
    assert_line "prepare-image: error: $T/empty.img is empty"
    refute_output --partial od:
    [ ! -e "$T/ssh" ]
    # The tool itself, without the script; a disk that ends before its first block.
    run -65 docker run --rm --network none -v "$T:/disks" "$IMAGE" init /usr/lib/vm/prepare-image /disks/empty.img
    assert_line 'prepare-image: error: /disks/empty.img is empty'
    echo short >"$T/short.img"
    run -65 prepare "$T/short.img"
    assert_line --partial 'no partition of this disk contains /hurd and /etc'
    assert_line --partial 'fix: check that it is a GNU/Hurd; any other disk is used unprepared'
    refute_output --partial od:
}

@test "refused: no Hurd, a broken file system, an unknown user, an image in use, a backing file" {
    disk 2
    qemu-img create -q -f qcow2 "$T/empty.qcow2" 1M
    run -65 prepare "$T/empty.qcow2"
    assert_output --partial 'no partition of this disk contains /hurd and /etc'
    run -65 prepare --user nobody-there "$T/disk.img"
    assert_output --partial 'the guest has no user nobody-there'
    qemu-img create -q -f qcow2 -F raw -b disk.img "$T/overlay.qcow2"
    run -65 prepare "$T/overlay.qcow2"
    assert_output --partial 'has a backing file'
    # A wrong link count of the root directory.
    debugfs -w -R 'sif / links_count 77' "$T/disk.img?offset=$((10 << 20))"
    run -65 prepare "$T/disk.img"
    assert_output --partial 'the root file system is not clean'
    [ ! -e "$T/disk.prepared.qcow2" ] && [ ! -e "$T/disk.prepared.qcow2.prepare" ]
    prepare --repair "$T/disk.img"
    unpack "$T/disk.prepared.qcow2"
    run -73 prepare "$T/disk.img"
    assert_output --partial 'is there already'
    container busy "${SAFE[@]}" -v "$T:/opt/hurd-image" -e VM_GUEST=mach -e QEMU_RAM=256 \
        -e QEMU_DRIVE=/opt/hurd-image/disk.prepared.qcow2
    container_ready "$C"
    run -65 prepare "$T/disk.prepared.qcow2" "$T/other.qcow2"
    assert_output --partial 'cannot be copied'
    [ ! -e "$T/other.qcow2" ]
}
