# The state of a guest: phases, readiness, deadlines, running or dead.
load helpers


said() {
    grep -qF -- "$1" "$T/out"
}

# sector KIND [NAME=VALUE...]: a guest that is one boot sector (tests/guests/sector), on a disk of its own.
sector() {
    "$ROOT/tests/guests/sector/build" "$1" "$T/$1.qcow2"
    chmod 666 "$T/$1.qcow2"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none VM_STOP_TIMEOUT=10 QEMU_DRIVE="$T/$1.qcow2" "${@:2}"
}

linux() {
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    SSH=$(free_port) HTTP=$(free_port) PORT=$(free_port)
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" SERIAL_PORT="$PORT" \
        QEMU_HOSTFWDS="tcp:$SSH:22,tcp:$HTTP:80" "$@"
}

# on_linux COMMAND: type a command on the guest's console, where root has no password.
on_linux() {
    talk -t 60 telnet 127.0.0.1 "$PORT" :: send: 'expect:login: ' send:root 'expect:linux# ' "send:$1" \
        "expect:${2:-linux# }" >>"$T/talk"
}

health_says() {
    run vm health
    [ "$status" -eq 1 ] && [[ $output == *"$1"* ]]
}

@test "phases are reported in order, with times since both starts, in status, events and log" {
    host_vm
    run -0 vm wait --for login --timeout $((60 * PATIENCE))
    assert_output 'login prompt on the serial console'
    vm status --json >"$T/status"
    run jq -r '.phases[] | select(.kind == "progress" or .kind == "ready") | .name' "$T/status"
    assert_line --index 0 grub
    assert_equal "${lines[-1]}" login
    # Times increase, and QEMU was not started before PID 1.
    jq -e '[.phases[].ms] as $t | $t == ($t | sort) and (.phases | all(.ms >= .qemu_ms and .qemu_ms > 0))' \
        "$T/status"
    jq -se 'map(select(.event == "phase")) | length > 2 and all(.since_qemu_ms > 0 and .ms > 0)' \
        "$T/log/events.jsonl"
    assert_equal "$(jq -r .phase "$T/status")" login
    said 'vm: phase grub, '
    run -0 vm status
    assert_line --regexp '^phase +login$'
}

@test "VM_READY=ssh needs a banner from the guest, not only an open port" {
    linux VM_READY=ssh
    wait_until 30 said 'the guest runs'
    # The forward accepts connections at once, although the guest does not answer.
    wait_until 10 bash -c "</dev/tcp/127.0.0.1/$SSH"
    health_says 'not yet that the guest'
    run -0 vm wait --timeout $((90 * PATIENCE))
    assert_output --partial "ready: the guest's sshd answers after"
    said "vm: ready: the guest's sshd answers"
    run -0 vm wait --for http --timeout $((60 * PATIENCE))
    assert_output "the guest's web server answers"
    run -0 vm health
    # The service stops again, and comes back.
    run -0 vm exec 'killall dropbear'
    wait_until 60 health_says "the guest's sshd does not answer any more"
    run -0 vm exec 'dropbear -r /etc/dropbear/host-key -s'
    wait_until 60 vm health
    run -0 vm stop
}

@test "ready by http, by a marker of a user's own file, and as soon as the guest runs" {
    linux VM_READY=http
    run -0 vm wait --timeout $((90 * PATIENCE))
    assert_output --partial "ready: the guest's web server answers after"
    run -0 vm stop

    printf 'progress greeting machsh on\nready shell machsh on GNU Mach\n' >"$T/markers"
    host_vm VM_READY=marker VM_MARKERS="$T/markers"
    run -0 vm wait --timeout $((60 * PATIENCE))
    assert_output --partial 'ready: marker on the serial console after'
    run jq -r '.phases[].name' <<<"$(vm status --json)"
    assert_output $'greeting\nshell'
    run -0 vm stop

    sector SILENT VM_READY=running
    run -0 vm wait --timeout $((60 * PATIENCE))
    assert_output --partial 'ready: the guest runs after'
}

@test "readiness that cannot work is refused: no forward, no deadline, a broken marker file" {
    printf 'ready login (unclosed\n' >"$T/markers"
    host_env VM_READY=ssh VM_BOOT_RETRIES=2 VM_MARKERS="$T/markers" VM_STOP_LADDER=acpi,quit
    run vm check
    assert_failure 78
    assert_output --partial "VM_READY=ssh: no port is forwarded to the guest's port 22"
    assert_output --partial 'VM_BOOT_RETRIES=2 without VM_BOOT_TIMEOUT'
    assert_output --partial "VM_MARKERS=$T/markers: "
    assert_output --partial 'line 1'
    assert_output --partial 'VM_STOP_LADDER=acpi,quit: quit is none of acpi, ssh and serial'
    host_env VM_MARKERS="$T/none"
    run vm check
    assert_failure 66
    host_env
    host_vm
    run vm wait --for ssh --timeout 5
    assert_failure 78
    assert_output "no port is forwarded to the guest's port 22: add one to QEMU_HOSTFWDS"
}

@test "a guest whose processors can all not run any more is reported as dead" {
    sector DEAD
    wait_until 30 said 'ready: login prompt'
    run vm health
    assert_failure 1
    assert_output 'the guest is dead: every processor is halted with interrupts off'
    # An idle guest is not dead.
    vm stop || :
    sector IDLE
    wait_until 30 said 'ready: login prompt'
    run -0 vm health
}

@test "a guest whose QEMU does not answer is unhealthy" {
    host_vm
    run -0 vm wait --timeout $((60 * PATIENCE))
    qemu=$(vm status --json | jq .qemu.pid)
    kill -STOP "$qemu"
    run vm health
    kill -CONT "$qemu"
    assert_failure 1
    assert_output 'QEMU does not answer'
    run -0 vm health
    run -0 vm stop
}

@test "time in which the whole container was paused does not count towards deadlines" {
    printf 'ready well ^all-is-well\n' >"$T/markers"
    container paused -e VM_BOOT_TIMEOUT=15 -e VM_READY=marker -e VM_MARKERS=/markers -v "$T/markers:/markers:ro"
    wait_until 30 logs_have "$C" 'the guest runs'
    docker pause "$C"
    sleep 17
    docker unpause "$C"
    wait_until 10 logs_have "$C" 'this process was suspended for '
    docker exec "$C" vm expect --from start --timeout $((60 * PATIENCE)) login
    docker exec "$C" vm send root --enter 'echo all-is-well' --enter
    run -0 docker exec "$C" vm wait --timeout $((10 * PATIENCE))
    refute logs_have "$C" 'VM_BOOT_TIMEOUT=15: the guest is not ready'
    # Clients have deadlines of their own: four seconds in which the client was stopped do not count for it.
    docker exec "$C" vm expect --timeout 4 '^heard' >"$T/heard" 3>&- &
    waiter=$!
    PIDS+=("$waiter")
    wait_until 10 bash -c "[ \$(docker exec $C vm status --json | jq .console.clients) -ge 1 ]"
    docker pause "$C"
    sleep 6
    docker unpause "$C"
    docker exec "$C" vm send 'echo heard' --enter
    wait "$waiter"
}

@test "a boot that misses its deadline: phase, console, a picture of the screen, status 81" {
    sector COUNT VM_BOOT_TIMEOUT=1
    host_vm_exit 30
    assert_equal "$STATUS" 81
    said 'VM_BOOT_TIMEOUT=1: the guest is not ready (login prompt on the serial console) after 1 s'
    said 'vm:   | boot number 1'
    run file "$T/log/boot-deadline.png"
    assert_output --partial 'PNG image data'
    run -0 qemu-img check "$T/COUNT.qcow2"
}

@test "a boot that misses its deadline is repeated from the same disk contents; what the last one wrote is kept" {
    sector COUNT VM_BOOT_TIMEOUT=1 VM_BOOT_RETRIES=2
    host_vm_exit 60
    assert_equal "$STATUS" 81
    # The guest counts its boots on the disk: each of the three is its first.
    assert_equal "$(grep -c 'boot number 1' "$T/out")" 3
    refute grep -q 'boot number 2' "$T/out"
    run -0 qemu-img check "$T/COUNT.qcow2"
    run qemu-img snapshot -l "$T/COUNT.qcow2"
    refute_output --partial vm-boot
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/COUNT.qcow2" VM_READY=running
    wait_until 30 grep -q 'boot number 2' "$T/log/console.log"
    run vm stop --now

    # The snapshot of a guest that is ready in time is deleted; a throwaway disk is deleted anyway.
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/COUNT.qcow2" \
        VM_BOOT_TIMEOUT=60 VM_BOOT_RETRIES=2 VM_READY=running
    run -0 vm wait --timeout $((30 * PATIENCE))
    run vm stop --now
    run qemu-img snapshot -l "$T/COUNT.qcow2"
    refute_output --partial vm-boot
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/COUNT.qcow2" \
        QEMU_DISK_MODE=throwaway VM_BOOT_TIMEOUT=1 VM_BOOT_RETRIES=1
    host_vm_exit 60
    assert_equal "$STATUS" 81
    assert_equal "$(grep -c 'starting the guest again' "$T/out")" 1
}

@test "a stop while the disk is restored ends that too" {
    mkdir "$T/bin"
    ln -s "$(command -v qemu-system-x86_64)" "$T/bin/qemu-system-x86_64"
    printf '#!/bin/sh\nexec sleep 987\n' >"$T/bin/qemu-img"
    chmod 755 "$T/bin/qemu-img"
    sector COUNT VM_BOOT_TIMEOUT=5 VM_BOOT_RETRIES=2 VM_QEMU="$T/bin/qemu-system-x86_64"
    # qemu-img is a child of the helper: vm runs it, not PID 1.
    hangs() { child=$(pgrep -P "$(pgrep -P "$VM_PID" -f 'snapshot-table revert')" -x sleep); }
    wait_until 30 hangs
    assert_equal "$(awk "/^Uid:/ { print \$2 }" "/proc/$child/status")" 65534
    kill -TERM "$VM_PID"
    host_vm_exit 20
    assert_equal "$STATUS" 81
    process_is_gone "$child"
}

@test "a guest that has panicked ends with status 80, and its last lines are in the log" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT"
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach panic 'panic '
    host_vm_exit
    assert_equal "$STATUS" 80
    said 'the guest panicked: '
    grep -q 'vm:   | panic ' "$T/out"

    linux
    run -0 vm wait --timeout $((90 * PATIENCE))
    on_linux 'echo c >/proc/sysrq-trigger' 'end Kernel panic'
    host_vm_exit
    assert_equal "$STATUS" 80
    said 'Kernel panic - not syncing: sysrq triggered crash'
}

on_mach() {
    talk telnet 127.0.0.1 "$PORT" :: send: 'expect:login: ' send:root 'expect:machsh# ' "send:$1" \
        "expect:$2" >>"$T/talk"
}

@test "a panic always gives status 80, whatever else is printed, and with an idle or halted processor" {
    printf 'panic oops ^panic: \ndown off ^safe to power off\nready never ^never\n' >"$T/markers"
    for kind in PANIC PANICHALT HALTPANIC PANICOFF; do
        sector "$kind" VM_MARKERS="$T/markers"
        host_vm_exit 30
        assert_equal "$kind $STATUS" "$kind 80"
        said 'the guest panicked: '
        rm -rf "$T/run"
    done
    said 'it printed the panic and powered the machine off'
    # vm profile reports the same.
    for kind in PANIC PANICHALT PANICOFF; do
        run -1 "${ENV[@]}" QEMU_DRIVE="$T/$kind.qcow2" "$VM" profile --cpus 1 --samples 1 --warm-up 0 \
            --markers "$T/markers" --until never --timeout 20 --out "$T/$kind"
        jq -e '.cpu_1.samples[0] | .status == "panic" and .why == "panic marker oops"' "$T/$kind/results.json"
    done
}

@test "text that looks like a panic, or like the end, does not end a running guest" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT"
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach 'echo panic {cpu0} ../kern/x.c:1: f: no; echo "Shutdown completed successfully, now in tight loop."; echo "You can safely power off the system or hit ctl-alt-del to reboot"; echo panic "{cpu0}" done' 'done'
    wait_until 30 said ' on the console, but '
    run -0 vm health
    run -0 vm stop
}

@test "VM_ON_PANIC=keep and pause keep the guest for a debugger, unhealthy" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" VM_ON_PANIC=pause
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach panic 'panic '
    wait_until 30 health_says 'the guest panicked'
    wait_until 10 bash -c "$(declare -p ENV VM); \"\${ENV[@]}\" \"\$VM\" monitor info status | grep -q paused"
    run vm wait --timeout 5
    assert_failure 1
    assert_output 'the guest panicked'
    run vm stop
    assert_failure 80

    # GNU Mach resets the machine 12 s later: QEMU still runs then, paused.
    host_vm SERIAL_PORT="$PORT" VM_ON_PANIC=keep
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach panic 'panic '
    wait_until 30 health_says 'the guest panicked'
    run -0 vm monitor info status
    assert_output --partial running
    wait_until 60 bash -c "$(declare -p ENV VM); \"\${ENV[@]}\" \"\$VM\" monitor info status | grep -q paused"
    run vm stop
    assert_failure 80
}

@test "a triple fault is distinguished from a reboot" {
    sector FAULT
    host_vm_exit 30
    assert_equal "$STATUS" 80
    said 'the guest panicked: triple fault'
    said 'vm:   | about to fault'
    sector FAULT VM_ON_REBOOT=restart
    host_vm_exit 30
    assert_equal "$STATUS" 80
    said 'the guest panicked: triple fault'
}

@test "VM_ON_REBOOT=restart lets the guest boot again, and it becomes ready again" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" VM_ON_REBOOT=restart
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach reboot rebooting
    wait_until 60 said 'the guest rebooted'
    run -0 vm wait --timeout $((60 * PATIENCE))
    assert_equal "$(grep -c 'vm: ready: login prompt' "$T/out")" 2
    run -0 vm stop
}

@test "GNU Mach's tight loop counts as a shutdown: status 0 without waiting" {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT"
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach 'halt -k' 'ctl-alt-del'
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'the guest has shut down'
}

@test "hints: a uniprocessor kernel, an unclean file system, a silent console" {
    # GNU Mach prints this before its console works (HURD.md), so the line is printed by hand here.
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT"
    run -0 vm wait --timeout $((60 * PATIENCE))
    on_mach 'echo "APIC: ignoring LAPIC ID 0x1: NCPUS=1 limit reached"' 'machsh# '
    wait_until 30 said 'vm:   hint: this kernel is uniprocessor: QEMU_SMP=1 is what it uses'
    run -0 vm stop
    sector SILENT
    wait_until 60 said 'nothing came on the serial console for'
    said 'scripts/prepare-image'
}

@test "vm screenshot saves a picture of the display, or reports that there is none" {
    sector IDLE
    wait_until 30 said 'ready: login prompt'
    # A file with a name that can be guessed could be another user's link.
    ln -s "$T/victim" "$T/screen.png.part"
    ln -s "$T/victim" "$T/screen.png"
    run -0 vm screenshot "$T/screen.png"
    [ ! -e "$T/victim" ]
    [ ! -L "$T/screen.png" ]
    run file "$T/screen.png"
    assert_output --partial 'PNG image data'
    [ ! -e "$T/run/screenshot.png" ]
    run vm screenshot "$T/no/screen.png"
    assert_failure 77
    run vm stop --now
    host_vm
    run -0 vm wait --timeout $((60 * PATIENCE))
    run vm screenshot "$T/screen2.png"
    assert_failure 78
    assert_output --partial 'this guest has no display'
    [ ! -e "$T/screen2.png" ]
}
