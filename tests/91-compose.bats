# The first steps of a new user: compose up, the console by telnet, a command, compose stop.
load helpers

compose() {
    docker compose -p "$ID" -f "$ROOT/docker-compose.yml" --project-directory "$T/project" "$@"
}

# A project directory for the test, with free ports: no file of the user is touched.
project() {
    mkdir -p "$T/project"/{images,share,logs}
    export HOST_SERIAL_RAW_PORT HOST_SSH_PORT HOST_HTTP_PORT HOST_SERIAL_PORT HOST_MONITOR_PORT HOST_VNC_PORT HOST_GDB_PORT HOST_WEB_PORT
    HOST_SSH_PORT=$(free_port) HOST_HTTP_PORT=$(free_port) HOST_SERIAL_PORT=$(free_port)
    HOST_SERIAL_RAW_PORT=$(free_port) HOST_MONITOR_PORT=$(free_port) HOST_VNC_PORT=$(free_port) HOST_GDB_PORT=$(free_port) HOST_WEB_PORT=$(free_port)
}

teardown() {
    compose logs --tail 40 2>&1 || :
    compose down -v -t 5 >/dev/null 2>&1 || :
    docker image rm "hurd-vm:bats-up-$ID" >/dev/null 2>&1 || :
    vm_teardown
}

@test "compose up: GNU Mach's shell answers over telnet, compose stop ends it with status 0" {
    project
    compose up -d --no-build
    C=$(compose ps -q hurd)
    container_ready "$C"

    run -0 talk telnet 127.0.0.1 "$HOST_SERIAL_PORT" :: 'expect:login: ' 'send:root' \
        'expect:machsh# ' 'send:uname' 'expect:GNU Mach 1.8' 'expect:machsh# '

    run -0 talk telnet 127.0.0.1 "$HOST_MONITOR_PORT" :: 'expect:(qemu)' 'send:info status' \
        'expect:VM status: running'

    wait_until 30 health_is "$C" healthy
    compose stop
    wait_exit "$C"
    assert_equal "$STATUS" 0
    wait_until 10 logs_have "$C" 'the guest powered off'
}

# A checkout of the test, and its directory as the current one.
checkout() {
    project
    git -C "$ROOT" ls-files --cached --others --exclude-standard | tar -C "$ROOT" -cf - -T - | tar -C "$T" --one-top-level=checkout -xf -
    cd "$T/checkout" || return
    export COMPOSE_PROJECT_NAME=$ID TAG=bats-up-$ID VERSION
    VERSION=$(cat "$ROOT/build/version") # all from the builder's cache
}

@test "make up with ports in use names them and their settings, and leaves no container" {
    checkout
    for port in "$HOST_SSH_PORT" "$HOST_SERIAL_RAW_PORT"; do
        socat "TCP-LISTEN:$port,bind=127.0.0.1,fork" /dev/null 3>&- &
        PIDS+=($!)
        wait_until 10 bash -c "</dev/tcp/127.0.0.1/$port"
    done
    run env -u MAKEFLAGS make -s up
    assert_failure
    assert_line "up: error: port $HOST_SSH_PORT of 127.0.0.1 is in use (HOST_SSH_PORT)"
    assert_line --partial 'fix: set HOST_SSH_PORT to a free port'
    assert_line "up: error: port $HOST_SERIAL_RAW_PORT of 127.0.0.1 is in use (HOST_SERIAL_RAW_PORT)"
    assert_equal "$(grep -c 'in use' <<<"$output")" 2
    assert_equal "$(docker compose ps -a -q)" ''
}

@test "make up builds, starts, waits until ready and prints how to connect; make down stops it" {
    checkout
    run -0 env -u MAKEFLAGS make -s up
    assert_line --partial 'ready: login prompt'
    assert_line --regexp "^  telnet 127.0.0.1 $HOST_SERIAL_PORT  "
    assert_line --regexp "^  telnet 127.0.0.1 $HOST_MONITOR_PORT  "
    assert_line --regexp '^  make hurd '
    local link
    link=$(grep -o "http://127.0.0.1:$HOST_WEB_PORT/[^ ]*" <<<"$output")
    run -0 curl -sS -o /dev/null -w '%{http_code}' "$link"
    assert_output 303
    run -0 docker compose exec -T hurd vm exec uname
    C=$(docker compose ps -q hurd)
    run -0 env -u MAKEFLAGS make -s down
    run ! docker inspect "$C"
}

health_is() {
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = "$2" ]
}

@test "the log says what the built-in guest is and how to get a whole GNU/Hurd" {
    project
    compose up -d --no-build
    C=$(compose ps -q hurd)
    wait_until 30 logs_have "$C" 'the guest runs'
    wait_until 10 logs_have "$C" 'built-in guest: GNU Mach'
    wait_until 10 logs_have "$C" 'images/'
    compose down
    run docker inspect "$C"
    assert_failure
}

@test "console.log and events.jsonl are in logs/, complete from the first byte" {
    project
    compose up -d --no-build
    C=$(compose ps -q hurd)
    container_ready "$C"
    compose stop
    run -0 cat "$T/project/logs/console.log"
    assert_output --partial 'GNU Mach 1.8'
    assert_output --partial 'machsh login: '
    run -0 jq -r .event "$T/project/logs/events.jsonl"
    assert_line spawn
    assert_line ready
    assert_line shutdown
}

@test "docker-compose 1.29 accepts docker-compose.yml too" {
    project
    docker-compose --version | grep -q ' 1\.29'
    docker-compose -p "$ID" -f "$ROOT/docker-compose.yml" --project-directory "$T/project" config -q
    docker-compose -p "$ID" -f "$ROOT/docker-compose.yml" --project-directory "$T/project" \
        up -d --no-build
    C=$(docker ps -q --filter "label=com.docker.compose.project=$ID")
    container_ready "$C"
    docker-compose -p "$ID" -f "$ROOT/docker-compose.yml" --project-directory "$T/project" stop
    wait_exit "$C"
    assert_equal "$STATUS" 0
}

@test "a wrong setting in .env aborts the start with status 78 and is named" {
    project
    QEMU_RAM=lots compose up -d --no-build
    C=$(compose ps -a -q hurd)
    wait_exit "$C"
    assert_equal "$STATUS" 78
    wait_until 10 logs_have "$C" 'QEMU_RAM=lots is not a number'
}

@test "each setting in .env is passed to the container, or the start warns that it is not" {
    project
    printf '%s\n' SERIAL_RAW_PORT=5556 SERIAL_PORT=6000 'SHARE_DIR=/home/me/my share' VM_BIND= \
        VM_IMAGE_DIR=/opt/hurd-image >"$T/project/.env"
    compose up -d --no-build
    C=$(compose ps -q hurd)
    container_ready "$C"
    run -0 talk bash -c "cat </dev/tcp/127.0.0.1/$HOST_SERIAL_RAW_PORT" :: 'expect:login: '
    run container_logs "$C"
    assert_line --partial 'warning: SERIAL_PORT=6000 is not passed into the container by docker-compose.yml, where it is SERIAL_PORT=5555 (HOST_*_PORT'
    assert_line --partial 'warning: SHARE_DIR=/home/me/my share is not passed into the container by docker-compose.yml, where it is SHARE_DIR=/share'
    assert_equal "$(grep -c 'is not passed' <<<"$output")" 2
}
