# docs.bash - runs the blocks of the documentation that have a mark <!-- test: NAME -->, as they are.
# scripts/check-blocks checks that every mark has its test.

# block PAGE NAME [CONTAINER...]: write the commands to $T/block; CONTAINER: container names on the page, to be
# replaced.
block() {
    local name
    awk -v mark="<!-- test: $2 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit
        inside = 1; next } inside' "$ROOT/$1" >"$T/block"
    echo "--- $1: $2"
    cat "$T/block"
    [ -s "$T/block" ]
    for name in "${@:3}"; do CONTAINERS+=("$ID-$name"); done
    export DOC_ID=$ID DOC_IMAGE=$IMAGE DOC_NAMES="${*:3}"
}

# run_block: run it up to its first failure, with the test's names for containers and images.
run_block() {
    run -0 env PATH="$ROOT/tests/docs:$PATH" sh -eu "$T/block" </dev/null
}

# project: create a directory for compose with free ports, and change to it.
project() {
    mkdir -p "$T/project"/{images,share,logs}
    cp "$ROOT/docker-compose.yml" "$T/project"
    export COMPOSE_PROJECT_NAME=$ID TAG=${IMAGE##*:} port
    for port in SSH HTTP SERIAL SERIAL_RAW MONITOR VNC GDB WEB; do
        export "HOST_${port}_PORT=$(free_port)"
    done
    cd "$T/project" || return
}

project_down() {
    docker compose logs --tail 40 2>&1 || :
    docker compose down -v -t 5 >/dev/null 2>&1 || :
}
