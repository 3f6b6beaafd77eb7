# SHARE_DIR in the guest: by 9p, in both directions and with both security models, and as a disk.
load helpers

# linux_container NAME [DOCKER-ARGUMENTS...]: the linux guest from a copy of its disk, with its key
# where vm exec, push and pull look for it.
linux_container() {
    local name=$1
    shift
    mkdir -p "$T/images/ssh" "$T/share"
    chmod 777 "$T/share"
    cp "$GUESTS/linux.qcow2" "$T/images/"
    cp "$GUESTS/linux-key" "$T/images/ssh/id_ed25519"
    container "$name" "${SAFE[@]}" -v "$T/images:/opt/hurd-image" -v "$T/share:/share" \
        -e VM_GUEST=linux -e QEMU_RAM=512 "$@"
    container_ready "$C" 180
    docker exec "$C" vm wait --for ssh --timeout $((300 * PATIENCE))
}

in_guest() {
    docker exec "$C" vm exec --via ssh "$@"
}

@test "9p: files that the guest creates belong to VM_UID and VM_GID; vm push and pull in a container" {
    linux_container none -e ENABLE_9P=1 -e VM_UID=4711 -e VM_GID=4712
    echo 'from the host' >"$T/share/in"
    run -0 in_guest cat /mnt/share/in
    assert_output 'from the host'
    in_guest 'echo out >/mnt/share/out; mkdir /mnt/share/dir; chmod 750 /mnt/share/dir'
    assert_equal "$(cat "$T/share/out")" out
    assert_equal "$(stat -c %u:%g "$T/share/out")" 4711:4712
    assert_equal "$(stat -c %u:%g:%a "$T/share/dir")" 4711:4712:750

    docker exec "$C" sh -c 'mkdir /tmp/d; echo x >/tmp/d/x; chmod 600 /tmp/d/x; chown -R 1234:1234 /tmp/d'
    run -0 docker exec "$C" vm push /tmp/d /root/
    run -0 in_guest ls -ln /root/d/x
    assert_output --regexp '^-rw------- +1 1234 +1234 '
    run -0 docker exec "$C" vm pull /root/d /share/
    # Without CAP_FOWNER, root owns the files that it has unpacked.
    assert_equal "$(stat -c %u:%a "$T/share/d/x")" 0:600
    docker stop -t 60 "$C" >/dev/null
}

@test "9p with mapped-xattr: the guest has its own owners and modes" {
    linux_container mapped -e VM_SHARE=9p -e QEMU_9P_SECURITY=mapped-xattr -e VM_UID=4711 -e VM_GID=4712
    in_guest 'echo out >/mnt/share/out; chown 7:8 /mnt/share/out; chmod 4640 /mnt/share/out; ln -s out /mnt/share/link'
    run -0 in_guest 'ls -ln /mnt/share/out; readlink /mnt/share/link'
    assert_line --regexp '^-rwSr----- +1 7 +8 '
    assert_line out
    assert_equal "$(cat "$T/share/out")" out
    assert_equal "$(stat -c '%u:%g %F %a' "$T/share/out")" '4711:4712 regular file 600'
    assert_equal "$(stat -c %F "$T/share/link")" 'regular file'
    echo 'from the host' >"$T/share/in"
    run -0 in_guest cat /mnt/share/in
    assert_output 'from the host'
    docker stop -t 60 "$C" >/dev/null
}

@test "VM_SHARE=disk: SHARE_DIR as it was at the start, read-only" {
    mkdir -p "$T/share/deep"
    seq 1 100000 >"$T/share/deep/A long name, with Ünïcode and a (very) long ending.numbers"
    chmod 755 "$T/share/deep"
    ln -s deep "$T/share/link"
    linux_container disk -e VM_SHARE=disk -e VM_SHARE_SIZE=8
    logs_have "$C" 'SHARE_DIR=/share is a read-only disk of'
    run -1 in_guest 'mount -t iso9660 -o ro /dev/sr0 /mnt/share && cd /mnt/share && md5sum link/*; ls -l; touch x'
    assert_line --partial "$(md5sum <"$T/share/deep/"*.numbers | cut -d ' ' -f 1)"
    assert_line --partial 'link -> deep'
    assert_line --partial 'Read-only file system'
    # Joliet, for systems without Rock Ridge.
    run -0 in_guest 'umount /mnt/share; mount -t iso9660 -o ro,norock,utf8 /dev/sr0 /mnt/share; ls /mnt/share/deep'
    assert_output --partial 'A long name, with '
    docker stop -t 60 "$C" >/dev/null
}

@test "VM_SHARE=disk: too large, unreadable, stopped while it is made, and contradictory settings" {
    host_env VM_SHARE=disk VM_SHARE_SIZE=2
    head -c 3M /dev/urandom >"$T/share/large"
    chmod 755 "$T/share"
    run -78 vm run
    assert_output --partial "SHARE_DIR=$T/share does not fit into VM_SHARE_SIZE=2 MiB"
    echo x >"$T/share/large"
    chmod 000 "$T/share/large"
    run -77 vm run
    assert_output --partial "no CD-ROM image of SHARE_DIR=$T/share can be made in VM_TMP_DIR=$T"
    rm -f "$T/share/large"
    run -78 env "${ENV[@]:1}" ENABLE_9P=1 "$VM" check
    assert_output --partial 'ENABLE_9P=1 and VM_SHARE=disk: SHARE_DIR can be shared in one way only'

    # An xorriso that never ends.
    printf '#!/bin/sh\nexec sleep 1000\n' >"$T/xorriso"
    chmod 755 "$T/xorriso"
    container slow "${SAFE[@]}" -e VM_SHARE=disk -v "$T/xorriso:/usr/bin/xorriso:ro"
    wait_until 30 docker exec "$C" vm status
    docker stop -t 30 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
}
