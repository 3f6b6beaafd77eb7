# The API of vm-web (docs/api.yaml): each route does what its vm command does. Access control: 84-web.bats.
# shellcheck disable=SC2016,SC2030,SC2031,SC2153 # nginx's blocks, and what bats and its helpers set
load helpers

# api PATH [CURL-ARGUMENTS...]: the status into CODE, the body into $T/body.
api() {
    CODE=$(curl -s -m 300 -N -o "$T/body" -w '%{http_code}' -H "Authorization: Bearer $TOKEN" "$URL$1" "${@:2}")
}

# answers STATUS PATH [CURL-ARGUMENTS...]
answers() {
    api "${@:2}"
    [ "$CODE" = "$1" ] || { echo "$2: $CODE, not $1"; cat "$T/body"; return 1; }
}

body() { jq -r "$1" "$T/body"; }

@test "docs/api.yaml and the server have the same paths, methods, access rules and parameters" {
    local python=/usr/bin/python3
    run -0 "$ROOT/build/vm-web" --routes
    printf '%s\n' "$output" >"$T/routes"
    run -0 $python - "$ROOT/docs/api.yaml" "$T/routes" "$ROOT" <<'END'
import glob, json, re, sys, yaml
doc = yaml.safe_load(open(sys.argv[1]))
assert doc["openapi"].startswith("3.1")
described = {
    (method.upper(), path, op.get("security") == [])
    for path, ops in doc["paths"].items()
    for method, op in ops.items()
}
table = json.load(open(sys.argv[2]))
def method(route):
    return "GET" if route["method"] == "WS" else route["method"]
served = {(method(r), r["path"], r["open"]) for r in table["routes"]}
assert described == served, (described - served, served - described)
# The parameters: those of the path, the query and the headers, and the members of the bodies.
def in_document(op):
    for p in op.get("parameters", []):
        yield p["in"], p["name"], p["required"], p["schema"]
    for kind, place in ("application/json", "body"), ("application/x-www-form-urlencoded", "form"):
        schema = op.get("requestBody", {}).get("content", {}).get(kind, {}).get("schema", {})
        for name, of in schema.get("properties", {}).items():
            yield place, name, name in schema.get("required", []), of
def limits(schema):
    return {k: v for k, v in schema.items() if k != "description"}
TYPES = {"text": "string", "integer": "integer", "boolean": "boolean", "text or number": ["string", "integer"]}
def in_table(p):
    want = {"type": TYPES[p["type"]]}
    if p["type"] == "integer":
        want |= {"default": p["default"], "minimum": p["min"], "maximum": p["max"]}
    if p["type"] == "text" and p["choices"]:
        want |= {"enum": p["choices"].split("|"), "default": p["choices"].split("|")[0]}
    if p["type"] == "text":
        want |= {k: p[of] for k, of in (("minLength", "min"), ("maxLength", "max")) if p[of]}
    return want
declared = set()
for r in table["routes"]:
    op = doc["paths"][r["path"]][method(r).lower()]
    there = {(where, name): (required, limits(schema)) for where, name, required, schema in in_document(op)}
    here = {(p["in"], p["name"]): (p["required"], in_table(p)) for p in r["parameters"]}
    assert there == here, (r["path"], there, here)
    # profile.c reads the members of its matrix, whatever their names are.
    declared |= {(p["in"], p["name"]) for p in r["parameters"] if r["id"] != "profileStart"}
# The server reads what the table has, and nothing else: parameters.c ignores other names.
source = "".join(open(name).read() for name in glob.glob(sys.argv[3] + "/init/web/*.c"))
read = {("query", name) for name in re.findall(r'parameter_query\(s, "([^"]+)"', source)}
read |= {("header", name) for name in re.findall(r'\bheader\(s, "([^"]+)"|parameter_header\(s, "([^"]+)"', source) for name in name if name}
read |= {("body", name) for name in re.findall(r'parameter_(?:text|integer|bool)\(s, doc, "([^"]+)"', source)}
assert read == {d for d in declared if d[0] not in ("path", "form")}, read ^ declared
assert "session_query" not in source and not re.search(r'json_(string|bool|integer)\(doc, doc->values, "', source)
ids = [op["operationId"] for ops in doc["paths"].values() for op in ops.values()]
assert len(ids) == len(set(ids)) and len(ids) > 30
# Every reference can be resolved, and every {word} of a path is a parameter.
def walk(node):
    if isinstance(node, dict):
        if "$ref" in node:
            at = doc
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
        for child in node.values():
            walk(child)
    elif isinstance(node, list):
        for child in node:
            walk(child)
walk(doc)
for path, ops in doc["paths"].items():
    for op in ops.values():
        named = {p["name"] for p in op.get("parameters", []) if p["in"] == "path"}
        assert named == {w[1:-1] for w in path.split("/") if w.startswith("{")}, path
END
}

@test "status, health, settings, monitor, screenshot, pause give the same results as the commands" {
    web_guest QEMU_VGA=std
    answers 200 /api/v1/status
    assert_equal "$(body '.state, .qemu.pid')" "$(vm status --json | jq -r '.state, .qemu.pid')"
    answers 200 /api/v1/health
    assert_equal "$(body '.ready, .exit_status')" $'true\n0'
    answers 200 /api/v1/settings
    assert_equal "$(body '.[] | select(.name == "VM_WEB_PORT").value')" "$WEB"
    answers 200 /api/v1/monitor -d '{"command": "info status"}'
    assert_equal "$(body .output)" 'VM status: running'
    answers 400 /api/v1/monitor -d '{"command": "info status\nquit"}'
    answers 400 /api/v1/monitor -d '{"command": ""}'
    answers 200 /api/v1/screenshot.png
    run -0 file "$T/body"
    assert_output --partial 'PNG image data, 720 x 400'
    answers 204 /api/v1/pause -d ''
    answers 200 /api/v1/status
    assert_equal "$(body .state)" paused
    answers 204 /api/v1/continue -d ''
    answers 200 /api/v1/status
    assert_equal "$(body .state)" running
    answers 409 /api/v1/suspend -d ''
    assert_equal "$(body '.type, .exit_status, .fix')" $'about:blank\n78\nstart the guest with VM_STOP=suspend'
    answers 202 /api/v1/stop -d '{"now": false}'
    host_vm_exit
    assert_equal "$STATUS" 0
}

@test "send, expect, exec: output and status; no argument is taken for an option; a disconnect ends the command" {
    web_guest
    answers 204 /api/v1/send -d '{"text": "root\n"}'
    answers 200 /api/v1/expect -d '{"pattern": "machsh#", "from": "start", "timeout": 60}'
    assert_equal "$(body .matched)" true
    answers 204 /api/v1/send -d '{"text": "--enter \\\\x41 %s\n"}'
    answers 200 /api/v1/expect -d '{"pattern": "--enter \\\\\\\\x41 %s", "from": "start", "timeout": 60}'
    answers 408 /api/v1/expect -d '{"pattern": "never", "timeout": 1}'
    assert_equal "$(body .exit_status)" 1
    answers 400 /api/v1/expect -d '{"pattern": "("}'
    answers 400 /api/v1/expect -d '{"pattern": "x", "timeout": -1}'
    answers 204 /api/v1/send -d '{"keys": "ctrl-c"}'
    answers 400 /api/v1/send -d '{"keys": "--screen"}'
    answers 400 /api/v1/send -d '{"keys": "no-such-key"}'
    answers 400 /api/v1/send -d '{"text": "a", "keys": "tab"}'
    answers 200 /api/v1/exec -d '{"command": "echo hello"}'
    run -0 cat "$T/body"
    assert_line 'event: output'
    assert_line --partial 'hello'
    assert_line 'data: {"status":0,"error":null}'
    answers 200 /api/v1/exec -d '{"command": "false"}'
    run -0 cat "$T/body"
    refute_line --partial '"status":0'
    answers 400 /api/v1/exec -d '{"command": "true", "timeout": 0}'
    # A command that waits ends when its client disconnects.
    curl -s -N -m 300 -o "$T/stream" -H "Authorization: Bearer $TOKEN" "$URL/api/v1/expect" \
        -d "{\"pattern\": \"never $ID\", \"timeout\": 300}" 3>&- &
    local client=$!
    wait_until 20 pgrep -f "vm expect --timeout 300 --from now never $ID"
    kill "$client"
    wait_until 20 no_process "vm expect --timeout 300 --from now never $ID"
}

# Not in `bash -c`, because its own command line would match the pattern.
no_process() { ! pgrep -f "$1"; }

@test "snapshots, warm and reset; a guest without files reports that" {
    web_guest VM_ON_REBOOT=restart
    answers 200 /api/v1/snapshot
    assert_equal "$(body length)" 0
    answers 204 /api/v1/snapshot -d '{"name": "clean"}'
    answers 200 /api/v1/snapshot
    assert_equal "$(body '.[0].name')" clean
    answers 400 /api/v1/snapshot -d '{"name": "--force"}'
    answers 400 /api/v1/snapshot -d '{}'
    run -0 vm snapshot list
    assert_output --partial clean
    answers 204 /api/v1/snapshot/clean/load -d ''
    api /api/v1/snapshot/other/load -d ''
    [ "$CODE" -ge 400 ]
    assert_regex "$(body .detail)" other
    answers 204 /api/v1/snapshot/clean -X DELETE
    answers 200 /api/v1/snapshot
    assert_equal "$(body length)" 0
    answers 204 /api/v1/warm -d ''
    [ -n "$(ls "$T/images/state")" ]
    api '/api/v1/pull?path=/etc/hostname'
    [ "$CODE" -ge 400 ]
    assert_regex "$(body .detail)" 'has no files'
    answers 400 '/api/v1/pull?path=etc'
    answers 400 '/api/v1/push' --data-binary x
    answers 204 /api/v1/reset -d ''
    wait_until 60 bash -c "[ \$(grep -c 'ready: login prompt' '$T/out') -ge 2 ]"
}

# follow FILE [CURL-ARGUMENTS...]: write the stream of events into FILE; the client's pid is put into FOLLOW.
follow() {
    curl -s -N -m 300 -H "Authorization: Bearer $TOKEN" "$URL/api/v1/events" "${@:2}" >"$1" 3>&- &
    FOLLOW=$!
    PIDS+=("$FOLLOW")
}

@test "events: all since this start, continued after a disconnect, also from another vm-web" {
    web_guest
    local id what
    follow "$T/events"
    for what in spawn ready status log; do wait_until 20 grep -q "^event: $what\$" "$T/events"; done
    end_process "$FOLLOW"
    # Each line of the file is one complete event.
    sed -n 's/^data: \({"time".*\)/\1/p' "$T/events" >"$T/lines"
    run -0 cmp "$T/lines" <(head -n "$(wc -l <"$T/lines")" "$T/log/events.jsonl")
    # After the event `ready` there is no other one.
    id=$(grep -B1 '^event: ready$' "$T/events" | sed -n 's/^id: //p')
    assert_regex "$id" '^[0-9]+-[0-9]+$'
    kill -KILL "$(pgrep -P "$(pgrep -P "$VM_PID" -f 'companion web')" -x vm-web)"
    wait_until 20 curl -sf -o /dev/null -H "Authorization: Bearer $TOKEN" "$URL/api/v1/health"
    vm monitor stop
    wait_until 10 grep -q '"state":"paused"' "$T/log/events.jsonl"
    follow "$T/events" -H "Last-Event-ID: $id"
    wait_until 20 grep -q '^data: {"time".*"state":"paused"' "$T/events"
    end_process "$FOLLOW"
    run -0 sed -n 's/^data: \({"time".*\)/\1/p' "$T/events"
    assert_output --partial '"state":"paused"'
    refute_output --partial '"event":"ready"'
    # A new line is sent immediately to all clients.
    follow "$T/follow"
    wait_until 10 grep -q '"state":"paused"' "$T/follow"
    vm monitor cont
    wait_until 20 bash -c "tail -n +1 '$T/follow' | grep -q '\"state\":\"running\".*\|data:.*running' && [ \$(grep -c '^event: state' '$T/follow') -ge 3 ]"
}

@test "promtool accepts the metrics" {
    web_guest
    answers 200 /metrics -D "$T/head"
    run -0 grep -i '^content-type: application/openmetrics-text' "$T/head"
    run -0 tail -n 1 "$T/body"
    assert_output '# EOF'
    run -0 cat "$T/body"
    assert_line 'hurdvm_ready 1'
    assert_line --regexp '^hurdvm_phase_seconds\{phase="login"\} [0-9.]+$'
    assert_line --regexp '^hurdvm_qemu_resident_bytes [0-9]{8,}$'
    assert_line --regexp '^hurdvm_disk_read_bytes_total [0-9]{5,}$'
    assert_line --regexp '^hurdvm_disk_written_bytes_total [0-9]+$'
    assert_line 'hurdvm_starts_total 1'
    assert_line 'hurdvm_web_starts_total 1'
    assert_line 'hurdvm_web_limited_total 0'
    # Prometheus' own parser, which requires a time stamp for each sample in a file; and the older format, in which
    # the family of a counter has the name of its samples.
    awk '!/^#/ { $0 = $0 " 1700000000" } { print }' "$T/body" >"$T/openmetrics"
    run -0 promtool tsdb create-blocks-from openmetrics "$T/openmetrics" "$T/blocks"
    awk '/^# TYPE .* (counter|info)$/ { suffix[$3] = $4 == "info" ? "_info" : "_total" }
        /^# (UNIT|EOF)/ { next }
        /^#/ { $3 = $3 suffix[$3]; sub(/ (info|stateset)$/, " gauge") }
        { print }' "$T/body" >"$T/classic"
    run -0 promtool check metrics <"$T/classic"
    refute_output --partial error
}

@test "profiles: one runs, its progress is reported, and its files can be read" {
    web_guest
    follow "$T/follow"
    answers 400 /api/v1/profile -d '{"cpus": "--out"}'
    answers 202 /api/v1/profile -d '{"cpus": "1", "samples": 12, "warm_up": 0, "accels": "tcg"}'
    local name
    name=$(body .name)
    # A client that comes while it runs is told at once how far it is, and in the list it is, too.
    follow "$T/late"
    wait_until 10 grep -q "^data: {\"name\":\"$name\",\"state\":\"running\"" "$T/late"
    answers 200 /api/v1/profile
    assert_equal "$(body .running)" "$name"
    assert_equal "$(body '.progress | [.name, .state] | join(" ")')" "$name running"
    wait_until 60 grep -q '"state":"running","done":[2-9],"total":12,"eta_s":[1-9]' "$T/follow"
    answers 409 /api/v1/profile -d '{"cpus": "1"}'
    wait_until 60 grep -q '"state":"done"' "$T/follow" || { grep -A1 profile "$T/follow"; return 1; }
    answers 200 /api/v1/profile
    assert_equal "$(body '.profiles[].name')" "$name"
    assert_equal "$(body '.running, .progress')" $'null\nnull'
    answers 200 "/api/v1/profile/$name"
    run -0 cmp "$T/body" "$T/log/$name/results.json"
    answers 200 "/api/v1/profile/$name/status"
    assert_equal "$(body '[.dir, .state, .finished, .planned, .failed, .left_ms] | map(tostring) | join(" ")')" "$T/log/$name complete 12 12 0 null"
    answers 404 "/api/v1/profile/$name/none.svg"
    answers 503 /api/v1/profile/.hidden/status
    api /api/v1/profile/none/status
    [ "$CODE" -ge 400 ]
    answers 404 "/api/v1/profile/..%2f/results.json"
}

# The generator, by its lock file's versions and checksums, installed once.
generator() {
    local dir=$ROOT/build/api-client
    mkdir -p "$dir"
    (
        flock 9
        cp "$ROOT"/tests/api-client/* "$dir"
        cmp -s "$ROOT/tests/api-client/package-lock.json" "$dir/installed" && exit
        npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
        cp "$dir/package-lock.json" "$dir/installed"
    ) 9>"$dir/lock"
}

@test "a client generated from docs/api.yaml compiles and drives the API" {
    local dir=$ROOT/build/api-client
    generator
    (cd "$dir" && flock 9 && node_modules/.bin/openapi-ts -i "$ROOT/docs/api.yaml" -o client --silent &&
        node_modules/.bin/tsc -p .) 9>"$dir/lock"
    web_guest
    run -0 timeout $((60 * PATIENCE)) node "$dir/js/main.js" "$URL" "$TOKEN"
    local what
    for what in status console snapshots pause events profile problems end; do assert_line "seen: $what"; done
    host_vm_exit
}

@test "push and pull: identical bytes, through nginx with a prefix as in docs/web.md" {
    local port
    port=$(free_port)
    WEB=$(free_port) SSH=$(free_port)
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_DRIVE="$T/linux.qcow2" QEMU_HOSTFWDS="tcp:$SSH:22" \
        VM_SSH_KEY="$GUESTS/linux-key" VM_WEB=1 VM_WEB_PORT="$WEB" VM_WEB_PREFIX=/guest VM_WEB_HOSTS=vm.example.org
    mkdir "$T/nginx"
    {
        echo "daemon off; user www-data; pid $T/nginx/pid; error_log stderr; events {} http { access_log off;"
        echo "client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c; uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;"
        sed -n '/^```nginx$/,/^```$/{ /^```/d; p; }' "$ROOT/docs/web.md" | sed "s/8443/$port/; s/6080/$WEB/"
        echo '}'
    } >"$T/nginx/conf"
    nginx -p "$T/nginx" -c "$T/nginx/conf" >"$T/nginx/out" 2>&1 3>&- &
    PIDS+=($!)
    web_link # vm wait fails after a few seconds without PID 1's socket
    vm wait --for ssh --timeout $((120 * PATIENCE))
    URL=http://127.0.0.1:$port/guest
    answers 200 /api/v1/health
    answers 421 /api/v1/health -H 'Host: other.example.org'
    answers 200 /api/v1/health -H 'Host: vm.example.org' -H 'Origin: http://vm.example.org'
    run -0 "$ROOT/tests/web-client" "ws://127.0.0.1:$port/guest/api/v1/console" "$TOKEN" 'wait=login: '
    # Larger than every buffer in between.
    mkdir -p "$T/tree/deep"
    head -c 3000000 /dev/urandom >"$T/tree/random"
    printf 'x' >"$T/tree/deep/-odd 'name'"
    tar -C "$T" -cf "$T/tree.tar" tree
    answers 200 '/api/v1/push?to=/root' -H 'Content-Type: application/x-tar' --data-binary "@$T/tree.tar"
    [ "$(body .files)" -ge 3 ]
    answers 200 '/api/v1/pull?path=/root/tree'
    mkdir "$T/back"
    tar -C "$T/back" -xf "$T/body"
    run -0 diff -r "$T/tree" "$T/back/tree"
    api '/api/v1/pull?path=/root/none'
    [ "$CODE" -ge 400 ]
    # An archive with names outside the destination is refused, and so is a truncated one; nothing of them is left.
    api '/api/v1/push?to=/root' --data-binary @<(head -c 5000 "$T/tree.tar")
    [ "$CODE" -ge 400 ]
    run -0 bash -c "ls -A $T | grep vm-web- ; :"
    assert_output ''
}
