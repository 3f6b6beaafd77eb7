# Data from a guest is hostile: vm pull writes files, directories and links below its destination, as the
# destination's owner, and nothing else.
load helpers

# unpack KIND [MAX]: run the command that vm pull uses on an archive made by evil-tar, called tree, in $T/dest;
# $T/outside is what the archive tries to reach.
unpack() {
    local sum
    sum=$(printf '%s' "${SUMS:-}" | sha256sum)
    mkdir -p "$T/dest" "$T/outside"
    { echo "$sum" && "$ROOT/tests/evil-tar" "$1" tree "$T/outside"; } >"$T/sent"
    # shellcheck disable=SC2086 # names of system calls
    ${WITHOUT:+"$ROOT/tests/without" $WITHOUT --} "$VM" unpack sha256sum tree tree - \
        "${2:-100000000}" <"$T/sent" 3<"$T/dest" 4<"$T/dest" 5>&1
}

# The checksums of files with these contents, for unpack().
sums_of() {
    for text in "$@"; do printf '%s' "$text" | sha256sum | cut -d ' ' -f 1; done | LC_ALL=C sort
}

nothing_outside() {
    run -0 find "$T/outside" -mindepth 1
    assert_output ''
    run -0 find "$T/dest" -mindepth 1 -name '.vm-copy.*'
    assert_output ''
}

refuses_and_replaces() {
    run -1 unpack many
    assert_line 'vm: warning: refused: tree/char: a device'
    assert_line 'vm: warning: refused: tree/block: a device'
    assert_line 'vm: warning: refused: tree/fifo: a FIFO'
    assert_line 'vm: warning: refused: tree/hard: a hard link to a file outside the archive'
    assert_line 'vm: warning: refused: tree/hard-up: a hard link to a file outside the archive'
    assert_line 'vm: warning: refused: /tmp/tree-absolute: its name is absolute'
    assert_line 'vm: warning: refused: tree/../../up: its name contains ..'
    assert_line 'vm: warning: refused: ../up: its name contains ..'
    assert_line 'vm: warning: refused: beside: it was not requested'
    assert_line 'vm: warning: refused: tree/unknown: not a file, directory or link'
    assert_line 'vm: warning: refused: tree/\x1b[31mred\n: a FIFO'
    assert_line --partial '11 of its members were refused; the others were unpacked'
    run -0 find "$T/dest" -mindepth 1 -printf '%P %y %m\n'
    assert_equal "$(LC_ALL=C sort <<<"$output")" "$(LC_ALL=C sort <<'END'
tree d 755
tree/good f 644
tree/inside f 644
tree/last f 644
tree/setuid f 755
tree/sticky d 1777
END
)"
    [ ! -e /tmp/tree-absolute ]
    assert_equal "$(cat "$T/dest/tree/inside" "$T/dest/tree/last")" $'good\nlast'
    nothing_outside

    # An existing link in the way of the archive, and one that the archive creates in the way of later members.
    rm -r "$T/dest"
    run -1 unpack link-then-file
    assert_equal "$(cat "$T/dest/tree/dir/file" "$T/dest/tree/file")" evilevil
    [ ! -L "$T/dest/tree/dir" ]
    [ ! -L "$T/dest/tree/file" ]
    nothing_outside

    for first in link link-inside; do
        rm -r "$T/dest"
        run -0 unpack "$first"
        run -0 find "$T/dest" -type l -lname "$T/outside"
        refute_output ''
        SUMS=$(sums_of evil evil)$'\n' run -0 unpack tree
        assert_output ''
        run -0 find "$T/dest" -mindepth 1 -printf '%P %y\n'
        assert_equal "$(LC_ALL=C sort <<<"$output")" \
            $'tree d\ntree/dir d\ntree/dir/file f\ntree/file f'
        nothing_outside
    done

    rm -r "$T/dest"
    SUMS=$(sums_of evil)$'\n' run -0 unpack top-link
    [ -f "$T/dest/tree/file" ]
    [ ! -L "$T/dest/tree" ]
    nothing_outside
}

@test "a guest's archive cannot write outside its destination, nor create devices or set-id files" {
    refuses_and_replaces
}

@test "the same on a kernel without openat2" {
    WITHOUT=openat2
    refuses_and_replaces
}

@test "archives that are too large, too deep, truncated or invalid end with an error and leave nothing behind" {
    run -1 unpack sparse
    assert_output --partial 'tree: more than 95 MiB were received: pull less, or give a larger --max-size'
    run -1 unpack deep
    assert_output --partial 'its path has too many components'
    run -1 unpack noise
    assert_output --partial 'the received data is damaged: a header'\''s checksum is wrong'
    run -1 unpack cut
    assert_output --partial 'tree: the received contents differ from the sent ones'
    { echo 0 && "$ROOT/tests/evil-tar" cut tree | head -c 50000; } >"$T/half"
    run -1 bash -c '"$1" unpack sha256sum tree tree - 1000000 <"$2/half" 3<"$2/dest" 4<"$2/dest" 5>&1' - \
        "$VM" "$T"
    assert_output --partial 'the received data is damaged: the archive ends too early'
    run -1 bash -c '"$1" unpack sha256sum tree tree - 1000000 </dev/null 3<"$2/dest" 4<"$2/dest" 5>&1' - \
        "$VM" "$T"
    assert_output --partial 'nothing was received'
    run -0 find "$T/dest" -mindepth 1
    assert_output ''
    nothing_outside
}

@test "vm pull from a hostile guest, over ssh and on the serial console" {
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    SSH=$(free_port)
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" \
        VM_SSH_KEY="$GUESTS/linux-key" QEMU_HOSTFWDS="tcp:$SSH:22"
    vm wait --timeout $((90 * PATIENCE))
    vm wait --for ssh --timeout $((60 * PATIENCE))
    vm exec --via ssh "mkdir -p /root/real/d /root/one /root/two/tree; cd /root/real; echo x >suid; chmod 6755 suid; chown 1:1 suid
        mknod kvm c 10 232; mkfifo fifo; echo good >d/good; ln d/good hard
        ln -s $T/outside /root/one/tree; echo evil >/root/two/tree/file"
    "$ROOT/tests/evil-tar" many tree "$T/outside" >"$T/evil.tar"
    vm push "$T/evil.tar" /root/evil.tar
    mkdir "$T/outside"
    for via in ssh serial; do
        mkdir "$T/dest"
        chown 4711:4712 "$T/dest"
        run -1 vm pull --via $via /root/real "$T/dest/"
        assert_line 'vm: warning: refused: real/kvm: a device'
        assert_line 'vm: warning: refused: real/fifo: a FIFO'
        assert_line --partial 'vm: error: /root/real was not pulled: this side: 2 of its members were refused'
        run -0 find "$T/dest/real" -mindepth 1 -printf '%P %y %m %U:%G\n'
        assert_equal "$(LC_ALL=C sort <<<"$output")" "$(LC_ALL=C sort <<'END'
d d 755 4711:4712
d/good f 644 4711:4712
hard f 644 4711:4712
suid f 755 4711:4712
END
)"
        # In two pulls: a link, then a directory of its name.
        run -0 vm pull --via $via /root/one/tree "$T/dest"
        [ -L "$T/dest/tree" ]
        run -1 vm pull --via $via /root/two/tree "$T/dest/tree/"
        assert_output --partial "$T/dest/tree/: a symbolic link, which is not followed"
        run -0 vm pull --via $via /root/two/tree "$T/dest"
        [ ! -L "$T/dest/tree" ]
        assert_equal "$(cat "$T/dest/tree/file")" evil
        run -0 vm pull --via $via /root/one/tree "$T/dest/name"
        run -0 vm pull --via $via /root/two/tree "$T/dest/name"
        [ -f "$T/dest/name/file" ]
        run -1 vm pull --via $via --max-size 2 /root/two/tree "$T/dest/less"
        assert_output --partial 'give a larger --max-size'
        nothing_outside
        rm -r "$T/dest"
    done
    # A tar made for the test. (BusyBox's shell uses only its own tar.)
    vm exec --via ssh 'ln -sf dash /bin/sh; mkdir -p /root/tree; rm -f /bin/tar
        { echo "#!/bin/sh"; echo "case \$1 in -z) gzip -c /root/evil.tar;; *) cat /root/evil.tar;; esac"; } >/bin/tar
        chmod 755 /bin/tar'
    for via in ssh serial; do
        mkdir "$T/dest"
        run -1 vm pull --via $via /root/tree "$T/dest"
        assert_line 'vm: warning: refused: ../up: its name contains ..'
        assert_line --partial '11 of its members were refused'
        [ ! -e /tmp/tree-absolute ]
        [ "$(ls "$T/dest/tree" | wc -l)" = 5 ]
        nothing_outside
        rm -r "$T/dest"
    done
}
