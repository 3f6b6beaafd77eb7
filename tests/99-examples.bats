# examples/: checked by the tools that they are for, and run if that is possible here.
load helpers

teardown() {
    local project
    for project in ${PROJECTS:-}; do docker compose -p "$project" down -v -t 1 >/dev/null 2>&1 || :; done
    [ -z "${IMAGES:-}" ] || docker rmi "$IMAGES" >/dev/null
    vm_teardown
    [ -z "${NETWORK:-}" ] || docker network rm "$NETWORK" >/dev/null
}

# job KIND FILE JOB [STEP]: run the script of that job of another CI in a container on the network of the service
# `hurd`, in a copy of the project. AS is the container's name.
job() {
    local name=${AS:-job}
    "$ROOT/tests/actions/scripts" "$1" "$ROOT/examples/$2" "${@:3}" >"$T/$name"
    # The test's image contains the packages that the job would install.
    sed -i '/^apt-get /d; s/root@127.0.0.1/root@hurd/' "$T/$name"
    docker run --rm --name "$ID-$name" --network "$NETWORK" -v "$T/project:/project" -v "$T/$name:/job:ro" \
        -v "$T/key:/tmp/key-file:ro" -w /project \
        -e HURD_SSH_KEY="$(secret_of "$1")" -e KEY="$(cat "$GUESTS/linux-key")" -e CI_JOB_STATUS="${JOB_STATUS:-success}" \
        --entrypoint bash "$IMAGE" -euc 'exec "$(sed -n "1s|^#!/bin/\([a-z]*\).*|\1|p" /job)" -e /job'
}

# GitLab's variable contains a file's name.
secret_of() { if [ "$1" = gitlab ]; then echo /tmp/key-file; else cat "$GUESTS/linux-key"; fi; }

# project MAKE: sources whose `make` runs that script in the guest.
project() {
    rm -rf "$T/project"
    mkdir -p "$T/project/.git"
    echo 'source' >"$T/project/file"
    docker exec "$C" vm exec --via ssh "printf '%s\n' '#!/bin/sh' '$1' >/bin/make && chmod +x /bin/make"
}

@test "the jobs for GitLab, Forgejo, Woodpecker and GitHub: build in the guest, results, the console after a failure" {
    NETWORK=$ID-net
    docker network create "$NETWORK" >/dev/null
    cp "$GUESTS/linux-key" "$T/key"
    container service --network "$NETWORK" --network-alias hurd -v "$GUESTS:/opt/hurd-image:ro" -v "$T/key:/key:ro" \
        -e VM_GUEST=linux -e QEMU_RAM=512 -e QEMU_DRIVE=/opt/hurd-image/linux.qcow2 -e QEMU_DISK_MODE=throwaway \
        -e VM_SSH_KEY=/key -e VM_PORTS=ready -e SERIAL_RAW_PORT=5556 -e SERIAL_READONLY=1 -e VM_OPEN=1
    docker exec "$C" vm wait --for ssh --timeout $((90 * PATIENCE))
    local kind
    for kind in 'gitlab gitlab-ci.yml hurd' 'woodpecker woodpecker.yml build' 'github forgejo.yml hurd' \
        'github github/service.yml hurd'; do
        project 'mkdir -p artefacts && cat file >artefacts/$1.built'
        # shellcheck disable=SC2086 # words
        run -0 job $kind
        assert_equal "$(cat "$T/project/artefacts/check.built")" 'source'
        project 'exit 4'
        # shellcheck disable=SC2086 # words
        run -4 job $kind
    done
    # Each reads the console for five seconds: all at once.
    AS=after-gitlab JOB_STATUS=failed job gitlab-after gitlab-ci.yml hurd >"$T/said.1" 2>&1 3>&- &
    local after=("$!")
    AS=after-woodpecker job woodpecker woodpecker.yml what-the-guest-said >"$T/said.2" 2>&1 3>&- &
    after+=("$!")
    AS=after-forgejo job github forgejo.yml hurd 'What the guest said' >"$T/said.3" 2>&1 3>&- &
    after+=("$!")
    local i
    for i in 0 1 2; do
        wait "${after[i]}" || { cat "$T/said.$((i + 1))"; return 1; }
        grep -aq 'linux login:' "$T/said.$((i + 1))"
    done
    grep -aq 'Linux version' "$T/project/console.log"
    # The settings of the service are those in the examples.
    local file
    for file in gitlab-ci.yml forgejo.yml woodpecker.yml; do
        grep -q 'SERIAL_RAW_PORT: "5556"' "$ROOT/examples/$file"
        grep -q 'SERIAL_READONLY: "1"' "$ROOT/examples/$file"
        grep -q 'VM_OPEN: "1"' "$ROOT/examples/$file"
    done
}

@test "scripts in the files for GitLab and Woodpecker pass shellcheck" {
    local kind
    for kind in 'gitlab gitlab-ci.yml hurd' 'gitlab-after gitlab-ci.yml hurd' 'woodpecker woodpecker.yml build' \
        'woodpecker woodpecker.yml what-the-guest-said'; do
        # shellcheck disable=SC2086 # words
        set -- $kind
        "$ROOT/tests/actions/scripts" "$1" "$ROOT/examples/$2" "$3" >"$T/script"
        run -0 shellcheck "$T/script"
    done
}

# compose's own files in a project of the test's.
composed() {
    mkdir -p "$T/project"/{images,share,logs,examples}
    cp "$ROOT"/docker-compose.yml "$T/project"
    cp "$ROOT"/examples/*.yml "$ROOT"/examples/two-machines.sh "$T/project/examples"
    export COMPOSE_PROJECT_NAME=$ID TAG=${IMAGE##*:} port
    for port in SSH HTTP SERIAL SERIAL_RAW MONITOR VNC GDB WEB; do
        export "HOST_${port}_PORT=$(free_port)"
    done
    PROJECTS=$ID
    cd "$T/project" || return
}

@test "both generations of compose accept the examples and the profile debug" {
    composed
    local compose
    for compose in 'docker compose' docker-compose; do
        $compose --profile debug config -q
        $compose -f docker-compose.yml -f examples/ports.yml config >"$T/ports"
        grep -q 6003 "$T/ports"
        $compose -f examples/two-machines.yml --project-directory . config -q
    done
    # Without the profile there is only one service.
    run -0 docker compose config --services
    assert_output hurd
}

@test "docker compose up debug: GDB and VNC answer, on this machine only" {
    composed
    docker compose up -d --no-build debug
    C=$(docker compose ps -aq debug)
    wait_exit "$C" 30
    assert_equal "$STATUS" 66
    logs_have "$C" 'VNC_PASSWORD_FILE=/opt/hurd-image/vnc-password'
    echo secret >images/vnc-password
    docker compose up -d --no-build debug
    C=$(docker compose ps -q debug)
    container_ready "$C"
    run -0 gdb -batch -ex 'set architecture i386:x86-64' -ex "target remote 127.0.0.1:$HOST_GDB_PORT" -ex 'info registers rip' -ex detach
    assert_output --partial rip
    run -0 python3 - "$HOST_VNC_PORT" <<'PY'
import socket, sys
print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10).recv(12))
PY
    assert_output --partial 'RFB 003.008'
    docker compose --profile debug down -t 60
}

@test "ports.yml: a server in the guest answers on an additional port" {
    composed
    cp "$GUESTS/linux.qcow2" images/
    chmod 666 images/linux.qcow2
    HOST_X11_PORTS=$(free_port)
    # The example publishes four ports in a row; the test has one free port, used for the first of them.
    sed -i 's|"127.0.0.1:${HOST_X11_PORTS:-6000-6003}:6000-6003"|"127.0.0.1:'"$HOST_X11_PORTS"':6000"|' examples/ports.yml
    export HOST_DNS_PORT
    HOST_DNS_PORT=$(free_port)
    VM_GUEST=linux QEMU_RAM=512 docker compose -f docker-compose.yml -f examples/ports.yml up -d --no-build
    C=$(docker compose ps -q hurd)
    container_ready "$C" 90
    docker exec "$C" vm exec 'mkdir -p /srv && echo on a further port >/srv/page && httpd -p 6000 -h /srv'
    wait_until 30 bash -c "curl -fsS --max-time 10 http://127.0.0.1:$HOST_X11_PORTS/page | grep -q 'on a further port'"
}

@test "two-machines.yml: two guests reach each other by name, and nothing else" {
    composed
    cp "$GUESTS/linux.qcow2" images/
    chmod 644 images/linux.qcow2
    two() { docker compose -f examples/two-machines.yml --project-directory . "$@"; }
    two up -d
    sh examples/two-machines.sh
    run -0 two exec -T one vm exec 'ping -c 1 -W 30 two'
    assert_output --partial '192.168.77.2'
    run -0 two exec -T two vm exec 'ping -c 1 -W 30 one'
    run -0 two exec -T two vm exec hostname
    assert_output --partial two
    two down -v -t 1
}

# kernel_job JOB MATRIX...: run a job of examples/kernel/kernel.yml with tests/actions, in a copy of the files that
# it needs.
# The packages that it would install are already there.
kernel_job() {
    mkdir -p "$T/bin" "$T/workspace/examples" "$T/workspace/tests/guests"
    cp -r "$ROOT/examples/kernel" "$T/workspace/examples"
    cp -r "$ROOT/tests/guests/teach" "$T/workspace/tests/guests"
    [ -z "${BROKEN:-}" ] || sed -i 's/TEACHFS1/TEACHFS2/' "$T/workspace/tests/guests/teach/main.c"
    printf '#!/bin/sh\nexit 0\n' >"$T/bin/sudo"
    chmod +x "$T/bin/sudo"
    PATH=$T/bin:$PATH "$ROOT/tests/actions/run" --workspace "$T/workspace" --work "$T/work" --report "$T/report" \
        --env HURD_VM_IMAGE="$IMAGE" --env SAMPLES=1 --env DOCKER_OPTIONS="--name $ID-kernel" \
        job "$ROOT/examples/kernel/kernel.yml" "$@"
}

@test "examples/kernel: the build and test job: kernels and logs are artefacts, and a failing kernel fails it" {
    run -0 kernel_job build-test arch=i386 type=Release
    assert_line --partial '100% tests passed'
    local artifacts=$T/work/artifacts
    file "$artifacts/kernel-i386-Release/kernel" | grep -q 'Intel 80386'
    grep -aq 'hello from disk 1' "$artifacts/logs-i386-Release/file-system/console.log"
    xmllint --xpath 'string(/testsuite/@tests)' "$artifacts/logs-i386-Release/junit.xml" | grep -qx 3

    # A kernel that panics: the job fails, but the logs are artefacts.
    rm -rf "$T/work"
    BROKEN=1 run -1 kernel_job build-test arch=i386 type=Debug
    assert_line --partial '0% tests passed'
    assert_line --partial 'panic: no file system on disk 1'
    grep -aq 'panic: no file system' "$artifacts/logs-i386-Debug/smoke/console.log"
}

@test "examples/kernel: the jobs network and performance" {
    local net
    for net in user tap; do
        run -0 kernel_job network net="$net"
        grep -aq 'init: starting sh' "$T/work/artifacts/logs-network-$net/network-$net/console.log"
    done
    run -0 kernel_job performance
    jq -e '.cells | length == 2' "$T/work/artifacts/performance/boot/results.json"
    jq -e '.summary | test("Boot profile of exov6")' "$T/report"
}

# built ARCH TYPE: build the kernel in $T/ARCH-TYPE.
built() {
    cmake -S "$ROOT/examples/kernel" -B "$T/$1-$2" -G Ninja -DARCH="$1" -DCMAKE_BUILD_TYPE="$2" -DHURD_VM_IMAGE="$IMAGE"
    ninja -C "$T/$1-$2" kernel fs
}

container_is_gone() {
    ! docker inspect "$1"
}

@test "examples/kernel: the targets qemu-nox, qemu and qemu-gdb" {
    built i386 Debug
    CONTAINERS+=("$ID-kernel")
    export DOCKER_OPTIONS="--name $ID-kernel" VNC_PORT GDB_PORT
    VNC_PORT=$(free_port) GDB_PORT=$(free_port)
    run -0 talk -t 60 script -qec "ninja -C $T/i386-Debug qemu-nox" /dev/null :: 'expect:$ ' send:ls 'expect:hello 18' \
        'raw:\x1d' 'expect:quit' raw:q 'expect:y/n' raw:y 'expect:exit status'
    wait_until 20 container_is_gone "$ID-kernel"

    ninja -C "$T/i386-Debug" qemu >"$T/vnc" 2>&1 </dev/null 3>&- &
    PIDS+=("$!")
    wait_until 60 grep -qF '$ ' "$T/vnc"
    grep -q "VNC viewer on 127.0.0.1:$VNC_PORT" "$T/vnc"
    run -0 python3 -c 'import socket, sys; print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10).recv(12))' "$VNC_PORT"
    assert_output --partial 'RFB 003.008'
    docker stop -t 20 "$ID-kernel" >/dev/null
    wait_until 20 container_is_gone "$ID-kernel"

    ninja -C "$T/i386-Debug" qemu-gdb >"$T/gdb" 2>&1 </dev/null 3>&- &
    PIDS+=("$!")
    wait_until 60 logs_have "$ID-kernel" 'waits for a debugger'
    # The registers of the 64-bit emulator do not fit a 32-bit file, so the kernel is debugged by address here.
    run -0 gdb -nx -batch -ex 'set architecture i386:x86-64' -ex "target remote 127.0.0.1:$GDB_PORT" \
        -ex 'info registers rip' -ex detach
    assert_output --partial '0xfff0'
    wait_until 60 grep -qF '$ ' "$T/gdb"
    docker stop -t 20 "$ID-kernel" >/dev/null
    wait_until 20 container_is_gone "$ID-kernel"
}

@test "examples/kernel: aarch64 and riscv64, both build types, boot with the host's QEMU" {
    local arch type settings
    for arch in aarch64 riscv64; do
        for type in Debug Release; do
            built "$arch" "$type"
            settings=(QEMU_ARCH="$arch" VM_GUEST=exov6 QEMU_DRIVE="$T/$arch-$type/fs.img" QEMU_DRIVE_FORMAT=raw
                QEMU_DISK_BUS=virtio-mmio QEMU_NET=none QEMU_RAM=128 QEMU_SMP=2 QEMU_KERNEL="$T/$arch-$type/kernel"
                QEMU_DISK_MODE=throwaway)
            [ "$arch" = aarch64 ] || settings+=(QEMU_BIOS=none)
            host_env "${settings[@]}"
            run -0 "${ENV[@]}" "$VM" script --boot "$ROOT/examples/kernel/file-system.vm"
            assert_line --partial 'hello from disk 1'
        done
    done
}

@test "examples/testcontainers: npm ci, and its tests pass with this machine's engine" {
    local home=$ROOT/build/testcontainers
    mkdir -p "$home"
    cp "$ROOT"/examples/testcontainers/* "$home"
    if ! cmp -s "$home/package-lock.json" "$home/installed"; then
        (cd "$home" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        cp "$home/package-lock.json" "$home/installed"
    fi
    cd "$home"
    # Without ryuk nothing is pulled.
    run -0 env TESTCONTAINERS_RYUK_DISABLED=true HURD_VM_IMAGE="$IMAGE" node --test
    assert_line --regexp '^# pass 2$'
    [ -z "$(docker ps -aq --filter label=org.testcontainers=true --filter ancestor="$IMAGE")" ]
}

@test "examples/devcontainer: the development container reaches the guest by its name" {
    mkdir -p "$T/.devcontainer"
    cp "$ROOT"/examples/devcontainer/* "$T/.devcontainer"
    jq -e '.service == "dev" and .dockerComposeFile == "compose.yml"' "$T/.devcontainer/devcontainer.json"
    export COMPOSE_PROJECT_NAME=$ID HURD_VM_IMAGE=$IMAGE DEV_IMAGE=$ID-dev VM_GUEST=linux QEMU_RAM=512
    PROJECTS=$ID
    # Any image with a shell would do for development; this one exists already.
    printf 'FROM %s\nENTRYPOINT []\n' "$IMAGE" | docker build -q -t "$ID-dev" - >/dev/null
    IMAGES=$ID-dev
    mkdir "$T/.devcontainer/images"
    cp "$GUESTS/linux.qcow2" "$T/.devcontainer/images"
    chmod 644 "$T/.devcontainer/images/linux.qcow2"
    cd "$T/.devcontainer"
    docker-compose -f compose.yml config -q
    docker compose -f compose.yml up -d
    docker compose -f compose.yml exec -T hurd vm wait --for ssh --timeout $((90 * PATIENCE))
    # What postAttachCommand does; then the server and the console are queried.
    run -0 docker compose -f compose.yml exec -T dev sh -c "$(jq -r .postAttachCommand devcontainer.json)"
    assert_output --partial 'The guest is ready'
    cp "$GUESTS/linux-key" "$T/key"
    docker compose -f compose.yml cp "$T/key" dev:/tmp/key
    run -0 docker compose -f compose.yml exec -T dev sh -c 'chmod 600 /tmp/key && ssh -i /tmp/key -p 2222 \
        -o StrictHostKeyChecking=no -o BatchMode=yes root@hurd uname'
    assert_line --partial Linux
    docker compose -f compose.yml down -v -t 1
}

# profile_job JOB MATRIX...: run a job of examples/github/profile.yml, each on a runner of its own with the
# artefacts of the run.
profile_job() {
    rm -rf "$T/workspace"
    mkdir -p "$T/workspace"
    "$ROOT/tests/actions/run" --workspace "$T/workspace" --work "$T/work" --report "$T/report" --env IMAGE="$IMAGE" \
        --env SHARDS=2 --env SAMPLES=2 job "$ROOT/examples/github/profile.yml" "$@"
}

@test "examples/github/profile.yml: two shards are measured and merged; a missing one fails the job and is named" {
    run -0 profile_job shard shard=1
    run -1 profile_job merge
    assert_output --partial missing
    rm -rf "$T/work/artifacts/profile"
    run -0 profile_job shard shard=2
    run -0 profile_job merge
    jq -e '.summary | test("Boot profile of mach")' "$T/report"
    jq -e '.summary | test("8 of 8 are here, 0 failed")' "$T/report"
    jq -e '.cells | length == 2' "$T/work/artifacts/profile/results.json"
}
