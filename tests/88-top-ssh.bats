# vm top, the live view in a terminal; vm ssh, a shell in the guest; the boot as OpenTelemetry spans.
load helpers

# vm top in a terminal of 80 by 24; the terminal's mode before and after is compared.
top() {
    # shellcheck disable=SC2016 # for the inner shell
    talk bash -c 'trap : TERM INT; before=$(stty -g); "$@"; status=$?
        [ "$before" = "$(stty -g)" ] && echo "the terminal is as before, status $status"' \
        - "${ENV[@]}" TERM=xterm "$@" "$VM" top :: "${STEPS[@]}" eof
}

leave=$'\e[0m\e[?25h\e[?1049l'

@test "vm top without a terminal prints one screen, and reports what is missing for more" {
    start_guest
    run -0 vm top --once
    assert_line --index 0 --regexp '^running  ready: login prompt on the serial console after .* up 0:0.:..$'
    assert_line --regexp '^qemu     CPU [0-9]+ %  RSS [0-9.]+ MiB  [0-9.]+ (kvm|tcg), pid [0-9]+$'
    assert_line --regexp '^guest    mach, [0-9]+ MiB, 1 CPU'
    assert_line --regexp '^[a-z-]+ +\.*#+\.* +[0-9.]+ s +\+[0-9.]+$'
    assert_line 'machsh login: '
    assert_equal "$(wc -l <<<"$output" | xargs)" 23
    run -0 bash -c "awk 'length > 80' <<<\"\$1\"" - "$output"
    assert_output ''
    run -0 vm console --scrollback
    assert_line 'machsh login: '
    refute_output --partial $'\r'
    run -64 vm top
    assert_line --partial 'fix: docker exec -it, or vm top --once'
    run -64 vm top --twice
    host_vm_exit_after_stop
    run -1 vm top --once
    assert_output --partial 'no guest runs here (VM_RUN_DIR='
}

host_vm_exit_after_stop() {
    run -0 vm stop
    host_vm_exit
}

watched() {
    [ "$(vm status --json | jq .console.clients)" -ge 1 ]
}

@test "vm top is redrawn when the console prints and when the terminal's size changes; q leaves" {
    start_guest
    # Another client types while vm top is shown.
    (wait_until 60 watched && vm exec 'echo seen by top') >/dev/null 2>&1 &
    PIDS+=($!)
    STEPS=('expect:ready: login prompt' 'expect:machsh login: ' 'raw:x' 'expect:seen by top'
        'resize:60x20' "expect:-- console $(printf -- '-%.0s' {1..49})"$'\e[0m\e[K\r\n'
        'resize:30x8' "expect:-- console -------------------"$'\e[0m\e[K\r\n'
        'resize:100x30' "expect:-- console $(printf -- '-%.0s' {1..89})"$'\e[0m\e[K\r\n')
    STEPS+=('raw:q' "expect:$leave" 'expect:the terminal is as before, status 0')
    run -0 top
}

@test "vm top: a signal, the end of the guest and a stop restore the terminal" {
    start_guest
    for signal in INT TERM; do
        STEPS=('expect:machsh login: ' "signal:$signal" "expect:$leave"
            'expect:the terminal is as before, status 1')
        run -0 top
    done
    STEPS=('expect:machsh login: ' 'raw:\x03' "expect:$leave" 'expect:as before, status 0')
    run -0 top
    # The guest is ended by a client of the console after vm top has started.
    (wait_until 60 watched && vm stop) >/dev/null 2>&1 &
    PIDS+=($!)
    STEPS=('expect:machsh login: ' "expect:$leave" 'expect:[the guest has ended]'
        'expect:the terminal is as before, status 0')
    run -0 top
}

@test "vm ssh: a command with its streams and status, a shell on a terminal, settings from the running guest" {
    linux_vm VM_SSH_KEY="$GUESTS/linux-key"
    # Only VM_RUN_DIR selects the guest: port, key and user are taken from that guest.
    ENV=(env -i PATH="$PATH" VM_RUN_DIR="$T/run")
    run -7 vm ssh 'echo out; echo err >&2; exit 7'
    assert_line out
    assert_line err
    run -0 vm ssh echo "it's" 'two  words' '$HOME'
    assert_output "it's two  words \$HOME"
    run -0 bash -c "printf 'in%s' put | $(printf '%q ' "${ENV[@]}") $VM ssh cat"
    assert_output input
    run -1 vm ssh --login root -- tty
    assert_output 'not a tty'
    run -0 talk "${ENV[@]}" TERM=xterm "$VM" ssh :: 'expect:linux# ' 'send:tty; echo is-$((6*7))' \
        expect:/dev/pts/ expect:is-42 'send:exit 5' eof || assert_equal "$status" 5
    run -0 talk "${ENV[@]}" TERM=xterm "$VM" ssh --tty tty :: expect:/dev/pts/ eof
    # When vm ssh is ended from outside, ssh is ended too.
    "${ENV[@]}" "$VM" ssh 'echo on; exec sleep 1000' >"$T/on" &
    local pid=$! child
    PIDS+=("$pid")
    wait_until 30 grep -q on "$T/on"
    child=$(pgrep -P "$pid" -x ssh)
    end_process "$pid"
    wait_until 10 process_is_gone "$child"
}

@test "vm ssh: no guest, no network, no key, a wrong key, no ssh server" {
    host_env
    run -1 vm ssh true
    assert_output --partial 'no guest runs here (VM_RUN_DIR='
    run -64 vm ssh --timeout soon
    run -64 vm ssh --nosuch

    start_guest
    run -78 vm ssh true
    assert_output --partial "no port is forwarded to the guest's port 22"
    host_vm_exit_after_stop

    SSH=$(free_port)
    start_guest QEMU_NET=user QEMU_HOSTFWDS="tcp:$SSH:22"
    run -66 vm ssh true
    assert_output --partial 'no ssh key is known'
    ssh-keygen -q -t ed25519 -N '' -f "$T/key"
    run -1 env VM_SSH_KEY="$T/key" "${ENV[@]}" VM_SSH_KEY="$T/key" "$VM" ssh --timeout 1 true
    assert_line --partial 'the guest is ready, but no ssh server answers'
    assert_line --partial 'fix: start an ssh server in the guest'
    host_vm_exit_after_stop
}

# collector [STATUS]: a receiver of spans; its port is in COLLECTOR, the requests in $T/spans.
collector() {
    rm -f "$T/port" "$T/spans"
    "$ROOT/tests/otlp-server" "$T/spans" "$T/port" "$@" 3>&- &
    PIDS+=($!)
    wait_until 10 test -s "$T/port"
    COLLECTOR=http://127.0.0.1:$(<"$T/port")
}

spans() {
    jq -r "$@" "$T/spans"
}

@test "OpenTelemetry: the phases of a boot are spans, with a parent, in order, sent once" {
    collector
    local trace=0af7651916cd43dd8448eb211c80319c parent=b7ad6b7169203331
    start_guest OTEL_EXPORTER_OTLP_ENDPOINT="$COLLECTOR/" OTEL_SERVICE_NAME='my guest' \
        OTEL_EXPORTER_OTLP_HEADERS='Authorization=Basic%20abc, x-more = 1' \
        OTEL_RESOURCE_ATTRIBUTES='ci.job=7,service.name=other' TRACEPARENT="00-$trace-$parent-01"
    wait_until 30 test -s "$T/spans"
    run -0 spans '[.path, .headers["content-type"], .headers.authorization, .headers["x-more"]] | join(" ")'
    assert_output '/v1/traces application/json Basic abc 1'
    run -0 spans '.body.resourceSpans[0].resource.attributes | map(.key + "=" + .value.stringValue) | join(",")'
    assert_output --regexp '^service.name=my guest,service.version=.*,host.name=.*,ci.job=7$'
    local all='.body.resourceSpans[0].scopeSpans[0].spans'
    run -0 spans "$all | map(.name) | join(\" \")"
    assert_output 'boot start qemu grub kernel modules bootstrap login'
    assert_equal "$(spans "$all | map(.traceId) | unique | join(\" \")")" "$trace"
    assert_equal "$(spans "$all[0].parentSpanId")" "$parent"
    assert_equal "$(spans "$all | . as \$s | map(select(.name != \"boot\" and .parentSpanId != \$s[0].spanId)) | length")" 0
    assert_equal "$(spans "$all | map(.spanId) | unique | length")" 8
    assert_equal "$(spans "$all[0].status.code")" 1
    # Each span begins where the previous one ends; all are within the span of the boot, and the times are current.
    assert_equal "$(spans "$all | . as \$s | [range(2; length)] | map(\$s[.].startTimeUnixNano == \$s[. - 1].endTimeUnixNano) | all")" true
    assert_equal "$(spans "$all | map((.startTimeUnixNano | tonumber) <= (.endTimeUnixNano | tonumber)) | all")" true
    assert_equal "$(spans "$all | (.[0].endTimeUnixNano | tonumber) >= (.[-1].endTimeUnixNano | tonumber)")" true
    local begun
    begun=$(spans "$all[0].startTimeUnixNano | tonumber / 1e9 | floor")
    [ "$begun" -le "$(date +%s)" ] && [ "$begun" -ge $(($(date +%s) - 60 * PATIENCE)) ]
    run -0 vm stop
    host_vm_exit
    assert_equal "$(wc -l <"$T/spans")" 1

    # A second start with the same log directory sends only its own spans; a trace that is not sampled sends none.
    start_guest OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$COLLECTOR/other"
    wait_until 30 grep -q /other "$T/spans"
    assert_equal "$(jq -rs '.[1] | .path + " " + .body.resourceSpans[0].resource.attributes[0].value.stringValue' "$T/spans")" \
        '/other hurd-vm'
    assert_equal "$(jq -s ".[1] | $all | length" "$T/spans")" 8
    assert_equal "$(jq -rs ".[1] | $all[0].parentSpanId" "$T/spans")" ''
    run -0 vm stop
    host_vm_exit
}

@test "OpenTelemetry: a collector that refuses or is missing, or an invalid URL, causes one warning and no delay" {
    collector 503
    start_guest OTEL_EXPORTER_OTLP_ENDPOINT="$COLLECTOR"
    wait_until 30 grep -q "vm: warning: the boot's spans were not sent: curl: .* 503" "$T/out"
    host_vm_exit_after_stop
    start_guest OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(free_port)"
    wait_until 30 grep -q "vm: warning: the boot's spans were not sent: curl: " "$T/out"
    host_vm_exit_after_stop
    start_guest OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318 TRACEPARENT=x
    wait_until 30 grep -q 'vm: warning: .*OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// or https:// URL' "$T/out"
    host_vm_exit_after_stop
}

@test "OpenTelemetry: a start that fails is a span with status error" {
    collector
    printf 'ready never ^this never comes$\n' >"$T/markers"
    host_vm VM_BOOT_TIMEOUT=2 VM_READY=marker VM_MARKERS="$T/markers" \
        OTEL_EXPORTER_OTLP_ENDPOINT="$COLLECTOR"
    host_vm_exit
    assert_equal "$STATUS" 81
    wait_until 30 test -s "$T/spans"
    run -0 spans '.body.resourceSpans[0].scopeSpans[0].spans[0] | [.name, .status.code, .status.message, .attributes[0].value.stringValue] | join(" ")'
    assert_output 'boot 2 boot_deadline boot_deadline'
}
