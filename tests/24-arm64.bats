#!/usr/bin/env bats
# The programs built for arm64 (make vm CROSS=aarch64-linux-gnu) and run by qemu-user, with this
# machine's QEMU as its child. qemu-user has no seccomp filters: none of vm's own is in force here.
load helpers

VM=${BATS_FILE_TMPDIR-}/arm/vm

setup_file() {
    make -s -C "$ROOT" -j "$(nproc)" vm CROSS=aarch64-linux-gnu
    # Each program finds the other one beside itself: there, under its usual name, is what runs it here.
    mkdir "${VM%/*}"
    for program in vm init; do
        cp "$ROOT/build/aarch64/$program" "${VM%/*}/$program.aarch64"
        printf '#!/bin/sh\nexec qemu-aarch64-static "%s" "$@"\n' "${VM%/*}/$program.aarch64" >"${VM%/*}/$program"
        chmod 755 "${VM%/*}/$program"
    done
    chmod 755 "$BATS_FILE_TMPDIR" "${VM%/*}"
}

@test "the program is static, for arm64, and answers: version, settings, check" {
    run -0 make -s -C "$ROOT" proof CROSS=aarch64-linux-gnu
    assert_line --partial 'ARM aarch64'
    run -0 "$VM" --version
    assert_output "vm $(cat "$ROOT/build/aarch64/version")"
    diff <("$ROOT/build/vm" settings) <("$VM" settings)
    host_env QEMU_ACCEL=tcg
    run -0 vm check
    assert_output --partial 'all checks passed'
    host_env QEMU_RAM=lots QEMU_SMPP=2 QEMU_DRIVE="$T/none.qcow2"
    run -78 vm check
    diff <("${ENV[@]}" "$ROOT/build/vm" check 2>&1) <(vm check 2>&1)
}

# make unit CROSS=aarch64-linux-gnu runs all that qemu-user can, for minutes.
@test "unit tests pass: argument vectors, settings, formats, QMP" {
    run -0 env CMOCKA_MESSAGE_OUTPUT=TAP make -s -C "$ROOT" -j "$(nproc)" unit CROSS=aarch64-linux-gnu \
        UNIT_SRC="$(printf 'tests/unit/test_%s.c ' args elf json qcow2 qmp settings)"
    assert_line --partial 'ok 1 - '
    refute_line --regexp '^not ok'
}

@test "KVM does not run another processor's guests: vm kvm says so, with what to do" {
    run -1 "$VM" kvm
    assert_line -n 0 --partial 'the host is not x86-64'
    assert_line -n 1 'fix: run it on an x86-64 host; here TCG runs the guest'
    run -1 "$VM" kvm --json
    [ "$(jq -r '.verdict, (.fix | length > 0)' <<<"$output")" = $'wrong-host\ntrue' ]
    host_env
    run -0 vm check
    assert_output --partial 'accelerator TCG, because KVM does not run x86_64 on this host'
}

@test "vm args prints the same vectors" {
    local name bad=0
    mkdir "$T/g"
    "$ROOT/tests/golden/golden" files "$T/g"
    for name in guest-hurd guest-linux guest-mach kernel-append-modules everything; do
        diff -u "$ROOT/tests/golden/$name.args" \
            <("$ROOT/tests/golden/golden" args "$T/g" "$name" "$VM" 2>&1) || bad=1
    done
    return "$bad"
}

@test "an untrusted image is read by the confined child: a whole one, a damaged one" {
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$T/images/a.qcow2"
    qemu-img create -q -f qcow2 "$T/images/a.qcow2" 64M
    run -0 vm check
    head -c 4096 "$MACH_MINI" >"$T/images/a.qcow2"
    run -65 vm check
    diff <("${ENV[@]}" "$ROOT/build/vm" check 2>&1) <(vm check 2>&1)
}

# disk_of NAME ARGUMENT...: the checksum of the embedded guest's disk, built with docker build's ARGUMENTs.
disk_of() {
    local name=hurd-vm-guest-$1:bats-$$
    shift
    DOCKER_BUILDKIT=1 docker build -q -t "$name" --target mach-mini --build-arg BASE="$BASE" \
        --build-arg GUEST_BASE="$GUEST_BASE" "$@" "$ROOT" >/dev/null
    docker run --rm --network none --entrypoint sha256sum "$name" /out/mach-mini.qcow2
    docker rmi "$name" >/dev/null
}

@test "the embedded guest's disk is the same, built with arm64's cross tools" {
    BASE=$("$ROOT/scripts/base-image") GUEST_BASE=$("$ROOT/scripts/base-image" guest)
    native=$(disk_of native)
    cross=$(disk_of cross --build-arg BUILD_ARCHITECTURE=arm64)
    assert_regex "$native" '^[0-9a-f]{64} '
    assert_equal "$cross" "$native"
}

@test "it boots mach-mini: login, a command with its status, a clean stop" {
    host_vm QEMU_ACCEL=tcg
    run -0 vm wait --for login --timeout $((30 * PATIENCE))
    run -0 vm exec uname
    assert_output --partial 'GNU Mach'
    run -0 vm exec true
    run -1 vm exec false
    run -0 vm status
    assert_line --regexp '^state +running'
    run -0 vm stop
    host_vm_exit 30
    [ "$STATUS" -eq 0 ]
    grep -q 'ready: login prompt' "$T/out"
}
