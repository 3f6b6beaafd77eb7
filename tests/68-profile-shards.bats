# The boot profiler in shards: shards, resumed runs, merged reports, status.
load helpers

setup_file() {
    "$ROOT/tests/guests/sector/build" IDLE "$BATS_FILE_TMPDIR/sector.qcow2"
    printf 'progress kernel ^sec\nready there ^sector\n' >"$BATS_FILE_TMPDIR/markers"
    chmod 644 "$BATS_FILE_TMPDIR"/{sector.qcow2,markers}
}

# ENV for a boot sector, which is up in a fifth of a second.
sector_env() {
    host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_VGA=none QEMU_DRIVE="$BATS_FILE_TMPDIR/sector.qcow2" \
        VM_MARKERS="$BATS_FILE_TMPDIR/markers" "$@"
}

# profile ARGUMENTS...: short boots of that.
profile() {
    [ -n "${ENV+x}" ] || sector_env
    "${ENV[@]}" "$VM" profile --cpus 1,2 --until there --timeout 300 "$@"
}

# mini ARGUMENTS...: boots of the built-in guest up to GRUB's first output, which take a second.
mini() {
    [ -n "${ENV+x}" ] || host_env
    "${ENV[@]}" "$VM" profile --cpus 1,2 --until grub --timeout 300 "$@"
}

has_lines() {
    [ "$(wc -l <"$1")" -ge "$2" ]
}

finished() {
    [ "$(jq '.run.finished' "$1/results.json")" -ge "$2" ]
}

# The cells with the rounds of their samples, one per line; warm-ups in brackets.
rounds() {
    jq -r '.cells[] as $c | "\($c): " + ([.[$c].samples[] |
        if .warm_up then "[\(.round)]" else "\(.round)" end] | sort | join(" "))' "$1/results.json"
}

@test "shards by samples and by cells divide the matrix, and merged they contain all of it" {
    for i in 1 2; do profile --samples 3 --shard "$i/2" --out "$T/s$i" >/dev/null; done
    assert_equal "$(rounds "$T/s1")" $'cpu_1: 1 3 [1]\ncpu_2: 1 3 [1]'
    assert_equal "$(rounds "$T/s2")" $'cpu_1: 2 [1]\ncpu_2: 2 [1]'
    jq -e '.run | .shard == 1 and .shards == 2 and .shard_by == "samples" and .planned == 6' "$T/s1/results.json"
    run -0 vm profile merge "$T/m" "$T/s1" "$T/s2"
    assert_line --regexp 'shards +2, by samples, joined'
    assert_equal "$(rounds "$T/m")" $'cpu_1: 1 2 3 [1] [1]\ncpu_2: 1 2 3 [1] [1]'
    jq -e '(.partial | not) and .run.planned == 10 and .run.finished == 10 and .notes == [] and
        ([.parts[].shard] == [1, 2]) and ([.cpu_1.samples[].part] | unique) == [0, 1]' "$T/m/results.json"
    # Each sample has its console log, and merging in another order gives the same files.
    jq -r '.cells[] as $c | .[$c].samples[].log' "$T/m/results.json" | while read -r log; do [ -s "$T/m/$log" ]; done
    vm profile merge "$T/again" "$T/s2" "$T/s1" >/dev/null
    diff -r -x lock "$T/m" "$T/again"

    for i in 1 2; do
        profile --samples 1 --warm-up 0 --shard "$i/2" --shard-by cells --out "$T/c$i" >/dev/null
    done
    assert_equal "$(rounds "$T/c2")" $'cpu_1: \ncpu_2: 1'
    run -0 vm profile merge "$T/mc" "$T/c2" "$T/c1"
    assert_equal "$(rounds "$T/mc")" $'cpu_1: 1\ncpu_2: 1'
}

@test "missing, incomplete and duplicate shards are listed; reports of different machines are refused" {
    for i in 1 2; do profile --samples 2 --warm-up 0 --shard "$i/2" --out "$T/s$i" >/dev/null; done
    run -1 vm profile merge "$T/one" "$T/s1"
    assert_line --partial 'shard 2 of 2 is missing'
    mkdir "$T/empty"
    run -1 vm profile merge "$T/two" "$T/s1" "$T/empty"
    assert_line --partial "$T/empty has no results.json"
    run -0 vm profile merge "$T/three" "$T/s1" "$T/s2" "$T/s1"
    assert_line --partial 'shard 1 of 2, begun'
    assert_line --partial '2 of its samples were left out'
    jq -e '.run.finished == 4' "$T/three/results.json"
    # A shard that was interrupted: one sample of two.
    jq '.partial = true | .run.finished = 1 | .cpu_2.samples = []' "$T/s2/results.json" >"$T/cut.json"
    run -1 vm profile merge "$T/four" "$T/s1" "$T/cut.json"
    assert_line --partial 'shard 2 of 2 is incomplete: 1 of its 2 samples are here'
    # The same shard, started again and finished: each sample counts once.
    run -0 vm profile merge "$T/five" "$T/cut.json" "$T/s1" "$T/s2"
    jq -e '.run.finished == 4' "$T/five/results.json"
    # Another disk image.
    jq '.run.image_sha256 = "00ff" | .settings.QEMU_HPET = "0"' "$T/s2/results.json" >"$T/other.json"
    run -65 vm profile merge "$T/six" "$T/s1" "$T/other.json"
    assert_line --partial "the image's SHA-256 is "
    assert_line --partial 'QEMU_HPET is '
    [ ! -e "$T/six" ]
    run -0 vm profile merge --force "$T/six" "$T/s1" "$T/other.json"
    assert_line --partial 'note         joined by --force: '
    # Another matrix is refused even with --force.
    jq '.run.until = "login"' "$T/s2/results.json" >"$T/until.json"
    run -65 vm profile merge --force "$T/seven" "$T/s1" "$T/until.json"
    assert_line --partial '--until is there in one, login in the other'
    run -66 vm profile merge "$T/eight" "$T/nowhere"
    # What is no report at all: its file is named, in one message.
    mkdir "$T/cut" "$T/else"
    head -c 300 "$T/s2/results.json" >"$T/cut/results.json"
    run -65 vm profile merge "$T/eight" "$T/s1" "$T/cut"
    assert_line --partial "$T/cut/results.json: byte "
    assert_equal "$(grep -c 'error:' <<<"$output")" 1
    echo '{"cells": []}' >"$T/else/results.json"
    run -65 vm profile merge "$T/eight" "$T/s1" "$T/else"
    assert_line --partial "$T/else/results.json: this is not a report of the profiler"
    jq '.run.samples = 4000' "$T/s2/results.json" >"$T/else/results.json"
    run -65 vm profile status "$T/else"
    assert_line --partial '2 cells of 4000 samples are too many'
    [ ! -e "$T/eight" ]
    run -64 vm profile merge "$T/one" "$T/s1"
    assert_line --partial 'already contains a report'
}

@test "a file that is not a shard is refused" {
    host_env
    for shard in 0/3 4/3 x 1/ /3 1/3x -1/3 1; do
        run -64 vm profile --shard "$shard" --out "$T/p"
        assert_line --partial 'a value is missing or invalid after --shard'
    done
    run -64 vm profile --shard 1/4 --samples 3 --out "$T/p"
    assert_line --partial 'more shards than --samples'
    run -64 vm profile --shard 1/3 --shard-by cells --cpus 1,2 --out "$T/p"
    assert_line --partial 'more shards than cells'
    run -64 vm profile --shard-by rounds --out "$T/p"
    [ ! -e "$T/p" ]
}

@test "a run that was killed is resumed: no sample is lost or measured twice" {
    host_env
    "${ENV[@]}" "$VM" profile --warm-up 1 --cpus 1,2 --samples 5 --until grub --timeout 300 --out "$T/p" \
        >"$T/out" 2>&1 3>&- &
    PIDS+=($!)
    wait_until 60 finished "$T/p" 3
    run -0 vm profile status "$T/p"
    assert_line --regexp 'of 12 samples, running, about [0-9]+ s left$'
    assert_line --regexp '^  now: cpu_[12] sample [1-5]$'
    vm profile status "$T/p" --json --follow >"$T/followed" 3>&- &
    local follows=$!
    PIDS+=($!)
    wait_until 60 has_lines "$T/followed" 2
    set -- "${PIDS[0]}"
    run -64 mini --warm-up 1 --samples 5 --resume "$T/p"
    assert_line --partial 'another vm profile is running'
    kill -KILL "$1"
    wait "$1" || :
    jq -S '[.cells[] as $c | .[$c].samples[].started]' "$T/p/results.json" >"$T/before"
    run -1 vm profile status "$T/p"
    assert_line --partial 'stopped before its end'
    # What a program has seen of it: a line after each sample, an estimate, and the end.
    local s=0
    wait "$follows" || s=$?
    assert_equal "$s" 1
    jq -es 'all(.[]; .schema == "vm-profile-status" and .version == 1 and .planned == 12 and .installs == null and
            ([.cells[].planned] == [6, 6]) and ([.cells[].finished] | add) == .finished) and
        (map(.finished) | . == sort) and
        all(.[:-1][]; .state == "running" and .running and .left_ms > 0 and .elapsed_ms > 0 and
            (.now | length) == 1 and .last.status == "ok" and .failed == 0) and
        (.[-1] | .state == "stopped" and (.running | not) and .left_ms == null and .now == [])' "$T/followed"
    # Another matrix, or another machine, is refused, and nothing changes.
    cp "$T/p/results.json" "$T/kept"
    run -64 mini --warm-up 1 --samples 6 --resume "$T/p"
    assert_line --partial '--samples is 5 in one, 6 in the other'
    ENV+=(QEMU_RTC=localtime)
    run -64 mini --warm-up 1 --samples 5 --resume "$T/p"
    assert_line --partial 'QEMU_RTC is the default in one, localtime in the other'
    unset ENV
    cmp "$T/kept" "$T/p/results.json"
    run -0 mini --warm-up 1 --samples 5 --resume "$T/p"
    assert_equal "$(rounds "$T/p")" $'cpu_1: 1 2 3 4 5 [1]\ncpu_2: 1 2 3 4 5 [1]'
    jq -e --slurpfile before "$T/before" '(.partial | not) and (.parts | length) == 2 and
        ($before[0] - [.cells[] as $c | .[$c].samples[].started]) == []' "$T/p/results.json"
    run -0 vm profile status "$T/p" --follow
    assert_line --partial '12 of 12 samples, complete'
    run -0 vm profile status --json "$T/p"
    jq -e '.state == "complete" and .percent == 100 and all(.cells[]; .ok == 5 and .mean_ms > 0)' <<<"$output"
    run -64 vm profile status "$T/p" --twice
    run -66 vm profile status "$T/nowhere"
    # Nothing is left to measure; and in a directory without a report a run begins.
    run -0 mini --warm-up 1 --samples 5 --resume "$T/p"
    jq -e '.parts | length == 2' "$T/p/results.json"
    run -0 mini --warm-up 0 --samples 1 --resume "$T/new"
    jq -e '.run.finished == 2' "$T/new/results.json"
}

@test "a merge that was killed or had no space has written no report; its inputs are unchanged" {
    profile --samples 1 --warm-up 0 --out "$T/a" >/dev/null
    cp -a "$T/a" "$T/kept"
    vm profile merge "$T/n" "$T/a" >/dev/null
    # Killed before each of the names that it gives, of which results.json is the last.
    local kills=0 s=137
    while [ "$s" = 137 ]; do
        [ ! -e "$T/m/results.json" ]
        kills=$((kills + 1))
        s=0
        strace -qq -o "$T/trace" -e trace=rename -e "inject=rename:signal=KILL:when=$kills" \
            "$VM" profile merge "$T/m" "$T/a" >/dev/null 2>&1 || s=$?
    done
    assert_equal "$s" 0
    [ "$kills" -gt 12 ]
    diff -r "$T/m" "$T/n" # without what it had begun to write
    # A full file system: a tmpfs of one page has room only for names in the directory.
    mkdir "$T/full"
    unshare -m sh -c 'mount -t tmpfs -o size=4k tmpfs "$1/full" && shift 1 && exec "$@"' sh "$T" \
        "${ENV[@]}" "$VM" profile merge "$T/full/m" "$T/a" >"$T/said" 2>&1 && s=0 || s=$?
    assert_equal "$s" 77
    grep -q 'cannot be written: No space left on device' "$T/said"
    assert_equal "$(grep -c 'error:' "$T/said")" 1
    diff -r "$T/kept" "$T/a"
}

@test "a run whose directory is full ends with one message, and is resumed when there is room" {
    sector_env VM_TMP_DIR="$T"
    mkdir "$T/full"
    # Eight pages: each console has one, results.json two or more, and as many again while it is replaced.
    unshare -m sh -eus "$T" "${ENV[@]}" "$VM" profile --cpus 1 --samples 8 --warm-up 0 --until there --timeout 300 <<'END'
t=$1
shift
mount -t tmpfs -o size=32k,mode=755 tmpfs "$t/full"
status=0
"$@" --out "$t/full/p" >"$t/said" 2>&1 || status=$?
echo "$status" >"$t/status"
cp "$t/full/p/results.json" "$t/before.json"
ls "$t"/full/p/console >"$t/consoles"
mount -o remount,size=4m "$t/full"
"$@" --resume "$t/full/p" >"$t/resumed" 2>&1
cp -r "$t/full/p" "$t/p"
END
    assert_equal "$(cat "$T/status")" 77
    assert_equal "$(grep -c 'error:' "$T/said")" 1
    grep -q 'cannot be written: No space left on device' "$T/said"
    # Each finished sample is there, with the whole of its console, and stays.
    jq -e '.partial and .run.finished > 0 and .run.finished < 8' "$T/before.json"
    # Whether a sample is an outlier depends on the others.
    jq -e --slurpfile before "$T/before.json" 'def measured: .cpu_1.samples | map(del(.outlier));
        (.partial | not) and .run.finished == 8 and ($before[0] | measured) - measured == []' "$T/p/results.json"
    jq -r '.cpu_1.samples[] | "\(.log) \(.serial_bytes)"' "$T/p/results.json" | while read -r log bytes; do
        [ "$(wc -c <"$T/p/$log")" -ge "$bytes" ]
    done
    [ -z "$(find "$T/p" -name '*.part*')" ]
}

@test "provenance: what was measured, with what, where" {
    host_env QEMU_RAM=160
    run -0 vm profile --cpus 1 --samples 1 --warm-up 0 --until login --out "$T/p"
    jq -e --arg image "$(sha256sum "$MACH_MINI" | cut -d ' ' -f 1)" --arg kernel "$(uname -r)" \
        --arg qemu "$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')" \
        --arg boot "$(cat /proc/sys/kernel/random/boot_id)" '.run.image_sha256 == $image and
        .run.qemu_version == $qemu and (.run.guest_line | startswith("GNU Mach ")) and
        .settings.QEMU_RAM == "160" and (.settings | has("QEMU_SMP") | not) and
        (.parts[0].host | .boot_id == $boot and (.kernel | contains($kernel)) and .cpu != "" and .cpus > 0) and
        (.cpu_1.samples[0] | .load >= 0 and .others >= 0 and .part == 0)' "$T/p/results.json"
    jq -e '.files == {}' "$T/p/results.json"
    # A report of the first version is read.
    jq '.version = 1 | del(.parts, .notes, .settings) | .run |= del(.shard, .shards, .shard_by, .seed, .image_sha256,
        .kernel_sha256, .qemu_version, .commit, .guest_line)' "$T/p/results.json" >"$T/first.json"
    run -0 vm profile compare "$T/first.json" "$T/p"
    run -65 vm profile merge "$T/m" "$T/first.json" "$T/p"
}

@test "other files have checksums, too: samples with different ones are not joined" {
    local module='${host-port} ${device-port} $(task-create) $(task-resume)'
    sum() { sha256sum "$1" | cut -d ' ' -f 1; }
    dd if=/dev/zero of="$T/disk.img" bs=1M count=1 status=none
    sector_env QEMU_DRIVE2="$T/disk.img" QEMU_DRIVE2_FORMAT=raw
    profile --warm-up 0 --samples 2 --shard 1/2 --out "$T/s1" >/dev/null
    jq -e --arg disk "$(sum "$T/disk.img")" --arg markers "$(sum "$BATS_FILE_TMPDIR/markers")" \
        '.files == {VM_MARKERS: $markers, QEMU_DRIVE2: $disk}' "$T/s1/results.json"
    printf x | dd of="$T/disk.img" conv=notrunc status=none
    profile --warm-up 0 --samples 2 --shard 2/2 --out "$T/s2" >/dev/null
    run -65 vm profile merge "$T/m" "$T/s1" "$T/s2"
    assert_line --partial 'the SHA-256 of QEMU_DRIVE2 is '
    # A report that does not name its files is not refused because of them, and hides no difference between others.
    local old
    for old in s1 s2; do
        mkdir "$T/old-$old"
        jq 'del(.files)' "$T/$old/results.json" >"$T/old-$old/results.json"
    done
    run -0 vm profile merge "$T/m" "$T/s1" "$T/old-s2"
    jq -e --slurpfile one "$T/s1/results.json" '.files == $one[0].files' "$T/m/results.json"
    run -0 vm profile merge "$T/mo" "$T/old-s1" "$T/old-s2"
    jq -e 'has("files") | not' "$T/mo/results.json"
    run -0 vm profile merge "$T/mo1" "$T/mo" "$T/s1"
    run -65 vm profile merge "$T/no" "$T/old-s1" "$T/s1" "$T/s2"
    assert_line --partial 'the SHA-256 of QEMU_DRIVE2 is '
    # Of several modules it is the sum of their sums.
    cp "$GUESTS/mach-mini/machsh" "$T/machsh"
    host_env QEMU_KERNEL="$GUESTS/mach-mini/gnumach.gz" QEMU_APPEND=console=com0 \
        QEMU_INITRD="$T/machsh $module,$T/disk.img b,,c" QEMU_DRIVE=none
    run -0 vm profile --cpus 1 --samples 1 --warm-up 0 --until kernel --out "$T/p"
    jq -e --arg sum "$(printf '%s\n' "$(sum "$T/machsh")" "$(sum "$T/disk.img")" | sha256sum | cut -d ' ' -f 1)" \
        '.files.QEMU_INITRD == $sum' "$T/p/results.json"
}

@test "two hosts: each has its means, their difference is tested, and tests that are not possible are listed" {
    for i in 1 2; do profile --warm-up 0 --samples 8 --shard "$i/2" --out "$T/s$i" >/dev/null; done
    # The second shard is changed to that of another host which is twice as slow, so the times do not depend on this
    # machine.
    jq '(.cpu_1, .cpu_2) |= (.samples |= map(.total_ms = 1000 + 3 * .round))' "$T/s1/results.json" >"$T/s1.json"
    other='.parts[0].host |= (.name = "other" | .boot_id = "") | .parts[0].host.cpu = "Z80"'
    slow='(.cpu_1, .cpu_2) |= (.samples |= map(.total_ms = 2000 + 5 * .round))'
    jq "$other | $slow" "$T/s2/results.json" >"$T/slow.json"
    run -0 vm profile merge "$T/slow" "$T/s1.json" "$T/slow.json"
    assert_line --regexp '^2 hosts were used; they differ \(F = .*: .* -29\.[0-9] %, other \+41\.[0-9] %\.$'
    assert_line --partial 'hosts: all other means and pictures are over all of them'
    assert_equal "$(grep -cE '^  cpu_[12] +(other|[^ ]+) +4 ' "$T/slow/report.txt")" 4
    # Rounds 1, 3, 5, 7 on one, 2, 4, 6, 8 on the other.
    jq -e --arg host "$(uname -n)" '[.cpu_2.hosts[] | [.host, .parts, .n, .mean_ms, .median_ms]] ==
        [[$host, [0], 4, 1012, 1012], ["other", [1], 4, 2025, 2025]] and
        all(.cpu_1.hosts[]; .ci95_low_ms < .mean_ms and .ci95_high_ms > .mean_ms)' "$T/slow/results.json"
    assert_equal "$(grep -cE '^\| [12] CPUs? \| .* \| 4 \| (1012|2025)\.0 \|' "$T/slow/report.md")" 4
    for picture in timeline boxes speedup; do
        grep -q ', over 2 hosts<' "$T/slow/$picture.svg"
        grep -q ', over 2 hosts}' "$T/slow/$picture.tex"
    done
    jq -e '.vconcat[1].encoding.yOffset.field == "host"' "$T/slow/charts.vl.json"
    jq -e '.cpu_1.hosts | length == 1 and .[0].n == 4' "$T/s1/results.json"
    vm profile compare "$T/s1" "$T/slow.json" --json | jq -e '.common_host | not'
    run -0 vm profile compare "$T/s1" "$T/slow.json"
    assert_line 'A and B were measured on different hosts: each difference is also one of hosts.'
    run -0 vm profile compare "$T/s1" "$T/slow"
    refute_line --partial 'different hosts'
    # A cell without samples on another host gives no information about hosts.
    for i in 1 2; do
        profile --warm-up 0 --samples 2 --shard "$i/2" --shard-by cells --out "$T/c$i" >/dev/null
    done
    jq "$other" "$T/c2/results.json" >"$T/c.json"
    run -0 vm profile merge "$T/c" "$T/c1" "$T/c.json"
    assert_line '2 hosts were used; whether they differ cannot be tested, because each cell was measured on one of them.'
    assert_line --partial 'so their speed-up is also one of hosts'
}

# installer ARGUMENTS...: profile the disk that a CD-ROM installs, an IDLE sector (tests/guests/sector), in $T.
installer() {
    if [ ! -e "$T/install.iso" ]; then
        "$ROOT/tests/guests/sector/build" INSTALL "$T/install.iso"
        printf 'progress sector ^sector login\n' >"$T/markers"
        printf 'timeout 300\nfail not installed\nexpect ^sector installed\n' >"$T/script"
        chmod 644 "$T/install.iso" "$T/markers"
        host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_VGA=none QEMU_CDROM="$T/install.iso"
    fi
    "${ENV[@]}" "$VM" profile --markers "$T/markers" --until sector --timeout 300 --warm-up 0 \
        --samples 2 --install "$T/script" --install-size 16M "$@"
}

@test "a system is installed once for each cell, by the shard that measures it, and booted from that disk" {
    for i in 1 2; do installer --cpus 1,2 --shard "$i/2" --shard-by cells --out "$T/s$i"; done
    assert_equal "$(cd "$T" && echo s?/disks/*)" 's1/disks/cpu_1.qcow2 s2/disks/cpu_2.qcow2'
    run -0 vm profile merge "$T/m" "$T/s1" "$T/s2"
    assert_equal "$(grep -cE '^  installed +cpu_[12] in [0-9.]+ s$' "$T/m/report.txt")" 2
    assert_equal "$(rounds "$T/m")" $'cpu_1: 1 2\ncpu_2: 1 2'
    jq -e '[.installs[] | .cell, .part] == ["cpu_1", 0, "cpu_2", 1] and all(.installs[]; .total_ms > 0) and
        .run.install_size == "16M" and all(.cells[] as $c | .[$c]; .boot == "disk" and
        all(.samples[]; .status == "ok"))' "$T/m/results.json"
    vm profile report "$T/m" >"$T/again"
    grep -q '^  installed  ' "$T/again"

    # Writes of the samples are discarded. An installed disk is not installed again.
    cp "$T/s1/disks/cpu_1.qcow2" "$T/kept"
    jq '.cpu_1.samples |= .[:1] | .run.finished = 1' "$T/s1/results.json" >"$T/cut" && mv "$T/cut" "$T/s1/results.json"
    run -0 installer --cpus 1,2 --shard 1/2 --shard-by cells --resume "$T/s1"
    refute_output --partial 'is installed'
    cmp "$T/kept" "$T/s1/disks/cpu_1.qcow2"
    jq -e '(.installs | length == 1) and .run.finished == 2' "$T/s1/results.json"
    # A disk that is missing is installed again for the missing samples.
    rm "$T/s1/disks/cpu_1.qcow2"
    jq '.cpu_1.samples |= .[:1] | .run.finished = 1' "$T/s1/results.json" >"$T/cut" && mv "$T/cut" "$T/s1/results.json"
    run -0 installer --cpus 1,2 --shard 1/2 --shard-by cells --resume "$T/s1"
    assert_line --partial 'cpu_1 is installed'
    # Another script makes it another run.
    echo 'exit 0' >>"$T/script"
    run -64 installer --cpus 1,2 --shard 1/2 --shard-by cells --resume "$T/s1"
    assert_line --partial 'the SHA-256 of --install is '
    compgen -G "$T/vm-install.*" && return 1
    [ ! -e "$T/run" ]
}

@test "an installation that fails or cannot begin is one message and leaves no disk" {
    installer --cpus 1 --out "$T/p" >/dev/null
    errors() { assert_equal "$(grep -c 'error:' <<<"$output")" 1; }
    mv "$T/script" "$T/good"
    run -66 installer --cpus 1 --out "$T/x"
    assert_line --partial "--install $T/script: No such file or directory"
    errors
    printf 'expect [\n' >"$T/script"
    run -64 installer --cpus 1 --out "$T/a"
    assert_line --partial 'installing cpu_1: vm script ended with status 64'
    errors
    grep -q 'script:1: ' "$T/a/install/cpu_1/script.log"
    printf 'fail ^sector inst\nexpect never\n' >"$T/script"
    run -1 installer --cpus 1 --out "$T/b"
    assert_line --partial 'installing cpu_1: vm script ended with status 1'
    assert_line --partial "fix: see $T/b/install/cpu_1/script.log, and go on with --resume"
    errors
    grep -q 'sector installed' "$T/b/install/cpu_1/console.log"
    assert_equal "$(ls "$T/b/disks")" ''
    mv "$T/good" "$T/script"
    run -64 installer --cpus 1 --out "$T/c" --install-size many
    assert_line --partial 'installing cpu_1: vm image create ended with status 64'
    errors
    run -64 vm profile --install-size 1G
    local given=("${ENV[@]}")
    ENV+=(QEMU_DRIVE="$MACH_MINI")
    run -78 installer --cpus 1 --out "$T/x"
    assert_line --partial 'QEMU_DRIVE is set, and would be written to'
    ENV=("${given[@]}" QEMU_CDROM=)
    run -78 installer --cpus 1 --out "$T/x"
    assert_line --partial 'there is no CD-ROM to install from'
    errors
    [ ! -e "$T/x" ]
    ENV=("${given[@]}")
    mkdir "$T/full"
    unshare -m sh -c 'mount -t tmpfs -o size=64k tmpfs "$1/full" && shift 1 && exec "$@"' sh "$T" \
        "${ENV[@]}" "$VM" profile --markers "$T/markers" --until sector --warm-up 0 --samples 1 --cpus 1 \
        --install "$T/script" --install-size 16M --out "$T/full/p" >"$T/said" 2>&1 && s=0 || s=$?
    assert_equal "$s" 77
    grep -q 'no space is left in' "$T/said"
    assert_equal "$(grep -c 'error:' "$T/said")" 1
}

@test "the installer's CD-ROMs, of which there may be two, are not attached for the samples" {
    installer --cpus 1 --out "$T/p" >/dev/null
    cp "$T/install.iso" "$T/seed.iso"
    ENV=(strace -f -qq -s 9999 -e trace=execve -e signal=none -o "$T/trace" "${ENV[@]}" QEMU_CDROM2="$T/seed.iso")
    installer --cpus 1 --out "$T/q" >/dev/null
    # One QEMU installs, and two are samples; those that are only asked what they support have no disk.
    grep -E 'execve\("[^"]*/qemu-system-.*drive=' "$T/trace" >"$T/started"
    assert_equal "$(wc -l <"$T/started")" 3
    assert_equal "$(grep -c 'drive=cdrom2"' "$T/started")" 1
    assert_equal "$(grep -c 'drive=cdrom"' "$T/started")" 1
}

@test "an installation that was ended or killed is started again" {
    installer --cpus 1 --out "$T/p" >/dev/null
    mv "$T/script" "$T/good"
    printf 'timeout 3000\nexpect never\n' >"$T/script"
    for signal in TERM KILL; do
        "${ENV[@]}" "$VM" profile --markers "$T/markers" --until sector --timeout 300 --warm-up 0 \
            --samples 2 --cpus 1 --install "$T/script" --install-size 16M --out "$T/$signal" >"$T/out" 2>&1 3>&- &
        PIDS+=($!)
        wait_until 60 grep -q 'sector installed' "$T/$signal/install/cpu_1/console.log"
        run -0 vm profile status "$T/$signal"
        assert_line --partial "$T/$signal: 0 of 2 samples, installing"
        assert_line --regexp '^  cpu_1 is installed since [0-9]+ s; 0 of 1 cells are installed$'
        vm profile status "$T/$signal" --json | jq -e '.state == "installing" and .left_ms == null and .now == [] and
            (.installs | .finished == 0 and .planned == 1 and .cell == "cpu_1" and .spent_ms >= 0 and .left_ms == null
             and .log == "install/cpu_1/script.log")'
        kill "-$signal" $!
        wait_until 60 process_is_gone $!
        s=0
        wait $! || s=$?
        assert_equal "$s" "$((128 + $(kill -l "$signal")))"
        wait_until 60 nobody_has "$T/$signal/disks"
        [ "$signal" = KILL ] || grep -q 'ended by signal 15: 0 of 2 samples are in .*--resume' "$T/out"
    done
    [ ! -e "$T/TERM/disks/cpu_1.qcow2.part" ]
    [ -e "$T/KILL/disks/cpu_1.qcow2.part" ]
    # With a script that ends, in place of the first one.
    mv "$T/good" "$T/script"
    jq --arg sum "$(sha256sum <"$T/script" | cut -d ' ' -f 1)" '.run.install_sha256 = $sum' \
        "$T/KILL/results.json" >"$T/edited"
    mv "$T/edited" "$T/KILL/results.json"
    run -0 installer --cpus 1 --resume "$T/KILL"
    assert_line --partial 'cpu_1 was installed in'
    assert_equal "$(ls "$T/KILL/disks")" cpu_1.qcow2
}

# No process has a file in the directory $1 open.
nobody_has() {
    ! find /proc/[0-9]*/fd -lname "$1/*" 2>/dev/null | grep -q .
}
