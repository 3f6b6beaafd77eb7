# docker-stack.yml as a Swarm of this engine alone; what the test made of it is gone afterwards.
# alone: an engine in a Swarm publishes its ports on every address
load helpers

setup() {
    ID=hv$$-$BATS_TEST_NUMBER
    CONTAINERS=() PIDS=()
    T=$BATS_TEST_TMPDIR
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T"
    joined=
    [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" = active ] || {
        docker swarm init --advertise-addr 127.0.0.1 --listen-addr "127.0.0.1:$(free_port)" >/dev/null
        joined=1
    }
    mkdir -p "$T/project"/{images,share,logs}
    cp "$ROOT/docker-stack.yml" "$T/project"
    export IMAGE HOST_SSH_PORT HOST_HTTP_PORT
    HOST_SSH_PORT=$(free_port) HOST_HTTP_PORT=$(free_port)
}

teardown() {
    [ -n "$BATS_TEST_COMPLETED" ] || docker service ps --no-trunc "${ID}_hurd" || :
    docker stack rm "$ID" >/dev/null 2>&1 || :
    wait_until 60 no_task_is_left || :
    docker ps -aq --filter "name=^${ID}_hurd" | xargs -r docker rm -f -v >/dev/null
    if [ -n "$joined" ]; then
        docker swarm leave --force >/dev/null
        docker network rm docker_gwbridge >/dev/null 2>&1 || :
    fi
    vm_teardown
}

deploy() {
    docker stack deploy --resolve-image never "$@" "$ID"
}

# The running task's container is put into C.
task_runs() {
    C=$(docker ps -q --filter "name=^${ID}_hurd" --filter status=running)
    [ -n "$C" ]
}

no_task_is_left() {
    [ -z "$(docker ps -aq --filter "name=^${ID}_hurd")" ]
}

health_is() {
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$C")" = "$1" ]
}

@test "docker stack deploy: the guest is ready and healthy, its consoles are not published; rm shuts it down" {
    run -0 deploy -c "$T/project/docker-stack.yml"
    refute_output --partial 'Ignoring unsupported options'
    wait_until 60 task_runs
    container_ready "$C"
    run -0 docker exec "$C" vm exec uname
    assert_output --partial 'GNU Mach 1.8'
    wait_until 30 health_is healthy
    run -0 docker inspect -f '{{range $port, $hosts := .NetworkSettings.Ports}}{{if $hosts}}{{$port}} {{end}}{{end}}' "$C"
    assert_output '2222/tcp 8080/tcp '
    run -0 docker exec "$C" vm status --json
    assert_equal "$(jq -r '.ports.monitor // 0' <<<"$output")" 0
    docker stack rm "$ID"
    wait_until 60 no_task_is_left
    run -0 jq -r .event "$T/project/logs/events.jsonl"
    assert_line shutdown
}

@test "docs/engines.md: the console of a stack with a password, from all addresses" {
    # The file as the page has it, behind the line that names it.
    sed -n '/^cat >docker-stack.console.yml/,/^END$/p' "$ROOT/docs/engines.md" |
        sed '1d;$d' >"$T/project/docker-stack.console.yml"
    echo sesame >"$T/project/console-password"
    export HOST_SERIAL_PORT
    HOST_SERIAL_PORT=$(free_port)
    deploy -c "$T/project/docker-stack.yml" -c "$T/project/docker-stack.console.yml"
    wait_until 60 task_runs
    container_ready "$C"
    run -0 talk telnet 127.0.0.1 "$HOST_SERIAL_PORT" :: 'expect:assword' 'send:sesame' 'expect:login: '
}
