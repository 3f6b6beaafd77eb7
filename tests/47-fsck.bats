# VM_FSCK: a disk that was not unmounted cleanly is repaired before its guest starts, even if a repair is
# interrupted, and nothing else is changed.
load helpers

DIRTY=$BATS_TEST_DIRNAME/dirty-disk

setup_file() {
    chmod 755 "$BATS_FILE_TMPDIR"
    "$BATS_TEST_DIRNAME/dirty-disk" make "$BATS_FILE_TMPDIR/clean.raw"
    cp --sparse=always "$BATS_FILE_TMPDIR/clean.raw" "$BATS_FILE_TMPDIR/unclean.raw"
    "$BATS_TEST_DIRNAME/dirty-disk" unclean "$BATS_FILE_TMPDIR/unclean.raw"
    cp --sparse=always "$BATS_FILE_TMPDIR/clean.raw" "$BATS_FILE_TMPDIR/human.raw"
    "$BATS_TEST_DIRNAME/dirty-disk" human "$BATS_FILE_TMPDIR/human.raw"
}

# disk RAW [qcow2|raw|compressed|backing]: a disk with the contents of RAW in F, with FORMAT; its guest never gets
# beyond the BIOS.
disk() {
    mkdir -p "$T/images"
    FORMAT=qcow2
    F=$T/images/disk.qcow2
    rm -f "$F"*
    case ${2:-qcow2} in
    qcow2) qemu-img convert -O qcow2 "$1" "$F" ;;
    compressed) qemu-img convert -c -O qcow2 "$1" "$F" ;;
    backing)
        qemu-img convert -O qcow2 "$1" "$T/images/base.qcow2"
        (cd "$T/images" && qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 disk.qcow2)
        chmod 644 "$T/images/base.qcow2" ;;
    raw)
        FORMAT=raw
        cp --sparse=always "$1" "$F" ;;
    esac
    chmod 666 "$F"
    chmod 777 "$T/images"
    env_of
}

env_of() {
    host_env VM_GUEST=hurd QEMU_RAM=64 QEMU_NET=none VM_READY=running QEMU_ACCEL=tcg QEMU_DRIVE="$F" \
        QEMU_DRIVE_FORMAT="$FORMAT" "$@"
}

# start [NAME=VALUE...]: run that guest once; start_and: until it runs.
start_and() {
    : >"$T/out"
    env_of "$@"
    "${ENV[@]}" "$VM" run >"$T/out" 2>&1 3>&- &
    VM_PID=$!
    PIDS+=("$VM_PID")
    wait_until 60 grep -q 'the guest runs, ' "$T/out"
}
start() {
    start_and "$@"
    run vm stop --now
    host_vm_exit
}

said() { grep -qF -- "$1" "$T/out"; }

sum() { sha256sum <"${1:-$F}"; }

# The file system as the guest sees it, copied to $T/fs.
file_system() {
    qemu-img convert -f "$FORMAT" -O raw "$F" "$T/all.raw"
    "$DIRTY" fs "$T/all.raw" "$T/fs"
}

# The file system has no errors, and all its files except those in $* are intact.
whole() {
    local i
    file_system
    run -0 e2fsck -fn "$T/fs"
    assert_equal "$(debugfs -R 'show_super_stats -h' "$T/fs" 2>/dev/null | sed -n 's/^Filesystem state: *//p')" clean
    rm -rf "$T/files"
    mkdir "$T/files"
    run -0 debugfs -R "rdump / $T/files" "$T/fs"
    for ((i = 0; i < 40; i++)); do
        case " $* " in *" $i "*) continue ;; esac
        awk -v i="$i" 'BEGIN { for (n = 0; n <= 100 * i; n++) print "file " i }' | cmp - "$T/files/f$i"
    done
}

@test "vm check reports an unclean disk and what a start will do; a clean disk causes no message" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    before=$(sum)
    run -0 vm check
    assert_output --partial "warning: $F: partition 1 (ext2, GNU/Hurd) was not unmounted cleanly: e2fsck -p repairs it before the guest starts"
    run -0 vm check --json
    assert_equal "$(jq '.warnings | length' <<<"$output")" 1
    env_of VM_FSCK=off
    run -0 vm check
    assert_output --partial 'that is left to the guest (VM_FSCK=off)'
    assert_equal "$(sum)" "$before"
    disk "$BATS_FILE_TMPDIR/clean.raw"
    run -0 vm check
    refute_output --partial unmounted
    env_of VM_FSCK=maybe
    run -78 vm check
    assert_output --partial 'VM_FSCK'
}

@test "an unclean disk is repaired before the guest starts; log, events and vm status report it" {
    for kind in qcow2 raw compressed; do
        disk "$BATS_FILE_TMPDIR/unclean.raw" "$kind"
        start
        said "e2fsck: $F: Entry 'f9' in / (2) has deleted/unused inode"
        said "$F: partition 1 (ext2, GNU/Hurd) is clean now: e2fsck has repaired it"
        whole 9
        assert_equal "$(ls -A "$T/images/state")" ''
        run -0 jq -r 'select(.event == "fsck").result' "$T/log/events.jsonl"
        assert_line 'partition 1 (ext2, GNU/Hurd) repaired'
        [ "$FORMAT" = raw ] || qemu-img check -q "$F"
    done
    # The next start has nothing to repair.
    start
    ! said 'unmounted'
    run ! said 'e2fsck'
    run find "$T" -maxdepth 1 -name 'vm-overlay*'
    assert_output ''
}

@test "a file system is found in a logical partition, in a GPT, and without a partition table" {
    for kind in logical gpt whole; do
        "$DIRTY" make "$T/$kind.raw" "$kind"
        "$DIRTY" unclean "$T/$kind.raw"
        disk "$T/$kind.raw"
        start
        case $kind in
        logical) said 'partition 5 (ext2, GNU/Hurd) is clean now' ;;
        gpt) said 'partition 1 (ext2, GNU/Hurd) is clean now' ;;
        whole) said 'the disk (ext2, GNU/Hurd) is clean now' ;;
        esac
        whole 9
    done
}

@test "a clean disk is not changed, and no disk is with VM_FSCK=off" {
    for format in qcow2 raw; do
        disk "$BATS_FILE_TMPDIR/clean.raw" "$format"
        before=$(sum)
        start
        assert_equal "$(sum)" "$before"
        disk "$BATS_FILE_TMPDIR/unclean.raw" "$format"
        before=$(sum)
        start VM_FSCK=off
        said 'that is left to the guest (VM_FSCK=off)'
        ! said 'e2fsck:'
        assert_equal "$(sum)" "$before"
    done
}

@test "the file that the guest writes to is repaired: an overlay, never its base" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    chmod 444 "$F"
    before=$(sum)
    start QEMU_DISK_MODE=throwaway
    said 'partition 1 (ext2, GNU/Hurd) is clean now'
    assert_equal "$(sum)" "$before"
    [ ! -e "$F.overlay" ]
    start QEMU_DISK_MODE=overlay
    said "$F.overlay: partition 1 (ext2, GNU/Hurd) is clean now"
    assert_equal "$(sum)" "$before"
    start QEMU_DISK_MODE=overlay
    ! said 'unmounted'
    (F=$F.overlay && whole 9)

    disk "$BATS_FILE_TMPDIR/unclean.raw" backing
    before=$(sum "$T/images/base.qcow2")
    start QEMU_BACKING=allow
    said 'is clean now'
    assert_equal "$(sum "$T/images/base.qcow2")" "$before"
    whole 9
}

@test "a second disk is repaired too" {
    disk "$BATS_FILE_TMPDIR/clean.raw"
    cp "$F" "$T/images/other.qcow2"
    qemu-img convert -O qcow2 "$BATS_FILE_TMPDIR/unclean.raw" "$T/images/two.qcow2"
    chmod 666 "$T/images"/*
    before=$(sum)
    start QEMU_DRIVE2="$T/images/two.qcow2"
    said "$T/images/two.qcow2: partition 1 (ext2, GNU/Hurd) is clean now"
    assert_equal "$(sum)" "$before"
    F=$T/images/two.qcow2
    whole 9
}

@test "damage that needs a decision is left as it is, and the command is shown; vm fsck --yes repairs it" {
    for format in qcow2 raw; do
        disk "$BATS_FILE_TMPDIR/human.raw" "$format"
        before=$(sum)
        start
        said 'e2fsck -p cannot repair it (status 4); the disk is unchanged'
        said 'vm fsck --yes (docker compose run --rm hurd fsck --yes)'
        said 'the guest runs'
        assert_equal "$(sum)" "$before"
        run -65 vm fsck
        assert_equal "$(sum)" "$before"
        run -0 vm fsck --yes
        assert_output --partial 'is clean now'
        whole 7 9
        run -0 vm fsck
        assert_output --partial 'it had no errors'
    done
    env_of QEMU_DISK_MODE=throwaway
    run -78 vm fsck
    assert_output --partial 'what is repaired would be lost'
    env_of QEMU_DISK_MODE=overlay
    run -66 vm fsck
    assert_output --partial 'there is no overlay yet'
}

@test "a journal is left to the guest; if the driver found errors, the journal is replayed and the disk repaired" {
    for state in 1 3; do
        "$DIRTY" make "$T/ext4.raw" ext4
        run -0 debugfs -w -R "ssv state $state" "$T/ext4.raw?offset=$((1 << 20))"
        run -0 debugfs -w -R 'feature needs_recovery' "$T/ext4.raw?offset=$((1 << 20))"
        disk "$T/ext4.raw"
        before=$(sum)
        start
        if [ "$state" = 1 ]; then
            run ! said 'e2fsck'
            assert_equal "$(sum)" "$before"
        fi
    done
    said 'partition 1 (ext4) has errors that its driver found'
    said 'recovering journal'
    said 'partition 1 (ext4) is clean now'
    whole
}

@test "a disk that is in use is not repaired; vm fsck leaves a suspended guest's alone" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    before=$(sum)
    qemu-io -c 'sleep 600000' "$F" >/dev/null 2>&1 3>&- &
    PIDS+=("$!")
    holder=$!
    wait_until 10 in_use
    run -65 "${ENV[@]}" "$VM" run
    assert_output --partial 'is in use by another process'
    refute_output --partial 'e2fsck:'
    run -65 vm fsck
    end_process "$holder"
    assert_equal "$(sum)" "$before"
    mkdir -p "$T/images/state/disk.qcow2.suspended"
    run -65 vm fsck
    assert_output --partial "a suspended guest has this disk's file systems mounted"
    assert_equal "$(sum)" "$before"
    # A start that cannot resume it would mount them again.
    start
    said 'disk.qcow2.suspended is not resumed: '
    said 'disk.qcow2.suspended cannot be resumed after that'
    said 'is clean now'
    whole 9
}

# edit MANIFEST: as another image's QEMU would find it.
edit() {
    jq -c '.qemu = "1.0.0"' "$1" >"$T/manifest"
    cp "$T/manifest" "$1"
}

@test "a state that QEMU does not take: the disk is repaired before the cold start, if it is unclean" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    suspend() {
        start_and VM_STOP=suspend VM_FSCK=off
        run -0 vm stop
        host_vm_exit
        said 'suspended state saved in'
        edit "$T/images/state/disk.qcow2.suspended/manifest.json"
    }
    suspend
    start
    said 'QEMU 1.0.0 saved it, and this is'
    said 'partition 1 (ext2, GNU/Hurd) is clean now'
    [ "$(grep -c 'the guest runs, .* after the start' "$T/out")" = 1 ]
    whole 9
    # What is clean needs no repair.
    rm -r "$T/images/state/disk.qcow2.suspended"
    suspend
    start
    said 'QEMU 1.0.0 saved it, and this is'
    run ! said 'e2fsck'
    # A throwaway disk is repaired in its overlay.
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    before=$(sum)
    start_and VM_WARM=1 VM_FSCK=off
    wait_until 60 said 'warm state saved in'
    run vm stop --now
    host_vm_exit
    edit "$T/images/state/disk.qcow2.warm/manifest.json"
    start VM_WARM=1
    said 'QEMU 1.0.0 saved it, and this is'
    said 'partition 1 (ext2, GNU/Hurd) is clean now'
    assert_equal "$(sum)" "$before"
}

@test "SIGTERM while the disk of a refused state is repaired ends the start with status 0" {
    local id=600.$BASHPID
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    mkdir -p "$T/bin"
    ln -sf "$(command -v qemu-system-x86_64)" "$T/bin/qemu-system-x86_64"
    printf '#!/bin/sh\nexec sleep %s\n' "$id" >"$T/bin/e2fsck"
    chmod 755 "$T/bin/e2fsck"
    before=$(sum)
    start_and VM_STOP=suspend VM_FSCK=off
    run -0 vm stop
    host_vm_exit
    edit "$T/images/state/disk.qcow2.suspended/manifest.json"
    env_of VM_QEMU="$T/bin/qemu-system-x86_64"
    "${ENV[@]}" "$VM" run >"$T/out" 2>&1 3>&- &
    VM_PID=$!
    PIDS+=("$VM_PID")
    wait_until 20 pgrep -f "^sleep $id"
    kill -TERM "$VM_PID"
    host_vm_exit 10
    assert_equal "$STATUS" 0
    run ! grep -q 'the guest runs, ' "$T/out"
    wait_until 10 gone "$id"
    assert_equal "$(sum)" "$before"
}

gone() { ! pgrep -f "^sleep $1"; }

in_use() { ! vm check; }

# The log of a repair that is interrupted before it writes: a qemu-nbd that only reads.
cut_off() {
    mkdir -p "$T/bin"
    ln -sf "$(command -v qemu-system-x86_64)" "$T/bin/qemu-system-x86_64"
    printf '#!/bin/sh\ncase $1 in --read-only) exec %s "$@" ;; esac\nexit 1\n' \
        "$(command -v qemu-nbd)" >"$T/bin/qemu-nbd"
    chmod 755 "$T/bin/qemu-nbd"
    env_of VM_QEMU="$T/bin/qemu-system-x86_64"
    run vm fsck
    assert_failure
    LOG=$T/images/state/disk.qcow2.repair
    [ -s "$LOG" ]
    env_of
}

@test "a repair that is interrupted after any of its writes is finished by the next start" {
    disk "$BATS_FILE_TMPDIR/unclean.raw" raw
    cp "$F" "$T/before"
    cut_off
    cmp "$F" "$T/before"
    cp "$LOG" "$T/log-of-it"
    run -0 vm check
    assert_output --partial 'a repair of it was interrupted: it is completed before the start'
    start
    said 'the interrupted repair is completed'
    ! said 'e2fsck:'
    [ ! -e "$LOG" ]
    whole 9
    cp "$F" "$T/after"
    n=0
    while cp "$T/before" "$F" && "$DIRTY" log "$T/log-of-it" "$n" "$F"; do
        cp "$T/log-of-it" "$LOG"
        start
        cmp "$F" "$T/after" || fail "$n pieces"
        n=$((n + 1))
    done
    [ "$n" -ge 4 ]
}

@test "a log for another state of the disk, a damaged log, and one of another user are not applied" {
    disk "$BATS_FILE_TMPDIR/unclean.raw" raw
    cut_off
    cp "$LOG" "$T/log-of-it"
    # The guest has written since then.
    printf x | dd of="$F" bs=1 seek=$(((1 << 20) + 1024 + 44)) conv=notrunc status=none
    start
    said 'does not match the disk, and was removed'
    said 'is clean now'
    whole 9
    for at in 20 200 5000; do
        disk "$BATS_FILE_TMPDIR/unclean.raw" raw
        cp "$T/log-of-it" "$LOG"
        printf '\377\376' | dd of="$LOG" bs=1 seek="$at" conv=notrunc status=none
        start
        said 'was removed'
        whole 9
    done
    disk "$BATS_FILE_TMPDIR/unclean.raw" raw
    before=$(sum)
    cp "$T/log-of-it" "$LOG"
    chown 12345 "$LOG"
    run -77 vm fsck
    assert_output --partial "belongs to another user and is not applied"
    rm "$LOG"
    ln -s "$T/log-of-it" "$LOG"
    run ! vm fsck
    assert_equal "$(sum)" "$before"
}

@test "SIGKILL at any moment of a repair leaves the old disk, the repaired one, or one that the next start finishes" {
    old=0 new=0 log=0
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    cp "$F" "$T/before"
    env_of
    # At each tenth of the time that a repair takes on this machine, and a little later.
    began=$(date +%s%3N)
    run -0 vm fsck
    took=$(($(date +%s%3N) - began))
    for ((step = 0; step < 12; step++)); do
        cp "$T/before" "$F"
        "${ENV[@]}" "$VM" fsck >"$T/killed" 2>&1 3>&- &
        pid=$!
        sleep "$((step * took / 10000)).$(printf %03d $((step * took / 10 % 1000)))"
        kill -KILL "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
        wait_until 20 eval '! in_use'
        if [ -e "$T/images/state/disk.qcow2.repair" ]; then
            log=$((log + 1))
        elif cmp -s "$F" "$T/before"; then
            old=$((old + 1))
        else
            new=$((new + 1))
            whole 9
        fi
        run -0 vm fsck
        whole 9
        qemu-img check -q "$F"
    done
    echo "old $old, new $new, with a log $log"
    [ "$old" -gt 0 ]
    [ "$new" -gt 0 ]
    run -0 ls -A "$T/images/state"
    assert_output ''
}

@test "SIGTERM during a repair ends the start immediately, with status 0" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    mkdir -p "$T/bin"
    ln -sf "$(command -v qemu-system-x86_64)" "$T/bin/qemu-system-x86_64"
    printf '#!/bin/sh\nexec sleep 600\n' >"$T/bin/e2fsck"
    chmod 755 "$T/bin/e2fsck"
    before=$(sum)
    env_of VM_QEMU="$T/bin/qemu-system-x86_64"
    "${ENV[@]}" "$VM" run >"$T/out" 2>&1 3>&- &
    VM_PID=$!
    PIDS+=("$VM_PID")
    wait_until 20 pgrep -P "$VM_PID" sleep
    kill -TERM "$VM_PID"
    host_vm_exit 10
    assert_equal "$STATUS" 0
    assert_equal "$(sum)" "$before"
}

@test "if the kernel cannot intercept e2fsck's system calls, the whole file system is copied first" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    run -0 "${ENV[@]}" "$ROOT/tests/without" seccomp -- "$VM" fsck
    assert_output --partial 'is clean now'
    whole 9
}

@test "without space, e2fsck or qemu-nbd the disk is not changed, and the guest starts" {
    disk "$BATS_FILE_TMPDIR/unclean.raw"
    before=$(sum)
    mkdir "$T/empty"
    start VM_TMP_DIR="$T/none"
    said "VM_TMP_DIR=$T/none: no file for the repair"
    assert_equal "$(sum)" "$before"
    : >"$T/images/state-is-a-file"
    rm -rf "$T/images/state"
    start VM_STATE_DIR="$T/images/state-is-a-file"
    said 'no log of its repair can be kept'
    assert_equal "$(sum)" "$before"
}

@test "maliciously damaged file systems: no hang, no crash, no change outside the partition" {
    for ((i = 0; i < 8; i++)); do
        cp --sparse=always "$BATS_FILE_TMPDIR/unclean.raw" "$T/broken.raw"
        python3 - "$T/broken.raw" "$i" <<'END'
import random, sys
random.seed(int(sys.argv[2]))
with open(sys.argv[1], "r+b") as f:
    for _ in range(40):
        # Bytes of the superblock (except its magic), group descriptors, bitmaps, inodes, directories.
        at = (1 << 20) + random.choice([1024 + random.randrange(56), 1024 + random.randrange(58, 900),
                                        random.randrange(2048, 4096), random.randrange(4096, 3 << 20)])
        f.seek(at)
        f.write(bytes([random.randrange(256)]))
    f.seek((1 << 20) + 1024 + 58)
    f.write(b"\0\0")
END
        disk "$T/broken.raw" raw
        head -c 1M "$F" | sha256sum >"$T/table"
        run "${ENV[@]}" timeout 120 "$VM" fsck --yes
        [ "$status" -eq 0 ] || [ "$status" -eq 65 ] || [ "$status" -eq 66 ] || fail "$status: $output"
        head -c 1M "$F" | sha256sum | cmp - "$T/table"
    done
}
