# A guest with only a screen and a keyboard: vm send --screen, expect --screen, screenshot --text; and lines of vm
# monitor. The guest is a boot sector that prints the keys that are typed.
load helpers

# start [NAME=VALUE...]
start() {
    "$ROOT/tests/guests/sector/build" KEYS "$T/keys.qcow2"
    host_vm VM_GUEST=generic QEMU_DRIVE="$T/keys.qcow2" QEMU_DISK_MODE=throwaway VM_READY=running \
        VM_STOP_LADDER=none "$@"
    run -0 vm wait --timeout 20
}

@test "keys are typed, and text on the screen is waited for and printed" {
    start QEMU_VGA=std
    run -0 vm expect --screen --timeout $((20 * PATIENCE)) '^name[?]'
    assert_output 'name?'
    run -0 vm send --screen 'abC:/_x~ Y\\' --key backspace --key z --enter --key shift-a
    run -0 vm expect --screen --timeout 10 '^A$'
    run -0 vm screenshot --text
    assert_equal "${#lines[@]}" 3 # of the lines that are not empty
    assert_line --index 0 'screen only'
    # A teletype's backspace moves the cursor, and the next character overwrites the one there.
    assert_line --index 1 'name? abC:/_x~ Yz'
    assert_line --index 2 'A'
}

@test "vm script has the same steps for the screen" {
    start QEMU_VGA=std
    printf '%s\n' 'timeout 20' 'fail never' 'screen-expect name[?]$' 'screen-line a-b' 'screen-key ctrl-alt-f1' \
        'screen-send c' 'screen-expect c$' 'exit 7' >"$T/script"
    run -7 vm script "$T/script"
    printf '%s\n' 'timeout 0' 'screen-expect never' >"$T/script"
    run -1 vm script "$T/script"
    assert_output --partial "$T/script:2: screen-expect never: not in time; the last line:  c"
    printf '%s\n' 'fail ^name' 'screen-expect never' >"$T/script"
    run -1 vm script "$T/script"
    assert_output --partial "$T/script:2: it failed (^name): name? a-b"
    for step in 'screen-key nosuch' 'screen-send \xe9' 'screen-fail x' 'screen-send \q'; do
        printf '%s\n' "$step" >"$T/script"
        run -64 vm script "$T/script"
        assert_output --partial "$T/script:1: "
    done
}

@test "a wrong key, a character that cannot be typed, no screen, no guest" {
    start QEMU_VGA=none
    run -64 vm send --screen --key nosuch
    assert_output --partial 'no such key: nosuch'
    run -64 vm send --screen fine 'caf\xe9'
    assert_output --partial 'no US keyboard has a key for all of caf'
    run -64 vm send --screen
    run -64 vm send --screen x --key
    for command in 'expect --screen x' 'screenshot --text'; do
        run -78 vm $command
        assert_output --partial 'this guest has no display: set QEMU_VGA=std'
    done
    kill -TERM "$VM_PID"
    host_vm_exit
    run -1 vm expect --screen x
    run -1 vm send --screen x
}

@test "vm monitor without a command reads lines, and reports which of them failed" {
    start
    printf 'info status\n\n  \r\ninfo name\r\n' >"$T/lines"
    run -0 vm monitor <"$T/lines"
    assert_output --partial 'VM status: running'
    refute_output --partial '(qemu)'
    # QEMU's line ends, CR LF, become LF, also in an answer of several reads.
    run -0 vm monitor info status
    assert_output 'VM status: running'
    run -0 vm monitor help
    [ "${#output}" -gt 8192 ]
    refute_output --partial '\r'
    refute_output --partial $'\r'
    run -0 vm monitor </dev/null
    assert_output ''
    head -c 5000 /dev/zero | tr '\0' x >"$T/lines"
    run -64 vm monitor <"$T/lines"
    # On a terminal vm monitor prompts for the next command.
    run -0 script -qec "$(printf '%q ' "${ENV[@]}" "$VM") monitor" /dev/null <<<$'info status\n\004'
    assert_output --partial '(qemu) '
    kill -TERM "$VM_PID"
    host_vm_exit
    run -1 vm monitor <<<'info status'
}
