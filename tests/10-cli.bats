# The command line: help, version, settings, and what a wrong word gets.
load helpers

@test "vm without arguments prints its commands and exits 64" {
    run "$VM"
    assert_failure 64
    assert_line --partial 'usage: vm COMMAND'
}

@test "every command has --help, and vm --help lists it" {
    run -0 "$VM" --help
    local listed
    listed=$(printf '%s\n' "${lines[@]}" | sed -n 's/^  \([a-z]*\) .*/\1/p')
    [ "$(echo "$listed" | wc -l)" -ge 12 ]
    for c in run check args kvm settings status health wait monitor stop version init; do
        grep -qx "$c" <<<"$listed"
        run -0 "$VM" "$c" --help
        assert_line --index 0 --regexp "^usage: vm $c"
    done
}

@test "an unknown command is named, with the way to run a program" {
    run "$VM" bash
    assert_failure 64
    assert_line 'vm: error: there is no command bash'
    assert_line --partial 'init COMMAND'
}

@test "an unknown argument is named, with the usage" {
    run "$VM" check --fast
    assert_failure 64
    assert_line 'vm: error: vm check: unknown argument --fast'
    assert_line 'vm:   fix: vm check [--json]'
    run "$VM" status --json --json
    assert_failure 64
    run "$VM" wait --for dinner
    assert_failure 64
    assert_line --partial '--for knows ready, login, ssh, http and exit, not dinner'
    run "$VM" wait --timeout soon
    assert_failure 64
}

@test "version says what was built" {
    run -0 "$VM" version
    assert_output --regexp '^vm [0-9]+\.[0-9]+'
    assert_equal "$("$VM" --version)" "$output"
}

@test "the settings of README.md are those of the program" {
    run -0 "$ROOT/scripts/docs" --check
}

@test "settings prints values in force; --json is JSON with every setting" {
    run -0 env -i QEMU_RAM=2G "$VM" settings
    assert_line '  QEMU_RAM=2048   (set)'
    run -0 env -i QEMU_RAM=2G QEMU_CPU='max,+x2apic' "$VM" settings --json
    assert_equal "$(jq -r '.[] | select(.name == "QEMU_RAM") | "\(.value) \(.set) \(.default)"' <<<"$output")" \
        '2048 true auto'
    assert_equal "$(jq -r '.[] | select(.name == "QEMU_CPU").value' <<<"$output")" 'max,+x2apic'
    assert_equal "$(jq length <<<"$output")" "$(grep -c '^X(' "$ROOT/init/config/settings.def")"
}

@test "a request without a running guest says where it looked" {
    for c in status health stop wait; do
        run env -i VM_RUN_DIR="$T/none" "$VM" "$c"
        assert_failure 1
        assert_output "no guest runs here: $T/none/control.sock: No such file or directory"
    done
}
