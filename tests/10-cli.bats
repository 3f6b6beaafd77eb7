# The command line: help, version, settings, and what a wrong word gets.
load helpers

@test "vm without arguments prints its commands and exits 64" {
    run "$VM"
    assert_failure 64
    assert_line --partial 'usage: vm COMMAND'
}

# What `vm --help` lists.
listed_commands() { "$VM" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'; }

@test "every command that vm --help lists has a help text, which vm help prints, too" {
    local command count=0
    for command in $(listed_commands); do
        run -0 "$VM" "$command" --help
        assert_line --index 0 --regexp "^usage: vm $command( |\$)"
        # A line without a capital letter and a full stop is no sentence.
        assert_line --index 1 --regexp '^([A-Z].*\.|    .*)$'
        assert_equal "$("$VM" help "$command")" "$output"
        count=$((count + 1))
    done
    [ "$count" -ge 29 ]
    refute_line --partial 'state-files'
}

@test "vm --help --json has the same commands, with every option of their usage lines" {
    run -0 "$VM" --help --json
    assert_equal "$(jq -r '.[].name' <<<"$output")" "$(listed_commands)"
    # shellcheck disable=SC2016 # jq's variables
    run -0 jq -r '.[] | . as $c | .synopsis | [scan("--[a-z-]+")] | unique - [$c.options[].name] | .[] |
        "\($c.name) \(.)"' <<<"$output"
    assert_output ''
}

@test "every option that a command reads is in the table, and none is there that nothing reads" {
    local table
    table=$("$VM" --help --json | jq -r '.[].options[].name' | sort -u)
    # --own and --log are PID 1's, for the container's own terminal.
    assert_equal "$(sed 's/"--output=[a-z]*"//g' "$ROOT"/init/vm/cmd_*.c | grep -ohE '"--[a-z][a-z-]*"' |
        tr -d '"' | grep -vxE -- '--(own|log)' | sort -u | comm -23 - <(echo "$table"))" ''
    assert_equal "$(grep -ohE -e '--[a-z][a-z-]*' "$ROOT"/init/vm/cmd_*.c | sort -u |
        comm -13 - <(echo "$table"))" ''
}

@test "help is as wide as the terminal" {
    # shellcheck disable=SC2016 # for the inner shell
    run -0 talk -t 10 sh -c 'stty cols 50; exec "$0" exec --help' "$VM" :: eof
    assert_output --partial '--timeout'
    while read -r line; do
        line=${line%$'\r'}
        [ "${#line}" -le 50 ]
    done <<<"$output"
    run -0 "$VM" exec --help
    while read -r line; do [ "${#line}" -le 80 ]; done <<<"$output"
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

@test "vm version prints the version that was built" {
    run -0 "$VM" version
    assert_output --regexp '^vm [0-9]+\.[0-9]+'
    assert_equal "$("$VM" --version)" "$output"
}

@test "the generated documentation matches the program's tables" {
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
