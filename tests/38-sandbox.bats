# What QEMU and PID 1 cannot do once the guest runs (init/qemu/confine.c). QEMU is tested through its own monitor,
# which can open files as a guest could that has taken over QEMU.
load helpers

confined() {
    host_vm "$@"
    run -0 vm wait --timeout $((60 * PATIENCE))
    QEMU=$(vm status --json | jq .qemu.pid)
}

# opens FILE: QEMU's message when it is told to open FILE as a disk; empty if it could.
opens() {
    vm monitor "drive_add 0 if=none,format=raw,read-only=on,file=$1" | tr -d '\r' | grep -v '^OK' || :
}

@test "QEMU cannot open the host's files, and PID 1's seccomp filter is in force" {
    echo secret >"$T/other"
    mkdir "$T/images"
    mkdir -m 777 "$T/log"
    echo disk >"$T/images/other.iso"
    chmod -R a+rX "$T/other" "$T/images"
    confined
    local file
    for file in /etc/passwd /etc/hostname "$T/other" "$T/images/other.iso" /proc/1/status; do
        run opens "$file"
        assert_output --partial 'Permission denied'
    done
    for file in "$QEMU" "$VM_PID"; do
        run -0 grep -E '^(NoNewPrivs|Seccomp):' "/proc/$file/status"
        assert_output $'NoNewPrivs:\t1\nSeccomp:\t2'
    done
    run -0 vm status --json
    assert_equal "$(jq -c '.sandbox.seccomp, (.sandbox.landlock >= 1)' <<<"$output")" $'true\ntrue'
    run -0 vm status
    assert_line --regexp '^sandbox      seccomp on, Landlock ABI [0-9]+$'
    # Files that QEMU must write are still written: a screenshot, and files that monitor commands write to the log
    # directory.
    run -0 vm monitor "pmemsave 0 4096 \"$T/log/memory\""
    [ "$(stat -c %s "$T/log/memory")" = 4096 ]
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "files named by settings stay readable: BIOS, kernel, modules, trace events, 9p" {
    [ -e "$T/bios.bin" ] || cp /usr/share/seabios/bios-256k.bin "$T/bios.bin"
    echo 'cpu_reset' >"$T/events"
    mkdir -p "$T/share"
    confined QEMU_KERNEL="$GUESTS/linux-vmlinuz" QEMU_INITRD="$GUESTS/linux-initrd" QEMU_BIOS="$T/bios.bin" \
        QEMU_APPEND='console=ttyS0' VM_READY=running VM_GUEST=linux ENABLE_9P=1
    run -0 vm status --json
    assert_equal "$(jq -c '.sandbox.landlock >= 1' <<<"$output")" true
}

@test "settings that may name any file disable the ruleset, and vm status gives the reason" {
    confined QEMU_EXTRA_ARGS='-name other'
    run -0 vm status
    assert_line 'sandbox      seccomp on, Landlock off: QEMU_EXTRA_ARGS may name any file'
    run opens /etc/passwd
    refute_output --partial 'Permission denied'
}

@test "VM_SANDBOX=0 turns all of the sandbox off" {
    confined VM_SANDBOX=0
    run -0 vm status
    assert_line 'sandbox      seccomp off, Landlock off: VM_SANDBOX=0'
    run opens /etc/passwd
    refute_output --partial 'Permission denied'
    run -0 sed -n 's/^Seccomp:.//p' "/proc/$VM_PID/status"
    assert_output "$(sed -n 's/^Seccomp:.//p' /proc/self/status)"
}

@test "PID 1's control socket refuses QEMU, even when it runs as the same user" {
    container sock --user 12345:12345 --tmpfs /run:mode=1777 --tmpfs /var/tmp:mode=1777
    container_ready "$C"
    docker exec "$C" vm monitor 'chardev-add socket,id=in,path=/run/vm/control.sock' >/dev/null || :
    wait_until 10 logs_have "$C" 'a connection of QEMU to control.sock was refused'
    container root "${SAFE[@]}"
    container_ready "$C"
    run docker exec "$C" vm monitor 'chardev-add socket,id=in,path=/run/vm/control.sock'
    assert_output --partial 'Permission denied'
}

@test "in a container whose seccomp profile permits Landlock, QEMU cannot open the container's files" {
    container rules "${SAFE[@]}" --security-opt seccomp=unconfined
    container_ready "$C"
    run -0 docker exec "$C" vm status --json
    assert_equal "$(jq -c '.sandbox.landlock >= 1' <<<"$output")" true
    run docker exec "$C" vm monitor 'drive_add 0 if=none,format=raw,read-only=on,file=/etc/passwd'
    assert_output --partial 'Permission denied'
    assert_equal "$(docker exec "$C" sed -n 's/^Seccomp:.//p' /proc/1/status)" 2
}
