# vm markers: the built-in marker files, checking a file of your own, and testing it on console output.
load helpers

STREAMS=$ROOT/tests/unit/streams

@test "vm markers prints each guest's marker file, which is valid and equal to the source" {
    for g in hurd mach linux minix exov6 generic; do
        "$VM" markers "$g" >"$T/$g"
        cmp "$T/$g" "$ROOT/init/plan/markers/$g.markers"
        run -0 "$VM" markers --check "$T/$g"
        assert_output --regexp "^$T/$g: [0-9]+ markers\$"
    done
    run -0 "$VM" markers
    assert_line --index 0 --partial '# generic.markers'
}

@test "vm markers --match prints line, kind and name of each match" {
    run -0 "$VM" markers --match mach <"$STREAMS/mach.txt"
    assert_line --index 0 '1 progress grub'
    assert_line '26 ready login'
    assert_line --index -1 '30 down tight-loop'
    printf 'progress one ^abc$\nready two x+[ ]\n' >"$T/own"
    run -0 "$VM" markers --match "$T/own" < <(printf 'abc \nabc\r\n\033[1mab\033[mc\nxx\nx x')
    assert_output $'2 progress one\n3 progress one\n5 ready two'
    run -0 "$VM" markers --match "$T/own" </dev/null
    assert_output ''
}

@test "vm markers --match finds the phases in a guest's boot output" {
    run -0 "$VM" markers --match mach < <(
        timeout 60 qemu-system-x86_64 -machine q35 -accel tcg -cpu core2duo-v1 -m 128 -display none \
            -nic none -no-reboot -monitor none -serial stdio -device ide-hd,drive=d,bus=ide.0 \
            -drive "if=none,id=d,format=qcow2,snapshot=on,file.driver=file,file.filename=$MACH_MINI,file.locking=off" \
            < <(log_in_and_halt) | tee "$T/console.log"
    )
    assert_line --partial 'progress kernel'
    assert_line --partial 'progress modules'
    assert_line --partial 'ready login'
    assert_line --index -1 --partial 'progress stopping'
}

# Each line is typed when the guest has asked for input.
log_in_and_halt() {
    wait_until 60 grep -q 'login: ' "$T/console.log"
    printf 'root\r'
    wait_until 60 grep -q 'machsh# ' "$T/console.log"
    printf 'halt\r'
    wait_until 60 grep -q '^halting' "$T/console.log"
}

@test "an error in a marker file is reported with line, column and fix" {
    printf '# mine\nready login login:[ ]\npanic p pan(ic\n' >"$T/bad"
    run "$VM" markers --check "$T/bad"
    assert_failure 78
    assert_line --partial "$T/bad: line 3: in the expression of p, column 4: this ( has no )"
    assert_line --partial 'fix: '
    run "$VM" markers --match "$T/bad" </dev/null
    assert_failure 78
    head -c 70000 /dev/zero | tr '\0' '#' >"$T/large"
    run "$VM" markers --check "$T/large"
    assert_failure 78
    assert_line --partial 'is longer than 65536 bytes'
}

@test "vm markers: a wrong file, guest or option is an error" {
    run "$VM" markers --check "$T/none"
    assert_failure 66
    assert_line --partial "$T/none: No such file or directory"
    run "$VM" markers beos
    assert_failure 64
    assert_line --partial 'there are no markers of beos'
    run "$VM" markers --check
    assert_failure 64
    run "$VM" markers hurd mach
    assert_failure 64
    run -0 "$VM" markers --help
    assert_line --index 0 --partial 'usage: vm markers'
}
