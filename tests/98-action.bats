# The GitHub Action (action.yml), run by tests/actions/run as GitHub's runner would: GITHUB_* files, conditions,
# workflow commands; GitHub's cache and artefacts are replaced by directories.
load helpers

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    # The files that a runner would unpack, readable for the user of some tests.
    mkdir -p "$BATS_FILE_TMPDIR/action/scripts" "$BATS_FILE_TMPDIR/user"
    cp "$ROOT/action.yml" "$BATS_FILE_TMPDIR/action"
    cp -r "$ROOT/scripts/action" "$BATS_FILE_TMPDIR/action/scripts"
    cp -r "$ROOT/tests/actions" "$BATS_FILE_TMPDIR/runner"
    mkdir -p "$BATS_FILE_TMPDIR/user/workspace"
    cp "$GUESTS/linux.qcow2" "$BATS_FILE_TMPDIR/user/workspace"
    chown -R 4711:4711 "$BATS_FILE_TMPDIR/user"
}

teardown() {
    local left
    left=$(docker ps -aq --filter "label=hurd-vm.action=$ID")
    if [ -n "$left" ]; then
        docker rm -f -v $left >/dev/null
        [ -z "$BATS_TEST_COMPLETED" ] || [ -n "${STAYS:-}" ] || { echo "the Action left a container"; return 1; }
    fi
    vm_teardown
}

# action NAME=VALUE...: run the Action as root, with a workspace of the test.
action() {
    mkdir -p "$T/workspace"
    "$BATS_FILE_TMPDIR/runner/run" --workspace "$T/workspace" --work "$T/work" --report "$T/report" --run-id "$ID" \
        "${RUNNER[@]}" action "$BATS_FILE_TMPDIR/action" image="$IMAGE" "$@"
}

# linux_action NAME=VALUE...: run the Action with the linux guest as a user who has access only to the engine's
# socket, with the workspace and the cache of this file.
linux_action() {
    local user=$BATS_FILE_TMPDIR/user status=0
    cd /
    setpriv --reuid 4711 --regid 4711 --groups "$(stat -c %g /var/run/docker.sock)" env HOME="$user" \
        "$BATS_FILE_TMPDIR/runner/run" --workspace "$user/workspace" --work "$user/work" --report "$user/report" \
        --run-id "$ID" "${RUNNER[@]}" action "$BATS_FILE_TMPDIR/action" image="$IMAGE" guest=linux.qcow2 \
        exclude=$'linux.qcow2\n.git' ssh-key="$(cat "$GUESTS/linux-key")" settings=$'VM_GUEST=linux\nQEMU_RAM=512' "$@" || status=$?
    cp "$user/report" "$T/report"
    return "$status"
}

# report FILTER TEXT: jq prints this for the last run.
report() {
    assert_equal "$(jq -r "$1" "$T/report")" "$2"
}

outputs() { report ".results.tested.outputs[\"$1\"]" "$2"; }

@test "mach-mini: the command's output, the outputs, the summary with the phases" {
    run -0 action guest=mach-mini cache=false run=uname
    assert_line --partial 'GNU Mach 1.8'
    outputs exit-status 0
    outputs resumed false
    report .open_groups 0
    report '[.annotations[] | select(.level != "notice")] | length' 0
    report '.summary | test("Booted, ready after [0-9.]+ s[.]")' true
    report '.summary | test("[|] bootstrap [|] [0-9.]+ s [|]")' true
    report '.summary | test("status 0")' true
    # Its container and files are gone, and nothing was uploaded.
    [ -z "$(docker ps -aq --filter "label=hurd-vm.action=$ID")" ]
    [ ! -e "$T/work/artifacts" ]
}

@test "mach-mini: commands run up to the first that fails, and the logs are an artefact" {
    run -1 action run=$'echo one\nfalse\necho two'
    assert_line --partial one
    refute_line two
    assert_line --partial '> The end of the guest'
    outputs exit-status 1
    report '.annotations[-1].text' "the command's exit status is 1"
    grep -aq 'machsh login' "$T"/work/artifacts/hurd-vm-logs-test-*/console.log
    jq -es 'map(.event) | index("ready")' "$T"/work/artifacts/hurd-vm-logs-test-*/events.jsonl
}

@test "an image with a guest and its saved state in it: resumed, without a cache" {
    "$ROOT/scripts/bake" --warm --from "$IMAGE" --name "bats-$ID" --env QEMU_ACCEL=tcg mach-mini
    IMAGE=hurd-vm:bats-$ID run -0 action kvm=off run=uname
    docker rmi "hurd-vm:bats-$ID" >/dev/null
    assert_line --partial 'GNU Mach 1.8'
    outputs resumed true
    [ ! -e "$T/work/cache" ]
}

@test "a script on the console: its steps as JUnit and TAP, the status of the first that fails" {
    mkdir -p "$T/workspace/tests"
    printf '%s\n' 'send \r' 'expect login: ' 'line root' 'expect machsh#' 'line uname' 'expect GNU Mach' >"$T/workspace/tests/boot.vm"
    run -0 action run='echo before' script=tests/boot.vm junit=out/junit.xml
    assert_line --partial before
    assert_line --partial 'GNU Mach 1.8'
    outputs exit-status 0
    report '.summary | test("The script ended with status 0")' true
    xmllint --noout --schema "$ROOT/tests/junit.xsd" "$T/workspace/out/junit.xml"
    assert_equal "$(xmllint --xpath 'string(/testsuites/@tests)' "$T/workspace/out/junit.xml")" 6
    [ -z "$(docker ps -aq --filter "label=hurd-vm.action=$ID")" ]

    # What fails is the annotation; the results are there. The paths lead to no other place.
    printf '%s\n' 'timeout 2' 'send \r' 'expect no such text' 'line never' >"$T/workspace/-fails.vm"
    ln -s "$T" "$T/workspace/away"
    run -1 action script=-fails.vm junit=junit.xml tap=away/results.tap
    assert_line --partial 'not ok 2 - 3: expect no such text'
    outputs exit-status 1
    report '[.annotations[] | select(.level == "error") | .text] | join("; ") | test("not copied back: away/results.tap; the script.s exit status is 1\nvm: error: ./-fails.vm:3: not in time")' true
    assert_equal "$(xmllint --xpath 'string(/testsuites/@failures)' "$T/workspace/junit.xml")" 1
    [ ! -e "$T/results.tap" ]
    grep -aq 'machsh login' "$T"/work/artifacts/hurd-vm-logs-test-*/console.log
}

@test "invalid inputs are reported together, before anything starts" {
    run -1 action sync=rsync timeout=soon mem=lots dir=work copyback=$'../x\n.git/hooks/post-checkout' envs=A-B \
        settings=$'nonsense\nVM_STATE_DIR=/x' guest=nothing.qcow2 kvm=yes run=true junit=x.xml tap=x.tap
    report '[.annotations[] | select(.level == "error")] | length' 13
    report '[.annotations[].title] | unique | join(",")' \
        'hurd-vm: input copyback,hurd-vm: input dir,hurd-vm: input envs,hurd-vm: input guest,hurd-vm: input junit,hurd-vm: input kvm,hurd-vm: input mem,hurd-vm: input settings,hurd-vm: input sync,hurd-vm: input tap,hurd-vm: input timeout'
    report '[.steps[] | select(.name == "Start the guest")][0].outcome' skipped
    run -1 action script=none.vm junit=/x tap=.git/x
    report '[.annotations[].title] | sort | join(",")' 'hurd-vm: input junit,hurd-vm: input script,hurd-vm: input tap'
    run -1 action image=--privileged run=true
    report '.annotations[0].text' "image: '--privileged' is not the name of an image"
    run -1 action image=hurd-vm:none-of-this-name run=true
    report '.annotations[0].text | test("cannot be pulled")' true
}

@test "a wrong setting: PID 1's error and its fix are shown as the annotation" {
    run -1 action mem=1K run=uname
    report '[.annotations[].text | select(test("QEMU_RAM=1K"))] | length' 1
    report '[.annotations[].text | select(test("status 78"))] | length' 1
}

@test "a guest for later steps: outputs, hurd-vm in PATH" {
    STAYS=1
    mkdir -p "$T/workspace"
    cat >"$T/workflow.yml" <<'YML'
jobs:
  vm:
    runs-on: ubuntu-24.04
    steps:
      - uses: me/hurd-vm@v1
        id: vm
        with: {image: "${{ matrix.image }}"}
      - run: |
          hurd-vm exec uname
          echo "in $NAME"
        env: {NAME: "${{ steps.vm.outputs.container }}"}
      - if: always()
        run: docker stop -t 60 "$NAME" >/dev/null && docker rm -v "$NAME" >/dev/null
        env: {NAME: "${{ steps.vm.outputs.container }}"}
YML
    run -0 "$BATS_FILE_TMPDIR/runner/run" --workspace "$T/workspace" --work "$T/work" --report "$T/report" --run-id "$ID" \
        --use me/hurd-vm="$BATS_FILE_TMPDIR/action" job "$T/workflow.yml" vm image="$IMAGE"
    assert_line --partial 'GNU Mach 1.8'
    assert_line --regexp '^in hurd-vm-[A-Za-z0-9]+$'
    [ -z "$(docker ps -aq --filter "label=hurd-vm.action=$ID")" ]
}

@test "linux: prepare, sources over ssh, variables, results, the status; the guest's output cannot issue workflow commands" {
    local workspace=$BATS_FILE_TMPDIR/user/workspace
    mkdir -p "$workspace/src" "$workspace/.git/hooks"
    echo 'hello from @WHO@' >"$workspace/src/hello.in"
    chown -R 4711:4711 "$workspace"
    RUNNER=(--env 'WHO=the guest' --env SECRET=hidden)
    run -1 linux_action prepare='echo prepared >/root/prepared; date +%N >/root/made' envs=WHO \
        copyback=$'result\nevil\nevil/post-checkout\nnone' run='
        cat /root/prepared
        pwd
        ls -A
        echo "secret: ${SECRET-unset}"
        mkdir -p result
        sed "s/@WHO@/$WHO/" src/hello.in >result/hello
        cp /root/made result/made
        ln -s .git/hooks evil
        printf "::error::from the guest\r::set-output name=x::y\n##[error]old\n::stop-commands::a\n::a::\n::error::again"
        exit 3'
    assert_line prepared
    assert_line /tmp/work
    assert_line src
    refute_line .git
    refute_line linux.qcow2
    assert_line 'secret: unset'
    assert_line '::error::from the guest'
    assert_line '::error::again'
    outputs exit-status 3
    outputs resumed false
    outputs cache-hit ''
    report '[.annotations[] | select(.level == "error") | .text] | join("; ")' \
        "not copied back: evil/post-checkout none; the command's exit status is 3"
    assert_equal "$(cat "$workspace/result/hello")" 'hello from the guest'
    assert_equal "$(stat -c %u "$workspace/result/hello")" 4711
    [ ! -e "$workspace/.git/hooks/post-checkout" ]
    rm "$workspace/evil"
    cp "$workspace/result/made" "$BATS_FILE_TMPDIR/made"
}

@test "linux: the second run is resumed from the cache, without running prepare again; sources and lines over the serial console" {
    # As on another machine, on which there is only the cache.
    rm -rf "$BATS_FILE_TMPDIR/user/work/_temp"
    mkdir -p "$BATS_FILE_TMPDIR/user/workspace/src"
    echo 'by the console' >"$BATS_FILE_TMPDIR/user/workspace/src/hello.in"
    run -0 linux_action prepare='echo prepared >/root/prepared; date +%N >/root/made' sync=serial sync-path=src \
        copyback=$'result\ncopied' \
        run=$'cd /tmp/work\ncp hello.in copied\nmkdir -p result\ncat /root/prepared && cp /root/made result/'
    assert_line prepared
    outputs resumed true
    outputs cache-hit true
    report '.summary | test("Resumed from a saved state, ready after")' true
    cmp "$BATS_FILE_TMPDIR/user/workspace/result/made" "$BATS_FILE_TMPDIR/made"
    assert_equal "$(cat "$BATS_FILE_TMPDIR/user/workspace/copied")" 'by the console'
}

@test "linux: a command that takes too long is ended, with status 124" {
    run -1 linux_action prepare='echo prepared >/root/prepared; date +%N >/root/made' timeout=1 run='sleep 300'
    outputs exit-status 124
    report '[.annotations[].text | select(test("not done within 1 s"))] | length' 1
}

@test "linux: a panic is reported, with status 80, and the console is in the artefact" {
    run -1 linux_action prepare='echo prepared >/root/prepared; date +%N >/root/made' \
        run='echo c >/proc/sysrq-trigger; sleep 300'
    outputs exit-status 80
    report '[.annotations[].text | select(test("the guest panicked"))] | length' 1
    local logs
    logs=$(jq -r .results.tested.outputs.logs "$T/report")
    logs=${logs%/logs}
    grep -aq 'Kernel panic' "$BATS_FILE_TMPDIR/user/work/artifacts/hurd-vm-logs-test-${logs##*.}/console.log"
}

@test "linux: a guest that is not ready in time: status 81, and the end of its console" {
    run -1 linux_action cache=false boot-timeout=2 run=true
    report '[.annotations[].text | select(test("not ready within 2 s"))] | length' 1
    report '[.steps[] | select(.name == "Start the guest")][0].status' 81
    report '.summary | test("was not ready")' true
}

@test "a disk image from a URL, with its checksum" {
    local sum address
    docker run -d --name "$ID-server" -v "$(command -v busybox):/bin/busybox:ro" -v "$GUESTS:/www:ro" --network bridge \
        --entrypoint /bin/busybox "$IMAGE" httpd -f -p 80 -h /www >/dev/null
    CONTAINERS+=("$ID-server")
    address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$ID-server")
    sum=$(sha512sum "$GUESTS/linux.qcow2" | cut -d ' ' -f 1)
    url() {
        action guest="http://$address/linux.qcow2" guest-sha512="$1" run='uname -s' \
            settings=$'VM_GUEST=linux\nQEMU_RAM=512\nVM_FETCH_OPTIONS=--no-prepare'
    }
    run -1 url "${sum%?????}00000"
    report '[.annotations[].text | select(test("status 65"))] | length' 1
    run -0 url "$sum"
    assert_line --partial Linux
    outputs resumed false
    # After that the server is not needed.
    docker rm -f -v "$ID-server" >/dev/null
    rm -rf "$T/work/_temp"
    run -0 url "$sum"
    assert_line --partial Linux
    outputs resumed true
}

@test "action.yml: no expression in a script; every input is described and passed to the script" {
    run -0 /usr/bin/python3 - "$ROOT" <<'PY'
import re, sys, yaml
root = sys.argv[1]
action = yaml.safe_load(open(f"{root}/action.yml"))
steps = action["runs"]["steps"]
ids = [step["id"] for step in steps if "id" in step]
plan = open(f"{root}/scripts/action/plan").read()
env = next(step for step in steps if step.get("id") == "plan")["env"]
for name, row in action["inputs"].items():
    variable = "INPUT_" + name.upper().replace("-", "_")
    assert row["description"] and env[variable] == "${{ inputs." + name + " }}", name
    assert re.search(rf"\b(INPUT_)?{variable[6:]}\b", plan), name
assert len(env) == len(action["inputs"])
for step in steps:
    assert "${{" not in step.get("run", ""), step["name"]
for place in re.findall(r"steps\.([a-z]+)\.", open(f"{root}/action.yml").read()):
    assert place in ids, place
for name, row in action["outputs"].items():
    step, output = re.fullmatch(r"\$\{\{ steps\.([a-z]+)\.outputs\.([a-z-]+) \}\}", row["value"]).groups()
    if step != "cache":
        assert f"output {output} " in open(f"{root}/scripts/action/{step}").read(), name
PY
}
