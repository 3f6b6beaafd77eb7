# vm push and vm pull: over ssh, and on the serial console of a guest without ssh.
load helpers

linux() {
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" \
        VM_SSH_KEY="$GUESTS/linux-key" "$@"
    vm wait --timeout $((90 * PATIENCE))
}

linux_ssh() {
    SSH=$(free_port)
    linux QEMU_HOSTFWDS="tcp:$SSH:22"
    vm wait --for ssh --timeout $((60 * PATIENCE))
}

in_guest() {
    vm exec --via ssh "$@"
}

# A tree with everything that is difficult to transfer.
make_tree() {
    mkdir -p "$1/deep/er" "$1/empty"
    head -c "${2:-300000}" /dev/urandom >"$1/random"
    : >"$1/nothing"
    printf 'x' >"$1/deep/odd"$'\n'"na\\me  'q' \"\$HOME\` -ü"
    printf 'y' >"$1/-dash"
    ln -s ../random "$1/deep/link"
    ln -s /nowhere "$1/deep/dangling"
    ln "$1/random" "$1/deep/er/hard"
    chown 1234:4321 "$1/deep/er"
    chmod 2750 "$1/deep/er"
    chmod 4711 "$1/-dash"
}

# Every name, type, mode (without set-id bits, which are not pulled) and link, and the contents.
describe() {
    (cd "$1" && find . -printf '%p %y %04m %l\0' | sed -z 's/ \([fd]\) [0-7]/ \1 /' | sort -z | sha256sum
        find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

@test "over ssh: a tree pushed and pulled is identical; files are renamed, replaced and merged" {
    linux_ssh
    make_tree "$T/tree"
    run -0 vm push "$T/tree" /root/
    assert_output ''
    run -0 in_guest 'ls -ln /root/tree/-dash; ls -lnd /root/tree/deep/er; readlink /root/tree/deep/link'
    assert_line --regexp '^-rws--x--x .* 0 +0 '
    assert_line --regexp '^drwxr-s--- .* 1234 +4321 '
    assert_line ../random
    mkdir "$T/back"
    run -0 vm pull /root/tree "$T/back"
    assert_output ''
    assert_equal "$(describe "$T/back/tree")" "$(describe "$T/tree")"
    run -0 find "$T/back/tree" ! -user 0 -o ! -group 0 -o -perm /6000
    assert_output ''

    # A new name, an existing one, a directory that is merged, several sources.
    echo one >"$T/one"
    echo two >"$T/two"
    vm push "$T/one" /root/name
    vm push "$T/two" /root/name
    run -0 in_guest cat /root/name
    assert_output two
    rm "$T/tree/random"
    echo more >"$T/tree/more"
    vm push "$T/tree/" /root
    run -0 in_guest 'ls /root/tree/random /root/tree/more'
    vm pull /root/name /root/tree/more "$T/back/"
    assert_equal "$(cat "$T/back/name" "$T/back/more")" $'two\nmore'
    run -0 in_guest 'ls -A /root /root/tree'
    refute_output --partial .vm-copy
    # With GNU tar in the guest, holes stay holes. (BusyBox's shell uses only its own tar.)
    in_guest 'ln -sf dash /bin/sh; ln -sf gnu-tar /bin/tar'
    truncate -s 64M "$T/sparse"
    printf middle | dd of="$T/sparse" bs=1 seek=32M conv=notrunc status=none
    run -0 vm push "$T/sparse" /data/
    run -0 in_guest 'wc -c </data/sparse; [ $(du -k /data/sparse | cut -f 1) -lt 100 ] && echo holes'
    assert_output $'67108864\nholes'
    run -0 vm pull /data/sparse "$T/back/"
    [ "$(stat -c %b "$T/back/sparse")" -lt 100 ]
    cmp -n 8 -i 33554432 "$T/sparse" "$T/back/sparse"
    run -0 vm stop
}

@test "over ssh: each failure is one error and leaves nothing behind" {
    linux_ssh
    make_tree "$T/tree"
    in_guest 'mkdir /small && mount -t tmpfs -o size=100k none /small && mkdir /root/dir'
    run -1 vm push "$T/tree/random" /small/x
    assert_line --partial "$T/tree/random was not pushed: the guest: "
    assert_line --partial 'No space left on device'
    run -0 in_guest 'ls -A /small'
    assert_output ''
    run -1 vm push "$T/tree" /root/none/x/
    assert_output --partial '/root/none/x/: no such directory'
    run -1 vm push "$T/tree/nothing" "$T/tree/random" /root/name
    assert_output --partial '/root/name: no such directory'
    cp "$T/tree/nothing" "$T/dir"
    run -1 vm push "$T/dir" /root
    assert_output --partial 'dir is a directory there'
    run -66 vm push "$T/none" /root
    assert_output --partial "$T/none: no such file or directory"
    assert_output --partial "the host's share/ is /share"
    run -1 vm pull /root/none "$T/"
    assert_output --partial 'the guest: /root/none: no such file or directory'
    run -1 vm pull /etc/passwd "$T/none/x"
    assert_output --partial 'this side: '
    run -64 vm pull /root/. "$T"
    run -64 vm push "$T/tree"
    # Another login than that of the key.
    run -1 vm push --via ssh --login nobody "$T/tree" /root
    assert_output --partial 'no ssh into the guest: '
    # The guest ends during the transfer.
    head -c 300M /dev/zero >"$T/zeros"
    "${ENV[@]}" "$VM" push "$T/zeros" /root >"$T/push" 2>&1 3>&- &
    pusher=$!
    PIDS+=("$pusher")
    wait_until 30 in_guest 'ls -d /root/.vm-copy.*'
    vm stop --now || :
    status=0
    wait "$pusher" || status=$?
    assert_equal "$status" 1
    grep -q "zeros was not pushed: " "$T/push"
}

@test "on the serial console: identical in spite of kernel messages, with and without base64" {
    linux QEMU_HOSTFWDS=none
    make_tree "$T/tree" 40000
    mkdir "$T/back"
    # From the first block to the last.
    run -0 vm exec 'while sleep 0.2; do set /tmp/.vm-stream.*; [ -e $1 ] && echo "kernel says something" >/dev/kmsg; done >/dev/null 2>&1 & true'
    run -0 vm push "$T/tree" /root/
    assert_output --partial 'over the serial console, which is slow: no port is forwarded'
    run -0 vm pull --via serial /root/tree "$T/back"
    assert_output ''
    assert_equal "$(describe "$T/back/tree")" "$(describe "$T/tree")"
    grep -q 'kernel says something' "$T/log/console.log"

    # BusyBox's shell contains its programs; dash has to find them.
    run -0 vm exec 'ln -sf dash /bin/sh; rm /bin/base64'
    run -127 vm exec 'command -v base64'
    head -c 5000 /dev/urandom >"$T/digits"
    vm push --via serial "$T/digits" /root/name
    vm pull --via serial /root/name "$T/back/"
    cmp "$T/digits" "$T/back/name"

    run -0 vm exec 'mkdir /small; mount -t tmpfs -o size=20k none /small'
    run vm push --via serial "$T/tree/random" /small/x
    assert_failure 1
    assert_output --partial 'the guest: '
    assert_output --partial 'No space left on device'
    run -1 vm pull --via serial /root/none "$T/"
    assert_output --partial 'the guest: /root/none: no such file or directory'
    run -64 vm push --via serial "$T/digits" $'/root/a\tb'
    run -78 vm push --via ssh "$T/digits" /root
    assert_output --partial 'no port is forwarded'

    # Interrupted: the console stays usable, with its echo, and nothing of the file is in the guest.
    before=$(stat -c %s "$T/log/console.log")
    "${ENV[@]}" "$VM" push --via serial "$T/tree/random" /root/broken >"$T/push" 2>&1 3>&- &
    pusher=$!
    PIDS+=("$pusher")
    wait_until 30 bash -c "tail -c +$before '$T/log/console.log' | grep -qaE '^A[0-9a-f]{16}\.[1-9][0-9]*\.3\.'"
    kill -TERM "$pusher"
    status=0
    wait "$pusher" || status=$?
    assert_equal "$status" 1
    grep -q interrupted "$T/push"
    run -0 vm exec 'ls -A /root /small /tmp; stty -a -F /dev/ttyS0'
    refute_output --partial .vm-
    refute_output --partial broken
    refute_output --partial '-echo '

    # The kernel prints all the time, so a prompt does not stay the last line, and a list of programs is
    # interrupted.
    run -0 vm exec 'while sleep 0.05; do echo "and more" >/dev/kmsg; done >/dev/null 2>&1 & true'
    for name in one two three; do
        vm push --via serial "$T/digits" "/root/$name"
        vm pull --via serial "/root/$name" "$T/back/"
        cmp "$T/digits" "$T/back/$name"
    done
}

# $1 in the guest has the contents of FILE $2, and no temporary file is left.
same_in_guest() {
    run -0 in_guest "busybox sha256sum <$1; busybox ls -A \$(busybox dirname $1) /tmp"
    assert_line --partial "$(sha256sum <"$2" | cut -d ' ' -f 1)"
    refute_output --partial .vm-
}

@test "into a guest without tar: single files, over ssh and on the serial console, by the shell alone" {
    linux_ssh
    head -c 300000 /dev/urandom >"$T/random"
    head -c 5000 /dev/urandom >"$T/-odd na'me"
    : >"$T/nothing"
    chmod 4750 "$T/-odd na'me"
    mkdir "$T/tree"
    ln -s random "$T/link"
    # BusyBox's shell contains its programs; dash has to find them.
    in_guest 'ln -sf dash /bin/sh; rm /bin/tar /bin/gnu-tar; echo old >/root/name; mkdir -p /root/dir/random'
    run -1 vm pull /root/name "$T/back"
    assert_output --partial 'the guest has no tar'

    cd "$T"
    run -0 vm push random /root/name
    assert_output ''
    same_in_guest /root/name "$T/random"
    run -0 vm push -- "-odd na'me" nothing /root/
    same_in_guest "\"/root/-odd na'me\"" "$T/-odd na'me"
    run -0 in_guest 'ls -ln /root'
    assert_line --regexp "^-rwsr-x--- .* 0 +0 +5000 .*-odd na'me"
    assert_line --regexp '^-rw-r--r-- .* 0 +0 +0 .* nothing'
    for what in tree link; do
        run -1 vm push "$what" /root/
        assert_output --partial "$what is not a regular file, and only those can be pushed: the guest has no tar"
    done
    run -1 vm push random /root/dir
    assert_output --partial 'random is a directory there'
    run -1 vm push random /root/none/
    assert_output --partial '/root/none/: no such directory'
    in_guest 'mkdir /small; mount -t tmpfs -o size=100k none /small; echo old >/small/x'
    run -1 vm push random /small/x
    assert_output --partial 'No space left on device'
    run -0 in_guest 'ls -A /small; cat /small/x'
    assert_output $'x\nold'

    # On the serial console: with base64 and checksums, without base64, without either.
    head -c 20000 random >some
    run -0 vm push --via serial some /root/one
    assert_output ''
    same_in_guest /root/one "$T/some"
    in_guest 'rm /bin/base64 /bin/od /bin/dd /bin/tail /bin/sed /bin/tr'
    vm push --via serial -- "-odd na'me" /root/two
    same_in_guest /root/two "$T/-odd na'me"
    in_guest 'rm /bin/sha256sum; touch /tmp/noise; while [ -e /tmp/noise ]; do sleep 0.2; echo "kernel says something" >/dev/kmsg; done >/dev/null 2>&1 &'
    vm push --via serial -- "-odd na'me" /root/three
    same_in_guest /root/three "$T/-odd na'me"
    vm push --via serial nothing /root/two
    same_in_guest /root/two "$T/nothing"
    in_guest 'rm /bin/wc /tmp/noise'
    vm push -- "-odd na'me" /root/two
    same_in_guest /root/two "$T/-odd na'me"
    # Some programs are needed in any case, and missing ones are named.
    run -1 vm pull --via serial /root/one "$T/back"
    assert_output --partial 'the guest has no dd or tr'
    in_guest 'rm /bin/chmod'
    run -1 vm push --via serial some /root/one
    assert_output --partial 'the guest has no chmod'
}

@test "a guest without files, and no running guest" {
    host_env
    run -1 vm push "$T" /root
    assert_output --partial 'no guest runs here'
    host_vm
    vm wait --timeout $((60 * PATIENCE))
    echo x >"$T/x"
    run -78 vm push "$T/x" /root
    assert_output --partial 'this guest (VM_GUEST=mach) has no files'
    run -78 vm pull x "$T"
}

@test "on a terminal a progress bar is shown; in a pipe it is not" {
    linux_ssh
    head -c 3000000 /dev/urandom >"$T/big"
    run -0 env TERM=xterm "$ROOT/tests/talk" -t 120 "${ENV[@]}" TERM=xterm "$VM" push "$T/big" /root/ :: eof
    assert_output --regexp $'\r''\[#{24}\] 2\.8[67] MiB, [0-9.]+ MiB/s  '
    run -0 env TERM=xterm "$ROOT/tests/talk" -t 120 "${ENV[@]}" TERM=xterm "$VM" pull /root/big "$T/back" :: eof
    assert_output --partial ' MiB/s  /root/big'
    cmp "$T/big" "$T/back"
    run -0 "$ROOT/tests/talk" -t 120 "${ENV[@]}" TERM=dumb "$VM" push "$T/big" /root/ :: eof
    refute_output --partial 'MiB/s'
    run -0 vm push "$T/big" /root/
    assert_output ''
}
