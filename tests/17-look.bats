# Colours, progress bars and line breaks: only on a terminal, and subject to the environment.
load helpers

ESC=$'\e'

# on_terminal [NAME=VALUE...] COMMAND...: what COMMAND prints on a terminal of 80 columns.
on_terminal() {
    # shellcheck disable=SC2016 # for the inner shell
    TERM=xterm talk -t 60 sh -c 'stty cols 80; exec env "$@"' sh "$@" :: eof
}

@test "errors, warnings and fixes are coloured on a terminal, subject to NO_COLOR, CLICOLOR and TERM" {
    host_env QEMU_RAM=none VM_UNKNOWN=1
    local wrong=("${ENV[@]:1}")
    run on_terminal "${wrong[@]}" TERM=xterm "$VM" check
    assert_line --partial "vm: ${ESC}[1;31merror:${ESC}[0m QEMU_RAM=none is not"
    assert_line --partial "vm:   ${ESC}[36mfix:${ESC}[0m set QEMU_RAM"
    assert_line --partial "vm: ${ESC}[33mwarning:${ESC}[0m VM_UNKNOWN is not"
    local choice
    for choice in 'TERM=dumb' 'TERM=' 'TERM=xterm NO_COLOR=1' 'TERM=xterm CLICOLOR=0' \
        'TERM=xterm CLICOLOR_FORCE=1 NO_COLOR=1'; do
        # shellcheck disable=SC2086 # words
        run on_terminal "${wrong[@]}" $choice "$VM" check
        assert_line --partial 'vm: error: QEMU_RAM=none is not'
        refute_output --partial "$ESC"
    done
    run "${ENV[@]}" TERM=xterm "$VM" check
    refute_output --partial "$ESC"
    run "${ENV[@]}" TERM=dumb CLICOLOR_FORCE=1 "$VM" check
    assert_line --partial "vm: ${ESC}[1;31merror:${ESC}[0m QEMU_RAM=none"
}

@test "control characters in a value do not reach the terminal, with or without colours" {
    host_env QEMU_RAM="${ESC}[31mred"
    run on_terminal "${ENV[@]:1}" TERM=xterm "$VM" check
    assert_output --partial "error:${ESC}[0m QEMU_RAM=(with control characters) is not" ||
        assert_output --partial "error:${ESC}[0m QEMU_RAM=\\x1b[31mred is not"
    refute_output --partial "${ESC}[31mred"
}

@test "phases and health are coloured on a terminal; logs never are, even with CLICOLOR_FORCE" {
    host_vm CLICOLOR_FORCE=1 TERM=xterm
    wait_until 60 grep -q 'login prompt on the serial console, ' "$T/out"
    grep -q "^vm: ${ESC}\[36mphase${ESC}\[0m kernel," "$T/out"
    grep -q "^vm: ${ESC}\[32mready:${ESC}\[0m login prompt" "$T/out"
    local quiet=("${ENV[@]:1}" CLICOLOR_FORCE=0)
    run -0 on_terminal "${quiet[@]}" "$VM" status
    assert_line --partial "state        ${ESC}[32mrunning${ESC}[0m"
    assert_line --partial "ready        ${ESC}[32myes${ESC}[0m (ready: login prompt"
    assert_line --partial "phase        ${ESC}[36mlogin${ESC}[0m"
    run -0 on_terminal "${quiet[@]}" "$VM" health
    assert_output --partial "${ESC}[32mready${ESC}[0m: login prompt"
    run -0 on_terminal "${quiet[@]}" "$VM" wait
    assert_output --partial "${ESC}[32mready${ESC}[0m: login prompt"
    local command
    for command in status health wait 'status --json'; do
        # shellcheck disable=SC2086 # words
        run -0 env "${quiet[@]}" "$VM" $command
        refute_output --partial "$ESC"
    done
    vm stop --now || :
    wait_until 30 process_is_gone "$VM_PID"
    run on_terminal "${quiet[@]}" "$VM" health
    assert_output --partial "${ESC}[1;31mno guest runs here${ESC}[0m"
    grep -q 'ready: login prompt' "$T/log/qemu.log"
    run ! grep -l "$ESC" "$T/log/qemu.log" "$T/log/events.jsonl"
}

@test "vm profile draws a progress bar on a terminal and prints lines into a pipe" {
    host_env
    local options=(--cpus 1 --warm-up 0 --samples 2 --until grub --timeout 300)
    run -0 on_terminal "${ENV[@]:1}" TERM=xterm "$VM" profile "${options[@]}" --out "$T/a"
    assert_output --partial '[############............]  50 % (1 of 2), cpu_1 sample 1: '
    assert_output --partial '[########################] 100 % (2 of 2), cpu_1 sample 2: '
    run -0 "${ENV[@]}" TERM=xterm "$VM" profile "${options[@]}" --out "$T/b"
    assert_line --regexp '^vm:  50 % \(1 of 2\), cpu_1 sample 1: [0-9.]+ ms; about [0-9]+ s left$'
    assert_line --regexp '^vm: 100 % \(2 of 2\), cpu_1 sample 2: [0-9.]+ ms$'
    refute_output --partial "$ESC"
    refute_output --partial '[###'
}

@test "the steps of scripts/bake are a progress bar on a terminal and lines in a pipe" {
    cat >"$T/steps" <<END
. "$ROOT/scripts/lib.sh"
stage 1 2 'first step'
stage 2 2 'second step'
stage 1 2 'again'
say 'a line of its own'
END
    run -0 on_terminal sh "$T/steps"
    assert_output --partial $'\r''[############............] first step'
    assert_output --partial $'\r''[########################] second step'
    assert_line --regexp '^steps: a line of its own'
    run -0 on_terminal TERM=dumb sh "$T/steps"
    assert_line --regexp '^steps: first step'
    run -0 sh "$T/steps"
    assert_output "steps: first step
steps: second step
steps: again
steps: a line of its own"
}

@test "the list of commands fits a narrow terminal" {
    # shellcheck disable=SC2016 # for the inner shell
    run -0 talk -t 10 sh -c 'stty cols 44; exec "$0" --help' "$VM" :: eof
    assert_output --partial 'Connect this terminal'
    while read -r line; do
        line=${line%$'\r'}
        [ "${#line}" -le 44 ]
    done <<<"$output"
    # In a pipe, each command has one line.
    run -0 "$VM" --help
    refute_line --regexp '^   '
}
