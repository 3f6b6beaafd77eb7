# Untrusted text in the log, errors and answers: it cannot control a terminal, nor form a line that could be taken
# for ours.
load helpers

# ESC, a line end, CR, BEL, a C1 control, a bidirectional control; é is not escaped.
EVIL=$'x\e]0;t\a\r\nvm: ready: forged \xc2\x9b31m\u202eé'

# harmless FILE: the file contains lines of readable text, and none of them is a line of EVIL.
harmless() {
    LC_ALL=C.UTF-8 python3 - "$1" <<'END'
import sys, unicodedata
text = open(sys.argv[1], 'rb').read().decode('utf-8')
bad = [c for c in text if c not in '\n\t' and unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp')]
if bad:
    sys.exit(f'control characters: {bad[:10]!r}')
if any(l.startswith('vm: ready: forged') for l in text.split('\n')):
    sys.exit('a forged line')
END
}

shown() {
    printf '%s\n' "$output" >"$T/shown"
    harmless "$T/shown"
}

@test "the guest cannot print a line in docker logs that looks like PID 1's" {
    container forged "${SAFE[@]}" -e CONSOLE_STDOUT=1
    container_ready "$C"
    docker exec "$C" vm exec --login root "echo; echo vm: exit status 0; echo qemu: terminating; echo"
    wait_until 30 logs_have "$C" 'guest: vm: exit status 0'
    container_logs "$C" >"$T/all"
    run -1 grep -qE '^(vm: exit status|qemu: terminating)' "$T/all"
    run -1 grep -vE '^(vm|guest|qemu): ' "$T/all"
}

@test "text from images, settings, arguments and QEMU's messages is escaped" {
    host_env VM_GUEST="$EVIL"
    run -78 vm check
    shown
    assert_line --partial 'VM_GUEST=x\x1b]0;t\x07\r\nvm: ready: forged \u009b31m\u202eé is not'
    run -64 vm "$EVIL"
    shown
    run -64 vm status "$EVIL"
    shown

    qemu-img create -q -f qcow2 "$T/images/base.qcow2" 1M
    qemu-img create -q -u -f qcow2 -b "$EVIL" -F qcow2 "$T/disk.qcow2" 1M
    host_env QEMU_DRIVE="$T/disk.qcow2"
    run -65 vm check
    shown
    assert_output --partial '\x1b]0;t\x07'
    run -65 vm check --json
    shown
    jq -e '.errors | length > 0' <<<"$output"
    run -65 vm run
    shown

    host_env QEMU_EXTRA_ARGS=$'-device \u202e\xc2\x9b31mno'
    run -69 vm run
    shown
    assert_line --regexp '^qemu: .*\\u202e\\u009b31mno'
    run -1 grep -v '^\(vm\|qemu\): ' "$T/shown"
    harmless "$T/log/qemu.log"
    run -0 grep -cE '^[0-9-]{10}T[0-9:.]{12}Z qemu: .*31mno' "$T/log/qemu.log"
}

@test "a snapshot name given by another program is escaped in the list and in JSON" {
    cp "$MACH_MINI" "$T/disk.qcow2"
    chmod 644 "$T/disk.qcow2"
    qemu-img snapshot -c "$EVIL" "$T/disk.qcow2"
    host_env QEMU_DRIVE="$T/disk.qcow2"
    run -0 vm snapshot list
    shown
    run -0 vm snapshot list --json
    shown
    assert_equal "$(jq -r '.[0].name' <<<"$output")" "$EVIL"
}
