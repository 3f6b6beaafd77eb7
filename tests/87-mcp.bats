# vm mcp: the Model Context Protocol, with the reference SDK's clients on real guests.
load helpers

# The clients, with the versions and checksums of their lock file, installed once.
setup_file() {
    local dir=$BATS_TEST_DIRNAME/../build/mcp
    mkdir -p "$dir"
    (
        flock 9
        cmp -s "$BATS_TEST_DIRNAME/mcp/package-lock.json" "$dir/installed" && exit
        cp "$BATS_TEST_DIRNAME"/mcp/package*.json "$dir"
        npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
        cp "$dir/package-lock.json" "$dir/installed"
    ) 9>"$dir/lock"
}

# client legacy|modern SCENARIO COMMAND...
client() {
    run -0 env MCP_MODULES="$ROOT/build/mcp" node "$ROOT/tests/mcp/client.mjs" "$@"
}

say() {
    printf '%s\n' "$@"
}

initialize='{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}'
modern='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'

@test "vm mcp: the client with initialize lists, runs, types, waits, cancels, resets and stops" {
    start_guest
    client legacy mach "${ENV[@]}" "$VM" mcp
    for what in tools 'unknown tool' 'bad arguments' status exec console failures 'two at once' \
        'too many' cancel profile reset stop end; do
        assert_line "seen: $what"
    done
    host_vm_exit
}

@test "vm mcp: the client of revision 2026-07-28, on a Linux guest with a display and files" {
    linux_vm VM_SSH_KEY="$GUESTS/linux-key" QEMU_VGA=std
    vm wait --for ssh --timeout $((90 * PATIENCE))
    client modern linux "${ENV[@]}" "$VM" mcp
    for what in 'version 2026-07-28' tools 'exec by ssh' 'push and pull' screenshot snapshot \
        'long output' end; do
        assert_line "seen: $what"
    done
    # No temporary file is left.
    run -0 find "$T" -name 'vm-mcp.*'
    assert_output ''
}

@test "vm mcp: versions, broken messages and messages that are too long are answered as JSON-RPC requires" {
    host_env
    run -0 --separate-stderr vm mcp < <(say "$initialize" '' '{' '[]' '{"id":1}' \
        '{"jsonrpc":"2.0","id":2,"method":"ping"}' '{"jsonrpc":"2.0","id":3,"method":"nosuch"}' \
        '{"jsonrpc":"2.0","method":"nosuch"}' '{"jsonrpc":"2.0","id":9,"result":{}}' \
        '{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"1900-01-01"}}}' \
        '{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}' \
        '{"jsonrpc":"2.0","id":6,"method":"server/discover","params":{'"$modern"'}}' \
        '{"jsonrpc":"2.0","id":7,"method":"ping","params":{'"$modern"'}}' \
        '{"jsonrpc":"2.0","id":8,"method":"tools/list","params":{'"$modern"'}}')
    answers=$output
    ask() { jq -rs "$1" <<<"$answers"; }
    assert_equal "$(ask 'length')" 11
    assert_equal "$(ask '.[0].result.protocolVersion')" 2025-06-18
    assert_equal "$(ask '[.[1:4][] | .error.code, has("id")] | join(" ")')" '-32700 false -32600 false -32600 true'
    assert_equal "$(ask '.[4].result | tojson')" '{}'
    assert_equal "$(ask '.[5].error.code')" -32601
    assert_equal "$(ask '.[6].error | [.code, .data.requested, .data.supported[0]] | join(" ")')" '-32022 1900-01-01 2026-07-28'
    assert_equal "$(ask '.[7].error.code')" -32602
    assert_equal "$(ask '.[8].result | [.resultType, .supportedVersions[1], ._meta["io.modelcontextprotocol/serverInfo"].name] | join(" ")')" \
        'complete 2025-11-25 hurd-vm'
    assert_equal "$(ask '.[9].error.code')" -32601
    assert_equal "$(ask '.[10].result | [.resultType, .cacheScope, (.tools | length)] | join(" ")')" 'complete private 12'

    # Before initialize only ping is allowed; nine megabytes without a line end; a message after them.
    run -0 --separate-stderr vm mcp < <(say '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
        printf '{"jsonrpc":"2.0","id":2,"method":"'; head -c 9000000 /dev/zero | tr '\0' x; say '"}'
        say '{"jsonrpc":"2.0","id":3,"method":"ping"}')
    answers=$output
    assert_equal "$(ask '[.[] | .error.code // .id] | join(" ")')" '-32602 -32600 3'
}

@test "vm mcp: without a guest, at the end of its input, when it is killed: no child process is left" {
    host_env
    start_guest
    mkfifo "$T/in"
    for how in end TERM KILL; do
        "${ENV[@]}" "$VM" mcp <"$T/in" >"$T/answers" &
        local pid=$!
        PIDS+=("$pid")
        exec 7>"$T/in"
        say "$initialize" \
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"expect","arguments":{"pattern":"never","timeout":900}}}' >&7
        wait_until 10 pgrep -P "$pid" -f 'vm expect'
        local child
        child=$(pgrep -P "$pid" -f 'vm expect')
        if [ "$how" = end ]; then exec 7>&-; else kill -"$how" "$pid"; fi
        wait_until 10 process_is_gone "$pid"
        wait_until 10 process_is_gone "$child"
        exec 7>&-
    done
}

@test "vm mcp ends although its client does not read" {
    host_env
    mkfifo "$T/in" "$T/out"
    "${ENV[@]}" "$VM" mcp <"$T/in" >"$T/out" &
    local pid=$!
    PIDS+=("$pid")
    exec 7>"$T/in" 8<"$T/out"
    # Much more than a pipe holds; the writer ends when the reader ends.
    (say "$initialize"; yes '{"jsonrpc":"2.0","id":1,"method":"tools/list"}') >&7 2>/dev/null 7>&- 8<&- &
    PIDS+=($!)
    wait_until 20 grep -q pipe_w "/proc/$pid/wchan" || wait_until 1 grep -qi pipe "/proc/$pid/stack"
    kill -TERM "$pid"
    wait_until 10 process_is_gone "$pid"
    exec 7>&- 8<&-
}

@test "vm mcp --once: one HTTP message, its headers, and its status" {
    host_env
    list='{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{'"$modern"'}}'
    run -0 --separate-stderr vm mcp --once --protocol 2026-07-28 --method tools/list <<<"$list"
    assert_equal "$(jq '.result.tools | length' <<<"$output")" 12
    run -64 --separate-stderr vm mcp --once --method tools/list <<<"$list"
    assert_equal "$(jq .error.code <<<"$output")" -32020
    run -64 --separate-stderr vm mcp --once --protocol 2026-07-28 --method tools/call --name exec <<<"$list"
    assert_equal "$(jq .error.code <<<"$output")" -32020
    run -69 --separate-stderr vm mcp --once --protocol 2026-07-28 --method nosuch \
        <<<'{"jsonrpc":"2.0","id":1,"method":"nosuch","params":{'"$modern"'}}'
    run -64 --separate-stderr vm mcp --once <<<'{'
    # A legacy client, with a body of several lines.
    run -0 --separate-stderr vm mcp --once <<<'{"jsonrpc":"2.0","id":1,
        "method":"tools/call","params":{"name":"status","arguments":{}}}'
    assert_equal "$(jq .result.isError <<<"$output")" true
    assert_equal "$(jq -r '.result.content[0].text' <<<"$output" | head -n 1 | cut -d: -f1)" 'no guest runs here'
    run -0 vm mcp --once <<<'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    assert_output ''
    run -64 vm mcp --nosuch
}

@test "vm mcp over HTTP, through vm-web: both clients, and the statuses" {
    local port token
    port=$(free_port)
    start_guest VM_WEB=1 VM_WEB_PORT="$port"
    token=$(sed -n 's/.*token=//p' "$T/out")
    url=http://127.0.0.1:$port/mcp
    wait_until 10 curl -s -o "$T/body" "$url"
    client legacy http "$url" "$token"
    assert_line 'seen: progress'
    assert_line 'seen: end'
    client modern http "$url" "$token"
    assert_line 'seen: progress'
    assert_line 'seen: end'
    post() { curl -s -o "$T/body" -w '%{http_code}' -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@" "$url"; }
    assert_equal "$(post -d '{')" 400
    assert_equal "$(post -d '{"jsonrpc":"2.0","method":"notifications/initialized"}')" 202
    assert_equal "$(post -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: x' -d '{"jsonrpc":"2.0","id":1,"method":"x","params":{'"$modern"'}}')" 404
    assert_equal "$(post -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: -y' -d '{"jsonrpc":"2.0","id":1,"method":"x","params":{'"$modern"'}}')" 400
    assert_equal "$(jq .error.code "$T/body")" -32020
    assert_equal "$(curl -s -o "$T/body" -w '%{http_code}' -d '{}' "$url")" 401
    assert_equal "$(curl -s -o "$T/body" -w '%{http_code}' -H "Authorization: Bearer $token" "$url")" 405
}

@test "vm mcp in the container, by docker exec -i" {
    container mcp "${SAFE[@]}"
    container_ready "$C"
    client modern everywhere docker exec -i "$C" vm mcp
    assert_line 'seen: end'
}
