# What automation types and does not type: nothing is typed into a program that a user runs on the guest's console;
# and the messages if no shell can be reached.
load helpers

linux() {
    rm -f "$T/linux.qcow2" # left by an earlier start in the same test
    linux_vm VM_SSH_KEY="$GUESTS/linux-key" "$@"
    vm wait --for ssh --timeout $((90 * PATIENCE))
    vm wait --timeout $((90 * PATIENCE))
}

on_ssh() {
    vm exec --via ssh "$1"
}

runs() {
    [ -n "$(on_ssh "pidof $1")" ]
}

@test "vm exec types nothing into cat >file or an editor, and ^C only with --interrupt" {
    linux
    vm exec --stay true
    vm send 'cat >busy' --enter
    wait_until 10 runs cat
    run vm exec echo x
    assert_failure 1
    assert_output --partial 'the console is busy, and was left alone'
    assert_output --partial '--interrupt'
    run vm push --via serial "$T/out" /root/
    assert_failure 1
    assert_output --partial 'the console is busy, and was left alone'
    # A line that was typed there and looks like a prompt is not taken for one.
    vm send 'foo# '
    run vm exec echo x
    assert_failure 1
    vm send --key ctrl-u --key ctrl-d
    assert_equal "$(on_ssh 'wc -c <busy')" 0
    run -0 vm exec echo x
    assert_output x

    vm exec --stay true
    vm send 'vi edited' --enter
    wait_until 10 runs vi
    vm send 'iall mine'
    run vm exec echo x
    assert_failure 1
    assert_output --partial 'the console is busy'
    # ^C does not end vi: a message says so, and nothing else is typed.
    run vm exec --interrupt echo x
    assert_failure 1
    assert_output --partial '^C does not end what runs there'
    vm send '\e'
    # For vi, keys directly after an escape could be a key's sequence, until it has reported the escape.
    wait_until 10 vm expect --from start --timeout 1 '\[Modified'
    vm send ':wq' --enter
    wait_until 10 bash -c "! $(printf '%q ' "${ENV[@]}") $VM exec --via ssh 'pidof vi'"
    assert_equal "$(on_ssh 'cat edited')" 'all mine'
    run -0 vm exec echo x
    assert_output x
    run -0 vm stop
}

@test "vm exec with an unknown prompt: --prompt names it, and it is recognised from then on" {
    linux
    vm exec --stay true
    vm send "PS1='odd prompt: '" --enter
    run vm exec echo x
    assert_failure 1
    assert_output --partial 'its last line is not a known prompt: "odd prompt: "'
    run -0 vm exec --stay --prompt 'prompt: ' echo x
    assert_output x
    run -0 vm exec --stay echo x
    assert_output x
    run -0 vm stop
}

@test "a resumed guest's clock is set over ssh, while a program on the console gets no input" {
    linux VM_STOP=suspend
    vm exec --stay true
    vm send 'cat >busy' --enter
    wait_until 10 runs cat
    vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    host_vm VM_STOP=poweroff VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" \
        SERIAL_PORT="$PORT" QEMU_HOSTFWDS="tcp:$SSH:22" VM_SSH_KEY="$GUESTS/linux-key"
    wait_until 60 grep -q "the guest's clock is set" "$T/out"
    assert_between "$(on_ssh 'date +%s')"
    run vm exec echo x
    assert_failure 1
    assert_output --partial 'the console is busy, and was left alone'
    vm send --key ctrl-d
    assert_equal "$(on_ssh 'wc -c <busy')" 0
    run -0 vm exec echo x
    assert_output x
    run -0 vm stop
}

# The guest's clock and ours differ by less than ten seconds.
assert_between() {
    local difference=$(($1 - $(date +%s)))
    [ "${difference#-}" -le 10 ]
}

@test "a resumed guest without an ssh key: the first vm exec sets its clock, nothing is typed before" {
    linux VM_STOP=suspend
    vm stop
    host_vm_exit
    host_vm VM_STOP=poweroff VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" \
        SERIAL_PORT="$PORT" QEMU_HOSTFWDS=none
    wait_until 60 grep -q "the first vm exec as root sets it" "$T/out"
    assert_between "$(vm exec date +%s)"
    grep -q "the guest's clock is set" "$T/out"
    run -0 vm stop
}

@test "after a snapshot is loaded, its console prompt is used" {
    linux
    vm exec --stay true
    vm snapshot save idle
    vm send 'cat >busy' --enter
    wait_until 10 runs cat
    vm snapshot save busy
    run vm snapshot list
    refute_output --partial '+busy'
    vm snapshot load idle
    run -0 vm exec --stay echo x
    assert_output x
    # While a command runs, and directly after its end: the prompt comes after the load.
    vm send "sleep 1; echo go''ne" --enter
    vm snapshot save running
    vm expect --timeout $((30 * PATIENCE)) gone
    vm snapshot save gone
    for name in running gone running; do
        vm snapshot load "$name"
        [ "$name" = gone ] || vm expect --from start --timeout $((30 * PATIENCE)) 'gone'
        run -0 vm exec --stay echo x
        assert_output x
    done
    vm snapshot load busy
    run vm exec echo x
    assert_failure 1
    assert_output --partial 'the console is busy, and was left alone'
    run -0 vm exec --interrupt echo x
    assert_output x
    run -0 vm stop
}

@test "vm exec right after the start waits for the guest, within its timeout; --no-wait does not" {
    container started
    run -0 docker exec "$C" vm exec echo here
    assert_output here
    docker restart "$C" >/dev/null
    run -0 docker exec "$C" vm exec echo here
    assert_output here
    "$ROOT/tests/guests/sector/build" COUNT "$T/count.qcow2"
    chmod 666 "$T/count.qcow2"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_DRIVE="$T/count.qcow2"
    wait_until 30 grep -q 'boot number' "$T/log/console.log"
    run vm exec --timeout 1 true
    assert_failure 1
    assert_output --partial "the guest's shell cannot be reached in time: running, no login prompt"
    run vm exec --no-wait true
    assert_failure 1
    assert_output --partial 'running, no login prompt'
    assert_output --partial 'vm wait waits for it'
}

@test "vm exec reports why there is no shell: paused, being stopped, panicked" {
    host_vm VM_START_PAUSED=1
    wait_until 30 grep -q 'waits for cont' "$T/out"
    run vm exec --timeout 60 true
    assert_failure 1
    assert_output --partial 'the guest is paused before its first instruction, until the monitor says cont'
    vm monitor cont
    vm exec true
    vm monitor stop
    run vm exec true
    assert_failure 1
    assert_output --partial 'the guest is paused, until the monitor says cont'
    assert_output --partial 'vm monitor cont lets it run'
    vm monitor cont
    run -0 vm exec true
    # A waiting vm exec ends when the guest is being shut down.
    vm monitor stop
    vm exec --timeout 100 true || :
    run -0 vm stop
}

@test "vm exec --env and --dir over serial and ssh, with all kinds of quotes" {
    linux
    for via in serial ssh; do
        run -0 vm exec --via "$via" --env A="it's \"1\" \$HOME \`x\` \\" --env B= --dir /tmp \
            'pwd; echo "$A|$B|"; sh -c "echo \$A"'
        assert_output "/tmp
it's \"1\" \$HOME \`x\` \\||
it's \"1\" \$HOME \`x\` \\"
        ENV+=(HERE='from here')
        run -0 vm exec --via "$via" --env HERE --env NOT_HERE sh -c 'echo "$HERE:${NOT_HERE-unset}"'
        assert_output 'from here:unset'
        run vm exec --via "$via" --dir '/no such' true
        assert_failure 126
        run -0 vm exec --via "$via" --dir / -- pwd
        assert_output /
        run -3 vm exec --via "$via" --env X=1 'exit 3'
    done
    for wrong in 1A=x A-B=x =x ''; do
        run vm exec --env "$wrong" true
        assert_failure 64
    done
    run -0 vm stop
    host_vm
    run vm exec --env A=1 true
    assert_failure 78
    assert_output --partial 'has no environment'
}

@test "if the shell refuses a line, vm exec reports it immediately, with the shell's message" {
    linux
    vm exec --via ssh 'cat >/bin/cli' <<'END'
#!/bin/sh
while printf 'cli# ' && read -r l; do
    case $l in
        exit) exit;;
        echo*) [ -e /more ] && eval "$l" || echo "no such command: ${l%% *}";;
        *) [ -n "$l" ] && echo "syntax error near ${l%%=*}";;
    esac
done
END
    on_ssh 'chmod 755 /bin/cli; echo "cli::0:0::/root:/bin/cli" >>/etc/passwd'
    run vm exec --timeout 100 --login cli true
    assert_failure 1
    assert_output --partial "the guest's shell does not accept the command line: no such command: echo"
    assert_output --partial '--via ssh'
    on_ssh 'touch /more'
    run vm exec --timeout 100 --login cli true
    assert_failure 1
    assert_output --partial 'syntax error near'
    run -0 vm exec echo fine
    assert_output fine
    run -0 vm stop
}

# BusyBox's shell has poweroff built in, dash does not (and sshd does not accept BusyBox for a shell).
dash_and() {
    on_ssh "$1"'; sed -i "s,:/bin/sh$,:/bin/dash," /etc/passwd'
}

@test "power-off on the console: messages of other guests, and a shell without such a command" {
    linux VM_STOP_LADDER=serial VM_STOP_TIMEOUT=$((60 * PATIENCE))
    dash_and 'rm -f /bin/poweroff /bin/halt
        printf "#!/bin/sh\n[ \"\$1\" = -P ] && exec busybox poweroff\nexit 1\n" >/bin/shutdown
        chmod 755 /bin/shutdown'
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0

    linux VM_STOP_LADDER=serial VM_STOP_TIMEOUT=$((60 * PATIENCE))
    dash_and 'rm -f /bin/poweroff /bin/halt /bin/shutdown'
    vm stop || :
    host_vm_exit
    assert_equal "$STATUS" 82
    grep -q "the guest's shell has none of: poweroff, halt -p, shutdown -P now, halt" "$T/out"
    refute grep -q 'the guest has accepted the command' "$T/out"
}
