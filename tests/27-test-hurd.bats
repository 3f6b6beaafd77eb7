# make test-hurd itself, tested with substitutes: GNU Mach with its console on the serial line (q35, AHCI) and with
# its console on the screen only (pc, IDE), as in Debian's image.
load helpers

# A separate bats, without this one's variables and without its directory in PATH.
try_image() {
    local image=$1
    shift
    run env -i PATH="${PATH//$BATS_LIBEXEC:/}" HOME="$HOME" IMAGE="$IMAGE" HURD_TEST_TIMEOUT=120 \
        HURD_TEST_IMAGE="$image" "$@" bats --formatter tap "$ROOT/tests/hurd/hurd.bats"
    assert_success
    assert_line --partial 'ok 1 it boots to its login prompt, runs a command, halts with status 0'
    assert_line --partial 'ok 2 its states are told'
}

@test "a disk image whose console is on the serial line" {
    try_image "$MACH_MINI"
    assert_line --partial 'console on the serial line'
}

@test "a disk image whose console is on the screen only" {
    qemu-img convert -O raw "$MACH_MINI" "$T/disk.img"
    sed '/^serial/d; /^terminal_output/d; s/ console=com0//' "$ROOT/images/mach-mini/grub.cfg" \
        >"$T/grub.cfg"
    for command in 'rm /boot/grub/grub.cfg' "write $T/grub.cfg /boot/grub/grub.cfg"; do
        debugfs -w -R "$command" "$T/disk.img?offset=1048576" >/dev/null 2>&1
    done
    qemu-img convert -O qcow2 "$T/disk.img" "$T/screen.qcow2"
    # A direct boot would put the console on the serial line (VM_BOOT).
    try_image "$T/screen.qcow2" QEMU_MACHINE=pc QEMU_RAM=512 VM_BOOT=firmware
    assert_line --partial 'console on the screen only'
}

@test "without a disk image the error says what to set" {
    run env -u HURD_TEST_IMAGE make -s -C "$ROOT" test-hurd
    assert_failure
    assert_output --partial 'HURD_TEST_IMAGE=FILE make test-hurd'
}
