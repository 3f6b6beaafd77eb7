# Saved states whose memory is a file that guests map: when it is mapped, when it is copied, and changes of the
# file. This needs QEMU 8.2 or newer, which the image has.
load helpers

# guest NAME [docker options...]: the built-in guest in a container, until it is ready.
guest() {
    mkdir -p -m 777 "$T/state"
    container "$1" -e VM_STATE_DIR=/state -v "$T/state:/state" "${@:2}" "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
}

# A state of the built-in guest, saved by a container that has ended.
warm_state() {
    guest first -e VM_WARM=1 "$@"
    wait_until 30 logs_have "$C" 'warm state saved in'
    docker stop -t 60 "$C" >/dev/null
    STATE=$T/state/mach-mini.qcow2.warm
}

resumed() {
    logs_have "$C" 'vm: resumed from /state/mach-mini.qcow2'
    run -0 docker exec "$C" vm exec echo alive
    assert_output alive
}

# The mapping of the guest's memory in QEMU of container $1, from /proc/PID/maps.
memory_of() {
    grep -oE '(rw-[ps]) .*(/memory|guest-ram.*)$' "/proc/$(qemu_of "$1")/maps" |
        sed -E 's/^rw-(.).*(memory|guest-ram).*/\1 \2/' | sort -u
}

@test "the memory file has holes for zeros and no write permission, and is mapped without being read" {
    warm_state
    run ls "$STATE"
    assert_output $'devices\nmanifest.json\nmemory\noverlay-0'
    assert_equal "$(stat -c '%s %a' "$STATE/memory")" "$((128 << 20)) 444"
    [ "$(du -k "$STATE/memory" | cut -f1)" -lt $((16 << 10)) ]
    guest second -e VM_WARM=1
    resumed
    assert_equal "$(memory_of "$C")" 'p memory'
    docker exec "$C" grep -q '"event":"resume".*"mapped":true' /var/log/qemu/events.jsonl
}

@test "replacing or removing a state does not affect guests that run from it" {
    warm_state
    guest second -e VM_WARM=1
    # Another state replaces it, then it is deleted.
    guest third
    docker exec "$C" vm warm
    C=$ID-second
    resumed
    rm -r "$T/state/mach-mini.qcow2.warm"
    run -0 docker exec "$C" vm exec uname
    assert_output --partial 'GNU Mach'
}

@test "a memory file that others may write to is copied, and the guest survives its truncation" {
    warm_state
    chmod 666 "$STATE/memory"
    guest second -e VM_WARM=1
    resumed
    logs_have "$C" 'its memory was copied, because it cannot be shared: others may write to it'
    assert_equal "$(memory_of "$C")" 's guest-ram'
    : >"$STATE/memory"
    run -0 docker exec "$C" vm exec uname
    assert_output --partial 'GNU Mach'
    # This file does not contain the memory any more.
    guest third -e VM_WARM=1
    logs_have "$C" "/memory is truncated, or not of this memory; this is a cold start"
}

@test "a memory file that QEMU's user cannot read is copied" {
    warm_state
    chmod 400 "$STATE/memory"
    guest second -e VM_WARM=1
    resumed
    logs_have "$C" "because it cannot be shared: QEMU's user may not read it"
}

@test "a memory file with changed bytes affects only its guest; the file is not changed" {
    warm_state
    chmod 644 "$STATE/memory"
    dd if=/dev/urandom of="$STATE/memory" bs=1M count=8 conv=notrunc status=none
    sum=$(sha256sum <"$STATE/memory")
    container second -e VM_WARM=1 -e VM_STATE_DIR=/state -v "$T/state:/state" "${SAFE[@]}" --tmpfs /var/log/qemu
    wait_until 30 logs_have "$C" 'vm: resumed from /state/mach-mini.qcow2'
    docker stop -t 1 "$C" >/dev/null
    assert_equal "$(sha256sum <"$STATE/memory")" "$sum"
}

@test "a device file that is damaged or too short causes one log line and a cold start" {
    warm_state
    truncate -s 1000 "$STATE/devices"
    guest second -e VM_WARM=1
    logs_have "$C" 'mach-mini.qcow2.warm is not resumed: QEMU '
    wait_until 30 logs_have "$C" 'warm state saved in'
    rm "$STATE/devices"
    guest third -e VM_WARM=1
    logs_have "$C" "mach-mini.qcow2.warm is not resumed: /state/mach-mini.qcow2.warm/devices: No such file"
}

@test "a guest is suspended and resumed repeatedly, each time with its memory as a file" {
    for n in 1 2 3; do
        if [ "$n" = 1 ]; then
            guest kept -e VM_STOP=suspend
        else
            docker start "$C" >/dev/null
            container_ready "$C"
            resumed
            assert_equal "$(memory_of "$C")" 's guest-ram'
        fi
        docker stop -t 60 "$C" >/dev/null
        wait_exit "$C"
        assert_equal "$STATUS" 0
        grep -q '"memory":"mapped"' "$T"/state/*.suspended/manifest.json
    done
    # A suspended state is deleted when a guest starts from it.
    docker start "$C" >/dev/null
    container_ready "$C"
    run ls "$T/state"
    assert_output ''
}

@test "mapped-ram, which earlier versions saved, is resumed; and so is packed, which images have" {
    for format in mapped-ram packed stream; do
        rm -rf "$T"/state/*
        C=$ID-first
        docker rm -f "$C" >/dev/null 2>&1 || :
        warm_state -e VM_STATE_FORMAT="$format"
        assert_equal "$(jq -r .memory "$STATE/manifest.json")" "$format"
        guest "resumed-$format" -e VM_WARM=1
        resumed
        assert_equal "$(memory_of "$C")" 's guest-ram'
    done
}

@test "an invalid file of packed memory causes one log line and a cold start" {
    warm_state -e VM_STATE_FORMAT=packed
    chmod 644 "$STATE/memory"
    # The second piece would be beyond the end of the memory.
    printf '\377\377\377\377\377' | dd of="$STATE/memory" bs=1 seek=48 conv=notrunc status=none
    guest second -e VM_WARM=1
    logs_have "$C" 'is not resumed: piece 1 of it is outside the memory; this is a cold start'
}
