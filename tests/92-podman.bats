# docker-compose.yml by rootless Podman: a Debian 13 as a container, in which an ordinary user has the
# image, podman-compose, and docker compose at Podman's socket. Podman 5.4 refuses what asks for more than
# such a user may give, 4.3 of Debian 12 takes it in silence.
# Network: the package mirror.
#
# Not seen here: limits by delegated cgroups (this container has none) and Podman's health checks (systemd's
# timers start them).
load helpers

setup_file() {
    local base
    HOST=hv$$-podman
    export HOST
    base=$("$ROOT/scripts/base-image" guest)
    DOCKER_BUILDKIT=1 docker build -q -t "hurd-vm-podman:$HOST" - >/dev/null <<END_OF_FILE
FROM $base
RUN export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && \
    apt-get -qq install --no-install-recommends aardvark-dns crun netavark nftables passt podman \
    podman-compose uidmap >/dev/null && useradd -m user
END_OF_FILE
    # New namespaces and mounts in them need all of this; the user gets none of it.
    docker run -d --init --name "$HOST" --cap-add SYS_ADMIN --cap-add NET_ADMIN \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --security-opt systempaths=unconfined --device /dev/net/tun -v /home/user \
        -v "$ROOT:/src:ro" "hurd-vm-podman:$HOST" sleep infinity >/dev/null
    docker cp -q "$(docker info --format \
        '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}')" \
        "$HOST:/usr/local/bin/docker-compose"
    docker exec "$HOST" sh -c 'chown user: /home/user; chmod 666 /dev/net/tun
        mkdir -p /run/user/1000; chown user: /run/user/1000
        mknod /dev/kvm c 10 232; chmod 660 /dev/kvm'
    docker save "$IMAGE" | as_user podman load -q
}

teardown_file() {
    docker rm -f -v "$HOST" >/dev/null 2>&1 || :
    docker rmi -f "hurd-vm-podman:$HOST" >/dev/null 2>&1 || :
}

# as_user COMMAND...: in the container, in the user's home or PROJECT.
as_user() {
    docker exec -i -u user -e HOME=/home/user -e XDG_RUNTIME_DIR=/run/user/1000 -e PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
        -e TAG="${IMAGE#*:}" -w "/home/user/${PROJECT:-}" "$HOST" "$@"
}

# A copy of the compose file in a directory of the user's; each test has one of its own.
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

# The container of the project, whichever compose made it; what answers in it.
guest_answers() {
    run -0 as_user podman ps -a --format '{{.Names}}'
    assert_output --regexp '^[^ ]*hurd[^ ]*$'
    C=$output
    as_user podman exec "$C" vm wait --for login --timeout $((60 * PATIENCE))
    run -0 as_user podman exec "$C" vm exec uname
    assert_output --partial 'GNU Mach 1.8'
}

# port_says PORT TEXT: what is published on the user's loopback address.
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

@test "podman-compose passes settings of the shell's" {
    project
    as_user env QEMU_RAM=96 CONSOLE_STDOUT=0 podman-compose up -d --no-build
    guest_answers
    run -0 as_user podman logs "$C"
    assert_line --partial 'vm: 96 MiB,'
    refute_line --regexp '^guest: '
}

@test "docker compose at rootless Podman's socket: up, the guest answers, down" {
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

@test "KVM_DEVICE=/dev/kvm with rootless Podman: the device is there, or who has to open it to whom is said" {
    project
    as_user env KVM_DEVICE=/dev/kvm podman-compose up -d --no-build
    guest_answers
    run -1 as_user podman exec "$C" vm kvm
    assert_line -n 0 'KVM does not work: /dev/kvm cannot be opened by user 0: it belongs to 65534:65534 with mode 0660'
    assert_line -n 1 "fix: the user who runs the rootless engine has to be in the host's group kvm (podman: and --group-add keep-groups), or the host gives /dev/kvm mode 0666"
}
