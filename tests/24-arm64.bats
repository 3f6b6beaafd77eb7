#!/usr/bin/env bats
# The programs built for arm64 (make vm CROSS=aarch64-linux-gnu), run by qemu-user with this machine's QEMU as their
# child. qemu-user has no seccomp filters, so those of vm are not in force here.
load helpers

VM=${BATS_FILE_TMPDIR-}/arm/vm

setup_file() {
    make -s -C "$ROOT" -j "$(nproc)" vm CROSS=aarch64-linux-gnu
    # Each program looks for the other one in its own directory; put a wrapper with that name there which runs it by
    # qemu-user.
    mkdir "${VM%/*}"
    for program in vm init; do
        cp "$ROOT/build/aarch64/$program" "${VM%/*}/$program.aarch64"
        printf '#!/bin/sh\nexec qemu-aarch64-static "%s" "$@"\n' "${VM%/*}/$program.aarch64" >"${VM%/*}/$program"
        chmod 755 "${VM%/*}/$program"
    done
    chmod 755 "$BATS_FILE_TMPDIR" "${VM%/*}"
}

@test "the program is static, for arm64, and runs: version, settings, check" {
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

# make unit CROSS=aarch64-linux-gnu runs all tests that work under qemu-user, which takes minutes.
@test "unit tests pass: argument vectors, settings, formats, QMP" {
    run -0 env CMOCKA_MESSAGE_OUTPUT=TAP make -s -C "$ROOT" -j "$(nproc)" unit CROSS=aarch64-linux-gnu \
        UNIT_SRC="$(printf 'tests/unit/test_%s.c ' args elf json qcow2 qmp settings)"
    assert_line --partial 'ok 1 - '
    refute_line --regexp '^not ok'
}

@test "KVM is not tried for guests of another architecture, and tried for arm64" {
    host_env
    run -0 vm check
    assert_output --partial 'accelerator TCG, because KVM does not run x86_64 on this host'
    # qemu-user does not pass KVM's calls on.
    host_env QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel"
    run -0 vm check
    assert_output --regexp 'accelerator TCG, because (there is no /dev/kvm|the host has no KVM|/dev/kvm )'
    run -1 "$VM" kvm --json
    jq -e '.verdict != "wrong-host" and .verdict != "works" and (.fix | length > 0)' <<<"$output"
}

# With EL2, the mode of hypervisors, Debian's kernel has a real KVM.
@test "the test of KVM works on an arm64 host, which QEMU emulates with EL2" {
    local VM=$ROOT/build/vm
    mkdir "$T/root"
    cp "$ROOT/build/aarch64/vm" "$T/root"
    { cat "$GUESTS/linux-aarch64-initrd"; (cd "$T/root" && echo vm | cpio --quiet -o -H newc | gzip); } >"$T/initrd"
    host_vm QEMU_ARCH=aarch64 QEMU_MACHINE=virt,virtualization=on QEMU_RAM=512 QEMU_NET=none \
        QEMU_KERNEL="$GUESTS/linux-aarch64-kernel" QEMU_INITRD="$T/initrd" QEMU_APPEND='console=ttyAMA0 quiet'
    run -0 vm wait --for login --timeout $((60 * PATIENCE))
    # The code has computed the right value, or more: a million turns may take too long on an emulated processor.
    runs_code() {
        vm exec '/vm kvm --json' >"$T/proof" || :
        jq -e '.exit_reason == 6 and (.works or (.verdict == "too-slow" and .step == "KVM_RUN"))' "$T/proof"
    }
    wait_until 60 runs_code
    run -0 vm stop
}

@test "vm args prints the same argument vectors" {
    local name bad=0
    mkdir "$T/g"
    "$ROOT/tests/golden/golden" files "$T/g"
    for name in guest-hurd guest-linux guest-mach kernel-append-modules everything; do
        diff -u "$ROOT/tests/golden/$name.args" \
            <("$ROOT/tests/golden/golden" args "$T/g" "$name" "$VM" 2>&1) || bad=1
    done
    return "$bad"
}

@test "an untrusted image is parsed in the confined child: an intact one and a damaged one" {
    host_env QEMU_ACCEL=tcg QEMU_DRIVE="$T/images/a.qcow2"
    qemu-img create -q -f qcow2 "$T/images/a.qcow2" 64M
    run -0 vm check
    head -c 4096 "$MACH_MINI" >"$T/images/a.qcow2"
    run -65 vm check
    diff <("${ENV[@]}" "$ROOT/build/vm" check 2>&1) <(vm check 2>&1)
}

# disk_of NAME ARGUMENT...: the checksum of the built-in guest's disk, built with these ARGUMENTs of docker build.
disk_of() {
    local name=hurd-vm-guest-$1:bats-$$
    shift
    DOCKER_BUILDKIT=1 docker build -q -t "$name" --target mach-mini --build-arg BASE="$BASE" \
        --build-arg GUEST_BASE="$GUEST_BASE" "$@" "$ROOT" >/dev/null
    docker run --rm --network none --entrypoint sha256sum "$name" /out/mach-mini.qcow2
    docker rmi "$name" >/dev/null
}

@test "the image's programs are cross-compiled on the build machine: they run, vm-web with arm64's libwebsockets" {
    local name=hurd-vm-cross:bats-$$ base
    base=$("$ROOT/scripts/base-image")
    # The stage does not need the base of the last one.
    DOCKER_BUILDKIT=1 docker build -q -t "$name" --target build --platform linux/arm64 --build-arg BASE="none:none" \
        --build-arg BUILD_BASE="$base" --build-arg VERSION=7.8.9 "$ROOT" >/dev/null
    # The engine may warn of the image's platform.
    # in_stage PROGRAM [ARGUMENT...]: an arm64 program by qemu-user in this amd64 stage.
    in_stage() {
        docker run --rm --network none -v "$(command -v qemu-aarch64-static):/qemu:ro" --entrypoint /qemu "$name" "$@"
    }
    run -0 docker run --rm --network none --entrypoint file "$name" build/vm build/init build/vm-web
    assert_equal "$(grep -c 'ARM aarch64' <<<"$output")" 3
    assert_line --regexp 'vm-web: .*dynamically linked'
    run -0 in_stage build/vm --version
    assert_line 'vm 7.8.9'
    run -0 in_stage build/vm-web --routes
    assert_line --partial '"path":"/api/v1/status"'
    docker rmi "$name" >/dev/null
}

@test "the built-in guest's disk is identical when it is built with arm64's cross tools" {
    BASE=$("$ROOT/scripts/base-image") GUEST_BASE=$("$ROOT/scripts/base-image" guest)
    native=$(disk_of native)
    cross=$(disk_of cross --build-arg BUILD_ARCHITECTURE=arm64)
    assert_regex "$native" '^[0-9a-f]{64} '
    assert_equal "$cross" "$native"
}

@test "vm run boots mach-mini: login, a command with its status, a clean stop" {
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
