# Machine types and processors: what this emulator offers, and what it does not, told before a start.
load helpers

@test "vm cpus and vm machines tell what the emulator itself offers" {
    host_env
    run -0 vm cpus --json
    jq -r '.cpus[].name' <<<"$output" | LC_ALL=C sort >"$T/ours"
    assert_equal "$(jq -r .accelerator <<<"$output")" "$(vm kvm >/dev/null && echo kvm || echo tcg)"
    assert_equal "$(jq -r '.cpus[] | select(.default).name' <<<"$output")" core2duo-v1
    assert_equal "$(jq -c '.cpus[] | select(.name == "qemu64").alias_of' <<<"$output")" '"qemu64-v1"'
    assert_equal "$(QEMU_ACCEL=tcg "${ENV[@]}" QEMU_ACCEL=tcg "$VM" cpus --json |
        jq -c '.cpus[] | select(.name == "host").missing')" '["kvm"]'
    # QEMU's own list has models and, behind an empty line, features.
    qemu-system-x86_64 -cpu help | sed -n '2,/^$/s/^\(x86 \|  \)\([^ ]\+\).*/\2/p' |
        LC_ALL=C sort >"$T/theirs"
    diff "$T/ours" "$T/theirs"

    run -0 vm machines --json
    jq -r '.machines[] | .name, .alias // empty' <<<"$output" | LC_ALL=C sort >"$T/ours"
    qemu-system-x86_64 -machine help | sed 1d | cut -d ' ' -f 1 | LC_ALL=C sort >"$T/theirs"
    diff "$T/ours" "$T/theirs"
    assert_equal "$(jq -r '.machines[] | select(.default).alias' <<<"$output")" q35

    run -0 vm cpus max
    assert_line sse4.1
    refute_line --partial '*'
}

# refused MESSAGE FIX NAME=VALUE...: said so by vm check and by a start, with status 78. @Q@ is QEMU's
# version.
refused() {
    local message=${1//@Q@/QEMU $(qemu-system-x86_64 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')}
    local fix=$2 command
    shift 2
    host_env "$@"
    for command in check run; do
        run vm "$command"
        assert_failure 78
        assert_line "vm: error: $message"
        assert_line "vm:   fix: $fix"
    done
    [ ! -e "$T/run/qmp.sock" ]
}

@test "a model, a feature or a machine type that is not there gets the nearest one" {
    refused 'QEMU_CPU=core3duo: @Q@ has no CPU model core3duo' \
        'the nearest one is coreduo; vm cpus lists all' QEMU_CPU=core3duo
    refused 'QEMU_CPU=max,+sse5: the model max of @Q@ has no feature sse5' \
        'the nearest one is sse; vm cpus max lists all' QEMU_CPU=max,+sse5
    refused 'QEMU_CPU=qemu64,sse3=off,-avx_2: the model qemu64 of @Q@ has no feature avx-2' \
        'the nearest one is avx2; vm cpus qemu64 lists all' QEMU_CPU=qemu64,sse3=off,-avx_2
    refused 'QEMU_MACHINE=pc-i440fx-20.0: @Q@ has no machine type pc-i440fx-20.0' \
        'the nearest one is pc-i440fx-2.0; vm machines lists all' QEMU_MACHINE=pc-i440fx-20.0
    host_env QEMU_CPU=max,+sse3,-avx2,tsc_freq=2000000000
    run -0 vm check
    assert_line 'vm: everything is right for a start'
}
