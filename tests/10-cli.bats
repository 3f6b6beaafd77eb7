# The command line: help, version, settings, and errors for wrong arguments.
load helpers

@test "vm without arguments prints its commands and exits with status 64" {
    run "$VM"
    assert_failure 64
    assert_line --partial 'usage: vm COMMAND'
}

# The commands that `vm --help` lists.
listed_commands() { "$VM" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'; }

@test "every command listed by vm --help has a help text, which vm help COMMAND prints too" {
    local command count=0
    for command in $(listed_commands); do
        run -0 "$VM" "$command" --help
        assert_line --index 0 --regexp "^usage: vm $command( |\$)"
        # A help text must begin with a capital letter and end with a full stop.
        assert_line --index 1 --regexp '^([A-Z].*\.|    .*)$'
        assert_equal "$("$VM" help "$command")" "$output"
        count=$((count + 1))
    done
    [ "$count" -ge 29 ]
    refute_line --partial 'state-files'
}

@test "vm --help --json lists the same commands, with every option of their usage lines" {
    run -0 "$VM" --help --json
    assert_equal "$(jq -r '.[].name' <<<"$output")" "$(listed_commands)"
    # shellcheck disable=SC2016 # jq's variables
    run -0 jq -r '.[] | . as $c | .synopsis | [scan("--[a-z-]+")] | unique - [$c.options[].name] | .[] |
        "\($c.name) \(.)"' <<<"$output"
    assert_output ''
}

@test "every option that a command parses is in the table, and every option in the table is parsed" {
    local table
    table=$("$VM" --help --json | jq -r '.[].options[].name' | sort -u)
    # --own and --log are for PID 1's own calls, for the container's own terminal.
    assert_equal "$(sed 's/"--output=[a-z]*"//g' "$ROOT"/init/vm/cmd_*.c | grep -ohE '"--[a-z][a-z-]*"' |
        tr -d '"' | grep -vxE -- '--(own|log)' | sort -u | comm -23 - <(echo "$table"))" ''
    assert_equal "$(grep -ohE -e '--[a-z][a-z-]*' "$ROOT"/init/vm/cmd_*.c | sort -u |
        comm -13 - <(echo "$table"))" ''
}

@test "help texts are wrapped at the terminal's width" {
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

@test "an unknown command is reported by name, with the way to run a program" {
    run "$VM" bash
    assert_failure 64
    assert_line 'vm: error: there is no command bash'
    assert_line --partial 'init COMMAND'
}

@test "an unknown argument is reported by name, with the usage" {
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

@test "vm version prints the version of the build" {
    run -0 "$VM" version
    assert_output --regexp '^vm [0-9]+\.[0-9]+'
    assert_equal "$("$VM" --version)" "$output"
}

@test "the generated documentation matches the program's tables" {
    run -0 "$ROOT/scripts/docs" --check
}

@test "docs/api.yaml is checked against the routes, and a route needs its part of the template" {
    mkdir "$T/tree"
    (cd "$ROOT" && cp -r --parents scripts docs man completions guest-tools init/web VERSION "$T/tree")
    run -0 env VM="$ROOT/build/vm" "$T/tree/scripts/docs" --check
    sed -i 's/^      operationId: pause$/      operationId: halt/' "$T/tree/docs/api.yaml"
    run -1 env VM="$ROOT/build/vm" "$T/tree/scripts/docs" --check
    assert_output 'docs: docs/api.yaml is out of date; run: make docs'
    cp "$T/tree/init/web/api.yaml.in" "$T/in"
    sed -i '/^@pause$/d' "$T/tree/init/web/api.yaml.in"
    run -1 env VM="$ROOT/build/vm" "$T/tree/scripts/docs" --check
    assert_output 'docs: init/web/api.yaml.in: there is no @pause'
    sed 's/^@pause$/@halt/' "$T/in" >"$T/tree/init/web/api.yaml.in"
    run -1 env VM="$ROOT/build/vm" "$T/tree/scripts/docs" --check
    assert_output 'docs: init/web/api.yaml.in: @halt is no route, or is there twice'
    # A command or an option that the table of commands no longer has.
    printf '%s\n' '#!/bin/sh' "exec $ROOT/build/vm-web --routes | sed 's/--timeout/--patience/'" >"$T/vm-web"
    printf '%s\n' '#!/bin/sh' "exec $ROOT/build/vm \"\$@\"" >"$T/vm"
    chmod +x "$T/vm" "$T/vm-web"
    run -1 env VM="$T/vm" "$T/tree/scripts/docs" --check
    assert_output 'docs: exec: vm exec has no --patience'
}

@test "vm settings prints the values in force; --json is valid JSON with every setting" {
    run -0 env -i QEMU_RAM=2G "$VM" settings
    assert_line '  QEMU_RAM=2048   (set)'
    run -0 env -i QEMU_RAM=2G QEMU_CPU='max,+x2apic' "$VM" settings --json
    assert_equal "$(jq -r '.[] | select(.name == "QEMU_RAM") | "\(.value) \(.set) \(.default)"' <<<"$output")" \
        '2048 true auto'
    assert_equal "$(jq -r '.[] | select(.name == "QEMU_CPU").value' <<<"$output")" 'max,+x2apic'
    assert_equal "$(jq length <<<"$output")" "$(grep -c '^X(' "$ROOT/init/config/settings.def")"
}

@test "a request without a running guest reports which socket was tried" {
    for c in status health stop wait; do
        run env -i VM_RUN_DIR="$T/none" "$VM" "$c"
        assert_failure 1
        assert_output "no guest runs here: $T/none/control.sock: No such file or directory"
    done
}
