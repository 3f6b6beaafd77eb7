# vm exec, send and expect: the guest's console and its sshd, used from a script.
load helpers

mach() {
    PORT=$(free_port)
    host_vm SERIAL_PORT="$PORT" "$@"
    vm wait --timeout $((60 * PATIENCE))
}

linux() {
    linux_vm VM_SSH_KEY="$GUESTS/linux-key" "$@"
    vm wait --timeout $((90 * PATIENCE))
}

@test "vm exec on GNU Mach: output, status, quotes, a line that its shell refuses" {
    mach
    run -0 vm exec uname -a
    assert_output --regexp '^GNU-Mach mach-mini .* x86_64$'
    run -1 vm exec false
    assert_output ''
    run -127 vm exec nosuch
    assert_output --partial 'nosuch: command not found'
    run -0 vm exec 'echo one;  echo "two  words"; echo '"'three'"
    assert_output $'one\ntwo  words\nthree'
    run -0 vm exec echo "it's" 'two  words' '$?' '"'
    assert_output "it's two  words \$? \""
    run -0 vm exec 'echo -n no line end'
    assert_output 'no line end'
    run -2 vm exec 'echo a | cat'
    assert_output --partial 'not supported here'
    run -0 vm exec true
    assert_output ''
    run -0 vm stop
}

@test "vm exec on GNU Mach: 200 kB arrive complete between lines that the guest prints" {
    mach
    vm exec 'flood 200' | tr -d '\r' >"$T/flood"
    assert_equal "$(wc -l <"$T/flood")" 3200
    assert_equal "$(sed 's/ .*//' "$T/flood" | sort -u | wc -l)" 3200
    run -0 vm exec 'noise 1; sleep 3; echo between the lines'
    assert_line 'between the lines'
    run -0 vm exec 'noise off'
    run -0 vm exec echo after
    assert_line after
    run -0 vm stop
}

@test "vm exec on Linux: output, status, quotes, pipes, syntax errors, long commands, 200 kB" {
    linux
    run -0 vm exec uname -n
    assert_output linux
    run -3 vm exec 'echo out; echo err >&2; exit 3'
    assert_output $'out\nerr'
    run -0 vm exec 'echo "a  b" '"'c  d'"' $HOME; printf x'
    assert_output $'a  b c  d /root\nx'
    run -0 vm exec echo "it's" 'two  words' '$HOME' '`' '\' '"'
    assert_output "it's two  words \$HOME \` \\ \""
    run -2 vm exec '('
    assert_output --partial 'syntax error'
    run -0 vm exec "$(printf 'echo %03000d | wc -c' 5)"
    assert_output 3001
    run vm exec "$(printf 'echo %04000d' 5)"
    assert_failure 64
    vm exec 'seq 1 40000' >"$T/seq"
    seq 1 40000 | cmp - "$T/seq"
    # Its standard input is empty, so it cannot read what is typed after it.
    run -0 vm exec cat
    assert_output ''
    # A changed prompt, with a kernel message in between.
    run -0 vm exec --stay true
    vm send "PS1='odd\\\\\$ prompt: '" --enter
    run -0 vm exec --prompt 'prompt: ' 'echo noise >/dev/kmsg; sleep 1; echo noise >/dev/kmsg; echo done'
    assert_line done
    run -5 vm exec 'exit 5'
    run -0 vm stop
}

@test "vm exec --timeout ends a command by ^C, and the console is usable afterwards" {
    linux
    run vm exec --timeout 2 'echo begun; sleep 1000'
    assert_failure 124
    assert_line begun
    assert_line --partial 'not done within 2 s'
    run vm exec --timeout 2 yes
    assert_failure 124
    assert_line y
    run -0 vm exec echo alive
    assert_output alive
    run -0 vm stop
    mach
    run vm exec --timeout 1 'echo begun; sleep 1000'
    assert_failure 124
    assert_line begun
    run -0 vm exec echo alive
    assert_output alive
}

# prompts N: the guest has printed as many login prompts.
prompts() {
    [ "$(grep -ao 'linux login: ' "$T/log/console.log" | wc -l)" -eq "$1" ]
}

# logins N: root has logged in as often.
logins() {
    [ "$(grep -ac "root login on 'ttyS0'" "$T/log/console.log")" -eq "$1" ]
}

@test "vm exec does not wait for the logout; vm send, vm script and vm snapshot save do" {
    linux
    run -0 vm wait --for ssh --timeout $((60 * PATIENCE))
    run -0 vm exec --via ssh "echo 'trap \"until [ -e /go ]; do sleep 0.1; done\" EXIT' >/root/.profile"
    run -7 vm exec 'echo out; exit 7'
    assert_output out
    # The shell has printed the status and waits in its trap: nobody else gets the line.
    prompts 1
    run -1 flock -n "$T/run/exec.lock" true
    run -0 vm exec --via ssh 'touch /go'
    wait_until 30 prompts 2
    # Input in the getty's pause before its prompt would be lost.
    run -0 vm exec true
    run -0 vm send root --enter
    wait_until 30 logins 3
    run -0 vm send exit --enter
    wait_until 30 prompts 4
    run -0 vm exec true
    run -0 vm script - <<<$'timeout 60\nline root\nexpect linux# \nline exit\nexpect login: '
    prompts 6
    run -0 vm exec true
    run -0 vm snapshot save after
    prompts 7
    run -0 vm exec uname -n
    assert_output linux
    run -0 vm stop
}

@test "vm exec with other clients: they see it, and their half-typed line is not run" {
    mach
    talk -t 60 telnet 127.0.0.1 "$PORT" :: send: 'expect:login: ' send:root 'expect:machsh# ' \
        'raw:echo half-ty' 'expect:half-ty' 'expect:the-command-ran' >"$T/talk" 3>&- &
    PIDS+=($!)
    wait_until 30 grep -q half-ty "$T/talk" || wait_until 30 grep -qa half-ty "$T/log/console.log"
    run -0 vm exec echo the-command-ran
    assert_output the-command-ran
    refute grep -qa 'half-tyecho' "$T/log/console.log"
    # Two commands at the same time take turns.
    vm exec 'sleep 1; echo first' >"$T/first" 3>&- &
    PIDS+=($!)
    run -0 vm exec 'echo second'
    assert_output second
    wait "${PIDS[-1]}"
    assert_equal "$(cat "$T/first")" first
    # A program runs there: nothing is typed, unless --interrupt is given.
    vm send 'sleep 1000' --enter
    run vm exec echo x
    assert_failure 1
    assert_output --partial 'the console is busy'
    run -0 vm exec --interrupt echo x
    assert_output x
}

@test "vm exec before there is a login, without a guest, and during the guest's shutdown" {
    host_env
    run vm exec true
    assert_failure 1
    assert_output --partial 'no guest runs here'
    host_vm VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    run vm exec true
    assert_failure 1
    assert_output --partial 'the guest is paused before its first instruction'
    vm monitor cont
    vm wait --timeout $((60 * PATIENCE))
    run vm exec 'echo going; halt'
    assert_failure 69
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "vm exec --via ssh: output, status, a timeout, no key" {
    linux
    run -0 vm wait --for ssh --timeout $((60 * PATIENCE))
    run -7 vm exec --via ssh 'uname -n; echo err >&2; exit 7'
    assert_output $'linux\nerr'
    run vm exec --via ssh --timeout 1 'sleep 100'
    assert_failure 124
    ENV+=(VM_SSH_KEY="$T/none")
    run vm exec --via ssh true
    assert_failure 77
    assert_output --partial "the ssh key $T/none cannot be read"
}

@test "vm send and vm expect: from now, from the start, in time and too late" {
    mach
    run -0 vm expect --from start --timeout $((10 * PATIENCE)) 'module [0-9]+: machsh'
    assert_output --partial 'module 0: machsh'
    run vm expect --timeout 1 'module [0-9]+: machsh'
    assert_failure 1
    assert_output --partial 'not in time'
    vm expect --timeout $((60 * PATIENCE)) '^Welcome, (demo|root)\.' >"$T/expected" 3>&- &
    waiter=$!
    PIDS+=("$waiter")
    wait_until 10 bash -c "[ \$($(printf '%q ' "${ENV[@]}") $VM status --json | jq .console.clients) -ge 1 ]"
    vm send '\r' ro ot --enter
    wait "$waiter"
    grep -q '^Welcome, root\.' "$T/expected"
    vm send 'echo a\x62c' --key tab --key ctrl-u 'echo def' --key enter
    run -0 vm expect --from start --timeout $((10 * PATIENCE)) '^def$'
    assert_output def
    vm send -- 'echo ' --enter --key -- --end '\r'
    run -0 vm expect --from start --timeout $((10 * PATIENCE)) -- '--enter--key----end$'
    assert_output --partial -- --enter--key----end
    run -64 vm send --
    run -64 vm expect --
    run -64 vm send --screen --
    run -0 vm send --key break
    run vm send --key nosuch
    assert_failure 64
    run vm expect '('
    assert_failure 64
    # The clients before may stay connected for a moment after they have ended.
    clients_are() { [ "$(vm status --json | jq .console.clients)" -eq "$1" ]; }
    wait_until 10 clients_are 0
    vm expect --timeout 60 never >"$T/never" 2>&1 3>&- &
    waiter=$!
    PIDS+=("$waiter")
    wait_until 10 clients_are 1
    vm stop
    wait "$waiter" || : # without bats' run, whose shell is not its parent
    run cat "$T/never"
    assert_output --partial 'the guest has ended'
}
