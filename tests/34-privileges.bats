# The user and the privileges of each process, and containers with fewer privileges.
load helpers

# The pid of QEMU in container $1, and one line of its /proc/PID/status.
qemu_status() {
    docker exec "$1" sh -c '
        for p in /proc/[0-9]*; do
            case $(cat $p/comm 2>/dev/null) in qemu-system-*) cat $p/status; break ;; esac
        done' | sed -n "s/^$2:[[:space:]]*//p"
}

@test "QEMU runs as user qemu, without capabilities, with no_new_privs and a seccomp filter" {
    container rights "${SAFE[@]}"
    container_ready "$C"
    assert_equal "$(qemu_status "$C" Uid | tr '\t' ' ')" '107 107 107 107'
    assert_equal "$(qemu_status "$C" Gid | tr '\t' ' ')" '107 107 107 107'
    assert_equal "$(qemu_status "$C" Groups | tr -d ' ')" ''
    for set in CapInh CapPrm CapEff CapAmb; do
        assert_equal "$(qemu_status "$C" $set)" 0000000000000000
    done
    assert_equal "$(qemu_status "$C" NoNewPrivs)" 1
    assert_equal "$(qemu_status "$C" Seccomp)" 2
    # Docker's filter is one of the two, QEMU's own is the other.
    [ "$(qemu_status "$C" Seccomp_filters)" -ge 2 ]
    assert_equal "$(docker exec "$C" sh -c 'cat /proc/$(cd /proc; grep -l ^qemu-system [0-9]*/comm | head -n 1 | cut -d/ -f1)/oom_score_adj')" 500
}

@test "PID 1 cannot create device nodes once the guest runs" {
    container kept "${SAFE[@]}"
    container_ready "$C"
    run -0 docker exec "$C" sed -n 's/^CapEff:[[:space:]]*//p' /proc/1/status
    # CHOWN 0, DAC_OVERRIDE 1, KILL 5, SETGID 6, SETUID 7
    assert_output 00000000000000e3
}

@test "QEMU has only the descriptors that it was given" {
    container fds "${SAFE[@]}"
    container_ready "$C"
    run -0 docker exec "$C" sh -c '
        p=$(cd /proc; grep -l ^qemu-system [0-9]*/comm | head -n 1 | cut -d/ -f1)
        for fd in /proc/$p/fd/*; do echo "${fd##*/} $(readlink $fd)"; done'
    refute_output --partial /init
    refute_output --partial console.log
    refute_output --partial events.jsonl
    refute_output --partial '[signalfd]'
}

@test "--read-only with tmpfs on /run and /var/tmp is enough; without them the error names what is missing" {
    container plain --read-only
    wait_exit "$C"
    assert_equal "$STATUS" 77
    wait_until 10 logs_have "$C" 'VM_TMP_DIR=/var/tmp: no overlay can be created there: Read-only file system'
    container run --read-only --tmpfs /var/tmp
    wait_exit "$C"
    assert_equal "$STATUS" 77
    wait_until 10 logs_have "$C" 'VM_RUN_DIR=/run/vm cannot be made: Read-only file system'
    container enough --read-only --tmpfs /run --tmpfs /var/tmp
    container_ready "$C"
    wait_until 10 logs_have "$C" 'console.log cannot be written (Read-only file system)'
    docker stop "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
}

@test "--user with any number and without capabilities: QEMU runs as that user" {
    container user --user 12345:12345 --cap-drop ALL --security-opt no-new-privileges:true \
        --read-only --tmpfs /run:mode=1777 --tmpfs /var/tmp:mode=1777
    container_ready "$C"
    assert_equal "$(qemu_status "$C" Uid | tr '\t' ' ')" '12345 12345 12345 12345'
    assert_equal "$(qemu_status "$C" CapEff)" 0000000000000000
    docker stop "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
}

@test "root without SETUID and SETGID: status 77, and the missing capabilities are named" {
    container nosetuid --cap-drop ALL
    wait_exit "$C"
    assert_equal "$STATUS" 77
    wait_until 10 logs_have "$C" 'the capabilities SETUID and SETGID to change that are missing'
}

@test "without KILL, MKNOD and CHOWN the guest starts and is stopped over QMP" {
    container few --cap-drop ALL --cap-add SETUID --cap-add SETGID --tmpfs /run
    container_ready "$C"
    docker stop -t 30 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
}

@test "without KILL a hanging QEMU cannot be killed and ends with the container: status 82" {
    container nokill --cap-drop ALL --cap-add SETUID --cap-add SETGID --tmpfs /run -e VM_STOP_TIMEOUT=2
    container_ready "$C"
    kill -STOP "$(docker top "$C" -eo pid,comm | awk '/qemu-system/ { print $1 }')"
    docker stop -t 30 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 82
    wait_until 10 logs_have "$C" 'QEMU cannot be signalled: Operation not permitted'
}

@test "QEMU's user can neither change the logs nor create files beside them" {
    container plain
    container_ready "$C"
    for f in console.log qemu.log events.jsonl guest-errors.log; do
        assert_equal "$(docker exec "$C" stat -c '%u:%g %a' "/var/log/qemu/$f")" '0:0 644'
    done
    uid=$(qemu_status "$C" Uid | cut -f 1)
    run ! docker exec --user "$uid" "$C" sh -c 'echo "vm: forged" >>/var/log/qemu/qemu.log'
    run ! docker exec --user "$uid" "$C" sh -c ': >/var/log/qemu/events.jsonl'
    run ! docker exec --user "$uid" "$C" sh -c 'echo x >/var/log/qemu/new'
    run ! docker exec --user "$uid" "$C" mv /var/log/qemu/qemu.log /var/log/qemu/gone
    # A container that runs as another user from the start creates its own.
    container user --user 4711:4712
    container_ready "$C"
    assert_equal "$(docker exec "$C" stat -c '%u %a' /var/log/qemu/console.log)" '4711 644'
}

@test "QEMU runs as VM_UID and VM_GID; the logs belong to root and are readable for all" {
    mkdir "$T/logs"
    container owner "${SAFE[@]}" -v "$T/logs:/var/log/qemu" -e VM_UID=4711 -e VM_GID=4712
    container_ready "$C"
    assert_equal "$(qemu_status "$C" Uid | tr '\t' ' ')" '4711 4711 4711 4711'
    for f in console.log qemu.log events.jsonl guest-errors.log; do
        assert_equal "$(stat -c '%u:%g %a' "$T/logs/$f")" '0:0 644'
    done
}

@test "an image that belongs to another user is writable, as with compose's mounts" {
    mkdir -m 755 "$T/images"
    qemu-img create -q -f qcow2 "$T/images/disk.qcow2" 64M
    chown 1000:1000 "$T/images" "$T/images/disk.qcow2"
    chmod 644 "$T/images/disk.qcow2"
    container image "${SAFE[@]}" -v "$T/images:/opt/hurd-image"
    wait_until 30 logs_have "$C" 'the guest runs'
    wait_until 10 logs_have "$C" 'guest hurd (GNU/Hurd): /opt/hurd-image/disk.qcow2'
    assert_equal "$(stat -c %u:%g "$T/images/disk.qcow2")" 1000:1000
}

@test "the image has no SUID file; both programs are static and stripped" {
    run -0 docker run --rm --entrypoint find "$IMAGE" / -xdev -type f -perm /6000
    assert_output ''
    CONTAINERS+=("$ID-copy")
    docker create --name "$ID-copy" "$IMAGE" >/dev/null
    for program in /init /usr/local/bin/vm; do
        docker cp "$ID-copy:$program" "$T/program"
        run -0 file "$T/program"
        assert_output --partial 'static-pie linked'
        assert_output --partial 'stripped'
        run ldd "$T/program"
        assert_output --regexp 'statically linked|not a dynamic executable'
    done
    run -0 docker inspect -f '{{.Config.Volumes}} {{.Config.StopSignal}} {{json .Config.Healthcheck.Test}}' "$IMAGE"
    assert_output 'map[] SIGTERM ["CMD","/init","health","--hold","300"]'
}
