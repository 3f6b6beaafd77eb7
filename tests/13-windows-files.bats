# Files as Windows tools write them: a byte order mark, CR LF, UTF-16.
load helpers

utf16() {
    iconv -t UTF-16LE | { printf '\377\376'; cat; }
}

@test "password files: a byte order mark and CR LF are ignored, UTF-16 is an error, a blank is kept" {
    printf '\357\273\277secret\r\n' >"$T/password"
    PORT=$(free_port)
    host_vm SERIAL_RAW_PORT="$PORT" SERIAL_PASSWORD_FILE="$T/password"
    vm wait --timeout $((60 * PATIENCE))
    run -0 talk bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT; echo secret >&3; cat <&3" :: 'expect:login: '
    run -0 vm stop
    printf 'secret\r\n' | utf16 >"$T/utf16"
    printf 's\0e\0c\0\r\0\n\0' >"$T/no-mark"
    printf 'secret \r\n' >"$T/blank"
    host_env SERIAL_PASSWORD_FILE="$T/utf16" MONITOR_PASSWORD_FILE="$T/no-mark" \
        VM_LOGIN_PASSWORD_FILE="$T/utf16"
    run -78 vm check
    assert_line "vm: error: SERIAL_PASSWORD_FILE=$T/utf16 is UTF-16"
    assert_line 'vm:   fix: save it as UTF-8 (PowerShell: | Out-File -Encoding ascii, not >)'
    assert_line "vm: error: MONITOR_PASSWORD_FILE=$T/no-mark is no text: it has NUL bytes, as UTF-16 has"
    assert_line "vm: error: VM_LOGIN_PASSWORD_FILE=$T/utf16 is UTF-16"
    host_env SERIAL_PASSWORD_FILE="$T/blank"
    run -0 vm check
    assert_line "vm: warning: SERIAL_PASSWORD_FILE=$T/blank: a blank at the end of the password is part of it"
}

@test "marker files and scripts may have a byte order mark; UTF-16 is refused" {
    printf '\357\273\277ready login login:\r\n' >"$T/markers"
    utf16 <"$T/markers" >"$T/markers16"
    printf '\357\273\277exit 3\r\n' >"$T/script"
    utf16 <"$T/script" >"$T/script16"
    run -0 "$VM" markers --check "$T/markers"
    run -78 "$VM" markers --check "$T/markers16"
    assert_output --partial "$T/markers16 is UTF-16"
    host_env VM_MARKERS="$T/markers16"
    run -78 vm check
    assert_line "vm: error: VM_MARKERS=$T/markers16 is UTF-16"
    host_vm VM_MARKERS="$T/markers"
    vm wait --timeout $((60 * PATIENCE))
    run -3 vm script "$T/script"
    run -64 vm script "$T/script16"
    assert_output --partial "$T/script16 is UTF-16"
    run -0 vm stop
}

@test "a file of trace events may have a byte order mark and CR LF" {
    printf '\357\273\277ahci_reset_port\r\npci_cfg_write\r\n' >"$T/events"
    host_vm VM_TRACE="$T/events" QEMU_DEBUG=none
    wait_until 30 grep -q '^ahci_reset_port ' "$T/log/guest-errors.log"
    wait_until 30 grep -q '^pci_cfg_write ' "$T/log/guest-errors.log"
    run -82 vm stop --now
    utf16 <"$T/events" >"$T/events16"
    host_env VM_TRACE="$T/events16"
    run -78 vm check
    assert_line "vm: error: VM_TRACE=$T/events16 is UTF-16"
}

@test "an ssh key with CR LF works; for a key in UTF-16 the error names the encoding" {
    sed 's/$/\r/' "$GUESTS/linux-key" >"$T/key"
    utf16 <"$GUESTS/linux-key" >"$T/key16"
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" \
        QEMU_HOSTFWDS="tcp:$(free_port):22" VM_SSH_KEY="$T/key"
    vm wait --for ssh --timeout $((90 * PATIENCE))
    run -0 vm exec --via ssh uname
    assert_output Linux
    run -78 "${ENV[@]}" VM_SSH_KEY="$T/key16" "$VM" exec --via ssh uname
    assert_output --partial "the ssh key $T/key16 is UTF-16"
    run -0 vm stop
}
