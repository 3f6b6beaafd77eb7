# The boot profiler: what it measures, what it writes, and that it changes nothing else.
load helpers

# profile ARGUMENTS...: a short vm profile of the built-in guest: up to GRUB's first output.
profile() {
    [ -n "${ENV+x}" ] || host_env
    "${ENV[@]}" "$VM" profile --warm-up 0 --until grub --timeout 300 "$@"
}

finished() {
    [ "$(jq '.run.finished' "$1/results.json")" -ge "$2" ]
}

# QEMU's TMPDIR is this test's directory.
a_qemu_of() {
    grep -qszxF "TMPDIR=$T" /proc/[0-9]*/environ
}

no_qemu_of() {
    ! a_qemu_of
}

@test "a matrix of memory sizes and accelerators has a cell for each" {
    profile --cpus 1,2 --ram 128,512 --accels tcg --samples 1 --out "$T/p"
    jq -e '.run.finished == 4 and (.cells | length) == 4 and all(.cells[] as $c | .[$c]; .accel == "tcg")
        and ([.cells[] as $c | .[$c].ram_mb] | unique | map(tostring)) == ["128", "512"]' "$T/p/results.json"
}

@test "mach-mini with four processor counts: figures, phases, speed-up, pictures" {
    host_env
    "${ENV[@]}" "$VM" profile --samples 2 --out "$T/p" >"$T/said" 2>"$T/progress"
    # Every cell twice after one warm-up, in turns: each round has every cell and begins with another one.
    jq -e '.schema == "vm-profile" and .version == 2 and (.partial | not) and .run.finished == 12
        and .cells == ["cpu_1", "cpu_2", "cpu_4", "cpu_8"]
        and .resolution.rounds > 100 and .resolution.median_us > 0' "$T/p/results.json"
    jq -e '.cpu_4 | .cpus == 4 and (.samples | length) == 3 and .statistics.n == 2 and
        .statistics.failed == 0 and
        .statistics.min_ms <= .statistics.mean_ms and .statistics.mean_ms <= .statistics.max_ms and
        .statistics.stdev_ms > 0 and .statistics.ci95_low_ms < .statistics.mean_ms and
        .statistics.peak_kib > 10000 and .statistics.cpu_mean_ms > 10 and .accel == "tcg" and
        .ram_mb == "128" and .machine == "q35" and .bus == "ahci" and .boot == "disk"' "$T/p/results.json"
    assert_equal "$(tail -n +2 "$T/p/results.csv" | wc -l)" 12
    jq -r '[.cells[] as $c | .[$c].samples[] + {c: $c}] | sort_by(.started) | map(.c) | join(" ")' \
        "$T/p/results.json" >"$T/turns"
    assert_equal "$(cat "$T/turns")" \
        'cpu_1 cpu_2 cpu_4 cpu_8 cpu_2 cpu_4 cpu_8 cpu_1 cpu_4 cpu_8 cpu_1 cpu_2'
    # The mean is that of the samples that count, and a phase's position is the mean of its times.
    jq -e '.cpu_2 | ([.samples[] | select(.warm_up | not) | .total_ms] | add / 2 - 0.001) as $m |
        .statistics.mean_ms >= $m and .statistics.mean_ms <= $m + 0.002' "$T/p/results.json"
    # On a busy host the profiler may read both in one read.
    jq -e '.cpu_1.samples | all(.phases_ms | .qemu == 0 and .firmware <= ."first-byte" and
        ."first-byte" <= .grub and .grub < .kernel and .kernel < .login)' "$T/p/results.json"
    jq -e '(.cpu_1.speedup | .ratio == 1 and .efficiency_percent == 100) and
        (.cpu_8.speedup.efficiency_percent - .cpu_8.speedup.ratio / 8 * 100 | fabs) < 0.01' "$T/p/results.json"
    # Raw console logs, one per sample; the disk had no name.
    jq -r '.cells[] as $c | .[$c].samples[].log' "$T/p/results.json" >"$T/logs"
    assert_equal "$(sort -u "$T/logs" | wc -l)" 12
    while read -r log; do grep -q 'GNU Mach' "$T/p/$log"; done <"$T/logs"
    jq -e '[.cells[] as $c | .[$c].samples[].overlay] | all(test("deleted"))' "$T/p/results.json"
    # The report for people.
    grep -q '100 %' "$T/progress"
    grep -q 'left$' "$T/progress"
    diff "$T/said" "$T/p/report.txt"
    grep -q '^cpu_8: phases' "$T/said"
    for picture in timeline boxes speedup; do
        xmllint --noout "$T/p/$picture.svg"
        rsvg-convert "$T/p/$picture.svg" -o "$T/$picture.png"
        [ "$(file -b --mime-type "$T/$picture.png")" = image/png ]
    done
    # A bar of at least five phases for each of the four cells.
    [ "$(grep -c '^<rect.*<title>cpu_' "$T/p/timeline.svg")" -ge 20 ]
    no_qemu_of
}

@test "a report's documents are written again from its JSON" {
    profile --cpus 1,2 --samples 2 --out "$T/p"
    cp -a "$T/p" "$T/before"
    rm "$T"/p/*.svg "$T/p/report.txt" "$T/p/results.csv"
    run -0 vm profile report "$T/p"
    diff -r "$T/before" "$T/p"
    echo '{}' >"$T/p/results.json"
    run -65 vm profile report "$T/p"
    assert_line --partial 'this is not a report of the profiler'
    run -66 vm profile report "$T/nowhere"
}

@test "the times are those at which the guest wrote" {
    "$ROOT/tests/guests/sector/build" TICK "$T/tick.qcow2"
    for n in $(seq 0 31); do printf 'progress t%02x ^%02x\n' "$n" "$n"; done >"$T/markers"
    chmod 644 "$T/tick.qcow2" "$T/markers"
    host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_VGA=none QEMU_DRIVE="$T/tick.qcow2"
    run -0 vm profile --cpus 1 --samples 2 --warm-up 0 --markers "$T/markers" --until t1f --out "$T/p"
    "$ROOT/tests/ticks" "$T/p" >"$T/errors"
    cat "$T/errors"
    # The guest's lines are 100 ms apart and contain its own clock: half of the times are within 1 ms of it.
    assert_equal "$(wc -l <"$T/errors")" 2
    awk '$1 < 30 || $2 > 1 { exit 1 }' "$T/errors"
    jq -e '[.cpu_1.samples[].phases_ms | .t1e - .t0a] | all(. > 1900)' "$T/p/results.json"
}

@test "a boot that does not reach the phase is a sample with its reason, and a cell without a result fails the run" {
    "$ROOT/tests/guests/sector/build" IDLE "$T/idle.qcow2"
    chmod 644 "$T/idle.qcow2"
    printf 'progress here ^sector\nready never ^never\n' >"$T/markers"
    chmod 644 "$T/markers"
    host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_VGA=none QEMU_DRIVE="$T/idle.qcow2"
    run -1 vm profile --cpus 1 --samples 1 --warm-up 0 --markers "$T/markers" --until never --timeout 2 \
        --out "$T/p"
    assert_line --partial 'sample 1: timeout after'
    jq -e '.cpu_1 | .samples[0].status == "timeout" and .samples[0].phases_ms.here > 0 and
        .statistics.n == 0 and .statistics.failed == 1 and .statistics.mean_ms == null' "$T/p/results.json"
    printf 'progress here ^sec\npanic dead tor login\nready never ^never\n' >"$T/markers"
    run -1 vm profile --cpus 1 --samples 1 --warm-up 0 --markers "$T/markers" --until never --out "$T/q"
    jq -e '.cpu_1.samples[0] | .status == "panic" and .why == "panic marker dead"' "$T/q/results.json"
    # A cell that QEMU does not start is an error too, while the others run.
    run -1 vm profile --machines q35,microvm --cpus 1 --samples 1 --warm-up 0 --markers "$T/markers" \
        --until here --out "$T/r"
    jq -e '.cpu_1_q35.statistics.n == 1 and (.cpu_1_microvm.samples[0] |
        .status == "error" and (.why | test("microvm")))' "$T/r/results.json"
}

@test "after a kill during the run every finished sample is there, and QEMU has ended" {
    host_env
    "${ENV[@]}" "$VM" profile --warm-up 0 --cpus 1,2 --samples 50 --until grub --out "$T/p" \
        >"$T/out" 2>&1 3>&- &
    PIDS+=($!)
    wait_until 60 finished "$T/p" 2
    wait_until 10 a_qemu_of
    kill -KILL $!
    wait $! || :
    wait_until 10 no_qemu_of
    jq -e '.partial and .run.finished >= 2 and .run.planned == 100 and
        .run.finished == ([.cpu_1, .cpu_2 | .samples | length] | add)' "$T/p/results.json"
    run -0 vm profile report "$T/p"
    assert_line --partial '(PARTIAL)'
}

@test "when a signal ends it, it writes its documents and reports the signal" {
    host_env
    "${ENV[@]}" "$VM" profile --warm-up 0 --cpus 1 --samples 50 --until grub --out "$T/p" \
        >"$T/out" 2>&1 3>&- &
    PIDS+=($!)
    wait_until 60 finished "$T/p" 1
    kill -TERM $!
    s=0
    wait $! || s=$?
    assert_equal "$s" 143
    grep -q 'ended by signal 15' "$T/out"
    jq -e '.partial and .run.finished >= 1' "$T/p/results.json"
    xmllint --noout "$T/p/timeline.svg"
    no_qemu_of
}

@test "a comparison distinguishes chance from change, and a baseline gives the papers' verdicts" {
    profile --cpus 1 --samples 2 --out "$T/a" >/dev/null
    # The same samples, each two seconds later: the difference cannot be chance.
    jq '.cpu_1.samples |= map(.total_ms += 100000)' "$T/a/results.json" >"$T/b.json"
    run -0 vm profile compare "$T/a/results.json" "$T/a"
    assert_line --regexp '^cpu_1 .*no significant difference$'
    vm profile compare "$T/a" "$T/b.json" --json |
        jq -e '.test == "Welch" and .cells.cpu_1.verdict == "slower" and .cells.cpu_1.p < 0.01 and
            (.cells.cpu_1.difference_ms - 100000 | fabs) < 1'
    printf '{"cpu_1": 1}' >"$T/baseline"
    profile --cpus 1 --samples 2 --baseline "$T/baseline" --out "$T/c" >/dev/null
    jq -e '.cpu_1.comparison | .estimated_ms == 1 and .status == "NEEDS_VALIDATION" and
        .error_low_percent > 20 and .more_samples == 0' "$T/c/results.json"
    run -65 profile --cpus 2 --samples 1 --baseline "$T/baseline" --out "$T/d"
    assert_line --partial 'it has no time for any cell'
    [ ! -e "$T/d/results.json" ]
}

@test "until ssh or http answers: the end is after the login's time" {
    host_env VM_GUEST=linux QEMU_DRIVE="$GUESTS/linux.qcow2"
    for until in ssh http; do
        run -0 vm profile --cpus 1 --samples 1 --warm-up 0 --until "$until" --out "$T/$until"
        assert_line --partial 'cells: 1, samples: 1 with warm-ups'
        jq -e --arg until "$until" '.run.until == $until and .run.finished == 1 and (.cpu_1.samples[0] |
            .phases_ms.login > 0 and .total_ms > .phases_ms.network)' "$T/$until/results.json"
    done
}

@test "errors are reported before anything is booted" {
    host_env
    run -64 vm profile --until no-such-phase --out "$T/p"
    assert_line --partial 'there is no such phase; there are grub, kernel'
    run -64 vm profile --cpus 1,x --out "$T/p"
    run -64 vm profile --samples 0 --out "$T/p"
    run -64 vm profile --cpus 1,1 --out "$T/p"
    assert_line --partial 'two cells of the matrix are the same: cpu_1'
    run -78 vm profile --cpu-models no-such-cpu --out "$T/p"
    assert_line --partial "QEMU_CPU=no-such-cpu"
    run -78 vm profile --buses floppy --out "$T/p"
    assert_line --partial 'QEMU_DISK_BUS=floppy'
    run -78 vm profile --boot kernel --out "$T/p"
    run -78 vm profile --until ssh --out "$T/p"
    assert_line --partial 'the guest has no network'
    [ ! -e "$T/p" ]
}

@test "in a container, as its command and beside a running guest" {
    mkdir "$T/log"
    chmod 777 "$T/log"
    container alone "${SAFE[@]}" --network none -v "$T/log:/var/log/qemu" -- profile --cpus 1,2 --samples 1 \
        --warm-up 0 --until kernel
    wait_exit "$C" 120
    assert_equal "$STATUS" 0
    jq -e '.run.finished == 2 and .run.guest == "mach"' "$T"/log/profiles/*/results.json
    # Only root has written there, and no temporary file is left.
    [ -z "$(find "$T/log" -name '*.part*')" ]
    container guest "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    docker exec "$C" vm profile --cpus 1 --samples 1 --warm-up 0 --until login --out /var/log/qemu/p
    docker exec "$C" cat /var/log/qemu/p/results.json | jq -e '.cpu_1.statistics.n == 1'
    run -0 docker exec "$C" vm health
    assert_equal "$(docker exec "$C" sh -c 'cat /proc/[0-9]*/comm' | grep -c qemu-system)" 1
}

@test "a report is not written through a link in its directory" {
    mkdir "$T/out" "$T/outside"
    ln -s "$T/outside" "$T/out/console"
    run -77 profile --samples 1 --out "$T/out"
    assert_output --partial "$T/out/console cannot be created: Not a directory"
    assert_equal "$(ls -A "$T/outside")" ''
}
