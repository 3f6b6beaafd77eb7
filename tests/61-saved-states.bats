# Saved states: warm starts, and VM_STOP=suspend. QEMU 7.2 saves the memory as a stream; since 8.2 it is a file that
# is mapped (65-mapped-states.bats).
load helpers

said() {
    grep -qF -- "$1" "$T/out"
}

# warm [NAME=VALUE...]: start the built-in guest and wait until it is ready and, the first time, saved.
warm() {
    host_vm VM_WARM=1 "$@"
    run -0 vm wait --timeout $((60 * PATIENCE))
}

stop() {
    run -0 vm stop
    host_vm_exit 60
    assert_equal "$STATUS" 0
}

# A cold start that saves its state.
warmed() {
    warm "$@"
    wait_until 30 said 'warm state saved in'
    stop
    STATE=$T/images/state/mach-mini.qcow2.warm
    # With QEMU 8.2 and newer PID 1 saves the memory; QEMU's own file is smaller then.
    STREAM=memory
    [ ! -e "$STATE/devices" ] || STREAM=devices
    [ "$(ls "$STATE" | grep -v '^devices$')" = $'manifest.json\nmemory\noverlay-0' ]
}

# The next start logs WHY, boots, and saves a state that the start after that resumes.
assert_cold_because() {
    warm "${@:2}"
    said "mach-mini.qcow2.warm is not resumed: $1"
    said 'phase bootstrap'
    wait_until 30 said 'warm state saved in'
    stop
    warm "${@:2}"
    said 'vm: resumed from '
    stop
}

# The memory of the guest in container $1 is the state's file, mapped so that QEMU's writes are private.
maps_state() {
    grep -q ' rw-p .*/memory$' "/proc/$(qemu_of "$1")/maps"
}

linux() {
    [ -e "$T/linux.qcow2" ] || cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    SSH=${SSH:-$(free_port)}
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" QEMU_HOSTFWDS="tcp:$SSH:22" "$@"
    run -0 vm wait ${FOR:+--for "$FOR"} --timeout $((120 * PATIENCE))
}

@test "the first start saves its state, later ones resume it without a boot, and the shell answers" {
    warmed
    refute grep -q 'resumed from' "$T/out"
    warm
    said "vm: resumed from $STATE, saved "
    refute grep -q 'phase bootstrap' "$T/out"
    run -0 vm exec uname
    assert_output --partial 'GNU Mach'
    run -0 vm status --json
    assert_equal "$(jq -r '.ready, .state' <<<"$output")" $'true\nrunning'
    jq -se 'any(.event == "resume" and .kind == "warm")' "$T/log/events.jsonl"
    # The state is unchanged: the same guest again.
    stop
    warm
    said 'resumed from'
    run -0 vm exec echo again
    assert_output again
    stop
}

@test "a state as a stream (earlier images have it): saved and resumed with every QEMU" {
    warmed VM_STATE_FORMAT=stream
    assert_equal "$(jq -r .memory "$STATE/manifest.json")" stream
    warm VM_STATE_FORMAT=stream
    said "vm: resumed from $STATE, saved "
    run -0 vm exec echo alive
    assert_output alive
    stop
}

@test "a state of another machine, disk or QEMU causes one log line and a cold start" {
    cp "$MACH_MINI" "$T/a.qcow2"
    local disk="VM_EMBEDDED=$T/mach-mini.qcow2"
    cp "$MACH_MINI" "$T/mach-mini.qcow2"
    warmed "$disk"
    assert_cold_because 'the machine -m: it was 128, and is 160' "$disk" QEMU_RAM=160
    touch "$T/mach-mini.qcow2"
    assert_cold_because "the disk's size and time of change: it was " "$disk" QEMU_RAM=160
    sed -i 's/"qemu":"[^"]*"/"qemu":"4.2.0"/' "$STATE/manifest.json"
    assert_cold_because 'QEMU 4.2.0 saved it, and this is ' "$disk" QEMU_RAM=160
}

@test "a damaged state causes one log line and a cold start" {
    warmed
    truncate -s 100000 "$STATE/$STREAM"
    assert_cold_because 'QEMU'
    dd if=/dev/urandom of="$STATE/$STREAM" bs=100k count=1 conv=notrunc status=none
    assert_cold_because 'QEMU'
    echo '{"format":1}' >"$STATE/manifest.json"
    assert_cold_because 'its manifest.json is no manifest of a state'
    truncate -s 1000 "$STATE/overlay-0"
    assert_cold_because "$STATE/overlay-0 is truncated"
    rm "$STATE/$STREAM"
    assert_cold_because "$STATE/$STREAM: No such file"
}

@test "vm warm: on request, on a throwaway disk only, and if the directory is writable" {
    host_vm
    run -0 vm warm
    assert_output --regexp '^warm state saved in [0-9.]+ s \(the guest stood still for [0-9.]+ s\): [0-9.]+ MiB of memory, [0-9.]+ MiB of disk, in '
    # The guest keeps running.
    run -0 vm exec echo here
    assert_output here
    stop
    cp "$MACH_MINI" "$T/images/disk.qcow2"
    chmod 666 "$T/images/disk.qcow2"
    host_vm VM_GUEST=mach
    run vm warm
    assert_failure 78
    assert_output --partial 'a warm state needs a throwaway disk'
    stop
    rm "$T/images/disk.qcow2"
    run "${ENV[@]}" VM_WARM=1 QEMU_DISK_MODE=overlay "$VM" check
    assert_failure 78
    assert_output --partial 'VM_WARM=1 on a disk that is kept'
    host_vm VM_STATE_DIR=/proc/nowhere VM_WARM=1
    wait_until 60 said 'the warm state cannot be saved: /proc/nowhere: no state can be saved there'
    run -0 vm exec echo alive
    stop
}

@test "no space for a state: no incomplete state, and the guest keeps running" {
    mkdir "$T/small"
    mount -t tmpfs -o size=1m none "$T/small"
    host_vm VM_STATE_DIR="$T/small" VM_WARM=1
    wait_until 60 said 'the warm state cannot be saved'
    run -0 vm exec echo alive
    assert_output alive
    left=$(ls -A "$T/small")
    stop
    umount "$T/small"
    assert_equal "$left" ''
}

@test "a stop during saving leaves no incomplete state" {
    linux VM_WARM=1 QEMU_RAM=1024
    wait_until 60 said "saving the guest's state"
    kill -TERM "$VM_PID"
    host_vm_exit 90
    assert_equal "$STATUS" 0
    run find "$T/images/state" -name '.part*'
    assert_output ''
}

@test "QEMU killed while a state is saved: no incomplete state, and a suspension is reported as QEMU's failure" {
    local stop try
    for stop in suspend warm; do
        # Saving may end before the kill; then the status is 0, and it is tried again.
        for try in 1 2 3 4 5; do
            rm -rf "$T/images/state" "$T/log" "$T/run"
            if [ "$stop" = suspend ]; then
                linux VM_STOP=suspend QEMU_RAM=1024
                vm wait --timeout $((90 * PATIENCE))
                kill -TERM "$VM_PID"
            else
                linux VM_WARM=1 QEMU_RAM=1024
            fi
            wait_until $((90 * PATIENCE)) said "saving the guest's state"
            kill -KILL "$(pgrep -P "$VM_PID" -f '^[^ ]*qemu-system')" || echo "try $try: QEMU has ended"
            host_vm_exit 60
            [ "$STATUS" = 0 ] || break
        done
        assert_equal "$STATUS" 69
        grep -q 'error: .*signal 9' "$T/out"
        run find "$T/images/state" -name '.part*'
        assert_output ''
    done
}

@test "incomplete states of earlier runs are removed after an hour" {
    local state=$T/images/state
    mkdir -p "$state"/{.part-0123456789abcdef,.part-fedcba9876543210,.old-0123456789abcdef,.other,my.part-1}
    touch "$state"/{.part-0123456789abcdef,.part-fedcba9876543210}/memory
    touch -d '-2 hours' "$state/.part-0123456789abcdef/memory" "$state"/.*-0123456789abcdef "$state"/{.other,my.part-1} \
        "$state/.part-fedcba9876543210"
    host_env VM_WARM=1
    run -0 "${ENV[@]}" "$VM" check
    [ -e "$state/.part-0123456789abcdef" ]
    warm
    said "removed 2 incomplete saved states of an earlier run from $state"
    wait_until 30 said 'warm state saved in'
    stop
    assert_equal "$(ls -A "$state")" $'.other\n.part-fedcba9876543210\nmach-mini.qcow2.warm\nmy.part-1'
}

@test "in containers: one state for many guests, from a read-only directory, with the base unchanged" {
    mkdir -m 777 "$T/state"
    container first -e VM_WARM=1 -e VM_STATE_DIR=/state -v "$T/state:/state" "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    wait_until 30 logs_have "$C" 'warm state saved in'
    docker stop "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
    grep -q '"memory":"mapped"' "$T/state/mach-mini.qcow2.warm/manifest.json"
    sum=$(cat "$T"/state/*/* | sha256sum)
    for n in 1 2 3 4; do
        container "n$n" -e VM_WARM=1 -e VM_STATE_DIR=/state -v "$T/state:/state:ro" "${SAFE[@]}" --tmpfs /var/log/qemu
    done
    for n in 1 2 3 4; do
        C=$ID-n$n
        container_ready "$C"
        logs_have "$C" 'vm: resumed from /state/mach-mini.qcow2.warm'
        maps_state "$C"
        run -0 docker exec "$C" vm exec echo "number $n"
        assert_output "number $n"
    done
    assert_equal "$(cat "$T"/state/*/* | sha256sum)" "$sum"
}

@test "VM_STOP=suspend: docker stop saves, docker start continues, on a persistent disk" {
    mkdir -m 777 "$T/images"
    cp "$GUESTS/linux.qcow2" "$T/images/linux.qcow2"
    chmod 666 "$T/images/linux.qcow2"
    container linux -e VM_GUEST=linux -e VM_STOP=suspend -e QEMU_RAM=512 -v "$T/images:/opt/hurd-image" "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C" 120
    docker exec "$C" vm exec --stay 'n=0; echo 0 >/tmp/n; (while sleep 1; do n=$((n + 1)); echo $n >/tmp/n; done) >/dev/null 2>&1 &'
    docker exec "$C" vm exec --stay 'echo unsynced >/data/file; echo $PPID >/tmp/shell'
    boot=$(docker exec "$C" vm exec 'cat /proc/sys/kernel/random/boot_id')
    docker stop -t 60 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
    logs_have "$C" 'the guest is suspended; the next start resumes it'
    [ -e "$T/images/state/linux.qcow2.suspended/memory" ]
    n=$(date +%s)
    docker start "$C" >/dev/null
    container_ready "$C"
    logs_have "$C" 'vm: resumed from /opt/hurd-image/state/linux.qcow2.suspended'
    # The state is deleted: from here on, the guest's writes are only on its disk.
    run ls "$T/images/state"
    assert_output ''
    run -0 docker exec "$C" vm exec 'cat /proc/sys/kernel/random/boot_id'
    assert_output "$boot"
    run -0 docker exec "$C" vm exec 'cat /data/file; kill -0 $(cat /tmp/shell) && echo there'
    assert_output $'unsynced\nthere'
    before=$(docker exec "$C" vm exec cat /tmp/n)
    later() { [ "$(docker exec "$C" vm exec cat /tmp/n)" -gt "$before" ]; }
    wait_until 10 later
    wait_until 30 logs_have "$C" "the guest's clock is set"
    now=$(docker exec "$C" vm exec date +%s)
    [ "$now" -ge "$n" ] && [ "$now" -le $(($(date +%s) + 2)) ]
}

@test "a suspended guest whose disk has changed is not resumed, and its state is kept" {
    cp "$MACH_MINI" "$T/images.qcow2"
    mkdir -p "$T/images"
    cp "$MACH_MINI" "$T/images/disk.qcow2"
    chmod 666 "$T/images/disk.qcow2"
    host_vm VM_GUEST=mach VM_STOP=suspend
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'stopping: suspend'
    touch "$T/images/disk.qcow2"
    host_vm VM_GUEST=mach
    run -0 vm wait --timeout $((60 * PATIENCE))
    said "disk.qcow2.suspended is not resumed: the disk's size and time of change"
    stop
}

@test "links in the state directory are not followed, and a link of another user is refused as a state directory" {
    cp "$MACH_MINI" "$T/images.qcow2"
    mkdir -p "$T/images/state" "$T/outside"
    cp "$MACH_MINI" "$T/images/disk.qcow2"
    chmod 666 "$T/images/disk.qcow2"
    for name in memory manifest.json overlay-0; do echo mine >"$T/outside/$name"; done
    ln -s "$T/outside" "$T/images/state/disk.qcow2.suspended"
    ln -s "$T/outside" "$T/images/state/disk.qcow2.suspended.used"
    host_vm VM_GUEST=mach VM_STOP=suspend
    run -0 vm wait --timeout $((60 * PATIENCE))
    stop
    said 'suspended state saved'
    [ ! -L "$T/images/state/disk.qcow2.suspended" ]
    host_vm VM_GUEST=mach VM_STOP=suspend
    run -0 vm wait --timeout $((60 * PATIENCE))
    said 'vm: resumed from '
    assert_equal "$(cat "$T"/outside/*)" $'mine\nmine\nmine'

    # A link of a user who can write to images/, where root writes too.
    rm -rf "$T/images/state" "$T/outside"/*
    ln -s "$T/outside" "$T/images/state"
    chown -h 1234 "$T/images/state"
    run -0 vm stop
    host_vm_exit
    said "$T/images/state: no state can be saved there: it is another user's link"
    assert_equal "$(ls -A "$T/outside")" ''

    # A link that belongs to root is accepted.
    chown -h 0 "$T/images/state"
    host_vm VM_GUEST=mach VM_STOP=suspend
    run -0 vm wait --timeout $((60 * PATIENCE))
    stop
    assert_equal "$(ls -A "$T/outside")" disk.qcow2.suspended
}

@test "a guest that cannot be suspended is shut down, and the log gives the reason" {
    cp "$MACH_MINI" "$T/disk.qcow2"
    chmod 666 "$T/disk.qcow2"
    host_vm VM_GUEST=mach VM_STOP=suspend VM_STATE_DIR=/proc/nowhere QEMU_DRIVE="$T/disk.qcow2"
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    said '/proc/nowhere: no state can be saved there'
    said 'stopping: ACPI power button'
    said 'the guest powered off'
    # A mounted 9p share prevents saving (QEMU: hw/9pfs).
    linux VM_STOP=suspend ENABLE_9P=1
    run -0 vm exec 'grep -q /mnt/share /proc/mounts'
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'the suspended state cannot be saved: Migration is disabled when VirtFS export path'
    said 'the guest powered off'
}

@test "a throwaway disk is suspended with its guest, also one that was resumed from a warm state" {
    linux VM_WARM=1 VM_STOP=suspend
    wait_until 60 said 'warm state saved in'
    # The login prompt comes before the network: the saved state must have an ssh server that answers.
    run -0 jq -r 'select(.event == "ready" or .event == "answer" or .saved == true) | .event' "$T/log/events.jsonl"
    assert_output $'ready\nanswer\nsave'
    run -0 vm exec 'echo one >/data/one; sync'
    run -0 vm stop
    host_vm_exit
    said 'the guest is suspended'
    linux VM_WARM=1 VM_STOP=suspend
    said 'suspended, saved'
    run vm exec 'echo two >/data/two; cat /data/one'
    assert_output one
    run -0 vm stop
    host_vm_exit
    linux VM_WARM=1 VM_STOP=suspend
    run -0 vm exec 'cat /data/one /data/two; dd if=/dev/sda of=/dev/null bs=1M count=200 2>/dev/null && echo read'
    assert_output $'one\ntwo\nread'
    # Cut off: the next start is the warm one, without later writes. A client that has been waiting for sshd since
    # before the guest ran gets an answer, although the guest is ready immediately.
    run vm stop --now
    host_vm_exit
    FOR=ssh linux VM_WARM=1
    assert_output "the guest's sshd answers"
    said 'linux.qcow2.warm, saved'
    run vm exec 'ls /data/one'
    assert_failure
    # The line of the first command has set the clock. Without a command nothing is typed on the console.
    said "the guest's clock is set"
    run -0 vm exec 'date +%s'
    [ "$output" -ge "$(stat -c %Y "$T/images/state/linux.qcow2.warm")" ]
    stop
    linux VM_WARM=1
    run -0 vm exec true
    said "the guest's clock is set"
    stop
}
