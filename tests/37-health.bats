# The image's health check: a change is reported at once, and between two changes one check is held.
load helpers

held() { pgrep -f "^$VM health --hold 600$" >/dev/null; }

@test "vm health --hold: a changed answer comes immediately and three times, then only when it changes" {
    host_vm
    wait_until 60 vm health
    for _ in 1 2 3; do
        run -0 vm health --hold 600
        assert_output --partial 'ready: login prompt'
    done
    vm health --hold 600 >"$T/held" 3>&- &
    HELD=$!
    PIDS+=("$HELD")
    wait_until 10 held
    run -0 vm health # it does not use a slot that another request needs
    vm monitor stop
    wait_until 30 process_is_gone "$HELD"
    run -1 wait "$HELD"
    assert_equal "$(cat "$T/held")" "$(vm health)"
    for _ in 2 3; do run -1 vm health --hold 600; done
    vm health --hold 600 >"$T/held" 3>&- &
    HELD=$!
    PIDS+=("$HELD")
    wait_until 10 held
    vm monitor cont
    wait_until 30 process_is_gone "$HELD"
    wait "$HELD"
    # The next start begins anew: the answers to the last one do not count, and nothing delays it.
    for _ in 2 3; do run -0 vm health --hold 600; done
    vm stop
    host_vm_exit
    run -1 vm health --hold 600
    assert_output --partial 'no guest runs here'
    host_vm
    wait_until 60 vm health
    run -0 vm health --hold 600
}

@test "vm health --hold answers when its time has passed, and accepts only seconds" {
    host_vm
    wait_until 60 vm health
    for _ in 1 2 3 4; do run -0 vm health --hold 0; done
    for wrong in '--hold' '--hold x' '--hold 1s' '--hold -1' '--hold 1 2' 'x'; do
        # shellcheck disable=SC2086 # words
        run -64 vm health $wrong
    done
}

@test "two checks killed after the same time: later ones are held for less time, until the next start" {
    host_vm
    wait_until 60 vm health
    for _ in 1 2 3; do run -0 vm health --hold 600; done
    # One killed check is not yet taken for an engine's timeout (docker pause kills one too), and the next ones
    # answer at once.
    for after in 8 4 4; do
        run -137 timeout -s KILL "$after" "${ENV[@]}" "$VM" health --hold 600
        for _ in 1 2 3; do run -0 vm health --hold 600; done
    done
    # These end on their own.
    for _ in 1 2; do run -0 timeout 60 "${ENV[@]}" "$VM" health --hold 600; done
    vm stop
    host_vm_exit
    host_vm
    wait_until 60 vm health
    for _ in 1 2 3; do run -0 vm health --hold 600; done
    vm health --hold 600 >"$T/held" 3>&- &
    HELD=$!
    PIDS+=("$HELD")
    wait_until 10 held
    # A check that is held when PID 1 ends leaves nothing in the container's layer.
    wait_until 10 test -e "$T/run/health.hold"
    run -0 vm stop
    host_vm_exit 30
    assert_equal "$(find "$T/run" -mindepth 1)" ''
}

# The exit statuses in the engine's log of checks.
checks() { docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{end}}' "$C"; }
three_well() { [[ $(checks) == *'0 0 0 ' ]]; }
check_held() { docker top "$C" -eo pid,args | grep -q '/init health --hold'; }

# Two checks that the engine killed (-1), then three successful ones; the engine keeps five.
well_again() {
    [[ $(checks) != *-1* ]] || KILLED=yes
    [[ ${KILLED-} && $(checks) == '0 0 0 0 0 ' ]]
}

@test "an engine with a timeout shorter than the hold: two failures, never in a row, then healthy" {
    container health "${SAFE[@]}" --health-timeout 5s --health-retries 2
    container_ready "$C"
    wait_until 60 well_again
    assert_equal "$(docker inspect -f '{{.State.Health.Status}}' "$C")" healthy
}

@test "the image's health check: healthy at the first check after ready, then held; stop and pause still work" {
    container health "${SAFE[@]}"
    container_ready "$C"
    wait_until 10 three_well
    wait_until 10 check_held
    assert_equal "$(docker inspect -f '{{.State.Health.Status}}' "$C")" healthy
    docker pause "$C"
    docker unpause "$C"
    wait_until 10 check_held
    docker stop "$C"
    wait_exit "$C"
    assert_equal "$STATUS" 0
}
