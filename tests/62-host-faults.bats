# Real faults of the host while a guest runs: a full disk, a broken disk, lost logs, suspended and starved
# processes, changes of the wall clock.
load helpers

teardown() {
    local dir
    vm_teardown
    for dir in "${MOUNTS[@]}"; do umount "$dir"; done
}

# small DIRECTORY SIZE: mount a file system of that size there.
small() {
    mkdir -p "$1"
    mount -t tmpfs -o size="$2",mode=777 "$ID" "$1"
    MOUNTS+=("$1")
}

# linux NAME=VALUE...: the linux guest on its own disk, $T/images/linux.qcow2, until ssh answers.
linux() {
    mkdir -p "$T/images"
    [ -f "$T/images/linux.qcow2" ] || cp "$GUESTS/linux.qcow2" "$T/images/"
    chmod 666 "$T/images/linux.qcow2"
    SSH_PORT=$(free_port)
    host_vm VM_GUEST=linux QEMU_RAM=256 VM_BIND=127.0.0.1 QEMU_HOSTFWDS="tcp:$SSH_PORT:22" "$@"
    wait_until 120 in_guest true
}

in_guest() {
    ssh -F none -i "$GUESTS/linux-key" -p "$SSH_PORT" -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 -o LogLevel=ERROR -o BatchMode=yes \
        root@127.0.0.1 "$@"
}

said() {
    grep -qF -- "$1" "$T/out"
}

health_says() {
    vm health | grep -qF -- "$1"
}

# A linux whose disk image has no space on the host (images/filler uses all of it) writes 50 MB to /data/big in the
# process WRITER; the checksum is written to sum.
write_to_a_full_disk() {
    small "$T/images" 120M
    linux
    dd if=/dev/zero of="$T/images/filler" bs=1M status=none || :
    in_guest 'head -c 50000000 /dev/urandom | tee /data/big | sha256sum; sync' >"$T/sum" 3>&- &
    writer=$!
    PIDS+=("$writer")
}

# The guest's /data is copied to a file, named in DATA; e2fsck reports nothing.
data_is_clean() {
    DATA=$T/data.img
    qemu-img dd -f qcow2 -O raw bs=1M skip=97 count=512 if="$T/images/linux.qcow2" of="$DATA"
    /sbin/e2fsck -fn "$DATA"
}

@test "a full disk pauses the guest, which continues automatically when there is space, without loss of data" {
    write_to_a_full_disk
    wait_until 120 said "no space left on the host for the guest's disk ($T/images/linux.qcow2)"
    wait_until 10 health_says "paused: no space left on the host for the guest's disk"
    run -1 vm health
    assert_equal "$(vm status --json | jq -r .state)" paused
    run -1 vm exec true
    assert_line --partial 'fix: free space on the host; the guest is then continued automatically'

    rm "$T/images/filler"
    wait_until 60 said "there is space for the guest's disk again"
    wait "$writer"
    wait_until 10 vm health
    assert_equal "$(grep -c 'no space left' "$T/out")" 1
    assert_equal "$(in_guest 'sync; echo 3 >/proc/sys/vm/drop_caches; sha256sum </data/big')" "$(cat "$T/sum")"
    run -0 vm stop
    run -0 qemu-img check -q "$T/images/linux.qcow2"
    data_is_clean
    assert_equal "$(/sbin/debugfs -R 'cat /big' "$DATA" 2>/dev/null | sha256sum)" "$(cat "$T/sum")"
    run -0 jq -r 'select(.event | startswith("disk-")).event' "$T/log/events.jsonl"
    assert_output $'disk-full\ndisk-room'
}

@test "a disk that is full again soon: the guest is paused again, and the log is not flooded" {
    write_to_a_full_disk
    for round in 1 2; do
        wait_until 120 paused_times "$round"
        truncate -s "-$((12 << 20))" "$T/images/filler"
    done
    wait_until 120 paused_times 3
    # The count is that of the pauses, not of the writes that failed or were repeated.
    [ "$(grep -c 'no space left' "$T/out")" -le 3 ]
    [ "$(wc -l <"$T/out")" -le 40 ]
    rm "$T/images/filler"
    wait "$writer"
    assert_equal "$(in_guest 'sync; echo 3 >/proc/sys/vm/drop_caches; sha256sum </data/big')" "$(cat "$T/sum")"
    run -0 vm stop
    run -0 qemu-img check -q "$T/images/linux.qcow2"
    data_is_clean
}

# Was the guest paused so often, and is it paused now?
paused_times() {
    [ "$(jq -r 'select(.event == "state").state' "$T/log/events.jsonl" | grep -c paused)" -ge "$1" ] &&
        [ "$(vm status --json | jq -r .state)" = paused ]
}

@test "a disk that cannot be read: the guest gets the error, one message has the count, the guest keeps running" {
    linux
    in_guest 'head -c 20000000 /dev/urandom | tee /data/file | sha256sum; sync; echo 3 >/proc/sys/vm/drop_caches' >"$T/sum"
    strace -f -qq -e trace=preadv,pread64,preadv2,readv -e inject=preadv,pread64,preadv2:error=EIO \
        -o "$T/trace" -p "$(qemu_pid)" 3>&- &
    tracer=$!
    PIDS+=("$tracer")
    wait_until 10 traced "$(qemu_pid)"
    run -1 in_guest 'cat /data/file >/dev/null'
    assert_output --partial 'Input/output error'
    grep -q 'EIO (Input/output error) (INJECTED)' "$T/trace"
    end_process "$tracer"
    said "the host cannot read the guest's disk ($T/images/linux.qcow2): Input/output error; the guest gets the error"
    wait_until 20 said "more errors of the guest's disk"
    [ "$(grep -c 'the host cannot read' "$T/out")" -eq 1 ]

    run -0 vm health
    assert_equal "$(in_guest 'sha256sum </data/file')" "$(cat "$T/sum")"
    run -0 vm stop
    run -0 qemu-img check -q "$T/images/linux.qcow2"
    data_is_clean
}

qemu_pid() {
    vm status --json | jq -r .qemu.pid
}

# Is every thread of PID $1 being traced?
traced() {
    ! grep -qs '^TracerPid:[[:space:]]*0$' /proc/"$1"/task/*/status
}

# --- the consoles and logs -------------------------------------------------------------------

# mach NAME=VALUE...: the built-in guest, logged in; its console is at PORT.
mach() {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" "$@"
    wait_until 60 vm health
    "$ROOT/tests/peer" "$PORT" 'machsh# ' 'root\r' >"$T/login"
}

# type_to_guest LINE UNTIL: type a line; the output until then is in $T/seen.
type_to_guest() {
    "$ROOT/tests/peer" "$PORT" "$2" "$1\\r" >"$T/seen"
}

@test "a full log directory: lost log bytes are counted, and the guest keeps running" {
    small "$T/log" 64k
    mach
    type_to_guest 'flood 500; echo all of it' '\nall of it'
    [ "$(stat -c %s "$T/seen")" -gt 500000 ]
    run -0 vm status --json
    [ "$(jq .console.log_lost <<<"$output")" -gt 0 ]
    assert_equal "$(jq '.console.bytes - .console.log_lost' <<<"$output")" "$(stat -c %s "$T/log/console.log")"
    run -0 vm health
    mount -o remount,size=16M "$T/log"
    type_to_guest 'echo behind the hole' '\nbehind the hole'
    wait_until 10 grep -qF 'behind the hole' "$T/log/console.log"
    run -0 vm stop
}

@test "a log directory that becomes read-only affects only the logs" {
    mach
    assert_equal "$(vm status --json | jq .log_lines_lost)" 0
    mount -t tmpfs -o ro "$ID" "$T/log" # mounted over the one that is written to
    MOUNTS+=("$T/log")
    kill -HUP "$VM_PID"
    wait_until 10 said 'logs reopened'
    type_to_guest 'echo nowhere' '\nnowhere'
    run -0 vm health
    said 'console.log cannot be written'
    run -0 vm stop
}

# --- PID 1 -----------------------------------------------------------------------------------

@test "PID 1 suspended while the guest floods its console: nothing is lost" {
    mach
    "$ROOT/tests/peer" "$PORT" '\nthe end' 'flood 2000; echo the end\r' >"$T/seen" 3>&- &
    PIDS+=("$!")
    peer=$!
    wait_until 30 grep -q '^00000100 ' "$T/log/console.log"
    kill -STOP "$VM_PID"
    # The pipe from QEMU is full: the guest can write no more.
    wait_until 30 pipe_is_full
    kill -CONT "$VM_PID"
    wait "$peer"
    # 2000 kB of numbered lines, in the log and at the client.
    for f in "$T/seen" "$T/log/console.log"; do
        assert_equal "$(tr -d '\r' <"$f" | grep -aE '^[0-9]{8} abc' | awk '$1 + 0 != NR { exit 1 } END { print NR }')" 32000
    done
    run -0 vm stop
}

pipe_is_full() {
    python3 - "/proc/$(pgrep -P "$VM_PID" qemu-system)/fd/1" <<'END'
import array, fcntl, os, sys, termios
pipe = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
held = array.array("i", [0])
fcntl.ioctl(pipe, termios.FIONREAD, held)
sys.exit(held[0] < 60000)
END
}

@test "all timers of PID 1 are monotonic, so changes of the wall clock have no effect" {
    host_env
    "${ENV[@]}" strace -f -qq -o "$T/trace" -e trace=timerfd_create,timerfd_settime,epoll_wait,epoll_pwait,poll,ppoll,clock_nanosleep,nanosleep,alarm,setitimer,timer_create \
        "$VM" run >"$T/out" 2>&1 3>&- &
    VM_PID=$!
    PIDS+=("$!")
    wait_until 60 vm health
    run -0 vm stop
    host_vm_exit
    # QEMU's threads are traced too: only PID 1's own lines count.
    awk -v pid="$(awk 'NR == 1 { print $1 }' "$T/trace")" '$1 == pid' "$T/trace" >"$T/own"
    grep -q 'timerfd_create(CLOCK_MONOTONIC' "$T/own"
    grep -q 'timerfd_settime' "$T/own"
    grep -q 'epoll_p\?wait(' "$T/own"
    run grep -E 'CLOCK_REALTIME|TFD_TIMER_CANCEL_ON_SET|nanosleep|alarm|setitimer|timer_create' "$T/own"
    assert_output ''
    run grep -E 'epoll_p?wait\(' "$T/own"
    refute_line --regexp 'epoll_p?wait\([^)]*, 32, [0-9]'
}

@test "an idle PID 1 sleeps: in 10 seconds it runs only for the health check" {
    mach
    vm health
    strace -qq -o "$T/idle" -p "$VM_PID" 3>&- &
    tracer=$!
    PIDS+=("$tracer")
    wait_until 10 traced "$VM_PID"
    sleep 10
    end_process "$tracer"
    # The system call in which strace found it, and no other call.
    run grep -vE '^(epoll_p?wait\(|strace: )' "$T/idle"
    assert_output ''
    [ "$(grep -c epoll "$T/idle")" -le 1 ]
}
