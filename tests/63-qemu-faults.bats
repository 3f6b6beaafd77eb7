# A QEMU that does not start, dies, or violates QMP: messages and exit status.
#
# The peers that send garbage are programs in this file, used as VM_QEMU: they get the descriptors of QEMU
# (init/qemu/args.h), QMP on 3. None of them simulates a guest.
load helpers

said() {
    grep -qF -- "$1" "$T/out"
}

# taken PORT: listen on this port.
taken() {
    python3 -c "
import socket, time
s = socket.socket(); s.bind(('127.0.0.1', $1)); s.listen(); time.sleep(3600)" 3>&- &
    PIDS+=("$!")
    wait_until 10 bash -c "</dev/tcp/127.0.0.1/$1"
}

# fails STATUS NAME=VALUE...
fails() {
    local want=$1
    shift
    host_vm "$@"
    host_vm_exit
    assert_equal "$STATUS" "$want"
}

# --- it does not start -----------------------------------------------------------------------

@test "a port in use: status 69 and an error with the port, the setting and the fix" {
    PORT=$(free_port)
    taken "$PORT"
    printf secret >"$T/pw"
    for setting in SERIAL_PORT MONITOR_PORT GDB_PORT VNC_PORT; do
        fails 69 GDB=1 ENABLE_VNC=1 VNC_PASSWORD_FILE="$T/pw" GDB_PORT="$(free_port)" "$setting=$PORT"
        said "vm: error: $setting=$PORT: port $PORT of 127.0.0.1 is in use"
        said 'vm:   fix: '
    done
    fails 69 VM_GUEST=linux QEMU_HOSTFWDS="tcp:$PORT:22" VM_BIND=127.0.0.1
    said "Could not set up host forwarding rule 'tcp:127.0.0.1:$PORT-:22'"
    said "vm:   fix: port $PORT of QEMU_HOSTFWDS=tcp:$PORT:22 is in use: choose another port"
}

@test "no memory for QEMU: status 69 and an error with the amount and the settings that help" {
    # More than the limit: a QEMU that could map its RAM may run the guest before an allocation fails.
    host_env QEMU_RAM=1024
    run prlimit --as=700000000 "${ENV[@]}" "$VM" run
    assert_failure 69
    # Which allocation fails first, and QEMU's message then, varies; the fix does not.
    assert_line --regexp '^vm: error: QEMU (ended with status 1 before the guest ran: |was killed by signal 6 )'
    assert_line --regexp '^vm:   fix: lower QEMU_RAM=[0-9]+, or raise the limit \(docker --memory, ulimit -v\)'
}

@test "a guest that uses up the container's memory: QEMU is killed, not PID 1, which reports it, status 69" {
    mkdir "$T/logs"
    container oom --memory 400m --memory-swap 400m -e VM_FORCE=1 -e VM_GUEST=linux -e QEMU_RAM=600 \
        -e QEMU_KERNEL=/guest/linux-vmlinuz -e QEMU_INITRD=/guest/linux-initrd \
        -e QEMU_APPEND='console=ttyS0 no_timer_check' -v "$GUESTS:/guest:ro" -v "$T/logs:/var/log/qemu"
    container_ready "$C" 180
    talk telnet 127.0.0.1 "$(port_of "$C" 5555)" :: send: 'expect:login: ' send:root 'expect:linux# ' \
        'send:cat /dev/zero | tail' "expect:cat /dev/zero | tail"
    wait_exit "$C" 120
    assert_equal "$STATUS" 69
    wait_until 10 logs_have "$C" 'QEMU was killed by signal 9 (Killed) while the guest ran: what it had not written is lost'
    wait_until 10 logs_have "$C" "if it was SIGKILL, memory may have run out: lower QEMU_RAM or raise the container's limit"
    wait_until 10 logs_have "$C" 'vm: exit status 69'
    run -0 jq -r 'select(.event == "exit").status' "$T/logs/events.jsonl"
    assert_output 69
}

# --- it does not talk as it should -----------------------------------------------------------

# peer WHAT: a program that does this with its QMP descriptor and then waits; its path is in PEER.
peer() {
    PEER=$T/peer
    cat >"$PEER" <<END
#!/usr/bin/python3
import os, time
$1
time.sleep(3600)
END
    chmod 755 "$PEER"
}

GREETING='b"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 1, \"minor\": 2, \"major\": 7}, \"package\": \"\"}, \"capabilities\": []}}\r\n"'

# ends_with MESSAGE [NAME=VALUE...]: vm run ends the peer, leaves nothing behind, and prints this message.
ends_with() {
    local message=$1
    shift
    host_vm VM_QEMU="$PEER" "$@"
    wait_until 60 said "$message"
    host_vm_exit
    assert_equal "$STATUS" 69
    said 'vm:   fix: if VM_QEMU is set'
    run pgrep -f "$PEER"
    assert_output ''
}

@test "a QMP peer that does not speak QMP" {
    peer 'os.write(3, b"hello, this is not what you wanted\n")'
    ends_with "vm: error: $PEER: QMP: bad JSON from QEMU"
    peer 'os.write(3, b"{\"hello\": 1}\n")'
    ends_with "vm: error: $PEER: QMP: QEMU sent no QMP greeting"
    peer 'os.write(3, os.urandom(100000))'
    ends_with "vm: error: $PEER: QMP: "
}

@test "a QMP peer that sends a greeting and then garbage, or megabytes" {
    peer "os.write(3, $GREETING + b'{\"return\": {}, \"id\": 77}\\n')"
    ends_with "vm: error: $PEER: QMP: a reply to command 77 from QEMU, which is not under way"
    peer "os.write(3, $GREETING + b'{\"event\": \"' + b'x' * (8 << 20))"
    ends_with "vm: error: $PEER: QMP: more than"
    peer "os.write(3, $GREETING + b'{\"event\": ' + b'[' * 1000 + b']' * 1000 + b'}\\n')"
    ends_with "vm: error: $PEER: QMP: "
}

@test "a QMP peer that is silent, or becomes silent after the greeting" {
    peer 'pass'
    ends_with "vm: error: $PEER: it does not answer on QMP" VM_BOOT_TIMEOUT=2
    peer "os.write(3, $GREETING)"
    ends_with "vm: error: $PEER: it does not answer on QMP" VM_BOOT_TIMEOUT=2
    peer 'os.close(3)'
    ends_with "vm: error: $PEER: it does not answer on QMP" VM_BOOT_TIMEOUT=2
    # A stop in that time does not wait for it either.
    peer 'pass'
    host_vm VM_QEMU="$PEER"
    wait_until 30 pgrep -f "$PEER"
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "a QMP peer that writes more than is read: megabytes of events, console and errors" {
    peer "
import threading
os.write(3, $GREETING)
def flood(fd, data):
    for _ in range(64):
        os.write(fd, data)
threads = [threading.Thread(target=flood, args=a) for a in
    ((3, b'{\"event\": \"NICE\", \"timestamp\": {}}\\n' * 4096), (1, b'console ' * 16384), (2, b'error\\n' * 16384))]
for t in threads: t.start()
for t in threads: t.join()
os.write(3, b'that was all\n')"
    ends_with "vm: error: $PEER: QMP: bad JSON from QEMU"
    [ "$(stat -c %s "$T/log/console.log")" -eq $((64 * 8 * 16384)) ]
}
