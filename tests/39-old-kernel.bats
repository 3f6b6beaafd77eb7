# The core of the life cycle on a kernel of 2017: later system calls fail with ENOSYS. close_range has a replacement
# (/proc/self/fd); pidfds are not used. timerfd (Linux 2.6.25) has no replacement, because every kernel that runs
# containers has it.
load helpers

CALLS='pidfd_send_signal pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 epoll_pwait2'

# again FILE NAMES: run the tests of FILE with these names by a separate bats; all must pass.
again() {
    run env -i PATH="${PATH//$BATS_LIBEXEC:/}" HOME="$HOME" IMAGE="$IMAGE" PATIENCE="$PATIENCE" \
        WITHOUT="$CALLS" bats --formatter tap -f "$2" "$ROOT/tests/$1"
    assert_success
    assert_line "1..$3"
}

@test "the newer system calls do fail" {
    run -0 "$ROOT/tests/without" close_range -- python3 -c '
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(436, 100, 200, 0), os.strerror(ctypes.get_errno()))'
    assert_output '-1 Function not implemented'
    container refused --security-opt seccomp="$ROOT/tests/seccomp/old-kernel.json"
    container_ready "$C"
    run docker exec "$C" sh -c 'grep Seccomp: /proc/1/status'
    assert_output --regexp '2$'
}

@test "stops, kills, resets, orphans and descriptors work the same" {
    again 33-lifecycle.bats '^(SIGTERM presses the power button|a hanging QEMU|QEMU killed from outside|vm reset and SIGUSR2|QEMU ends when vm run|docker stop)' 6
    again 30-pid1.bats '^(the program has default|100 orphans|while a guest runs)' 3
    again 34-privileges.bats '^(QEMU has only the descriptors|without KILL a hanging QEMU)' 2
}

@test "without timerfd the start fails with status 70 and the reason" {
    host_env
    run "${ENV[@]}" "$ROOT/tests/without" timerfd_create -- "$VM" run
    assert_failure 70
    assert_line 'vm: error: no event loop: Function not implemented'
}
