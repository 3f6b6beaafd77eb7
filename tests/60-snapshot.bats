# vm snapshot: saving and restoring a guest, a running one with its memory.
load helpers

said() {
    grep -qF -- "$1" "$T/out"
}

# mach [NAME=VALUE...]: mach-mini on a disk of its own, in $T/images.
mach() {
    if [ ! -e "$T/disk.qcow2" ]; then
        cp "$MACH_MINI" "$T/disk.qcow2"
        chmod 666 "$T/disk.qcow2"
    fi
    host_vm VM_GUEST=mach QEMU_DRIVE="$T/disk.qcow2" "$@"
}

# refused STATUS TEXT ARGUMENT...: vm snapshot prints this and changes nothing.
refused() {
    run vm snapshot "${@:3}"
    assert_failure "$1"
    assert_output --partial "$2"
}

stop() {
    run -0 vm stop
    host_vm_exit 60
    assert_equal "$STATUS" 0
}

# The image has no error; the incomplete snapshot of a killed QEMU may be left in it.
assert_whole() {
    run qemu-img check "$1"
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
    refute_output --partial corruptions
}

is_paused() {
    [ "$(vm status --json | jq -r .state)" = paused ]
}

@test "linux: files and memory are restored, clients stay connected, and 9p prevents snapshots" {
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    PORT=$(free_port)
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" ENABLE_9P=1 SERIAL_PORT="$PORT"
    run -0 vm wait --timeout $((120 * PATIENCE))
    refused 69 'unmount the share in the guest' save one
    assert_output --partial 'snapshot one is not saved: Migration is disabled when VirtFS export path'
    run -0 vm exec 'umount /mnt/share; echo before >/data/file; sync; (n=0; while sleep 0.2; do n=$((n + 1)); echo $n >/tmp/n; done) >/dev/null 2>&1 & echo $! >/tmp/pid'
    run -0 vm snapshot save one
    assert_output --regexp '^snapshot one saved in [0-9.]+ s: [0-9]+\.[0-9] MiB of memory$'
    pid=$(vm exec cat /tmp/pid)
    run -0 vm exec "kill $pid; echo after >/data/file; echo more >/data/more; sync; sleep 1"
    run vm exec "kill -0 $pid"
    assert_failure

    without_clients() { [ "$(vm status --json | jq .console.clients)" -eq 0 ]; }
    wait_until 20 without_clients # the logout behind the last command
    # It types after the command has ended: input during a command is echoed into its output.
    talk telnet 127.0.0.1 "$PORT" :: 'expect:login: ' 'expect:still here' 'expect:login: ' \
        send: 'expect:login: ' >"$T/talk" 2>&1 3>&- &
    client=$!
    PIDS+=("$client")
    clients() { [ "$(vm status --json | jq .console.clients)" -ge 1 ]; }
    wait_until 20 clients
    run -0 vm snapshot load one
    run -0 vm health
    run -0 vm exec 'cat /data/file; ls /data/more 2>/dev/null; echo still here'
    assert_output $'before\nstill here'
    wait "$client"
    # The program that ran at the save runs again, and continues.
    counted() { vm exec cat /tmp/n | grep -xE '[0-9]+'; } # the kernel may print something, too
    wait_until 20 counted
    n=$(counted)
    later() { [ "$(counted)" -gt "$n" ]; }
    wait_until 20 later
    # A snapshot that cannot be replaced is kept.
    run -0 vm exec 'mount -t 9p -o trans=virtio scripts /mnt/share'
    refused 69 'unmount the share in the guest' save one --force
    run -0 vm exec 'umount /mnt/share'
    run -0 vm snapshot load one
    stop
    run -0 qemu-img check "$T/linux.qcow2"
}

@test "mach-mini: snapshots are saved, loaded, replaced, deleted, and known after a restart" {
    mach
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm exec acpi off
    run -0 vm snapshot save off
    run -0 vm exec acpi on
    refused 65 'there is a snapshot off already; choose another name, or --force' save off
    run -0 vm snapshot save on
    run -0 vm snapshot list --json
    jq -e 'map(.name) == ["off", "on"] and all(.memory > 1000000 and .ready and
        (now - .saved | . >= -1 and . < 600) and .guest_clock_s > 0)' <<<"$output"
    run -0 vm snapshot list
    assert_line --index 1 --regexp '^off +20..-..-.. ..:..:.. +[0-9.]+ MiB +0:0[0-9]:..\.[0-9]{3}$'
    stop

    # After a restart it is ready at once, and QEMU has the same list as qemu-img.
    run -0 qemu-img snapshot -l "$T/disk.qcow2"
    assert_output --partial ' off '
    mach
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot load off
    run -0 vm health
    run -0 vm exec acpi
    assert_output --partial 'power button: off'
    run -0 vm snapshot load on
    run -0 vm exec acpi
    assert_output --partial 'power button: on'
    run -0 vm snapshot save off --force
    run -0 vm snapshot load off
    run -0 vm exec acpi
    assert_output --partial 'power button: on'
    run -0 vm snapshot delete on
    run -0 vm snapshot list --json
    assert_equal "$(jq -c 'map(.name)' <<<"$output")" '["off"]'
    jq -se 'map(select(.event == "snapshot" and .ok)) | length > 5' "$T/log/events.jsonl"
    # A refused load does not affect the guest: it runs or is paused as before.
    run -0 vm monitor stop
    wait_until 10 is_paused
    run -0 vm snapshot load off
    is_paused
    run -0 vm monitor cont
    run -0 vm exec echo alive
    assert_output alive
    # QEMU resets the machine during the load, which is not a reboot of the guest.
    refute grep -q 'rebooted\|was reset' "$T/out"
    stop
    run -0 qemu-img check "$T/disk.qcow2"
}

@test "a snapshot can be saved during the boot, and loading one revives a guest that has panicked" {
    # The readiness is restored, not derived from console output.
    echo 'ready login never-printed' >"$T/markers"
    mach VM_MARKERS="$T/markers"
    wait_until 30 grep -qa 'login: ' "$T/log/console.log"
    run -0 vm snapshot save early
    run -0 vm snapshot list
    assert_output --partial '  booting'
    run vm stop --now
    host_vm_exit
    mach VM_ON_PANIC=pause
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save well
    run -0 vm snapshot load early
    run vm health
    assert_failure 1
    run -0 vm snapshot load well
    run -0 vm health
    printf 'line root\nexpect machsh# \nline panic\n' >"$T/panic.vm"
    run -0 vm script "$T/panic.vm"
    panicked() { vm health | grep -q 'the guest panicked'; }
    wait_until 60 panicked
    run -0 vm snapshot load well
    run -0 vm monitor cont
    run -0 vm wait --timeout $((10 * PATIENCE))
    run -0 vm exec echo alive
    assert_output alive
    stop
}

@test "refused: invalid names, missing snapshots, other disks, requests that come too late" {
    mach
    run -0 vm wait --timeout $((60 * PATIENCE))
    for name in 1 -x '' 'a b' 'a"b' ../x "$(printf 'x%.0s' {1..65})" vm-boot; do
        run vm snapshot save "$name"
        assert_failure 64
    done
    refused 66 'there is no snapshot none; vm snapshot list shows those there are' load none
    refused 66 'there is no snapshot none' delete none
    refused 64 'a name is missing' save
    refused 64 'unknown action' store x
    refused 64 'unknown argument --force' load x --force
    run -0 vm snapshot list --json
    assert_output '[]'
    stop
    qemu-img convert -O raw "$MACH_MINI" "$T/disk.img"
    chmod 666 "$T/disk.img"
    host_vm VM_GUEST=mach QEMU_DRIVE="$T/disk.img" QEMU_DRIVE_FORMAT=raw
    run -0 vm wait --timeout $((60 * PATIENCE))
    refused 65 "$T/disk.img is a raw disk, which cannot keep a snapshot; use QEMU_DISK_MODE=overlay" save x
    refused 65 'is a raw disk' list
    stop
    refused 65 'is a raw disk' save x
    host_vm VM_GUEST=generic QEMU_KERNEL="$GUESTS/linux-vmlinuz" VM_READY=running QEMU_RAM=64
    run -0 vm wait --timeout $((60 * PATIENCE))
    refused 66 'this guest has no disk' save x
    run vm stop --now
    host_vm_exit
}

@test "on a throwaway disk snapshots work as long as it exists, and a message says so" {
    host_vm
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save gone
    assert_output --partial 'it is on the throwaway disk and goes with it'
    run -0 vm exec acpi off
    run -0 vm snapshot load gone
    run -0 vm exec acpi
    assert_output --partial 'power button: on'
    stop
    refused 78 'QEMU_DISK_MODE=throwaway: a guest that is not running has no disk' list
}

@test "the stopped guest: a snapshot of its disk, in the image or in the overlay" {
    cp "$MACH_MINI" "$T/disk.qcow2"
    chmod 666 "$T/disk.qcow2"
    host_env VM_GUEST=mach QEMU_DRIVE="$T/disk.qcow2"
    run -0 vm snapshot save first
    assert_output --partial 'snapshot first saved: the disk'
    qemu-io -c 'write -P 0x55 2M 64k' "$T/disk.qcow2"
    refused 65 'there is a snapshot first already' save first
    run -0 vm snapshot save second
    run -0 vm snapshot load first
    run qemu-io -r -c 'read -P 0x55 2M 64k' "$T/disk.qcow2"
    assert_output --partial 'Pattern verification failed'
    run -0 vm snapshot load second
    run -0 qemu-io -r -c 'read -P 0x55 2M 64k' "$T/disk.qcow2"
    refute_output --partial failed
    run -0 vm snapshot save second --force
    run -0 vm snapshot delete first
    run -0 vm snapshot list
    assert_line --regexp '^second .* disk only '
    assert_equal "${#lines[@]}" 2
    run -0 qemu-img check "$T/disk.qcow2"
    # A running guest's disk cannot be changed by a stopped-guest command; the disk of another guest is locked.
    mach
    run -0 vm wait --timeout $((60 * PATIENCE))
    refused 65 'snapshot second has no memory' load second
    run "${ENV[@]}" VM_RUN_DIR="$T/other" "$VM" snapshot save x
    assert_failure 65
    assert_output --partial 'is in use by another process'
    run -0 vm snapshot save live
    stop
    run -0 vm snapshot load live
    assert_output --partial 'for its memory, load it again when the guest runs'

    sum=$(sha256sum <"$T/disk.qcow2")
    host_env VM_GUEST=mach QEMU_DRIVE="$T/disk.qcow2" QEMU_DISK_MODE=overlay
    refused 66 "$T/disk.qcow2.overlay does not exist yet" list
    mach QEMU_DISK_MODE=overlay
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save inside
    stop
    run -0 vm snapshot save outside
    run -0 vm snapshot list --json
    assert_equal "$(jq -c 'map([.name, .memory != null])' <<<"$output")" '[["inside",true],["outside",false]]'
    run -0 vm snapshot load outside
    assert_equal "$(sha256sum <"$T/disk.qcow2")" "$sum"
    mach QEMU_DISK_MODE=overlay
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot load inside
    run -0 vm exec echo alive
    stop
}

@test "memory of another machine: only the disk is loaded, and the guest boots from it" {
    mach QEMU_RAM=160
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save big
    stop
    mach QEMU_RAM=128
    run -0 vm wait --timeout $((60 * PATIENCE))
    refused 69 'snapshot big is not loaded: ' load big
    assert_output --partial 'the guest restarts from its disk'
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm exec echo alive
    assert_output alive
    stop
    run -0 qemu-img check "$T/disk.qcow2"
}

@test "a loadvm in the monitor that fails: the guest stays paused, the log says so, and it is not continued" {
    mach QEMU_RAM=160
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save big
    stop
    mach QEMU_RAM=128
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save small
    vm monitor loadvm big
    wait_until 20 said 'error: a snapshot could not be loaded (loadvm at the monitor): the guest is paused'
    said 'fix: vm reset restarts it from its disk'
    run vm health
    assert_failure 1
    assert_output --partial 'could not be'
    is_paused
    refused 1 'could not be' save more
    # Each way of recovery lets the guest run again.
    run -0 vm snapshot load small
    run -0 vm wait --timeout $((20 * PATIENCE))
    run -0 vm health
    run -0 vm exec echo alive
    assert_output alive
    vm monitor loadvm big
    twice() { [ "$(grep -c 'a snapshot could not be loaded' "$T/out")" -eq 2 ]; }
    wait_until 20 twice
    run -0 vm reset
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm exec echo alive
    assert_output alive
    # Who waits while the ready guest is paused is answered when it is continued.
    vm monitor stop
    wait_until 20 is_paused
    vm wait --timeout $((60 * PATIENCE)) >"$T/waits" &
    PIDS+=("$!")
    wait_until 20 eval 'ls -l "/proc/$(pgrep -nf "wait --timeout" -P $!)/fd" | grep -q socket'
    vm monitor cont
    wait "$!"
    # After a loadvm that succeeds the guest runs.
    vm monitor loadvm small
    run -0 vm exec echo alive
    vm monitor loadvm big
    wait_until 20 bash -c "[ \$(grep -c 'a snapshot could not be loaded' '$T/out') -eq 3 ]"
    # A stop does not continue the guest to ask it.
    : >"$T/log/events.jsonl"
    kill -TERM "$VM_PID"
    host_vm_exit 20
    assert_equal "$STATUS" 82
    refute grep -q '"running"' "$T/log/events.jsonl"
    assert_whole "$T/disk.qcow2"
}

@test "no space: refused before anything is written, and the guest keeps running" {
    mkdir "$T/small"
    mount -t tmpfs -o size=4m,mode=777 none "$T/small"
    cp "$MACH_MINI" "$T/small/disk.qcow2"
    chmod 666 "$T/small/disk.qcow2"
    host_vm VM_GUEST=mach QEMU_DRIVE="$T/small/disk.qcow2"
    run -0 vm wait --timeout $((60 * PATIENCE))
    run vm snapshot save big
    failed=$status said=$output
    run -0 vm exec echo alive
    alive=$output
    stop
    run -0 qemu-img check "$T/small/disk.qcow2"
    run qemu-img snapshot -l "$T/small/disk.qcow2"
    snapshots=$output
    umount "$T/small"
    assert_equal "$failed" 77
    assert_regex "$said" '^not enough space: the memory may take [0-9]+ MiB, and the disk.s file system has [0-9] MiB free; free space'
    assert_equal "$alive" alive
    assert_equal "$snapshots" ''
}

@test "a stop, and the end of QEMU, during a snapshot leave an intact image" {
    mach QEMU_RAM=2048
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot save first
    qemu=$(vm status --json | jq .qemu.pid)
    vm snapshot save second >"$T/answer" 2>&1 3>&- &
    client=$!
    PIDS+=("$client")
    # Saving takes a third of a second, in which QEMU answers nothing; the next request comes in that time.
    end=$((SECONDS + 10 * PATIENCE))
    while [ "$(grep -c '"paused"' "$T/log/events.jsonl")" -lt 2 ]; do [ "$SECONDS" -lt "$end" ]; done
    kill -STOP "$qemu"
    refused 1 'another snapshot is at work' save third
    kill -CONT "$qemu"
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    wait "$client" || :
    grep -q 'snapshot second saved\|the guest has ended' "$T/answer"
    run -0 qemu-img check "$T/disk.qcow2"

    mach QEMU_RAM=2048
    run -0 vm wait --timeout $((60 * PATIENCE))
    : >"$T/log/events.jsonl"
    qemu=$(vm status --json | jq .qemu.pid)
    vm snapshot save third >"$T/answer" 2>&1 3>&- &
    client=$!
    PIDS+=("$client")
    wait_until 10 grep -q '"paused"' "$T/log/events.jsonl"
    kill -KILL "$qemu"
    host_vm_exit 60
    assert_equal "$STATUS" 69
    run wait "$client"
    assert_equal "$(cat "$T/answer")" 'snapshot third is not saved: QEMU has ended'
    assert_whole "$T/disk.qcow2"
    mach QEMU_RAM=2048
    run -0 vm wait --timeout $((60 * PATIENCE))
    run -0 vm snapshot load first
    run -0 vm exec echo alive
    assert_output alive
    stop
    assert_whole "$T/disk.qcow2"
}

@test "in a container, with the container's QEMU" {
    container machine "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    docker exec "$C" vm exec acpi off
    run -0 docker exec "$C" vm snapshot save off
    docker exec "$C" vm exec acpi on
    run -0 docker exec "$C" vm snapshot load off
    run -0 docker exec "$C" vm health
    run -0 docker exec "$C" vm exec acpi
    assert_output --partial 'power button: off'
    refute logs_have "$C" 'was reset'
    refute logs_have "$C" 'rebooted'
    run -0 docker exec "$C" vm snapshot list --json
    assert_equal "$(jq -c 'map(.name)' <<<"$output")" '["off"]'
}
