# vm script: a file of steps on the guest's console.
load helpers

mach() {
    host_vm "$@"
    vm wait --timeout $((60 * PATIENCE))
}

@test "vm script logs in, runs a command and logs out, and prints the console's output" {
    mach
    cat >"$T/script" <<'END'
# The prompt was printed before the script: a return prints it again.
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

@test "vm script: a timeout, a failure, an exit status, the end of the guest" {
    mach
    printf 'timeout 1\nexpect never\n' >"$T/late"
    run -1 vm script "$T/late"
    assert_output --partial "$T/late:2: not in time: expect never; the last line: "
    # Blanks after the name of a step only separate.
    printf 'fail \t  incorr+ect\nsend \\r\nexpect login:\nline  root\nexpect   machsh#\nline echo incorrect\nexpect never\n' >"$T/fails"
    run -1 vm script "$T/fails"
    assert_output --partial "$T/fails:7: it failed (incorr+ect): "
    printf 'key ctrl-u\nexit 42\nexpect never\n' >"$T/exit"
    run -42 vm script "$T/exit"
    printf 'line halt\nexpect never\n' >"$T/end"
    run -69 vm script --quiet "$T/end"
    assert_output --partial 'the guest has ended: expect never'
}

@test "vm script: an error in the file is reported before the first step" {
    host_env
    for line in 'expect (' 'send \q' 'key nosuch' 'timeout soon' 'exit 256' 'wait'; do
        printf 'line x\n%s\n' "$line" >"$T/script"
        run -64 vm script "$T/script"
        assert_line --partial "vm: error: $T/script:2: "
    done
    run -66 vm script "$T/none"
    run -64 vm script
}

# value FILE XPATH: the value in a report, which must be valid.
value() {
    xmllint --nonet --noout --schema "$ROOT/tests/junit.xsd" "$1" || return 1
    xmllint --nonet --xpath "string($2)" "$1"
}

@test "vm script --junit and --tap: each step with its time, the reason and the console's last lines" {
    mach
    cat >"$T/script" <<'END'
timeout 30
send \r
expect login:
line root
expect machsh#
line echo <&"'> ]]> # \\ \x1b[31mred\x07\xff\xef\xbf\xbe \xc3\xa4
expect red
END
    run -0 --separate-stderr vm script --junit "$T/junit.xml" --tap "$T/script"
    assert_line --index 0 'TAP version 14'
    assert_line --index 1 1..6
    assert_line --index 2 'ok 1 - 2: send \\r'
    assert_line --index 6 "ok 5 - 6: line echo <&\"'> ]]> \\# \\\\\\\\ \\\\x1b[31mred\\\\x07\\\\xff\\\\xef\\\\xbf\\\\xbe \\\\xc3\\\\xa4"
    refute_output --partial 'not ok'
    assert_equal "$(value "$T/junit.xml" /testsuites/testsuite/@tests)" 6
    assert_equal "$(value "$T/junit.xml" /testsuites/@failures)" 0
    assert_equal "$(value "$T/junit.xml" '//testcase[2]/@name')" '3: expect login:'
    assert_regex "$(value "$T/junit.xml" //system-out)" 'machsh# '

    # The guest prints text that is not valid in XML, TAP or UTF-8.
    cat >"$T/fails" <<'END'
timeout 2
line echo <&"'> ]]> # \x1b[31mred\x07 \xff\xef\xbf\xbe \xc3\xa4 mark
expect never
line echo not reached
END
    run -1 --separate-stderr vm script --junit "$T/junit.xml" --tap "$T/fails"
    assert_line --index 3 'not ok 2 - 3: expect never'
    assert_line --regexp '^  message: "not in time: expect never; the last line: '
    assert_line --regexp '^    - ".*mark"$'
    assert_line 'ok 3 - 4: line echo not reached # SKIP not reached'
    assert_equal "$(value "$T/junit.xml" 'concat(//testsuite/@tests, " ", //@failures, " ", //@errors, " ", //@skipped)')" '3 1 0 1'
    assert_regex "$(value "$T/junit.xml" //failure/@message)" '^not in time: expect never'
    assert_regex "$(value "$T/junit.xml" //failure)" 'mark'
    assert_equal "$(value "$T/junit.xml" '//testcase[3]/skipped/../@name')" '4: line echo not reached'
    run -0 iconv -f UTF-8 -t UTF-8 -o /dev/null "$T/junit.xml"

    # An exit status, the end of the guest, and a file that cannot be written, which is reported before the first
    # step.
    printf 'exit 3\nsend x\n' >"$T/exit"
    run -3 vm script --junit "$T/junit.xml" "$T/exit"
    assert_equal "$(value "$T/junit.xml" //failure/@message)" 'the script ends with status 3'
    run -77 vm script --junit "$T/none/junit.xml" "$T/fails"
    assert_line --partial "--junit $T/none/junit.xml: No such file"
    run -77 vm script --junit "$T" "$T/fails"
    printf 'line halt\nexpect never\n' >"$T/end"
    run -69 vm script --junit "$T/junit.xml" --quiet "$T/end"
    assert_regex "$(value "$T/junit.xml" //error/@message)" '^the guest has ended: expect never'
    run -0 find "$T" -name '*junit.xml*'
    assert_output "$T/junit.xml"
}

@test "vm script --boot --junit: a guest that cannot be started is an error in the report" {
    host_env QEMU_DRIVE="$T/none.qcow2"
    printf 'expect login:\n' >"$T/script"
    run -125 vm script --boot --junit "$T/junit.xml" "$T/script"
    assert_equal "$(value "$T/junit.xml" //error/@message)" 'the guest was not started'
}

@test "vm script --boot: VM_RUN_TIMEOUT bounds the whole run" {
    host_env VM_RUN_TIMEOUT=$((3 * PATIENCE))
    printf 'timeout 600\nexpect never\n' >"$T/script"
    run -69 vm script --boot "$T/script"
    assert_output --partial "VM_RUN_TIMEOUT=$((3 * PATIENCE)): the guest has run for"
    assert_output --partial 'the guest has ended: expect never'
}
