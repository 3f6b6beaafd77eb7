# The image's health check: a change is told at once, and between two changes one check stays.
load helpers

held() { pgrep -f "^$VM health --hold 600$" >/dev/null; }

@test "vm health --hold: a new answer at once and three times, then only when it changes" {
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
    run -0 vm health # it holds no place that another one needs
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
    # The next start is another one: what the last one told does not count, and nothing holds it up.
    for _ in 2 3; do run -0 vm health --hold 600; done
    vm stop
    host_vm_exit
    run -1 vm health --hold 600
    assert_output --partial 'no guest runs here'
    host_vm
    wait_until 60 vm health
    run -0 vm health --hold 600
}

@test "vm health --hold answers when its time is over, and takes nothing but seconds" {
    host_vm
    wait_until 60 vm health
    for _ in 1 2 3 4; do run -0 vm health --hold 0; done
    for wrong in '--hold' '--hold x' '--hold 1s' '--hold -1' '--hold 1 2' 'x'; do
        # shellcheck disable=SC2086 # words
        run -64 vm health $wrong
    done
}

@test "two checks killed after the same time: the next ones hold for less, until the next start" {
    host_vm
    wait_until 60 vm health
    for _ in 1 2 3; do run -0 vm health --hold 600; done
    # One is no engine's timeout yet (docker pause kills one, too), and the next ones answer at once.
    for after in 8 4 4; do
        run -137 timeout -s KILL "$after" "${ENV[@]}" "$VM" health --hold 600
        for _ in 1 2 3; do run -0 vm health --hold 600; done
    done
    # These end by themselves.
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

# The engine's log of checks: their exit statuses.
checks() { docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{end}}' "$C"; }
three_well() { [[ $(checks) == *'0 0 0 ' ]]; }
check_held() { docker top "$C" -eo pid,args | grep -q '/init health --hold'; }

# Two checks that the engine killed (-1), and then three that were well; it keeps five.
well_again() {
    [[ $(checks) != *-1* ]] || KILLED=yes
    [[ ${KILLED-} && $(checks) == '0 0 0 0 0 ' ]]
}

@test "an engine that waits for less than a check holds: two failures, never in a row, and it is well from then on" {
    container health "${SAFE[@]}" --health-timeout 5s --health-retries 2
    container_ready "$C"
    wait_until 60 well_again
    assert_equal "$(docker inspect -f '{{.State.Health.Status}}' "$C")" healthy
}

@test "the image's health check: healthy at the first check after ready, then one that is held; stop and pause go on" {
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
