# vm script: a file of steps on the guest's console.
load helpers

mach() {
    host_vm "$@"
    vm wait --timeout $((60 * PATIENCE))
}

@test "vm script logs in, works and logs out, and shows what came" {
    mach
    cat >"$T/script" <<'END'
# The prompt came before: a return brings it again.
timeout 30
fail  panic
send \r
expect login:
line root
expect machsh#

    line echo one; echo two\x21
expect ^one
expect ^two!
line false; echo status=$?
expect ^status=1
line exit
expect login:
END
    run -0 vm script "$T/script"
    assert_output --partial 'Welcome, root.'
    assert_output --partial 'two!'
    run -0 bash -c "$(printf '%q ' "${ENV[@]}") $VM script --quiet - <'$T/script'"
    assert_output ''
}

@test "vm script: not in time, a failure, an exit status, the guest's end" {
    mach
    printf 'timeout 1\nexpect never\n' >"$T/late"
    run -1 vm script "$T/late"
    assert_output --partial "$T/late:2: not in time: expect never; the last line: "
    printf 'fail incorr+ect\nsend \\r\nexpect login:\nline root\nexpect machsh#\nline echo incorrect\nexpect never\n' >"$T/fails"
    run -1 vm script "$T/fails"
    assert_output --partial "$T/fails:7: it failed (incorr+ect): "
    printf 'key ctrl-u\nexit 42\nexpect never\n' >"$T/exit"
    run -42 vm script "$T/exit"
    printf 'line halt\nexpect never\n' >"$T/end"
    run -69 vm script --quiet "$T/end"
    assert_output --partial 'the guest has ended: expect never'
}

@test "vm script: a wrong file is refused before its first step" {
    host_env
    for line in 'expect (' 'send \q' 'key nosuch' 'timeout soon' 'exit 256' 'wait'; do
        printf 'line x\n%s\n' "$line" >"$T/script"
        run -64 vm script "$T/script"
        assert_line --partial "vm: error: $T/script:2: "
    done
    run -66 vm script "$T/none"
    run -64 vm script
}
