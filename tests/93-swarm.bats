# deploy/swarm/ in a Swarm of this engine only; everything that the tests create is removed afterwards.
# alone: an engine in a Swarm publishes its ports on every address
load helpers

# The warm image of the fleet.
setup_file() {
    export FLEET=hurd-vm:bats-$$-fleet JOINED=
    make -s -C "$ROOT" image GUEST=mach-mini WARM=1 NAME="${FLEET#*:}" TAG="${TAG:-latest}" \
        SETTINGS='QEMU_ACCEL=tcg' >"$BATS_FILE_TMPDIR/bake" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/bake" >&2
        return 1
    }
    [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" = active ] || {
        docker swarm init --advertise-addr 127.0.0.1 --listen-addr "127.0.0.1:$(free_port)" >/dev/null
        JOINED=1
    }
}

teardown_file() {
    if [ -n "$JOINED" ]; then
        docker swarm leave --force >/dev/null
        docker network rm docker_gwbridge >/dev/null 2>&1 || :
    fi
    docker rmi "$FLEET" >/dev/null
}

setup() {
    ID=hv$$-$BATS_TEST_NUMBER
    CONTAINERS=() PIDS=()
    T=$BATS_TEST_TMPDIR
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T"
    mkdir -p "$T/project"/{images,share,logs,deploy}
    cp -r "$ROOT/deploy/swarm" "$T/project/deploy"
    STACK=$T/project/deploy/swarm
    BEGAN=$(date +%s.%N)
    export IMAGE HOST_SSH_PORT HOST_HTTP_PORT
    HOST_SSH_PORT=$(free_port) HOST_HTTP_PORT=$(free_port)
}

teardown() {
    [ -n "$BATS_TEST_COMPLETED" ] || docker stack ps --no-trunc "$ID" || :
    docker stack rm "$ID" >/dev/null 2>&1 || :
    wait_until 60 no_task_is_left || :
    docker ps -aq --filter "name=^${ID}_" | xargs -r docker rm -f -v >/dev/null
    vm_teardown
}

deploy() {
    docker stack deploy --resolve-image never "$@" "$ID"
}

# Put the container of the running task into C.
task_runs() {
    C=$(docker ps -q --filter "name=^${ID}_" --filter status=running)
    [ -n "$C" ]
}

no_task_is_left() {
    [ -z "$(docker ps -aq --filter "name=^${ID}_")" ]
}

health_is() {
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$C")" = "$1" ]
}

@test "docker stack deploy: the guest is ready and healthy, its consoles are not published; rm shuts it down" {
    run -0 deploy -c "$STACK/hurd.yml"
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

@test "docs/engines.md: the console of a stack with a password, reachable on all addresses" {
    # The file from the page, after the line that names it.
    sed -n '/^cat >console.yml/,/^END$/p' "$ROOT/docs/engines.md" |
        sed '1d;$d' >"$T/project/console.yml"
    echo sesame >"$T/project/console-password"
    export HOST_SERIAL_PORT
    HOST_SERIAL_PORT=$(free_port)
    cd "$T/project"
    deploy -c "$STACK/hurd.yml" -c "$T/project/console.yml"
    wait_until 60 task_runs
    container_ready "$C"
    run -0 talk telnet 127.0.0.1 "$HOST_SERIAL_PORT" :: 'expect:assword' 'send:sesame' 'expect:login: '
}

# --- a fleet of one warm image -----------------------------------------------------------------

fleet() {
    IMAGE=$FLEET REPLICAS=$1 run -0 deploy -c "$STACK/stack.yml"
    refute_output --partial 'Ignoring'
}

# fleet_has N: N guests are ready, by the image's health check.
fleet_has() {
    [ "$(docker service ls --filter "name=${ID}_guest" --format '{{.Replicas}}')" = "$1/$1" ] &&
        [ "$(docker ps -q --filter "name=^${ID}_guest" --filter health=healthy | wc -l)" -eq "$1" ]
}

# fleet_runs N: the same, and the containers that were replaced have ended.
fleet_runs() {
    [ "$(docker ps -q --filter "name=^${ID}_guest" | wc -l)" -eq "$1" ]
}

fleet_events() {
    docker events --since "$BEGAN" --until "$(date +%s.%N)" --filter type=container --format '{{json .}}'
}

# The events of the fleet's containers, one `slot container event status` per line, in order.
fleet_saw() {
    fleet_events | jq -r --arg service "${ID}_guest" 'select(.Actor.Attributes."com.docker.swarm.service.name" == $service)
        | select(.Action == "start" or .Action == "die" or .Action == "health_status: healthy")
        | [(.Actor.Attributes."com.docker.swarm.task.name" | split(".")[-2]), .Actor.ID[:12],
           (.Action | sub("health_status: "; "")), .Actor.Attributes.exitCode // "-"] | join(" ")'
}

updated() {
    [ "$(docker service inspect -f '{{.UpdateStatus.State}}' "${ID}_guest")" = "$1" ]
}

# Every stopped guest was shut down: no container ended with another status than 0.
all_stops_were_clean() {
    run -0 fleet_saw
    run -0 awk '$3 == "die" { print $4 }' <<<"$output"
    assert_output
    assert_equal "$(sort -u <<<"$output")" 0
}

@test "a fleet: 2 guests resume, scale to 8, draining the node shuts all of them down" {
    fleet 2
    wait_until 60 fleet_has 2
    docker service scale -d "${ID}_guest=8"
    wait_until 120 fleet_has 8
    local c node
    for c in $(docker ps -q --filter "name=^${ID}_guest"); do
        run -0 docker logs "$c"
        assert_line --partial 'vm: resumed from /usr/share/vm/state/mach-mini.qcow2.warm'
        run -0 docker exec "$c" sh -c 'grep -E "^(Uid|CapEff|CapBnd)" /proc/1/status; ! touch /root-is-read-only 2>/dev/null'
        assert_line --regexp '^Uid:.107.107'
        assert_equal "$(grep -c '0000000000000000$' <<<"$output")" 2
    done
    run -0 docker exec "$c" vm exec uname
    assert_output --partial 'GNU Mach 1.8'
    node=$(docker node ls -q)
    docker node update --availability drain "$node"
    wait_until 60 no_task_runs
    all_stops_were_clean
    # When the node may have guests again, they start. The scheduler of Docker 20.10 can lose tasks that wait while a node
    # becomes active, so there are none then.
    docker service scale -d "${ID}_guest=0"
    wait_until 60 no_task_waits
    docker node update --availability active "$node"
    docker service scale -d "${ID}_guest=2"
    wait_until 120 fleet_has 2
}

no_task_waits() {
    [ -z "$(docker service ps -q --filter desired-state=running "${ID}_guest")" ]
}

no_task_runs() {
    [ -z "$(docker ps -q --filter "name=^${ID}_")" ]
}

@test "a rolling update: start-first has the new guest ready before the old one stops, stop-first the reverse" {
    fleet 2
    wait_until 60 fleet_has 2
    docker service update -d --update-monitor 1s --env-add QEMU_RAM=96 "${ID}_guest"
    wait_until 120 updated completed
    wait_until 60 fleet_runs 2
    # In each slot: start, healthy (first guest); start, healthy (second guest); then the end of the first.
    run -0 fleet_saw
    assert_equal "$(cut -d' ' -f1,3 <<<"$output" | grep '^1 ' | paste -sd,)" '1 start,1 healthy,1 start,1 healthy,1 die'
    assert_equal "$(cut -d' ' -f1,3 <<<"$output" | grep '^2 ' | paste -sd,)" '2 start,2 healthy,2 start,2 healthy,2 die'
    all_stops_were_clean

    BEGAN=$(date +%s.%N)
    docker service update -d --update-monitor 1s --update-order stop-first --env-add QEMU_RAM=112 "${ID}_guest"
    wait_until 120 updated completed
    wait_until 60 fleet_runs 2
    run -0 fleet_saw
    assert_equal "$(cut -d' ' -f1,3 <<<"$output" | grep '^1 ' | paste -sd,)" '1 die,1 start,1 healthy'
    assert_equal "$(cut -d' ' -f1,3 <<<"$output" | grep '^2 ' | paste -sd,)" '2 die,2 start,2 healthy'
    all_stops_were_clean
}

@test "an update whose guests do not start is rolled back, and the others keep running" {
    fleet 2
    wait_until 60 fleet_has 2
    local before
    before=$(docker ps -q --filter "name=^${ID}_guest" --filter health=healthy | sort)
    docker service update -d --rollback-monitor 1s --env-add QEMU_RAM=much "${ID}_guest"
    wait_until 120 updated rollback_completed
    wait_until 60 fleet_has 2
    assert_equal "$(docker ps -q --filter "name=^${ID}_guest" --filter health=healthy | sort)" "$before"
    run -0 fleet_saw
    assert_line --regexp ' die 78$'
}
