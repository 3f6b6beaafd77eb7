# docker-compose.yml with rootless Podman: a Debian 13 as a container, in which an ordinary user has the image,
# podman-compose, and docker compose with Podman's socket. Podman 5.4 refuses options that such a user cannot use;
# 4.3 of Debian 12 ignores them silently.
# Network: the package mirror.
#
# Not tested: limits by delegated cgroups (this container has none) and Podman's health checks (started by systemd's
# timers).
load helpers
load podman

setup_file() {
    podman_host hv$$-podman
    podman_load "$IMAGE"
    docker cp -q "$(docker info --format \
        '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}')" \
        "$HOST:/usr/local/bin/docker-compose"
}

teardown_file() {
    podman_host_gone
}

# A copy of the compose file in a directory of the user; each test has its own.
project() {
    as_user mkdir -p "$ID/images" "$ID/share" "$ID/logs"
    as_user cp /src/docker-compose.yml "$ID"
    PROJECT=$ID
}

teardown() {
    if [ -z "$BATS_TEST_COMPLETED" ]; then
        as_user podman logs --tail 40 -l || :
    fi
    as_user sh -c 'podman rm -f -a -t 5; podman network prune -f' >/dev/null 2>&1 || :
    vm_teardown
}

# The container of the project, whichever compose created it; and the answer of its guest.
guest_answers() {
    run -0 as_user podman ps -a --format '{{.Names}}'
    assert_output --regexp '^[^ ]*hurd[^ ]*$'
    C=$output
    as_user podman exec "$C" vm wait --for login --timeout $((60 * PATIENCE))
    run -0 as_user podman exec "$C" vm exec uname
    assert_output --partial 'GNU Mach 1.8'
}

# port_says PORT TEXT: TEXT comes from this port, published on the user's loopback address.
port_says() {
    # shellcheck disable=SC2016 # $1 is the inner shell's
    as_user timeout $((10 * PATIENCE)) bash -c 'grep -aqm 1 "$2" <"/dev/tcp/127.0.0.1/$1"' - "$1" "$2"
}

@test "podman-compose up as an ordinary user: the guest answers, down ends it with status 0" {
    project
    as_user podman-compose up -d --no-build
    guest_answers
    port_says 5555 'GNU Mach 1.8'
    port_says 9999 'QEMU .* monitor'
    run -0 as_user podman logs "$C"
    assert_line --partial 'vm: accelerator TCG, because there is no /dev/kvm; vm kvm says more'
    assert_line --regexp '^guest: GNU Mach 1.8'
    as_user podman-compose stop
    run -0 as_user podman inspect -f '{{.State.ExitCode}}' "$C"
    assert_output 0
    run -0 as_user stat -c '%U %s' logs/console.log
    assert_output --regexp '^user [1-9]'
}

@test "podman-compose passes settings from the shell's environment" {
    project
    as_user env QEMU_RAM=96 CONSOLE_STDOUT=0 podman-compose up -d --no-build
    guest_answers
    run -0 as_user podman logs "$C"
    assert_line --partial 'vm: 96 MiB,'
    refute_line --regexp '^guest: '
}

@test "docker compose with rootless Podman's socket: up, the guest answers, down" {
    project
    as_user podman system service -t 600 unix:///home/user/podman.sock 3>&- &
    PIDS+=($!)
    wait_until 10 as_user test -S /home/user/podman.sock
    as_user env DOCKER_HOST=unix:///home/user/podman.sock docker-compose up -d --no-build
    guest_answers
    port_says 5555 'GNU Mach 1.8'
    as_user env DOCKER_HOST=unix:///home/user/podman.sock docker-compose stop
    run -0 as_user podman inspect -f '{{.State.ExitCode}}' "$C"
    assert_output 0
    as_user env DOCKER_HOST=unix:///home/user/podman.sock docker-compose down
    run -0 as_user podman ps -a -q
    refute_output
}

@test "KVM_DEVICE=/dev/kvm with rootless Podman: the device is there, or a message names the missing access" {
    project
    as_user env KVM_DEVICE=/dev/kvm podman-compose up -d --no-build
    guest_answers
    run -1 as_user podman exec "$C" vm kvm
    assert_line -n 0 'KVM does not work: /dev/kvm cannot be opened by user 0: it belongs to 65534:65534 with mode 0660'
    assert_line -n 1 "fix: the user who runs the rootless engine has to be in the host's group kvm (podman: and --group-add keep-groups), or the host gives /dev/kvm mode 0666"
}
