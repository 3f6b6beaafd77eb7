# Requirements for a PID 1 (from the lists of tini, catatonit, dumb-init), tested with `vm init COMMAND` and while a
# guest runs.
load helpers

@test "every exit code from 0 to 255 is passed on" {
    for n in $(seq 0 255); do
        s=0
        "$VM" init sh -c "exit $n" || s=$?
        [ "$s" -eq "$n" ] || fail "exit $n became $s"
    done
}

@test "a program ended by signal n gives status 128+n" {
    for n in 1 2 3 6 9 11 15 34; do
        s=0
        "$VM" init sh -c "kill -$n \$\$" || s=$?
        [ "$s" -eq $((128 + n)) ] || fail "signal $n became $s"
    done
}

@test "a program that cannot be executed gives status 126, a missing one 127" {
    touch "$T/plain"
    run "$VM" init "$T/plain"
    assert_failure 126
    assert_line --partial "$T/plain"
    run -127 "$VM" init /nowhere/program
    run -127 "$VM" init no-such-program-anywhere
    assert_line 'vm: error: no-such-program-anywhere: No such file or directory'
}

@test "the program has default signal handlers, no blocked signals, and only its three descriptors" {
    # A clean parent, because bats leaves descriptors open and signals ignored.
    run -0 env --default-signal "$VM" init cat /proc/self/status
    assert_line --regexp '^SigBlk:[[:space:]]0{16}$'
    assert_line --regexp '^SigIgn:[[:space:]]0{16}$'
    run -0 bash -c "exec 3>&- 4>&-; exec 7</dev/null; exec '$VM' init ls /proc/self/fd"
    assert_output $'0\n1\n2\n3'
}

@test "signals are passed on to the program" {
    for sig in HUP INT QUIT USR1 USR2 TERM WINCH; do
        "$VM" init bash -c "trap 'echo got $sig; exit 9' $sig; echo ready; while :; do sleep 0.02; done" \
            >"$T/$sig" 2>&1 3>&- &
        PIDS+=($!)
        wait_until 10 grep -q ready "$T/$sig"
        kill "-$sig" $!
        s=0
        wait $! || s=$?
        [ "$s" -eq 9 ] || fail "$sig: status $s"
        grep -q "got $sig" "$T/$sig"
    done
}

@test "every signal that can be caught is passed on, including the C library's real-time signals" {
    "$VM" init python3 -u -c 'import ctypes, signal
libc = ctypes.CDLL(None)
block = ctypes.c_uint64(2**64 - 1)
libc.syscall(14, 0, ctypes.byref(block), None, 8)  # rt_sigprocmask
print("ready")
while True:
    print(libc.syscall(128, ctypes.byref(block), None, None, 8))  # rt_sigtimedwait
' >"$T/got" 2>&1 3>&- &
    pid=$!
    PIDS+=("$pid")
    wait_until 10 grep -q ready "$T/got"
    # One after the other (SIGCONT undoes a stop, and vice versa). KILL and STOP cannot be caught, and SIGCHLD is
    # used by init itself.
    python3 - "$pid" "$T/got" $((30 * PATIENCE)) <<'END'
import os, sys, time
pid, got, patience = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
end = time.monotonic() + patience
for sig in set(range(1, 65)) - {9, 17, 19}:
    os.kill(pid, sig)
    while str(sig) not in open(got).read().split():
        if time.monotonic() > end:
            sys.exit(f'signal {sig} was not passed on')
        time.sleep(0.01)
END
    kill -0 "$pid"
    kill -KILL "$(pgrep -P "$pid")"
    s=0
    wait "$pid" || s=$?
    assert_equal "$s" 137
}

@test "100 orphans are re-parented to PID 1 of a container and reaped" {
    container init -- init sh -c '
        i=0; while [ $i -lt 100 ]; do sh -c "sleep 0.2 &"; i=$((i + 1)); done
        exec sleep 3600'
    wait_until 30 orphans_counted "$C"
    wait_until 10 no_zombie "$C"
    run -0 docker exec "$C" cat /proc/1/comm
    assert_output init
}

# All orphans were reaped: only init and one sleep are left.
orphans_counted() {
    docker top "$1" -eo pid,args | awk '
        $2 == "sleep" && $3 == "0.2" { orphans++ }
        $2 == "sleep" && $3 == "3600" { done = 1 }
        END { exit !(done && !orphans) }'
}

@test "outside a container vm init is the subreaper; under a plain parent orphans go elsewhere" {
    # The orphan prints its parent when its first parent has ended; the outer shell prints its own parent.
    cat >"$T/orphan" <<END
sh -c '(sleep 0.2; exec grep PPid: /proc/self/status >$T/parent.new) &'
echo \$PPID >$T/outer
i=0; until [ -s $T/parent.new ] || [ \$i -gt 1000 ]; do sleep 0.05; i=\$((i + 1)); done
mv $T/parent.new $T/parent
END
    "$VM" init sh "$T/orphan"
    assert_equal "$(awk '{ print $2 }' "$T/parent")" "$(cat "$T/outer")"

    # Control: a parent that is not a subreaper does not get orphans.
    bash -c "sh $T/orphan; true"
    refute [ "$(awk '{ print $2 }' "$T/parent")" = "$(cat "$T/outer")" ]
}

@test "while a guest runs, orphans of docker exec are reaped" {
    container guest
    container_ready "$C"
    for _ in 1 2 3 4 5; do
        docker exec "$C" sh -c 'i=0; while [ $i -lt 20 ]; do sh -c "sleep 0.1 &"; i=$((i + 1)); done'
    done
    wait_until 10 no_zombie "$C"
}

no_zombie() {
    ! docker exec "$1" sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | grep -q ') Z '
}

@test "1000 requests leave no descriptor and no process behind" {
    host_vm VM_EMBEDDED="$MACH_MINI"
    wait_until 30 vm health
    vm status >/dev/null
    before=$(descriptors)
    for _ in $(seq 1000); do
        "${ENV[@]}" "$VM" health >/dev/null
    done
    wait_until 10 descriptors_are "$before"
    run -0 vm status --json
    assert_equal "$(jq -r .state <<<"$output")" running
}

descriptors() { ls "/proc/$VM_PID/fd" | wc -l; }

descriptors_are() { [ "$(descriptors)" -eq "$1" ]; }
