# A guest in an image, used as a CI runner uses a service container: only environment and published ports, no
# volume, no privilege, no checkout; wait for the health, build, fetch the result, remove.
load helpers

setup_file() {
    export BAKED=bats-$$
    GUEST=$ROOT/build/guests/linux.qcow2
    make -s -C "$ROOT" image GUEST="$GUEST" WARM=1 NAME="$BAKED-linux" TAG="${TAG:-latest}" \
        SETTINGS='VM_GUEST=linux QEMU_RAM=512 QEMU_ACCEL=tcg' >&3 2>"$BATS_FILE_TMPDIR/bake" || {
        cat "$BATS_FILE_TMPDIR/bake" >&2
        return 1
    }
    make -s -C "$ROOT" image GUEST=mach-mini WARM=1 NAME="$BAKED-mach" TAG="${TAG:-latest}" >&3 2>&1
}

teardown_file() {
    docker rmi "hurd-vm:$BAKED-linux" "hurd-vm:$BAKED-mach" >/dev/null
}

# service NAME IMAGE [DOCKER-ARGUMENTS...]: start a service as a runner does.
service() {
    C=$ID-$1
    CONTAINERS+=("$C")
    docker create --name "$C" -p 127.0.0.1::2222 --health-interval 1s "${@:3}" "hurd-vm:$2" >/dev/null
    docker start "$C" >/dev/null
}

health_is() {
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$C")" = "$1" ]
}

in_guest() {
    ssh -i "$GUESTS/linux-key" -p "$(port_of "$C" 2222)" -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes root@127.0.0.1 "$@"
}

@test "a build over ssh in a warm linux: from docker create to the artefact, with the exit status passed on" {
    service linux "$BAKED-linux"
    wait_until 60 health_is healthy
    logs_have "$C" 'vm: resumed from /usr/share/vm/state/linux.qcow2.warm'
    logs_have "$C" 'vm: the forwarded ports are open'
    mkdir "$T/project"
    printf '%s\n' '#!/bin/sh' 'sed "s/@WHO@/the guest/" hello.in >hello && sha256sum hello >sum' >"$T/project/build"
    echo 'hello from @WHO@' >"$T/project/hello.in"
    chmod +x "$T/project/build"
    tar -c -C "$T/project" . | in_guest 'mkdir /tmp/build && tar -x -C /tmp/build'
    in_guest 'cd /tmp/build && ./build'
    mkdir "$T/result"
    in_guest 'tar -c -C /tmp/build hello sum' | tar -x -C "$T/result"
    assert_equal "$(cat "$T/result/hello")" 'hello from the guest'
    (cd "$T/result" && sha256sum -c sum)
    run -3 in_guest 'cd /tmp/build && exit 3'
    docker rm -f -v "$C" >/dev/null
}

@test "a command by vm exec in a warm GNU Mach, read-only and without capabilities" {
    # The tmpfs that docs/ci.md names are enough for the log files too.
    local tmpfs
    read -ra tmpfs < <(sed -n 's/^`--read-only` (with tmpfs on \([^)]*\)).*/\1/p' "$ROOT/docs/ci.md" | tr -d '`,')
    service mach "$BAKED-mach" --read-only "${tmpfs[@]/#/--tmpfs=}" --cap-drop ALL \
        --user 4711:4711 --security-opt no-new-privileges
    wait_until 60 health_is healthy
    logs_have "$C" 'vm: resumed from /usr/share/vm/state/mach-mini.qcow2.warm'
    run -0 docker exec "$C" vm exec uname
    assert_output --partial 'GNU Mach'
    run -1 docker exec "$C" vm exec false
    docker exec "$C" test -s /var/log/qemu/events.jsonl
}

@test "the forwarded ports open when the guest is ready, and not before" {
    # A cold boot, so that there is a time before ready. Docker's proxy on 127.0.0.1 always accepts, so the
    # container is asked.
    service cold "$BAKED-linux" -e VM_WARM=0
    address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C")
    wait_until 30 logs_have "$C" 'the guest runs'
    run bash -c "</dev/tcp/$address/2222"
    assert_failure
    health_is starting
    wait_until 120 health_is healthy
    wait_until 10 bash -c "</dev/tcp/$address/2222"
    run -0 ssh -i "$GUESTS/linux-key" -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o BatchMode=yes "root@$address" uname
}

@test "a guest that misses its boot deadline: unhealthy, and the log gives the reason" {
    # No Linux is ready after two seconds under TCG.
    service late "$BAKED-linux" -e VM_WARM=0 -e VM_BOOT_TIMEOUT=2
    wait_exit "$C" 60
    assert_equal "$STATUS" 81
    logs_have "$C" 'VM_BOOT_TIMEOUT=2: the guest is not ready'
}

@test "scripts/bake stops at a wrong setting, a damaged disk and a guest that ends, and leaves no image" {
    local bake=("$ROOT/scripts/bake" --from "$IMAGE" --name "bats-$ID")
    for warm in '' --warm; do
        run -78 "${bake[@]}" $warm --env VM_REDY=ssh mach-mini
        assert_line 'vm: error: VM_REDY is not a setting'
        refute_output --partial booting
        head -c 200000 "$GUESTS/linux.qcow2" >"$T/cut.qcow2"
        run -65 "${bake[@]}" $warm "$T/cut.qcow2"
        assert_line --partial 'vm: error: /opt/hurd-image/cut.qcow2'
        refute_output --partial booting
    done
    # KVM is a matter of the machine that runs the image.
    run -0 "${bake[@]}" --env QEMU_ACCEL=kvm mach-mini
    docker rmi "hurd-vm:bats-$ID" >/dev/null
    # No Linux is ready after two seconds under TCG.
    run -81 "${bake[@]}" --warm --env VM_GUEST=linux --env QEMU_ACCEL=tcg --env VM_BOOT_TIMEOUT=2 "$GUESTS/linux.qcow2"
    assert_equal "$(grep -c '^vm: error: ' <<<"$output")" 1
    assert_line --regexp '^bake: the guest ended with status 81'
    refute_output --partial 'Error response'
    refute_output --partial 'saving the state'
    run ! docker image inspect "hurd-vm:bats-$ID"
}

@test "scripts/bake refuses a file that is not an image, and an invalid tag" {
    run "$ROOT/scripts/bake" /nonexistent.qcow2
    assert_failure 1
    assert_output --partial '/nonexistent.qcow2: the file does not exist'
    run "$ROOT/scripts/bake" "$ROOT/README.md"
    assert_failure 1
    assert_output --partial 'is not a qcow2 image'
    run "$ROOT/scripts/bake" --name 'a b' mach-mini
    assert_failure 1
    assert_output --partial "letters, digits, _ . and - make a tag"
}
