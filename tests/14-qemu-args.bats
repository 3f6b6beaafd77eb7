# QEMU's argument vector: the output of `vm args` for each file of tests/golden, and QEMU's own view of its
# arguments when `vm run` starts it with those settings.
load helpers
bats_require_minimum_version 1.5.0

GOLDEN=$ROOT/tests/golden

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    mkdir "$BATS_FILE_TMPDIR/g"
    "$GOLDEN/golden" files "$BATS_FILE_TMPDIR/g"
}

# The names of the golden files that begin with one of the WORDs.
names() {
    local word
    for word in "$@"; do
        (cd "$GOLDEN" && printf '%s\n' "$word"*.env | sed 's/\.env$//')
    done
}

# Start QEMU with the settings of golden file NAME and send it the queries of the file. A guest that has not run yet
# stops immediately and cleanly.
asked() {
    local dir=$BATS_FILE_TMPDIR/g
    rm -rf "$dir/run" "$dir/log"
    "$GOLDEN/golden" run "$dir" "$1" VM_START_PAUSED=1 "$VM" run >"$dir/out" 2>&1 3>&- &
    VM_PID=$!
    PIDS+=("$VM_PID")
    STATUS=none
    if wait_until 20 test -S "$dir/run/qmp.sock" &&
        "$GOLDEN/ask" "$dir" "$GOLDEN/$1.env" "$VM_PID"; then
        kill -TERM "$VM_PID"
        host_vm_exit 20 && [ "$STATUS" -eq 0 ] && return
    fi
    end_process "$VM_PID"
    echo "--- $1 (vm run ended with status $STATUS):"
    cat "$dir/out"
    return 1
}

# The same for every golden file that begins with one of the WORDs.
all_asked() {
    local name bad=0
    for name in $(names "$@"); do
        asked "$name" || bad=1
    done
    return "$bad"
}

@test "vm args prints the argument vector of every golden file" {
    local name bad=0
    for name in $(names ''); do
        diff -u "$GOLDEN/$name.args" <("$GOLDEN/golden" args "$BATS_FILE_TMPDIR/g" "$name" 2>&1) || bad=1
    done
    return "$bad"
}

@test "every golden file has queries to QEMU and is covered by a test here" {
    local words name
    words=$(sed -n 's/^    all_asked //p' "$BATS_TEST_FILENAME")
    # shellcheck disable=SC2086
    assert_equal "$(names $words | sort)" "$(names '' | sort)"
    for name in $(names ''); do
        grep -q '^#? .* => ' "$GOLDEN/$name.env" || fail "$name has no question"
    done
}

@test "vm args --shell prints one line that a shell splits into the same arguments" {
    local name
    for name in extra-args kernel-append-modules share; do
        "$GOLDEN/golden" run "$BATS_FILE_TMPDIR/g" "$name" "$VM" args >"$T/lines"
        eval "set -- $("$GOLDEN/golden" run "$BATS_FILE_TMPDIR/g" "$name" "$VM" args --shell)"
        printf '%s\n' "$@" >"$T/split"
        diff -u "$T/lines" "$T/split"
    done
}

@test "an open quote in QEMU_EXTRA_ARGS and CPU host under TCG are refused" {
    run -78 env -i PATH="$PATH" VM_UID=65534 VM_GID=65534 QEMU_ACCEL=tcg \
        VM_EMBEDDED="$BATS_FILE_TMPDIR/g/embedded.qcow2" QEMU_EXTRA_ARGS="-name 'x" "$VM" args
    assert_line "vm: error: QEMU_EXTRA_ARGS=-name 'x has an open quote"
    run -78 env -i PATH="$PATH" VM_UID=65534 VM_GID=65534 QEMU_ACCEL=tcg \
        VM_EMBEDDED="$BATS_FILE_TMPDIR/g/embedded.qcow2" QEMU_CPU=host "$VM" args
    assert_line --partial 'QEMU_CPU=host needs KVM'
}

@test "QEMU accepts the argument vectors of the guests" {
    all_asked guest papers
}

@test "QEMU accepts the argument vectors of machines and processors" {
    all_asked machine accel ram smp cpu hpet usb rtc bios uefi sandbox
}

@test "QEMU accepts the argument vectors of other architectures" {
    all_asked arch
}

@test "QEMU accepts the argument vectors of disks and CD-ROMs" {
    all_asked drive disk backing bus cache aio cdrom boot floppy
}

@test "QEMU accepts the argument vectors of kernels" {
    all_asked kernel
}

@test "QEMU accepts the argument vectors of networks" {
    all_asked net forwards slirp bind
}

@test "QEMU accepts the argument vectors of consoles, shares and debugging" {
    all_asked vnc vga share gdb debug extra everything
}

# bats test_tags=ui
@test "QEMU takes the vectors of windows" {
    x11
    export DISPLAY
    all_asked display
}
